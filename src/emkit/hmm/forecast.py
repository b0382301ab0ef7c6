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
from scipy.special import ndtri, stdtr
from scipy.stats import norm, poisson

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError
from emkit.families.base import Family
from emkit.families.categorical import Categorical
from emkit.families.gaussian import Gaussian
from emkit.families.poisson import Poisson
from emkit.families.regression import Regressions
from emkit.families.responses import GaussianResponse
from emkit.families.student import Student
from emkit.kernels.gaussian import softmax_rows
from emkit.randomness import generator_of

__all__ = ["Forecast", "cumulative", "pseudo_residuals"]


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

    def cdf(self, values: Any) -> FloatArray:
        """Return P(x <= value) (h, m) at each step, for one feature."""
        placed = zip(self.states, self._placed(values), strict=True)
        return np.array([cumulative(self.family, self.members, X)[0] @ row for row, X in placed])

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


def cumulative(family: Family, members: Any, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return P(x <= value) and P(x < value) (n, k) of one feature under each member.

    Raises
    ------
    DataError
        For several features, or a family whose distribution function is not written out here.
    """
    if isinstance(family, Regressions):
        return _of_regression(family, members, X)
    if X.shape[1] != 1:
        message = f"distribution functions are of one feature, but X has {X.shape[1]}: fit one at a time"
        raise DataError(message)
    if isinstance(family, Student):
        scale = np.sqrt(np.broadcast_to(members.cov, (len(members.mean), 1, 1))[:, 0, 0])
        below = stdtr(members.dof, (X - members.mean[:, 0]) / scale)
        return below, below
    if isinstance(family, Gaussian):
        sd = np.sqrt(np.broadcast_to(family.structure.full(members), (len(members.mean), 1, 1))[:, 0, 0])
        below = np.asarray(norm.cdf(X, members.mean[:, 0], sd))
        return below, below
    if isinstance(family, Poisson):
        return np.asarray(poisson.cdf(X, members.rate[:, 0])), np.asarray(poisson.cdf(X - 1, members.rate[:, 0]))
    if isinstance(family, Categorical):
        edges = np.concatenate([np.zeros((len(members.items[0].prob), 1)), np.cumsum(members.items[0].prob, axis=1)], 1)
        code = np.where(np.isnan(X[:, 0]), 0, X[:, 0]).astype(np.intp)
        return edges[:, code + 1].T, edges[:, code].T
    message = f"the distribution function of a {type(family).__name__} family is not known here"
    raise DataError(message)


def _of_regression(family: Regressions, members: Any, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the distribution function (n, k), twice, of one normal response given its covariates."""
    if len(family.responses) != 1 or not isinstance(family.responses[0], GaussianResponse):
        message = "distribution functions of regressions are those of one normal response"
        raise DataError(message)
    sd = np.sqrt(members.responses[0].var)
    below = np.asarray(norm.cdf(X[:, [family.responses[0].column]], family.means(members, X)[0], sd))
    return below, below


def pseudo_residuals(weights: FloatArray, below: FloatArray, beneath: FloatArray, X: Array) -> FloatArray:
    """Return normal pseudo-residuals (n,): standard normal where the model holds; NaN where nothing is observed.

    Parameters
    ----------
    weights : array (n, k)
        Probability of each state of each row given the other rows.
    below, beneath : array (n, k)
        P(x <= value) and P(x < value); of discrete data the middle is taken (a mid-pseudo-residual).
    """
    total = weights.sum(axis=1)
    u = (weights * (below + beneath)).sum(axis=1) / (2 * np.where(total > 0, total, 1.0))
    z = ndtri(np.clip(u, 1e-300, 1 - 1e-16))
    z[np.isnan(X).any(axis=1) | ~(total > 0)] = np.nan
    return np.asarray(z)
