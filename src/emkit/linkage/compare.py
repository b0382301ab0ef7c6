"""Comparisons of two tables, counted by pattern inside DuckDB: no pair ever reaches Python unless it is asked for."""

from __future__ import annotations

import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.data import Table
from emkit.data.frames import frame_columns
from emkit.errors import DataError, DataTypeError, ParameterError

__all__ = ["Comparison", "Exact", "JaroWinkler", "Levenshtein", "compare_pairs", "count_patterns"]


@dataclass(frozen=True)
class Comparison(ABC):
    """How one field of two records is compared: level 0 is the least agreement, and -1 a field that is not there."""

    field: str

    @abstractmethod
    def rules(self, left: str, right: str) -> list[str]:
        """Return conditions in SQL for the levels between equality and nothing, the strictest first."""

    @property
    def sql(self) -> str:
        """The level as an expression in SQL, of records `l` and `r`."""
        name = _quoted(self.field)
        left, right = f"l.{name}", f"r.{name}"
        rules = [f"{left} = {right}", *self.rules(f"CAST({left} AS VARCHAR)", f"CAST({right} AS VARCHAR)")]
        cases = " ".join(f"WHEN {rule} THEN {len(rules) - i}" for i, rule in enumerate(rules))
        return f"CASE WHEN {left} IS NULL OR {right} IS NULL THEN -1 {cases} ELSE 0 END"


@dataclass(frozen=True)
class Exact(Comparison):
    """Equal or not."""

    def rules(self, left: str, right: str) -> list[str]:
        return []


@dataclass(frozen=True)
class JaroWinkler(Comparison):
    """Text by the similarity of Jaro and Winkler: equal, then at least each of these, the highest first."""

    similarities: tuple[float, ...] = (0.9, 0.7)

    def rules(self, left: str, right: str) -> list[str]:
        falling = sorted(self.similarities, reverse=True)
        if not all(0 < value < 1 for value in falling):
            message = f"`similarities` must lie between 0 and 1, got {self.similarities}"
            raise ParameterError(message)
        return [f"jaro_winkler_similarity({left}, {right}) >= {value!r}" for value in falling]


@dataclass(frozen=True)
class Levenshtein(Comparison):
    """Text by the number of edits: equal, then at most each of these, the lowest first."""

    edits: tuple[int, ...] = (1, 2)

    def rules(self, left: str, right: str) -> list[str]:
        return [f"levenshtein({left}, {right}) <= {int(value)}" for value in sorted(self.edits)]


def count_patterns(
    left: Any, right: Any = None, *, comparisons: Sequence[Comparison], block_on: Sequence[Any] = ()
) -> Table:
    """Return the patterns of agreement of two tables with their counts, as `FellegiSunter` takes them.

    Parameters
    ----------
    left, right : data frame, mapping or Table
        `right` None compares the records of `left` among themselves, each pair once.
    comparisons : sequence of Comparison
    block_on : sequence of str or of tuples of str
        Only pairs that agree on one of these fields (or on all fields of a tuple) are compared; all pairs where empty.

    Returns
    -------
    Table
        A column "gamma_FIELD" for each comparison, and "n".

    Raises
    ------
    DataTypeError
        If DuckDB is not installed.
    DataError
        If a field is not in both tables.
    """
    names, expressions = _expressions(comparisons)
    query = (
        f"SELECT {', '.join(expressions)}, count(*) AS n FROM pairs JOIN left_table l ON l.row_ = pairs.l "
        f"JOIN right_table r ON r.row_ = pairs.r GROUP BY ALL ORDER BY ALL"
    )
    return _asked(left, right, comparisons, block_on, query, [*names, "n"])


