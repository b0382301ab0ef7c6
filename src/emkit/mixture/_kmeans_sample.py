"""Rows of which a sample stands for all in k-means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.data import Block, ColumnMoments, Source
from emkit.families.starts import coreset, rough_centers
from emkit.kernels import kmeans as kernel

__all__ = ["CoresetSource"]

S = TypeVar("S")
_ALL_ROWS = 65536  # so many serve whole: a sample's best start is nearly, but not always, the best on all rows
_ROUGH_ROWS = 1024  # of the coreset by distances from the mean, and so many more for each centre
_ROUGH_ROWS_EACH = 16


class CoresetSource:
    """A source whose samples are weighted rows that no far cluster is missing from.

    A uniform sample of 16384 out of a million rows holds none of a hundred rows far away with probability one fifth,
    and a start that has not seen a cluster never finds it.
    """

    def __init__(self, source: Source, mean: FloatArray, k: int) -> None:
        self._source = source
        self._mean = mean
        self._k = k
        self.n_rows = source.n_rows
        self.total_weight = source.total_weight
        self.n_threads = source.n_threads
        self.is_local = source.is_local
        self.is_in_memory = source.is_in_memory

    def reduce(self, f: Callable[[Any], S]) -> S:
        return self._source.reduce(f)  # type: ignore[type-var]

    def map(self, f: Callable[[Any], S]) -> list[S]:
        return self._source.map(f)

    def blocks(self) -> Iterator[Any]:
        return self._source.blocks()

    def column_moments(self) -> ColumnMoments:
        return self._source.column_moments()

    def sample(self, n: int, rng: np.random.Generator) -> Block:
        """Return a coreset of at most `n` rows in the order of the data; all rows if there are not many more."""
        if self.n_rows <= max(n, _ALL_ROWS):
            return self._source.sample(_ALL_ROWS, rng)
        first = self._drawn(self._mean[None], min(n, _ROUGH_ROWS + _ROUGH_ROWS_EACH * self._k), rng)
        return self._drawn(rough_centers(first.X, first.weights, self._k, rng), n, rng)

    def _drawn(self, centers: FloatArray, n: int, rng: np.random.Generator) -> Block:
        """Return a coreset by the distances from these centres."""
        parts = self.map(lambda block: kernel.assign(block.X, None, centers).squared)
        weights = np.concatenate(self.map(lambda block: block.weights)) if self._source.is_weighted else None
        rows, mass = coreset(np.concatenate(parts), weights, n, rng)
        taken = next(self._source.take(rows).blocks()).on_host()
        return Block(taken.X, mass, 0, True, False)
