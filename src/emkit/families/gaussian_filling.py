"""Missing entries of rows from a mixture of Gaussians: filled in by means or draws over its components."""

from __future__ import annotations

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.kernels.normal_patterns import normal_fill

__all__ = ["mixture_filled"]


def mixture_filled(
    X: Array, resp: FloatArray, mean: FloatArray, cov: FloatArray, rng: np.random.Generator | None
) -> FloatArray:
    """Return a copy of rows (n, d) with their missing entries filled in.

    Parameters
    ----------
    X : array (n, d)
        NaN where missing.
    resp : array (n, k)
        Probabilities of the components given what is observed.
    mean, cov : array (k, d), (k, d, d)
    rng : Generator or None
        None gives conditional means: those of the components, weighted by `resp`. A generator draws a component, then
        the entries.
    """
    done = np.array(X, dtype=np.float64)
    holes = np.flatnonzero(np.isnan(done).any(axis=1))
    rows, share = np.ascontiguousarray(done[holes]), resp[holes]
    if rng is None:
        filled = np.zeros_like(rows)
        for k in range(len(mean)):
            filled += share[:, k, None] * normal_fill(rows, None, mean[k], cov[k]).rows
        done[holes] = np.where(np.isnan(rows), filled, rows)
        return done
    label = (share.cumsum(axis=1) < rng.random((len(rows), 1)) * share.sum(axis=1, keepdims=True)).sum(axis=1)
    noise = rng.standard_normal(rows.shape)
    for k in np.unique(label):
        own = np.flatnonzero(label == k)
        done[holes[own]] = normal_fill(rows[own], noise[own], mean[k], cov[k]).rows
    return done
