"""A block: a run of rows with their case weights, the only shape in which data reach a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from emkit.kernels.foreign import host, is_foreign

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BLOCK_ROWS", "Block"]

BLOCK_ROWS = 16384
"""Rows in a block, whatever the number of threads: the order of sums, and so their bits, depend on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A run of rows of the data, checked once and never again.

    Attributes
    ----------
    X : array (b, d), float32 or float64
        C-contiguous; NaN is an unobserved entry, infinity does not occur. Perhaps read-only, never to be
        changed. From a source of sparse data: a `scipy.sparse.csr_array`; for a model that takes them, from a source of
        arrays on a device: one of that library, there.
    weights : array (b,), float64
        Case weights, finite and not negative; all ones where none were given.
    start : int
        Index of the first row in the source.
    is_weighted : bool
        Whether the source has case weights other than one.
    has_missing : bool
        Whether any entry of this block is NaN.
    device_weights : array (b,), float64, or None
        The case weights where the rows are, where that is not here and the source has weights.
    """

    X: NDArray[Any]
    weights: NDArray[np.float64]
    start: int
    is_weighted: bool
    has_missing: bool
    device_weights: Any = field(default=None, kw_only=True)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.weights)

    def parts(self, n_rows: int) -> Iterator[Block]:
        """Yield the rows in blocks of at most so many; as they are where they are not rows of an array."""
        if not isinstance(self.X, np.ndarray):
            yield self
            return
        for first in range(0, len(self.X), n_rows):
            stop = first + n_rows
            yield replace(self, X=self.X[first:stop], weights=self.weights[first:stop], start=self.start + first)

    @property
    def kernel_weights(self) -> Any:
        """The case weights as kernels take them, where the rows are: None where every row counts once."""
        if not self.is_weighted:
            return None
        return self.weights if self.device_weights is None else self.device_weights

    def on_host(self) -> Self:
        """Return the block with its rows as NumPy's: a copy where they are on a device."""
        return replace(self, X=host(self.X), device_weights=None) if is_foreign(self.X) else self
