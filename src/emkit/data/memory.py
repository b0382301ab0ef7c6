"""The source of data in memory: views of one array, a block at a time, over threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.block import BLOCK_ROWS, Block
from emkit.data.checks import checked_rows, checked_weights, find_missing
from emkit.data.source import S, Source
from emkit.data.sparse import is_sparse, row_slice
from emkit.data.threads import consume_in_order, resolve_threads
from emkit.kernels.foreign import given_back, is_device_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["MemorySource", "draw_rows"]

R = TypeVar("R")


class MemorySource(Source):
    """Rows of one array that has passed the door (`as_source`); no copy is made.

    Parameters
    ----------
    X : array (n, d), float32 or float64, C-contiguous; or scipy.sparse.csr_array
        NaN is an unobserved entry.
    weights : array (n,), float64, or None
        Case weights.
    feature_names : tuple of str, or None
    n_threads : int
    missing : tuple of bool, or None
        Whether each block holds a NaN, where that is known already.
    kind : array, optional
        Of another library, from which the rows were copied: answers by row are then arrays of that library, on its
        device.
    """

    __slots__ = (
        "X",
        "_blocks",
        "_kind",
        "_weights",
        "dtype",
        "feature_names",
        "has_missing",
        "is_weighted",
        "n_features",
        "n_rows",
        "n_threads",
        "total_weight",
    )

    def __init__(
        self,
        X: NDArray[Any],
        weights: NDArray[np.float64] | None = None,
        *,
        feature_names: tuple[str, ...] | None = None,
        n_threads: int = 1,
        missing: tuple[bool, ...] | None = None,
        kind: Any = None,
    ) -> None:
        self.X, self._weights = X, weights
        self._kind = None if kind is None else kind[:0, ...]
        self.n_rows, self.n_features = X.shape
        self.dtype = X.dtype
        self.feature_names = feature_names
        self.n_threads = n_threads
        self.is_weighted = weights is not None
        self.total_weight = float(self.n_rows) if weights is None else _summed(weights)
        missing = find_missing(X, feature_names) if missing is None else missing
        self.has_missing = any(missing)
        self._blocks = _cut(X, weights, missing)
        self._moments = None

    @property
    def kind(self) -> Any:
        """An array of the library, on the device, that answers by row go to; None for NumPy's."""
        return self._kind

    @property
    def weights(self) -> NDArray[np.float64]:
        """Case weights (n,); all ones where none were given."""
        return np.ones(self.n_rows) if self._weights is None else self._weights

    @property
    def n_used(self) -> int:
        """Rows of positive weight."""
        return self.n_rows if self._weights is None else int(np.count_nonzero(self._weights))

    def reduce(self, f: Callable[[Block], S]) -> S:
        """Return the sum of ``f(block)`` over all blocks, added in block order."""
        blocks = self._blocks
        if len(blocks) == 1:
            return f(blocks[0])
        total: list[S] = []

        def add(result: S) -> None:
            total[:] = [total[0] + result] if total else [result]

        consume_in_order(f, blocks, add, self.n_threads)
        return total[0]

    def map(self, f: Callable[[Block], R]) -> list[R]:
        """Return ``f(block)`` for every block, in block order."""
        results: list[R] = []
        consume_in_order(f, self._blocks, results.append, self.n_threads)
        return results

    def joined(self, f: Callable[[Block], Any]) -> Any:
        """Return the rows of ``f(block)`` of all blocks as one array, of the library that the rows came from."""
        rows = np.concatenate(self.map(f))
        return rows if self._kind is None else given_back(self._kind, rows)

    def blocks(self) -> Iterator[Block]:
        """Iterate over the blocks, in order."""
        return iter(self._blocks)

    def whole(self) -> Block:
        """Return all rows as one block."""
        return self._one_block(self.X, self._weights)

    def sample(self, n: int, rng: np.random.Generator) -> Block:
        """Return at most `n` rows of positive weight, uniformly without replacement, in data order."""
        if self._weights is None:
            if self.n_rows <= n:
                return self._one_block(self.X, None)
            rows = draw_rows(self.n_rows, n, rng)
            return self._one_block(self.X[rows], None)
        rows = np.flatnonzero(self._weights > 0)
        # Drawn among these rows alone: rows of weight zero do not change the draw.
        rows = rows if len(rows) <= n else rows[draw_rows(len(rows), n, rng)]
        return self._one_block(self.X[rows], self._weights[rows])

    def with_weights(self, weights: ArrayLike | None) -> MemorySource:
        """Return the same rows with other case weights, shape (n,); None for none."""
        return self._like(checked_weights(weights, self.n_rows), self.n_threads)

    def with_threads(self, n_threads: int) -> MemorySource:
        """Return the same data, worked on by `n_threads` threads."""
        other = self._like(self._weights, resolve_threads(n_threads))
        other._moments = self._moments
        return other

    def take(self, rows: ArrayLike) -> MemorySource:
        """Return the rows with these indices (or True in this mask), in the order given."""
        rows = checked_rows(rows, self.n_rows)
        weights = None if self._weights is None else self._weights[rows]
        names, n_threads = self.feature_names, self.n_threads
        return MemorySource(self.X[rows], weights, feature_names=names, n_threads=n_threads, kind=self._kind)

    def answering_like(self, X: Any) -> MemorySource:
        """Return the source with answers by row of the library and on the device of `X`, where that is an array."""
        if not is_device_array(X):
            return self
        other = self._like(self._weights, self.n_threads)
        other._kind = X[:0, ...]
        return other

    def _like(self, weights: NDArray[np.float64] | None, n_threads: int) -> MemorySource:
        missing = tuple(block.has_missing for block in self._blocks)
        return MemorySource(
            self.X,
            weights,
            feature_names=self.feature_names,
            n_threads=n_threads,
            missing=missing,
            kind=self._kind,
        )

    def _one_block(self, X: NDArray[Any], weights: NDArray[np.float64] | None) -> Block:
        has_missing = self.has_missing and any(find_missing(X, self.feature_names))
        return Block(X, _ones(X.shape[0]) if weights is None else weights, 0, weights is not None, has_missing)


def _summed(weights: NDArray[np.float64]) -> float:
    """Return the sum of the weights, block by block: as it is where only a block is at hand at a time."""
    return float(sum(float(weights[i : i + BLOCK_ROWS].sum()) for i in range(0, max(1, len(weights)), BLOCK_ROWS)))


def _cut(X: NDArray[Any], weights: NDArray[np.float64] | None, missing: tuple[bool, ...]) -> list[Block]:
    """Return the blocks of `X`: views, sharing one array of ones where there are no weights."""
    n_rows = X.shape[0]
    if n_rows <= BLOCK_ROWS:
        return [Block(X, _ones(n_rows) if weights is None else weights, 0, weights is not None, missing[0])]
    ones = _ones(BLOCK_ROWS)
    cut = row_slice if is_sparse(X) else _rows
    blocks = []
    for i, start in enumerate(range(0, n_rows, BLOCK_ROWS)):
        stop = min(start + BLOCK_ROWS, n_rows)
        part = ones[: stop - start] if weights is None else weights[start:stop]
        blocks.append(Block(cut(X, start, stop), part, start, weights is not None, missing[i]))
    return blocks


def _rows(X: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
    return X[start:stop]


def _ones(n: int) -> NDArray[np.float64]:
    ones = np.ones(n)
    ones.flags.writeable = False  # shared by blocks
    return ones


def draw_rows(n_rows: int, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return `n` row numbers out of `n_rows`, drawn without replacement, in order."""
    return np.sort(rng.choice(n_rows, n, replace=False, shuffle=False))
