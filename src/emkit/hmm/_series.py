"""The answers of a fitted autoregression: how its series goes on, new series, and how well it held."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.errors import DataError, ParameterError
from emkit.hmm._answers import in_memory
from emkit.hmm._base import HiddenMarkovEstimator
from emkit.hmm.series_forecast import SeriesForecast
from emkit.hmm.series_law import law_ahead, residuals_of
from emkit.hmm.switching_mean import SwitchingMean
from emkit.randomness import generator_of

__all__ = ["SeriesAnswers"]


class SeriesAnswers(HiddenMarkovEstimator):
    """What can be asked of an autoregression of either form."""

    order: int
    form: Literal["intercept", "mean"]
    exog_coefs_: FloatArray

    @abstractmethod
    def _driving_columns(self) -> tuple[int, ...]:
        """Return the columns of the data that drive the transitions."""

    @abstractmethod
    def _arranged(self, source: Any) -> Any:
        """Return sequences as the model takes them."""

    def sample(
        self, n_samples: int = 1, random_state: Any = None, currstate: int | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Return one new series (n, 1) and its states (n,); of a series without explaining columns.

        Its past is a stretch that is left out. For how a given series goes on see `forecast` and its `sample`.
        """
        model, parameters = self._now()
        self._refuse_columns("sample")
        if isinstance(model, SwitchingMean):
            return super().sample(n_samples, random_state, currstate)
        rng = generator_of(self.random_state if random_state is None else random_state)
        shown = self._shown_of(model, parameters)
        chain, p, burn = parameters.chain, int(self.order), 0 if currstate is not None else 200
        y, states = np.zeros(n_samples + burn), np.empty(n_samples + burn, dtype=np.intp)
        for t in range(n_samples + burn):
            prob = chain.init if t == 0 else chain.trans[states[t - 1]]
            s = currstate if t == 0 and currstate is not None else int(rng.choice(len(prob), p=prob))
            past = y[max(0, t - p) : t][::-1]
            mean = shown["intercepts_"][s] + shown["ar_coefs_"][s, : len(past)] @ past
            states[t], y[t] = s, mean + rng.normal() * np.sqrt(shown["variances_"][s])
        return y[burn:, None], states[burn:]

    def forecast(  # type: ignore[override]
        self,
        X: Any,
        lengths: Any = None,
        h: int = 1,
        *,
        future: Any = None,
        n_draws: int = 4000,
        random_state: Any = None,
        sequence: Any = None,
        time: Any = None,
    ) -> SeriesForecast | list[SeriesForecast]:
        """Return the distributions of states and series 1 to `h` steps after the end of the sequence.

        States, means and variances are exact, and so is the whole distribution one step ahead; further on it is a
        mixture over draws of the rows between.

        Parameters
        ----------
        future : array (h, q), optional
            The columns other than the series in the rows to come, where the model has any.
        n_draws : int, default 4000
        random_state : int, Generator or None
            Of the draws.

        Raises
        ------
        DataError
            If one of the last `order` rows is missing, or `future` has another shape.
        """
        given = in_memory(super()._source(X, lengths, sequence, time))
        if isinstance(h, bool) or not isinstance(h, (int, np.integer)) or h < 1:
            message = f"`h` must be an integer of at least 1, got {h!r}"
            raise ParameterError(message)
        rows, p = self._rows_to_come(future, int(h), given.n_features), int(self.order)
        found = []
        for s in range(given.n_sequences):
            own = given.take(np.array([s]))
            lags = np.asarray(own.X[::-1, 0][:p], dtype=np.float64)
            needed = p + 1 if self.form == "mean" else max(p, 1)
            if len(own.X) < needed or np.isnan(lags).any():
                message = f"a forecast of order {p} needs the last {needed} rows of {given.name(s)}; some are missing"
                raise DataError(message)
            begun, law = law_ahead(self._now(), self._arranged(own), own.X, rows, self._driving_columns())
            found.append(SeriesForecast(law, begun, lags, int(n_draws), random_state))
        return found[0] if len(found) == 1 else found

    def _rows_to_come(self, future: Any, h: int, d: int) -> FloatArray:
        rows = np.full((h, d), np.nan)
        if d == 1:
            return rows
        if future is None:
            message = f"what comes next depends on {d - 1} columns: give them, for {h} rows to come, as `future`"
            raise ParameterError(message)
        values = np.asarray(future, dtype=np.float64).reshape(-1, d - 1) if np.ndim(future) < 2 else np.asarray(future)
        if values.shape != (h, d - 1) or not np.isfinite(values).all():
            message = (
                f"`future` must be the {d - 1} columns after the series, all known, of {h} rows, got {values.shape}"
            )
            raise DataError(message)
        rows[:, 1:] = values
        return rows

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
        """Return normal pseudo-residuals (n,): standard normal where the model holds.

        NaN where a row says nothing of the states: where a lag lies before its sequence, or something is missing.
        """
        model, parameters = self._now()
        if not isinstance(model, SwitchingMean):
            return super().pseudo_residuals(X, lengths, kind, sequence=sequence, time=time)
        if kind not in ("ordinary", "forecast"):
            message = f"`kind` must be 'ordinary' or 'forecast', got {kind!r}"
            raise ParameterError(message)
        source = in_memory(self._source(X, lengths, sequence, time))
        found = [residuals_of(model, parameters, block, kind) for block in source.blocks()]
        residuals: FloatArray = source.as_given(np.concatenate(found))
        return residuals

    def _refuse_columns(self, name: str) -> None:
        n_more = np.shape(self.exog_coefs_)[-1] + len(self._driving_columns())
        if n_more:
            message = f"{name} knows nothing of other columns to come; this model has {n_more}: see `forecast`"
            raise ParameterError(message)
