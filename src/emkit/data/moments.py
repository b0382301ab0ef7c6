"""Column by column: mean, variance, range and observed weight, exact at any offset."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.sparse import is_sparse
from emkit.errors import DataError
from emkit.kernels.foreign import host, host_rows, is_foreign, like, namespace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emkit.data.block import Block
    from emkit.data.source import Source

__all__ = ["ColumnMoments", "column_moments"]

_TILE_ENTRIES = 1 << 16  # a copy of so many entries stays in cache, whatever the number of columns
_LARGEST = 1e150  # squares of larger values, summed over rows, overflow
_Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnMoments:
    """Weighted moments of each column over its observed entries; NaN for a column without any.

    Attributes
    ----------
    mean, var : array (d,), float64
        Mean, and variance about it with the divisor of maximum likelihood (the sum of the weights).
    low, high : array (d,), float64
        Smallest and largest value.
    n_observed : array (d,), float64
        Total weight of the observed entries.
    """

    mean: NDArray[np.float64]
    var: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n_observed: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Weighted sums of one block about a pivot."""

    first: _Vector
    second: _Vector
    n_observed: _Vector
    low: _Vector
    high: _Vector

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.first + other.first,
            self.second + other.second,
            self.n_observed + other.n_observed,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )


def column_moments(source: Source) -> ColumnMoments:
    """Return the moments of each column of `source`, by two passes.

    Notes
    -----
    The first pass takes the mean about an observed value, the second the variance about that mean, with the
    correction for what rounding left of the first moment. So a constant column has variance zero exactly, and
    a column at 1e8 with a spread of 1e-3 loses nothing beyond the rounding of the data.
    """
    pivot = _first_observed(source)
    first = source.reduce(lambda block: _sums(block, pivot))
    weight = np.where(first.n_observed > 0, first.n_observed, np.nan)
    mean = pivot + first.first / weight
    second = source.reduce(lambda block: _sums(block, mean))
    shift = second.first / weight
    var = np.maximum(second.second / weight - shift * shift, 0.0)
    empty = np.isnan(weight)
    low, high = np.where(empty, np.nan, first.low), np.where(empty, np.nan, first.high)
    # The mean of equal values is that value: rounding must not put it outside the range.
    mean = np.clip(mean + shift, low, high)
    return ColumnMoments(mean, np.where(low == high, 0.0, var), low, high, first.n_observed)


def _first_observed(source: Source) -> _Vector:
    """Return an observed value of each column (0 where there is none): any one serves as pivot."""
    pivot = np.full(source.n_features, np.nan)
    for block in source.blocks():
        if is_sparse(block.X):
            return np.zeros(source.n_features)  # sparse data are small numbers around zero
        rows = _used_rows(block)
        row = np.argmin(np.isnan(rows), axis=0) if block.has_missing and len(rows) else 0
        if len(rows):
            pivot = np.where(np.isnan(pivot), rows[row, np.arange(source.n_features)], pivot)
        if not np.isnan(pivot).any():
            break
    return np.where(np.isnan(pivot), 0.0, pivot)


def _used_rows(block: Block) -> NDArray[Any]:
    """Return rows of positive weight in which each column has an observed entry, if there are any in the block."""
    if not is_foreign(block.X):
        return block.X[block.weights > 0] if block.is_weighted else block.X
    X: Any = block.X
    xp = namespace(X)
    seen = ~xp.isnan(X) & like(X, block.weights > 0)[:, None]
    first = host(xp.argmax(xp.asarray(seen, dtype=xp.int64), axis=0))
    return np.asarray(host_rows(X, first[np.isin(first, np.flatnonzero(block.weights > 0))]), dtype=np.float64)


