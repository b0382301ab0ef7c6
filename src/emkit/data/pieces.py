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

__all__ = ["ArrayPiece", "FramePiece", "Piece", "SpanPiece"]


class Piece(Protocol):
    """Some rows of a table, not yet numbers."""

    @property
    def n_rows(self) -> int: ...

    def cut(self, start: int, stop: int) -> Piece:
        """Return rows ``start .. stop - 1`` of this piece."""

    def rows(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the rows (b, d) as floats, and their weights (b,) where a column holds them."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPiece:
    """Rows of an array, and perhaps their weights."""

    X: NDArray[Any]
    weights: NDArray[Any] | None = None

    @property
    def n_rows(self) -> int:
        return len(self.X)

    def cut(self, start: int, stop: int) -> ArrayPiece:
        return ArrayPiece(self.X[start:stop], None if self.weights is None else self.weights[start:stop])

    def rows(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        return to_float(self.X), self.weights


@dataclass(frozen=True, slots=True, eq=False)
class FramePiece:
    """Rows of an Arrow record batch or table: the columns `names`, and the weights in column `weight`."""

    batch: Any
    names: tuple[str, ...]
    weight: str | None = None

    @property
    def n_rows(self) -> int:
        return int(self.batch.num_rows)

    def cut(self, start: int, stop: int) -> FramePiece:
        return FramePiece(self.batch.slice(start, stop - start), self.names, self.weight)

    def rows(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        found = frame_columns(self.batch)
        assert found is not None, "a record batch is a data frame"
        columns = dict(zip(*found, strict=True))
        X = stack_columns(self.names, [columns[name] for name in self.names])
        return X, None if self.weight is None else to_float(columns[self.weight])


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
