"""What families whose members need spread in every column ask of the data first."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError

__all__ = ["centered_fill", "varying_units"]

_FLAT = 1e-14  # a standard deviation below this part of the largest value is rounding


def varying_units(source: Any, reason: str = "") -> FloatArray:
    """Return the standard deviations (d,) of the columns.

    Raises
    ------
    DataError
        If a column is constant; `reason` says why that will not do.
    """
    moments = source.column_moments()
    sd: FloatArray = np.sqrt(moments.var)
    flat = ~(sd > _FLAT * np.maximum(np.abs(moments.low), np.abs(moments.high)))
    if flat.any():
        j = int(np.flatnonzero(flat)[0])
        name = repr(source.feature_names[j]) if source.feature_names else str(j)
        message = f"column {name} is constant: {reason}leave it out"
        raise DataError(message)
    return sd


def centered_fill(X: Array) -> tuple[FloatArray, FloatArray]:
    """Return rows (n, d) with missing entries at the mean of their column, and those means (d,): for starts only."""
    rows = np.asarray(X, dtype=np.float64)
    seen = ~np.isnan(rows)
    middle = np.where(seen, rows, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, rows, middle), middle
