"""Rows seen through some of their columns, wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from emkit.data.block import Block
from emkit.data.source import S, Source

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["ColumnView"]

R = TypeVar("R")


class ColumnView(Source):
    """Some columns of a source, cut out of each block when its turn comes.

    Parameters
    ----------
    inner : Source
    columns : sequence of int
    """

    __slots__ = (
        "_columns",
        "_inner",
        "dtype",
        "feature_names",
        "has_missing",
        "is_weighted",
        "n_features",
        "n_rows",
        "n_threads",
        "total_weight",
    )

    def __init__(self, inner: Source, columns: Sequence[int]) -> None:
        self._inner, self._columns, self._moments = inner, tuple(columns), None
        names = inner.feature_names
        self.feature_names = None if names is None else tuple(names[j] for j in columns)
        self.n_rows, self.n_features, self.dtype = inner.n_rows, len(self._columns), inner.dtype
        self.is_weighted, self.total_weight, self.n_threads = inner.is_weighted, inner.total_weight, inner.n_threads
        self.has_missing = inner.has_missing and bool(self.reduce(lambda block: int(block.has_missing)))

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are at hand."""
        return self._inner.is_in_memory

    @property
    def is_local(self) -> bool:
        """Whether functions of blocks run in this process."""
        return self._inner.is_local

    @property
    def n_used(self) -> int:
        """Rows of positive weight."""
        return self._inner.n_used

    def held(self) -> AbstractContextManager[None]:
        """Return the context of a fit."""
        return self._inner.held()

    def reduce(self, f: Callable[[Block], S]) -> S:
        """Return the sum of ``f(block)`` over all blocks, added in block order."""
        cut = _cutter(self._columns)
        return self._inner.reduce(lambda block: f(cut(block)))

    def map(self, f: Callable[[Block], R]) -> list[R]:
        """Return ``f(block)`` for every block, in block order."""
        cut = _cutter(self._columns)
        return self._inner.map(lambda block: f(cut(block)))

    def blocks(self) -> Iterator[Block]:
        """Iterate over the blocks, in order."""
        return map(_cutter(self._columns), self._inner.blocks())

    def sample(self, n: int, rng: np.random.Generator) -> Block:
        """Return at most `n` rows of positive weight, uniformly without replacement, in data order."""
        return _cutter(self._columns)(self._inner.sample(n, rng))

    def with_weights(self, weights: ArrayLike | None) -> ColumnView:
        """Return the same rows with other case weights."""
        return ColumnView(self._inner.with_weights(weights), self._columns)

    def with_threads(self, n_threads: int) -> ColumnView:
        """Return the same data, worked on by `n_threads` threads."""
        return ColumnView(self._inner.with_threads(n_threads), self._columns)

    def take(self, rows: ArrayLike) -> ColumnView:
        """Return the rows with these indices (or True in this mask), in the order given."""
        return ColumnView(self._inner.take(rows), self._columns)


def _cutter(columns: tuple[int, ...]) -> Callable[[Block], Block]:
    """Return the function from a block to some of its columns."""

    def cut(block: Block) -> Block:
        X = np.ascontiguousarray(block.X[:, columns])
        return replace(block, X=X, has_missing=block.has_missing and bool(np.isnan(X).any()))

    return cut
