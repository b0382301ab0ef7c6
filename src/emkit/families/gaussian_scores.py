"""Scores of single rows under each Gaussian, as linear maps of features of the rows.

With y = x - o for an origin o among the means, the features are 1, y and the products of two entries of y (squares
alone for the diagonal structures): the slopes of log f_k by mean and covariance are linear in them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.families.covariance import Dense, Diagonal

__all__ = ["gaussian_features", "gaussian_maps", "gaussian_powers"]


def gaussian_features(structure: Any, parameters: Any, X: Array) -> FloatArray | None:
    """Return the features (q, n) of rows.

    None for structures whose members share more than a whole covariance, and for rows with missing entries.
    """
    if type(structure) not in (Dense, Diagonal) or np.isnan(X).any():
        return None
    d = X.shape[1]
    left, right = _squares(structure, d)
    features = np.empty((1 + d + left.size, X.shape[0]))
    features[0] = 1.0
    np.subtract(X.T, _origin(parameters)[:, None], out=features[1 : d + 1])
    for row, i, j in zip(features[d + 1 :], left, right, strict=True):
        np.multiply(features[1 + i], features[1 + j], out=row)
    return features


def gaussian_powers(structure: Any, d: int) -> IntArray:
    """Return the powers (q, d) of the entries of y in each feature."""
    unit = np.eye(d, dtype=np.intp)
    left, right = _squares(structure, d)
    return np.concatenate([np.zeros((1, d), dtype=np.intp), unit, unit[left] + unit[right]])


def gaussian_maps(structure: Any, parameters: Any) -> tuple[FloatArray, FloatArray]:
    """Return the maps from features to the slopes by mean (k, d, q) and by covariance (k, m, q)."""
    away = parameters.mean - _origin(parameters)
    return (_dense_maps if type(structure) is Dense else _diagonal_maps)(structure, parameters, away)


def _squares(structure: Any, d: int) -> tuple[IntArray, IntArray]:
    """Return which two entries of y each feature of second degree multiplies."""
    return np.triu_indices(d) if type(structure) is Dense else (np.arange(d), np.arange(d))


def _origin(parameters: Any) -> FloatArray:
    return np.asarray(parameters.mean.mean(axis=0))


def _dense_maps(structure: Any, parameters: Any, away: FloatArray) -> tuple[FloatArray, FloatArray]:
    """u = P (y - a) is the slope by mean, (u u' - P) / 2 that by covariance."""
    k, d = away.shape
    P = np.broadcast_to(parameters.precision, (k, d, d))
    left, right = np.triu_indices(d)
    mean = np.zeros((k, d, 1 + d + left.size))
    mean[:, :, 0] = -np.einsum("kij,kj->ki", P, away)
    mean[:, :, 1 : d + 1] = P
    cov = np.zeros((k, d, d, 1 + d + left.size))
    shift = mean[:, :, 0]
    cov[..., 0] = 0.5 * (shift[:, :, None] * shift[:, None, :] - P)
    cov[..., 1 : d + 1] = 0.5 * (P[:, :, None, :] * shift[:, None, :, None] + shift[:, :, None, None] * P[:, None])
    both = P[:, :, left][:, :, None] * P[:, :, right][:, None]
    swapped = P[:, :, right][:, :, None] * P[:, :, left][:, None]
    cov[..., d + 1 :] = np.where(left == right, 0.5 * both, 0.5 * (both + swapped))
    return mean, cov.reshape(k, d * d, -1)


def _diagonal_maps(structure: Any, parameters: Any, away: FloatArray) -> tuple[FloatArray, FloatArray]:
    k, d = away.shape
    var = np.broadcast_to(parameters.var, (k, d))
    at = np.arange(d)
    mean, cov = np.zeros((k, d, 1 + 2 * d)), np.zeros((k, d, 1 + 2 * d))
    mean[:, at, 0], mean[:, at, 1 + at] = -away / var, 1 / var
    cov[:, at, 0] = 0.5 * (away**2 / var**2 - 1 / var)
    cov[:, at, 1 + at], cov[:, at, 1 + d + at] = -away / var**2, 0.5 / var**2
    return mean, cov.sum(axis=1, keepdims=True) if structure.is_spherical else cov
