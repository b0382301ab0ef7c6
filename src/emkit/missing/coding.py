"""Tables of numbers and categories, text included, as rows of numbers and codes, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import Table
from emkit.data.columns import is_numeric, to_float
from emkit.data.frames import frame_columns
from emkit.errors import DataError, ParameterError
from emkit.missing.bounds import column_of

__all__ = ["Coding", "coding_of", "columns_of"]

MOST_CELLS = 4096


@dataclass(frozen=True, eq=False)
class Coding:
    """Which columns are continuous, and the categories of the others.

    Attributes
    ----------
    names : tuple of str
        All columns, in order.
    continuous : tuple of str
    categories : mapping of str to tuple
        Of each other column, in order.
    ordered : tuple of bool
        Whether those are ordered.
    """

    names: tuple[str, ...]
    continuous: tuple[str, ...]
    categories: Mapping[str, tuple[Any, ...]]
    ordered: tuple[bool, ...]

    @property
    def levels(self) -> tuple[int, ...]:
        """How many categories each categorical column has."""
        return tuple(len(values) for values in self.categories.values())

    def rows(self, X: Any) -> FloatArray:
        """Return a table as rows (n, d + q): continuous columns, then codes 0, 1, ...; NaN where missing.

        Raises
        ------
        DataError
            If a column is not there, or a category was not seen in training.
        """
        columns = columns_of(X)
        absent = [name for name in self.names if name not in columns]
        if absent or len(columns) != len(self.names):
            message = f"expected the columns {', '.join(self.names)}, got {', '.join(columns)}"
            raise DataError(message)
        numbers = [_numbers(name, columns[name]) for name in self.continuous]
        codes = [_codes(name, columns[name], values) for name, values in self.categories.items()]
        return np.ascontiguousarray(np.column_stack([*numbers, *codes]))

    def table(self, rows: FloatArray, name: str = "") -> Table:
        """Return rows (n, d + q) as a table again."""
        found: dict[str, Array] = {column: rows[:, j] for j, column in enumerate(self.continuous)}
        for j, (column, values) in enumerate(self.categories.items(), start=len(self.continuous)):
            kind = object if isinstance(values[0], str) else None
            found[column] = np.array(values, dtype=kind)[rows[:, j].astype(np.intp)]
        return Table({column: found[column] for column in self.names}, name)


def columns_of(X: Any) -> dict[str, Array]:
    """Return the columns of a table, data frame, mapping or matrix by name; those of a matrix are numbered."""
    found = frame_columns(X.columns if isinstance(X, Table) else X)
    if found is None:
        matrix = np.asarray(X)
        if matrix.ndim != 2:
            message = f"`X` must be a table, a data frame or a matrix (n, d), got shape {matrix.shape}"
            raise DataError(message)
        return {str(j): _plain(matrix[:, j]) for j in range(matrix.shape[1])}
    return {str(name): _plain(np.asarray(column)) for name, column in zip(*found, strict=True)}


def _plain(column: Array) -> Array:
    """Return a column of objects as numbers where all that it holds are numbers."""
    if column.dtype.kind != "O" or not all(_is_lost(v) or isinstance(v, (int, float)) for v in column.tolist()):
        return column
    return np.array([np.nan if _is_lost(value) else float(value) for value in column.tolist()])


def coding_of(columns: Mapping[str, Array], categorical: Any, ordered: Any) -> Coding:
    """Return how to code columns: text is categorical, and so are those named; `ordered` maps columns to categories.

    Raises
    ------
    ParameterError
        If there is no categorical column, or so many categories that their combinations are too many.
    DataError
        If a column has fewer than two categories.
    """
    names, orders = tuple(columns), dict(ordered or {})
    at = {names[column_of(c, names, len(names), "ordered")]: tuple(values) for c, values in orders.items()}
    asked = {names[column_of(c, names, len(names), "categorical")] for c in categorical or ()}
    kinds = {n: at.get(n) or _values(c) for n, c in columns.items() if n in asked or n in at or not is_numeric(c)}
    if not kinds:
        message = "no column is categorical: use EMImputer, or name some by `categorical`"
        raise ParameterError(message)
    few = [name for name, values in kinds.items() if len(values) < 2]
    if few:
        message = f"column {few[0]!r} has {len(kinds[few[0]])} categories, but needs at least 2: leave it out"
        raise DataError(message)
    coding = Coding(names, tuple(n for n in names if n not in kinds), kinds, tuple(n in at for n in kinds))
    n_cells = int(np.prod([float(k) for k in coding.levels]))
    if n_cells > MOST_CELLS:
        message = (
            f"the categories of {', '.join(kinds)} have {n_cells} combinations, more than {MOST_CELLS}: leave columns "
            "out, join rare categories, or give ordered ones as numbers"
        )
        raise ParameterError(message)
    return coding


def _is_lost(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))


def _values(column: Array) -> tuple[Any, ...]:
    """Return the categories of a column, sorted."""
    return tuple(sorted({value for value in column.tolist() if not _is_lost(value)}))


def _numbers(name: str, column: Array) -> FloatArray:
    values = np.asarray(to_float(column, [name]), dtype=np.float64).reshape(-1)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        message = f"column {name!r} holds infinity in row {row}; NaN means missing"
        raise DataError(message)
    return values


def _codes(name: str, column: Array, values: tuple[Any, ...]) -> FloatArray:
    code = {value: float(number) for number, value in enumerate(values)}
    codes = np.full(len(column), np.nan)
    for row, value in enumerate(column.tolist()):
        if _is_lost(value):
            continue
        if value not in code:
            among = ", ".join(map(repr, values))
            message = f"column {name!r} has {value!r} in row {row}, but its categories are {among}"
            raise DataError(message)
        codes[row] = code[value]
    return codes
