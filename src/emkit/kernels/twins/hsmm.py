"""Twin of `cpp/kernels/hsmm.hpp`: the same recursions in logarithms, by array-API calls, a row at a time.

The chain of stays is unrolled to one of pairs (state, rows of the stay so far), whose moves are: on to the next row of
the same stay, or to the first row of a stay in another state.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from emkit.kernels.twins._namespace import namespace, placed_as

__all__ = ["hsmm_filter", "hsmm_smooth", "hsmm_viterbi"]


class _Chain(NamedTuple):
    init: Any  # logarithms: (k,)
    trans: Any  # (k, k)
    stop: Any  # (k, d) that a stay of this duration so far ends here
    on: Any  # (k, d) that it goes on
    end: Any  # (k, d) what the last row adds


def hsmm_smooth(
    log_emit: Any, lengths: Any, weights: Any, init: Any, trans: Any, stays: Any, censored: bool
) -> tuple[Any, Any, Any, Any, Any, Any, int, int]:
    xp = namespace(log_emit)
    chain = _chain(xp, init, trans, stays, censored)
    loglik, resp = xp.zeros(lengths.shape[0], **placed_as(log_emit)), xp.zeros_like(log_emit)
    first, moves, ended, cut = xp.zeros_like(init), xp.zeros_like(trans), xp.zeros_like(stays), xp.zeros_like(stays)
    bad = (-1, -1)
    for s, (start, stop) in enumerate(_bounds(lengths)):
        weight = 1.0 if weights is None else float(weights[s])
        if stop == start or weight == 0:
            continue
        rows = log_emit[start:stop, :]
        alpha, lost = _forward(xp, rows, chain)
        whole = -math.inf if lost >= 0 else float(_total(xp, alpha[-1] + chain.end))
        loglik[s] = whole
        if whole == -math.inf:
            bad = (s, lost if lost >= 0 else stop - start - 1) if bad[0] < 0 else bad
            continue
        beta = chain.end
        last = weight * xp.exp(alpha[-1] + beta - whole)
        cut, ended = (cut + last, ended) if censored else (cut, ended + last)
        for t in range(stop - start - 1, -1, -1):
            resp[start + t, :] = weight * xp.sum(xp.exp(alpha[t] + beta - whole), axis=1)
            if t == 0:
                first += weight * xp.exp(alpha[0][:, 0] + beta[:, 0] - whole)
                break
            born = rows[t, :] + beta[:, 0]
            ends = _logsumexp(xp, alpha[t - 1] + chain.stop, 1)
            step = chain.trans + born[None, :]
            moves += weight * xp.exp(ends[:, None] + step - whole)
            after = _logsumexp(xp, step, 1)
            ended += weight * xp.exp(alpha[t - 1] + chain.stop + after[:, None] - whole)
            longer = rows[t, :, None] + beta[:, 1:] + chain.on[:, :-1]
            never = xp.full_like(beta[:, :1], -math.inf)
            beta = xp.logaddexp(chain.stop + after[:, None], _joined(xp, longer, never))
    return loglik, first, moves, ended, cut, resp, *bad


def hsmm_filter(
    log_emit: Any, lengths: Any, init: Any, trans: Any, stays: Any, censored: bool, keep: bool
) -> tuple[Any, Any, Any, int, int]:
    xp = namespace(log_emit)
    chain = _chain(xp, init, trans, stays, censored)
    n_sequences = lengths.shape[0]
    loglik, filtered = xp.zeros(n_sequences, **placed_as(log_emit)), xp.zeros_like(log_emit)
    going = xp.zeros((n_sequences, *stays.shape), **placed_as(log_emit))
    bad = (-1, -1)
    for s, (start, stop) in enumerate(_bounds(lengths)):
        if stop == start:
            continue
        alpha, lost = _forward(xp, log_emit[start:stop, :], chain)
        whole = -math.inf if lost >= 0 else float(_total(xp, alpha[-1] + chain.end))
        loglik[s] = whole
        if whole == -math.inf:
            bad = (s, lost if lost >= 0 else stop - start - 1) if bad[0] < 0 else bad
        for t, row in enumerate(alpha):
            total = float(_total(xp, row))
            if total > -math.inf:
                filtered[start + t, :] = xp.sum(xp.exp(row - total), axis=1)
                going[s, :, :] = xp.exp(row - total)
    return loglik, filtered if keep else filtered[:0, :], going if keep else going[:0, :, :], *bad


def hsmm_viterbi(log_emit: Any, lengths: Any, init: Any, trans: Any, stays: Any, censored: bool) -> tuple[Any, Any]:
    xp = namespace(log_emit)
    chain = _chain(xp, init, trans, stays, censored)
    d = stays.shape[1]
    states, log_joint = xp.zeros(log_emit.shape[0], dtype=xp.int32), xp.zeros(lengths.shape[0], **placed_as(log_emit))
    for s, (start, stop) in enumerate(_bounds(lengths)):
        if stop == start:
            continue
        rows, back = log_emit[start:stop, :], []
        score = _born(xp, chain.init + rows[0, :], d)
        for t in range(1, stop - start):
            ends = score + chain.stop
            through = xp.max(ends, axis=1)[:, None] + chain.trans
            come = xp.argmax(through, axis=0)
            back.append((come, xp.argmax(ends, axis=1)))
            born = xp.max(through, axis=0) + rows[t, :]
            score = _joined(xp, born[:, None], score[:, :-1] + chain.on[:, :-1] + rows[t, :, None])
        ends = score + chain.end
        best = int(xp.argmax(xp.reshape(ends, (-1,))))
        log_joint[s] = ends[best // d, best % d]
        state, so_far = best // d, best % d
        for t in range(stop - start - 1, -1, -1):
            states[start + t] = state
            if t > 0 and so_far == 0:
                come, longest = back[t - 1]
                state = int(come[state])
                so_far = int(longest[state])
            else:
                so_far -= 1
    return states, log_joint


def _chain(xp: Any, init: Any, trans: Any, stays: Any, censored: bool) -> _Chain:
    summed = xp.cumulative_sum if hasattr(xp, "cumulative_sum") else xp.cumsum
    alive = xp.flip(summed(xp.flip(stays, axis=1), axis=1), axis=1)
    some = xp.where(alive > 0, alive, 1.0)
    later = _joined(xp, alive[:, 1:], xp.zeros_like(alive[:, :1]))
    stop, on = _log(xp, xp.where(alive > 0, stays / some, 0.0)), _log(xp, xp.where(alive > 0, later / some, 0.0))
    return _Chain(_log(xp, init), _log(xp, trans), stop, on, xp.zeros_like(stop) if censored else stop)


def _forward(xp: Any, rows: Any, chain: _Chain) -> tuple[list[Any], int]:
    """Return the log joint (k, d) of rows so far, state and duration so far at each row, and where it is lost or -1."""
    alpha = [_born(xp, chain.init + rows[0, :], chain.stop.shape[1])]
    for t in range(1, rows.shape[0]):
        if float(_total(xp, alpha[-1])) == -math.inf:
            return alpha, t - 1
        ends = _logsumexp(xp, alpha[-1] + chain.stop, 1)
        born = _logsumexp(xp, ends[:, None] + chain.trans, 0)
        longer = alpha[-1][:, :-1] + chain.on[:, :-1]
        alpha.append(_joined(xp, born[:, None], longer) + rows[t, :, None])
    return alpha, rows.shape[0] - 1 if float(_total(xp, alpha[-1])) == -math.inf else -1


def _born(xp: Any, born: Any, d: int) -> Any:
    return _joined(xp, born[:, None], xp.full((born.shape[0], d - 1), -math.inf, **placed_as(born)))


def _joined(xp: Any, left: Any, right: Any) -> Any:
    join = xp.concat if hasattr(xp, "concat") else xp.concatenate  # NumPy before 2.0
    return join([left, right], axis=1)


def _bounds(lengths: Any) -> list[tuple[int, int]]:
    bounds, start = [], 0
    for n in lengths.tolist():
        bounds.append((start, start + n))
        start += n
    return bounds


def _log(xp: Any, p: Any) -> Any:
    positive = p > 0
    return xp.where(positive, xp.log(xp.where(positive, p, 1.0)), -math.inf)


def _logsumexp(xp: Any, values: Any, axis: int) -> Any:
    top = xp.max(values, axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0.0)
    total = xp.sum(xp.exp(values - top), axis=axis)
    return _log(xp, total) + xp.squeeze(top, axis=axis)


def _total(xp: Any, values: Any) -> Any:
    return _logsumexp(xp, xp.reshape(values, (-1,)), 0)
