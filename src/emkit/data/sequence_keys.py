"""Columns that say where a row belongs: names of sequences, and times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.frames import series_column
from emkit.errors import DataError

__all__ = ["as_times", "labels_of", "name_of", "times_of"]


def labels_of(sequence: Any, n_rows: int) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the number (n,) of each row's sequence, in order of first appearance, and the names.

    Raises
    ------
    DataError
        If there is not one for each row.
    """
    values = _plain(sequence)
    if values.shape != (n_rows,):
        message = f"`sequence` must have one entry for each of the {n_rows} rows of X, but it has shape {values.shape}"
        raise DataError(message)
    number: dict[Any, int] = {}
    label = np.array([number.setdefault(v, len(number)) for v in values.tolist()], dtype=np.intp)
    first = np.zeros(len(number), dtype=np.intp)
    first[label[::-1]] = np.arange(n_rows)[::-1]
    return label, tuple(name_of(v, int(row)) for v, row in zip(number, first, strict=True))


def name_of(value: Any, row: int) -> str:
    """Return the name of a sequence as text; whole numbers are named alike, however they are stored.

    Raises
    ------
    DataError
        If it is missing.
    """
    if value is None or value != value:  # noqa: PLR0124 NaN of any type
        message = f"`sequence` must name the sequence of every row, but row {row} has none"
        raise DataError(message)
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def times_of(time: Any, n_rows: int) -> NDArray[Any]:
    """Return the times (n,) of all rows.

    Raises
    ------
    DataError
        If there is not one for each row, or they are neither numbers nor dates.
    """
    values = _plain(time)
    if values.shape != (n_rows,):
        message = f"`time` must have one entry for each of the {n_rows} rows of X, but it has shape {values.shape}"
        raise DataError(message)
    return as_times(values)


def as_times(values: NDArray[Any]) -> NDArray[Any]:
    """Return times (b,), checked."""
    if values.dtype.kind == "M":
        missing = np.isnat(values)
    elif values.dtype.kind in "iufb":
        missing = ~np.isfinite(values.astype(np.float64))
    else:
        message = f"`time` must be numbers or dates, but it is {values.dtype}: convert it first"
        raise DataError(message)
    if missing.any():
        message = f"`time` must be known for every row, but it is {values[missing][0]} in row {int(np.argmax(missing))}"
        raise DataError(message)
    return values


def _plain(values: Any) -> NDArray[Any]:
    series = series_column(values)
    return np.asarray(values if series is None else series[1])
