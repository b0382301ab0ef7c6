"""Cells of delimited text as numbers, truth values or words."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MISSING", "floats", "texts", "truth"]

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "?", "."})
"""Words that stand for a missing cell in any table."""
_TRUTH = {"TRUE": 1.0, "True": 1.0, "true": 1.0, "FALSE": 0.0, "False": 0.0, "false": 0.0}


def floats(cells: Sequence[str], decimal: str, missing: frozenset[str]) -> NDArray[np.float64] | None:
    """Return cells as numbers, NaN where missing; None if one is no number."""
    if decimal != "." or len(missing) != len(MISSING):  # a missing cell may be "." or a number, such as -99
        cells = ["nan" if cell.strip() in missing else cell for cell in cells]
    joined = "".join(cells)
    if "_" in joined:  # Python reads 1_000 as a number; in a table it is a label
        return None
    if decimal != ".":
        cells = [cell.replace(decimal, ".") for cell in cells] if "." not in joined else cells
    with contextlib.suppress(ValueError):
        return np.fromiter(map(float, cells), np.float64, len(cells))
    try:
        return np.array([np.nan if cell.strip() in missing else float(cell) for cell in cells], dtype=np.float64)
    except ValueError:
        return None


def texts(cells: Sequence[str], missing: frozenset[str]) -> NDArray[Any]:
    """Return cells as they are, None where missing."""
    array = np.empty(len(cells), dtype=object)
    array[:] = [None if cell in missing else cell for cell in cells]
    return array


def truth(column: NDArray[Any]) -> NDArray[Any]:
    """Return a column of TRUE and FALSE as ones and zeros; any other as it is."""
    if column.dtype != object or not set(column) <= {*_TRUTH, None}:
        return column
    return np.array([np.nan if value is None else _TRUTH[value] for value in column])
