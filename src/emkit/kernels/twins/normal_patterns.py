"""One normal distribution on rows with missing entries, row by row in array-API Python: the oracle of the kernel."""

from __future__ import annotations

import math
from typing import Any

from emkit.kernels.twins._namespace import namespace, placed_as

__all__ = ["normal_fill", "normal_sums"]


def normal_sums(X: Any, weights: Any, counts: Any, mean: Any, cov: Any) -> tuple[float, float, Any, Any]:
    xp = namespace(mean)
    try:
        xp.linalg.cholesky(cov)
    except (ArithmeticError, ValueError, RuntimeError):
        return -math.inf, 0.0, xp.full_like(mean, math.nan), xp.full_like(cov, math.nan)
    loglik, total = 0.0, 0.0
    first, second = xp.zeros_like(mean), xp.zeros_like(cov)
    d = mean.shape[0]
    for r in range(X.shape[0]):
        w = 1.0 if weights is None else float(weights[r])
        count = w if counts is None else float(counts[r])
        row = xp.asarray(X[r, :], dtype=mean.dtype)
        lost = xp.isnan(row)
        n_seen = d - int(xp.sum(xp.astype(lost, xp.int64)))
        if not w > 0 or n_seen == 0:
            continue
        origin = mean if count > 0 else xp.zeros_like(mean)
        deviation = xp.where(lost, xp.zeros_like(mean), row - origin)
        guess, left, square, log_det = _conditional(xp, deviation, lost, cov)
        loglik -= 0.5 * (w * square + count * (n_seen * math.log(2 * math.pi) + log_det))
        total += count
        first = first + count * guess
        second = second + w * guess[:, None] * guess[None, :] + count * left
    return loglik, total, first, second


def normal_fill(X: Any, noise: Any, mean: Any, cov: Any) -> tuple[Any, Any, Any]:
    xp = namespace(mean)
    density = xp.zeros(X.shape[0], **placed_as(mean))
    filled, sd = xp.zeros(X.shape, **placed_as(mean)), xp.zeros(X.shape, **placed_as(mean))
    for r in range(X.shape[0]):
        row = xp.asarray(X[r, :], dtype=mean.dtype)
        lost = xp.isnan(row)
        guess, left, square, log_det = _conditional(xp, xp.where(lost, xp.zeros_like(mean), row - mean), lost, cov)
        if noise is not None:
            values, vectors = xp.linalg.eigh(left)
            scaled = xp.sqrt(xp.where(values > 0, values, xp.zeros_like(values))) * (vectors.T @ noise[r, :])
            guess = guess + vectors @ scaled
        filled[r, :] = xp.where(lost, mean + guess, row)
        spread = xp.linalg.diagonal(left)
        sd[r, :] = xp.sqrt(xp.where(spread > 0, spread, xp.zeros_like(spread)))
        n_seen = X.shape[1] - int(xp.sum(xp.astype(lost, xp.int64)))
        density[r] = -0.5 * (n_seen * math.log(2 * math.pi) + log_det + square) if n_seen else 0.0
    return filled, sd, density


def _conditional(xp: Any, deviation: Any, lost: Any, cov: Any) -> tuple[Any, Any, float, float]:
    """Return the completed deviation (d,), the covariance of what is missing (d, d), the quadratic form and log |S_oo|.

    Missing columns are replaced by independent ones of variance one, which leaves the form and the determinant alone.
    """
    either = lost[:, None] | lost[None, :]
    eye = xp.eye(cov.shape[0], **placed_as(cov))
    scale = xp.sqrt(xp.linalg.diagonal(cov))
    corr = cov / (scale[:, None] * scale[None, :])
    padded = xp.where(either, eye, corr)
    inverse = xp.where(either, xp.zeros_like(cov), xp.linalg.inv(padded) / (scale[:, None] * scale[None, :]))
    guess = xp.where(lost, cov @ (inverse @ deviation), deviation)
    left = xp.where(lost[:, None] & lost[None, :], cov - cov @ inverse @ cov, xp.zeros_like(cov))
    factor = xp.linalg.cholesky(padded)
    log_scale = xp.sum(xp.where(lost, xp.zeros_like(scale), xp.log(scale)))
    log_det = 2 * float(xp.sum(xp.log(xp.linalg.diagonal(factor))) + log_scale)
    white = xp.linalg.solve(factor, (deviation / scale)[:, None])[:, 0]
    return guess, left, float(white @ white), log_det
