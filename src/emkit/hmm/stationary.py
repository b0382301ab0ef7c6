"""The stationary distribution of a chain, how it changes with the transitions, and the M-step of a stationary start.

With Z = (I - A + 1 delta)^-1, a change dA of the transitions, whose rows add up to zero, changes delta by delta dA Z
(Schweitzer 1968, J. Applied Probability 5:401).
"""

from __future__ import annotations

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["stationary_distribution", "stationary_slope", "stationary_step"]

_ITERATIONS = 6  # each gains two digits where sequences are long; a generalised M-step needs no more
_FINE = 1e-7
_MISS = 1e-9


def stationary_distribution(trans: FloatArray) -> FloatArray:
    """Return delta (k,) with delta A = delta; where there are several, the long-run mean from equal first states."""
    k = len(trans)
    try:
        delta = np.linalg.solve(np.eye(k) - trans.T + 1.0, np.ones(k))  # delta (I - A + U) = 1, U all ones
    except np.linalg.LinAlgError:
        delta = np.full(k, np.nan)
    if not np.abs(delta @ trans - delta).max() < _MISS or delta.min() < -_MISS:
        delta = np.linalg.matrix_power((trans + np.eye(k)) / 2, 2**40).mean(axis=0)
    delta = np.maximum(delta, 0.0)
    return np.asarray(delta / delta.sum())


def stationary_slope(first: FloatArray, trans: FloatArray, delta: FloatArray) -> FloatArray:
    """Return the gradient (k, k) of sum first log delta(A) by entry, up to a constant in each row."""
    weight = np.divide(first, delta, out=np.zeros_like(delta), where=delta > 0)
    system = np.eye(len(delta)) - trans + delta[None, :]
    try:
        return np.outer(delta, np.linalg.solve(system, weight))
    except np.linalg.LinAlgError:
        return np.outer(delta, np.linalg.lstsq(system, weight, rcond=None)[0])


def stationary_step(first: FloatArray, counts: FloatArray, trans: FloatArray) -> FloatArray:
    """Return transitions that maximise sum first log delta(A) + sum counts log A, from `trans` uphill.

    Where the gradient has the entries g_ij + s_ij, with g the part of the counts, any fixed point of
    A_ij <- A_ij (g_ij + s_ij + c_i) / sum is stationary; c_i makes the terms positive, and more of it makes the step
    shorter (Baum & Eagon 1967; Gopalakrishnan et al. 1991, IEEE Trans. Information Theory 37:107).
    """
    here, level = trans, _objective(first, counts, trans)
    damping = 0.0
    for _ in range(_ITERATIONS):
        slope = stationary_slope(first, here, stationary_distribution(here))
        slope = slope - np.where(here > 0, slope, np.inf).min(axis=1, keepdims=True) + damping
        grown = counts + np.where(here > 0, here * slope, 0.0)
        total = grown.sum(axis=1, keepdims=True)
        there = np.where(total > 0, grown / np.where(total > 0, total, 1.0), here)
        reached, change = _objective(first, counts, there), float(np.abs(there - here).max())
        if not reached >= level:
            if change < _FINE:  # rounding
                break
            damping = 4 * damping + first.sum()
            continue
        here, level = there, reached
        if change < _FINE:
            break
    return here


def _objective(first: FloatArray, counts: FloatArray, trans: FloatArray) -> float:
    delta = stationary_distribution(trans)
    with np.errstate(divide="ignore"):
        begun = float(first[first > 0] @ np.log(delta[first > 0]))
        return begun + float(counts[counts > 0] @ np.log(trans[counts > 0]))
