"""Tables in and out: the columns that a fit needs, and CSV or JSON for who asked."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from emkit.data import Table, read_table
from emkit.errors import DataError

__all__ = ["Columns", "columns_for", "columns_to_fit", "print_json", "write_csv"]


@dataclass(frozen=True)
class Columns:
    """The part of a table that goes into a model.

    Parameters
    ----------
    X : dict from name to array (n,)
    weights : array (n,), or None
    skipped : tuple of str
        Columns of text, left out.
    source : str
        Where the table came from.
    """

    X: dict[str, Any]
    weights: Any
    skipped: tuple[str, ...]
    source: str

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.X.values())))


def columns_to_fit(data: str, wanted: Sequence[str] | None, weights: str | None) -> Columns:
    """Return the columns asked for, or all numeric ones but the weights.

    Raises
    ------
    DataError
        If a column is unknown or no numbers.
    """
    table = read_table(data)
    skipped: tuple[str, ...] = ()
    if wanted is None:
        skipped = table.skipped
        wanted = [name for name in table.names if name not in skipped and name != weights]
    elif weights in wanted:
        message = f"column {weights!r} cannot be a feature and the weights: name it once"
        raise DataError(message)
    return _chosen(table, wanted, weights, skipped)


def columns_for(fit: Any, data: str, wanted: Sequence[str] | None, weights: str | None = None) -> Columns:
    """Return the columns that a saved fit was made of: by name, else the ones asked for or all numeric
    ones."""
    known = getattr(fit, "feature_names_in_", None)
    if wanted is not None or known is None:
        return columns_to_fit(data, wanted, weights)
    return _chosen(read_table(data), [str(name) for name in known], weights, ())


def _chosen(table: Table, names: Sequence[str], weights: str | None, skipped: tuple[str, ...]) -> Columns:
    matrix, found = table.numeric(names)
    case_weights = None if weights is None else table.numeric([weights])[0][:, 0]
    return Columns({name: matrix[:, j] for j, name in enumerate(found)}, case_weights, skipped, table.name)


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]], out: str | None) -> None:
    """Write rows of plain values to a file, or to standard output.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    with _opened(out) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


@contextlib.contextmanager
def _opened(out: str | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        return
    try:
        with Path(out).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        message = f"{out} cannot be written: {error.strerror or error}"
        raise DataError(message) from error


def print_json(value: Any) -> None:
    """Print plain values as JSON; numbers that JSON has no word for become null."""
    print(json.dumps(_finite(value), indent=2, ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
