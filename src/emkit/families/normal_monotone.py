"""The maximum-likelihood normal where patterns of missing entries are nested: regressions one after another.

With the columns ordered by how often they are observed, those seen in the same rows as one block B after the blocks P
before it, the likelihood factors into that of the first block and those of the regressions of B on P (Rubin 1974, JASA
69:467; Little & Rubin 2019, section 7.4): no iteration is needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray

__all__ = ["monotone_blocks", "monotone_maximum"]

_FLAT = 1e-7  # of a column's length: what is left of it after those before


def monotone_blocks(seen: Array) -> list[IntArray] | None:
    """Return the columns in blocks, most often observed first; None where the patterns (g, d) are not nested."""
    seen = seen[seen.any(axis=1)]
    size = seen.sum(axis=1)
    ordered = seen[np.argsort(-size, kind="stable")]
    if len(seen) == 0 or (ordered[1:] & ~ordered[:-1]).any():
        return None
    depth = ordered.sum(axis=0)  # a column is in the first `depth` patterns
    return [np.flatnonzero(depth == level) for level in sorted(set(depth.tolist()), reverse=True)]


def monotone_maximum(
    blocks: list[IntArray], X: Array, weights: FloatArray, counts: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return mean (d,) and covariance (d, d), or None where a column is determined by others or seen too rarely.

    Rows X (n, d) with weights and counts (n,) are those of `kernels.normal_patterns.normal_sums`.
    """
    d = X.shape[1]
    mean, cov = np.zeros(d), np.zeros((d, d))
    before = np.empty(0, dtype=np.intp)
    for block in blocks:
        rows = ~np.isnan(X[:, block[0]])
        columns = np.concatenate([before, block])
        total, centre, root = _moments(X[np.ix_(rows, columns)], weights[rows], counts[rows])
        p = len(before)
        if len(root) < len(columns) or _is_flat(root):
            return None
        slope = np.linalg.solve(root[:p, :p], root[:p, p:])
        left = root[p:, p:].T @ root[p:, p:] / total
        own, cross = np.ix_(before, before), np.ix_(before, block)
        mean[block] = centre[p:] + slope.T @ (mean[before] - centre[:p])
        cov[cross] = cov[own] @ slope
        cov[np.ix_(block, before)] = cov[cross].T
        square = left + slope.T @ cov[cross]
        cov[np.ix_(block, block)] = (square + square.T) / 2
        before = columns
    return mean, cov


def _moments(X: Array, weights: FloatArray, counts: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Return weight, mean (p,) and a root (p, p) of the scatter of rows without missing entries."""
    X, total = np.asarray(X, dtype=np.float64), float(counts.sum())
    first = X[int(np.argmax(counts))]
    is_row = (counts > 0)[:, None]
    moved = np.where(is_row, X - first, X)
    shift = counts @ moved / total
    deviation = np.where(is_row, moved - shift, moved) * np.sqrt(weights)[:, None]
    return total, first + shift, np.asarray(np.linalg.qr(deviation, mode="r"))


def _is_flat(root: Any) -> bool:
    length = np.sqrt((root**2).sum(axis=0))
    return bool((np.abs(np.diag(root)) <= _FLAT * length).any())
