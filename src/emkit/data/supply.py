"""Where the rows of a stream come from: files one after another, a temporary copy, or a function that begins anew."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from emkit.data.files import kind_of
from emkit.data.frames import frame_columns
from emkit.data.pieces import ArrayPiece, Piece, Roles, SpanPiece
from emkit.data.readers import FileReader, open_file
from emkit.data.text import TextFormat
from emkit.errors import DataError, DataTypeError

__all__ = [
    "Batches",
    "Chosen",
    "Files",
    "Origin",
    "Spool",
    "Supply",
    "check_weight_column",
    "files_of",
    "told",
]

_LISTED = 8
_STREAMED = {
    ".csv", ".tsv", ".tab", ".txt", ".dat", ".data", ".gz", ".parquet", ".pq", ".npy", ".feather", ".arrow", ".arrows",
    ".ipc",
}  # fmt: skip


class Origin(NamedTuple):
    """Where a piece comes from, for messages: a file, and its first row there."""

    label: str
    row: int


class Supply(Protocol):
    """Rows in pieces, any number of times."""

    @property
    def names(self) -> tuple[str, ...] | None: ...
    @property
    def n_bytes(self) -> int:
        """Bytes that the rows take, as far as is known."""

    def pieces(self) -> Iterator[tuple[Piece, Origin]]: ...
    def plain(self) -> Supply: ...


def files_of(path: Any) -> list[Path] | None:
    """Return the files that a path, a list of paths or a folder stands for; None if it is none of these."""
    if isinstance(path, (list, tuple)) and path and all(isinstance(item, str | Path) for item in path):
        if not all(isinstance(item, Path) or Path(item).suffix.lower() in _STREAMED for item in path):
            return None
        return [file for item in path for file in files_of(item) or []]
    if not isinstance(path, str | Path):
        return None
    place = Path(path).expanduser()
    return _files_in(place) if place.is_dir() else [place]


def _files_in(folder: Path) -> list[Path]:
    """Return the data files in a folder and its folders by name; those that begin with a dot or `_` are not data."""
    found = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    ]
    kinds = {file.suffix.lower() for file in found}
    if not found:
        message = f"The folder {str(folder)!r} holds no data files."
        raise DataError(message)
    if len(kinds) > 1:
        message = (
            f"The folder {str(folder)!r} holds files of several kinds, {', '.join(sorted(kinds))}: name those meant."
        )
        raise DataError(message)
    return found


@dataclass(frozen=True)
class Chosen:
    """The columns that the user names: features (all that have no other role where None), weights and keys."""

    features: tuple[str, ...] | None = None
    weight: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """The columns that are no features."""
        return Roles((), self.weight, self.keys).others

    def among(self, names: Sequence[str]) -> Roles:
        """Return the role of each column of a table with these names."""
        features = self.features
        if features is None:
            features = tuple(name for name in names if name not in self.others)
        return Roles(features, self.weight, self.keys)


class Files:
    """Files with the same columns, one after another.

    Raises
    ------
    DataError
        If there is no such file, a column is not there, or the columns differ between files; it names the file.
    """

    def __init__(self, paths: Sequence[Path], chosen: Chosen, layout: TextFormat) -> None:
        self._readers: list[FileReader] = [open_file(path, layout) for path in paths if not _is_hollow(path, paths)]
        first = self._readers[0]
        self._roles = chosen.among(first.names)
        for reader in self._readers:
            _check_columns(reader, self._roles.names, first, is_chosen=chosen.features is not None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return self._roles.features

    @property
    def n_bytes(self) -> int:
        """Bytes of the files; their numbers hardly take fewer."""
        return sum(reader.path.stat().st_size for reader in self._readers)

    @property
    def is_text(self) -> bool:
        """Whether reading costs so much that it is done once."""
        return any(kind_of(reader.path) == "text" for reader in self._readers)

    def pieces(self) -> Iterator[tuple[Piece, Origin]]:
        """Yield the rows of one file after another."""
        for reader in self._readers:
            row = 0
            for piece in reader.pieces(self._roles):
                yield piece, Origin(reader.label, row)
                row += piece.n_rows

    def plain(self) -> Files:
        """Return the features of the same rows alone."""
        other = copy(self)
        other._roles = Roles(self.names)
        return other


def _is_hollow(path: Path, paths: Sequence[Path]) -> bool:
    """Return whether a file among several is empty: a partition without rows."""
    return len(paths) > 1 and path.is_file() and path.stat().st_size == 0 and path != paths[0]


def _check_columns(reader: FileReader, wanted: Sequence[str], first: FileReader, *, is_chosen: bool) -> None:
    missing = [name for name in wanted if name not in reader.names]
    extra = [] if is_chosen else [name for name in reader.names if name not in first.names]
    if not missing and not extra:
        return
    if reader is first:
        message = f"{reader.label} has no column {missing[0]!r}. Its columns are: {_listed(reader.names)}."
        raise DataError(message)
    parts = [f"lacks {_listed(missing)}"] if missing else []
    parts += [f"has {_listed(extra)} besides"] if extra else []
    message = (
        f"The columns differ between files: {reader.label} {' and '.join(parts)}, compared with {first.label}. "
        "All files must have the same columns; choose those meant by emkit.data.scan(path, columns=[...])."
    )
    raise DataError(message)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")


class Batches:
    """What a function yields each time it is called: arrays, record batches or data frames.

    Raises
    ------
    DataError
        If it yields nothing.
    """

    def __init__(self, begin: Callable[[], Iterable[Any]], chosen: Chosen) -> None:
        self._begin = begin
        first = next(iter(begin()), None)
        if first is None:
            message = "The function that makes the batches of rows yielded none. Each call must begin anew."
            raise DataError(message)
        found = None if isinstance(first, np.ndarray) else frame_columns(first)
        is_named = found is not None or chosen.features is not None
        self._roles = chosen.among([] if found is None else [str(name) for name in found[0]]) if is_named else None
        if self._roles is None and chosen.others:
            message = f"there is a role for the column {chosen.others[0]!r}, but the batches are arrays without names."
            raise DataError(message)

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the features, where the batches have any."""
        return None if self._roles is None else self._roles.features

    @property
    def n_bytes(self) -> int:
        """Bytes of the rows: not known before they are made."""
        return 0

    def pieces(self) -> Iterator[tuple[Piece, Origin]]:
        """Yield the rows of one batch after another."""
        for i, batch in enumerate(self._begin()):
            yield self._piece(batch, i), Origin(f"batch {i}", 0)

    def plain(self) -> Batches:
        """Return the features of the same rows alone."""
        other = copy(self)
        other._roles = None if self.names is None else Roles(self.names)
        return other

    def _piece(self, batch: Any, i: int) -> Piece:
        if self._roles is None:
            array = np.asarray(batch)
            if array.ndim != 2:
                message = f"batch {i} must be a table of numbers with two dimensions, but its shape is {array.shape}."
                raise DataError(message)
            return ArrayPiece(array)
        found = frame_columns(batch)
        columns = {} if found is None else {str(name): column for name, column in zip(*found, strict=True)}
        missing = [name for name in self._roles.names if name not in columns]
        if missing and i == 0:
            message = f"the batches have no column {missing[0]!r}. Their columns are: {_listed(tuple(columns))}."
            raise DataError(message)
        if missing:
            message = f"The columns differ between batches: batch {i} lacks {_listed(missing)}."
            raise DataError(message)
        return self._roles.piece(columns)


