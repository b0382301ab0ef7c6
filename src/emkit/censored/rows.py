"""Pairs of limits as rows: what the user has becomes a source in which NaN is no limit on that side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import Source, as_source
from emkit.errors import DataError

__all__ = ["as_limits", "check_limits", "interval_source", "limits_of", "middles"]

_PAIR, _PAIRS = 2, 4


def as_limits(y: Any, n_rows: int | None = None) -> FloatArray:
    """Return values (n,), pairs of limits (n, 2), or limits and the range that is recorded (n, 4), as (n, 2) or (n, 4).

    Values are intervals without width. Infinite and NaN ends, None and null are no limit, and become NaN.

    Raises
    ------
    DataError
        If the shape is another, an entry is text, or a lower limit is above its upper one.
    """
    values = _numbers(y)
    if values.ndim == 1:
        values = np.column_stack([values, values])
    if values.ndim != 2 or values.shape[1] not in (_PAIR, _PAIRS):
        message = (
            "expected values (n,), two columns (low, high), or four (low, high, from, to) where only values above "
            f"`from` and up to `to` are recorded; got shape {values.shape}"
        )
        raise DataError(message)
    if n_rows is not None and len(values) != n_rows:
        message = f"`y` must have one row for each of the {n_rows} rows of `X`, got {len(values)}"
        raise DataError(message)
    for column, wrong, name in ((0, np.inf, "lower"), (1, -np.inf, "upper")):
        found = np.flatnonzero(values[:, column] == wrong)
        if len(found):
            message = (
                f"row {found[0]} has the {name} limit {wrong}, which no value meets; write {-wrong} or NaN for no limit"
            )
            raise DataError(message)
    return np.where(np.isinf(values), np.nan, values)


def _numbers(y: Any) -> FloatArray:
    if isinstance(y, Source):
        return np.concatenate([np.asarray(block.X, dtype=np.float64) for block in y.blocks()])
    values: Any = y.to_numpy() if hasattr(y, "to_numpy") else y
    if np.iscomplexobj(values):
        message = "Complex data not supported: expected real numbers as limits of intervals"
        raise DataError(message)
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        message = f"expected numbers as limits of intervals, with NaN or infinity for no limit; got {type(y).__name__}"
        raise DataError(message) from None


def interval_source(X: Any, sample_weight: Any, n_threads: int | None) -> Source:
    """Return the source of interval rows: a table in memory of two or four columns, a Source, or a path.

    Raises
    ------
    DataError
        As `as_limits`, and for weights.
    """
    if isinstance(X, (str, bytes)) or hasattr(X, "__fspath__") or (isinstance(X, Source) and not X.is_in_memory):
        X = as_source(X, sample_weight, n_threads=n_threads, allow_missing_columns=True)
        sample_weight = np.concatenate([b.weights for b in X.blocks()]) if X.is_weighted else None
    elif isinstance(X, Source) and sample_weight is None and X.is_weighted:
        sample_weight = np.concatenate([block.weights for block in X.blocks()])
    names = getattr(X, "feature_names", None)
    if names is None and hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
    limits = as_limits(_columns(X))
    names = names if names is not None and len(names) == limits.shape[1] else None
    return as_source(limits, sample_weight, n_threads=n_threads, allow_missing_columns=True, feature_names=names)


def _columns(X: Any) -> Any:
    """Return a table that is no array as one."""
    if isinstance(X, Source) or hasattr(X, "to_numpy") or isinstance(X, (np.ndarray, list, tuple)):
        return X
    return as_source(X, allow_missing_columns=True)


def limits_of(rows: Array) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return limits and recorded range (n,) each of rows (n, 2) or (n, 4), infinite where there is none."""
    parts = [np.asarray(rows[:, j], dtype=np.float64) for j in range(rows.shape[1])]
    if len(parts) == _PAIR:
        parts += [np.full(len(rows), np.nan)] * 2
    low, high, first, last = parts
    return (
        np.where(np.isnan(low), -np.inf, low),
        np.where(np.isnan(high), np.inf, high),
        np.where(np.isnan(first), -np.inf, first),
        np.where(np.isnan(last), np.inf, last),
    )


def middles(low: FloatArray, high: FloatArray) -> FloatArray:
    """Return a value (n,) in each interval: its middle, or its only limit, or NaN where nothing is known."""
    one_sided = np.where(np.isfinite(low), low, np.where(np.isfinite(high), high, np.nan))
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(low) & np.isfinite(high), 0.5 * (low + high), one_sided)


def check_limits(block: Any, columns: slice, names: Sequence[str] | None = None) -> None:
    """Raise unless rows of positive weight hold intervals that are not empty, within what is recorded.

    Raises
    ------
    DataError
        It names the first row that does not.
    """
    rows = np.flatnonzero(block.weights > 0)
    low, high, first, last = limits_of(np.asarray(block.X)[rows][:, columns])
    exact = low == high
    for wrong, rule in (
        (low > high, "a lower limit that is not above the upper one"),
        (first >= last, "a range of recorded values whose lower end is below its upper one"),
        (
            (np.isfinite(low) & (low < first)) | (np.isfinite(high) & (high > last)) | (exact & (low == first)),
            "limits within the range of recorded values",
        ),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            ends = f"({low[i]:g}, {high[i]:g})"
            recorded = "" if rule.startswith("a lower") else f" recorded from {first[i]:g} to {last[i]:g}"
            message = (
                f"expected {rule}, got {ends}{recorded} in row {block.start + rows[i]}; correct the row or leave it out"
            )
            raise DataError(message)
