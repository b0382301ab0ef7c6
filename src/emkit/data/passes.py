"""Passes over rows that are not in memory: pieces put together into blocks, read ahead, worked on in threads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.ahead import read_ahead
from emkit.data.block import BLOCK_ROWS
from emkit.data.pieces import Piece
from emkit.data.room import Shelf
from emkit.data.source import S, Source
from emkit.data.supply import Origin, Supply, told
from emkit.data.threads import consume_in_order, consume_stream
from emkit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AHEAD", "Raw", "Streamed", "cut_up", "kept_numbers", "numbers_of"]

R = TypeVar("R")
AHEAD = 4
"""Blocks fetched before they are asked for."""


@dataclass(frozen=True)
class Raw:
    """The rows of one block as pieces, not yet numbers."""

    index: int
    parts: tuple[tuple[Piece, Origin], ...]

    @property
    def n_rows(self) -> int:
        return sum(piece.n_rows for piece, _ in self.parts)


class Streamed(Source):
    """Base of the sources that read their rows anew in every pass: a subclass says how blocks are cut and made."""

    __slots__ = ()

    _supply: Supply
    _shelf: Shelf

    @property
    @abstractmethod
    def _sizes(self) -> list[int]:
        """Rows of each block."""

    @abstractmethod
    def _block(self, index: int, X: NDArray[Any], weights: NDArray[np.float64] | None) -> Any:
        """Return the block of this number, of these rows and their weights in the file."""

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are at hand: False."""
        return False

    def reduce(self, f: Callable[[Any], S]) -> S:
        """Return the sum of ``f(block)`` over all blocks, added in block order."""
        total: list[S] = []

        def add(result: S) -> None:
            total[:] = [total[0] + result] if total else [result]

        self._each(f, add)
        return total[0]

    def map(self, f: Callable[[Any], R]) -> list[R]:
        """Return ``f(block)`` for every block, in block order."""
        results: list[R] = []
        self._each(f, results.append)
        return results

    def blocks(self) -> Iterator[Any]:
        """Iterate over the blocks, in order, each read when its turn comes."""
        kept = self._shelf.all(len(self._sizes))
        if kept is not None:
            yield from (self._block(index, *numbers) for index, numbers in enumerate(kept))
            return
        with closing(read_ahead(self._raws(), 1)) as raws:
            for raw in raws:
                yield self._read(raw)

    def held(self) -> AbstractContextManager[None]:
        """Return the context of a fit: blocks are kept where there is room for all of them."""
        return self._shelf.opened(self.n_rows * self.n_features * np.dtype(self.dtype).itemsize)

    def gathered(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows with these numbers, in rising order, by one pass."""
        X = np.empty((len(rows), self.n_features), dtype=self.dtype)
        for block in self.blocks():
            low, high = np.searchsorted(rows, [block.start, block.start + block.n_rows])
            X[low:high] = block.X[rows[low:high] - block.start]
        return X

    def _each(self, f: Callable[[Any], Any], consume: Callable[[Any], None]) -> None:
        kept = self._shelf.all(len(self._sizes))
        if kept is not None:
            consume_in_order(
                lambda item: f(self._block(item[0], *item[1])), list(enumerate(kept)), consume, self.n_threads
            )
            return
        with closing(read_ahead(self._raws(), AHEAD)) as raws:
            consume_stream(lambda raw: f(self._read(raw)), raws, consume, self.n_threads)

    def _read(self, raw: Raw) -> Any:
        X, weights = kept_numbers(self._shelf, raw, self.dtype)
        return self._block(raw.index, X, weights)

    def _raws(self) -> Iterator[Raw]:
        """Yield the rows of each block, or raise where there are not as many as there were."""
        sizes = self._sizes
        raw: Raw | None = None
        for raw in cut_up(self._supply, chain(sizes, repeat(BLOCK_ROWS))):
            if raw.index >= len(sizes) or raw.n_rows != sizes[raw.index]:
                self._raise_length(raw.parts[-1][1].label)
            yield raw
        if (0 if raw is None else raw.index + 1) != len(sizes):
            self._raise_length("the data")

    def _raise_length(self, label: str) -> None:
        message = (
            f"The rows changed between two passes: there were {self.n_rows}, and there is another number now (seen in "
            f"{label}). A fit reads the data many times and needs the same rows each time."
        )
        raise DataError(message)


def cut_up(supply: Supply, sizes: Iterable[int]) -> Iterator[Raw]:
    """Yield the rows in blocks of these sizes, without end; the last one is as short as it comes."""
    parts: list[tuple[Piece, Origin]] = []
    wanted, n_held, index = iter(sizes), 0, 0
    size = next(wanted)
    for piece, origin in supply.pieces():
        done = 0
        while done < piece.n_rows:
            stop = min(piece.n_rows, done + size - n_held)
            parts.append((piece.cut(done, stop), Origin(origin.label, origin.row + done)))
            n_held, done = n_held + stop - done, stop
            if n_held == size:
                yield Raw(index, tuple(parts))
                parts, n_held, index, size = [], 0, index + 1, next(wanted)
    if parts:
        yield Raw(index, tuple(parts))


def kept_numbers(shelf: Shelf, raw: Raw, dtype: Any = None) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """Return the rows (b, d) of a block and their weights, and put them on the shelf where it is open."""
    X, weights = numbers_of(raw, dtype)
    X = X if X.flags.owndata else X.copy()  # what makes the batches may use its array again
    shelf.keep(raw.index, (X, weights))
    return X, weights


def numbers_of(raw: Raw, dtype: Any = None) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """Return the rows (b, d) of a block and their weights."""
    found = []
    for piece, origin in raw.parts:
        with told(origin):
            found.append(piece.rows())
        if found[-1][0].shape[1] != found[0][0].shape[1]:
            d, first = found[-1][0].shape[1], found[0][0].shape[1]
            message = f"The columns differ: {origin.label} has {d} and what came before it has {first}."
            raise DataError(message)
    kinds = np.result_type(*(X for X, _ in found)) if dtype is None else dtype
    X = found[0][0] if len(found) == 1 else np.concatenate([X for X, _ in found])
    weights = None if found[0][1] is None else np.concatenate([w for _, w in found if w is not None])
    return np.ascontiguousarray(X, dtype=kinds), None if weights is None else np.asarray(weights, dtype=np.float64)
