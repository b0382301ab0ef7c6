"""What families of discrete data share: equal rows counted once, and starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data import as_source
from emkit.data.codes import unique_values
from emkit.data.device import DeviceSource
from emkit.families.gaussian_starts import StartingRows
from emkit.kernels.categorical import categorical_bytes

__all__ = ["DiscreteStarts", "distinct_rows", "row_keys", "used_rows"]

_WORTH = 0.7  # distinct rows are used where they are fewer than this part of all
_PROBED, _WORTH_PROBING = 4096, 8  # rows looked at first, where there are at least as many times more
_SURELY = 0.85  # the expected part of distinct rows at which they are not counted
_LARGEST = 2**62
_HELD = 1 << 24  # entries of distinct rows that are held of a stream


def distinct_rows(source: Any) -> Any:
    """Return the distinct rows with their total weights, or the source itself where that is hardly smaller.

    Rows of weight zero are left out; missing entries equal one another. Of rows that are read from files, or that are
    on a device, only the distinct ones are ever held here.
    """
    if not source.is_in_memory:
        return _distinct_in_passing(source)
    blocks = list(source.blocks())
    if _are_mostly_distinct(blocks, source.n_rows):
        return used_rows(source)
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


def _are_mostly_distinct(blocks: Sequence[Any], n_rows: int) -> bool:
    """Tell from a few thousand rows whether few rows are equal, so that looking at all of them is work for nothing.

    Of m rows each pair is equal with the same probability; three equal pairs more than were met bound it, and with it
    the rows that are expected to be distinct.
    """
    if n_rows < _PROBED * _WORTH_PROBING:
        return False
    probe = row_keys(np.concatenate([block.X[:: n_rows // _PROBED] for block in blocks]))
    m, n_equal = len(probe), len(probe) - len(np.unique(probe))
    n_patterns = m * (m - 1) / 2 / (n_equal + 3)
    share = -np.expm1(-n_rows / n_patterns) * n_patterns / n_rows
    return bool(share > _SURELY)


def used_rows(source: Any) -> Any:
    """Return the rows of positive weight: the others may hold what lies outside the support of a family."""
    if source.n_used == source.n_rows:
        return source
    if isinstance(source, DeviceSource):
        return source.take(np.flatnonzero(source.weights > 0))
    if not source.is_in_memory:
        return source
    used = np.concatenate(source.map(lambda block: block.weights > 0))
    return source if used.all() else source.take(np.flatnonzero(used))


def _distinct_in_passing(source: Any) -> Any:
    """Return the distinct rows, found block by block, or the source where they become too many to hold."""
    X, total, n_seen = np.empty((0, source.n_features), dtype=source.dtype), np.empty(0), 0
    for block in source.blocks():
        used, own = block.weights > 0, block.on_host().X
        X, total = _merged(np.concatenate([X, own[used]]), np.concatenate([total, block.weights[used]]))
        n_seen += int(np.count_nonzero(used))
        if len(X) > _WORTH * n_seen or X.size > _HELD:
            return used_rows(source)
    names, n_threads = source.feature_names, source.n_threads
    return as_source(X, total, feature_names=names, n_threads=n_threads, allow_missing_columns=True)


def _merged(X: Array, weights: FloatArray) -> tuple[Array, FloatArray]:
    """Return the distinct rows and their total weights."""
    _, first, inverse = np.unique(row_keys(X), return_index=True, return_inverse=True)
    total = np.bincount(inverse.reshape(-1), weights=weights, minlength=len(first))
    return X[first], np.asarray(total, dtype=np.float64)


def row_keys(X: Array) -> IntArray:
    """Return a number (n,) for each row, equal where rows are equal."""
    coded = categorical_bytes(np.ascontiguousarray(X)) if X.dtype in (np.float32, np.float64) else None
    if coded is not None:
        found = _byte_keys(*coded)
        if found is not None:
            return found
    keys, size = np.zeros(len(X), dtype=np.int64), 1
    for column in X.T:
        levels, codes = unique_values(column)  # NaN are one level
        if size * len(levels) > _LARGEST:
            known, keys = np.unique(keys, return_inverse=True)
            keys, size = keys.reshape(-1), len(known)
        keys, size = keys * len(levels) + codes, size * len(levels)
    return keys


_EXACT = 2**53


def _byte_keys(codes: Array, occurs: Array) -> IntArray | None:
    """Return a number (n,) for each row of bytes, or None where there are more combinations than numbers."""
    places = np.cumsum(occurs, axis=1, dtype=np.int64) - 1
    sizes = places[:, -1] + 1
    if np.log2(sizes.astype(np.float64)).sum() >= _EXACT.bit_length() - 1:
        return None
    unit = np.concatenate([np.cumprod(sizes[::-1])[::-1][1:], [1]])
    keys = np.zeros(len(codes), dtype=np.int64)
    for j in range(codes.shape[1]):
        keys += (places[j] * unit[j])[codes[:, j]]
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
