"""Tables in and out of the command line: files to columns, arrays to CSV and JSON."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from emkit.core.arrays import Array
from emkit.data import Table, read_table
from emkit.errors import DataError

__all__ = ["Rows", "print_json", "read_rows", "split_names", "write_csv"]

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
        count = len(self.table.names)
        columns = ", ".join(self.table.names[:12]) + (", ..." if count > 12 else "")
        text = f"{self.table.name}: {self.table.n_rows} rows, {count} column{'s' * (count > 1)} ({columns})"
        return text + (f"; left out, not numeric: {', '.join(self.skipped)}" if self.skipped else "")


def read_rows(
    data: str,
    columns: str | None,
    weights: str | None = None,
    known: Sequence[str] | None = None,
    *,
    takes_text: bool = False,
) -> Rows:
    """Return the rows of a file or shipped table.

    Parameters
    ----------
    data : str
    columns : str or None
        As on the command line, separated by commas (quoted where a name has one).
    weights : str or None
        Column of case weights, which is then no feature.
    known : sequence of str or None
        The columns of a fit: the choice where `columns` is None. Other names are never taken for these by their order.
    takes_text : bool
        Whether columns of text are chosen too where nothing else says which.
    """
    table = read_table(data)
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


def split_names(columns: str, option: str = "--columns") -> list[str]:
    """Return the names of an option that takes columns, separated by commas."""
    names = [name.strip() for name in next(csv.reader([columns], skipinitialspace=True), [])]
    if not names or not all(names):
        message = f"`{option}` must be names separated by commas, got {columns!r}"
        raise DataError(message)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        message = f"`{option}` names {twice[0]!r} twice"
        raise DataError(message)
    return names


def write_csv(header: Sequence[str], columns: Sequence[Array], out: str | None) -> None:
    """Write columns (n,) under their names, numbers with all their digits, to a file or the screen."""
    with _opened(out) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        n_rows = len(columns[0])
        for start in range(0, n_rows, _CHUNK):
            parts = [np.asarray(column)[start : start + _CHUNK].tolist() for column in columns]
            writer.writerows(zip(*parts, strict=True))


@contextlib.contextmanager
def _opened(out: str | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    with Path(out).open("w", newline="", encoding="utf-8") as file:
        yield file


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
