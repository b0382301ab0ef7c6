"""Which entries of a row are missing: codes of the patterns, and rows grouped by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data import Source

__all__ = ["PatternTable", "pattern_codes", "pattern_groups", "pattern_table"]

_WORD = 64


def pattern_codes(X: Array) -> Array:
    """Return the missing entries of each row as bits, (n, ceil(d / 64)) of uint64."""
    lost = np.isnan(X)
    words = max(1, -(-lost.shape[1] // _WORD))
    packed = np.zeros((len(lost), 8 * words), dtype=np.uint8)
    bits = np.packbits(lost, axis=1)
    packed[:, : bits.shape[1]] = bits
    return packed.view(np.uint64)


def pattern_groups(codes: Array) -> tuple[IntArray, IntArray]:
    """Return the order of rows that puts equal patterns side by side, and where each pattern starts in it."""
    order = np.argsort(codes[:, 0], kind="stable") if codes.shape[1] == 1 else np.lexsort(codes.T[::-1])
    ordered = codes[order]
    is_first = np.ones(len(codes), dtype=bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return order, np.flatnonzero(is_first)


@dataclass(frozen=True, eq=False)
class PatternTable:
    """The patterns of missing entries, rows without any entry left out.

    Attributes
    ----------
    seen : array (g, d) of bool
        Which columns each pattern observes.
    weights : array (g,)
        Sum of the case weights of its rows.
    mean : array (g, d)
        Weighted mean of its rows; zero where not observed.
    """

    seen: Array
    weights: FloatArray
    mean: FloatArray

    def __len__(self) -> int:
        return len(self.weights)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums by pattern about a pivot."""

    codes: Array
    seen: Array
    weights: FloatArray
    first: FloatArray
    limit: int  # of patterns: beyond, only their number so far is kept

    def __add__(self, other: _Sums) -> _Sums:
        if self.is_full or other.is_full:
            return self if self.is_full else other
        return _merged(
            self.limit,
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.seen, other.seen]),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.first, other.first]),
        )

    @property
    def is_full(self) -> bool:
        return len(self.codes) > self.limit


def pattern_table(source: Source, limit: int | None = None) -> PatternTable | None:
    """Return the patterns of the rows of a source, the most frequent first; None where there are more than `limit`."""
    pivot, most = np.nan_to_num(source.column_moments().mean), source.n_rows if limit is None else limit
    sums: _Sums = source.reduce(lambda block: _block_sums(block, pivot, most))
    if sums.is_full:
        return None
    kept = np.flatnonzero(sums.seen.any(axis=1))
    kept = kept[np.argsort(-sums.weights[kept], kind="stable")]
    seen, weights = sums.seen[kept], sums.weights[kept]
    mean = np.where(seen, pivot + sums.first[kept] / weights[:, None], 0.0)
    return PatternTable(seen, weights, mean)


def _block_sums(block: object, pivot: FloatArray, limit: int) -> _Sums:
    X, weights = block.X, block.weights  # type: ignore[attr-defined]
    if not weights.all():
        X, weights = X[weights > 0], weights[weights > 0]
    seen = ~np.isnan(X)
    first = np.where(seen, X - pivot, 0.0) * weights[:, None]
    return _merged(limit, pattern_codes(X), seen, weights, first)


def _merged(limit: int, codes: Array, seen: Array, weights: FloatArray, first: FloatArray) -> _Sums:
    if not len(codes):
        return _Sums(codes, seen, weights, first, limit)
    order, starts = pattern_groups(codes)
    at = order[starts]
    return _Sums(
        codes[at],
        seen[at],
        np.add.reduceat(weights[order], starts),
        np.add.reduceat(first[order], starts, axis=0),
        limit,
    )
