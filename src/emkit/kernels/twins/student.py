"""Twin of `cpp/kernels/student.hpp`: the same sums by array-API calls, a tile of rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.kernels.twins._namespace import joined, namespace, placed_as, turned
from emkit.kernels.twins.gaussian import NEGLIGIBLE, exponentials, scaled, tiles

__all__ = ["student_moments", "student_rows"]

_LARGEST_STRETCH = 1e300  # of 1 + D / nu: its logarithm, and the density, stay finite wherever a row lies


def student_moments(
    X: Any, weights: Any, log_peak: Any, mean: Any, whiten: Any, dof: Any
) -> tuple[float, Any, Any, Any, Any, Any]:
    xp, loglik = namespace(X), 0.0
    count, log_u, used = (xp.zeros_like(log_peak) for _ in range(3))
    first, second = xp.zeros_like(mean), xp.zeros_like(whiten)
    for start, raw in tiles(xp, X, mean):
        w = xp.ones_like(raw[:, 0]) if weights is None else weights[start : start + raw.shape[0]]
        tile = xp.where((w > 0)[:, None], raw, mean[:1, :])  # a row without weight may hold anything
        joint, stretch = _rows(xp, tile, log_peak, mean, whiten, dof)
        top, e = exponentials(xp, joint, NEGLIGIBLE)
        total = xp.sum(e, axis=1)
        r = e * (w / total)[:, None]
        loglik += float(xp.sum(w * (top + xp.log(total))))
        ratio = (dof + mean.shape[1]) / dof
        count = count + xp.sum(r, axis=0)
        log_u = log_u + xp.sum(r * (xp.log(ratio) - xp.log(stretch)), axis=0)
        share = (r * ratio / stretch).T  # (k, rows)
        centred = tile.T[None, :, :] - mean[:, :, None]
        weighted = share[:, None, :] * centred
        used, first = used + xp.sum(share, axis=1), first + xp.sum(weighted, axis=2)
        second = second + xp.matmul(weighted, tile[None, :, :] - mean[:, None, :])
    second = 0.5 * (second + turned(xp, second))  # products of matrices are symmetric but for rounding
    return loglik, count, log_u, used, first, second


def student_rows(X: Any, log_peak: Any, mean: Any, whiten: Any, dof: Any) -> tuple[Any, Any]:
    xp = namespace(X)
    parts = [_rows(xp, tile, log_peak, mean, whiten, dof) for _, tile in tiles(xp, X, mean)]
    if not parts:
        none = xp.zeros((0, mean.shape[0]), **placed_as(mean))
        return none, none
    joint, stretch = (joined(xp, list(part)) for part in zip(*parts, strict=True))
    return joint, (dof + mean.shape[1]) / dof / stretch


def _rows(xp: Any, X: Any, log_peak: Any, mean: Any, whiten: Any, dof: Any) -> tuple[Any, Any]:
    """Return log joint densities and 1 + D / nu, (n, k) each."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = scaled(xp, X, mean, whiten)
        raw = 1 + xp.sum(z * z, axis=1).T / dof
    stretch = xp.where(raw < _LARGEST_STRETCH, raw, xp.full_like(raw, _LARGEST_STRETCH))
    return log_peak - (dof + mean.shape[1]) / 2 * xp.log(stretch), stretch
