"""Covariances from counts and scatter by maximum likelihood, in fourteen structures of volume, shape and orientation.

Every covariance is Sigma_k = volume_k M_k, where `Form` says what M is. Shapes: `count` (k,), `scatter` (k, d, d), or
(k, d) for diagonal forms, all float64 and C-contiguous.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from emkit.kernels._dispatch import native
from emkit.kernels.twins import covariance as twin

__all__ = ["Form", "Parts", "estimate_covariances"]

_COMPILED_FEATURES = 24  # above, LAPACK's eigenvectors are faster than Jacobi's
_NONE = np.empty(0)
_NO_AXES = np.empty((0, 0))


class Form(IntEnum):
    """What M is: the identity, diag(shape), any matrix, or axes diag(shape) axes'.

    Determinants of M are one where the volume is apart: in all but `SPHERICAL`, `DIAGONAL` and `FULL`. `OWN_AXES` have
    one shape, `SAME_AXES` one orientation.
    """

    SPHERICAL = 0
    DIAGONAL = 1
    SCALED_DIAGONAL = 2
    FULL = 3
    SCALED = 4
    OWN_AXES = 5
    SAME_AXES = 6


class Parts(NamedTuple):
    """The parts of k covariances, repeated where components share them."""

    volume: Any  # (k,)
    shape: Any  # (k, d)
    matrix: Any  # (k, d, d): M, or the axes as columns; (k, 0) for diagonal forms


def estimate_covariances(
    form: Form, count: Any, scatter: Any, *, is_shared: bool, volume: Any = None, axes: Any = None
) -> Parts | None:
    """Return what minimises sum_k (n_k log|Sigma_k| + tr(Sigma_k^-1 W_k)); None where nothing does.

    Volumes of a common shape are found by Newton's method and common axes by quasi-Newton on rotations, from `volume`
    (k,) and `axes` (d, d) where they are given, and never go up from there.

    Parameters
    ----------
    form : Form
    count : array (k,)
    scatter : array (k, d, d) or (k, d)
    is_shared : bool
        Whether all have one covariance (`SPHERICAL`, `DIAGONAL`, `FULL`), or one volume (the others).
    """
    if native is None or scatter.shape[1] > _COMPILED_FEATURES:
        found = twin.estimate_covariances(int(form), is_shared, count, scatter, volume, axes)
        return None if found is None else Parts(*found)
    before = _NONE if volume is None else np.ascontiguousarray(volume)
    turned = _NO_AXES if axes is None else np.ascontiguousarray(axes)
    is_found, *parts = native.estimate_covariances(
        int(form), is_shared, np.ascontiguousarray(count), np.ascontiguousarray(scatter), before, turned
    )
    return Parts(*parts) if is_found else None
