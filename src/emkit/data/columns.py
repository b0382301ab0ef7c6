"""Columns and cells of any kind to floating-point numbers, or an error that names the cell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.checks import column_label
from emkit.errors import DataError, DataTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["float_dtype", "is_numeric", "stack_columns", "to_float"]

_NUMERIC_KINDS = "fiub"
_LISTED = 8
_TILE_ROWS = 4096
_KIND_WORDS = {"M": "dates", "m": "time spans", "U": "text", "S": "text", "O": "text"}


def is_numeric(array: NDArray[Any]) -> bool:
    """Return whether the entries are real numbers or truth values."""
    return array.dtype.kind in _NUMERIC_KINDS


def float_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that numbers of `dtype` are kept in: float32 stays, all else becomes float64."""
    is_single = dtype.kind == "f" and dtype.itemsize <= np.dtype(np.float32).itemsize
    return np.dtype(np.float32 if is_single else np.float64)


def to_float(array: NDArray[Any], names: Sequence[str] | None = None) -> NDArray[Any]:
    """Return a matrix, or one column, as C-contiguous float32 or float64; no copy where it is one.

    Raises
    ------
    DataError
        If there is text, a date, or a complex number; it names the cell.
    DataTypeError
        If a cell holds an object that is no number.
    """
    kind = array.dtype.kind
    if kind in _NUMERIC_KINDS:
        # A long double beyond float64 becomes infinity, which the door reports.
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(array, dtype=float_dtype(array.dtype))
    if kind == "c":
        _raise_complex(array.dtype)
    if kind == "O":
        return _objects_to_float(array, names)
    position = (0,) * array.ndim
    raise DataError(_not_a_number(array[position] if array.size else "", position, names, _KIND_WORDS.get(kind, kind)))


def stack_columns(names: Sequence[str] | None, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return columns of any kind, each (n,), as one matrix (n, d), C-contiguous; float32 only if all are.

    Raises
    ------
    DataError
        If a column is not numeric: it names the column, a value and its row, and the columns that are
        numeric.
    """
    floats = []
    for j, column in enumerate(columns):
        try:
            floats.append(to_float(column))
        except (DataError, DataTypeError) as error:
            if column.dtype.kind == "c":
                raise
            raise DataError(_column_message(j, names, columns, error)) from None
    dtype = np.result_type(*floats) if floats else np.dtype(np.float64)
    matrix = np.empty((len(columns[0]) if columns else 0, len(columns)), dtype=dtype)
    # Tiles that stay in cache: columns are written across rows.
    for start in range(0, len(matrix), _TILE_ROWS):
        for j, values in enumerate(floats):
            matrix[start : start + _TILE_ROWS, j] = values[start : start + _TILE_ROWS]
    return matrix


def _objects_to_float(array: NDArray[Any], names: Sequence[str] | None) -> NDArray[Any]:
    types = set(map(type, array.flat))
    if not any(issubclass(t, str | bytes | np.datetime64 | np.timedelta64) or t.__name__ == "NAType" for t in types):
        try:
            return np.ascontiguousarray(array, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            pass  # the cells, one by one, tell which
    cells = [_cell_to_float(value, i, array.shape, names) for i, value in enumerate(array.flat)]
    return np.array(cells, dtype=np.float64).reshape(array.shape)


def _cell_to_float(value: Any, i: int, shape: tuple[int, ...], names: Sequence[str] | None) -> float:
    if value is None or type(value).__name__ == "NAType":
        return math.nan
    position = tuple(int(p) for p in np.unravel_index(i, shape))
    if isinstance(value, str | bytes):
        raise DataError(_not_a_number(value, position, names, "text"))
    if isinstance(value, np.datetime64 | np.timedelta64):
        raise DataError(_not_a_number(value, position, names, "dates"))
    try:
        return float(value)
    except (TypeError, ValueError):
        where = _where(position, names)
        msg = (
            f"X must hold numbers, but {where} holds {value!r}: "
            f"the argument must be a string or a real number, not {type(value).__name__!r}. "
            "Pass a matrix with one number in each cell."
        )
        raise DataTypeError(msg) from None
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _where(position: tuple[int, ...], names: Sequence[str] | None) -> str:
    row = f"row {position[0]}" if position else "it"
    return row if len(position) <= 1 else f"{row}, {column_label(position[1], names)}"


def _not_a_number(value: Any, position: tuple[int, ...], names: Sequence[str] | None, kind: str) -> str:
    where = _where(position, names)
    return (
        f"X must hold numbers, but {where} holds {_shown(value)} ({kind}). "
        "Drop such columns, or turn them into numbers or NaN first."
    )


def _column_message(j: int, names: Sequence[str] | None, columns: Sequence[NDArray[Any]], error: Exception) -> str:
    column = columns[j]
    row = next((i for i, value in enumerate(column) if _is_foreign(value)), 0)
    is_object = isinstance(error, DataTypeError)
    kind = "values that are no numbers" if is_object else _KIND_WORDS.get(column.dtype.kind, "text")
    value = f", such as {_shown(column[row])} in row {row}" if len(column) else ""
    label = f"Column {names[j]!r}" if names else f"Column {j}"
    return f"{label} holds {kind}{value}, where numbers are expected. Drop it, or {_advice(names, columns)}."


def _advice(names: Sequence[str] | None, columns: Sequence[NDArray[Any]]) -> str:
    numeric = [names[i] if names else i for i, column in enumerate(columns) if is_numeric(column)]
    listed = ", ".join(map(repr, numeric[:_LISTED])) + (", ..." if len(numeric) > _LISTED else "")
    return f"use only the numeric columns: [{listed}]" if numeric else "code it as numbers"


def _shown(value: Any) -> str:
    """Return a cell as its user would write it."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    return repr(value.item() if isinstance(value, np.generic) else value)


def _is_foreign(value: Any) -> bool:
    """Return whether a cell is neither a number nor missing."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return False
    if isinstance(value, np.datetime64 | np.timedelta64):
        return not np.isnat(value)
    return isinstance(value, str | bytes) or not isinstance(value, float | int | np.number | np.bool_)


def _raise_complex(dtype: np.dtype[Any]) -> None:
    msg = f"Complex data not supported: X has entries of type {dtype}. Pass real and imaginary parts as columns."
    raise DataError(msg)
