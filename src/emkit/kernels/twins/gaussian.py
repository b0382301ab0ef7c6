"""Twin of `cpp/kernels/gaussian.hpp`: the same sums by array-API calls, a tile of rows at a time."""

from __future__ import annotations

import math
from typing import Any

from emkit.kernels.twins._namespace import namespace

__all__ = [
    "diagonal_log_joint",
    "diagonal_moments",
    "diagonal_posterior",
    "full_log_joint",
    "full_moments",
    "full_posterior",
    "softmax_rows",
    "whiten_factors",
]

_TILE_NUMBERS = 1 << 21  # numbers in the largest temporary: rows per tile follow from k and d


def full_moments(X: Any, weights: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[float, Any, Any, Any]:
    return _moments(X, weights, log_mix, mean, whiten)


def diagonal_moments(X: Any, weights: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[float, Any, Any, Any]:
    return _moments(X, weights, log_mix, mean, whiten)


def full_log_joint(X: Any, log_mix: Any, mean: Any, whiten: Any) -> Any:
    xp = namespace(X)
    tiles = [_joint(xp, tile, log_mix, mean, whiten)[0] for tile in _tiles(xp, X, mean)]
    return xp.concat(tiles, axis=0)


diagonal_log_joint = full_log_joint


def full_posterior(X: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[Any, Any]:
    xp = namespace(X)
    parts = []
    for tile in _tiles(xp, X, mean):
        joint, scaled = _joint(xp, tile, log_mix, mean, whiten)
        parts.append(_softmax(xp, joint, scaled))
    return xp.concat([p[0] for p in parts], axis=0), xp.concat([p[1] for p in parts], axis=0)


diagonal_posterior = full_posterior


def softmax_rows(log_joint: Any) -> tuple[Any, Any]:
    xp = namespace(log_joint)
    density, resp = _softmax(xp, log_joint, xp.zeros_like(log_joint))
    lost = xp.isinf(density)
    return density, xp.where(lost[:, None], xp.ones_like(resp) / resp.shape[1], resp)


def whiten_factors(cov: Any) -> tuple[Any, Any, Any]:
    xp = namespace(cov)
    k, d = cov.shape[0], cov.shape[1]
    whiten, half = xp.zeros_like(cov), xp.zeros(k, dtype=cov.dtype)
    status = xp.zeros(k, dtype=xp.int64)
    for c in range(k):
        try:
            factor = xp.linalg.cholesky(cov[c])
        except Exception:  # noqa: BLE001 each namespace raises its own
            status[c] = 1
            continue
        if not bool(xp.all(xp.isfinite(factor))):
            status[c] = 1
            continue
        whiten[c] = xp.tril(xp.linalg.solve(factor, xp.eye(d, dtype=cov.dtype)))
        half[c] = xp.sum(xp.log(xp.linalg.diagonal(factor)))
    return whiten, half, status


def _tiles(xp: Any, X: Any, mean: Any) -> list[Any]:
    k, d = mean.shape
    size = max(1, _TILE_NUMBERS // (k * d))
    starts = range(0, max(X.shape[0], 1), size)
    return [xp.astype(X[start : start + size], xp.float64) for start in starts]


def _joint(xp: Any, X: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[Any, Any]:
    """Return log joint densities (n, k) and scaled distances (n, k) that stay finite where squares overflow."""
    d = mean.shape[1]
    centred = X[None, :, :] - mean[:, None, :]
    if whiten.ndim == 3:
        z = centred @ xp.permute_dims(whiten, (0, 2, 1))
        level = xp.sum(xp.log(xp.linalg.diagonal(whiten)), axis=1)
    else:
        z = centred * whiten[:, None, :]
        level = xp.sum(xp.log(whiten), axis=1)
    square = xp.sum(z * z, axis=2)
    joint = (log_mix + level - 0.5 * d * math.log(2 * math.pi))[:, None] - 0.5 * square
    return joint.T, xp.max(xp.abs(z), axis=2).T


def _softmax(xp: Any, joint: Any, scaled: Any) -> tuple[Any, Any]:
    """Return log-density and responsibilities; rows lost to underflow go to the smallest scaled distance."""
    top = xp.max(joint, axis=1)
    lost = ~xp.isfinite(top)
    safe = xp.where(lost, xp.zeros_like(top), top)
    e = xp.exp(joint - safe[:, None])
    e = xp.where(joint - safe[:, None] < -69.0, xp.zeros_like(e), e)
    winner = xp.argmin(scaled, axis=1)
    only = xp.astype(xp.arange(joint.shape[1])[None, :] == winner[:, None], e.dtype)
    e = xp.where(lost[:, None], only, e)
    total = xp.sum(e, axis=1)
    density = xp.where(lost, xp.full_like(top, -math.inf), safe + xp.log(total))
    return density, e / total[:, None]


def _moments(X: Any, weights: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[float, Any, Any, Any]:
    xp = namespace(X)
    k, d = mean.shape
    loglik, count, first = 0.0, xp.zeros(k, dtype=xp.float64), xp.zeros((k, d), dtype=xp.float64)
    second = xp.zeros((k, d, d) if whiten.ndim == 3 else (k, d), dtype=xp.float64)
    start = 0
    for raw in _tiles(xp, X, mean):
        w = xp.ones(raw.shape[0], dtype=xp.float64) if weights is None else weights[start : start + raw.shape[0]]
        start += raw.shape[0]
        tile = xp.where((w > 0)[:, None], raw, mean[0][None, :])
        density, resp = _softmax(xp, *_joint(xp, tile, log_mix, mean, whiten))
        loglik += float(xp.sum(xp.where(w > 0, w * density, xp.zeros_like(density))))
        share = (resp * w[:, None]).T
        centred = tile[None, :, :] - mean[:, None, :]
        weighted = share[:, :, None] * centred
        count = count + xp.sum(share, axis=1)
        first = first + xp.sum(weighted, axis=1)
        if whiten.ndim == 3:
            second = second + xp.permute_dims(weighted, (0, 2, 1)) @ centred
        else:
            second = second + xp.sum(weighted * centred, axis=1)
    return loglik, count, first, second
