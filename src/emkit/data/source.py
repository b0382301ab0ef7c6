"""Where the data are. A source applies a pure function to every block and adds up what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from emkit.data.moments import ColumnMoments, column_moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike

    from emkit.data.block import Block

__all__ = ["Source"]


class _Adds(Protocol):
    def __add__(self, other: Any, /) -> Any: ...


S = TypeVar("S", bound=_Adds)
R = TypeVar("R")


class Source(ABC):
    """Data in blocks: in memory, in files, or on a cluster.

    Attributes
    ----------
    n_rows, n_features : int
        Number of rows, n, and of columns, d.
    feature_names : tuple of str, or None
        Column names, where the data had them.
    dtype : numpy.dtype
        float32 or float64.
    has_missing : bool
        Whether any entry is NaN.
    is_weighted : bool
        Whether case weights other than one were given.
    total_weight : float
        Sum of the case weights; n where there are none.
    n_threads : int
        Threads that work on blocks at a time. It changes no result.
    """

    n_rows: int
    n_features: int
    feature_names: tuple[str, ...] | None
    dtype: np.dtype[Any]
    has_missing: bool
    is_weighted: bool
    total_weight: float
    n_threads: int
    _moments: ColumnMoments | None

    __slots__ = ("_moments",)

    @property
    def n_units(self) -> int:
        """Number of units that are weighted, drawn and taken: rows, where the source does not say otherwise."""
        return self.n_rows

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are at hand at once, so that an arrangement of all of them costs no more than a copy."""
        return True

    @property
    def is_local(self) -> bool:
        """Whether functions of blocks run in this process, and can write to its arrays."""
        return True

    @property
    def is_deferred(self) -> bool:
        """Whether nothing has been asked of the data yet: what is to be refused is refused when it is."""
        return False

    @property
    def n_used(self) -> int:
        """Rows of positive weight."""
        return sum(self.map(lambda block: int(np.count_nonzero(block.weights))))

    @abstractmethod
    def reduce(self, f: Callable[[Block], S]) -> S:
        """Return the sum of ``f(block)`` over all blocks, added in block order.

        Parameters
        ----------
        f : callable
            A pure function of a block; called from several threads at once. What it returns adds by ``+``.
        """

    @abstractmethod
    def map(self, f: Callable[[Block], R]) -> list[R]:
        """Return ``f(block)`` for every block, in block order."""

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Iterate over the blocks, in order."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Block:
        """Return at most `n` rows of positive weight, uniformly without replacement, in data order.

        All of them if there are no more than `n`.
        """

    @abstractmethod
    def with_weights(self, weights: ArrayLike | None) -> Source:
        """Return the same rows with other case weights, shape (n,); None for none."""

    @abstractmethod
    def with_threads(self, n_threads: int) -> Source:
        """Return the same data, worked on by `n_threads` threads."""

    @abstractmethod
    def take(self, rows: ArrayLike) -> Source:
        """Return the rows with these indices (or True in this mask), in the order given."""

    def held(self) -> AbstractContextManager[None]:
        """Return the context of a fit: what is read in its first pass may be kept for those that follow."""
        return nullcontext()

    def permuted(self, order: ArrayLike) -> Source:
        """Return the rows in another order, a permutation of ``0 .. n - 1``."""
        return self.take(order)

    def joined(self, f: Callable[[Block], Any]) -> Any:
        """Return the rows of ``f(block)`` of all blocks as one array; on a cluster, as a collection made on demand."""
        return np.concatenate(self.map(f))

    def alike(self, parts: list[Any]) -> Any:
        """Return arrays of NumPy one after another, as one of the library, and on the device, of the rows."""
        return np.concatenate(parts)

    def answering_like(self, X: Any) -> Source:
        """Return the source with answers by row of the library and on the device of `X`, where that is an array."""
        return self

    def on_host(self) -> Source:
        """Return the source with its rows as NumPy's: itself, but where they are on a device."""
        return self

    def column_moments(self) -> ColumnMoments:
        """Return mean, variance, range and observed weight of each column; computed once."""
        if self._moments is None:
            self._moments = column_moments(self)
        return self._moments
