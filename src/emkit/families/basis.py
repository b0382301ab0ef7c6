"""Columns of a design matrix in well-conditioned coordinates, and the steps that are safe in them.

A design X (n, p) with a column of ones is written as Z M, with every other column centred and scaled: sums over rows
are worked out in Z, and coefficients are told for X. Without a column of ones the columns are scaled alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import qr

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError

__all__ = ["ONES", "Basis", "basis_of", "is_lost", "picked", "safe_length", "solved"]

ONES = -1  # stands for a column of ones that is not among those of the rows

_FLAT = 1e-10  # of the largest pivot: a column that the others determine up to this is theirs
_SINGULAR = 1e-13
_LOST = 1e-2  # expected events below which a coefficient has run off


@dataclass(frozen=True)
class Basis:
    """Centres and scales (p,) of the columns, the largest size (p,) of each in Z, and the place of the ones, or -1."""

    center: FloatArray
    scale: FloatArray
    reach: FloatArray
    ones: int = -1

    def rows(self, design: Array) -> FloatArray:
        """Return Z (n, p)."""
        rows: FloatArray = (np.asarray(design, dtype=np.float64) - self.center) / self.scale
        return rows

    def raw(self, coef: FloatArray) -> FloatArray:
        """Return the coefficients (..., p) of X from those of Z."""
        raw = np.asarray(coef / self.scale)
        if self.ones >= 0:
            raw[..., self.ones] -= raw @ self.center
        return raw

    def inner(self, raw: FloatArray) -> FloatArray:
        """Return the coefficients (..., p) of Z from those of X."""
        coef = np.asarray(raw * self.scale)
        if self.ones >= 0:
            coef[..., self.ones] += raw @ self.center
        return coef

    def pull_back(self, slope: FloatArray) -> FloatArray:
        """Return the gradient (..., p) by coefficients of X from that by coefficients of Z."""
        pulled = np.asarray(slope * self.scale)
        if self.ones >= 0:
            pulled += slope[..., [self.ones]] * self.center
        return pulled

    def part(self, places: Sequence[int]) -> Basis:
        """Return the basis of some of the columns."""
        chosen = list(places)
        ones = chosen.index(self.ones) if self.ones in chosen else -1
        center = self.center[chosen]
        if ones < 0 <= self.ones:  # no column takes up the centres
            grown = self.reach[chosen] + np.abs(center) / self.scale[chosen]
            return Basis(np.zeros(len(chosen)), self.scale[chosen], grown, -1)
        return Basis(center, self.scale[chosen], self.reach[chosen], ones)


def basis_of(source: Any, columns: Sequence[int]) -> Basis:
    """Return the basis of some columns of a source.

    Raises
    ------
    DataError
        If an entry is missing, a column is zero or, besides the ones, constant, or the others determine it.
    """
    known = source.feature_names
    names = [f"column {j}" if known is None or j == ONES else repr(known[j]) for j in columns]
    source.map(lambda block: _check_complete(block, columns, names))
    low, high = (_extreme(source, columns, f) for f in (np.min, np.max))
    is_constant = low == high
    ones = _ones(low, is_constant, names)
    total = source.total_weight
    center = np.zeros(len(columns))
    if ones >= 0:
        center = source.reduce(lambda block: block.weights @ (_part(block, columns) - low)) / total + low
        center[ones] = 0.0
    square = source.reduce(lambda block: block.weights @ (_part(block, columns) - center) ** 2) / total
    scale = np.sqrt(np.where(square > 0, square, 1.0))
    reach = np.maximum(np.abs(low - center), np.abs(high - center)) / scale
    basis = Basis(center, scale, reach, ones)
    _check_rank(source, columns, basis, names)
    return basis


def picked(X: Array, columns: Sequence[int]) -> FloatArray:
    """Return some columns (n, p) of rows (n, d); `ONES` is a column of ones."""
    rows = np.asarray(X[:, list(columns)], dtype=np.float64)
    if ONES in columns:
        rows[:, list(columns).index(ONES)] = 1.0
    return rows


def is_lost(bend: FloatArray, cross: FloatArray, count: float) -> bool:
    """Return whether some direction carries hardly any information, in expected events, although the design varies.

    `cross` (p, p) holds the cross-products of the design, `bend` (p, p) the same weighted by the variance of what is
    explained, and `count` is the number of rows.
    """
    values, vectors = np.linalg.eigh(cross)
    seen = values > _FLAT * max(float(values[-1]), 1e-300)
    if not seen.any():
        return True
    white = vectors[:, seen] / np.sqrt(values[seen])
    return bool(np.linalg.eigvalsh(white.T @ bend @ white)[0] * count < _LOST)


def _part(block: Any, columns: Sequence[int]) -> FloatArray:
    return picked(block.X, columns)


def _extreme(source: Any, columns: Sequence[int], extreme: Any) -> FloatArray:
    def of(block: Any) -> FloatArray | None:
        used = block.weights > 0
        return np.asarray(extreme(_part(block, columns)[used], axis=0)) if used.any() else None

    found = [part for part in source.map(of) if part is not None]
    return np.asarray(extreme(np.array(found), axis=0), dtype=np.float64)


def _check_complete(block: Any, columns: Sequence[int], names: Sequence[str]) -> None:
    if not block.has_missing:
        return
    wrong = np.isnan(_part(block, columns)) & (block.weights > 0)[:, None]
    if wrong.any():
        i, j = (int(part[0]) for part in np.nonzero(wrong))
        message = (
            f"covariate {names[j]} is missing in row {block.start + i}: only responses may be missing. Leave the row "
            "out, or impute it (emkit.EMImputer)"
        )
        raise DataError(message)


def _ones(low: FloatArray, is_constant: Array, names: Sequence[str]) -> int:
    """Return the place of the column of ones, and refuse any other constant."""
    ones = np.flatnonzero(is_constant & (low == 1.0))
    for j in np.flatnonzero(is_constant).tolist():
        if ones.size == 0 or j != ones[0]:
            message = (
                f"covariate {names[j]} has the same value, {low[j]:g}, in every row, so its effect cannot be told from "
                "the intercept: leave it out"
            )
            raise DataError(message)
    return int(ones[0]) if ones.size else -1


def _check_rank(source: Any, columns: Sequence[int], basis: Basis, names: Sequence[str]) -> None:
    def cross(block: Any) -> FloatArray:
        rows = basis.rows(_part(block, columns))
        return np.asarray((rows * block.weights[:, None]).T @ rows)

    total: FloatArray = source.reduce(cross)
    _, triangle, order = qr(total, pivoting=True)
    pivots = np.abs(np.diag(triangle))
    lost = order[pivots <= _FLAT * pivots[0]] if pivots.size else order
    if lost.size:
        rows = "" if source.n_rows >= len(columns) else f" ({source.n_rows} rows for {len(columns)} coefficients)"
        message = (
            f"covariate {names[int(lost[0])]} is a linear function of the others{rows}, so its effect is not "
            "determined: leave it out"
        )
        raise DataError(message)


def safe_length(reach: float) -> float:
    """Return the share of a Newton step that cannot lower a logistic, multinomial or Poisson log-likelihood.

    `reach` is the largest change of a linear predictor (or of a difference of two) that the step would make. Their
    third derivatives along a line are at most `reach` times the second, so that the log-likelihood rises by
    t (1 - ...) until t = log(1 + reach) / reach, where its lower bound is highest.

    References
    ----------
    Bach 2010, Electronic Journal of Statistics 4:384, section 2.
    """
    return float(np.log1p(reach) / reach) if reach > _TINY else 1.0


_TINY = 1e-8


def solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return the solution (p,) of a positive semidefinite system; directions without curvature get no step."""
    if not len(matrix):
        return np.zeros(0)
    diagonal = np.diagonal(matrix)
    unit = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(matrix * np.outer(unit, unit))
    keep = values > _SINGULAR * max(float(values[-1]), 1e-300)
    along = vectors[:, keep].T @ (unit * right)
    solution: FloatArray = unit * (vectors[:, keep] @ (along / values[keep]))
    return solution
