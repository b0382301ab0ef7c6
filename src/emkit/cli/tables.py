"""Tables in and out of the command line: files to columns, arrays to CSV and JSON."""

from __future__ import annotations

import csv
import json
import math
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emkit.cli.writing import is_parquet, writing
from emkit.core.arrays import Array
from emkit.data import Table, read_table
from emkit.errors import DataError

__all__ = ["Rows", "layout_of", "print_json", "read_rows", "sentence_of", "split_names", "split_words", "write_table"]

_CHUNK = 16384  # rows turned into text at a time


@dataclass(frozen=True)
class Rows:
    """The rows that a command works on.

    Parameters
    ----------
    table : Table
        Of the columns chosen, all meant as features.
    weights : array (n,) or None
    skipped : tuple of str
        Columns left out because they are not numeric.
    """

    table: Table
    weights: Array | None
    skipped: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the table is called."""
        return self.table.name

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.table.n_rows

    @property
    def names(self) -> tuple[str, ...]:
        """The columns chosen."""
        return self.table.names

    @property
    def data(self) -> Table:
        """What a model is fitted to."""
        return self.table

    @property
    def matrix(self) -> Array:
        """The features (n, d), in the order of the columns."""
        return self.table.numeric(self.table.names)[0]

    @property
    def features(self) -> Any:
        """What a fit is asked about: the matrix of numbers, or the table itself where columns hold words."""
        return self.table if self.table.skipped else self.matrix

    @property
    def sentence(self) -> str:
        """What was read, in words."""
        return sentence_of(self.name, self.n_rows, self.names, self.skipped)


def sentence_of(name: str, n_rows: int, names: Sequence[str], skipped: Sequence[str]) -> str:
    """Return what was read, in words."""
    count = len(names)
    columns = ", ".join(names[:12]) + (", ..." if count > 12 else "")
    text = f"{name}: {n_rows} rows, {count} column{'s' * (count > 1)} ({columns})"
    return text + (f"; left out, not numeric: {', '.join(skipped)}" if skipped else "")


def layout_of(arguments: Namespace) -> dict[str, Any]:
    """Return how a text table is laid out, as `read_table` and `scan` take it, where the command line says so."""
    given = {name: getattr(arguments, name) for name in ("delimiter", "decimal", "encoding")}
    found = {name: value for name, value in given.items() if value is not None}
    return found if arguments.na is None else found | {"missing": split_words(arguments.na)}


def read_rows(
    arguments: Namespace,
    weights: str | None = None,
    known: Sequence[str] | None = None,
    *,
    takes_text: bool = False,
) -> Rows:
    """Return the rows of a file or shipped table.

    Parameters
    ----------
    arguments : Namespace
        Of the command: `data`, how it is laid out, and `columns`, names separated by commas (quoted where one has one).
    weights : str or None
        Column of case weights, which is then no feature.
    known : sequence of str or None
        The columns of a fit: the choice where `columns` is None. Other names are never taken for these by their order.
    takes_text : bool
        Whether columns of text are chosen too where nothing else says which.
    """
    table = read_table(arguments.data, **layout_of(arguments))
    columns: str | None = arguments.columns
    mass = None if weights is None else table.numeric(weights)[0][:, 0]
    skipped: tuple[str, ...] = ()
    if columns is not None:
        names = split_names(columns)
    elif known is not None:
        names = list(known)
    else:
        skipped = () if takes_text else table.skipped
        names = [name for name in table.names if name not in skipped and name != weights]
        if not names:
            table.select([name for name in table.names if name != weights]).numeric()  # says that none is numeric
    return Rows(table.select(names), mass, skipped)


def split_words(text: str) -> list[str]:
    """Return the words of an option that takes several, separated by commas (quoted where one has one)."""
    return [word.strip() for word in next(csv.reader([text], skipinitialspace=True), [])]


def split_names(columns: str, option: str = "--columns") -> list[str]:
    """Return the names of an option that takes columns, separated by commas."""
    names = split_words(columns)
    if not names or not all(names):
        message = f"`{option}` must be names separated by commas, got {columns!r}"
        raise DataError(message)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        message = f"`{option}` names {twice[0]!r} twice"
        raise DataError(message)
    return names


def write_table(header: Sequence[str], columns: Sequence[Array], out: str | None) -> None:
    """Write columns (n,) under their names, numbers with all their digits, to the screen or a file."""
    if out is None:
        _print_csv(header, columns)
        return
    path = Path(out)
    with writing(path) as write:
        # Parquet reads the kind of a column off its rows: of all of them, for words that come late
        for rows in [columns] if is_parquet(path) else _chunks(columns):
            write(header, rows)


def _print_csv(header: Sequence[str], columns: Sequence[Array]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    for rows in _chunks(columns):
        writer.writerows(zip(*(row.tolist() for row in rows), strict=True))


def _chunks(columns: Sequence[Array]) -> Iterator[list[Array]]:
    """Yield some rows of all columns at a time; once if there are none."""
    for start in range(0, max(1, len(columns[0])), _CHUNK):
        yield [np.asarray(column)[start : start + _CHUNK] for column in columns]


def print_json(value: Any) -> None:
    """Print a value as JSON; what is no finite number is null."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