class Spool:
    """Rows kept as numbers in a temporary file, which is gone with the source.

    Raises
    ------
    DataError
        If the folder is not there, or full.
    """

    def __init__(self, names: tuple[str, ...] | None, folder: str | os.PathLike[str] | None = None) -> None:
        if folder is not None and not Path(folder).is_dir():
            message = (
                f"`cache` must be a folder for a temporary copy of the numbers, but there is none: {str(folder)!r}."
            )
            raise DataError(message)
        self._file: Any = tempfile.TemporaryFile(prefix="emkit-", dir=folder)  # noqa: SIM115 - open as long as it lives
        weakref.finalize(self, self._file.close)
        self.names = names
        self._shape, self._n_weights = (0, 0), 0

    @property
    def n_bytes(self) -> int:
        """Bytes of the numbers."""
        return 8 * self._shape[0] * self._shape[1]

    def pieces(self) -> Iterator[tuple[Piece, Origin]]:
        """Yield all rows as one piece, read when they are needed."""
        dtype = np.dtype(np.float64)
        yield SpanPiece(self._file.fileno(), 0, self._shape, dtype, self._n_weights), Origin("the temporary copy", 0)

    def plain(self) -> Spool:
        """Return the features alone: of what was kept without weights, the same."""
        return self

    def read(self, supply: Supply) -> Spool:
        """Read a supply once and keep its numbers: to read those again takes a fraction of the time."""
        deque(self.filled(supply.pieces()), maxlen=0)
        return self

    def filled(
        self, pieces: Iterable[tuple[Piece, Origin]], *, has_weights: bool = True
    ) -> Iterator[tuple[Piece, Origin]]:
        """Pass pieces on, and keep their numbers."""
        n_rows = n_columns = n_weights = 0
        for piece, origin in pieces:
            with told(origin):
                X, weights = piece.rows()
            table = X if weights is None or not has_weights else np.column_stack([X, weights])
            n_rows, n_columns = n_rows + len(X), table.shape[1]
            n_weights = n_columns - X.shape[1]
            _write(self._file, np.ascontiguousarray(table, dtype=np.float64))
            yield piece, origin
        self._file.flush()
        self._shape, self._n_weights = (n_rows, n_columns), n_weights


def _write(file: Any, table: Any) -> None:
    try:
        file.write(table.data)
    except OSError as error:
        message = (
            f"There is no room for a temporary copy of the numbers: {error.strerror or error}. Name a folder on a "
            "larger disk, emkit.data.scan(path, cache=folder), or save the table as Parquet, which needs no copy."
        )
        raise DataError(message) from error


@contextmanager
def told(origin: Origin) -> Iterator[None]:
    """Name the file in an error about its rows."""
    try:
        yield
    except (DataError, DataTypeError) as error:
        where = f", rows counted from its row {origin.row}" if origin.row else ""
        message = f"{origin.label}{where}: {error}"
        raise type(error)(message) from error


def check_weight_column(weights: Any) -> None:
    """Raise unless case weights read from a column are finite and not negative."""
    wrong = ~np.isfinite(weights) | (weights < 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        message = f"the column of weights must hold finite numbers of at least 0, but row {row} holds {weights[row]}."
        raise DataError(message)
