"""Blocks of whole sequences, and how sequences are put together in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.block import BLOCK_ROWS, Block
from emkit.data.checks import find_missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SequenceBlock", "Span", "block_spans", "sequence_block"]


@dataclass(frozen=True, slots=True, eq=False)
class SequenceBlock(Block):
    """A run of whole sequences, one after another.

    Attributes
    ----------
    X, weights, start, is_weighted, has_missing
        As for `Block`: `weights` (b,) are those of the rows, each that of its sequence.
    lengths : array (s,), int64
        Rows of each sequence, adding up to b; a length may be zero.
    sequence_weights : array (s,), float64
        Case weights of the sequences.
    first_sequence : int
        Index of the first sequence in the source.
    codes, table : arrays (b,) of int32 and (m, d), or None
        The distinct rows and which of them each row is, where the source was given them: `table[codes]` is `X`.
    n_threads : int
        Threads that may share the work on this block: those of the source, where it has no other. They change no
        result.
    """

    lengths: NDArray[np.int64]
    sequence_weights: NDArray[np.float64]
    first_sequence: int
    codes: NDArray[np.int32] | None = None
    table: NDArray[Any] | None = None
    n_threads: int = 1

    def parts(self, n_rows: int) -> Iterator[SequenceBlock]:
        """Yield the sequences in blocks of at most so many rows, or of one sequence."""
        for span in block_spans(self.lengths, n_rows):
            rows, sequences = slice(span.row, span.end), slice(span.first, span.stop)
            yield replace(
                self,
                X=self.X[rows],
                weights=self.weights[rows],
                start=self.start + span.row,
                lengths=self.lengths[sequences],
                sequence_weights=self.sequence_weights[sequences],
                first_sequence=self.first_sequence + span.first,
                codes=None if self.codes is None else self.codes[rows],
            )

    @property
    def kernel_sequence_weights(self) -> NDArray[np.float64] | None:
        """The case weights of the sequences as kernels take them: None where every sequence counts once."""
        return self.sequence_weights if self.is_weighted else None


@dataclass(frozen=True, slots=True)
class Span:
    """Which sequences and which rows of a source are in a block."""

    first: int
    stop: int
    row: int
    end: int


def block_spans(lengths: NDArray[np.int64], most: int = BLOCK_ROWS) -> list[Span]:
    """Return what is in each block: sequences are put together until the next one would not fit in `most` rows."""
    ends, n = np.cumsum(lengths), len(lengths)
    spans: list[Span] = []
    first = row = 0
    while first < n or not spans:
        stop = min(max(first + 1, int(np.searchsorted(ends, row + most, side="right"))), n)
        end = int(ends[stop - 1]) if stop > 0 else 0
        spans.append(Span(first, stop, row, end))
        first, row = stop, end
    return spans


def sequence_block(
    X: NDArray[Any],
    lengths: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    span: Span,
    names: tuple[str, ...] | None = None,
) -> SequenceBlock:
    """Return the block of some sequences: their rows (b, d), lengths (s,) and weights (s,)."""
    is_weighted = weights is not None
    own = np.ones(len(lengths)) if weights is None else weights
    each = np.repeat(own, lengths) if is_weighted else np.ones(len(X))
    each.flags.writeable = False
    return SequenceBlock(X, each, span.row, is_weighted, any(find_missing(X, names)), lengths, own, span.first)
