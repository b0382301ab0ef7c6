"""Series with their own past beside them: rows of a response, its lags and what else explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.data.sequence_views import transformed

__all__ = ["lag_columns", "lagged"]


def lag_columns(series: FloatArray, lengths: Any, order: int) -> FloatArray:
    """Return lags 1..p (n, p) of a series (n,), NaN where they lie before the start of its sequence."""
    n = len(series)
    ends = np.cumsum(lengths)
    within = np.arange(n) - np.repeat(ends - lengths, lengths)
    columns = np.full((n, order), np.nan)
    for j in range(1, order + 1):
        known = within >= j
        columns[known, j - 1] = series[np.flatnonzero(known) - j]
    return columns


def lagged(source: Any, order: int) -> Any:
    """Return the same sequences with columns: response, ones, its lags 1..p, what else explains it.

    The response of a row is missing, so that the row says nothing, where a lag or an explaining column is; such entries
    are then at the mean of their column.
    """
    fill = source.reduce(lambda block: _Seen.of(_beside(block, order))).mean
    given = source.feature_names or tuple(f"x{j + 1}" for j in range(source.n_features))
    names = given[0], "intercept", *(f"{given[0]} lag {j + 1}" for j in range(order)), *given[1:]

    def change(block: Any) -> FloatArray:
        rows = _beside(block, order)
        lost = np.isnan(rows[:, 1:])
        rows[lost.any(axis=1), 0] = np.nan
        rows[:, 1:] = np.where(lost, fill, rows[:, 1:])
        return rows

    return transformed(source, change, names)


def _beside(block: Any, order: int) -> FloatArray:
    """Return response, ones, lags and what else explains it, side by side."""
    X = np.asarray(block.X, dtype=np.float64)
    return np.column_stack([X[:, 0], np.ones(len(X)), lag_columns(X[:, 0], block.lengths, order), X[:, 1:]])


@dataclass(frozen=True)
class _Seen:
    """Sums and counts of what is known of the explaining columns."""

    total: FloatArray
    count: FloatArray

    @classmethod
    def of(cls, rows: FloatArray) -> _Seen:
        seen = ~np.isnan(rows[:, 1:])
        return cls(np.where(seen, rows[:, 1:], 0.0).sum(axis=0), seen.sum(axis=0).astype(np.float64))

    def __add__(self, other: _Seen) -> _Seen:
        return _Seen(self.total + other.total, self.count + other.count)

    @property
    def mean(self) -> FloatArray:
        """Mean of each column; 0 where nothing is known."""
        return np.asarray(self.total / np.maximum(self.count, 1.0))
