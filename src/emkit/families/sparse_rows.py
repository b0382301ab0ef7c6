"""What families of sparse rows share: expected totals, and few dense coordinates for starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["projected_points", "totals"]

_AXES = 32  # random directions keep the distances of clusters well enough to start from
_SEED = 20230


def totals(X: Any, resp: FloatArray) -> FloatArray:
    """Return resp' X, (k, d), for sparse rows."""
    return np.ascontiguousarray((X.T @ resp).T)


def projected_points(X: Any) -> FloatArray:
    """Return rows of a csr_array, scaled to unit length, on random directions (n, 32 at most).

    The directions are the same for every call: starts differ by what is done with the points.
    """
    d = X.shape[1]
    axes = np.random.default_rng(_SEED).standard_normal((d, min(d, _AXES)))
    length = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).reshape(-1))
    points: FloatArray = (X @ axes) / np.where(length > 0, length, 1.0)[:, None]
    return points
