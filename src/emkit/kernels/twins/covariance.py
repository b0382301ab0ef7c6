"""Covariances from counts and scatter, in NumPy: the test oracle, and the way for many features (LAPACK)."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.kernels.twins.covariance_axes import common_axes, first_axes

__all__ = ["compose", "estimate_covariances", "volumes"]

_VOLUME_STEPS = 60
_GAIN = 1e-13  # of the objective, relative to the counts: less than this left to gain is the minimum
_SPHERICAL, _DIAGONAL, _SCALED_DIAGONAL, _FULL, _SCALED, _OWN_AXES, _SAME_AXES = range(7)


def estimate_covariances(
    form: int, is_shared: bool, count: Any, scatter: Any, volume: Any, axes: Any
) -> tuple[Any, Any, Any] | None:
    """Return volumes (k,), shapes (k, d) and matrices (k, d, d); see `kernels.covariance`."""
    with np.errstate(all="ignore"):
        try:
            parts = _estimate(form, is_shared, count, scatter, volume, axes)
        except np.linalg.LinAlgError:
            return None
    is_good = all(bool((part > 0).all() and np.isfinite(part).all()) for part in parts[:2])
    return parts if is_good else None


def _estimate(form: int, is_shared: bool, count: Any, scatter: Any, volume: Any, axes: Any) -> tuple[Any, Any, Any]:
    k, d = scatter.shape[:2]
    none, ones = np.empty((k, 0)), np.ones((k, d))
    if form == _SPHERICAL:
        own = scatter.sum(axis=1)
        return _repeated(own.sum() / (d * count.sum()), k) if is_shared else own / (d * count), ones, none
    if form == _DIAGONAL:
        var = scatter.sum(axis=0) / count.sum() if is_shared else scatter / count[:, None]
        return np.ones(k), np.broadcast_to(var, (k, d)).copy(), none
    if form == _FULL:
        cov = scatter.sum(axis=0) / count.sum() if is_shared else scatter / count[:, None, None]
        return np.ones(k), ones, np.broadcast_to(cov, (k, d, d)).copy()
    if form == _SCALED:
        return _scaled(is_shared, count, scatter, volume)
    if form == _SCALED_DIAGONAL:
        split = _split_shapes(is_shared, count, scatter) if is_shared else _split_volumes(count, scatter, volume)
        return (*split, none)
    if form == _OWN_AXES:
        along, found = np.linalg.eigh(scatter)
        along = np.maximum(along, 1e-300)
        return (*(_one_volume(count, along) if is_shared else _split_volumes(count, along, volume)), found)
    start = first_axes(count, scatter, is_volume_shared=is_shared) if axes is None else axes
    common, along = common_axes(count, scatter, start, is_volume_shared=is_shared)
    return (*_split_shapes(is_shared, count, along), np.broadcast_to(common, (k, d, d)).copy())


def _repeated(value: Any, k: int) -> Any:
    return np.full(k, float(value))


def _log_size(values: Any) -> Any:
    return np.log(values).mean(axis=-1)


def _split_shapes(is_shared: bool, count: Any, along: Any) -> tuple[Any, Any]:
    """Return one volume, or each its own, and shapes of their own from variances (k, d)."""
    size = np.exp(_log_size(along))
    volume = _repeated(size.sum() / count.sum(), len(count)) if is_shared else size / count
    return volume, along / size[:, None]


def _one_volume(count: Any, along: Any) -> tuple[Any, Any]:
    """Return one volume and one shape for variances (k, d) along axes of their own."""
    pooled = along.sum(axis=0)
    size = float(np.exp(_log_size(pooled)))
    return _repeated(size / count.sum(), len(count)), np.broadcast_to(pooled / size, along.shape).copy()


def _start(count: Any, traces: Any, volume: Any, d: int) -> Any:
    return np.log(traces / (d * count) if volume is None else volume)


def _split_volumes(count: Any, along: Any, volume: Any) -> tuple[Any, Any]:
    """Return volumes of their own and the one shape of variances (k, d)."""
    d = along.shape[1]
    log_volume, mass = volumes(count, along, _start(count, along.sum(axis=1), volume, d))
    size = _log_size(mass)
    shape = np.broadcast_to(mass / np.exp(size), along.shape).copy()
    return np.exp(log_volume + size - np.log(count.sum())), shape


def _scaled(is_shared: bool, count: Any, scatter: Any, volume: Any) -> tuple[Any, Any, Any]:
    k, d = scatter.shape[:2]
    ones = np.ones((k, d))
    if is_shared:
        np.linalg.cholesky(scatter)  # raises where one is not positive definite
        size = np.exp(np.linalg.slogdet(scatter)[1] / d)
        return _repeated(size.sum() / count.sum(), k), ones, scatter / size[:, None, None]
    start = _start(count, np.einsum("kii->k", scatter), volume, d)
    log_volume, mass = volumes(count, scatter, start)
    log_size = np.linalg.slogdet(mass)[1] / d
    matrix = np.broadcast_to(mass / np.exp(log_size), (k, d, d)).copy()
    return np.exp(log_volume + log_size - np.log(count.sum())), ones, matrix


def compose(form: int, volume: Any, shape: Any, matrix: Any) -> Any:
    """Return covariances (k, d, d), or variances (k, d), from their parts."""
    if form <= _SCALED_DIAGONAL:
        return volume[:, None] * shape
    if form in (_FULL, _SCALED):
        return volume[:, None, None] * matrix
    return (matrix * (volume[:, None] * shape)[:, None, :]) @ np.swapaxes(matrix, 1, 2)


def volumes(count: Any, scatter: Any, log_volume: Any) -> tuple[Any, Any]:
    """Return log-volumes l (k,) up to a constant, the smallest 0, and the common part S = sum_k exp(-l_k) W_k.

    Minimises d sum_k n_k l_k + N log |S(l)|, what is left of -2 log-likelihood of Sigma_k = exp(l_k) C once C is
    solved for: a convex function of l, by Newton's method (the fixed point of Celeux & Govaert 1995, sections 4.3 and
    4.6, model [lambda_k C], takes many more steps).

    Parameters
    ----------
    count : array (k,)
    scatter : array (k, d, d), or (k, d) for diagonal matrices
    log_volume : array (k,)
        Where to start.
    """
    total, d = float(count.sum()), scatter.shape[1]
    objective, mass, whitened = _common(count, scatter, log_volume)
    for _ in range(_VOLUME_STEPS):
        share = whitened.sum(axis=1) if whitened.ndim == 2 else np.einsum("kii->k", whitened)
        slope = d * count - total * share
        flat = whitened.reshape(len(count), -1)
        curvature = total * (np.diag(share) - flat @ flat.T) + total / len(count)
        step = -np.linalg.solve(curvature + 1e-14 * total * np.eye(len(count)), slope)
        if -slope @ step < _GAIN * total:
            break
        length = 1.0
        while length > 1e-6:
            trial = _common(count, scatter, log_volume + length * step)
            if trial[0] < objective:
                break
            length /= 2
        else:
            break
        log_volume = log_volume + length * step
        objective, mass, whitened = trial
    return log_volume - log_volume.min(), mass


def _common(count: Any, scatter: Any, log_volume: Any) -> tuple[float, Any, Any]:
    """Return the objective at log-volumes, S, and the summands of S whitened by it."""
    d, is_diagonal = scatter.shape[1], scatter.ndim == 2
    parts = scatter * np.exp(log_volume.min() - log_volume).reshape(-1, *[1] * (scatter.ndim - 1))
    mass = parts.sum(axis=0)
    if is_diagonal:
        log_det, whitened = float(np.log(mass).sum()), parts / mass
    else:
        factor = np.linalg.inv(np.linalg.cholesky(mass))
        log_det, whitened = -2 * float(np.log(factor.diagonal()).sum()), factor @ parts @ factor.T
    log_det -= d * float(log_volume.min())
    objective = d * float(count @ log_volume) + float(count.sum()) * log_det
    return objective, mass, whitened