def compare_pairs(
    left: Any, right: Any = None, *, comparisons: Sequence[Comparison], block_on: Sequence[Any] = ()
) -> Table:
    """Return every pair that blocking leaves: the numbers of its rows, "left" and "right", and the levels.

    Arguments and errors are those of `count_patterns`.
    """
    names, expressions = _expressions(comparisons)
    query = (
        f'SELECT pairs.l AS "left", pairs.r AS "right", {", ".join(expressions)} FROM pairs '
        "JOIN left_table l ON l.row_ = pairs.l JOIN right_table r ON r.row_ = pairs.r ORDER BY 1, 2"
    )
    return _asked(left, right, comparisons, block_on, query, ["left", "right", *names])


def _expressions(comparisons: Sequence[Comparison]) -> tuple[list[str], list[str]]:
    if not comparisons:
        message = "`comparisons` is empty: name the fields to compare, as in comparisons=[Exact('surname')]"
        raise ParameterError(message)
    names = [f"gamma_{comparison.field}" for comparison in comparisons]
    return names, [f"{c.sql} AS {_quoted(name)}" for c, name in zip(comparisons, names, strict=True)]


def _asked(
    left: Any, right: Any, comparisons: Sequence[Comparison], block_on: Sequence[Any], query: str, names: list[str]
) -> Table:
    """Return the answer to a query on the pairs that blocking leaves."""
    rules = [(rule,) if isinstance(rule, str) else tuple(rule) for rule in block_on]
    fields = {c.field for c in comparisons} | {field for rule in rules for field in rule}
    with _duckdb().connect() as connection:
        _enter(connection, "left_table", left, fields)
        _enter(connection, "right_table", left if right is None else right, fields)
        connection.execute(f"CREATE TEMP VIEW pairs AS {_pairs(rules, is_one_table=right is None)}")
        columns = connection.execute(query).fetchnumpy()
    return Table({name: np.asarray(columns[name]) for name in names})


def _pairs(rules: Sequence[tuple[str, ...]], *, is_one_table: bool) -> str:
    """Return the query of pairs of rows, each once however many rules it meets."""
    once = "l.row_ < r.row_" if is_one_table else "TRUE"
    if not rules:
        return f"SELECT l.row_ AS l, r.row_ AS r FROM left_table l, right_table r WHERE {once}"
    parts = []
    for rule in rules:
        equal = " AND ".join(f"l.{_quoted(field)} = r.{_quoted(field)}" for field in rule)
        parts.append(f"SELECT l.row_ AS l, r.row_ AS r FROM left_table l JOIN right_table r ON {equal} WHERE {once}")
    return " UNION ".join(parts)


def _enter(connection: Any, name: str, table: Any, fields: set[str]) -> None:
    """Make a table in DuckDB of the fields that are needed, with null for missing and the number of the row."""
    found = frame_columns(table.columns if isinstance(table, Table) else table)
    if found is None:
        message = f"expected a data frame or a mapping of columns, got {type(table).__name__}"
        raise DataTypeError(message)
    columns = dict(zip(map(str, found[0]), found[1], strict=True))
    lost = sorted(fields - set(columns))
    if lost:
        message = f"there is no field {lost[0]!r} in a table with the columns {list(columns)}"
        raise DataError(message)
    held = {field: _nullable(columns[field]) for field in sorted(fields)}
    frame = _pandas().DataFrame(held)
    connection.register("frame_", frame)
    connection.execute(f"CREATE TEMP TABLE {name} AS SELECT *, row_number() OVER () - 1 AS row_ FROM frame_")
    connection.unregister("frame_")


def _nullable(column: Any) -> Any:
    """Return a column as text or numbers with None for missing; numbers stay numbers."""
    values = np.asarray(column)
    if values.dtype.kind == "f":
        return _pandas().array(values, dtype="Float64")
    if values.dtype.kind != "O":
        return values
    missing = np.array([value is None or value != value for value in values.tolist()], dtype=bool)  # noqa: PLR0124
    held = values.copy()
    held[missing] = None
    return _pandas().array(held, dtype=object)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _duckdb() -> Any:
    return _library("duckdb")


def _pandas() -> Any:
    return sys.modules.get("pandas") or _library("pandas")


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        message = f"comparing tables needs {name}, which is not installed: pip install emkit[linkage]"
        raise DataTypeError(message) from error
