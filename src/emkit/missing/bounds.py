"""Limits that imputed values must keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError

__all__ = ["column_of", "limits_of", "within"]

_TRIES = 100  # draws of a row until one keeps the limits; then the last is moved to them


def column_of(column: Any, names: Any, d: int, role: str) -> int:
    """Return the number of a column that is given by name or number.

    Raises
    ------
    ParameterError
        If there is none.
    """
    known = [] if names is None else [str(name) for name in names]
    if isinstance(column, str):
        if column in known:
            return known.index(column)
        among = ", ".join(known) if known else f"the numbers 0 to {d - 1}: the data have no names"
        message = f"`{role}` names a column {column!r}; columns are {among}"
        raise ParameterError(message)
    if not isinstance(column, (int, np.integer)) or isinstance(column, bool) or not 0 <= column < d:
        message = f"`{role}` must name columns or give their numbers, 0 to {d - 1}, got {column!r}"
        raise ParameterError(message)
    return int(column)


def limits_of(bounds: Mapping[Any, Any] | None, names: Any, d: int) -> FloatArray | None:
    """Return lower and upper limits (2, d) from a mapping of columns to pairs, where None is no limit."""
    if not bounds:
        return None
    limits = np.array([np.full(d, -np.inf), np.full(d, np.inf)])
    for column, pair in bounds.items():
        j = column_of(column, names, d, "bounds")
        try:
            low, high = pair
            low, high = -np.inf if low is None else float(low), np.inf if high is None else float(high)
        except (TypeError, ValueError):
            low, high = np.nan, np.nan
        if not low < high:
            message = f"`bounds` of column {column!r} must be a pair (low, high) with low below high, got {pair!r}"
            raise ParameterError(message)
        limits[:, j] = low, high
    return limits


def within(
    limits: FloatArray | None, X: Array, done: FloatArray, redraw: Callable[[Array], FloatArray] | None
) -> FloatArray:
    """Return filled rows whose imputed entries keep the limits: draws by rejection, means moved to the limit.

    Parameters
    ----------
    limits : array (2, d), or None
    X : array (n, d)
        As observed; what was observed is left alone.
    done : array (n, d)
        Filled in; changed and returned.
    redraw : callable (rows of X) -> filled rows, or None
        Draws again; a row that keeps no limit in a hundred draws is moved to them.
    """
    if limits is None:
        return done
    lost = np.isnan(X)
    if redraw is not None:
        for _ in range(_TRIES):
            bad = np.flatnonzero((lost & ((done < limits[0]) | (done > limits[1]))).any(axis=1))
            if not len(bad):
                return done
            done[bad] = redraw(np.ascontiguousarray(X[bad]))
    np.copyto(done, np.clip(done, limits[0], limits[1]), where=lost)
    return done
