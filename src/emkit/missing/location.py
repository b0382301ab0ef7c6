"""The general location model: categories and normal columns together, both with missing entries.

Story: the categories of a row fall into cell c of their cross-classification with probability prob_c; its continuous
columns are then N(A_c coef, cov), where A_c holds a one and, for each categorical column, indicators of its categories
but the first, or a score where they are ordered. The means so follow the main effects of the categories, while the
cells' probabilities are free but for `spread_rows` rows that are spread evenly over them.

With K the inverse covariance of the observed columns, padded with zeros, R = cov K takes a deviation of the observed
columns to the completed one, and Q = I - R. A row has cell c with probability r_c proportional to
prob_c N(x_o; A_c coef), over the cells that its observed categories allow, and is completed there by R x + Q A_c coef.

References
----------
Olkin & Tate 1961, Annals of Mathematical Statistics 32:448. Little & Schluchter 1985, Biometrika 72:497. Schafer 1997,
Analysis of Incomplete Multivariate Data, chapter 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import xlogy

from emkit.core import Model, Parameters, Statistics
from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.parameters import space
from emkit.core.spaces import PositiveDefinite, Real, Simplex
from emkit.families.normal_patterns import gain
from emkit.families.patterns import pattern_codes, pattern_groups
from emkit.kernels.gaussian import softmax_rows

__all__ = ["GeneralLocation", "LocationParameters", "LocationPart", "LocationStatistics"]

_FLOOR = 1e-9  # of each column's variance, times the rows: where the likelihood has no upper limit
_FLAT = 1e-7
_NUMBERS = 1 << 21  # rows times cells worked on at a time


@dataclass(frozen=True)
class LocationParameters(Parameters):
    """Probabilities of the cells (c,), effects `coef` (a, d) and covariance (d, d), in units of the columns."""

    prob: Array = space(Simplex())
    coef: FloatArray = space(Real())
    cov: FloatArray = space(PositiveDefinite())


@dataclass(frozen=True)
class LocationStatistics(Statistics):
    """Expected rows of each cell `count` (c,), `first` = sum of A'x (a, d), `second` = sum of x x' (d, d)."""

    count: FloatArray
    first: FloatArray
    second: FloatArray


@dataclass(frozen=True)
class LocationPart:
    """Rows of one pattern of missing continuous columns.

    Attributes
    ----------
    rows : array (b,)
    known : array (b, d)
        R x, where x is the deviation of the row in units.
    fill : array (d, d)
        Q, transposed.
    left : array (d, d)
        Covariance of what is missing.
    resp : array (b, c)
    log_density : array (b,)
    """

    rows: IntArray
    known: FloatArray
    fill: FloatArray
    left: FloatArray
    resp: FloatArray
    log_density: FloatArray


@dataclass(frozen=True)
class GeneralLocation(Model):
    """The general location model of rows whose first columns are continuous and whose last are codes of categories.

    Parameters
    ----------
    levels : tuple of int
        Categories of each of the last columns, coded 0, 1, ...
    ordered : tuple of bool
        Whether they are ordered.
    spread_rows : float, default 1
        Rows spread evenly over all cells, a prior: a cell without a row is not impossible. 0 is none.
    """

    levels: tuple[int, ...] = ()
    ordered: tuple[bool, ...] = ()
    spread_rows: float = 1.0
    center: Any = field(default=None, compare=False)  # (d,)
    unit: Any = field(default=None, compare=False)
    floor: float = field(default=0.0, compare=False)

    @property
    def n_cells(self) -> int:
        """Cells of the cross-classification."""
        return int(np.prod(self.levels, dtype=np.int64))

    @property
    def starts_to_agree(self) -> int:
        """One: every start is the same."""
        return 1

    def cells(self) -> IntArray:
        """Return the categories (c, q) of each cell."""
        return np.stack(np.unravel_index(np.arange(self.n_cells), self.levels), axis=1)

    def design(self) -> FloatArray:
        """Return the row A_c of each cell, (c, a)."""
        cells, columns = self.cells(), [np.ones((self.n_cells, 1))]
        for j, (k, is_ordered) in enumerate(zip(self.levels, self.ordered, strict=True)):
            score = (2 * cells[:, j : j + 1] / max(k - 1, 1) - 1).astype(np.float64)
            columns.append(score if is_ordered else (cells[:, j : j + 1] == np.arange(1, k)).astype(np.float64))
        return np.hstack(columns)

    # --- the protocol ---

    def prepare(self, source: Any) -> tuple[GeneralLocation, Any]:
        """Read off centres and units of the continuous columns."""
        moments, d = source.column_moments(), source.n_features - len(self.levels)
        sd = np.sqrt(moments.var[:d])
        size = np.maximum(np.abs(moments.low[:d]), np.abs(moments.high[:d]))
        unit = np.where(sd > 0, sd, np.where(size > 0, size, 1.0))
        return replace(self, center=moments.mean[:d], unit=unit, floor=_FLOOR * source.total_weight), source

    def start(self, source: Any, rng: np.random.Generator) -> LocationParameters:
        """Return the proportions of the categories, independent, and columns that depend on nothing."""
        d = len(self.unit)
        shares = source.reduce(lambda block: _Shares(self._shares(block))).arrays
        prob = np.ones(1)
        for share in shares:
            prob = np.outer(prob, (share + 0.5) / (share + 0.5).sum()).reshape(-1)
        return LocationParameters(prob, np.zeros((self.design().shape[1], d)), np.eye(d))

    def e_step(self, parameters: LocationParameters, block: Any) -> LocationStatistics:
        """Return expected counts and moments of the completed rows."""
        design = self.design()
        mean = design @ parameters.coef
        d, c = mean.shape[1], self.n_cells
        loglik, weight = 0.0, 0.0
        count, totals, second = np.zeros(c), np.zeros((c, d)), np.zeros((d, d))
        for part in self.parts(parameters, block.X):
            w = block.weights[part.rows]
            share = part.resp * w[:, None]
            loglik += float(w @ part.log_density)
            weight += float(w.sum())
            own, moved = share.sum(axis=0), mean @ part.fill
            count += own
            totals += share.T @ part.known + own[:, None] * moved
            cross = part.known.T @ (share @ moved)
            second += (part.known * w[:, None]).T @ part.known + cross + cross.T + (moved * own[:, None]).T @ moved
            second += w.sum() * part.left
        return LocationStatistics(loglik, weight, count, design.T @ totals, (second + second.T) / 2)

    def m_step(self, statistics: LocationStatistics, parameters: LocationParameters) -> LocationParameters:
        """Return proportions, the regression on the categories, and what it leaves."""
        design, count = self.design(), statistics.count + self.spread_rows / self.n_cells
        gram = (design * statistics.count[:, None]).T @ design
        coef = np.asarray(np.linalg.lstsq(gram, statistics.first, rcond=1e-12)[0], dtype=np.float64)
        left = statistics.second - coef.T @ statistics.first
        left = (left + left.T) / 2 + self.floor * np.eye(len(left))
        return LocationParameters(count / count.sum(), coef, left / statistics.weight)

    def expected_loglik(self, parameters: LocationParameters, statistics: LocationStatistics) -> float:
        """Return the Q function without its constants."""
        sign, log_det = np.linalg.slogdet(parameters.cov)
        if sign <= 0:
            return -np.inf
        inner = float(np.trace(np.linalg.solve(parameters.cov, self._scatter(parameters, statistics))))
        own = float(xlogy(statistics.count, parameters.prob).sum())
        return own - 0.5 * (statistics.weight * float(log_det) + inner)

    def score(self, parameters: LocationParameters, statistics: LocationStatistics) -> LocationParameters:
        """Return the gradient of Q plus the log prior."""
        count = statistics.count + self.spread_rows / self.n_cells
        slope = np.divide(count, parameters.prob, out=np.zeros_like(count), where=parameters.prob > 0)
        design, inverse = self.design(), np.linalg.inv(parameters.cov)
        gram = (design * statistics.count[:, None]).T @ design
        scatter = self._scatter(parameters, statistics) + self.floor * np.eye(len(inverse))
        bend = (inverse @ scatter @ inverse - statistics.weight * inverse) / 2
        return LocationParameters(slope, (statistics.first - gram @ parameters.coef) @ inverse, (bend + bend.T) / 2)

    def log_prior(self, parameters: LocationParameters) -> float:
        """Return the log density of the rows spread over the cells, and the penalty that stops a collapse."""
        own = -0.5 * self.floor * float(np.trace(np.linalg.inv(parameters.cov))) if self.floor else 0.0
        if self.spread_rows > 0:
            own += self.spread_rows / self.n_cells * float(_log(parameters.prob).sum())
        return own

    def degeneracy(self, parameters: LocationParameters, statistics: LocationStatistics) -> str:
        """Name the continuous columns that others determine."""
        values, vectors = np.linalg.eigh(parameters.cov)
        if len(values) == 0 or values[0] > _FLAT:
            return ""
        heavy = ", ".join(str(j) for j in np.flatnonzero(np.abs(vectors[:, 0]) > 0.1))
        return (
            f"the covariance is singular: continuous columns {heavy} (counted from 0) are constant or determined by "
            "other columns. Leave one out."
        )

    # --- rows ---

    def parts(self, parameters: LocationParameters, X: Array, *, with_empty: bool = False) -> Iterator[LocationPart]:
        """Yield rows X (n, d + q) by pattern of missing continuous columns; rows that hold nothing only if asked."""
        d = len(self.unit)
        z = (np.asarray(X[:, :d], dtype=np.float64) - self.center) / self.unit
        allowed = np.flatnonzero(~np.isnan(X).all(axis=1) | with_empty)
        mean, log_prob = self.design() @ parameters.coef, _log(parameters.prob)
        step = max(1, _NUMBERS // self.n_cells)
        order, starts = pattern_groups(pattern_codes(z[allowed]))
        for group in np.split(order, starts[1:]) if len(order) else ():
            for first in range(0, len(group), step):
                rows = allowed[group[first : first + step]]
                yield self._part(parameters.cov, mean, log_prob, z, X[:, d:], rows)

    def _part(
        self, cov: FloatArray, mean: FloatArray, log_prob: FloatArray, z: FloatArray, codes: Array, rows: IntArray
    ) -> LocationPart:
        seen = ~np.isnan(z[rows[0]])
        inverse, log_det = (a[0] for a in gain(cov, seen[None, :]))
        take = cov @ inverse
        take[seen] = np.eye(len(seen))[seen]
        x = np.where(seen, z[rows], 0.0)
        far = x @ inverse
        square = (far * x).sum(axis=1)[:, None] - 2 * far @ mean.T + ((mean @ inverse) * mean).sum(axis=1)
        level = -0.5 * (seen.sum() * np.log(2 * np.pi) + log_det) - np.log(self.unit[seen]).sum()
        joint = log_prob + self._allowed(codes[rows]) + level - 0.5 * square
        density, resp = softmax_rows(np.ascontiguousarray(joint))
        left = np.where(seen[:, None] | seen[None, :], 0.0, cov - cov @ inverse @ cov)
        return LocationPart(rows, x @ take.T, np.eye(len(seen)) - take.T, left, resp, density)

    def _allowed(self, codes: Array) -> FloatArray:
        """Return 0 for the cells (b, c) that agree with the observed categories of each row, -inf for others."""
        is_allowed = np.ones((len(codes), self.n_cells), dtype=bool)
        cells = self.cells()
        for j in range(codes.shape[1]):
            is_allowed &= np.isnan(codes[:, j : j + 1]) | (codes[:, j : j + 1] == cells[:, j])
        return np.where(is_allowed, 0.0, -np.inf)

    def _scatter(self, parameters: LocationParameters, statistics: LocationStatistics) -> FloatArray:
        design = self.design()
        gram = (design * statistics.count[:, None]).T @ design
        cross = parameters.coef.T @ statistics.first
        return np.asarray(statistics.second - cross - cross.T + parameters.coef.T @ gram @ parameters.coef)

    def _shares(self, block: Any) -> tuple[FloatArray, ...]:
        codes = block.X[:, block.X.shape[1] - len(self.levels) :]
        seen = ~np.isnan(codes)
        return tuple(
            np.bincount(codes[seen[:, j], j].astype(np.intp), block.weights[seen[:, j]], k).astype(np.float64)
            for j, k in enumerate(self.levels)
        )


@dataclass(frozen=True)
class _Shares:
    """Weights of the categories, a tuple of arrays, that add."""

    arrays: tuple[FloatArray, ...]

    def __add__(self, other: _Shares) -> _Shares:
        return _Shares(tuple(a + b for a, b in zip(self.arrays, other.arrays, strict=True)))


def _log(prob: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.log(prob)
