"""Data in partitions that stay where they are: functions go out to them, sums come back and are added in order.

Rows are cut into blocks inside each partition, so a fit gives the same bits for the same partitions, on any engine and
any number of workers, also when one is lost and its work is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce as fold
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.block import Block
from emkit.data.checks import checked_rows, checked_weights, find_missing, refuse_columns, refuse_missing
from emkit.data.columns import to_float
from emkit.data.memory import MemorySource, draw_rows
from emkit.data.parts import Engine, OnEngine, Taste, named_columns, none_of, numbers_in, one_part, shared_out
from emkit.data.source import S, Source
from emkit.data.supply import Origin, check_weight_column, told
from emkit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Part", "PartitionedSource", "as_part"]

R = TypeVar("R")


@dataclass(frozen=True)
class Part:
    """The rows of one partition as numbers, where the partition is."""

    X: NDArray[Any]
    weights: NDArray[np.float64] | None

    def blocks(self, facts: Facts, index: int) -> list[Block]:
        """Return its blocks; none if it has no rows."""
        if not len(self.X):
            return []
        X = np.ascontiguousarray(self.X, dtype=facts.dtype)
        weights = self.weights if facts.weights is None else facts.weights[index]
        start = facts.starts[index]
        source = MemorySource(X, weights, missing=facts.missing[index])
        return [replace(block, start=start + block.start) for block in source.blocks()]


@dataclass(frozen=True)
class Facts:
    """What one look at each partition tells; lists have an entry for each."""

    starts: tuple[int, ...]
    counts: tuple[int, ...]
    used: tuple[int, ...]  # rows of positive weight
    missing: tuple[tuple[bool, ...], ...]
    dtype: Any
    total_weight: float
    is_weighted: bool
    weights: tuple[NDArray[np.float64], ...] | None = None  # where they were given as an array


@dataclass(frozen=True)
class _Look:
    n_rows: int
    n_used: int
    missing: tuple[bool, ...]
    observed: NDArray[np.bool_]
    weight: float
    dtype: Any
    is_weighted: bool


def as_part(rows: Any, taste: Taste, index: int) -> Part:
    """Return the rows of a partition, an array or a data frame, as numbers.

    Raises
    ------
    DataError
        If a column is missing, or a cell is no number; it names the partition.
    """
    with told(Origin(f"partition {index}", 0)):
        columns = named_columns(rows, taste)
        if columns is None:
            return Part(to_float(np.asarray(rows)), None)
        return Part(*numbers_in(columns, taste))


class PartitionedSource(OnEngine, Source):
    """Rows in partitions, over any engine.

    The partitions are looked at when a number is first asked of them, not before.
    """

    __slots__ = ("_engine", "_known", "_taste", "feature_names", "n_features", "n_threads")

    _known: Facts | None

    def __init__(
        self, engine: Engine, taste: Taste, n_features: int, n_threads: int, known: Facts | None = None
    ) -> None:
        self._engine, self._taste, self.feature_names, self.n_features = engine, taste, taste.names, n_features
        self.n_threads, self._known, self._moments = n_threads, known, None

    # --- what is known of the data ---

    @property
    def _facts(self) -> Facts:
        if self._known is None:
            self._known = _facts_of(self._engine.over(_looked_at(self._taste)), self._taste)
        return self._known

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        return sum(self._facts.counts)

    @property
    def n_used(self) -> int:
        """Rows of positive weight."""
        return sum(self._facts.used)

    @property
    def dtype(self) -> Any:  # type: ignore[override]
        return self._facts.dtype

    @property
    def has_missing(self) -> bool:  # type: ignore[override]
        return any(any(part) for part in self._facts.missing)

    @property
    def is_weighted(self) -> bool:  # type: ignore[override]
        return self._facts.is_weighted

    @property
    def total_weight(self) -> float:  # type: ignore[override]
        return self._facts.total_weight

    # --- the protocol ---

    def reduce(self, f: Callable[[Block], S]) -> S:
        """Return the sum of ``f(block)``: over the blocks of each partition, then over the partitions, in order."""
        facts = self._facts

        def total(index: int, part: Part) -> S | None:
            blocks = part.blocks(facts, index)
            return fold(add, map(f, blocks)) if blocks else None

        return fold(add, (result for result in self._engine.over(total) if result is not None))

    def map(self, f: Callable[[Block], R]) -> list[R]:
        """Return ``f(block)`` for every block, in order."""
        facts = self._facts
        return [
            item for part in self._engine.over(lambda i, part: [f(b) for b in part.blocks(facts, i)]) for item in part
        ]

    def joined(self, f: Callable[[Block], Any]) -> Any:
        """Return the rows of ``f(block)`` of all blocks as a collection of the engine, made on demand."""
        like, taste = self._like(f), self._taste

        def rows(index: int, part: Part) -> Any:
            own = _own_facts(index, part, taste)
            found = [np.asarray(f(block)) for block in part.blocks(own, index)]
            return np.concatenate(found) if found else like

        return self._engine.collection(rows, like, None if self._known is None else self._known.counts)

    def blocks(self) -> Iterator[Block]:
        """Iterate over the blocks, in order: each comes from where it is when its turn comes."""
        for index, rows in enumerate(self._each_part()):
            yield from rows.blocks(self._facts, index)

    def sample(self, n: int, rng: np.random.Generator) -> Block:
        """Return at most `n` rows of positive weight, uniformly without replacement, in data order."""
        facts = self._facts
        ranks = np.arange(self.n_used) if self.n_used <= n else draw_rows(self.n_used, n, rng)
        wanted = shared_out(ranks, facts.used)

        def pick(index: int, part: Part) -> tuple[Any, Any]:
            weights = part.weights if facts.weights is None else facts.weights[index]
            own = wanted[index] if weights is None else np.flatnonzero(weights > 0)[wanted[index]]
            return part.X[own].astype(facts.dtype), np.ones(len(own)) if weights is None else weights[own]

        found = self._engine.over(pick)
        X, weights = (np.concatenate([pair[i] for pair in found]) for i in (0, 1))
        return Block(X, weights, 0, self.is_weighted, any(find_missing(X, self.feature_names)))

    def take(self, rows: ArrayLike) -> MemorySource:
        """Return the rows with these indices (or True in this mask), in the order given: in memory."""
        rows, facts = checked_rows(rows, self.n_rows), self._facts
        order = np.argsort(rows, kind="stable")
        wanted = shared_out(rows[order], facts.counts)

        def pick(index: int, part: Part) -> tuple[Any, Any]:
            weights = part.weights if facts.weights is None else facts.weights[index]
            own = wanted[index]
            return part.X[own].astype(facts.dtype), np.ones(len(own)) if weights is None else weights[own]

        found = self._engine.over(pick)
        back = np.argsort(order, kind="stable")
        X, weights = (np.concatenate([pair[i] for pair in found])[back] for i in (0, 1))
        own = weights if self.is_weighted else None
        return MemorySource(X, own, feature_names=self.feature_names, n_threads=self.n_threads)

    def with_weights(self, weights: ArrayLike | None) -> PartitionedSource:
        """Return the same rows with other case weights, shape (n,); None for those of the data."""
        facts, array = self._facts, checked_weights(weights, self.n_rows)
        if array is None:
            return self
        parts = tuple(np.split(array, np.cumsum(facts.counts)[:-1]))
        used = tuple(int(np.count_nonzero(part)) for part in parts)
        total = float(sum(part.sum() for part in parts))
        facts = replace(facts, weights=parts, used=used, total_weight=total, is_weighted=True)
        return PartitionedSource(self._engine, self._taste, self.n_features, self.n_threads, facts)

    def _each_part(self) -> Iterator[Part]:
        """Yield the partitions one by one, in this process."""
        for index in range(len(self._facts.counts)):
            yield one_part(self._engine, index)

    def _like(self, f: Callable[[Block], Any]) -> NDArray[Any]:
        """Return what `f` gives for no rows."""
        ones = Block(np.ones((1, self.n_features)), np.ones(1), 0, False, False)
        return none_of(f, ones, lambda: self.take([0])._blocks[0])


def _looked_at(taste: Taste) -> Callable[[int, Part], _Look]:
    def look(index: int, part: Part) -> _Look:
        X, weights = part.X, part.weights
        with told(Origin(f"partition {index}", 0)):
            missing = find_missing(X, taste.names) if len(X) else ()
            if any(missing) and not taste.allow_missing:
                refuse_missing(X, taste.names)
            if weights is not None:
                check_weight_column(weights)
        used = X if weights is None else X[weights > 0]
        observed = ~np.isnan(used).all(axis=0) if len(used) else np.zeros(X.shape[1], dtype=bool)
        weight = float(len(X)) if weights is None else float(weights.sum())
        return _Look(len(X), len(used), missing, observed, weight, X.dtype, weights is not None)

    return look


def _facts_of(looks: list[_Look], taste: Taste) -> Facts:
    counts = tuple(look.n_rows for look in looks)
    filled = [look for look in looks if look.n_rows]
    if not filled:
        message = "Found array with 0 sample(s) while a minimum of 1 is required: no partition has a row."
        raise DataError(message)
    observed = np.any([look.observed for look in filled], axis=0)
    if not observed.all() and not taste.allow_missing_columns:
        refuse_columns(observed, taste.names)
    total = float(sum(look.weight for look in filled))
    if not total > 0:
        message = "The column of weights is zero in all rows: no row is left to learn from."
        raise DataError(message)
    return Facts(
        starts=tuple(int(start) for start in np.cumsum((0, *counts[:-1]))),
        counts=counts,
        used=tuple(look.n_used for look in looks),
        missing=tuple(look.missing for look in looks),
        dtype=np.result_type(*{look.dtype for look in filled}),
        total_weight=total,
        is_weighted=filled[0].is_weighted,
    )


def _own_facts(index: int, part: Part, taste: Taste) -> Facts:
    """Return facts of one partition alone, for what is made of it on demand."""
    look = _looked_at(taste)(index, Part(part.X, None))
    nothing = (0,) * (index + 1)
    missing = ((),) * index + (look.missing,)
    return Facts(nothing, nothing, nothing, missing, look.dtype, 0.0, is_weighted=False)
