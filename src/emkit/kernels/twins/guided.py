"""Twin of `cpp/kernels/guided.hpp`: the same recursions by array-API calls, a row at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from emkit.kernels.twins._namespace import namespace, placed_as

__all__ = ["guided_backward", "guided_best", "guided_draw", "guided_forward", "guided_trace"]


def guided_forward(log_emit: Any, log_into: Any, entry: Any) -> tuple[Any, Any]:
    xp = namespace(log_emit)
    n, k = log_emit.shape
    log_alpha, log_gain = xp.zeros_like(log_emit), xp.zeros(n, **placed_as(log_emit))
    before = entry
    for t in range(n):
        own = _log_sum(xp, (before[:, None] + _into(log_into, t)).T) + log_emit[t, :]
        log_gain[t] = _log_sum(xp, own)
        is_lost = float(log_gain[t]) == -math.inf
        before = xp.full_like(own, -math.log(k)) if is_lost else own - log_gain[t]
        log_alpha[t, :] = before
    return log_alpha, log_gain


def guided_backward(
    log_emit: Any, log_into: Any, entry: Any, log_alpha: Any, log_gain: Any, leave: Any
) -> tuple[Any, Any, Any]:
    xp = namespace(log_emit)
    n, k = log_emit.shape
    resp, moves = xp.zeros_like(log_emit), xp.zeros((n, k, k), **placed_as(log_emit))
    beta = leave
    for t in range(n - 1, -1, -1):
        resp[t, :] = xp.exp(log_alpha[t, :] + beta)
        if float(log_gain[t]) == -math.inf:
            beta = xp.zeros_like(leave)
            continue
        through = _into(log_into, t) + (log_emit[t, :] + beta - log_gain[t])[None, :]
        before = entry if t == 0 else log_alpha[t - 1, :]
        moves[t, :, :] = xp.exp(before[:, None] + through)
        beta = _log_sum(xp, through)
    return resp, moves, beta


def guided_best(log_emit: Any, log_into: Any, entry: Any, first: Any) -> tuple[Any, Any, Any]:
    (n, k), m = log_emit.shape, entry.shape[1]
    back, shift, score = np.zeros((n, k, m), dtype=np.int32), np.zeros(n), np.array(entry)
    for t in range(n):
        if t == 0 and first is not None:
            reached = np.full((k, m), -np.inf)
            reached[:, 0] = first
        else:
            through = (score.reshape(-1)[:, None] + np.repeat(_into(log_into, t), m, axis=0)).T  # (k, k m)
            order = np.argsort(-through, axis=1, kind="stable")[:, :m]
            reached = np.take_along_axis(through, order, axis=1)
            back[t] = np.where(reached > -np.inf, order, 0)
        reached = reached + log_emit[t][:, None]
        shift[t] = reached.max()
        score = (
            reached - shift[t] if shift[t] > -np.inf else np.where(np.arange(m) == 0, 0.0, -np.inf) + np.zeros((k, 1))
        )
    return back, score, shift


def guided_draw(log_into: Any, log_alpha: Any, leave: Any, uniforms: Any) -> Any:
    n = len(log_alpha)
    states = np.zeros(n, dtype=np.int32)
    for t in range(n - 1, -1, -1):
        onward = leave if t == n - 1 else _into(log_into, t + 1)[:, states[t + 1]]
        weight = log_alpha[t] + onward
        edges = np.cumsum(np.exp(weight - _log_sum(np, weight)))
        last = int(np.flatnonzero(np.diff(edges, prepend=0.0) > 0)[-1])
        states[t] = min(int(np.searchsorted(edges, uniforms[t], side="right")), last)
    return states


def guided_trace(back: Any, place: Any) -> tuple[Any, Any]:
    (n, _, r), at = back.shape, np.array(place)
    states = np.empty((len(at), n), dtype=np.intp)
    for t in range(n - 1, -1, -1):
        states[:, t] = at // r
        at = back[t].reshape(-1)[at]
    return states, at


def _into(log_into: Any, t: int) -> Any:
    return log_into[t if log_into.shape[0] > 1 else 0, :, :]


def _log_sum(xp: Any, x: Any) -> Any:
    top = xp.max(x, axis=-1)
    safe = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    with np.errstate(divide="ignore"):
        return safe + xp.log(xp.sum(xp.exp(x - safe[..., None]), axis=-1))
