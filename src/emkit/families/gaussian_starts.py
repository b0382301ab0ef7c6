"""Starts for mixtures and hidden Markov models of continuous data: kinds of start in turn, so that many differ.

Which coordinates k-means is run in decides what it finds. On raw data it follows the columns with the largest units,
on scaled data none in particular, and on whitened data it finds the clusters that are elongated along the pooled
covariance, those that raw k-means cuts in two. Whitened starts found best known optima that the defaults of other
programs miss.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.families.starts import kmeans_labels

__all__ = ["start_responsibilities"]

_WARD_ROWS = 1000  # agglomeration costs n^2; more rows than this are thinned first


def start_responsibilities(X: Array, weights: FloatArray, k: int, rng: np.random.Generator, index: int) -> FloatArray:
    """Return responsibilities (n, k), case weights included, of start number `index`.

    Kinds alternate: k-means on scaled, whitened and raw data, k-means on a random projection, nearest of a few random
    points, neighbourhoods of random rows, and once Ward's agglomeration. Missing entries are filled with column means
    for this purpose only.
    """
    points = _standardised(X, weights)
    if k == 1:
        return np.asarray(weights, dtype=np.float64)[:, None].copy()
    if index == _WARD_INDEX:
        labels = _ward(_whitened(points, weights), weights, k, rng)
    else:
        labels = _KINDS[index % len(_KINDS)](X, points, weights, k, rng)
    resp = np.zeros((len(labels), k))
    resp[np.arange(len(labels)), labels] = weights
    return resp


def _standardised(X: Array, weights: FloatArray) -> FloatArray:
    """Return the rows (n, d) with columns centred and scaled, missing entries at the mean."""
    points = np.array(X, dtype=np.float64)
    seen = ~np.isnan(points)
    is_complete = bool(seen.all())
    mass = weights @ seen
    mass[mass == 0] = 1.0
    mean = weights @ (points if is_complete else np.where(seen, points, 0.0)) / mass
    points -= mean
    if not is_complete:
        points[~seen] = 0.0
    sd = np.sqrt(weights @ points**2 / mass)
    sd[sd == 0] = 1.0
    points /= sd
    return points


def _whitened(points: FloatArray, weights: FloatArray) -> FloatArray:
    """Return scores on the principal components, each scaled to unit variance; flat directions are left out."""
    values, vectors = np.linalg.eigh((points * weights[:, None]).T @ points / weights.sum())
    if not values[-1] > 0:  # every row is the same
        return np.zeros((len(points), 1))
    keep = values > 1e-10 * values[-1]
    return np.ascontiguousarray(points @ (vectors[:, keep] / np.sqrt(values[keep])))


def _scaled(X: Array, points: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    return kmeans_labels(points, weights, k, rng)


def _white(X: Array, points: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    return kmeans_labels(_whitened(points, weights), weights, k, rng)


def _raw(X: Array, points: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    return _scaled(X, points, weights, k, rng) if np.isnan(X).any() else kmeans_labels(X, weights, k, rng)


def _projected(X: Array, points: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    """Cluster a random projection of the whitened data to about half its dimensions (one at least)."""
    white = _whitened(points, weights)
    d = white.shape[1]
    axes = rng.standard_normal((d, max(1, d // 2)))
    return kmeans_labels(np.ascontiguousarray(white @ axes), weights, k, rng)


def _nearest(X: Array, points: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    """Give each row to the nearest of k random rows, in whitened coordinates: uneven and overlapping cells."""
    white = _whitened(points, weights)
    p = weights / weights.sum()
    chosen = rng.choice(len(white), size=min(k, int(np.count_nonzero(p))), replace=False, p=p)
    distance = ((white[:, None, :] - white[chosen][None]) ** 2).sum(axis=2)
    return np.asarray(distance.argmin(axis=1), dtype=np.intp)


def _tight(X: Array, points: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    """Cluster into fewer, then give neighbourhoods of random rows, of random sizes, clusters of their own.

    Small and dense components beside large ones are what k-means never proposes.
    """
    white = _whitened(points, weights)
    n, d = white.shape
    n_tight = int(rng.integers(1, k))
    labels = kmeans_labels(white, weights, k - n_tight, rng).copy()
    for j in range(k - n_tight, k):
        centre = white[_any_row(weights, rng)]
        size = int(np.exp(rng.uniform(np.log(d + 2), np.log(max(d + 3, n / k)))))
        labels[np.argsort(((white - centre) ** 2).sum(axis=1), kind="stable")[:size]] = j
    return labels


def _any_row(weights: FloatArray, rng: np.random.Generator) -> int:
    return int(rng.choice(len(weights), p=weights / weights.sum()))


def _ward(points: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    """Cut Ward's tree of (a sample of) the rows at k clusters; the others join the nearest centre."""
    n = len(points)
    used = np.flatnonzero(weights > 0)
    if len(used) > _WARD_ROWS:
        used = np.sort(rng.choice(used, _WARD_ROWS, replace=False))
    if len(used) <= k:
        return np.arange(n, dtype=np.intp) % k
    own = fcluster(linkage(points[used], "ward"), k, "maxclust") - 1
    centres = np.stack([points[used[own == j]].mean(axis=0) for j in range(own.max() + 1)])
    distance = ((points[:, None, :] - centres[None]) ** 2).sum(axis=2)
    labels = np.asarray(distance.argmin(axis=1), dtype=np.intp)
    labels[used] = own
    return labels


_Kind = Callable[[Array, FloatArray, FloatArray, int, np.random.Generator], IntArray]
_KINDS: tuple[_Kind, ...] = (_scaled, _white, _raw, _projected, _white, _nearest, _tight, _tight)
_WARD_INDEX = 2
