"""Rows with missing entries, arranged for the E-step of one normal distribution.

Many rows of one pattern are given as few: their mean, which stands for all of them, and a root of their scatter, whose
rows are deviations. What is left of a step then costs as many rows as there are patterns times columns, at most.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data.threads import consume_in_order
from emkit.families.patterns import pattern_codes, pattern_groups

__all__ = ["Bundle", "PatternRows", "RowsSource", "arranged", "bundle_of"]

PART_ROWS = 2048  # rows that a thread takes at a time
_IN_MEMORY = 1 << 22  # numbers of the rows up to which they are brought into order in a copy
_FEW = 256  # patterns up to which many blocks are read into bundles


@dataclass(frozen=True, eq=False)
class PatternRows:
    """Rows X (n, d) with weights (n,), and how many rows each stands for, `counts` (n,).

    See `kernels.normal_patterns.normal_sums`: one whose count is zero is a deviation.
    """

    X: Array
    weights: FloatArray
    counts: FloatArray
    start: int = 0


@dataclass(frozen=True, eq=False)
class Bundle:
    """Rows of one pattern: total weight, mean (o,), and a root (r, o) of the scatter about it, scatter = root' root."""

    weight: float
    mean: FloatArray
    root: FloatArray

    def __add__(self, other: Bundle) -> Bundle:
        weight = self.weight + other.weight
        move = other.mean - self.mean
        apart = np.sqrt(self.weight * other.weight / weight) * move
        mean = self.mean + move * (other.weight / weight)
        return Bundle(weight, mean, _small_root(np.vstack([self.root, other.root, apart])))


def bundle_of(X: Array, weights: FloatArray) -> Bundle:
    """Return rows X (n, o), without missing entries, as a bundle."""
    X, total = np.asarray(X, dtype=np.float64), float(weights.sum())
    mean = X[0] + weights @ (X - X[0]) / total
    deviation = X - mean
    mean = mean + weights @ deviation / total  # what rounding left of the first moment
    return Bundle(total, mean, _small_root((X - mean) * np.sqrt(weights)[:, None]))


def _small_root(rows: FloatArray) -> FloatArray:
    return rows if len(rows) <= rows.shape[1] else np.asarray(np.linalg.qr(rows, mode="r"))


class RowsSource:
    """A source whose blocks are arranged rows, over threads."""

    is_weighted = True
    has_missing = True

    def __init__(self, parts: list[PatternRows], origin: Any, seen: Array) -> None:
        self._parts, self._origin = parts, origin
        self.seen = seen  # (g, d) the patterns, each once
        self.n_rows, self.n_features = sum(len(part.weights) for part in parts), origin.n_features
        self.total_weight, self.n_threads = origin.total_weight, origin.n_threads

    def reduce(self, f: Callable[[Any], Any]) -> Any:
        """Return the sum of ``f(block)`` over all blocks, added in block order."""
        return functools.reduce(operator.add, self.map(f))

    def map(self, f: Callable[[Any], Any]) -> list[Any]:
        """Return ``f(block)`` for every block, in block order."""
        results: list[Any] = []
        consume_in_order(f, self._parts, results.append, self.n_threads)
        return results

    def blocks(self) -> Iterator[Any]:
        """Iterate over the blocks."""
        return iter(self._parts)

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        """Return at most `n` of the rows as they came."""
        return self._origin.sample(n, rng)

    def column_moments(self) -> Any:
        """Return the moments of the columns of the rows as they came."""
        return self._origin.column_moments()


def arranged(source: Any) -> Any:
    """Return the same rows, by pattern, as few as do; the source itself where they are many and unlike one another."""
    if source.n_rows * source.n_features <= _IN_MEMORY:
        rows, seen = _by_pattern(*_gathered(source))
    else:
        bundles = _bundles(source)
        if bundles is None:
            return source
        rows = _rows_of(bundles, source.n_features)
        seen = np.array([np.frombuffer(key, dtype=bool) for key in bundles]).reshape(-1, source.n_features)
    return RowsSource(_cut(rows), source, seen)


