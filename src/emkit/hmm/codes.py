"""Emissions of discrete rows by code: where few distinct rows occur, densities are worked out once for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.data import SequenceBlock, SequenceSource
from emkit.errors import DataError
from emkit.families.base import Family
from emkit.kernels.foreign import is_foreign
from emkit.kernels.moments import sum_by_code

__all__ = ["coded", "emissions_of", "statistics_of"]

_WORTH = 8  # rows for each distinct one from which on codes save work
_MOST = 4096  # distinct rows whose densities stay in the cache


def coded(family: Family, source: Any) -> Any:
    """Return the same sequences with their distinct rows, where a discrete family has few of them in memory."""
    if not family.is_discrete or not isinstance(source, SequenceSource):
        return source
    codes, first = np.zeros(source.n_rows, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for column in source.X.T:
        levels, own = _levels(column)
        codes = codes * levels + own
        _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
        if len(first) > min(_MOST, source.n_rows / _WORTH):
            return source
    return source.coded(codes.reshape(-1).astype(np.int32), np.ascontiguousarray(source.X[first]))


def _levels(column: Any) -> tuple[int, IntArray]:
    """Return how many levels a column has at most, and the level (n,) of each row; missing is one of them."""
    seen = ~np.isnan(column)
    low, high = (column[seen].min(), column[seen].max()) if seen.any() else (0.0, 0.0)
    if high - low < _MOST and bool((column[seen] == np.floor(column[seen])).all()):
        own = np.where(seen, column - low + 1, 0)
        return int(high - low) + 2, own.astype(np.int64)
    levels, own = np.unique(column, return_inverse=True)
    return len(levels), own.reshape(-1)


def emissions_of(family: Family, members: Any, block: Any, k: int) -> Callable[[slice], FloatArray]:
    """Return the function from a slice of the rows of a block to their log-densities (b, k)."""
    blank = np.zeros(k)
    if not isinstance(block, SequenceBlock) or block.codes is None or block.table is None:
        if is_foreign(block.X):  # in one piece: whole sequences are scanned at once
            return lambda _: family.log_joint(blank, members, block.X)
        return lambda rows: _of_rows(family, blank, members, block.X, rows)
    codes = block.codes
    each = np.ascontiguousarray(family.log_joint(blank, members, block.table), dtype=np.float64)
    return lambda rows: each.take(codes[rows], axis=0)


def _of_rows(family: Family, blank: FloatArray, members: Any, X: Any, rows: slice) -> FloatArray:
    """Return the log-densities (b, k) of some rows of a block."""
    try:
        return np.ascontiguousarray(family.log_joint(blank, members, X[rows]), dtype=np.float64)
    except DataError:
        family.log_joint(blank, members, X)  # names the row by its place among all of them
        raise


def statistics_of(family: Family, members: Any, block: Any, rows: slice, resp: FloatArray) -> Any:
    """Return the family's statistics of a slice of the rows with posterior (b, k)."""
    if not isinstance(block, SequenceBlock) or block.codes is None or block.table is None:
        return family.statistics(members, block.X if is_foreign(block.X) else block.X[rows], resp)
    return family.statistics(members, block.table, sum_by_code(block.codes[rows], resp, len(block.table)))
