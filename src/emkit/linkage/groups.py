"""Tables of a group of fields: which cells an observed comparison may be, missing entries included."""

from __future__ import annotations

import functools
import math

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray

__all__ = ["codes_of", "compatible", "n_codes"]


def n_codes(sizes: tuple[int, ...]) -> int:
    """Return how many comparisons of fields with these numbers of levels there are, missing being a level more."""
    return math.prod(size + 1 for size in sizes)


def codes_of(X: Array, columns: tuple[int, ...], sizes: tuple[int, ...]) -> IntArray:
    """Return the number (n,) of each row's comparison of a group; missing counts as the last level."""
    code = np.zeros(len(X), dtype=np.intp)
    for column, size in zip(columns, sizes, strict=True):
        entries = X[:, column]
        level = np.where(np.isnan(entries), size, entries).astype(np.intp)
        code = code * (size + 1) + level
    return code


@functools.cache
def compatible(sizes: tuple[int, ...]) -> FloatArray:
    """Return for each comparison the cells it may be, (codes, cells) of zeros and ones.

    A comparison with all fields missing has no cell: it is skipped, which is exact and spreads nothing.
    """
    table: FloatArray = np.ones((1, 1))
    for size in sizes:
        own = np.vstack([np.eye(size), np.ones(size)])  # the last level is missing: any cell
        table = np.asarray(np.kron(table, own), dtype=np.float64)
    table[-1] = 0.0
    table.flags.writeable = False
    return table
