"""Time and units: columns of trend, lags and leads that help to fill in tables of units over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.errors import DataError, ParameterError
from emkit.missing.bounds import column_of

__all__ = ["Panel"]


@dataclass(frozen=True)
class Panel:
    """What is known of rows that are units observed over time.

    The columns of time and unit are not filled in and not used as they are; they make polynomials of time, and the
    values before and after of columns that vary smoothly.

    Parameters
    ----------
    time : str or int
        Column of time; no missing entries.
    unit : str or int, optional
        Column of units; one unit without.
    degree : int, default 0
        Of the polynomial of time; 0 is no trend.
    by_unit : bool, default True
        Whether each unit has a level and a trend of its own.
    lags, leads : tuple of str or int
        Columns whose value before, or after, within the unit, helps to predict.

    References
    ----------
    Honaker & King 2010, American Journal of Political Science 54:561.
    """

    time: Any
    unit: Any = None
    degree: int = 0
    by_unit: bool = True
    lags: tuple[Any, ...] = ()
    leads: tuple[Any, ...] = ()

    def extra(self, X: FloatArray, names: Any) -> tuple[FloatArray, IntArray]:
        """Return rows (n, kept + extra) with the extra columns behind, and the numbers of the columns kept.

        Raises
        ------
        DataError
            If a time or unit is missing.
        ParameterError
            If a column is not there, or the degree is negative.
        """
        if self.degree < 0 or int(self.degree) != self.degree:
            message = f"`degree` of a Panel must be a whole number of at least 0, got {self.degree!r}"
            raise ParameterError(message)
        time, units = self._keys(X, names)
        keep = np.array([j for j in range(X.shape[1]) if j not in self._numbers(names, X.shape[1])], dtype=np.intp)
        columns = [self._moved(X, time, units, names, self.lags, 1), self._moved(X, time, units, names, self.leads, -1)]
        return np.column_stack([X[:, keep], self._trend(time, units), *columns]), keep

    def _numbers(self, names: Any, d: int) -> list[int]:
        asked = [self.time] if self.unit is None else [self.time, self.unit]
        return [column_of(column, names, d, "panel") for column in asked]

    def _keys(self, X: FloatArray, names: Any) -> tuple[FloatArray, IntArray]:
        keys = X[:, self._numbers(names, X.shape[1])]
        if np.isnan(keys).any():
            row = int(np.flatnonzero(np.isnan(keys).any(axis=1))[0])
            message = f"row {row} has no time or unit: a Panel needs both in every row"
            raise DataError(message)
        units = np.zeros(len(X), dtype=np.intp)
        if self.unit is not None:
            units = np.unique(keys[:, 1], return_inverse=True)[1].reshape(-1)
        return keys[:, 0], units

    def _trend(self, time: FloatArray, units: IntArray) -> FloatArray:
        """Return powers of time, for each unit its own where asked; columns that add nothing are left out."""
        span = float(np.ptp(time)) or 1.0
        scaled = 2 * (time - time.min()) / span - 1
        powers = scaled[:, None] ** np.arange(self.degree + 1)
        if self.by_unit and self.unit is not None:
            member = units[:, None] == np.arange(units.max() + 1)
            powers = (member[:, :, None] * powers[:, None, :]).reshape(len(time), -1)[:, 1:]
        else:
            powers = powers[:, 1:]
        return _independent(powers)

    def _moved(
        self, X: FloatArray, time: FloatArray, units: IntArray, names: Any, asked: tuple[Any, ...], step: int
    ) -> FloatArray:
        columns = [column_of(column, names, X.shape[1], "panel") for column in asked]
        order = np.lexsort((time, units))
        moved = np.full((len(X), len(columns)), np.nan)
        here, there = (order[1:], order[:-1]) if step > 0 else (order[:-1], order[1:])
        same = units[here] == units[there]
        moved[here[same]] = X[np.ix_(there[same], columns)]
        return moved


def _independent(columns: FloatArray) -> FloatArray:
    """Return the columns that are not sums of a constant and columns before them."""
    basis, kept = [np.ones(len(columns)) / np.sqrt(max(len(columns), 1))], []
    for j in range(columns.shape[1]):
        left = columns[:, j]
        for _ in range(2):  # twice is enough (Kahan, in Parlett 1980)
            for known in basis:
                left = left - known * (known @ left)
        size = float(np.sqrt(left @ left))
        if size > 1e-8 * max(float(np.sqrt(columns[:, j] @ columns[:, j])), 1e-300):
            basis.append(left / size)
            kept.append(j)
    return columns[:, kept]
