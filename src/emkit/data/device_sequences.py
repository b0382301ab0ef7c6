"""Sequences of arrays of other libraries, on whatever device they are."""

from __future__ import annotations

from functools import reduce as fold
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.checks import check_matrix_shape
from emkit.data.device import device_matrix, join_alike, missing_flags, observed_columns
from emkit.data.sequence_blocks import SequenceBlock, Span, block_spans
from emkit.data.sequence_order import checked_lengths
from emkit.data.sequence_weights import sequence_weights
from emkit.data.sequences import Sequences
from emkit.errors import DataError
from emkit.kernels import foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from emkit.data.source import S

__all__ = ["DeviceSequences", "device_sequences", "device_stack"]

R = TypeVar("R")
_BLOCK_ROWS = 1 << 20  # a scan over more rows takes no more steps


def device_stack(X: Any) -> tuple[Any, NDArray[np.int64]]:
    """Return the sequences of a list, arrays of one library, one after another, and their lengths."""
    parts = [part[:, None] if len(part.shape) == 1 else part for part in X]
    width = parts[0].shape[1:]
    for i, part in enumerate(parts):
        if len(part.shape) != 2 or part.shape[1:] != width:
            message = (
                f"sequences must be arrays (t, d) with the same columns, but sequence 0 has shape {tuple(X[0].shape)}, "
                f"sequence {i} {tuple(X[i].shape)}"
            )
            raise DataError(message)
    return foreign.join(parts), np.array([int(part.shape[0]) for part in parts], dtype=np.int64)


def device_sequences(X: Any, lengths: Any, sample_weight: Any, *, n_threads: int) -> DeviceSequences | None:
    """Return sequences one after another where they are; None where NumPy must do (see `device_matrix`)."""
    matrix = device_matrix(X, one_feature=True)
    if matrix is None:
        return None
    check_matrix_shape((int(matrix.shape[0]), int(matrix.shape[1])), 1)
    lengths = checked_lengths(lengths, int(matrix.shape[0]))
    return DeviceSequences(matrix, lengths, sequence_weights(sample_weight, lengths), n_threads=n_threads)


class DeviceSequences(Sequences):
    """Sequences of an array of another library, one after another. E-steps run there.

    Parameters
    ----------
    X : array (n, d) of float32 or float64
        Without infinity; NaN is an unobserved entry.
    lengths : array (s,), int64, of NumPy, adding up to n
    weights : array (s,), of NumPy, or None
    """

    __slots__ = (
        "X",
        "_blocks",
        "_lengths",
        "_weights",
        "dtype",
        "feature_names",
        "has_missing",
        "is_weighted",
        "n_features",
        "n_rows",
        "n_threads",
        "names",
        "total_weight",
    )

    def __init__(
        self, X: Any, lengths: NDArray[np.int64], weights: NDArray[np.float64] | None = None, *, n_threads: int = 1
    ) -> None:
        self.X, self._lengths, self._weights, self._moments = X, lengths, weights, None
        self.n_rows, self.n_features = (int(size) for size in X.shape)
        self.dtype = np.dtype(np.float32 if X.dtype == foreign.namespace(X).float32 else np.float64)
        self.feature_names, self.names, self.n_threads = None, None, n_threads
        self.is_weighted = weights is not None
        self.total_weight = float(self.n_rows if weights is None else weights @ lengths)
        self._blocks = self._cut()
        self.has_missing = any(block.has_missing for block in self._blocks)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each sequence (s,)."""
        return self._lengths

    @property
    def weights(self) -> NDArray[np.float64]:
        """Case weights of the sequences (s,); all ones where none were given."""
        return np.ones(self.n_sequences) if self._weights is None else self._weights

    @property
    def columns_observed(self) -> NDArray[np.bool_]:
        """Whether each column (d,) has an observed entry in a row of positive weight."""
        return self.reduce(observed_columns)

    @property
    def is_local(self) -> bool:
        """Whether functions of blocks can write to arrays of this process by row: False, as the rows are not here."""
        return False

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are at hand as NumPy's: False."""
        return False

    def rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows with these numbers, as NumPy's."""
        return np.asarray(foreign.host_rows(self.X, rows))

    def reduce(self, f: Callable[[Any], S]) -> S:
        """Return the sum of ``f(block)`` over all blocks, added in block order."""
        return fold(add, map(f, self._blocks))

    def map(self, f: Callable[[Any], R]) -> list[R]:
        """Return ``f(block)`` for every block, in block order."""
        return [f(block) for block in self._blocks]

    def joined(self, f: Callable[[Any], Any]) -> Any:
        """Return the rows of ``f(block)`` of all blocks as an array of the same library, on the same device."""
        return join_alike(self.X, self.map(f))

    def alike(self, parts: list[Any]) -> Any:
        """Return arrays of NumPy one after another, as one of the library, and on the device, of the rows."""
        return join_alike(self.X, parts)

    def blocks(self) -> Iterator[SequenceBlock]:
        """Iterate over the blocks, in order; their rows stay where they are."""
        return iter(self._blocks)

    def with_weights(self, weights: ArrayLike | None) -> DeviceSequences:
        """Return the same sequences with other case weights: one per sequence (s,), or per row (n,), equal in each."""
        own = sequence_weights(weights, self._lengths)
        return DeviceSequences(self.X, self._lengths, own, n_threads=self.n_threads)

    def with_threads(self, n_threads: int) -> DeviceSequences:
        """Return the same data: the device decides how it works."""
        return self

    def _cut(self) -> list[SequenceBlock]:
        spans = block_spans(self._lengths, _BLOCK_ROWS)
        flags = missing_flags(self.X, [(span.row, span.end) for span in spans])
        return [self._own_block(span, has_missing=flag) for span, flag in zip(spans, flags, strict=True)]

    def _own_block(self, span: Span, *, has_missing: bool) -> SequenceBlock:
        lengths, weights = self._lengths[span.first : span.stop], self.weights[span.first : span.stop]
        each = np.repeat(weights, lengths)
        return SequenceBlock(
            self.X[span.row : span.end, :],
            each,
            span.row,
            self.is_weighted,
            has_missing,
            lengths,
            weights,
            span.first,
            device_weights=foreign.like(self.X, each) if self.is_weighted else None,
        )
