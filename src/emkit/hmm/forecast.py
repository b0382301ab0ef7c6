"""What comes next: the distribution of states and observations some steps ahead, and how well such forecasts held.

With alpha the filtered probabilities after the last row, the state h steps on has probabilities alpha A^h, and the
observation is the mixture of the members with these weights.

References
----------
Zucchini & MacDonald 2009, *Hidden Markov Models for Time Series*, sections 5.2 (forecasts) and 6.2 (pseudo-residuals).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtri

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError
from emkit.families.base import Family
from emkit.families.cumulative import cumulative
from emkit.families.regression import Regressions
from emkit.kernels.gaussian import softmax_rows
from emkit.randomness import generator_of

__all__ = ["Forecast", "pseudo_residuals"]


@dataclass(frozen=True, eq=False)
class Forecast:
    """Distributions 1 to h steps after the end of one sequence.

    Attributes
    ----------
    states : array (h, k)
        Probability of each state.
    family, members
        What the states emit from.
    rows : array (h, d) or None
        Rows with the covariates of each step, where the states emit from regressions.
    """

    states: FloatArray
    family: Family = field(repr=False)
    members: Any = field(repr=False)
    rows: FloatArray | None = field(default=None, repr=False)

    @property
    def mean(self) -> FloatArray:
        """Expected observation (h, d), where the family has means or rates.

        Raises
        ------
        DataError
            For a family without; `sample` serves there.
        """
        if isinstance(self.family, Regressions):
            means = self.family.means(self.members, self._rows)  # (v, h, k)
            return np.asarray(np.einsum("hk,vhk->hv", self.states, means))
        for name in ("mean", "rate"):
            value = getattr(self.members, name, None)
            if isinstance(value, np.ndarray):
                return np.asarray(self.states @ value)
        message = f"a {type(self.family).__name__} family has no means to forecast: use `sample` or `log_density`"
        raise DataError(message)

    def log_density(self, values: Any) -> FloatArray:
        """Return the log-density (h, m) at each step of each of some observations (m, d), or (m,) of one feature."""
        with np.errstate(divide="ignore"):
            log_states = np.log(self.states)
        blank, found = np.zeros(self.states.shape[1]), []
        for row, X in zip(log_states, self._placed(values), strict=True):
            joint = self.family.log_joint(blank, self.members, X)
            found.append(softmax_rows(np.ascontiguousarray(joint + row))[0])
        return np.array(found)

    def density(self, values: Any) -> FloatArray:
        """Return the density or probability (h, m) at each step of each of some observations."""
        return np.exp(self.log_density(values))

    def cdf(self, values: Any, column: int | None = None) -> FloatArray:
        """Return P(x <= value) (h, m) at each step, of one column; of several say which, and give whole rows."""
        placed = zip(self.states, self._placed(values), strict=True)
        return np.array([cumulative(self.family, self.members, X, column)[0] @ row for row, X in placed])

    def sample(self, n: int, random_state: Any = None) -> FloatArray:
        """Return n independent draws (h, n, d) for each step."""
        rng = generator_of(random_state)
        edges = np.cumsum(self.states, axis=1)
        draws = []
        for step, edge in enumerate(edges):
            drawn = np.minimum(np.searchsorted(edge, rng.random(n) * edge[-1], side="right"), len(edge) - 1)
            labels = np.asarray(drawn, dtype=np.intp)
            if isinstance(self.family, Regressions):
                rows = self.family.drawn(self.members, np.repeat(self._rows[step : step + 1], n, axis=0), labels, rng)
                draws.append(rows[:, self._responses])
            else:
                draws.append(self.family.sample(self.members, labels, rng))
        return np.array(draws)

    @property
    def _rows(self) -> FloatArray:
        if self.rows is None:
            message = "the states emit from regressions: the forecast needs the covariates of the rows to come"
            raise DataError(message)
        return self.rows

    @property
    def _responses(self) -> list[int]:
        return [response.column for response in self.family.responses]  # type: ignore[attr-defined]

    def _placed(self, values: Any) -> list[FloatArray]:
        """Return rows (m, d) of the values (m, v) for each step, with its covariates."""
        X = np.asarray(values, dtype=np.float64)
        X = np.ascontiguousarray(X.reshape(len(X), -1))
        if not isinstance(self.family, Regressions):
            return [X] * len(self.states)
        found = []
        for row in self._rows:
            rows = np.repeat(row[None], len(X), axis=0)
            rows[:, self._responses] = X
            found.append(rows)
        return found


def pseudo_residuals(
    weights: FloatArray, below: FloatArray, beneath: FloatArray, X: Array, rng: np.random.Generator | None = None
) -> FloatArray:
    """Return normal pseudo-residuals (n,): standard normal where the model holds; NaN where nothing is observed.

    Parameters
    ----------
    weights : array (n, k)
        Probability of each state of each row given the other rows.
    below, beneath : array (n, k)
        P(x <= value) and P(x < value); of discrete data the middle is taken (a mid-pseudo-residual).
    rng : Generator, optional
        Take a point drawn evenly between the two instead, so that residuals of discrete data are normal exactly.
    """
    total = weights.sum(axis=1)
    part = np.full((len(X), 1), 0.5) if rng is None else rng.random((len(X), 1))
    u = (weights * (beneath + part * (below - beneath))).sum(axis=1) / np.where(total > 0, total, 1.0)
    z = ndtri(np.clip(u, 1e-300, 1 - 1e-16))
    z[np.isnan(below).any(axis=1) | np.isnan(X).any(axis=1) | ~(total > 0)] = np.nan
    return np.asarray(z)
