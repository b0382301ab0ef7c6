"""Arrays of other libraries, wherever they are: torch, cupy, jax and all that follow the array-API standard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce as fold
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.block import Block
from emkit.data.checks import check_matrix_shape, checked_rows, checked_weights, refuse_columns
from emkit.data.memory import MemorySource, draw_rows
from emkit.data.source import S, Source
from emkit.errors import DataError
from emkit.kernels import foreign, is_compiled
from emkit.kernels.foreign import is_device_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "DeviceSource",
    "device_matrix",
    "device_source",
    "is_device_array",
    "join_alike",
    "missing_flags",
    "observed_columns",
]

R = TypeVar("R")
DEVICE_BLOCK_ROWS = 1 << 18  # a device works on many rows at a time; its sums are in this order


def device_matrix(X: Any, *, one_feature: bool = False) -> Any:
    """Return a matrix of floats where it is, float64 unless it was float32; None where NumPy does.

    NumPy does for arrays in the memory of this machine, which the compiled kernels read without a copy. It must do for
    complex numbers, for infinite entries (which the door of NumPy's names), and on devices and in libraries that have
    no float64 (Apple's; jax, unless `jax_enable_x64` is set): sums over rows need it.

    Raises
    ------
    DataError
        If it is no matrix.
    """
    xp = foreign.namespace(X)
    X = X.detach() if hasattr(X, "detach") else X  # torch would keep what gradients need
    if one_feature and len(X.shape) == 1:
        X = X[:, None]
    if len(X.shape) != 2:
        message = f"Expected 2D array, got an array of shape {tuple(X.shape)} instead. Reshape your data."
        raise DataError(message)
    if (is_compiled() and foreign.is_near(X)) or not foreign.has_double(X) or "complex" in str(X.dtype):
        return None
    X = X if X.dtype in (xp.float32, xp.float64) else xp.astype(X, xp.float64)
    return None if bool(xp.any(xp.isinf(X))) else X


def device_source(
    X: Any,
    weights: ArrayLike | None,
    *,
    n_threads: int,
    min_rows: int,
    allow_missing: bool = True,
    allow_missing_columns: bool = False,
    one_feature: bool = False,
) -> DeviceSource | None:
    """Return the source of a matrix of numbers; None where NumPy must do (see `device_matrix`) or has to refuse.

    Raises
    ------
    DataError
        If it is no matrix, or a column has no observed entry.
    """
    matrix = device_matrix(X, one_feature=one_feature)
    if matrix is None:
        return None
    check_matrix_shape((int(matrix.shape[0]), int(matrix.shape[1])), min_rows)
    source = DeviceSource(matrix, checked_weights(weights, int(matrix.shape[0])), n_threads=n_threads)
    if not source.has_missing:
        return source
    if not allow_missing:
        return None
    if not allow_missing_columns:
        observed = source.reduce(observed_columns)
        if not observed.all():
            refuse_columns(observed, None)
    return source


def observed_columns(block: Any) -> NDArray[np.bool_]:
    """Return whether each column (d,) of a block has an observed entry in a row of positive weight."""
    xp = foreign.namespace(block.X)
    seen = ~xp.isnan(block.X) & foreign.like(block.X, block.weights > 0)[:, None]
    return np.asarray(foreign.host(xp.any(seen, axis=0)))


def missing_flags(X: Any, edges: list[tuple[int, int]]) -> list[bool]:
    """Return for each run of rows whether it holds a NaN."""
    xp = foreign.namespace(X)
    rows = xp.any(xp.isnan(X), axis=1)
    if not bool(xp.any(rows)):
        return [False] * len(edges)
    return [start < stop and bool(xp.any(rows[start:stop])) for start, stop in edges]


def join_alike(X: Any, parts: list[Any]) -> Any:
    """Return rows of blocks one after another as an array of the library of `X`, on its device."""
    if foreign.is_foreign(parts[0]):
        return foreign.join(parts)
    return foreign.like(X, np.concatenate(parts))


class DeviceSource(Source):
    """Rows of an array of another library. E-steps run there; parameters and statistics are NumPy's.

    Parameters
    ----------
    X : array (n, d) of float32 or float64
        Without infinity; NaN is an unobserved entry.
    weights : array (n,), optional
        Of NumPy.
    """

    __slots__ = (
        "X",
        "_blocks",
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
        self.feature_names, self.n_threads = None, n_threads
        self.is_weighted = weights is not None
        self.total_weight = float(self.n_rows if weights is None else weights.sum())
        self._blocks = self._cut()
        self.has_missing = any(block.has_missing for block in self._blocks)

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
        return join_alike(self.X, self.map(f))

    def on_host(self) -> MemorySource:
        """Return a copy of the rows here; answers by row still go back to the device."""
        return MemorySource(foreign.host(self.X), self._weights, n_threads=self.n_threads, kind=self.X)

    def blocks(self) -> Iterator[Block]:
        """Iterate over the blocks, in order; their rows stay where they are."""
        return iter(self._blocks)

    def _cut(self) -> list[Block]:
        starts = range(0, max(self.n_rows, 1), DEVICE_BLOCK_ROWS)
        edges = [(start, min(start + DEVICE_BLOCK_ROWS, self.n_rows)) for start in starts]
        found = zip(edges, missing_flags(self.X, edges), strict=True)
        return [self._block(start, stop, has_missing=flag) for (start, stop), flag in found]

    def _block(self, start: int, stop: int, *, has_missing: bool) -> Block:
        rows = self.X[start:stop, :]
        if self._weights is None:
            return Block(rows, np.ones(stop - start), start, False, has_missing)
        weights = self._weights[start:stop]
        there = foreign.like(self.X, weights)
        return Block(rows, weights, start, True, has_missing, device_weights=there)

    def sample(self, n: int, rng: np.random.Generator) -> Block:
        """Return at most `n` rows of positive weight, as NumPy's, uniformly without replacement, in data order."""
        ranks = np.arange(self.n_used) if self.n_used <= n else draw_rows(self.n_used, n, rng)
        rows = ranks if self._weights is None else np.flatnonzero(self._weights > 0)[ranks]
        weights = np.ones(len(rows)) if self._weights is None else self._weights[rows]
        X = foreign.host_rows(self.X, rows)
        return Block(X, weights, 0, self.is_weighted, self.has_missing and bool(np.isnan(X).any()))

    @property
    def weights(self) -> NDArray[np.float64]:
        """Case weights (n,), of NumPy; all ones where none were given."""
        return np.ones(self.n_rows) if self._weights is None else self._weights

    def with_rows(self, X: Any) -> DeviceSource:
        """Return other rows with the same case weights."""
        return DeviceSource(X, self._weights, n_threads=self.n_threads)

    def with_weights(self, weights: ArrayLike | None) -> DeviceSource:
        """Return the same rows with other case weights, shape (n,); None for none."""
        return DeviceSource(self.X, checked_weights(weights, self.n_rows), n_threads=self.n_threads)

    def with_threads(self, n_threads: int) -> DeviceSource:
        """Return the same data: the device decides how it works."""
        return self

    def take(self, rows: ArrayLike) -> DeviceSource:
        """Return the rows with these indices (or True in this mask), in the order given, on the same device."""
        rows = checked_rows(rows, self.n_rows)
        weights = None if self._weights is None else self._weights[rows]
        return DeviceSource(foreign.rows_of(self.X, rows), weights, n_threads=self.n_threads)
