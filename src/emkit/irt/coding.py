"""Answers as codes of one byte, and equal rows counted once."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.data.memory import MemorySource
from emkit.families.discrete import row_keys

__all__ = ["MISSING", "as_codes", "compressed"]

MISSING = 255
_LOOK = 4096  # rows on which it is judged whether equal rows are worth looking for
_WORTH = 0.9


def as_codes(X: Array) -> Array:
    """Return codes (n, j) of one byte; NaN becomes `MISSING`."""
    if X.dtype == np.uint8:
        return X
    return np.where(np.isnan(X), MISSING, X).astype(np.uint8)


def compressed(source: Any) -> Any:
    """Return the distinct rows of a source as codes with their total weights; rows of weight zero are left out."""
    blocks = list(source.blocks())
    codes = np.concatenate([as_codes(block.X) for block in blocks]) if len(blocks) > 1 else as_codes(blocks[0].X)
    weights = np.concatenate([block.weights for block in blocks]) if source.is_weighted else None
    if weights is not None and not (weights > 0).all():
        used = weights > 0
        codes, weights = codes[used], weights[used]
    if _repeats(codes):
        _, first, inverse = np.unique(row_keys(codes), return_index=True, return_inverse=True)
        if len(first) < _WORTH * len(codes):
            weights = np.bincount(inverse.reshape(-1), weights=weights, minlength=len(first)).astype(np.float64)
            codes = codes[first]
    return coded_source(np.ascontiguousarray(codes), weights, source.feature_names, source.n_threads)


def coded_source(codes: Array, weights: Any, names: Any, n_threads: int) -> MemorySource:
    """Return a source whose blocks hold codes of one byte."""
    n_blocks = max(1, -(-len(codes) // 16384))
    return MemorySource(codes, weights, feature_names=names, n_threads=n_threads, missing=(False,) * n_blocks)


def _repeats(codes: Array) -> bool:
    """Tell from evenly spaced rows whether equal ones are likely to be many."""
    if len(codes) <= _LOOK:
        return True
    some = codes[:: len(codes) // _LOOK][:_LOOK]
    return len(np.unique(row_keys(some))) < _WORTH * len(some)