def _gathered(source: Any) -> tuple[Array, FloatArray]:
    blocks = list(source.blocks())
    if len(blocks) == 1:
        return blocks[0].X, blocks[0].weights
    return np.concatenate([b.X for b in blocks]), np.concatenate([b.weights for b in blocks])


def _by_pattern(X: Array, weights: FloatArray) -> tuple[PatternRows, Array]:
    """Return rows sorted by pattern; patterns with many rows as bundles; and the patterns."""
    if not weights.all():
        X, weights = X[weights > 0], weights[weights > 0]
    d = X.shape[1]
    order, starts = pattern_groups(pattern_codes(X))
    ends = np.append(starts[1:], len(order))
    seen = ~np.isnan(X[order[starts]])
    is_large = (ends - starts >= 2 * (seen.sum(axis=1) + 1)) & seen.any(axis=1)
    n_missing = np.repeat(np.where(is_large, -1, d - seen.sum(axis=1)), ends - starts)
    rank = np.argsort(n_missing, kind="stable")  # the kernel works on rows with equally many missing entries together
    kept = order[rank[np.count_nonzero(n_missing < 0) :]]
    single = PatternRows(X[kept], weights[kept], weights[kept])
    bundles = {}
    for g in np.flatnonzero(is_large):
        rows, columns = order[starts[g] : ends[g]], seen[g]
        bundles[columns.tobytes()] = bundle_of(X[np.ix_(rows, np.flatnonzero(columns))], weights[rows])
    return (single if not bundles else _joined([single, _rows_of(bundles, d)])), seen


def _bundles(source: Any) -> dict[bytes, Bundle] | None:
    """Return the bundle of each pattern, keyed by which columns it observes; None where the patterns are many."""
    bundles: dict[bytes, Bundle] = {}
    for block in source.blocks():
        X, weights = block.X, block.weights
        if not weights.all():
            X, weights = X[weights > 0], weights[weights > 0]
        order, starts = pattern_groups(pattern_codes(X))
        if len(starts) > _FEW:
            return None
        for rows in np.split(order, starts[1:]):
            seen = ~np.isnan(X[rows[0]]) if len(rows) else np.zeros(0, dtype=bool)
            if not seen.any():
                continue
            own, key = bundle_of(X[np.ix_(rows, np.flatnonzero(seen))], weights[rows]), seen.tobytes()
            bundles[key] = bundles[key] + own if key in bundles else own
        if len(bundles) > _FEW:
            return None
    return bundles


def _rows_of(bundles: dict[bytes, Bundle], d: int) -> PatternRows:
    parts = []
    for key, bundle in bundles.items():
        seen = np.frombuffer(key, dtype=bool)
        X = np.full((1 + len(bundle.root), d), np.nan)
        X[0, seen], X[1:, seen] = bundle.mean, bundle.root
        weights = np.ones(len(X))
        counts = np.zeros(len(X))
        weights[0] = counts[0] = bundle.weight
        parts.append(PatternRows(X, weights, counts))
    return _joined(parts)


def _joined(parts: list[PatternRows]) -> PatternRows:
    if not parts:
        return PatternRows(np.empty((0, 0)), np.empty(0), np.empty(0))
    return PatternRows(
        np.concatenate([p.X for p in parts]),
        np.concatenate([p.weights for p in parts]),
        np.concatenate([p.counts for p in parts]),
    )


def _cut(rows: PatternRows) -> list[PatternRows]:
    X = np.ascontiguousarray(rows.X)
    cuts = [slice(start, start + PART_ROWS) for start in range(0, max(1, len(X)), PART_ROWS)]
    return [PatternRows(X[cut], rows.weights[cut], rows.counts[cut], cut.start) for cut in cuts]
