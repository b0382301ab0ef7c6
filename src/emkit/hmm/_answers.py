"""The answers of a fitted hidden Markov model: states, likelihoods, forecasts, simulations, checks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.data import Table
from emkit.errors import DataError, ParameterError
from emkit.families.cumulative import cumulative
from emkit.hmm._facts import HiddenMarkovFacts
from emkit.hmm.columns import columns_named
from emkit.hmm.forecast import Forecast, pseudo_residuals
from emkit.kernels.foreign import highest, host, host_rows, namespace
from emkit.randomness import generator_of

__all__ = ["HiddenMarkovAnswers", "in_memory"]

Answer = Callable[[Any, Any, Any], tuple[Any, bool]]


class HiddenMarkovAnswers(HiddenMarkovFacts):
    """What can be asked of parameters, however they were found."""

    algorithm: Literal["viterbi", "map"] = "viterbi"

    @abstractmethod
    def _role(self, name: str) -> str | None:
        """Return the column that names sequences, or times, if any."""

    # --- answers ---

    def predict(self, X: Any, lengths: Any = None, *, sequence: Any = None, time: Any = None) -> IntArray:
        """Return the states (n,) of the most probable path of each sequence, or by `algorithm`.

        As this and the other answers for each row: of a Dask or Spark data frame, a collection made on demand.
        """
        source = self._source(X, lengths, sequence, time)
        states: IntArray = source.as_given(self._states(source))
        return states

    def decode(
        self,
        X: Any,
        lengths: Any = None,
        algorithm: Literal["viterbi", "map"] | None = None,
        *,
        sequence: Any = None,
        time: Any = None,
    ) -> tuple[float, IntArray]:
        """Return a score and the states (n,).

        Parameters
        ----------
        algorithm : "viterbi" or "map"
            The most probable path of each sequence, whose log joint probability is the score; or the most probable
            state of each row, whose probabilities add up to the score.

        Raises
        ------
        DataError
            If a sequence is impossible under every path; the message names sequence and row.
        """
        source = self._source(X, lengths, sequence, time)
        chosen = _decoding(self.algorithm if algorithm is None else algorithm)
        if chosen == "map":
            resp = source.joined(self._answering(source, _posterior))
            surest = namespace(resp).max(resp, axis=1)
            return float(namespace(resp).sum(surest)), source.as_given(highest(resp))
        parts = source.map(self._answering(source, _scored_path))
        log_joint = np.concatenate([part[1] for part in parts])
        return float(log_joint.sum()), source.as_given(source.alike([part[0].astype(np.intp) for part in parts]))

    def decode_paths(
        self, X: Any, lengths: Any = None, n_paths: int = 5, *, sequence: Any = None, time: Any = None
    ) -> Any:
        """Return log joint probabilities (m,), falling, and states (m, n) of the most probable paths of the sequence.

        With several sequences, a list of such pairs. There are fewer than `n_paths` where no more are possible.

        Raises
        ------
        DataError
            If a sequence is impossible under every path.
        ParameterError
            For models whose paths are no Markov chains of the states alone.
        """
        if isinstance(n_paths, bool) or not isinstance(n_paths, (int, np.integer)) or n_paths < 1:
            message = f"`n_paths` must be an integer of at least 1, got {n_paths!r}"
            raise ParameterError(message)
        source = in_memory(self._source(X, lengths, sequence, time))
        model, parameters = self._now()
        if not hasattr(model, "best_paths"):
            message = f"decode_paths lists paths of Markov chains: of a {type(model).__name__} see `sample_paths`"
            raise ParameterError(message)
        found = []
        for s in range(source.n_sequences):
            own = source.take(np.array([s]))
            log_joint, paths = model.best_paths(parameters, next(iter(own.blocks())), int(n_paths))
            if not len(log_joint):
                self._filtered(own)  # raises, and names the row
            found.append((log_joint, paths))
        if len(found) > 1:
            return found
        return found[0][0], np.array([source.as_given(path) for path in found[0][1]])

    def predict_proba(self, X: Any, lengths: Any = None, *, sequence: Any = None, time: Any = None) -> FloatArray:
        """Return the smoothed probability (n, k) of each state in each row, given all rows of its sequence."""
        source = self._source(X, lengths, sequence, time)
        resp: FloatArray = source.as_given(self._posterior(source))
        return resp

    def filter(self, X: Any, lengths: Any = None, *, sequence: Any = None, time: Any = None) -> FloatArray:
        """Return the probability (n, k) of each state in each row, given the rows up to it."""
        source = self._source(X, lengths, sequence, time)
        resp: FloatArray = source.as_given(self._filtered(source))
        return resp

    def score(
        self, X: Any, lengths: Any = None, sample_weight: Any = None, *, sequence: Any = None, time: Any = None
    ) -> float:
        """Return the log-likelihood of all sequences together; -inf where one is impossible."""
        source = self._source(X, lengths, sequence, time)
        source = source if sample_weight is None else source.with_weights(sample_weight)
        each, used = self._each(source), source.weights > 0
        return float(source.weights[used] @ each[used])

    def score_samples(
        self, X: Any, lengths: Any = None, *, sequence: Any = None, time: Any = None
    ) -> tuple[float, FloatArray]:
        """Return the log-likelihood and the smoothed probabilities (n, k), as hmmlearn does."""
        source = self._source(X, lengths, sequence, time)
        return float(self._each(source).sum()), source.as_given(self._posterior(source))

    def score_sequences(self, X: Any, lengths: Any = None, *, sequence: Any = None, time: Any = None) -> FloatArray:
        """Return the log-likelihood (s,) of each sequence."""
        return self._each(self._source(X, lengths, sequence, time))

    def prediction_table(self, table: Table) -> Table:
        """Return the state of each row, from 1 on, and its probabilities, with the columns of sequence and time."""
        keys, chosen = self._columns_of(table)
        prob = self.predict_proba(chosen)
        columns: dict[str, Any] = {name: table[name] for name in keys}
        columns["state"] = self.predict(chosen) + 1
        columns |= {f"prob_{k + 1}": prob[:, k] for k in range(prob.shape[1])}
        return Table(columns, table.name)

    def score_table(self, table: Table) -> Table:
        """Return name, rows and log-likelihood of each sequence."""
        source = self._source(self._columns_of(table)[1], None, None, None)
        names = np.array([str(s) for s in range(source.n_sequences)] if source.names is None else source.names)
        return Table({"sequence": names, "rows": source.lengths, "loglik": self._each(source)}, table.name)

    def _columns_of(self, table: Table) -> tuple[list[str], Table]:
        """Return the columns of a table that name sequence and time, and those with the features."""
        features = list(self.__dict__.get("feature_names_in_", table.names))
        keys = [name for name in (self._role("sequence"), self._role("time")) if name is not None]
        return keys, table.select([*keys, *(name for name in features if name not in keys)])

    def sample(
        self, n_samples: int = 1, random_state: Any = None, currstate: int | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Return one new sequence (n, d) and its states (n,), from state `currstate` where given."""
        model, parameters = self._now()
        if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
            message = f"Invalid value for 'n_samples': {n_samples!r}. It must be an integer of at least 1."
            raise ParameterError(message)
        rng = generator_of(self.random_state if random_state is None else random_state)
        rows, states = model.sample(parameters, int(n_samples), rng, currstate)
        return rows, np.asarray(states, dtype=np.intp)

    def forecast(
        self, X: Any, lengths: Any = None, h: int = 1, *, sequence: Any = None, time: Any = None
    ) -> Forecast | list[Forecast]:
        """Return the distributions of states and observations 1 to `h` steps after the end of the sequence.

        With several sequences, a list of them. A sequence of no rows is forecast from the start of the chain.
        """
        if isinstance(h, bool) or not isinstance(h, (int, np.integer)) or h < 1:
            message = f"`h` must be an integer of at least 1, got {h!r}"
            raise ParameterError(message)
        source = in_memory(self._source(X, lengths, sequence, time))
        model, parameters = self._now()
        init, trans = parameters.chain.init, parameters.chain.trans
        filtered = self._filtered(source)
        found = []
        for n, end in zip(source.lengths.tolist(), source.ends.tolist(), strict=True):
            rows = [filtered[end - 1] @ trans if n else init]
            for _ in range(int(h) - 1):
                rows.append(rows[-1] @ trans)
            found.append(Forecast(np.array(rows), model.family, parameters.members))
        return found[0] if len(found) == 1 else found

    def sample_paths(
        self,
        X: Any,
        lengths: Any = None,
        n_paths: int = 1,
        random_state: Any = None,
        *,
        sequence: Any = None,
        time: Any = None,
    ) -> IntArray:
        """Return paths (n_paths, n) drawn from the posterior: whole histories that the data allow.

        References
        ----------
        Fruehwirth-Schnatter 1994, J. Time Series Analysis 15:183 (forward filtering, backward sampling).
        """
        if isinstance(n_paths, bool) or not isinstance(n_paths, (int, np.integer)) or n_paths < 1:
            message = f"`n_paths` must be an integer of at least 1, got {n_paths!r}"
            raise ParameterError(message)
        source = in_memory(self._source(X, lengths, sequence, time))
        if not np.isfinite(self._each(source)).all():
            self._filtered(source)  # raises, and names the sequence
        rng = generator_of(self.random_state if random_state is None else random_state)
        model, parameters = self._now()
        parts = [model.drawn_paths(parameters, block, rng, int(n_paths)) for block in source.blocks()]
        return np.array([host(source.as_given(path)) for path in np.concatenate(parts, axis=1)], dtype=np.intp)

    def pseudo_residuals(
        self,
        X: Any,
        lengths: Any = None,
        kind: Literal["ordinary", "forecast"] = "ordinary",
        *,
        column: int | str | None = None,
        random_state: Any = None,
        sequence: Any = None,
        time: Any = None,
    ) -> FloatArray:
        """Return normal pseudo-residuals (n,) of one column: standard normal where the model holds.

        Parameters
        ----------
        kind : "ordinary" or "forecast"
            Each row against all others of its sequence, or against those before it.
        column : int or str, optional
            Which column, where the states emit several.
        random_state : int or Generator, optional
            Of discrete columns the middle of the jump is taken, unless this draws a point in it.

        Raises
        ------
        DataError
            If the family has no distribution function written out.
        """
        if kind not in ("ordinary", "forecast"):
            message = f"`kind` must be 'ordinary' or 'forecast', got {kind!r}"
            raise ParameterError(message)
        source = in_memory(self._source(X, lengths, sequence, time))
        model, parameters = self._now()
        X = self._described(source)
        place = self._place(column, source)
        below, beneath = cumulative(model.family, parameters.members, X, place)
        weights = np.concatenate(source.map(lambda block: model.predicted(parameters, block)))
        if kind == "ordinary":  # the backward factors, which do not know the row itself
            resp, filtered = self._posterior(source), self._filtered(source)
            weights *= np.divide(resp, filtered, out=np.zeros_like(resp), where=filtered > 0)
        rng = None if random_state is None else generator_of(random_state)
        seen = X if place is None else X[:, [place]]
        residuals: FloatArray = source.as_given(pseudo_residuals(weights, below, beneath, seen, rng))
        return residuals

    # --- helpers ---

    def _place(self, column: Any, source: Any) -> int | None:
        """Return the place of a column among those that the family describes."""
        return (
            None if column is None else columns_named("column", (column,), source.n_features, source.feature_names)[0]
        )

    def _described(self, source: Any) -> FloatArray:
        """Return the columns (n, d) that the family of the states describes."""
        return np.asarray(source.X, dtype=np.float64)

    def _posterior(self, source: Any) -> Any:
        return source.joined(self._answering(source, _posterior))

    def _filtered(self, source: Any) -> Any:
        return source.joined(self._answering(source, _filtered))

    def _states(self, source: Any) -> Any:
        answer = _path if _decoding(self.algorithm) == "viterbi" else _most_probable
        return source.joined(self._answering(source, answer))

    def _answering(self, source: Any, answer: Answer) -> Callable[[Any], Any]:
        """Return the function from a block to an answer for its rows.

        Raises
        ------
        DataError
            If no path explains a sequence; the message names it, and the row in it.
        """
        model, parameters = self._now()
        name = source.name if source.is_local else "sequence {}".format

        def rows(block: Any) -> Any:
            found, is_explained = answer(model, parameters, block)
            if not is_explained:
                _refuse_impossible(model, parameters, block, name)
            return found

        return rows


