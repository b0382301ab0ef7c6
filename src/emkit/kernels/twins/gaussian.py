"""Twin of `cpp/kernels/gaussian.hpp`: the same sums by array-API calls, a tile of rows at a time.

Only functions that NumPy 1.26 shares with the standard are used. Parameters decide the precision, as in the
compiled kernels: `log_mix`, `mean` and `whiten` are float64, `X` may be float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from emkit.kernels.twins._namespace import joined, namespace, placed_as, tile_numbers, turned

__all__ = [
    "NEGLIGIBLE",
    "diagonal_log_joint",
    "diagonal_moments",
    "diagonal_posterior",
    "exponentials",
    "full_log_joint",
    "full_moments",
    "full_posterior",
    "scaled",
    "softmax_rows",
    "tiles",
    "weighted_logsumexp",
    "whiten_factors",
]

NEGLIGIBLE = -69.0  # in sums over rows, responsibilities below e^-69 of the row's largest are zero
_UNDERFLOW = -708.0  # below this exp leaves the normal numbers


def full_moments(X: Any, weights: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[float, Any, Any, Any]:
    xp, loglik = namespace(X), 0.0
    count, first, second = xp.zeros_like(log_mix), xp.zeros_like(mean), xp.zeros_like(whiten)
    for start, raw in tiles(xp, X, mean):
        w = xp.ones_like(raw[:, 0]) if weights is None else weights[start : start + raw.shape[0]]
        tile = xp.where((w > 0)[:, None], raw, mean[:1, :])  # a row without weight may hold anything
        density, resp = _posterior(xp, tile, log_mix, mean, whiten, NEGLIGIBLE)
        loglik += float(xp.sum(xp.where(w > 0, w * density, xp.zeros_like(w))))
        sums = _sums(xp, tile, resp * w[:, None], mean, is_full=whiten.ndim == 3)
        count, first, second = (total + part for total, part in zip((count, first, second), sums, strict=True))
    if second.ndim == 3:  # products of matrices are symmetric but for rounding
        second = 0.5 * (second + turned(xp, second))
    return loglik, count, first, second


def full_log_joint(X: Any, log_mix: Any, mean: Any, whiten: Any) -> Any:
    xp = namespace(X)
    parts = [_log_joint(xp, tile, log_mix, mean, whiten) for _, tile in tiles(xp, X, mean)]
    return joined(xp, parts) if parts else xp.zeros((0, mean.shape[0]), **placed_as(mean))


def full_posterior(X: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[Any, Any]:
    xp = namespace(X)
    parts = [_posterior(xp, tile, log_mix, mean, whiten, _UNDERFLOW) for _, tile in tiles(xp, X, mean)]
    if not parts:
        return xp.zeros(0, **placed_as(mean)), xp.zeros((0, mean.shape[0]), **placed_as(mean))
    return joined(xp, [part[0] for part in parts]), joined(xp, [part[1] for part in parts])


diagonal_moments = full_moments
diagonal_log_joint = full_log_joint
diagonal_posterior = full_posterior


def softmax_rows(log_joint: Any) -> tuple[Any, Any]:
    xp = namespace(log_joint)
    top, e = exponentials(xp, log_joint, _UNDERFLOW)
    lost = top == -math.inf
    e = xp.where(lost[:, None], xp.ones_like(e), e)
    total = xp.sum(e, axis=1)
    return xp.where(lost, top, top + xp.log(total)), e / total[:, None]


def weighted_logsumexp(log_joint: Any, weights: Any) -> float:
    xp = namespace(log_joint)
    density, _ = softmax_rows(log_joint)
    w = xp.ones_like(density) if weights is None else weights
    return float(xp.sum(xp.where(w > 0, w * xp.where(w > 0, density, xp.zeros_like(w)), xp.zeros_like(w))))


def whiten_factors(cov: Any) -> tuple[Any, Any, Any]:
    xp = namespace(cov)
    k, d = cov.shape[0], cov.shape[1]
    place = placed_as(cov)
    whiten, half_log_det = xp.zeros_like(cov), xp.zeros(k, **place)
    status = xp.zeros(k, **{**place, "dtype": xp.int64})
    eye = xp.eye(d, **place)
    for c in range(k):
        factor = _cholesky(xp, cov[c, :, :])
        if factor is None:
            half_log_det[c] = math.nan
            status[c] = next(p for p in range(1, d + 1) if _cholesky(xp, cov[c, :p, :p]) is None)
            continue
        whiten[c, :, :] = xp.tril(xp.linalg.solve(factor, eye))
        half_log_det[c] = xp.sum(xp.log(xp.sum(factor * eye, axis=1)))
    return whiten, half_log_det, status


def _cholesky(xp: Any, cov: Any) -> Any:
    """Return the Cholesky factor, or None where a pivot is not positive."""
    try:
        factor = xp.linalg.cholesky(cov)
    except (
        ArithmeticError,
        ValueError,
        RuntimeError,
    ):  # LinAlgError is a ValueError in NumPy, a RuntimeError in Torch
        return None
    return factor if bool(xp.all(xp.isfinite(factor))) else None


def tiles(xp: Any, X: Any, mean: Any) -> Iterator[tuple[int, Any]]:
    """Give the first row and the rows, in float64, of each tile."""
    size = max(1, tile_numbers(X) // math.prod(mean.shape))
    for start in range(0, X.shape[0], size):
        stop = min(start + size, X.shape[0])
        yield start, xp.asarray(X[start:stop, :], dtype=xp.float64)


def _level(xp: Any, log_mix: Any, whiten: Any) -> Any:
    """Return log mix - d/2 log 2 pi + log |W|, (k,)."""
    d = whiten.shape[1]
    diagonal = whiten if whiten.ndim == 2 else xp.sum(whiten * xp.eye(d, **placed_as(whiten)), axis=2)
    return log_mix + xp.sum(xp.log(diagonal), axis=1) - 0.5 * d * math.log(2 * math.pi)


def scaled(xp: Any, X: Any, mean: Any, whiten: Any) -> Any:
    """Return W (x - mean), (k, d, rows)."""
    centred = X.T[None, :, :] - mean[:, :, None]
    return xp.matmul(whiten, centred) if whiten.ndim == 3 else whiten[:, :, None] * centred


def _log_joint(xp: Any, X: Any, log_mix: Any, mean: Any, whiten: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        z = scaled(xp, X, mean, whiten)
        square = xp.sum(z * z, axis=1)
        joint = _level(xp, log_mix, whiten)[:, None] - 0.5 * square
    return xp.where(square < math.inf, joint, xp.full_like(joint, -math.inf)).T


def exponentials(xp: Any, joint: Any, floor: float) -> tuple[Any, Any]:
    """Return the maximum of each row and exp(joint - maximum), zero below `floor`."""
    top = xp.max(joint, axis=1)
    below = joint - xp.where(xp.isfinite(top), top, xp.zeros_like(top))[:, None]
    e = xp.exp(below)
    return top, xp.where(below >= floor, e, xp.zeros_like(e))


def _posterior(xp: Any, X: Any, log_mix: Any, mean: Any, whiten: Any, floor: float) -> tuple[Any, Any]:
    """Return log-density and responsibilities; rows lost to underflow go to the smallest scaled distance."""
    top, e = exponentials(xp, _log_joint(xp, X, log_mix, mean, whiten), floor)
    lost = top == -math.inf
    if bool(xp.any(lost)):
        winner = xp.argmin(_far_distance(xp, X, log_mix, mean, whiten), axis=0)
        is_winner = winner[:, None] == xp.arange(e.shape[1], **{**placed_as(e), "dtype": winner.dtype})[None, :]
        e = xp.where(lost[:, None], xp.where(is_winner, xp.ones_like(e), xp.zeros_like(e)), e)
    total = xp.sum(e, axis=1)
    return xp.where(lost, top, top + xp.log(total)), e / total[:, None]


def _sums(xp: Any, X: Any, share: Any, mean: Any, *, is_full: bool) -> tuple[Any, Any, Any]:
    """Return count, first and second moments about the means of rows with shares (rows, k)."""
    share = share.T
    centred = X.T[None, :, :] - mean[:, :, None]  # (k, d, rows)
    with np.errstate(over="ignore", invalid="ignore"):
        weighted = share[:, None, :] * centred
        if is_full:
            second = xp.matmul(weighted, X[None, :, :] - mean[:, None, :])
        else:
            second = xp.sum(weighted * centred, axis=2)
    return xp.sum(share, axis=1), xp.sum(weighted, axis=2), second


def _far_distance(xp: Any, X: Any, log_mix: Any, mean: Any, whiten: Any) -> Any:
    """Return max |W (x - mean)| (k, rows), scaled down so that products stay finite; infinity for empty
    components."""
    z = scaled(xp, (X * 1e-8) * 1e-142, (mean * 1e-8) * 1e-142, whiten * 1e-150)
    distance = xp.max(xp.abs(z), axis=1)
    return xp.where((log_mix > -math.inf)[:, None], distance, xp.full_like(distance, math.inf))
