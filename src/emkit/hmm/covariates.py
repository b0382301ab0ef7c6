"""Hidden Markov models with covariates on transitions, first states and emissions: the estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray, IntArray
from emkit.data.frames import frame_columns
from emkit.errors import DataError, ParameterError
from emkit.families.base import Family
from emkit.families.regression import RegressionMembers, Regressions
from emkit.hmm._answers import in_memory
from emkit.hmm._base import HiddenMarkovEstimator
from emkit.hmm.by_hand import members_by_hand
from emkit.hmm.chain import Chain, FreeStart
from emkit.hmm.columns import columns_named, emission_alone, emission_of, regression_of
from emkit.hmm.forecast import Forecast
from emkit.hmm.guided import GuidedMarkov, GuidedMarkovParameters
from emkit.hmm.guided_chain import GuidedChain, GuidedChainParameters
from emkit.randomness import generator_of

__all__ = ["CovariateHMM"]


class CovariateHMM(HiddenMarkovEstimator):
    """Hidden Markov model whose transitions depend on covariates, by a multinomial logit for each state left.

    First states and emissions may depend on covariates too. Covariates must be known; missing entries of the other
    columns are as for `HiddenMarkovModel`.

    Parameters
    ----------
    emission : str, Family, or mapping, default "gaussian"
        Of the columns that are no covariates, in their order; a mapping gives each column, or tuple of columns, one.
        With `emission_covariates`: "gaussian", "poisson" or "bernoulli", each column a regression in each state.
    n_components : int, default 1
        Number of states, k.
    transition_covariates : sequence of int or str, default ()
        Columns that drive the transitions, by place or, of a data frame, by name.
    start_covariates : sequence of int or str, default ()
        Columns whose values in the first row of a sequence drive its first state, by a multinomial logit.
    emission_covariates : sequence of int or str, default ()
        Columns that explain the others, with an intercept and slopes of each state. A column may have several roles.
    driven_by : "from" or "to", default "from"
        Whether a move is driven by the covariates of the row that is left, as in depmixS4, or of the row that is
        entered, as in statsmodels.
    startprob : "free", "stationary", "uniform", or array (k,), default "free"
        Without `start_covariates`. "stationary" is the long-run distribution of the transitions at the covariates of
        the first row, or with several sequences at the mean of those.
    algorithm, sequence, time, tol, max_iter, n_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianHMM`. `start` is a record of parameters.

    Attributes
    ----------
    startprob_ : array (k,)
        Where all covariates are zero.
    transmat_ : array (k, k)
        Where all covariates are zero.
    transition_coefs_ : array (k, k, 1 + q)
        Log odds of the move from the first to the second index against a move to state 0: intercept and slopes.
    start_coefs_ : array (k, 1 + q) or None
        Log odds of the first state against state 0, with `start_covariates`.
    emissions_ : Parameters
        The record of the family's k members.
    fit_, converged_, n_iter_
    """

    _shown = ("transition_coefs_", "emissions_")
    transition_coefs_: FloatArray
    start_coefs_: FloatArray | None
    emissions_: Any

    def __init__(
        self,
        emission: str | Family | Mapping[Any, Any] = "gaussian",
        n_components: int = 1,
        *,
        transition_covariates: Sequence[int | str] = (),
        start_covariates: Sequence[int | str] = (),
        emission_covariates: Sequence[int | str] = (),
        driven_by: Literal["from", "to"] = "from",
        startprob: Any = "free",
        algorithm: Literal["viterbi", "map"] = "viterbi",
        sequence: str | None = None,
        time: str | None = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_iter: int | None = None,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.emission = emission
        self.n_components = n_components
        self.transition_covariates = transition_covariates
        self.start_covariates = start_covariates
        self.emission_covariates = emission_covariates
        self.driven_by = driven_by
        self.startprob = startprob
        self.algorithm = algorithm
        self.sequence = sequence
        self.time = time
        self.tol = tol
        self.max_iter = max_iter
        self.n_iter = n_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- the model ---

    def _model(self) -> Any:
        chain = self._chain()
        if self.driven_by not in ("from", "to"):
            message = f"`driven_by` must be 'from' or 'to', got {self.driven_by!r}"
            raise ParameterError(message)
        if len(self.start_covariates) and not (isinstance(self.startprob, str) and self.startprob == "free"):
            message = (
                f"`start_covariates` say how sequences begin, and so does `startprob`, {self.startprob!r}: leave one"
            )
            raise ParameterError(message)
        guided = GuidedChain(chain.n_states, timing=self.driven_by, start=chain.start, init=chain.init)
        return GuidedMarkov(self._family(), guided)

    def _maximised(self, model: Any, source: Any) -> Any:
        return super()._maximised(self._at(model, source.n_features, source.feature_names), source)

    def _at(self, model: Any, d: int, names: Sequence[str] | None) -> GuidedMarkov:
        """Return the model with its columns found among those of the data."""
        roles = [
            columns_named(role, getattr(self, role), d, names)
            for role in ("transition_covariates", "start_covariates", "emission_covariates")
        ]
        moves, begins, explains = roles
        taken = {*moves, *begins, *explains}
        own = tuple(j for j in range(d) if j not in taken)
        if not own:
            message = f"`transition_covariates` takes all {d} columns: one at least must be left for the states to emit"
            if len(begins) + len(explains):
                message = f"the covariates take all {d} columns: one at least must be left for the states to emit"
            raise DataError(message)
        if explains:
            family: Family = regression_of(self.emission, len(own), len(explains))
        else:
            family = emission_of(self.emission, len(own), None if names is None else [names[j] for j in own])
        chain = replace(model.chain, covariates=moves, begin_covariates=begins)
        return GuidedMarkov(family, chain, (*own, *explains))

    def _family(self) -> Family:
        return emission_alone(self.emission)

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        return {"emissions_": members}

    def _shown_of(self, model: Any, parameters: Any) -> dict[str, Any]:
        chain = parameters.chain
        k, _, q = chain.gating.shape
        coefs = np.concatenate([np.zeros((k, 1, q)), chain.gating], axis=1)
        begins = getattr(chain.start, "gating", None)
        self.start_coefs_ = None if begins is None else np.concatenate([np.zeros_like(begins[:1]), begins])
        return {"transition_coefs_": coefs, **self._show(model.family, parameters.members)}

    def _members(self, given: Mapping[str, Any]) -> tuple[Family, Any]:
        family = self.model_.family if "model_" in self.__dict__ else family_by_hand(self, given["emissions_"])
        return members_by_hand(family, given["emissions_"])

    def _record(self, model: Any, chain: Any, given: Mapping[str, Any]) -> Any:
        message = "`start` of CovariateHMM must be a record of its parameters, such as `parameters_` of a fit"
        raise ParameterError(message)

    def _by_hand(self, chain: Chain, record: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
        family, members = self._members(given)
        coefs = np.asarray(given["transition_coefs_"], dtype=np.float64)
        k = chain.n_states
        if coefs.ndim != 3 or coefs.shape[:2] != (k, k):
            message = f"`transition_coefs_` must have shape ({k}, {k}, 1 + q), got {coefs.shape}"
            raise ParameterError(message)
        gating = coefs[:, 1:] - coefs[:, :1]
        if "model_" in self.__dict__:
            before = self.parameters_.chain.start
            start = FreeStart(record.init) if isinstance(before, FreeStart) else before
            model = replace(self.model_, family=family)
        else:
            start, names = FreeStart(record.init), ("transition_covariates", "emission_covariates")
            moves, explains = (tuple(int(j) for j in getattr(self, name)) for name in names)
            d = 1 + max((*moves, *explains, coefs.shape[2] - 1 + len(explains)))
            own = tuple(j for j in range(d) if j not in (*moves, *explains))
            guided = GuidedChain(k, moves, timing=self.driven_by)
            model = GuidedMarkov(family, guided, (*own, *explains) if explains else None)
        return model, GuidedMarkovParameters(GuidedChainParameters(start, gating), members)

    # --- answers ---

    def forecast(
        self, X: Any, lengths: Any = None, h: int = 1, *, future: Any = None, sequence: Any = None, time: Any = None
    ) -> Forecast | list[Forecast]:
        """Return the distributions of states and observations 1 to `h` steps after the end of the sequence.

        Parameters
        ----------
        future : array (h, d) or (h, q), or data frame
            The covariates of the rows to come: whole rows, of which nothing else counts, or the q covariate columns
            alone in the order of the data. Not needed for h = 1 where moves are driven by the row that is left and
            emissions by none. With several sequences the same for all, or a list of one for each.
        """
        if isinstance(h, bool) or not isinstance(h, (int, np.integer)) or h < 1:
            message = f"`h` must be an integer of at least 1, got {h!r}"
            raise ParameterError(message)
        source = in_memory(self._source(X, lengths, sequence, time))
        model: Any
        model, parameters = self._now()
        filtered = self._filtered(source)
        futures = future if isinstance(future, list) and len(source.lengths) > 1 else [future] * len(source.lengths)
        found = []
        for n, end, own in zip(source.lengths.tolist(), source.ends.tolist(), futures, strict=True):
            rows = self._future(own, int(h), source.n_features)
            if n:
                states = model.ahead(parameters, filtered[end - 1], np.concatenate([source.X[end - 1 : end], rows]))
            else:
                states = model.ahead(parameters, None, rows)
            found.append(Forecast(states, model.family, parameters.members, model.own(rows)))
        return found[0] if len(found) == 1 else found

    def sample(
        self, X: Any = None, random_state: Any = None, currstate: int | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Return one new sequence (n, d) at given covariates, and its states (n,).

        Parameters
        ----------
        X : array (n, d) or (n, q), or data frame
            Rows whose covariates count alone, or the covariate columns alone in the order of the data.
        """
        model: Any
        model, parameters = self._now()
        if X is None or np.ndim(X) == 0:
            message = "the states depend on covariates: `sample` needs rows with those of the sequence to draw"
            raise ParameterError(message)
        rng = generator_of(self.random_state if random_state is None else random_state)
        rows = self._future(X, None, self.__dict__.get("n_features_in_"))
        drawn, states = model.sample_at(parameters, rows, rng, currstate)
        return drawn, np.asarray(states, dtype=np.intp)

    def transmat_at(self, covariates: Any) -> FloatArray:
        """Return the transitions (m, k, k) at covariates (m, q) of the moves, or (k, k) at one row (q,) of them."""
        _, parameters = self._now()
        rows = np.asarray(covariates, dtype=np.float64)
        q = parameters.chain.gating.shape[2] - 1
        if rows.shape[-1:] != (q,) and not (q == 0 and rows.ndim == 0):
            message = f"`covariates` must have the {q} columns of `transition_covariates`, got shape {rows.shape}"
            raise DataError(message)
        flat = rows.reshape(-1, q)
        moves = [parameters.chain.trans_at(np.append(1.0, row)) for row in flat]
        return np.array(moves) if rows.ndim > 1 else moves[0]

    def _place(self, column: Any, source: Any) -> int | None:
        place, model = super()._place(column, source), self._now()[0]
        own: Any = model
        columns = own._columns(source.n_features)
        if place is not None and place not in columns:
            message = f"`column` names {column!r}, which the states do not emit"
            raise DataError(message)
        return None if place is None else columns.index(place)

    def _described(self, source: Any) -> FloatArray:
        model: Any = self._now()[0]
        return np.asarray(model.own(source.X), dtype=np.float64)

    def _future(self, given: Any, h: int | None, d: int | None) -> FloatArray:
        """Return rows (h, d) with the covariates given in their places."""
        model: Any = self._now()[0]
        explains = model.columns[len(model.columns) - self._n_explaining() :] if model.columns else ()
        needed = sorted({*model.chain.covariates, *model.chain.begin_covariates, *explains})
        width = max([j + 1 for j in (*needed, *(model.columns or (0,)))]) if d is None else d
        if given is None:
            if h == 1 and model.chain.timing == "from" and not explains:
                return np.zeros((1, width))
            message = f"what comes next depends on covariates: give those of the {h} rows to come as `future`"
            raise ParameterError(message)
        values = self._values(given, needed)
        if values.ndim != 2 or values.shape[1] not in (width, len(needed)) or (h is not None and len(values) != h):
            message = (
                f"covariates must come as rows of all {width} columns or of the {len(needed)} covariates alone, "
                f"{'one for each row' if h is None else f'{h} of them'}, got shape {values.shape}"
            )
            raise DataError(message)
        rows = np.zeros((len(values), width))
        rows[:, needed] = values if values.shape[1] == len(needed) else values[:, needed]
        if not np.isfinite(rows).all():
            message = "the covariates of rows to come must be known, but one of them is missing or infinite"
            raise DataError(message)
        return rows

    def _values(self, given: Any, needed: Sequence[int]) -> FloatArray:
        frame, names = frame_columns(given), self.__dict__.get("feature_names_in_")
        if frame is None or names is None:
            values = np.asarray(given, dtype=np.float64)
            return values[:, None] if values.ndim == 1 else values
        columns = dict(zip(map(str, frame[0]), frame[1], strict=True))
        missing = [str(names[j]) for j in needed if str(names[j]) not in columns]
        if missing:
            message = f"the rows to come have no column {', '.join(map(repr, missing))}; they have {', '.join(columns)}"
            raise DataError(message)
        return np.column_stack([np.asarray(columns[str(names[j])], dtype=np.float64) for j in needed])

    def _n_explaining(self) -> int:
        return len(self.emission_covariates)


def family_by_hand(estimator: CovariateHMM, emissions: Any) -> Family:
    """Return the family that records of members set by hand belong to."""
    explains = len(estimator.emission_covariates)
    if explains and isinstance(emissions, RegressionMembers):
        made: Regressions = regression_of(estimator.emission, len(emissions.responses), explains)
        return made
    return emission_alone(estimator.emission)
