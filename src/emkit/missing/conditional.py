"""Missing entries given the observed ones of the same row, under a normal distribution."""

from __future__ import annotations

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.families.normal import NormalParameters
from emkit.families.normal_patterns import CHUNK, gain

__all__ = ["conditional_sd", "filled"]


def filled(parameters: NormalParameters, X: Array, rng: np.random.Generator | None = None) -> FloatArray:
    """Return a copy of `X` (n, d) with conditional means, or draws from `rng`, in place of NaN."""
    done = np.array(X, dtype=np.float64)
    holes = np.flatnonzero(np.isnan(done).any(axis=1))
    for first in range(0, len(holes), CHUNK):
        rows = holes[first : first + CHUNK]
        done[rows] = _filled_rows(parameters, done[rows], rng)
    return done


def conditional_sd(parameters: NormalParameters, X: Array) -> FloatArray:
    """Return the conditional standard deviation (n, d) of each missing entry; 0 where observed."""
    sd = np.zeros(X.shape)
    holes = np.flatnonzero(np.isnan(X).any(axis=1))
    for first in range(0, len(holes), CHUNK):
        rows = holes[first : first + CHUNK]
        seen = ~np.isnan(X[rows])
        left = _left(parameters.cov, gain(parameters.cov, seen)[0], seen)
        sd[rows] = np.sqrt(np.maximum(np.diagonal(left, axis1=1, axis2=2), 0.0))
    return sd


def _filled_rows(parameters: NormalParameters, X: FloatArray, rng: np.random.Generator | None) -> FloatArray:
    seen = ~np.isnan(X)
    deviation = np.where(seen, X - parameters.mean, 0.0)
    kinds, which = np.unique(seen, axis=0, return_inverse=True)
    inverse = gain(parameters.cov, kinds)[0]
    which = which.reshape(-1)
    guess = parameters.mean + (inverse[which] @ deviation[:, :, None])[:, :, 0] @ parameters.cov
    if rng is not None:
        spread = _roots(_left(parameters.cov, inverse, kinds))[which]
        guess = guess + (spread @ rng.standard_normal((*X.shape, 1)))[:, :, 0]
    return np.where(seen, X, guess)


def _left(cov: FloatArray, inverse: FloatArray, seen: Array) -> FloatArray:
    """Return the covariance (g, d, d) of what is missing given what is seen; zero where seen."""
    left = cov - cov @ inverse @ cov
    return np.where(seen[:, :, None] | seen[:, None, :], 0.0, left)


def _roots(left: FloatArray) -> FloatArray:
    """Return symmetric square roots (g, d, d): they exist for singular matrices too."""
    unit = np.sqrt(np.maximum(np.diagonal(left, axis1=1, axis2=2), 0.0))
    safe = np.where(unit > 0, unit, 1.0)
    values, vectors = np.linalg.eigh(left / (safe[:, :, None] * safe[:, None, :]))
    half = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return np.asarray(unit[:, :, None] * half)
