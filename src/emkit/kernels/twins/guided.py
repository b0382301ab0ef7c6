"""Twin of `cpp/kernels/guided.hpp`: the same recursions by array-API calls, a row at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from emkit.kernels.twins._namespace import namespace, placed_as

__all__ = ["guided_smooth"]


def guided_smooth(
    log_emit: Any, log_moves: Any, lengths: Any, weights: Any, init: Any
) -> tuple[Any, Any, Any, Any, Any, int, int]:
    xp = namespace(log_emit)
    loglik, first = xp.zeros(lengths.shape[0], **placed_as(log_emit)), xp.zeros_like(init)
    moves, resp, filtered = xp.zeros_like(log_moves), xp.zeros_like(log_emit), xp.zeros_like(log_emit)
    bad, start = (-1, -1), 0
    with np.errstate(divide="ignore"):
        log_init = xp.log(init)
    for s, n in enumerate([int(length) for length in lengths]):
        weight = 1.0 if weights is None else float(weights[s])
        if n > 0 and weight != 0:
            alpha, lost = _forward(xp, log_emit, log_moves, log_init, start, n, filtered)
            if lost >= 0:
                loglik[s] = -math.inf
                bad = (s, lost) if bad[0] < 0 else bad
            else:
                loglik[s] = _log_sum(xp, alpha[-1])
                beta = xp.zeros_like(init)
                for t in range(n - 1, -1, -1):
                    if t < n - 1:
                        step = log_moves[start + t, :, :] + (log_emit[start + t + 1, :] + beta)[None, :]
                        moves[start + t, :, :] = weight * xp.exp(alpha[t][:, None] + step - loglik[s])
                        beta = _log_sum(xp, step)
                    resp[start + t, :] = weight * xp.exp(alpha[t] + beta - loglik[s])
                first += resp[start, :]
        start += n
    return loglik, first, moves, resp, filtered, *bad


def _forward(
    xp: Any, log_emit: Any, log_moves: Any, log_init: Any, start: int, n: int, filtered: Any
) -> tuple[list[Any], int]:
    alpha: list[Any] = []
    for t in range(n):
        prior = log_init if t == 0 else _log_sum(xp, (alpha[-1][:, None] + log_moves[start + t - 1, :, :]).T)
        alpha.append(prior + log_emit[start + t, :])
        total = _log_sum(xp, alpha[-1])
        if float(total) == -math.inf:
            return alpha, t
        filtered[start + t, :] = xp.exp(alpha[-1] - total)
    return alpha, -1


def _log_sum(xp: Any, x: Any) -> Any:
    top = xp.max(x, axis=-1)
    safe = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    with np.errstate(divide="ignore"):
        return safe + xp.log(xp.sum(xp.exp(x - safe[..., None]), axis=-1))
