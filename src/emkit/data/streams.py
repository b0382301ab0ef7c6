"""The source of data that are too large for memory: files or batches, read anew in every pass.

Rows are cut into the same blocks as in memory, whatever the sizes of files, row groups and batches, so that a fit gives
the same bits. A thread reads ahead; the threads that work on blocks turn them into numbers.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.ahead import read_ahead
from emkit.data.block import BLOCK_ROWS, Block
from emkit.data.checks import checked_rows, checked_weights, find_missing
from emkit.data.memory import MemorySource, draw_rows
from emkit.data.passes import AHEAD, Raw, Streamed, cut_up, kept_numbers
from emkit.data.room import Shelf
from emkit.data.supply import Supply, check_weight_column, told
from emkit.data.threads import consume_stream, resolve_threads
from emkit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FileSource"]


@dataclass(frozen=True)
class _Facts:
    """What one pass over all rows tells."""

    n_rows: int
    n_features: int
    dtype: Any
    missing: NDArray[np.bool_]  # (blocks,)
    observed: NDArray[np.bool_]  # (d,) columns with an observed entry in a row of positive weight
    total_weight: float
    n_used: int
    is_weighted: bool


class FileSource(Streamed):
    """Rows of files, or of batches that can be made again, at constant memory.

    Made by `as_source` or `scan`. Case weights given as an array are kept in memory, eight bytes a row; those in a
    column of the file are read with the rows.
    """

    __slots__ = (
        "_facts",
        "_shelf",
        "_supply",
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

    def __init__(
        self,
        supply: Supply,
        *,
        names: tuple[str, ...] | None,
        weights: ArrayLike | None = None,
        n_threads: int = 1,
        facts: _Facts | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._supply, self.n_threads, self._moments = supply, n_threads, None
        self._shelf = Shelf(0) if shelf is None else shelf
        self.feature_names = names
        if facts is None:
            facts = _looked_over(self)
            self._shelf.settle(len(facts.missing), facts.dtype)
        self._weights = checked_weights(weights, facts.n_rows)
        if self._weights is not None:
            parts = [self._weights[i : i + BLOCK_ROWS].sum() for i in range(0, facts.n_rows, BLOCK_ROWS)]
            n_used = int(np.count_nonzero(self._weights))
            facts = replace(facts, total_weight=float(sum(parts)), n_used=n_used, is_weighted=True)
        self._facts = facts
        self.n_rows, self.n_features, self.dtype = facts.n_rows, facts.n_features, facts.dtype
        self.has_missing = bool(facts.missing.any())
        self.is_weighted, self.total_weight = facts.is_weighted, facts.total_weight

    @property
    def n_used(self) -> int:
        """Rows of positive weight."""
        return self._facts.n_used

    @property
    def columns_observed(self) -> NDArray[np.bool_]:
        """Whether each column (d,) has an observed entry in a row of positive weight."""
        return self._facts.observed

    def whole(self) -> Block:
        """Return all rows as one block, in memory."""
        blocks = list(self.blocks())
        X, weights = (np.concatenate(parts) for parts in zip(*((b.X, b.weights) for b in blocks), strict=True))
        return Block(X, weights, 0, self.is_weighted, self.has_missing)

    # --- the protocol ---

    def sample(self, n: int, rng: np.random.Generator) -> Block:
        """Return at most `n` rows of positive weight, uniformly without replacement, in data order."""
        ranks = np.arange(self.n_used) if self.n_used <= n else draw_rows(self.n_used, n, rng)
        X, weights = [], []
        first = 0
        for block in self.blocks():
            used = np.flatnonzero(block.weights > 0) if block.is_weighted else None
            n_used = block.n_rows if used is None else len(used)
            own = ranks[np.searchsorted(ranks, first) : np.searchsorted(ranks, first + n_used)] - first
            rows = own if used is None else used[own]
            X.append(block.X[rows])
            weights.append(block.weights[rows])
            first += n_used
        rows_X = np.concatenate(X)
        has_missing = self.has_missing and any(find_missing(rows_X, self.feature_names))
        return Block(rows_X, np.concatenate(weights), 0, self.is_weighted, has_missing)

    def with_weights(self, weights: ArrayLike | None) -> FileSource:
        """Return the same rows with other case weights, shape (n,); None for those of the file."""
        return self._like(weights, self.n_threads)

    def with_threads(self, n_threads: int) -> FileSource:
        """Return the same data, worked on by `n_threads` threads."""
        other = self._like(self._weights, resolve_threads(n_threads))
        other._moments = self._moments
        return other

    def take(self, rows: ArrayLike) -> MemorySource:
        """Return the rows with these indices (or True in this mask), in the order given: in memory, by one pass."""
        rows = checked_rows(rows, self.n_rows)
        X = np.empty((len(rows), self.n_features), dtype=self.dtype)
        weights = np.ones(len(rows)) if self.is_weighted else None
        order = np.argsort(rows, kind="stable")
        ranked = rows[order]
        for block in self.blocks():
            low, high = np.searchsorted(ranked, [block.start, block.start + block.n_rows])
            places, own = order[low:high], ranked[low:high] - block.start
            X[places] = block.X[own]
            if weights is not None:
                weights[places] = block.weights[own]
        return MemorySource(X, weights, feature_names=self.feature_names, n_threads=self.n_threads)

    # --- passes ---

    def _like(self, weights: ArrayLike | None, n_threads: int) -> FileSource:
        return FileSource(
            self._supply,
            names=self.feature_names,
            weights=weights,
            n_threads=n_threads,
            facts=self._facts,
            shelf=self._shelf,
        )

    @property
    def _sizes(self) -> list[int]:
        return [min(BLOCK_ROWS, self.n_rows - start) for start in range(0, self.n_rows, BLOCK_ROWS)]

    def _block(self, index: int, X: NDArray[Any], weights: NDArray[np.float64] | None) -> Block:
        start = index * BLOCK_ROWS
        if self._weights is not None:
            weights = self._weights[start : start + len(X)]
        own = np.ones(len(X)) if weights is None else weights
        return Block(X, own, start, weights is not None, bool(self._facts.missing[index]))


@dataclass(frozen=True)
class _Look:
    """What one block tells."""

    n_rows: int
    n_features: int
    dtype: Any
    has_missing: bool
    observed: NDArray[np.bool_]
    weight: float
    n_used: int
    is_weighted: bool


def _looked_over(source: FileSource) -> _Facts:
    """Read all rows once: count and check them."""
    looks: list[_Look] = []
    with closing(read_ahead(cut_up(source._supply, repeat(BLOCK_ROWS)), AHEAD)) as raws:
        consume_stream(lambda raw: _look(raw, source), raws, looks.append, source.n_threads)
    if not looks:
        message = "Found array with 0 sample(s) while a minimum of 1 is required: there is no row in any file."
        raise DataError(message)
    widths = {look.n_features for look in looks}
    if len(widths) > 1:
        message = f"The columns differ: some rows have {min(widths)} and some {max(widths)}."
        raise DataError(message)
    is_weighted = looks[0].is_weighted
    total = float(sum(look.weight for look in looks))
    if is_weighted and not total > 0:
        message = "The column of weights is zero in all rows: no row is left to learn from."
        raise DataError(message)
    return _Facts(
        n_rows=sum(look.n_rows for look in looks),
        n_features=widths.pop(),
        dtype=np.result_type(*{look.dtype for look in looks}),
        missing=np.array([look.has_missing for look in looks]),
        observed=np.any([look.observed for look in looks], axis=0),
        total_weight=total,
        n_used=sum(look.n_used for look in looks),
        is_weighted=is_weighted,
    )


def _look(raw: Raw, source: FileSource) -> _Look:
    X, weights = kept_numbers(source._shelf, raw)
    with told(raw.parts[0][1]):
        has_missing = any(find_missing(X, source.feature_names))
        if weights is not None:
            check_weight_column(weights)
    used = X if weights is None else X[weights > 0]
    observed = ~np.isnan(used).all(axis=0) if has_missing else np.full(X.shape[1], len(used) > 0)
    n, weight = (len(X), float(len(X))) if weights is None else (int((weights > 0).sum()), float(weights.sum()))
    return _Look(len(X), X.shape[1], X.dtype, has_missing, observed, weight, n, weights is not None)
