"""Sequences in partitions that stay where they are: each partition holds whole sequences, in its own order.

Rows are sorted by time, and cut into blocks, inside each partition; answers come back in the order of its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce as fold
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.checks import checked_weights, find_missing, refuse_columns, refuse_missing
from emkit.data.memory import MemorySource
from emkit.data.partitions import PartitionedSource, as_part
from emkit.data.parts import Engine, OnEngine, Taste, named_columns, none_of, numbers_in, one_part, shared_out
from emkit.data.sequence_blocks import SequenceBlock, Span, block_spans, sequence_block
from emkit.data.sequence_order import arranged
from emkit.data.sequence_weights import sequence_weights
from emkit.data.sequences import Sequences
from emkit.data.source import S
from emkit.data.supply import Origin, check_weight_column, told
from emkit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PartitionedSequences", "made_part", "source_over"]

R = TypeVar("R")


def source_over(
    engine: Engine, taste: Taste, n_features: int, n_threads: int
) -> PartitionedSource | PartitionedSequences:
    """Return the source of rows, or of sequences where the taste has keys, in the partitions of an engine."""
    if taste.keys is None:
        return PartitionedSource(engine, taste, n_features, n_threads)
    return PartitionedSequences(engine, taste, n_features, n_threads)


def made_part(rows: Any, taste: Taste, index: int) -> Any:
    """Return the rows of a partition as numbers: in order of their sequences where the taste has keys."""
    return as_part(rows, taste, index) if taste.keys is None else _as_sequences(rows, taste, index)


@dataclass(frozen=True)
class SequencePart:
    """The sequences of one partition, where the partition is.

    Attributes
    ----------
    X : array (n, d)
    lengths, weights : array (s,)
        Weights are None where no column holds them.
    names : tuple of str
    origin : array (n,) or None
        Where each row stood before it was sorted.
    """

    X: NDArray[Any]
    lengths: NDArray[np.int64]
    weights: NDArray[np.float64] | None
    names: tuple[str, ...]
    origin: NDArray[np.int64] | None

    def blocks(self, weights: NDArray[np.float64] | None, dtype: Any, row: int, first: int) -> list[SequenceBlock]:
        """Return its blocks, the first row and sequence of which have these numbers; none if it has no rows."""
        X = np.ascontiguousarray(self.X, dtype=dtype)
        return [] if not len(X) else [self._block(X, weights, span, row, first) for span in block_spans(self.lengths)]

    def _block(
        self, X: NDArray[Any], weights: NDArray[np.float64] | None, span: Span, row: int, first: int
    ) -> SequenceBlock:
        own = None if weights is None else weights[span.first : span.stop]
        moved = Span(span.first + first, span.stop + first, span.row + row, span.end + row)
        return sequence_block(X[span.row : span.end], self.lengths[span.first : span.stop], own, moved)

    def as_given(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (n, ...) of the rows in the order in which the rows were given."""
        if self.origin is None:
            return values
        given = np.empty_like(values)
        given[self.origin] = values
        return given


def _as_sequences(rows: Any, taste: Taste, index: int) -> SequencePart:
    assert taste.keys is not None
    assert taste.keys.sequence is not None
    with told(Origin(f"partition {index}", 0)):
        columns = named_columns(rows, taste)
        if columns is None:
            message = f"sequences are told by the columns of a data frame, but this is a {type(rows).__name__}."
            raise DataError(message)
        X, each = numbers_in(columns, taste)
        if each is not None:
            check_weight_column(each)
        if not len(X):
            return SequencePart(X, np.empty(0, dtype=np.int64), None if each is None else each, (), None)
        time = None if taste.keys.time is None else columns[taste.keys.time]
        made = arranged(MemorySource(X, None, feature_names=taste.names), None, columns[taste.keys.sequence], time)
        if made.has_missing and not taste.allow_missing:
            refuse_missing(made.X, taste.names)
        weights = None if each is None else _weights_of(each, made)
    assert made.names is not None
    return SequencePart(made.X, made.lengths, weights, made.names, made.origin)


def _weights_of(each: NDArray[np.float64], made: Any) -> NDArray[np.float64]:
    """Return the weights (s,) of sequences from those of rows; zero for all may be so in one partition."""
    if not each.any():
        return np.zeros(made.n_sequences)
    found = sequence_weights(each, made.lengths, made.origin)
    return np.ones(made.n_sequences) if found is None else found


@dataclass(frozen=True)
class _Look:
    """What one look at a partition tells."""

    lengths: NDArray[np.int64]
    weights: NDArray[np.float64] | None
    marks: NDArray[np.int64]
    has_missing: bool
    observed: NDArray[np.bool_]
    dtype: Any
    is_sorted_anew: bool


