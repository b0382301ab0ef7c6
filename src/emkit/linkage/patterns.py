"""Tables of comparisons as other packages make them: which columns are fields, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import Table
from emkit.data.columns import to_float
from emkit.data.files import table_if_file
from emkit.data.frames import frame_columns
from emkit.errors import DataError

__all__ = ["read_patterns"]

_PREFIXES = ("gamma_", "gamma.")
_NO_FIELDS = ("id1", "id2", "is_match", "match_key", "unique_id_l", "unique_id_r")  # of RecordLinkage and Splink
_COUNTS = ("counts", "count", "n", "n_pairs")


def read_patterns(
    X: Any, *, fields: Sequence[str] | None, counts: str | None
) -> tuple[FloatArray, tuple[str, ...], FloatArray | None]:
    """Return levels (n, d) with NaN for missing, names of the fields, and the column of counts where there is one.

    Fields are the columns named; or those that begin with "gamma_"; or all but the counts and the numbers of records.

    Raises
    ------
    DataError
        If a column is not there or holds no numbers.
    """
    X = table_if_file(X)
    found = frame_columns(X.columns if isinstance(X, Table) else X)
    if found is None:
        return _of_array(X, fields)
    names, columns = [str(name) for name in found[0]], dict(zip(map(str, found[0]), found[1], strict=True))
    counted = counts if counts is not None else next((name for name in _COUNTS if name in columns), None)
    marked = [name for name in names if name.startswith(_PREFIXES)]
    wanted = (
        _wanted(names, fields)
        if fields is not None
        else marked or [name for name in names if name != counted and name not in _NO_FIELDS]
    )
    for name in [*wanted, *([counted] if counted is not None else [])]:
        if name not in columns:
            message = f"there is no column {name!r}; the columns are {names}"
            raise DataError(message)
    if not wanted:
        message = f"the table has no field beside its counts; its columns are {names}"
        raise DataError(message)
    levels = _levels([columns[name] for name in wanted], wanted)
    own = None if counted is None or counted in wanted else np.asarray(columns[counted], dtype=np.float64)
    return levels, tuple(_plain_name(name) for name in wanted), own


def _wanted(names: list[str], fields: Sequence[str]) -> list[str]:
    """Return the columns of fields that may be named with their prefix or without."""
    place = {_plain_name(name): name for name in names if name.startswith(_PREFIXES)}
    return [field if field in names else place.get(field, field) for field in fields]


def _plain_name(name: str) -> str:
    return next((name[len(prefix) :] for prefix in _PREFIXES if name.startswith(prefix)), name)


def _of_array(X: Any, fields: Sequence[str] | None) -> tuple[FloatArray, tuple[str, ...], None]:
    array = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
    if array.ndim != 2:
        message = f"expected comparisons as a table of pairs and fields, got {type(X).__name__} of shape {array.shape}"
        raise DataError(message)
    names = tuple(fields) if fields is not None else tuple(f"x{j + 1}" for j in range(array.shape[1]))
    if len(names) != array.shape[1]:
        message = f"`fields` has {len(names)} names, but X has {array.shape[1]} columns"
        raise DataError(message)
    return _levels(list(array.T), list(names)), names, None


def _levels(columns: list[Array], names: list[str]) -> FloatArray:
    """Return the columns side by side; -1 is missing, as NaN and None are."""
    levels = np.empty((len(columns[0]), len(columns)))
    for j, (column, name) in enumerate(zip(columns, names, strict=True)):
        levels[:, j] = to_float(np.asarray(column).reshape(-1, 1), [name]).reshape(-1)
    levels[levels == -1] = np.nan
    return levels
