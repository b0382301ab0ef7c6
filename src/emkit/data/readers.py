"""Files of every streamed kind as pieces of rows: Parquet, Arrow and Feather, delimited text, `.npy`.

A reader can be asked for its pieces any number of times. What goes wrong while reading becomes an error that names the
file; a file that changes between two readings is one.
"""

from __future__ import annotations

import importlib
import importlib.util
import weakref
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.block import BLOCK_ROWS
from emkit.data.files import kind_of, missing_message
from emkit.data.frames import frame_columns
from emkit.data.pieces import ArrayPiece, FramePiece, Piece, Roles, SpanPiece
from emkit.data.text import TextFormat, TextStream
from emkit.errors import DataError

__all__ = ["FileReader", "open_file", "unreadable"]

_BUFFER = 1 << 16  # bytes read at a time of each column


class FileReader(ABC):
    """One file of rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = _stamp(path)
        with self._explained():
            self.names = self._look()

    @property
    def label(self) -> str:
        """How a message calls it."""
        return str(self.path)

    def pieces(self, roles: Roles) -> Generator[Piece, None, None]:
        """Yield the rows piece by piece.

        Raises
        ------
        DataError
            If the file is damaged, or is not the one that was opened.
        """
        self._check_same()
        with self._explained():
            yield from self._read(roles)
        self._check_same()

    def head(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the first rows by name, as they are read."""
        with self._explained():
            return self._head()

    @abstractmethod
    def _head(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the first rows."""

    @abstractmethod
    def _look(self) -> tuple[str, ...]:
        """Return the names of the columns."""

    @abstractmethod
    def _read(self, roles: Roles) -> Generator[Piece, None, None]:
        """Yield the rows."""

    def _check_same(self) -> None:
        if _stamp(self.path) != self._stamp:
            message = (
                f"{self.path} changed while it was in use: a fit needs the same rows in every pass. Copy it to where "
                "nothing writes to it, and fit again."
            )
            raise DataError(message)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DataError:
            raise
        except Exception as error:
            if not isinstance(error, (ValueError, *unreadable())):
                raise
            self._check_same()
            what = str(error).strip().splitlines()[:1] or [type(error).__name__]
            message = f"{self.path} is damaged, or no {self.path.suffix or 'such'} file: {what[0]}"
            raise DataError(message) from error


def open_file(path: Path, layout: TextFormat) -> FileReader:
    """Return the reader of a file, by its suffix or its first bytes.

    Raises
    ------
    DataError
        If there is no such file, it is empty, or of a kind that is not read row by row.
    """
    if not path.exists():
        raise DataError(missing_message(path, str(path)))
    if path.stat().st_size == 0:
        message = f"{path} is empty: expected a table."
        raise DataError(message)
    kind = kind_of(path)
    if kind == "text":
        return _Text(path, layout)
    if kind == "numpy":
        return _Npy(path)
    if importlib.util.find_spec("pyarrow") is None:
        message = f"{path} needs pyarrow to be read row by row: pip install emkit[tables]"
        raise DataError(message)
    return _Parquet(path) if kind == "parquet" else _Arrow(path)


class _Batches(FileReader):
    """A file of Arrow record batches."""

    def _head(self) -> dict[str, NDArray[Any]]:
        with closing(self._read(Roles(self.names))) as pieces:
            piece: Any = next(pieces, None)
        found = None if piece is None else frame_columns(piece.batch)
        return {} if found is None else dict(zip(*found, strict=True))


class _Parquet(_Batches):
    """Parquet, column chunks decoded a batch at a time."""

    def _look(self) -> tuple[str, ...]:
        with importlib.import_module("pyarrow.parquet").ParquetFile(self.path) as file:
            return tuple(file.schema_arrow.names)

    def _read(self, roles: Roles) -> Generator[Piece, None, None]:
        module = importlib.import_module("pyarrow.parquet")
        # Its own reading ahead keeps all it has read, whole files (measured): ours does not.
        with module.ParquetFile(self.path, pre_buffer=False, buffer_size=_BUFFER) as file:
            for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=list(roles.names)):
                yield FramePiece(batch, roles)


class _Arrow(_Batches):
    """Arrow and Feather files, and Arrow streams."""

    def _look(self) -> tuple[str, ...]:
        with self._opened() as reader:
            return tuple(reader.schema.names)

    def _read(self, roles: Roles) -> Generator[Piece, None, None]:
        with self._opened() as reader:
            batches = range(reader.num_record_batches) if hasattr(reader, "num_record_batches") else None
            every = reader if batches is None else (reader.get_batch(i) for i in batches)
            for batch in every:
                yield FramePiece(batch, roles)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        arrow = importlib.import_module("pyarrow")
        with self.path.open("rb") as plain:
            is_stream = plain.read(4) != b"ARRO"
        with arrow.OSFile(str(self.path)) as file:
            opened = arrow.ipc.open_stream(file) if is_stream else arrow.ipc.open_file(file)
            with opened as reader:
                yield reader


class _Text(FileReader):
    """Delimited text, by pyarrow where it can, in chunks of lines."""

    def __init__(self, path: Path, layout: TextFormat) -> None:
        self._layout = layout
        super().__init__(path)

    def _look(self) -> tuple[str, ...]:
        self._stream = TextStream(self.path, self._layout)
        return self._stream.names

    def _head(self) -> dict[str, NDArray[Any]]:
        with closing(self._stream.chunks()) as chunks:
            return next(chunks, {})

    def _read(self, roles: Roles) -> Generator[Piece, None, None]:
        for columns in self._stream.chunks():
            yield roles.piece(columns)


class _Npy(FileReader):
    """A matrix in NumPy's format: rows are read where they lie, never mapped."""

    def _look(self) -> tuple[str, ...]:
        if self.path.suffix == ".npz":
            message = f"{self.path} is an archive, which cannot be read row by row: save its matrix as .npy."
            raise DataError(message)
        array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        if array.ndim != 2 or array.dtype.kind not in "fiub":
            message = f"{self.path} must hold a matrix of numbers, but it holds {array.dtype}, shape {array.shape}."
            raise DataError(message)
        self._shape, self._dtype, self._offset = array.shape, array.dtype, array.offset
        self._file = self.path.open("rb")  # open as long as the reader lives: pieces are read when they are needed
        weakref.finalize(self, self._file.close)
        self._is_by_rows = bool(array.flags.c_contiguous)
        return tuple(f"x{j + 1}" for j in range(array.shape[1]))

    def _head(self) -> dict[str, NDArray[Any]]:
        array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return dict(zip(self.names, np.asarray(array[:BLOCK_ROWS]).T, strict=True))

    def _read(self, roles: Roles) -> Generator[Piece, None, None]:
        if self._is_by_rows and not roles.others and roles.features == self.names:
            yield SpanPiece(self._file.fileno(), self._offset, self._shape, self._dtype)
            return
        array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        chosen = [self.names.index(name) for name in roles.features]
        for start in range(0, len(array), BLOCK_ROWS):
            rows = np.asarray(array[start : start + BLOCK_ROWS])
            weights = None if roles.weight is None else rows[:, self.names.index(roles.weight)]
            yield ArrayPiece(rows[:, chosen], weights, tuple(rows[:, self.names.index(key)] for key in roles.keys))


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, -1, -1)
    return found.st_ino, found.st_size, found.st_mtime_ns


def unreadable() -> tuple[type[Exception], ...]:
    """Return what is raised on a file that cannot be read; those of pyarrow where that is installed."""
    own = (OSError, EOFError)
    if importlib.util.find_spec("pyarrow") is None:
        return own
    return (*own, importlib.import_module("pyarrow").ArrowException)
