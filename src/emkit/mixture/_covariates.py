"""Covariates: numbers as they are, words as indicators of all levels but the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import Table
from emkit.data.frames import frame_columns, series_column
from emkit.data.sparse import is_sparse
from emkit.errors import DataError, DataTypeError

__all__ = ["Covariates", "as_columns", "numbers", "only_column"]


@dataclass(frozen=True)
class Covariates:
    """Names of the columns, and the levels of those that hold words (the first is the reference; empty for numbers)."""

    names: tuple[str, ...] = ()
    levels: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, columns: Mapping[str, Array]) -> Covariates:
        """Return the covariates that columns stand for."""
        return cls(tuple(columns), tuple(_levels(column) for column in columns.values()))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the columns of numbers that come of them."""
        pairs = zip(self.names, self.levels, strict=True)
        return tuple(label for name, own in pairs for label in ([f"{name}={v}" for v in own[1:]] if own else [name]))

    def rows(self, columns: Mapping[str, Array], n: int) -> FloatArray:
        """Return the columns (n, p) as numbers.

        Raises
        ------
        DataError
            If there are more or fewer columns than before, or a level is new or missing.
        """
        if len(columns) != len(self.names):
            message = (
                f"expected {len(self.names)} covariates ({', '.join(self.names)}), got {len(columns)}"
                f" ({', '.join(columns)})"
            )
            raise DataError(message)
        made = [np.empty((n, 0))]
        for name, own, column in zip(self.names, self.levels, columns.values(), strict=True):
            made.append(_indicators(name, own, column) if own else numbers(name, column)[:, None])
        return np.concatenate(made, axis=1)


def _levels(column: Array) -> tuple[str, ...]:
    if column.dtype.kind in "biuf":
        return ()
    values = {value for value in column.tolist() if not _is_null(value)}
    if all(isinstance(value, (bool, int, float)) for value in values):
        return ()
    return tuple(sorted(map(str, values)))


def _is_null(value: Any) -> bool:
    return value is None or bool(value != value)  # noqa: PLR0124 - NaN


def _indicators(name: str, levels: Sequence[str], column: Array) -> FloatArray:
    words = [None if _is_null(value) else str(value) for value in column.tolist()]
    strange = next((i for i, word in enumerate(words) if word not in levels), None)
    if strange is not None:
        message = f"covariate {name!r} is {words[strange]!r} in row {strange}; known are {', '.join(map(repr, levels))}"
        raise DataError(message)
    return np.array([[word == level for level in levels[1:]] for word in words], dtype=np.float64)


def numbers(name: str, column: Array) -> FloatArray:
    """Return a column (n,) as numbers, NaN for missing.

    Raises
    ------
    DataError
        If it holds words.
    """
    try:
        values = [np.nan if value is None else value for value in column.tolist()]
        return np.asarray(column if column.dtype.kind in "biuf" else values, dtype=np.float64)
    except (TypeError, ValueError):
        strange = next(value for value in column.tolist() if isinstance(value, str))
        message = f"column {name!r} must hold numbers, got {strange!r}; code categories as numbers, such as 0 and 1"
        raise DataError(message) from None


def as_columns(table: Any, prefix: str, role: str) -> tuple[dict[str, Array], bool]:
    """Return the columns of a table, series or array by name, and whether the names are its own.

    Raises
    ------
    DataError, DataTypeError
        If it is no table, or sparse.
    """
    if is_sparse(table):
        message = f"{role} is a sparse matrix, and this model needs dense data: pass .toarray() if it fits in memory"
        raise DataTypeError(message)
    series = series_column(table)
    if series is not None:
        return {f"{prefix}1" if series[0] is None else str(series[0]): series[1]}, series[0] is not None
    found = (list(table.columns), list(table.columns.values())) if isinstance(table, Table) else frame_columns(table)
    if found is not None:
        return {str(name): np.asarray(column) for name, column in zip(*found, strict=True)}, True
    array = np.asarray(table)
    array = array.reshape(-1, 1) if array.ndim == 1 else array
    if array.ndim != 2:
        message = f"{role} must be a table of rows and columns, got an array of shape {array.shape}"
        raise DataError(message)
    return {f"{prefix}{j + 1}": array[:, j] for j in range(array.shape[1])}, False


def only_column(columns: dict[str, Any] | None) -> Any:
    """Return the one column of a role that has one, or None."""
    return None if columns is None else next(iter(columns.values()))
