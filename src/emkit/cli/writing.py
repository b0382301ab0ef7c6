"""Files of answers, CSV or Parquet: in their place when all rows are there, or not at all."""

from __future__ import annotations

import contextlib
import csv
import importlib
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import DataError

__all__ = ["is_parquet", "writing"]


def is_parquet(path: Path) -> bool:
    """Return whether a file is to be one of Parquet."""
    return path.suffix in {".parquet", ".pq"}


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Any]:
    """Give the function that adds rows to a file; the file is in its place when all are there, or not at all."""
    if not path.parent.is_dir():
        message = f"there is no folder {str(path.parent)!r} to write {path.name!r} to: make it first"
        raise DataError(message)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    writer = _Parquet(draft) if is_parquet(path) else _Csv(draft)
    try:
        yield writer.add
        writer.close()
        draft.replace(path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}. What was there before is untouched."
        raise DataError(message) from error
    finally:
        writer.close()
        draft.unlink(missing_ok=True)


class _Csv:
    def __init__(self, path: Path) -> None:
        self._file = path.open("x", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._is_begun = False

    def add(self, header: Sequence[str], columns: Sequence[Array]) -> None:
        """Write rows, after the names the first time."""
        if not self._is_begun:
            self._writer.writerow(header)
            self._is_begun = True
        self._writer.writerows(zip(*(np.asarray(column).tolist() for column in columns), strict=True))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._arrow = importlib.import_module("pyarrow")
        self._writer: Any = None

    def add(self, header: Sequence[str], columns: Sequence[Array]) -> None:
        """Write rows as a group of their own."""
        table = self._arrow.table(dict(zip(header, columns, strict=True)))
        if self._writer is None:
            self._writer = importlib.import_module("pyarrow.parquet").ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
