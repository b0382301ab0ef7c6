"""Paths of semi-Markov states drawn from the posterior: forward in logarithms, then stay by stay from the end.

With A_t(j, u) the log joint probability of the rows up to t and a stay in j that has lasted u rows so far, durations
apart, a stay in j ends at t with E_t(j) = log sum_u exp A_t(j, u) P_j(u), and begins after t with B_{t+1}(j) = log
sum_i exp E_t(i) a_ij. Backward the last stay is drawn first, then the state before it, how long that lasted, and so on.

References
----------
Guedon 2007, Computational Statistics & Data Analysis 51:2379 (section 3.2).
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from emkit.core.arrays import FloatArray, IntArray

__all__ = ["drawn_stays"]


def drawn_stays(
    log_emit: FloatArray,
    chain: tuple[FloatArray, FloatArray, FloatArray],
    rng: np.random.Generator,
    n_paths: int,
    *,
    censored: bool,
) -> IntArray:
    """Return paths (n_paths, n) of one sequence with log-densities (n, k).

    `chain` are first probabilities (k,), moves (k, k) and the probability (k, d) of each duration. Cost n k d + n k^2
    for the way forward, and d for each stay drawn.
    """
    init, trans, stays = chain
    with np.errstate(divide="ignore"):
        log_init, log_trans, log_stays = np.log(init), np.log(trans), np.log(stays)
        log_alive = np.log(np.cumsum(stays[:, ::-1], axis=1)[:, ::-1])
    births, ends, last = _forward(log_emit, log_init, log_trans, log_stays)
    final = last + (log_alive if censored else log_stays)
    paths = np.empty((n_paths, len(log_emit)), dtype=np.intp)
    for path in paths:
        state, more = divmod(_one(final.reshape(-1), rng), final.shape[1])
        end = len(log_emit)
        start = end - 1 - more
        path[start:end] = state
        while start > 0:
            end = start
            state = _one(ends[end - 1] + log_trans[:, state], rng)
            most = min(log_stays.shape[1], end)
            own = np.cumsum(log_emit[end - most : end, state][::-1])
            begun = births[end - most : end, state][::-1]
            start = end - 1 - _one(begun + log_stays[state, :most] + own, rng)
            path[start:end] = state
    return paths


def _forward(
    log_emit: FloatArray, log_init: FloatArray, log_trans: FloatArray, log_stays: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return births (n, k) before each row, ends (n, k) after it, and stays (k, d) so far at the last row."""
    n, k = log_emit.shape
    births, ends = np.empty((n, k)), np.empty((n, k))
    so_far = np.full_like(log_stays, -np.inf)
    for t in range(n):
        births[t] = log_init if t == 0 else logsumexp(ends[t - 1][:, None] + log_trans, axis=0)
        so_far = np.column_stack([births[t], so_far[:, :-1]]) + log_emit[t][:, None]
        ends[t] = logsumexp(so_far + log_stays, axis=1)
    return births, ends, so_far


def _one(log_weights: FloatArray, rng: np.random.Generator) -> int:
    """Return an index drawn with these log weights (m,)."""
    edges = np.cumsum(np.exp(log_weights - log_weights.max()))
    return min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(edges) - 1)