def _sums(block: Block, pivot: _Vector) -> _Sums:
    if is_sparse(block.X):
        return _sparse_sums(block, pivot)
    if is_foreign(block.X):
        return _foreign_sums(block, pivot)
    X, weights = block.X, block.weights
    if block.is_weighted and not weights.all():
        X, weights = X[weights > 0], weights[weights > 0]
    tile = max(1, _TILE_ENTRIES // X.shape[1])
    starts = range(0, max(1, len(X)), tile)
    tiles = (_tile_sums(X[i : i + tile], weights[i : i + tile], pivot, block.has_missing) for i in starts)
    return functools.reduce(operator.add, tiles)


def _tile_sums(X: NDArray[Any], weights: _Vector, pivot: _Vector, has_missing: bool) -> _Sums:
    columns = np.array(X.T, dtype=np.float64, order="C")  # (d, rows): every sum then runs along memory
    seen = np.isnan(columns) if has_missing else None
    if seen is not None:
        np.logical_not(seen, out=seen)
    n_observed = np.full(len(columns), weights.sum()) if seen is None else np.where(seen, weights, 0.0).sum(axis=1)
    low, high = _range(columns)
    _check_squares(low, high)
    columns -= pivot[:, None]
    if seen is not None:
        columns[~seen] = 0.0
    first = _weighted(columns, weights)
    np.square(columns, out=columns)
    return _Sums(first, _weighted(columns, weights), n_observed, low, high)


def _check_squares(low: _Vector, high: _Vector) -> None:
    """Raise if a column has values whose squares overflow."""
    size = np.maximum(high, -low)
    if size.max(initial=0.0) <= _LARGEST:
        return
    j = int(size.argmax())
    value = high[j] if high[j] == size[j] else low[j]
    message = (
        f"X holds {value:.3g} in column {j} (counted from 0), and the squares of such values overflow; expected values "
        f"below {_LARGEST:.0e} in size: change the unit of the column"
    )
    raise DataError(message)


def _weighted(columns: NDArray[np.float64], weights: _Vector) -> _Vector:
    # Not a product by BLAS, whose own threads would spin on beside ours, and whose bits depend on their
    # number.
    sums: _Vector = np.einsum("ij,j->i", columns, weights)
    return sums


def _range(columns: NDArray[np.float64]) -> tuple[_Vector, _Vector]:
    """Return the smallest and largest observed value of each column; NaN is passed over."""
    low: _Vector = np.fmin.reduce(columns, axis=1, initial=np.inf)
    high: _Vector = np.fmax.reduce(columns, axis=1, initial=-np.inf)
    return low, high


def _foreign_sums(block: Block, pivot: _Vector) -> _Sums:
    """Sum where the rows are."""
    X: Any = block.X
    xp = namespace(X)
    seen = ~xp.isnan(X)
    weights = xp.asarray(seen, dtype=xp.float64) * like(X, block.weights)[:, None]
    rows = xp.where(seen, xp.asarray(X, dtype=xp.float64), like(X, pivot)[None, :])
    deviation = rows - like(X, pivot)[None, :]
    endless = xp.full_like(rows, float("inf"))
    sums = (
        xp.sum(weights * deviation, axis=0),
        xp.sum(weights * deviation * deviation, axis=0),
        xp.sum(weights, axis=0),
        xp.min(xp.where(weights > 0, rows, endless), axis=0),
        xp.max(xp.where(weights > 0, rows, -endless), axis=0),
    )
    return _Sums(*(host(part) for part in sums))


def _sparse_sums(block: Block, pivot: _Vector) -> _Sums:
    """Sum the stored entries, then add what the zeros contribute."""
    X: Any = block.X
    rows = np.repeat(np.arange(block.n_rows), np.diff(X.indptr))
    kept = block.weights[rows] > 0
    column, weight, value = X.indices[kept], block.weights[rows][kept], X.data[kept].astype(np.float64)
    d, total = X.shape[1], block.weights.sum()
    deviation = value - pivot[column]
    zero_weight = total - np.bincount(column, weight, d)
    first = np.bincount(column, weight * deviation, d) - zero_weight * pivot
    second = np.bincount(column, weight * deviation**2, d) + zero_weight * pivot**2
    has_zero = np.bincount(column, minlength=d) < np.count_nonzero(block.weights)
    low, high = np.where(has_zero, 0.0, np.inf), np.where(has_zero, 0.0, -np.inf)
    np.minimum.at(low, column, value)
    np.maximum.at(high, column, value)
    return _Sums(first, second, np.full(d, total), low, high)
