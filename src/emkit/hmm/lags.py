"""Series with their own past beside them: rows of a response, its lags and what else explains it."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.data import SequenceSource

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


def lagged(source: SequenceSource, order: int) -> SequenceSource:
    """Return the same sequences with columns: response, ones, its lags 1..p, what else explains it.

    The response of a row is missing, so that the row says nothing, where a lag or an explaining column is; such entries
    are then at the mean of their column.
    """
    X = np.asarray(source.X, dtype=np.float64)
    rows = np.column_stack([X[:, 0], np.ones(len(X)), lag_columns(X[:, 0], source.lengths, order), X[:, 1:]])
    lost = np.isnan(rows[:, 1:])
    rows[lost.any(axis=1), 0] = np.nan
    for j in np.flatnonzero(lost.any(axis=0)):
        seen = ~lost[:, j]
        rows[lost[:, j], j + 1] = rows[seen, j + 1].mean() if seen.any() else 0.0
    names = source.feature_names or tuple(f"x{j + 1}" for j in range(X.shape[1]))
    named = names[0], "intercept", *(f"{names[0]} lag {j + 1}" for j in range(order)), *names[1:]
    return SequenceSource(
        np.ascontiguousarray(rows),
        source.lengths,
        source.weights if source.is_weighted else None,
        feature_names=named,
        names=source.names,
        n_threads=source.n_threads,
        origin=source.origin,
        n_given=source.n_given,
    )
