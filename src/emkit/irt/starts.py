"""Starts: shares of the categories, and slopes from the principal axes of the correlations."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from emkit.core.arrays import Array, FloatArray
from emkit.irt.coding import MISSING

__all__ = ["axes", "category_shares", "first_slopes"]

_LEAST = 0.05  # slopes begin at least this far from zero: zero would be structural
_MOST = 0.8  # loadings above this begin here


def category_shares(codes: Array, weights: FloatArray, n_categories: int) -> FloatArray:
    """Return shares (m, K) of the categories, none of them zero."""
    counts = np.stack([weights @ (codes == k) for k in range(n_categories)], axis=1) + 0.5
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def first_slopes(codes: Array, weights: FloatArray, known: Array) -> FloatArray:
    """Return slopes (j, F) to begin with, for a pattern of loadings (j, F), or the specific factor of each item (j,).

    With specific factors, -1 for none, the slopes (j, 2) are those on the general one and on the item's own.
    """
    if known.ndim == 2:
        return _by_pattern(codes, weights, known)
    belongs = known[:, None] == np.arange(known.max() + 1)
    slope = _by_pattern(codes, weights, np.concatenate([np.ones((len(known), 1), dtype=bool), belongs], axis=1))
    return np.stack([slope[:, 0], slope[:, 1:].sum(axis=1)], axis=1)


def _by_pattern(codes: Array, weights: FloatArray, pattern: Array) -> FloatArray:
    """Return slopes (j, F) to begin with: zero where the pattern (j, F) says so, and nowhere else.

    Factor after factor: the first principal axis of what the factors before have left of the correlations of the items
    that load on it. A correlation r among dichotomous answers stands for a slope of about 1.7 r / sqrt(1 - r^2).
    """
    corr = _correlations(codes, weights)
    loading = np.zeros(pattern.shape)
    for f in range(pattern.shape[1]):
        own = np.flatnonzero(pattern[:, f])
        top = [len(own) - 1, len(own) - 1]
        values, vectors = eigh(corr[np.ix_(own, own)], subset_by_index=top)
        axis = vectors[:, 0] * np.sqrt(max(values[0], 0.0))
        axis = np.clip(axis * (1.0 if axis.sum() >= 0 else -1.0), -_MOST, _MOST)
        loading[own, f] = axis
        corr[np.ix_(own, own)] -= np.outer(axis, axis)
    unique = np.sqrt(np.maximum(1 - (loading**2).sum(axis=1, keepdims=True), 0.2))
    slope = 1.7 * loading / unique
    slope = np.where(np.abs(slope) < _LEAST, np.where(slope < 0, -_LEAST, _LEAST), slope)
    return np.where(pattern, slope, 0.0)


def axes(codes: Array, weights: FloatArray, n_axes: int) -> FloatArray:
    """Return the first principal axes (j, n_axes) of the correlations, each scaled by the root of its variance."""
    corr = _correlations(codes, weights)
    j = len(corr)
    values, vectors = eigh(corr, subset_by_index=[max(j - n_axes, 0), j - 1])
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _correlations(codes: Array, weights: FloatArray) -> FloatArray:
    """Return correlations (j, j); a missing answer counts as the mean of its item."""
    X = codes.astype(np.float64)
    seen = codes != MISSING
    total = np.maximum(weights @ seen, 1e-300)
    centred = np.where(seen, X - (weights @ np.where(seen, X, 0.0)) / total, 0.0)
    sd = np.sqrt(np.maximum((weights @ centred**2) / total, 1e-12))
    scaled = centred / sd
    pairs = np.maximum((weights[:, None] * seen).T @ seen, 1.0)
    return np.asarray((scaled * weights[:, None]).T @ scaled / pairs)
