"""Sparse cells of a table of sums by answers are pooled, so that a chi-squared statistic may be trusted.

The rule is that of the R package mirt (its `itemfit`), so that degrees of freedom agree. A cell of no expectation is
one that cannot occur, or has been pooled into another; it is left out of the statistic.
"""

from __future__ import annotations

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["pooled"]

_RARE_COLUMN = 0.05  # answers left in fewer rows than this join the answers below
_SPARSE_ROWS = 0.1


def pooled(observed: FloatArray, expected: FloatArray, least: float) -> tuple[FloatArray, FloatArray]:
    """Return observed and expected counts (rows, K) whose expectations are 0 or `least` at least, as far as can be."""
    used = observed.sum(axis=1) > 0
    tables = np.stack([observed[used], expected[used]])
    is_small = (tables[1] < least).any(axis=1)
    tables, is_small = _without_lone_people(tables, is_small)
    if tables.shape[2] > 2:
        for row in np.flatnonzero(is_small):
            tables[:, row] = _within_row(tables[:, row], least)
        tables = _without_rare_columns(tables, least)
    tables = _across_rows(tables, least)
    return tables[0], tables[1]


def _without_lone_people(tables: FloatArray, is_small: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Join every row of one person to the next, and the last to the one before.

    Which rows are looked at again goes by their places before, as in mirt.
    """
    keep = np.ones(tables.shape[1], dtype=bool)
    for row in range(tables.shape[1] - 1):
        if tables[0, row].sum() == 1:
            tables[:, row + 1] += tables[:, row]
            keep[row] = False
    tables = tables[:, keep]
    if tables.shape[1] > 1 and tables[0, -1].sum() == 1:
        tables[:, -2] += tables[:, -1]
        tables = tables[:, :-1]
    return tables, is_small[: tables.shape[1]]


def _within_row(row: FloatArray, least: float) -> FloatArray:
    """Pool the answers (2, K) of one row, the rarest first, with the rarer of its neighbours."""
    width, left = row.shape[1], row
    while left.shape[1] > 2:
        at = int(np.flatnonzero(left[1] == left[1].min())[-1])
        left = _merged(left, at, left[1])
        if (left[1] >= least).all():
            break
    return np.concatenate([left, np.zeros((2, width - left.shape[1]))], axis=1)


def _merged(cells: FloatArray, at: int, size: FloatArray) -> FloatArray:
    """Return cells (2, m, ...) with the one at a place added to a neighbour: the one of smaller size."""
    last = cells.shape[1] - 1
    if at == 0:
        to = 1
    elif at == last or size[at - 1] <= size[at + 1]:
        to = at - 1
    else:
        to = at + 1
    cells = cells.copy()
    cells[:, to] += cells[:, at]
    return np.delete(cells, at, axis=1)


def _without_rare_columns(tables: FloatArray, least: float) -> FloatArray:
    floor = least * np.ceil(tables.shape[1] * _SPARSE_ROWS)
    while tables.shape[2] > 2 and tables[1, :, -1].sum() < floor:
        tables = _folded(tables, tables.shape[2] - 1)
    for column in range(tables.shape[2] - 1, 0, -1):
        if (tables[1, :, column] > 0).mean() < _RARE_COLUMN:
            tables = _folded(tables, column)
    return tables


def _folded(tables: FloatArray, column: int) -> FloatArray:
    tables = tables.copy()
    tables[..., column - 1] += tables[..., column]
    return np.delete(tables, column, axis=2)


def _across_rows(tables: FloatArray, least: float) -> FloatArray:
    while tables.shape[1] > 1:
        is_small = ((tables[1] < least) & (tables[1] != 0)).any(axis=1)
        if not is_small.any():
            break
        tables = _merged(tables, int(is_small.argmax()), tables[0].sum(axis=1))
    return tables
