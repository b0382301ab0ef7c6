"""Twin of `cpp/kernels/hmm.hpp`: the same recursions in logarithms, by array-API calls, a row at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from emkit.kernels.twins._namespace import namespace, placed_as

__all__ = [
    "hmm_can_spread",
    "hmm_draw",
    "hmm_filter",
    "hmm_smooth",
    "hmm_smooth_span",
    "hmm_spread",
    "hmm_viterbi",
]

_LEAST_ENTRY = 1e-30  # below, a transition is all but impossible
_MOST_STATES = 8  # above, transfers cost more than they are worth


def hmm_smooth(
    log_emit: Any, lengths: Any, weights: Any, init: Any, trans: Any, entry: Any, leave: Any
) -> tuple[Any, Any, Any, Any, Any, Any, int, int]:
    xp = namespace(log_emit)
    log_init, log_trans = _log(xp, init), _log(xp, trans)
    n_sequences = lengths.shape[0]
    loglik, resp = xp.zeros(n_sequences, **placed_as(log_emit)), xp.zeros_like(log_emit)
    first, moves = xp.zeros_like(init), xp.zeros_like(trans)
    last, carry, bad = xp.zeros_like(init), xp.ones_like(init), (-1, -1)
    for s, (start, stop) in enumerate(_bounds(lengths)):
        if stop == start:
            continue
        enters, leaves = s == 0 and entry is not None, s == n_sequences - 1 and leave is not None
        weight = 1.0 if weights is None else float(weights[s])
        if weight == 0 and not enters and not leaves:
            continue
        rows = log_emit[start:stop, :]
        alpha, lost = _forward(xp, rows, log_init, log_trans, _log(xp, entry) if enters else None)
        total = _logsumexp(xp, alpha[-1, :])
        loglik[s], last = total, xp.exp(alpha[-1, :] - total) if lost < 0 else xp.zeros_like(init)
        beta = _log(xp, leave) if leaves else xp.zeros_like(init)
        whole = float(_logsumexp(xp, alpha[-1, :] + beta))
        if whole == -math.inf:
            bad = (s, lost if lost >= 0 else stop - start - 1) if bad[0] < 0 else bad
            carry = xp.zeros_like(carry) if enters else carry
            continue
        for t in range(stop - start - 1, -1, -1):
            resp[start + t, :] = weight * xp.exp(alpha[t, :] + beta - whole)
            if t == 0 and not enters:
                first += resp[start, :]
                break
            step = log_trans + (rows[t, :] + beta)[None, :]
            past = alpha[t - 1, :] if t > 0 else _log(xp, entry)
            moves += weight * xp.exp(past[:, None] + step - whole)
            beta = _logsumexp(xp, step)
        if enters:
            carry = xp.exp(beta - total)
    return loglik, first, moves, resp, last, carry, *bad


def hmm_can_spread(trans: Any) -> bool:
    return bool(1 < trans.shape[0] <= _MOST_STATES and (trans >= _LEAST_ENTRY).all())


def hmm_spread(log_emit: Any, init: Any, trans: Any) -> tuple[int, Any, Any, Any, Any, bool]:
    """Return the span as it is, one stretch, and its transfer: one row of log alpha from every state."""
    xp, (n, k) = namespace(log_emit), log_emit.shape
    log_trans, logs, is_found = _log(xp, trans), xp.zeros_like(trans), True
    for i in range(k):
        first = log_trans[i, :] if init is None else _log(xp, init)
        alpha, lost = _forward(xp, log_emit, first, log_trans, None)
        logs[i, :], is_found = alpha[-1, :], is_found and lost < 0
    transfer = xp.exp(logs - xp.max(logs)) if is_found else xp.zeros_like(trans)
    shift = xp.zeros(1, **placed_as(log_emit))
    return n, log_emit[:, :, None] + 0.0, transfer[None, :, :], shift, transfer, is_found


def hmm_smooth_span(
    n: int, scaled: Any, transfers: Any, shift: Any, weight: float, init: Any, trans: Any, entry: Any, leave: Any
) -> tuple[Any, Any, Any, Any]:
    xp = namespace(scaled)
    weights = xp.full(1, weight, **placed_as(scaled))
    start = xp.zeros_like(trans[0, :]) if init is None else init
    log_emit, lengths = scaled[:, :, 0], np.array([n])
    loglik, first, moves, resp, *_ = hmm_smooth(log_emit, lengths, weights, start, trans, entry, leave)
    return loglik, first, moves, resp


def hmm_filter(
    log_emit: Any, lengths: Any, init: Any, trans: Any, entry: Any, keep: bool
) -> tuple[Any, Any, Any, int, int]:
    xp = namespace(log_emit)
    log_init, log_trans = _log(xp, init), _log(xp, trans)
    loglik, filtered = xp.zeros(lengths.shape[0], **placed_as(log_emit)), xp.zeros_like(log_emit)
    last, bad = xp.zeros_like(init), (-1, -1)
    for s, (start, stop) in enumerate(_bounds(lengths)):
        if stop == start:
            continue
        before = _log(xp, entry) if s == 0 and entry is not None else None
        alpha, lost = _forward(xp, log_emit[start:stop, :], log_init, log_trans, before)
        loglik[s] = _logsumexp(xp, alpha[-1, :])
        known = stop - start if lost < 0 else lost
        rows = alpha[:known, :]
        filtered[start : start + known, :] = xp.exp(rows - _logsumexp(xp, rows)[:, None])
        last = filtered[stop - 1, :] + 0.0
        bad = (s, lost) if lost >= 0 and bad[0] < 0 else bad
    return loglik, filtered if keep else filtered[:0, :], last, *bad


def hmm_viterbi(log_emit: Any, lengths: Any, init: Any, trans: Any) -> tuple[Any, Any]:
    xp = namespace(log_emit)
    log_init, log_trans = _log(xp, init), _log(xp, trans)
    states = xp.zeros(log_emit.shape[0], **{**placed_as(log_emit), "dtype": xp.int32})
    log_joint = xp.zeros(lengths.shape[0], **placed_as(log_emit))
    for s, (start, stop) in enumerate(_bounds(lengths)):
        if stop == start:
            continue
        score, back = log_init + log_emit[start, :], []
        for t in range(start + 1, stop):
            through = score[:, None] + log_trans
            back.append(xp.argmax(through, axis=0))
            score = xp.max(through, axis=0) + log_emit[t, :]
        best = int(xp.argmax(score))
        log_joint[s] = score[best]
        for t in range(stop - 1, start - 1, -1):
            states[t] = best
            best = int(back[t - start - 1][best]) if t > start else best
    return states, log_joint


def hmm_draw(filtered: Any, lengths: Any, trans: Any, uniforms: Any) -> Any:
    xp = namespace(filtered)
    states = xp.zeros(filtered.shape[0], **{**placed_as(filtered), "dtype": xp.int32})
    for start, stop in _bounds(lengths):
        for t in range(stop - 1, start - 1, -1):
            part = filtered[t, :] if t == stop - 1 else filtered[t, :] * trans[:, int(states[t + 1])]
            if t < stop - 1 and not bool(xp.any(part > 0)):  # what leads there has underflowed: any way there is
                part = trans[:, int(states[t + 1])]
            edges = xp.cumulative_sum(part) if hasattr(xp, "cumulative_sum") else xp.cumsum(part)
            above = edges > uniforms[t] * edges[-1]
            possible = xp.nonzero(part > 0)[0]
            states[t] = int(xp.argmax(above)) if bool(xp.any(above)) else int(possible[-1])
    return states


def _bounds(lengths: Any) -> list[tuple[int, int]]:
    ends = np.cumsum([int(n) for n in lengths]).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _log(xp: Any, prob: Any) -> Any:
    with np.errstate(divide="ignore"):
        return xp.log(prob)


def _logsumexp(xp: Any, x: Any) -> Any:
    """Return log sum exp along the last axis; -inf where all are."""
    top = xp.max(x, axis=-1)
    safe = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    with np.errstate(divide="ignore"):
        return safe + xp.log(xp.sum(xp.exp(x - safe[..., None]), axis=-1))


def _forward(xp: Any, rows: Any, log_init: Any, log_trans: Any, before: Any) -> tuple[Any, int]:
    """Return log alpha (n, k), and the first row that is impossible, or -1."""
    alpha, lost = xp.full_like(rows, -math.inf), -1
    for t in range(rows.shape[0]):
        past = alpha[t - 1, :] if t > 0 else before
        prior = log_init if past is None else _logsumexp(xp, (past[:, None] + log_trans).T)
        alpha[t, :] = prior + rows[t, :]
        if float(xp.max(alpha[t, :])) == -math.inf:
            return alpha, t
    return alpha, lost
