"""The checks at the door: each says what was expected, what came and where, and what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from emkit.data.block import BLOCK_ROWS
from emkit.data.sparse import is_sparse
from emkit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "check_columns_observed",
    "check_matrix_shape",
    "checked_rows",
    "checked_weights",
    "column_label",
    "find_missing",
    "refuse_columns",
    "refuse_missing",
]

_LISTED = 5


def column_label(column: int, names: Sequence[str] | None) -> str:
    """Return how a message calls a column: by number, and by name where it has one."""
    return f"column {column}" if names is None else f"column {column} ({names[column]!r})"


def check_matrix_shape(shape: tuple[int, ...], min_rows: int) -> None:
    """Raise unless `shape` is that of at least `min_rows` rows and one column."""
    n_rows, n_features = shape
    if n_features == 0:
        msg = f"0 feature(s) (shape={shape}) while a minimum of 1 is required. Give at least one numeric column."
        raise DataError(msg)
    if n_rows < min_rows:
        msg = f"Found array with {n_rows} sample(s) (shape={shape}) while a minimum of {min_rows} is required."
        raise DataError(msg)


def find_missing(X: NDArray[Any], names: Sequence[str] | None = None) -> tuple[bool, ...]:
    """Return for each block whether it holds a NaN, in about the time of one read.

    Raises
    ------
    DataError
        If an entry is infinite; it names row and column.
    """
    entries = np.asarray(X.data) if is_sparse(X) else X
    with np.errstate(all="ignore"):
        found: list[bool] = [
            _has_missing(entries[start : start + BLOCK_ROWS], X, names)
            for start in range(0, max(len(entries), 1), BLOCK_ROWS)
        ]
    if entries is X:
        return tuple(found)
    if any(found):
        msg = "X is sparse and contains NaN. Sparse data cannot hold missing entries: pass a dense array, or drop them."
        raise DataError(msg)
    n_blocks: int = -(-X.shape[0] // BLOCK_ROWS)
    return (False,) * max(1, n_blocks)


def _has_missing(part: NDArray[Any], X: NDArray[Any], names: Sequence[str] | None) -> bool:
    flat = part.reshape(-1)
    # A sum is finite unless an entry is not, or it overflows: only then look at the entries. Not a dot
    # product: the threads of OpenBLAS spin for a while after one, and take the processors from the threads of
    # the fit (measured).
    if math.isfinite(flat.sum()):
        return False
    if np.isinf(flat).any():
        _raise_infinite(X, names)
    return bool(np.isnan(flat).any())


def _raise_infinite(X: Any, names: Sequence[str] | None) -> NoReturn:
    if is_sparse(X):
        X = X.tocoo()
        rows, columns, values = X.row, X.col, X.data
        rows, columns, values = (part[np.isinf(values)] for part in (rows, columns, values))
    else:
        rows, columns = np.nonzero(np.isinf(X))
        values = X[rows, columns]
    count, row, column, value = len(rows), rows[0], columns[0], values[0]
    entries = "the only such entry" if count == 1 else f"the first of {count} such entries"
    msg = (
        f"X contains infinity: row {row}, {column_label(column, names)} holds {value} ({entries}). "
        "Expected finite numbers, or NaN where a value is unknown: replace it by NaN or drop the row."
    )
    raise DataError(msg)


def refuse_missing(X: NDArray[Any], names: Sequence[str] | None, first_row: int = 0) -> NoReturn:
    """Raise because `X` has missing entries; name the first and count them."""
    row, column = np.argwhere(np.isnan(X))[0]
    msg = (
        f"X contains NaN, a missing value, first in row {first_row + row}, {column_label(column, names)}, "
        "but this model needs complete data: drop these rows or fill them in."
    )
    raise DataError(msg)


def check_columns_observed(X: NDArray[Any], weights: NDArray[np.float64] | None, names: Sequence[str] | None) -> None:
    """Raise if a column has no observed entry in any row of positive weight."""
    observed = np.zeros(X.shape[1], dtype=bool)
    for start in range(0, X.shape[0], BLOCK_ROWS):
        rows = X[start : start + BLOCK_ROWS]
        if weights is not None:
            rows = rows[weights[start : start + BLOCK_ROWS] > 0]
        observed |= ~np.isnan(rows).all(axis=0)
        if observed.all():
            return
    refuse_columns(observed, names)


def refuse_columns(observed: NDArray[np.bool_], names: Sequence[str] | None) -> NoReturn:
    """Raise because columns have no observed entry; `observed` (d,) tells which have."""
    empty = np.flatnonzero(~observed)
    listed = ", ".join(column_label(j, names) for j in empty[:_LISTED]) + (", ..." if len(empty) > _LISTED else "")
    msg = (
        f"X has {len(empty)} column(s) of nothing but NaN, missing values: {listed}. "
        "Nothing can be learnt about them: drop them."
    )
    raise DataError(msg)


def checked_weights(weights: ArrayLike | None, n_rows: int) -> NDArray[np.float64] | None:
    """Return case weights as a float64 array (n,), or None where every row counts once.

    Raises
    ------
    DataError
        If they are not numbers, have another shape, are negative, not finite, or all zero.
    """
    if weights is None:
        return None
    array = _weights_array(weights, n_rows)
    _check_weight_values(array)
    return None if (array == 1.0).all() else array


def _weights_array(weights: ArrayLike, n_rows: int) -> NDArray[np.float64]:
    try:
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"`sample_weight` must be numbers, one for each of the {n_rows} rows, but: {error}."
        raise DataError(msg) from error
    if array.ndim == 0:
        array = np.full(n_rows, array.item())
    if array.shape != (n_rows,):
        msg = f"`sample_weight` must have shape ({n_rows},), one for each row of X, but it has shape {array.shape}."
        raise DataError(msg)
    return np.ascontiguousarray(array)


def _check_weight_values(weights: NDArray[np.float64]) -> None:
    is_finite = np.isfinite(weights)
    if not is_finite.all():
        _raise_weight(weights, int(np.argmin(is_finite)), "must be finite")
    if (weights < 0).any():
        _raise_weight(weights, int(np.argmax(weights < 0)), "must not be negative")
    if not weights.any():
        msg = f"`sample_weight` is zero for all {len(weights)} rows: no row is left to learn from. Give some a weight."
        raise DataError(msg)


def _raise_weight(weights: NDArray[np.float64], row: int, rule: str) -> NoReturn:
    msg = f"`sample_weight` {rule}, but it is {weights[row]} in row {row}. A row to be left out has weight 0."
    raise DataError(msg)


def checked_rows(rows: ArrayLike, n_rows: int) -> NDArray[np.intp]:
    """Return row indices as an integer array; a mask becomes indices.

    Raises
    ------
    DataError
        If an index is outside the data, or a mask has another length.
    """
    array = np.asarray(rows)
    if array.dtype == bool:
        if array.shape != (n_rows,):
            msg = f"A mask of rows must have shape ({n_rows},), but it has shape {array.shape}."
            raise DataError(msg)
        return np.flatnonzero(array)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        msg = f"Rows must be given by integers or a mask, in one dimension, but came as {array.dtype}, {array.shape}."
        raise DataError(msg)
    array = array.astype(np.intp)
    outside = (array < 0) | (array >= n_rows)
    if outside.any():
        msg = f"Row {array[np.argmax(outside)]} was asked for, but the data have rows 0 to {n_rows - 1}."
        raise DataError(msg)
    return array
