"""Arrays of other libraries, on whatever device they are: torch, cupy and all that follow the array-API standard."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import reduce as fold
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.block import Block
from emkit.data.checks import check_matrix_shape, checked_rows, checked_weights
from emkit.data.memory import MemorySource, draw_rows
from emkit.data.source import S, Source
from emkit.errors import DataError
from emkit.kernels import foreign

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["DeviceSource", "device_source", "is_device_array"]

R = TypeVar("R")
_BLOCK_ROWS = 1 << 18  # a device works on many rows at a time; its sums are in this order


def is_device_array(X: Any) -> bool:
    """Return whether `X` is an array of another library than NumPy; none is imported to find out."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        return True
    return hasattr(X, "__array_namespace__") and not isinstance(X, np.ndarray | np.generic)


def device_source(X: Any, weights: ArrayLike | None, *, n_threads: int, min_rows: int) -> Source | None:
    """Return the source of a matrix of floats that is complete; None where NumPy must do: other kinds, or NaN.

    Raises
    ------
    DataError
        If it is no matrix, or an entry is infinite.
    """
    xp = foreign.namespace(X)
    if len(X.shape) != 2:
        message = f"Expected 2D array, got an array of shape {tuple(X.shape)} instead. Reshape your data."
        raise DataError(message)
    check_matrix_shape((int(X.shape[0]), int(X.shape[1])), min_rows)
    if X.dtype not in (xp.float32, xp.float64) or not bool(xp.all(xp.isfinite(X))):
        return None
    return DeviceSource(X, checked_weights(weights, int(X.shape[0])), n_threads=n_threads)


class DeviceSource(Source):
    """Rows of an array of another library. E-steps run there; parameters and statistics are NumPy's.

    Parameters
    ----------
    X : array (n, d) of float32 or float64
        Complete and finite.
    weights : array (n,), optional
        Of NumPy.
    """

    __slots__ = (
        "X",
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

    def __init__(self, X: Any, weights: NDArray[np.float64] | None, *, n_threads: int = 1) -> None:
        self.X, self._weights, self._moments = X, weights, None
        self.n_rows, self.n_features = (int(size) for size in X.shape)
        self.dtype = np.dtype(np.float32 if X.dtype == foreign.namespace(X).float32 else np.float64)
        self.feature_names, self.has_missing, self.n_threads = None, False, n_threads
        self.is_weighted = weights is not None
        self.total_weight = float(self.n_rows if weights is None else weights.sum())

    @property
    def is_local(self) -> bool:
        """Whether functions of blocks can write to arrays of this process by row: False, as the rows are not here."""
        return False

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are at hand as NumPy's: False."""
        return False

    @property
    def n_used(self) -> int:
        """Rows of positive weight."""
        return self.n_rows if self._weights is None else int(np.count_nonzero(self._weights))

    def reduce(self, f: Callable[[Block], S]) -> S:
        """Return the sum of ``f(block)`` over all blocks, added in block order."""
        return fold(add, map(f, self.blocks()))

    def map(self, f: Callable[[Block], R]) -> list[R]:
        """Return ``f(block)`` for every block, in block order."""
        return [f(block) for block in self.blocks()]

    def joined(self, f: Callable[[Block], Any]) -> Any:
        """Return the rows of ``f(block)`` of all blocks as an array of the same library, on the same device."""
        return foreign.like(self.X, np.concatenate(self.map(f)))

    def blocks(self) -> Iterator[Block]:
        """Iterate over the blocks, in order; their rows stay where they are."""
        for start in range(0, self.n_rows, _BLOCK_ROWS):
            n = min(_BLOCK_ROWS, self.n_rows - start)
            rows = self.X[start : start + n, :]
            weights = np.ones(n) if self._weights is None else self._weights[start : start + n]
            yield Block(rows, weights, start, self.is_weighted, has_missing=False)

    def sample(self, n: int, rng: np.random.Generator) -> Block:
        """Return at most `n` rows of positive weight, as NumPy's, uniformly without replacement, in data order."""
        ranks = np.arange(self.n_used) if self.n_used <= n else draw_rows(self.n_used, n, rng)
        rows = ranks if self._weights is None else np.flatnonzero(self._weights > 0)[ranks]
        weights = np.ones(len(rows)) if self._weights is None else self._weights[rows]
        return Block(foreign.host_rows(self.X, rows), weights, 0, self.is_weighted, has_missing=False)

    def with_weights(self, weights: ArrayLike | None) -> DeviceSource:
        """Return the same rows with other case weights, shape (n,); None for none."""
        return DeviceSource(self.X, checked_weights(weights, self.n_rows), n_threads=self.n_threads)

    def with_threads(self, n_threads: int) -> DeviceSource:
        """Return the same data: the device decides how it works."""
        return self

    def take(self, rows: ArrayLike) -> MemorySource:
        """Return the rows with these indices (or True in this mask), in the order given, as NumPy's."""
        rows = checked_rows(rows, self.n_rows)
        weights = None if self._weights is None else self._weights[rows]
        return MemorySource(foreign.host_rows(self.X, rows), weights, n_threads=self.n_threads)
