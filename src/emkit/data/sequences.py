"""Sequences: blocks are whole sequences, and the units that are weighted, drawn and taken are sequences, not rows."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.checks import checked_rows
from emkit.data.sequence_blocks import SequenceBlock, Span, block_spans, sequence_block
from emkit.data.sequence_weights import sequence_weights
from emkit.data.source import S, Source
from emkit.data.threads import consume_in_order, resolve_threads
from emkit.kernels.foreign import given_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["SequenceSource", "Sequences"]

R = TypeVar("R")


class Sequences(Source):
    """Base of the sources of sequences, wherever they are.

    Blocks hold whole sequences, about `BLOCK_ROWS` rows; a longer sequence is a block of its own. Weights, `take`,
    `permuted` and `sample` are by sequence. `n_rows` counts rows, `n_sequences` sequences, and `total_weight` is the
    sum over rows: a sequence of ten rows and weight two weighs twenty.

    Attributes
    ----------
    lengths : array (s,), int64
        Rows of each sequence.
    names : tuple of str, or None
        What the sequences are called, where that is held.
    """

    __slots__ = ()

    names: tuple[str, ...] | None

    @property
    @abstractmethod
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each sequence (s,)."""

    @property
    @abstractmethod
    def weights(self) -> NDArray[np.float64]:
        """Case weights of the sequences (s,); all ones where none were given."""

    @abstractmethod
    def rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows with these numbers, in rising order."""

    @property
    def n_sequences(self) -> int:
        """Number of sequences."""
        return len(self.lengths)

    @property
    def n_units(self) -> int:
        """Number of units that are drawn and weighted: sequences."""
        return self.n_sequences

    @property
    def ends(self) -> NDArray[np.int64]:
        """One past the last row of each sequence (s,)."""
        return np.cumsum(self.lengths)

    @property
    def n_used(self) -> int:
        """Rows of positive weight."""
        return int(self.lengths[self.weights > 0].sum())

    def name(self, sequence: int) -> str:
        """Return what a message calls a sequence."""
        return f"sequence {sequence}" if self.names is None else f"sequence {self.names[sequence]!r}"

    def as_given(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (n, ...) of the rows in the order in which the rows were given, without rows put in."""
        return values

    def sample(self, n: int, rng: np.random.Generator) -> SequenceBlock:
        """Return whole sequences of positive weight, at most `n` rows in all, drawn without replacement, in data order.

        Where the first one drawn is longer than `n`, a random stretch of it.
        """
        used = np.flatnonzero((self.weights > 0) & (self.lengths > 0))
        if self.lengths[used].sum() <= n:
            return self._one_block(used)
        order = rng.permutation(used)
        fits = np.cumsum(self.lengths[order]) <= n
        if fits.any():
            return self._one_block(np.sort(order[fits]))
        longest = int(order[0])
        first = int(self.ends[longest] - self.lengths[longest] + rng.integers(self.lengths[longest] - n + 1))
        return self._block_of(np.arange(first, first + n), np.array([n]), self.weights[[longest]])

    def take(self, rows: ArrayLike) -> SequenceSource:
        """Return the sequences with these indices (or True in this mask), in the order given: in memory."""
        chosen = checked_rows(rows, self.n_sequences)
        wanted = self._rows_of(chosen)
        order = np.argsort(wanted, kind="stable")
        X = np.empty((len(wanted), self.n_features), dtype=self.dtype)
        X[order] = self.rows(wanted[order])
        return SequenceSource(
            X,
            self.lengths[chosen],
            self.weights[chosen] if self.is_weighted else None,
            feature_names=self.feature_names,
            names=None if self.names is None else tuple(self.names[s] for s in chosen),
            n_threads=self.n_threads,
        )

    def _rows_of(self, chosen: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the rows of some sequences, one sequence after another."""
        lengths = self.lengths[chosen]
        first = (self.ends - self.lengths)[chosen]
        offset = np.cumsum(lengths) - lengths
        return np.asarray(np.arange(int(lengths.sum())) + np.repeat(first - offset, lengths))

    def _one_block(self, chosen: NDArray[np.intp]) -> SequenceBlock:
        return self._block_of(self._rows_of(chosen), self.lengths[chosen], self.weights[chosen])

    def _block_of(
        self, rows: NDArray[np.int64], lengths: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> SequenceBlock:
        X = self.rows(rows)
        span = Span(0, len(lengths), 0, len(X))
        return sequence_block(X, lengths, weights if self.is_weighted else None, span, self.feature_names)


class SequenceSource(Sequences):
    """Sequences in memory, one after another in one array that has passed the door (`as_sequences`).

    Parameters
    ----------
    X : array (n, d), float32 or float64, C-contiguous
    lengths : array (s,), int64, adding up to n
    weights : array (s,), float64, or None
    feature_names : tuple of str, or None
    names : tuple of str, or None
        What the sequences are called.
    n_threads : int
    origin : array (n,), int64, or None
        Where each row stood in the data as they were given; -1 for a row put in for a gap.
    n_given : int or None
        Number of rows as given.
    codes, table : arrays (n,) of int32 and (m, d), or None
        See `SequenceBlock`.
    kind : array, optional
        Of another library, from which the rows were copied: answers by row are then arrays of that library, on its
        device.
    """

    __slots__ = (
        "X",
        "_blocks",
        "_codes",
        "_kind",
        "_lengths",
        "_table",
        "_weights",
        "dtype",
        "feature_names",
        "has_missing",
        "is_weighted",
        "n_features",
        "n_given",
        "n_rows",
        "n_threads",
        "names",
        "origin",
        "total_weight",
    )

    def __init__(
        self,
        X: NDArray[Any],
        lengths: NDArray[np.int64],
        weights: NDArray[np.float64] | None = None,
        *,
        feature_names: tuple[str, ...] | None = None,
        names: tuple[str, ...] | None = None,
        n_threads: int = 1,
        origin: NDArray[np.int64] | None = None,
        n_given: int | None = None,
        codes: NDArray[np.int32] | None = None,
        table: NDArray[Any] | None = None,
        kind: Any = None,
    ) -> None:
        self._kind = kind
        self.X, self._lengths, self._weights = X, lengths, weights
        self._codes, self._table = codes, table
        self.n_rows, self.n_features = X.shape
        self.dtype = X.dtype
        self.feature_names, self.names, self.n_threads = feature_names, names, n_threads
        self.origin, self.n_given = origin, self.n_rows if n_given is None else n_given
        self.is_weighted = weights is not None
        self.total_weight = float(self.n_rows if weights is None else weights @ lengths)
        self._blocks = self._cut()
        self.has_missing = any(block.has_missing for block in self._blocks)
        self._moments = None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each sequence (s,)."""
        return self._lengths

    @property
    def weights(self) -> NDArray[np.float64]:
        """Case weights of the sequences (s,); all ones where none were given."""
        return np.ones(self.n_sequences) if self._weights is None else self._weights

    def as_given(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (n, ...) of the rows in the order in which the rows were given, without rows put in."""
        given = values
        if self.origin is not None:
            given = np.empty((self.n_given, *values.shape[1:]), dtype=values.dtype)
            real = self.origin >= 0
            given[self.origin[real]] = values[real]
        return given if self._kind is None else given_back(self._kind, given)

    # --- the contract of a source ---

    def reduce(self, f: Callable[[Any], S]) -> S:
        """Return the sum of ``f(block)`` over all blocks, added in block order."""
        if len(self._blocks) == 1:
            return f(self._blocks[0])
        total: list[S] = []

        def add(result: S) -> None:
            total[:] = [total[0] + result] if total else [result]

        consume_in_order(f, self._blocks, add, self.n_threads)
        return total[0]

    def map(self, f: Callable[[Any], R]) -> list[R]:
        """Return ``f(block)`` for every block, in block order."""
        results: list[R] = []
        consume_in_order(f, self._blocks, results.append, self.n_threads)
        return results

    def blocks(self) -> Iterator[SequenceBlock]:
        """Iterate over the blocks, in order."""
        return iter(self._blocks)

    def rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows with these numbers."""
        return self.X[rows]

    def with_weights(self, weights: ArrayLike | None) -> SequenceSource:
        """Return the same sequences with other case weights: one per sequence (s,), or per row (n,), equal in each."""
        return self._like(sequence_weights(weights, self.lengths, self.origin), self.n_threads)

    def with_threads(self, n_threads: int) -> SequenceSource:
        """Return the same data, worked on by `n_threads` threads."""
        other = self._like(self._weights, resolve_threads(n_threads))
        other._moments = self._moments
        return other

    # --- helpers ---

    def _like(self, weights: NDArray[np.float64] | None, n_threads: int) -> SequenceSource:
        return SequenceSource(
            self.X,
            self.lengths,
            weights,
            feature_names=self.feature_names,
            names=self.names,
            n_threads=n_threads,
            origin=self.origin,
            n_given=self.n_given,
            codes=self._codes,
            table=self._table,
            kind=self._kind,
        )

    def coded(self, codes: NDArray[np.int32], table: NDArray[Any]) -> SequenceSource:
        """Return the same sequences with their distinct rows (m, d) and the number (n,) of each row among them."""
        other = self._like(self._weights, self.n_threads)
        other._codes, other._table = codes, table
        other._blocks = other._cut()
        return other

    def _one_block(self, chosen: NDArray[np.intp]) -> SequenceBlock:
        if len(chosen) == self.n_sequences and len(self._blocks) == 1:
            return self._blocks[0]
        return super()._one_block(chosen)

    def _cut(self) -> list[SequenceBlock]:
        """Return the blocks."""
        blocks: list[SequenceBlock] = []
        for span in block_spans(self.lengths):
            first, stop = span.first, span.stop
            weights = None if self._weights is None else self._weights[first:stop]
            X, lengths = self.X[span.row : span.end], self.lengths[first:stop]
            block = sequence_block(X, lengths, weights, span, self.feature_names)
            if self._codes is not None:
                block = replace(block, codes=self._codes[span.row : span.end], table=self._table)
            blocks.append(block)
        return [replace(blocks[0], n_threads=self.n_threads)] if len(blocks) == 1 else blocks
