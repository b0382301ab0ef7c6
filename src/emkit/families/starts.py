"""Clusterings to start from: k-means in a few microseconds, for mixtures and hidden Markov models."""

from __future__ import annotations

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray

__all__ = ["kmeans_labels", "kmeans_plus_plus"]

_ITERATIONS = 20  # of Lloyd's algorithm: a start needs no more


def kmeans_plus_plus(X: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator) -> FloatArray:
    """Return up to k centres (k, d) by greedy k-means++; fewer where there are fewer distinct rows.

    Each centre is the best of 2 + floor(log k) rows drawn with probability proportional to their weighted squared
    distance from the centres so far (Arthur & Vassilvitskii 2007, SODA, section 5).
    """
    first = int(_draw(weights, 1, rng)[0])
    chosen = [first]
    nearest = _squared(X, X[first])
    n_trials = 2 + int(np.log(k))
    for _ in range(k - 1):
        mass = weights * nearest
        if not mass.sum() > 0:
            break
        candidates = _draw(mass, n_trials, rng)
        reached = [np.minimum(nearest, _squared(X, X[c])) for c in candidates]
        best = int(np.argmin([weights @ distance for distance in reached]))
        chosen.append(int(candidates[best]))
        nearest = reached[best]
    return np.array(X[chosen])


def kmeans_labels(X: Array, weights: FloatArray, k: int, rng: np.random.Generator) -> IntArray:
    """Return the labels (n,) of one run of k-means: greedy seeding and a few of Lloyd's iterations."""
    points = np.asarray(X, dtype=np.float64)
    points = points - points[0]
    centres = kmeans_plus_plus(points, weights, k, rng)
    labels = _assigned(points, centres)
    for _ in range(_ITERATIONS):
        mass = np.bincount(labels, weights, minlength=len(centres))
        sums = np.stack([np.bincount(labels, weights * column, minlength=len(centres)) for column in points.T], axis=1)
        centres = np.where(mass[:, None] > 0, sums / np.where(mass > 0, mass, 1.0)[:, None], centres)
        moved = _assigned(points, centres)
        if (moved == labels).all():
            break
        labels = moved
    return labels


def _squared(X: FloatArray, point: FloatArray) -> FloatArray:
    gap = X - point
    return np.asarray(np.einsum("ij,ij->i", gap, gap))


def _assigned(X: FloatArray, centres: FloatArray) -> IntArray:
    return np.asarray(np.argmin(np.stack([_squared(X, c) for c in centres]), axis=0), dtype=np.intp)


def _draw(mass: FloatArray, size: int, rng: np.random.Generator) -> IntArray:
    total = np.cumsum(mass)
    return np.minimum(np.searchsorted(total, rng.random(size) * total[-1], side="right"), len(mass) - 1)