def _decoding(algorithm: Any) -> str:
    if algorithm not in ("viterbi", "map"):
        message = f"`algorithm` must be 'viterbi' or 'map', got {algorithm!r}"
        raise ParameterError(message)
    return str(algorithm)


def _posterior(model: Any, parameters: Any, block: Any) -> tuple[FloatArray, bool]:
    resp = model.posterior(parameters, block)
    return resp, _is_explained(resp)


def _filtered(model: Any, parameters: Any, block: Any) -> tuple[FloatArray, bool]:
    resp = model.filtered(parameters, block)
    return resp, _is_explained(resp)


def _most_probable(model: Any, parameters: Any, block: Any) -> tuple[IntArray, bool]:
    resp, is_explained = _posterior(model, parameters, block)
    return highest(resp), is_explained


def _is_explained(resp: Any) -> bool:
    xp = namespace(resp)
    return bool(xp.all(xp.sum(resp, axis=1) > 0))


def _path(model: Any, parameters: Any, block: Any) -> tuple[IntArray, bool]:
    (states, _), is_explained = _scored_path(model, parameters, block)
    return states.astype(np.intp), is_explained


def _scored_path(model: Any, parameters: Any, block: Any) -> tuple[tuple[IntArray, FloatArray], bool]:
    states, log_joint = model.best_path(parameters, block)
    return (states, log_joint), bool(np.isfinite(log_joint).all())


def _refuse_impossible(model: Any, parameters: Any, block: Any, name: Callable[[int], str]) -> None:
    """Raise with the name of the first sequence of a block that no path explains, and the row in it."""
    bad = model.unexplained(parameters, block)
    if bad.is_real:
        values = host_rows(block.X, np.array([int(block.lengths[: bad.sequence].sum()) + bad.step]))[0].tolist()
        message = (
            f"{name(block.first_sequence + bad.sequence)} has probability zero under every path: row {bad.step} of it, "
            f"{values}, cannot follow the rows before it. Fit with a prior, or with data in which such rows occur."
        )
        raise DataError(message)


def in_memory(source: Any) -> Any:
    """Return sequences in memory: what is asked of the ends of sequences, or of all rows at once, needs them there."""
    return source if source.is_in_memory else source.take(np.arange(source.n_sequences))
