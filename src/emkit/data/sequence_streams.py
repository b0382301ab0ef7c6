"""Sequences too large for memory: files or batches in which each sequence stands together, read anew in every pass.

The first pass tells where sequences end and what they weigh; later ones read the features alone. Blocks are those of
the same sequences in memory, so that a fit gives the same bits. Beside a few blocks, or the longest sequence, a source
keeps eight bytes for each sequence, and as many for its weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.passes import Streamed
from emkit.data.room import Shelf
from emkit.data.sequence_blocks import SequenceBlock, block_spans, sequence_block
from emkit.data.sequence_weights import sequence_weights
from emkit.data.sequences import Sequences
from emkit.data.supply import Supply
from emkit.data.threads import resolve_threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["SequenceFacts", "SequenceStream"]


@dataclass(frozen=True)
class SequenceFacts:
    """What one pass over all rows tells.

    Attributes
    ----------
    lengths : array (s,), int64
    weights : array (s,), float64, or None
    names : tuple of str, or None
        Of the features.
    n_features : int
    dtype : numpy.dtype
    has_missing : bool
    observed : array (d,), bool
        Columns with an observed entry in a row of positive weight.
    """

    lengths: NDArray[np.int64]
    weights: NDArray[np.float64] | None
    names: tuple[str, ...] | None
    n_features: int
    dtype: Any
    has_missing: bool
    observed: NDArray[np.bool_]


class SequenceStream(Streamed, Sequences):
    """Sequences of files, or of batches that can be made again; made by `as_sequences` or `scan`.

    Parameters
    ----------
    supply : Supply
        Of the features alone.
    facts : SequenceFacts
    called : callable
        From the number of a sequence to what a message calls it.
    n_threads : int
    shelf : Shelf, optional
    """

    __slots__ = (
        "_called",
        "_facts",
        "_shelf",
        "_spans",
        "_supply",
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
        self,
        supply: Supply,
        facts: SequenceFacts,
        called: Callable[[int], str],
        *,
        n_threads: int = 1,
        shelf: Shelf | None = None,
    ) -> None:
        self._supply, self._facts, self._called = supply, facts, called
        self.n_threads, self.names, self._moments = n_threads, None, None
        self._shelf = Shelf(0) if shelf is None else shelf
        self.n_rows, self.n_features, self.dtype = int(facts.lengths.sum()), facts.n_features, facts.dtype
        self.feature_names, self.has_missing = facts.names, facts.has_missing
        self.is_weighted = facts.weights is not None
        self.total_weight = float(self.n_rows if facts.weights is None else facts.weights @ facts.lengths)
        self._spans = block_spans(facts.lengths)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each sequence (s,)."""
        return self._facts.lengths

    @property
    def weights(self) -> NDArray[np.float64]:
        """Case weights of the sequences (s,); all ones where none were given."""
        return np.ones(self.n_sequences) if self._facts.weights is None else self._facts.weights

    @property
    def columns_observed(self) -> NDArray[np.bool_]:
        """Whether each column (d,) has an observed entry in a row of positive weight."""
        return self._facts.observed

    def name(self, sequence: int) -> str:
        """Return what a message calls a sequence."""
        return self._called(sequence)

    def rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows with these numbers, in rising order, by one pass."""
        return self.gathered(rows)

    def with_weights(self, weights: ArrayLike | None) -> SequenceStream:
        """Return the same sequences with other case weights: one per sequence (s,), or per row (n,), equal in each."""
        return self._like(replace(self._facts, weights=sequence_weights(weights, self.lengths)))

    def with_threads(self, n_threads: int) -> SequenceStream:
        """Return the same data, worked on by `n_threads` threads."""
        other = self._like(self._facts)
        other.n_threads, other._moments = resolve_threads(n_threads), self._moments
        return other

    def _like(self, facts: SequenceFacts) -> SequenceStream:
        return SequenceStream(self._supply, facts, self._called, n_threads=self.n_threads, shelf=self._shelf)

    # --- passes ---

    @property
    def _sizes(self) -> list[int]:
        return [span.end - span.row for span in self._spans]

    def _block(self, index: int, X: NDArray[Any], weights: NDArray[np.float64] | None) -> SequenceBlock:
        span, given = self._spans[index], self._facts.weights
        own = None if given is None else given[span.first : span.stop]
        return sequence_block(X, self.lengths[span.first : span.stop], own, span, self.feature_names)
