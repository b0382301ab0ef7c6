"""What families of discrete data share: equal rows counted once, and starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data import as_source
from emkit.data.codes import unique_values
from emkit.families.gaussian_starts import StartingRows

__all__ = ["DiscreteStarts", "distinct_rows", "row_keys", "used_rows"]

_WORTH = 0.7  # distinct rows are used where they are fewer than this part of all
_LARGEST = 2**62
_HELD = 1 << 24  # entries of distinct rows that are held of a stream


def distinct_rows(source: Any) -> Any:
    """Return the distinct rows with their total weights, or the source itself where that is hardly smaller.

    Rows of weight zero are left out; missing entries equal one another. Of rows that are read from files only the
    distinct ones are ever held.
    """
    if not source.is_in_memory:
        return _distinct_in_passing(source)
    blocks = list(source.blocks())
    X = np.concatenate([block.X for block in blocks])
    weights = np.concatenate([block.weights for block in blocks])
    used = weights > 0
    X, weights = X[used], weights[used]
    _, first, inverse = np.unique(row_keys(X), return_index=True, return_inverse=True)
    if len(first) > _WORTH * source.n_rows:
        return source if used.all() else source.take(np.flatnonzero(used))
    total = np.bincount(inverse.reshape(-1), weights=weights, minlength=len(first))
    return as_source(
        X[first],
        total,
        feature_names=source.feature_names,
        n_threads=source.n_threads,
        allow_missing_columns=True,  # the rows have passed the door
    )


def used_rows(source: Any) -> Any:
    """Return the rows of positive weight: the others may hold what lies outside the support of a family."""
    if source.n_used == source.n_rows or not source.is_in_memory:
        return source
    used = np.concatenate(source.map(lambda block: block.weights > 0))
    return source if used.all() else source.take(np.flatnonzero(used))


def _distinct_in_passing(source: Any) -> Any:
    """Return the distinct rows, found block by block, or the source where they become too many to hold."""
    X, total, n_seen = np.empty((0, source.n_features), dtype=source.dtype), np.empty(0), 0
    for block in source.blocks():
        used = block.weights > 0
        X, total = _merged(np.concatenate([X, block.X[used]]), np.concatenate([total, block.weights[used]]))
        n_seen += int(np.count_nonzero(used))
        if len(X) > _WORTH * n_seen or X.size > _HELD:
            return source
    names, n_threads = source.feature_names, source.n_threads
    return as_source(X, total, feature_names=names, n_threads=n_threads, allow_missing_columns=True)


def _merged(X: Array, weights: FloatArray) -> tuple[Array, FloatArray]:
    """Return the distinct rows and their total weights."""
    _, first, inverse = np.unique(row_keys(X), return_index=True, return_inverse=True)
    total = np.bincount(inverse.reshape(-1), weights=weights, minlength=len(first))
    return X[first], np.asarray(total, dtype=np.float64)


def row_keys(X: Array) -> IntArray:
    """Return a number (n,) for each row, equal where rows are equal."""
    keys, size = np.zeros(len(X), dtype=np.int64), 1
    for column in X.T:
        levels, codes = unique_values(column)  # NaN are one level
        if size * len(levels) > _LARGEST:
            known, keys = np.unique(keys, return_inverse=True)
            keys, size = keys.reshape(-1), len(known)
        keys, size = keys * len(levels) + codes, size * len(levels)
    return keys


@dataclass(frozen=True)
class DiscreteStarts:
    """Starts from points (n, p) that stand for the rows: clusterings, and random memberships in turn."""

    points: FloatArray
    weights: FloatArray

    @cached_property
    def _clustered(self) -> StartingRows:
        return StartingRows(self.points, self.weights)

    def responsibilities(self, k: int, rng: np.random.Generator, index: int) -> FloatArray:
        """Return responsibilities (n, k), case weights included, of start number `index`."""
        if k > 1 and index % 2:
            resp: FloatArray = rng.dirichlet(np.full(k, 0.5), len(self.weights)) * self.weights[:, None]
            return resp
        return self._clustered.responsibilities(k, rng, index // 2)


def starts_from(points: FloatArray, weights: FloatArray, *, is_discrete: bool) -> DiscreteStarts | StartingRows:
    """Return starts from points (n, p) that stand for the rows.

    Random memberships are tried for discrete data alone: continuous members all but equal leave their plateau slowly,
    and often for a collapse.
    """
    return DiscreteStarts(points, weights) if is_discrete else StartingRows(points, weights)
