"""Values of any kind to codes of levels: what the doors of categorical data share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["distinct_values", "encoded", "sorted_values", "unique_values"]

_SMALL = 1024  # whole numbers below this are counted, which is several times as fast as sorting


def distinct_values(column: NDArray[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """Return the distinct values of a column as plain values, and the index (n,) of each row among them.

    None and NaN are one value, None; whole numbers and truth values are integers.
    """
    if column.dtype.kind != "O":
        distinct, index = unique_values(column)
        return [_plain(value) for value in distinct.tolist()], index
    places: dict[Any, int] = {}
    where = [places.setdefault(_plain(value), len(places)) for value in column.tolist()]
    return list(places), np.array(where, dtype=np.intp)


def unique_values(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct values of a column in order, NaN once and last, and the index (n,) of each row."""
    counted = _counted(np.ascontiguousarray(column)) if column.dtype.kind in "fiu" and column.size else None
    if counted is not None:
        return counted
    distinct, index = np.unique(column, return_inverse=True)
    return distinct, index.reshape(-1)


def _counted(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]] | None:
    """Return what `unique_values` does, or None where the column holds other than small whole numbers and NaN."""
    low, high = np.fmin.reduce(column), np.fmax.reduce(column)
    if not (low >= 0 and high < _SMALL):
        return None
    missing = np.isnan(column)
    none = int(high) + 1
    whole = np.where(missing, none, column).astype(np.intp)
    if ((whole != column) & ~missing).any():
        return None
    occurs = np.bincount(whole, minlength=none + 1) > 0
    distinct = np.flatnonzero(occurs).astype(column.dtype)
    if occurs[none]:
        distinct[-1] = np.nan
    return distinct, (np.cumsum(occurs) - 1)[whole]


def sorted_values(values: set[Any]) -> tuple[Any, ...]:
    """Return values in order; by kind first where numbers and words stand side by side."""
    try:
        return tuple(sorted(values))
    except TypeError:
        return tuple(sorted(values, key=lambda value: (type(value).__name__, str(value))))


def encoded(column: NDArray[Any], known: tuple[Any, ...] | None = None) -> tuple[NDArray[np.intp], tuple[Any, ...]]:
    """Return codes (n,) and the levels they stand for, in order; -1 for missing, and for what is not among `known`."""
    distinct, index = distinct_values(column)
    levels = sorted_values(set(distinct) - {None}) if known is None else known
    place = {value: code for code, value in enumerate(levels)}
    codes = np.array([place.get(value, -1) for value in distinct], dtype=np.intp)
    return codes[index] if len(codes) else np.empty(0, dtype=np.intp), levels


def _plain(value: Any) -> Any:
    """Return a value as a plain one: None for missing, whole numbers and truth values as integers."""
    if value is None or value != value:  # noqa: PLR0124 (only NaN differs from itself)
        return None
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)
    return value.item() if isinstance(value, np.generic) else value
