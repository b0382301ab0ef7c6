"""Starts for mixtures and hidden Markov models of continuous data: kinds of start in turn, so that many differ.

Which coordinates k-means is run in decides what it finds. On raw data it follows the columns with the largest units,
on scaled data none in particular, and on whitened data it finds the clusters that are elongated along the pooled
covariance, those that raw k-means cuts in two. Whitened starts found best known optima that the defaults of other
programs miss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.families.starts import kmeans_labels

__all__ = ["StartingRows"]

_WARD_ROWS = 600  # agglomeration costs n^2; more rows than this are thinned first


@dataclass(frozen=True)
class StartingRows:
    """The rows (n, d) and case weights (n,) that starts are made from, and their coordinates, worked out once.

    Missing entries are at the mean of their column, for this purpose only.
    """

    X: Array
    weights: FloatArray

    @cached_property
    def scaled(self) -> FloatArray:
        """The rows with columns centred and scaled to unit variance."""
        points = np.array(self.X, dtype=np.float64)
        seen = ~np.isnan(points)
        is_complete = bool(seen.all())
        mass = self.weights @ seen
        mass[mass == 0] = 1.0
        points -= self.weights @ (points if is_complete else np.where(seen, points, 0.0)) / mass
        if not is_complete:
            points[~seen] = 0.0
        sd = np.sqrt(self.weights @ points**2 / mass)
        sd[sd == 0] = 1.0
        points /= sd
        return points

    @cached_property
    def white(self) -> FloatArray:
        """Scores on the principal components, each scaled to unit variance; flat directions are left out."""
        points = self.scaled
        values, vectors = np.linalg.eigh((points * self.weights[:, None]).T @ points / self.weights.sum())
        if not values[-1] > 0:  # every row is the same
            return np.zeros((len(points), 1))
        keep = values > 1e-10 * values[-1]
        return np.ascontiguousarray(points @ (vectors[:, keep] / np.sqrt(values[keep])))

    @cached_property
    def tree(self) -> tuple[IntArray, FloatArray]:
        """Some of the rows of positive weight, all where they are few, and Ward's tree of them."""
        used = np.flatnonzero(self.weights > 0)
        if len(used) > _WARD_ROWS:
            used = np.sort(np.random.default_rng(0).choice(used, _WARD_ROWS, replace=False))
        return used, linkage(self.white[used], "ward") if len(used) > 1 else np.empty((0, 4))

    @cached_property
    def raw(self) -> Array:
        """The rows as they are, where they are complete."""
        return self.scaled if np.isnan(self.X).any() else self.X

    def responsibilities(self, k: int, rng: np.random.Generator, index: int) -> FloatArray:
        """Return responsibilities (n, k), case weights included, of start number `index`.

        Kinds alternate: k-means on scaled, whitened and raw data, k-means on a random projection, nearest of a few
        random points, neighbourhoods of random rows, and once Ward's agglomeration.
        """
        if k == 1:
            return np.asarray(self.weights, dtype=np.float64)[:, None].copy()
        kinds = _KINDS if index < _LATE else _LATE_KINDS
        kind = _ward if index == _WARD_INDEX else kinds[index % len(kinds)]
        labels = kind(self, k, rng)
        resp = np.zeros((len(labels), k))
        resp[np.arange(len(labels)), labels] = self.weights
        return resp


def _scaled(rows: StartingRows, k: int, rng: np.random.Generator) -> IntArray:
    return kmeans_labels(rows.scaled, rows.weights, k, rng)


def _white(rows: StartingRows, k: int, rng: np.random.Generator) -> IntArray:
    return kmeans_labels(rows.white, rows.weights, k, rng)


def _raw(rows: StartingRows, k: int, rng: np.random.Generator) -> IntArray:
    return kmeans_labels(rows.raw, rows.weights, k, rng)


def _projected(rows: StartingRows, k: int, rng: np.random.Generator) -> IntArray:
    """Cluster a random projection of the whitened data to about half its dimensions (one at least)."""
    d = rows.white.shape[1]
    axes = rng.standard_normal((d, max(1, d // 2)))
    return kmeans_labels(np.ascontiguousarray(rows.white @ axes), rows.weights, k, rng)


def _nearest(rows: StartingRows, k: int, rng: np.random.Generator) -> IntArray:
    """Give each row to the nearest of k random rows, in whitened coordinates: uneven and overlapping cells."""
    p = rows.weights / rows.weights.sum()
    chosen = rng.choice(len(p), size=min(k, int(np.count_nonzero(p))), replace=False, p=p)
    return _cells(rows.white, rows.white[chosen])


def _tight(rows: StartingRows, k: int, rng: np.random.Generator) -> IntArray:
    """Cluster into fewer, then give neighbourhoods of random rows, of random sizes, clusters of their own.

    Small and dense components beside large ones are what k-means never proposes.
    """
    n, d = rows.white.shape
    n_tight = int(rng.integers(1, k))
    labels = kmeans_labels(rows.white, rows.weights, k - n_tight, rng).copy()
    p = rows.weights / rows.weights.sum()
    for j in range(k - n_tight, k):
        size = int(np.exp(rng.uniform(np.log(d + 2), np.log(max(d + 3, n / k)))))
        distance = _squared(rows.white, rows.white[rng.choice(n, p=p)])
        labels[np.argsort(distance, kind="stable")[:size]] = j
    return labels


def _ward(rows: StartingRows, k: int, rng: np.random.Generator) -> IntArray:
    """Cut Ward's tree of (some of) the rows at k clusters; the others join the nearest centre."""
    points, (used, tree) = rows.white, rows.tree
    if len(used) <= k:
        return np.arange(len(points), dtype=np.intp) % k
    own = fcluster(tree, k, "maxclust") - 1
    labels = _cells(points, np.stack([points[used[own == j]].mean(axis=0) for j in range(own.max() + 1)]))
    labels[used] = own
    return labels


def _squared(points: FloatArray, centre: FloatArray) -> FloatArray:
    gap = points - centre
    return np.asarray(np.einsum("ij,ij->i", gap, gap))


def _cells(points: FloatArray, centres: FloatArray) -> IntArray:
    """Return the nearest centre (n,) of each row."""
    return np.asarray(np.stack([_squared(points, c) for c in centres]).argmin(axis=0), dtype=np.intp)


_Kind = Callable[[StartingRows, int, np.random.Generator], IntArray]
_KINDS: tuple[_Kind, ...] = (_scaled, _white, _raw, _projected, _white, _nearest, _tight, _tight)
_WARD_INDEX = 2
_LATE = 32  # by then k-means has said what it has to say: whole cells and neighbourhoods of random rows go on
_LATE_KINDS: tuple[_Kind, ...] = (_tight, _nearest, _tight, _projected)
