"""Clusterings to start from: k-means in a few microseconds, for mixtures and hidden Markov models.

Missing entries are at the mean of their column while a start is made; rows of weight zero choose no centre. Where there
are fewer distinct rows than clusters, there are fewer centres, and labels stay below their number.
"""

from __future__ import annotations

import math

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.kernels import kmeans as kernel

__all__ = ["coreset", "greedy_kmeans_plus_plus", "kmeans_centers", "kmeans_labels", "line_centers", "rough_centers"]

_ITERATIONS = 100  # of Lloyd's algorithm; some ten are the rule
_CORE_ROWS = 1024  # swaps of centres are tried on so many rows, or on this many per centre if that is more:
_CORE_ROWS_EACH = 32
_MAX_SWAPS = 500  # of each start on few rows; eight starts then find all the proven optima known
_CORE_SWAPS = 3  # attempts per centre of each start on a coreset
_SWAP_WORK = 1e8  # nanoseconds, about, that attempts to swap a centre may take
_LINE_WORK = 3e7  # steps of the exact partition of one variable that a start may cost


def greedy_kmeans_plus_plus(X: Array, weights: FloatArray | None, k: int, rng: np.random.Generator) -> FloatArray:
    """Return up to k centres (k, d) by greedy k-means++; fewer where there are fewer distinct rows.

    Each centre is the best of 2 + floor(log k) rows drawn with probability proportional to their weighted squared
    distance from the centres so far.

    References
    ----------
    Arthur & Vassilvitskii 2007, *k-means++: the advantages of careful seeding*, SODA, section 5.
    """
    rows = _complete(X, weights)
    return _seeded(rows, _mass(weights), k, rng)


def kmeans_labels(
    X: Array, weights: FloatArray | None, k: int, rng: np.random.Generator, n_iter: int = _ITERATIONS
) -> IntArray:
    """Return the labels (n,) of one run of k-means: greedy seeds, Lloyd's algorithm, moves of single rows."""
    rows, mass = _complete(X, weights), _mass(weights)
    done = kernel.improve(rows, mass, _seeded(rows, mass, k, rng), n_iter, np.empty((0, 2)))
    return np.asarray(done.labels, dtype=np.intp)


def kmeans_centers(X: Array, weights: FloatArray | None, k: int, rng: np.random.Generator) -> FloatArray:
    """Return the centres of one run of k-means on complete rows, improved by attempts to swap a centre for a row.

    Which clusters there are is seen on few rows: seeds and swaps work on a coreset where there are many.
    """
    rows, mass = _plain(X), _mass(weights)
    n_core = max(_CORE_ROWS, _CORE_ROWS_EACH * k)
    if len(rows) <= 2 * n_core:
        return _swapped(rows, mass, _seeded(rows, mass, k, rng), rng, min(_MAX_SWAPS, 5 * k * k))
    squared = kernel.assign(rows, mass, np.average(rows, axis=0, weights=mass)[None].astype(np.float64)).squared
    chosen, core_mass = coreset(squared, mass, n_core, rng)
    core = rows[chosen]
    centers = _swapped(core, core_mass, _seeded(core, core_mass, k, rng), rng, _CORE_SWAPS * k)
    return _settled(rows, mass, centers, np.empty((0, 2)))


def rough_centers(X: Array, weights: FloatArray | None, k: int, rng: np.random.Generator) -> FloatArray:
    """Return up to k centres (k, d) by greedy k-means++ and Lloyd's algorithm, of complete rows."""
    return _settled(X, weights, _seeded(X, weights, k, rng), np.empty((0, 2)))


def coreset(
    squared: FloatArray, weights: FloatArray | None, size: int, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Return at most `size` rows and weights for them with which they stand for all rows in k-means.

    Rows are drawn half at random and half by their squared distance `squared` (n,) from the mean, or from the centres
    of a rough k-means, so that no far cluster is missed, and weighted by one over that probability.

    References
    ----------
    Bachem, Lucic & Krause 2018, *Scalable k-means clustering via lightweight coresets*, KDD, algorithm 1.
    """
    mass = np.ones(len(squared)) if weights is None else weights
    far = mass * squared
    total = far.sum()
    part = mass / mass.sum()
    if total > 0:
        part = 0.5 * (part + far / total)
    edges = np.cumsum(part) * (size / part.sum())
    drawn = np.searchsorted(edges, np.arange(size) + rng.random(), side="right")  # evenly spaced: no row by luck twice
    rows, times = np.unique(np.minimum(drawn, np.flatnonzero(part)[-1]), return_counts=True)
    return rows, times * mass[rows] / (size * part[rows])


def line_centers(X: Array, weights: FloatArray | None, k: int) -> FloatArray | None:
    """Return the centres of the best partition of one variable (n, 1), or None where that would cost too much."""
    x = np.asarray(X[:, 0], dtype=np.float64)
    mass = np.ones(len(x)) if weights is None else weights
    used = np.flatnonzero(mass > 0)
    if len(used) < k or k * len(used) * math.log2(len(used) + 1) > _LINE_WORK:
        return None
    order = used[np.argsort(x[used], kind="stable")]
    x, mass = x[order], np.ascontiguousarray(mass[order], dtype=np.float64)
    starts = kernel.line_runs(x, mass, k)
    gap = x - x[starts].repeat(np.diff(starts, append=len(x)))  # about the first of each run: exact at any offset
    starts = np.unique(starts)
    centers = x[starts] + np.add.reduceat(mass * gap, starts) / np.add.reduceat(mass, starts)
    return np.asarray(centers[:, None], dtype=np.float64)


def _swapped(
    rows: Array, mass: FloatArray | None, centers: FloatArray, rng: np.random.Generator, n_swaps: int
) -> FloatArray:
    """Return centres after a whole k-means with as many swaps as their work allows."""
    nanoseconds_each = 4 * len(rows) * (centers.size / 25 + 3)
    return _settled(rows, mass, centers, rng.random((int(min(n_swaps, _SWAP_WORK / nanoseconds_each)), 2)))


def _settled(rows: Array, mass: FloatArray | None, centers: FloatArray, uniforms: FloatArray) -> FloatArray:
    return np.asarray(kernel.improve(rows, mass, centers, _ITERATIONS, uniforms).centers)


def _seeded(rows: Array, mass: FloatArray | None, k: int, rng: np.random.Generator) -> FloatArray:
    n_trials = 2 + int(math.log(k))
    chosen = kernel.seed_rows(rows, mass, k, n_trials, rng.random(1 + (k - 1) * n_trials))
    return np.asarray(rows[chosen], dtype=np.float64)


def _plain(X: Array) -> Array:
    """Return rows as kernels take them."""
    dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
    return np.ascontiguousarray(X, dtype=dtype)


def _mass(weights: FloatArray | None) -> FloatArray | None:
    return None if weights is None else np.ascontiguousarray(weights, dtype=np.float64)


def _complete(X: Array, weights: FloatArray | None) -> Array:
    """Return the rows with missing entries at the mean of their column."""
    rows = _plain(X)
    seen = ~np.isnan(rows)
    if seen.all():
        return rows
    mass = np.ones(len(rows)) if weights is None else weights
    total = mass @ seen
    mean = mass @ np.where(seen, rows, 0.0) / np.where(total > 0, total, 1.0)
    return np.where(seen, rows, mean.astype(rows.dtype))