@dataclass(frozen=True)
class _Facts:
    """What is known of all partitions; lists have an entry for each."""

    parts: tuple[NDArray[np.int64], ...]  # lengths of the sequences
    weights: tuple[NDArray[np.float64], ...] | None
    observed: NDArray[np.bool_]
    has_missing: bool
    dtype: Any
    is_sorted_anew: bool

    @property
    def rows(self) -> list[int]:
        return [int(part.sum()) for part in self.parts]

    def places(self) -> tuple[list[int], list[int]]:
        """Return the first row and the first sequence of each partition."""
        sizes = [len(part) for part in self.parts]
        return [0, *np.cumsum(self.rows).tolist()], [0, *np.cumsum(sizes).tolist()]


class PartitionedSequences(OnEngine, Sequences):
    """Sequences in partitions, over any engine; looked at when a number is first asked of them."""

    __slots__ = ("_engine", "_known", "_taste", "feature_names", "n_features", "n_threads", "names")

    _known: _Facts | None

    def __init__(
        self, engine: Engine, taste: Taste, n_features: int, n_threads: int, known: _Facts | None = None
    ) -> None:
        self._engine, self._taste, self._known = engine, taste, known
        self.feature_names, self.n_features, self.n_threads = taste.names, n_features, n_threads
        self.names, self._moments = None, None

    # --- what is known of the data ---

    @property
    def _facts(self) -> _Facts:
        if self._known is None:
            self._known = _facts_of(self._engine, self._taste)
        return self._known

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each sequence (s,)."""
        return np.concatenate(self._facts.parts)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Case weights of the sequences (s,); all ones where none were given."""
        weights = self._facts.weights
        return np.ones(self.n_sequences) if weights is None else np.concatenate(weights)

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        return sum(self._facts.rows)

    @property
    def dtype(self) -> Any:  # type: ignore[override]
        return self._facts.dtype

    @property
    def has_missing(self) -> bool:  # type: ignore[override]
        return self._facts.has_missing

    @property
    def columns_observed(self) -> NDArray[np.bool_]:
        """Whether each column (d,) has an observed entry in a row of positive weight."""
        return self._facts.observed

    @property
    def is_weighted(self) -> bool:  # type: ignore[override]
        return self._facts.weights is not None

    @property
    def total_weight(self) -> float:  # type: ignore[override]
        return float(self.weights @ self.lengths) if self.is_weighted else float(self.n_rows)

    def name(self, sequence: int) -> str:
        """Return what a message calls a sequence."""
        first = self._facts.places()[1]
        index = int(np.searchsorted(first, sequence, side="right")) - 1
        own = sequence - first[index]
        found = self._engine.over(lambda at, part: part.names[own] if at == index else None)
        return f"sequence {found[index]!r}"

    def as_given(self, values: Any) -> Any:
        """Return values (n, ...) in the order in which the rows were given; collections are in it already."""
        if not isinstance(values, np.ndarray) or not self._facts.is_sorted_anew:
            return values
        first = self._facts.places()[0]
        origins = self._engine.over(_origin_of)
        given = values.copy()
        for start, stop, origin in zip(first[:-1], first[1:], origins, strict=True):
            if origin is not None:
                given[start + origin] = values[start:stop]
        return given

    # --- the contract of a source ---

    def reduce(self, f: Callable[[Any], S]) -> S:
        """Return the sum of ``f(block)``: over the blocks of each partition, then over the partitions, in order."""
        blocks = _blocks_by(self._facts)

        def total(index: int, part: SequencePart) -> S | None:
            own = blocks(index, part)
            return fold(add, map(f, own)) if own else None

        return fold(add, (result for result in self._engine.over(total) if result is not None))

    def map(self, f: Callable[[Any], R]) -> list[R]:
        """Return ``f(block)`` for every block, in order."""
        blocks = _blocks_by(self._facts)
        return [item for part in self._engine.over(lambda i, part: [f(b) for b in blocks(i, part)]) for item in part]

    def joined(self, f: Callable[[Any], Any]) -> Any:
        """Return the rows of ``f(block)`` of all blocks as a collection of the engine, made on demand."""
        like = self._like(f)

        def rows(index: int, part: SequencePart) -> Any:
            found = [np.asarray(f(block)) for block in part.blocks(None, part.X.dtype, 0, 0)]
            return part.as_given(np.concatenate(found)) if found else like

        return self._engine.collection(rows, like, None if self._known is None else self._known.rows)

    def blocks(self) -> Iterator[SequenceBlock]:
        """Iterate over the blocks, in order: each comes from where it is when its turn comes."""
        blocks = _blocks_by(self._facts)
        for index in range(len(self._facts.parts)):
            yield from blocks(index, one_part(self._engine, index))

    def rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows with these numbers, in rising order, in memory."""
        wanted, dtype = shared_out(rows, self._facts.rows), self.dtype
        return np.concatenate(self._engine.over(lambda index, part: part.X[wanted[index]].astype(dtype)))

    def with_weights(self, weights: ArrayLike | None) -> PartitionedSequences:
        """Return the same sequences with other case weights, shape (s,); None for those of the data."""
        facts = self._facts
        own = checked_weights(weights, self.n_sequences)
        if own is None:
            return self
        parts = tuple(np.split(own, facts.places()[1][1:-1]))
        known = replace(facts, weights=parts)
        return PartitionedSequences(self._engine, self._taste, self.n_features, self.n_threads, known)

    def _like(self, f: Callable[[Any], Any]) -> NDArray[Any]:
        """Return what `f` gives for no rows."""
        one = sequence_block(np.ones((1, self.n_features)), np.array([1]), None, Span(0, 1, 0, 1))
        return none_of(f, one, lambda: next(self.take([0]).blocks()))


def _blocks_by(facts: _Facts) -> Callable[[int, SequencePart], list[SequenceBlock]]:
    """Return the function from a partition to its blocks."""
    rows, sequences = facts.places()
    weights, dtype = facts.weights, facts.dtype

    def blocks(index: int, part: SequencePart) -> list[SequenceBlock]:
        return part.blocks(None if weights is None else weights[index], dtype, rows[index], sequences[index])

    return blocks


def _origin_of(index: int, part: SequencePart) -> NDArray[np.int64] | None:
    return part.origin


def _looked_at(index: int, part: SequencePart) -> _Look:
    each = np.ones(len(part.lengths)) if part.weights is None else part.weights
    used = part.X[np.repeat(each, part.lengths) > 0]
    observed = ~np.isnan(used).all(axis=0) if len(used) else np.zeros(part.X.shape[1], dtype=bool)
    marks = np.array([_mark(name) for name in part.names], dtype=np.int64)
    has_missing = bool(len(part.X)) and any(find_missing(part.X))
    return _Look(part.lengths, part.weights, marks, has_missing, observed, part.X.dtype, part.origin is not None)


def _mark(name: str) -> int:
    """Return a number for a name, the same on every worker."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _facts_of(engine: Engine, taste: Taste) -> _Facts:
    looks = engine.over(_looked_at)
    filled = [look for look in looks if len(look.lengths)]
    if not filled:
        message = "Found array with 0 sample(s) while a minimum of 1 is required: no partition has a row."
        raise DataError(message)
    _refuse_shared(engine, [look.marks for look in looks], taste)
    observed = np.any([look.observed for look in filled], axis=0)
    if not observed.all() and not taste.allow_missing_columns:
        refuse_columns(observed, taste.names)
    weights = None
    if taste.weight is not None:
        weights = tuple(np.empty(0) if look.weights is None else look.weights for look in looks)
        if not any(part.any() for part in weights):
            message = "The column of weights is zero in all rows: no row is left to learn from."
            raise DataError(message)
    return _Facts(
        parts=tuple(look.lengths for look in looks),
        weights=weights,
        observed=observed,
        has_missing=any(look.has_missing for look in looks),
        dtype=np.result_type(*{look.dtype for look in filled}),
        is_sorted_anew=any(look.is_sorted_anew for look in looks),
    )


def _refuse_shared(engine: Engine, marks: Sequence[NDArray[np.int64]], taste: Taste) -> None:
    """Raise if a sequence has rows in two partitions."""
    values, counts = np.unique(np.concatenate(marks), return_counts=True)
    suspects = frozenset(values[counts > 1].tolist())
    if not suspects:
        return

    def suspected(index: int, part: SequencePart) -> list[str]:
        return [name for name in part.names if _mark(name) in suspects]

    found = engine.over(suspected)
    seen: dict[str, int] = {}
    for index, names in enumerate(found):
        for name in names:
            if name in seen:
                key = taste.keys.sequence if taste.keys is not None else None
                message = (
                    f"sequence {name!r} has rows in partitions {seen[name]} and {index}: each partition must hold "
                    f"whole sequences. Put them together by frame.shuffle({key!r}), and name the column of `time`."
                )
                raise DataError(message)
            seen[name] = index
