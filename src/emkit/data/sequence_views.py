"""Sequences seen otherwise: the rows of each block changed when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from emkit.data.sequence_blocks import SequenceBlock
from emkit.data.sequences import Sequences, SequenceSource
from emkit.data.source import S

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["transformed"]

R = TypeVar("R")
Change = Callable[[SequenceBlock], "NDArray[Any]"]


def transformed(source: Any, change: Change, names: tuple[str, ...] | None) -> Any:
    """Return the same sequences with the rows ``change(block)``, as many as before, whose columns have these names.

    Those in memory are changed at once, all others in every pass. A row depends on rows of its own sequence alone.
    """
    if not isinstance(source, SequenceSource):
        return _View(source, change, names)
    X = np.ascontiguousarray(np.concatenate([change(block) for block in source.blocks()]))
    return SequenceSource(
        X,
        source.lengths,
        source.weights if source.is_weighted else None,
        feature_names=names,
        names=source.names,
        n_threads=source.n_threads,
        origin=source.origin,
        n_given=source.n_given,
    )


class _View(Sequences):
    """Sequences of another source with their rows changed."""

    __slots__ = ("_change", "_inner", "_like", "_missing", "feature_names", "n_threads", "names")

    def __init__(self, inner: Any, change: Change, names: tuple[str, ...] | None) -> None:
        self._inner, self._change, self.feature_names = inner, change, names
        self.n_threads, self.names, self._moments = inner.n_threads, inner.names, None
        self._like: NDArray[Any] | None = None
        self._missing: bool | None = None

    # --- what is known of the data ---

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are at hand: False."""
        return False

    @property
    def is_local(self) -> bool:
        """Whether functions of blocks run in this process."""
        return bool(self._inner.is_local)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each sequence (s,)."""
        lengths: NDArray[np.int64] = self._inner.lengths
        return lengths

    @property
    def weights(self) -> NDArray[np.float64]:
        """Case weights of the sequences (s,)."""
        weights: NDArray[np.float64] = self._inner.weights
        return weights

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        return int(self._inner.n_rows)

    @property
    def is_weighted(self) -> bool:  # type: ignore[override]
        return bool(self._inner.is_weighted)

    @property
    def total_weight(self) -> float:  # type: ignore[override]
        return float(self._inner.total_weight)

    @property
    def n_features(self) -> int:  # type: ignore[override]
        return int(self._first.shape[1])

    @property
    def dtype(self) -> Any:  # type: ignore[override]
        return self._first.dtype

    @property
    def has_missing(self) -> bool:  # type: ignore[override]
        if self._missing is None:
            change = self._change
            self._missing = bool(self._inner.reduce(lambda block: int(np.isnan(change(block)).any())))
        return self._missing

    def name(self, sequence: int) -> str:
        """Return what a message calls a sequence."""
        name: str = self._inner.name(sequence)
        return name

    # --- the contract of a source ---

    def reduce(self, f: Callable[[Any], S]) -> S:
        """Return the sum of ``f(block)`` over all blocks, added in block order."""
        total: S = self._inner.reduce(self._after(f))
        return total

    def map(self, f: Callable[[Any], R]) -> list[R]:
        """Return ``f(block)`` for every block, in block order."""
        results: list[R] = self._inner.map(self._after(f))
        return results

    def joined(self, f: Callable[[Any], Any]) -> Any:
        """Return the rows of ``f(block)`` of all blocks as one array, or as a collection made on demand."""
        return self._inner.joined(self._after(f))

    def blocks(self) -> Iterator[SequenceBlock]:
        """Iterate over the blocks, in order."""
        return map(_changer(self._change), self._inner.blocks())

    def held(self) -> AbstractContextManager[None]:
        """Return the context of a fit."""
        held: AbstractContextManager[None] = self._inner.held()
        return held

    def rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows with these numbers, in rising order."""
        X = np.empty((len(rows), self.n_features), dtype=self.dtype)
        for block in self.blocks():
            low, high = np.searchsorted(rows, [block.start, block.start + block.n_rows])
            X[low:high] = block.X[rows[low:high] - block.start]
        return X

    def with_weights(self, weights: ArrayLike | None) -> _View:
        """Return the same sequences with other case weights."""
        return _View(self._inner.with_weights(weights), self._change, self.feature_names)

    def with_threads(self, n_threads: int) -> _View:
        """Return the same data, worked on by `n_threads` threads."""
        return _View(self._inner.with_threads(n_threads), self._change, self.feature_names)

    @property
    def _first(self) -> NDArray[Any]:
        if self._like is None:
            self._like = next(iter(self.blocks())).X[:0]
        return self._like

    def _after(self, f: Callable[[Any], R]) -> Callable[[Any], R]:
        """Return the function of a block of the inner source that `f` is of one of these."""
        own = _changer(self._change)
        return lambda block: f(own(block))


def _changer(change: Change) -> Callable[[SequenceBlock], SequenceBlock]:
    def changed(block: SequenceBlock) -> SequenceBlock:
        X = np.ascontiguousarray(change(block))
        return replace(block, X=X, has_missing=bool(np.isnan(X).any()))

    return changed
