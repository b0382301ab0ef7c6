"""What families of waiting times share: times beside flags of censoring, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError
from emkit.families.columns import check_entries
from emkit.kernels.foreign import namespace

__all__ = ["check_times", "overall_scale", "paired", "split_pairs"]


def split_pairs(rows: FloatArray, seen: FloatArray, is_censored: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return times, events and observed pairs, (n, d) each, zero where a pair is missing."""
    if not is_censored:
        return rows * seen, seen, seen
    both = seen[:, ::2] * seen[:, 1::2]
    return rows[:, ::2] * both, rows[:, 1::2] * both, both


def paired(array: FloatArray, is_censored: bool) -> FloatArray:
    """Return an array (m, d) with a column of zeros after each, where columns come in pairs."""
    if not is_censored:
        return array
    xp: Any = namespace(array)
    wide: FloatArray = xp.reshape(xp.stack([array, xp.zeros_like(array)], axis=2), (array.shape[0], -1))
    return wide


def check_times(block: Any, is_censored: bool, names: Sequence[str] | None, *, allow_zero: bool) -> None:
    """Raise unless times are positive and flags are 0 or 1, in pairs of columns where censored."""
    rows = np.asarray(block.X)
    if is_censored and rows.shape[1] % 2:
        message = f"censored times come in pairs of columns (time, event seen: 1 or 0), got {rows.shape[1]} columns"
        raise DataError(message)
    step = 2 if is_censored else 1
    wrong = np.zeros(rows.shape, dtype=bool)
    times = rows[:, ::step]
    wrong[:, ::step] = (times < 0) if allow_zero else (times <= 0)
    check_entries(block, wrong, "times of at least 0" if allow_zero else "times above 0", names)
    if is_censored:
        wrong = np.zeros(rows.shape, dtype=bool)
        flags = rows[:, 1::2]
        wrong[:, 1::2] = (flags != 0) & (flags != 1) & ~np.isnan(flags)
        check_entries(block, wrong, "1 where the event was seen or 0 where the time is censored", names)


def overall_scale(source: Any, is_censored: bool) -> Array:
    """Return the total time by event (d,) of each column: the mean of one exponential for all.

    Raises
    ------
    DataError
        If every time of a column is censored: nothing can be learnt of its distribution.
    """
    time, event = (np.sum(parts, axis=0) for parts in zip(*source.map(lambda b: _totals(b, is_censored)), strict=True))
    if (event == 0).any():
        j = int(np.argmin(event)) * (2 if is_censored else 1)
        name = repr(source.feature_names[j]) if source.feature_names else str(j)
        message = f"all times of column {name} are censored or missing: nothing can be learnt of them, leave it out"
        raise DataError(message)
    return np.asarray(np.where(time > 0, time / event, 1.0))


def _totals(block: Any, is_censored: bool) -> tuple[FloatArray, FloatArray]:
    rows = np.asarray(block.on_host().X, dtype=np.float64)[block.weights > 0]
    seen = ~np.isnan(rows)
    times, events, _ = split_pairs(np.where(seen, rows, 0.0), seen.astype(np.float64), is_censored)
    weights = block.weights[block.weights > 0]
    return weights @ times, weights @ events
