"""Answers for tables larger than memory: a block of rows is read, asked and written at a time."""

from __future__ import annotations

import contextlib
import csv
import importlib
import secrets
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emkit.cli.subjects import answer_of, has_answer, names_of
from emkit.cli.tables import read_rows, split_names
from emkit.core.arrays import Array
from emkit.data import Source, as_source, scan
from emkit.errors import DataError

__all__ = ["is_large", "predict_large"]

_LARGE = 1 << 25  # bytes of a file from which it is not read whole


def is_large(arguments: Namespace) -> bool:
    """Return whether the rows are to be read and the answers written block by block."""
    path = Path(arguments.data)
    is_big = path.is_dir() or (path.is_file() and path.stat().st_size > _LARGE)
    is_parquet = arguments.out is not None and Path(arguments.out).suffix in {".parquet", ".pq"}
    return is_parquet or (is_big and arguments.out is not None and not arguments.json)


def predict_large(arguments: Namespace, saved: Any) -> None:
    """Write the most probable component of each row, numbered from 1, and the probability of each."""
    predicted = answer_of(saved, "predict", "components")
    shares = answer_of(saved, "predict_proba", "probabilities") if has_answer(saved, "predict_proba") else None
    source = _source(arguments, saved)
    with _writing(Path(arguments.out)) as write:
        for block in source.blocks():
            found = {"component": predicted(block.X) + 1}
            if shares is not None:
                found |= {f"prob_{k + 1}": part for k, part in enumerate(shares(block.X).T)}
            write(list(found), list(found.values()))


def _source(arguments: Namespace, saved: Any) -> Source:
    if not Path(arguments.data).exists():  # a shipped table
        return as_source(read_rows(arguments.data, arguments.columns, None, names_of(saved)).matrix)
    columns = names_of(saved) if arguments.columns is None else split_names(arguments.columns)
    return scan(arguments.data, columns, memory_limit=0)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[Any]:
    """Give the function that adds rows to a file; the file is in its place when all are there, or not at all."""
    if not path.parent.is_dir():
        message = f"there is no folder {str(path.parent)!r} to write {path.name!r} to: make it first"
        raise DataError(message)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    writer = _Parquet(draft) if path.suffix in {".parquet", ".pq"} else _Csv(draft)
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
