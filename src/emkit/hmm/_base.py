"""What the estimators of hidden Markov models share: from the arguments to the fit, and parameters set by hand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np

from emkit.core import Online, Running, Status, following, maximise
from emkit.core.arrays import FloatArray
from emkit.core.constrained import constrain, entered
from emkit.core.model import takes_device
from emkit.core.parameters import Parameters, check_parameters
from emkit.data import Sequences, as_sequences
from emkit.data.engines import is_collection
from emkit.errors import DataError, ParameterError, not_fitted_error
from emkit.estimator import check_n_init, warn_of
from emkit.families.base import Family
from emkit.hmm._answers import HiddenMarkovAnswers
from emkit.hmm.chain import Chain
from emkit.hmm.continued import ContinuedMarkov, last_states, opened
from emkit.hmm.elsewhere import refuse_foreign
from emkit.hmm.model import HiddenMarkov, HiddenMarkovParameters
from emkit.hmm.structure import chain_of
from emkit.kernels.foreign import is_device_array
from emkit.randomness import generator_of

__all__ = ["HiddenMarkovEstimator"]

_SCHEDULE = Online()


class HiddenMarkovEstimator(HiddenMarkovAnswers):
    """Base of the estimators: a subclass says which family, and how its parameters are shown."""

    _takes_missing = True
    _last: Any = None  # the sequences of the batch before, or the filtered probabilities of their last row
    _shown: tuple[str, ...] = ()  # learned attributes of the emissions

    n_components: int
    startprob: Any = "free"
    transmat: Any = "ergodic"
    startprob_prior: Any = 1.0
    transmat_prior: Any = 1.0
    n_iter: int | None = None
    sequence: str | None = None
    time: str | None = None

    startprob_: FloatArray
    transmat_: FloatArray

    def __new__(cls, *args: Any, **given: Any) -> Self:  # noqa: ARG004
        """Return a new estimator; arguments that hmmlearn has and this one has not are refused with what to write."""
        refuse_foreign(cls.__name__, given, cls._names())
        return super().__new__(cls)

    # --- what a subclass says ---

    @abstractmethod
    def _family(self) -> Family:
        """Return the family that the constructor's arguments ask for."""

    @abstractmethod
    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        """Return the learned attributes that show the members of the family."""

    @abstractmethod
    def _members(self, given: Mapping[str, Any]) -> tuple[Family, Any]:
        """Return family and members from attributes set by hand; the reverse of `_show`."""

    # --- what a subclass with more than chain and members says besides ---

    def _record(self, model: Any, chain: Any, given: Mapping[str, Any]) -> Any:
        """Return parameters from those of the chain and the other attributes, without underscores, of a start."""
        return HiddenMarkovParameters(chain, self._members({f"{name}_": value for name, value in given.items()})[1])

    def _shown_of(self, model: Any, parameters: Any) -> dict[str, Any]:
        """Return the learned attributes beside those of the chain."""
        return self._show(model.family, parameters.members)

    def _by_hand(self, chain: Chain, record: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return model and parameters from attributes set by hand."""
        family, members = self._members(given)
        return HiddenMarkov(family, chain), HiddenMarkovParameters(record, members)

    # --- the model ---

    def _chain(self) -> Chain:
        k = self.n_components
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            message = f"`n_components` must be an integer of at least 1, got {k!r}"
            raise ParameterError(message)
        if self.algorithm not in ("viterbi", "map"):
            message = f"`algorithm` must be 'viterbi' or 'map', got {self.algorithm!r}"
            raise ParameterError(message)
        return chain_of(int(k), self.startprob, self.transmat, self.startprob_prior, self.transmat_prior)

    def _model(self) -> HiddenMarkov:
        return HiddenMarkov(self._family(), self._chain())

    def _start(self, model: HiddenMarkov, source: Any) -> HiddenMarkovParameters | None:
        start = self.start
        if isinstance(start, HiddenMarkovEstimator):
            return start._now()[1]
        if not isinstance(start, Mapping):
            return start  # type: ignore[no-any-return]
        names = {name.rstrip("_"): value for name, value in start.items()}
        known = ["startprob", "transmat", *(name.rstrip("_") for name in self._shown)]
        if set(names) - set(known):
            message = f"`start` has {', '.join(sorted(set(names) - set(known)))}; it takes {', '.join(known)}"
            raise ParameterError(message)
        k = model.n_components
        init = np.asarray(names.get("startprob", np.full(k, 1 / k)), dtype=np.float64)
        trans = np.asarray(names.get("transmat", np.full((k, k), 1 / k)), dtype=np.float64)
        parameters = self._record(model, model.chain.parameters(init, trans), names)
        check_parameters(parameters)
        return parameters  # type: ignore[no-any-return]

    def _n_starts(self, model: HiddenMarkov, source: Any) -> int | Literal["auto"]:
        return 1 if model.n_components == 1 else self.n_init

    # --- fitting ---

    def fit(
        self,
        X: Any,
        lengths: Any = None,
        sample_weight: Any = None,
        *,
        sequence: Any = None,
        time: Any = None,
        fill_gaps: bool = False,
        checkpoint: Any = None,
    ) -> Self:
        """Fit to sequences.

        Parameters
        ----------
        X : array (n, d), list of arrays, data frame, path, Dask or Spark data frame, or source of sequences
            One sequence, all sequences one after another, or a list of sequences. NaN is a missing entry; a row may be
            missing as a whole. Of files too large for memory the rows are read in every pass: see `emkit.data.scan`.
        lengths : array (s,), optional
            Rows of each sequence.
        sample_weight : array (s,), or the name of a column, optional
            Case weights of the sequences.
        sequence, time : str or array (n,), optional
            Column that names the sequence of each row, and column of times.
        fill_gaps : bool, default False
            Whether missing rows are put in where whole-numbered times leave a gap.
        checkpoint : path or emkit.Checkpoint, optional
            Keep the fit in this file while it runs, and go on from it where it exists.

        Raises
        ------
        DataError, DataTypeError
            If the data are not what was expected.
        ParameterError
            If a constructor argument is out of range.

        Warns
        -----
        ConvergenceWarning, DegenerateWarning
            If the fit did not converge, or a state collapsed.
        """
        model = self._model()
        self._told = {name: value for name, value in (("sequence", sequence), ("time", time)) if isinstance(value, str)}
        source = as_sequences(
            X,
            lengths,
            sample_weight,
            **self._roles(X, lengths, sequence, time),
            fill_gaps=fill_gaps,
            allow_device=takes_device(model),
            n_threads=self.n_threads,
        )
        self.n_features_in_ = source.n_features
        self.__dict__.pop("feature_names_in_", None)
        if source.feature_names is not None:
            self.feature_names_in_ = np.asarray(source.feature_names, dtype=object)
        self._checkpoint = checkpoint
        try:
            with source.held():
                self._adopt(self._maximised(model, source), source)
        finally:
            del self._checkpoint
        warn_of(self.fit_, stacklevel=2)
        return self

    def partial_fit(
        self,
        X: Any,
        lengths: Any = None,
        sample_weight: Any = None,
        *,
        continued: bool = False,
        schedule: Online = _SCHEDULE,
        sequence: Any = None,
        time: Any = None,
    ) -> Self:
        """Follow one more batch of sequences by stepwise EM.

        The first batch is fitted as by `fit` and should be large enough to start from: it decides which state is which.
        Each later one changes the running statistics, with the weight that `schedule` gives it, and is then forgotten.
        The status of the fit is `partial`: nothing converges.

        Parameters
        ----------
        X, lengths, sample_weight, sequence, time
            As for `fit`: whole sequences.
        continued : bool, default False
            Whether the first sequence of this batch goes on from the last one of the batch before, as a stream cut in
            pieces does. What is kept of the past is the filtered probability of the states of its last row.
        schedule : Online
            Its `exponent` and `offset`.

        References
        ----------
        Cappe & Moulines 2009, JRSS B 71:593. Cappe 2011, J. Computational and Graphical Statistics 20:728.
        """
        if getattr(self, "fit_", None) is None:
            if continued:
                message = "there is no batch before the first to go on from: fit one without `continued`"
                raise ParameterError(message)
            self.fit(X, lengths, sample_weight, sequence=sequence, time=time)
            return self
        source = self._source(X, lengths, sequence, time)
        source = source if sample_weight is None else source.with_weights(sample_weight)
        if self._running is None or self._running[0] is not self.fit_:
            known = source if self.fit_.source is None else self.fit_.source
            self._running = self.fit_, Running.after_fit(self.fit_, known)
            self._last = None if self.fit_.source is None else self.fit_.source
        fit, running = self._followed(source, schedule, continued=continued)
        self._adopt(fit, source)
        self._running = self.fit_, running
        return self

    def _followed(self, source: Any, schedule: Online, *, continued: bool) -> Any:
        """Return the fit after one more batch, and keep where the stream then stands."""
        fit, running = self.fit_, self._running[1]  # type: ignore[index]
        is_plain = type(fit.model) is HiddenMarkov
        if is_plain and fit.status is not Status.PARTIAL:
            fit = replace(fit, parameters=opened(fit.model, fit.parameters))
        if continued and not is_plain:
            message = f"`continued` is for models with one matrix of transitions, and {type(self).__name__} is none"
            raise ParameterError(message)
        if not is_plain:
            return following(fit, running, source, schedule)
        entry = self._entry_of(fit) if continued else None
        if entry is None:
            later, running = following(fit, running, source, schedule)
        else:
            after = replace(fit, model=ContinuedMarkov(fit.model, entry))
            later, running = following(after, running, source, schedule)
            later = replace(later, model=fit.model)
        self._last = last_states(fit.model, later.parameters, source, entry)
        return later, running

    def _entry_of(self, fit: Any) -> Any:
        """Return the filtered probabilities (k,) of the last row of the batch before."""
        if self._last is None:
            message = "the rows before are not known any more: give this batch without `continued`"
            raise ParameterError(message)
        if isinstance(self._last, np.ndarray):
            return self._last
        return last_states(fit.model, fit.parameters, self._last, None)

    def _maximised(self, model: Any, source: Any) -> Any:
        check_n_init(self.n_init)
        held = constrain(model, **self._held)
        return maximise(
            held,
            source,
            start=entered(held, self._start(model, source)),
            solver=self.solver,
            n_starts=self._n_starts(model, source),
            tol=self.tol,
            max_iter=self.max_iter if self.n_iter is None else self.n_iter,
            rng=None if self.random_state is None else generator_of(self.random_state),
            on_iteration=self.on_iteration,
            checkpoint=self._checkpoint,
        )

    def _adopt_parameters(self, model: HiddenMarkov, parameters: HiddenMarkovParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        shown = {
            "startprob_": parameters.chain.init,
            "transmat_": parameters.chain.trans,
            **self._shown_of(model, parameters),
        }
        self.__dict__.update(shown)
        self._seen = shown

    def _now(self) -> tuple[HiddenMarkov, HiddenMarkovParameters]:
        """Return model and parameters as the learned attributes have them, which may have been set by hand."""
        mine, seen = self.__dict__, self.__dict__.get("_seen", {})
        names = ("startprob_", "transmat_", *self._shown)
        if seen and all(mine.get(name) is seen.get(name) for name in names):
            return self.model_, self.parameters_
        missing = [name for name in names if name not in mine]
        if missing:
            if len(missing) == len(names):
                raise not_fitted_error(type(self).__name__)
            message = f"{type(self).__name__} has {', '.join(set(names) - set(missing))} but not {', '.join(missing)}"
            raise ParameterError(message)
        init = np.asarray(mine["startprob_"], dtype=np.float64)
        trans = np.asarray(mine["transmat_"], dtype=np.float64)
        chain = Chain(len(init))
        given = {name: mine[name] for name in names}
        model, parameters = self._by_hand(chain, _checked_chain(chain, init, trans), given)
        check_parameters(parameters)
        self.model_, self.parameters_ = model, parameters
        self._seen = {name: mine[name] for name in names}
        return self.model_, self.parameters_

    def _role(self, name: str) -> str | None:
        told: str | None = self.__dict__.get("_told", {}).get(name, getattr(self, name))
        return told

    def _roles(self, X: Any, lengths: Any, sequence: Any, time: Any) -> dict[str, Any]:
        """Return what names sequences and times: what is said now, else in `fit`, else to the constructor."""
        if lengths is not None or _knows_its_sequences(X):
            return {"sequence": sequence, "time": time}
        return {
            "sequence": self._role("sequence") if sequence is None else sequence,
            "time": self._role("time") if time is None else time,
        }

    def _source(self, X: Any, lengths: Any, sequence: Any, time: Any) -> Any:
        """Return new sequences, checked against the features of the training data."""
        source = as_sequences(
            X,
            lengths,
            **self._roles(X, lengths, sequence, time),
            allow_missing_columns=True,
            allow_device=takes_device(self._now()[0]),
            n_threads=self.n_threads,
        )
        known = self.__dict__.get("n_features_in_", source.n_features)
        if source.n_features != known:
            message = (
                f"X has {source.n_features} features, but {type(self).__name__} is expecting {known} features as input"
            )
            raise DataError(message)
        self._check_names(source)
        return source


def _knows_its_sequences(X: Any) -> bool:
    """Return whether no column can name the sequences: X is an array, or a list of sequences."""
    return (
        isinstance(X, (np.ndarray, Sequences))
        or is_device_array(X)
        or (isinstance(X, (list, tuple)) and not is_collection(X))
    )


def _checked_chain(chain: Chain, init: FloatArray, trans: FloatArray) -> Parameters:
    k = chain.n_states
    if trans.shape != (k, k):
        message = f"`transmat_` must have shape {(k, k)} for the {k} entries of `startprob_`, but it has {trans.shape}"
        raise ParameterError(message)
    record = chain.parameters(init, trans)
    if np.abs(trans.sum(axis=1) - 1).max() > 1e-8 or trans.min() < 0:
        message = "the rows of `transmat_` must be probabilities that add up to one"
        raise ParameterError(message)
    return record
