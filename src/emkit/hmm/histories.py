"""Histories of the states of p + 1 rows: their chain, its counts, and sums of rows by history."""

from __future__ import annotations

import numpy as np

from emkit.core.arrays import FloatArray, IntArray

__all__ = ["chain_counts", "grouped", "histories_of", "solved_near", "sums_of", "unrolled_chain"]


def histories_of(k: int, order: int) -> IntArray:
    """Return the states (c, p + 1) of each history, the latest first."""
    m = order + 1
    return np.stack([np.arange(k**m) // k ** (m - 1 - j) % k for j in range(m)], axis=1).astype(np.intp)


def unrolled_chain(past: IntArray, init: FloatArray, trans: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return first probabilities (c,) and moves (c, c) of histories (c, p + 1), from those of states."""
    k, c, order = len(trans), len(past), past.shape[1] - 1
    first = init[past[:, -1]]
    for j in range(order):
        first = first * trans[past[:, j + 1], past[:, j]]
    moves = np.zeros((c, c))
    for new in range(k):
        moves[np.arange(c), new * k**order + np.arange(c) // k] = trans[past[:, 0], new]
    return np.ascontiguousarray(first), moves


def chain_counts(past: IntArray, k: int, first: FloatArray, moves: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return counts of oldest states (k,) and of moves (k, k) from those of histories."""
    begun, counts = np.zeros(k), np.zeros((k, k))
    np.add.at(begun, past[:, -1], first)
    for j in range(past.shape[1] - 1):
        np.add.at(counts, (past[:, j + 1], past[:, j]), first)
    for new in range(k):
        np.add.at(counts[:, new], past[:, 0], moves[:, past[:, 0] == new].sum(axis=1))
    return begun, counts


def sums_of(X: FloatArray, resp: FloatArray, center: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return counts (c,), sums (c, m) and products (c, m, m) about `center` of the complete rows."""
    seen = ~np.isnan(X).any(axis=1)
    w, share = (X - center)[seen], resp[seen]
    m = w.shape[1]
    products = (w[:, :, None] * w[:, None, :]).reshape(len(w), m * m)
    return share.sum(axis=0), share.T @ w, (share.T @ products).reshape(-1, m, m)


def grouped(values: FloatArray, group: IntArray, n: int) -> FloatArray:
    """Return sums (n, ...) of values (c, ...) by group (c,)."""
    total = np.zeros((n, *values.shape[1:]))
    np.add.at(total, group, values)
    return total


def solved_near(system: FloatArray, aim: FloatArray, before: FloatArray) -> FloatArray:
    """Return the solution nearest to `before`: directions that carry no information stay."""
    values, vectors = np.linalg.eigh(system)
    keep = values > 1e-12 * max(float(values[-1]), 1e-300)
    inverse = np.where(keep, 1 / np.where(keep, values, 1.0), 0.0)
    return np.asarray(before + vectors @ (inverse * (vectors.T @ (aim - system @ before))))
