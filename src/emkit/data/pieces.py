"""Pieces of tables on their way from a file to a block: cut to size first, turned into numbers by the thread that
works on them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from emkit.data.columns import float_dtype, stack_columns, to_float
from emkit.data.frames import frame_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ArrayPiece", "FramePiece", "Keys", "Piece", "Roles", "SpanPiece"]


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a table are there for.

    Attributes
    ----------
    features : tuple of str
    weight : str or None
        The column of case weights.
    keys : tuple of str
        Columns that say where a row belongs: to which sequence, at which time.
    """

    features: tuple[str, ...]
    weight: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that are read."""
        return tuple(dict.fromkeys((*self.features, *self.others)))

    @property
    def others(self) -> tuple[str, ...]:
        """All columns that are no features."""
        return (*self.keys, *([] if self.weight is None else [self.weight]))

    def piece(self, columns: Any) -> ArrayPiece:
        """Return the rows of columns, held by name."""
        X = stack_columns(self.features, [columns[name] for name in self.features])
        weights = None if self.weight is None else columns[self.weight]
        return ArrayPiece(X, weights, tuple(columns[name] for name in self.keys))


class Piece(Protocol):
    """Some rows of a table, not yet numbers."""

    @property
    def n_rows(self) -> int: ...

    def cut(self, start: int, stop: int) -> Piece:
        """Return rows ``start .. stop - 1`` of this piece."""

    def rows(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the rows (b, d) as floats, and their weights (b,) where a column holds them."""

    def keys(self) -> tuple[NDArray[Any], ...]:
        """Return the columns (b,) that say where the rows belong, as they were read."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPiece:
    """Rows of an array, and perhaps their weights and keys."""

    X: NDArray[Any]
    weights: NDArray[Any] | None = None
    own_keys: tuple[NDArray[Any], ...] = ()

    @property
    def n_rows(self) -> int:
        return len(self.X)

    def cut(self, start: int, stop: int) -> ArrayPiece:
        weights = None if self.weights is None else self.weights[start:stop]
        return ArrayPiece(self.X[start:stop], weights, tuple(key[start:stop] for key in self.own_keys))

    def rows(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        return to_float(self.X), None if self.weights is None else to_float(self.weights)

    def keys(self) -> tuple[NDArray[Any], ...]:
        return self.own_keys


@dataclass(frozen=True, slots=True, eq=False)
class FramePiece:
    """Rows of an Arrow record batch or table."""

    batch: Any
    roles: Roles

    @property
    def n_rows(self) -> int:
        return int(self.batch.num_rows)

    def cut(self, start: int, stop: int) -> FramePiece:
        return FramePiece(self.batch.slice(start, stop - start), self.roles)

    def rows(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        features, weight = self.roles.features, self.roles.weight
        columns = self._columns(features if weight is None else (*features, weight))
        X = stack_columns(features, [columns[name] for name in features])
        return X, None if weight is None else to_float(columns[weight])

    def keys(self) -> tuple[NDArray[Any], ...]:
        columns = self._columns(self.roles.keys)
        return tuple(columns[name] for name in self.roles.keys)

    def _columns(self, names: tuple[str, ...]) -> dict[Any, NDArray[Any]]:
        found = frame_columns(self.batch.select(list(dict.fromkeys(names))))
        assert found is not None, "a record batch is a data frame"
        return dict(zip(*found, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class SpanPiece:
    """Rows of a matrix on disk, in rows one after another; read by the thread that asks, at constant memory."""

    handle: int
    offset: int  # of the first row in the file
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    n_weights: int = 0  # one if the last column is that of the weights

    @property
    def n_rows(self) -> int:
        return self.shape[0]

    def cut(self, start: int, stop: int) -> SpanPiece:
        row = self.shape[1] * self.dtype.itemsize
        return SpanPiece(
            self.handle, self.offset + start * row, (stop - start, self.shape[1]), self.dtype, self.n_weights
        )

    def rows(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        size = self.shape[0] * self.shape[1] * self.dtype.itemsize
        data = _read_at(self.handle, size, self.offset)
        matrix = np.frombuffer(data, self.dtype).reshape(self.shape)
        if not self.n_weights:
            return to_float(matrix), None
        kind = float_dtype(self.dtype)
        return np.ascontiguousarray(matrix[:, :-1], dtype=kind), np.array(matrix[:, -1], dtype=np.float64)

    def keys(self) -> tuple[NDArray[Any], ...]:
        return ()


def _read_at(handle: int, size: int, offset: int) -> bytearray:
    """Return bytes of a file; the system may give fewer than asked at a time."""
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        n = os.preadv(handle, [view[done:]], offset + done)
        if n == 0:
            message = "the file ends before its rows do"
            raise EOFError(message)
        done += n
    return data


@dataclass(frozen=True)
class Keys:
    """The columns that say where a row belongs."""

    sequence: str | None
    time: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that there are: sequence, then time."""
        return tuple(name for name in (self.sequence, self.time) if name is not None)

    def of(self, piece: Piece) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """Return the columns of sequence and time of a piece."""
        found = dict(zip(self.columns, piece.keys(), strict=True))
        return found.get(self.sequence or ""), found.get(self.time or "")
