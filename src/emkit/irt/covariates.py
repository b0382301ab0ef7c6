"""Covariates of people: numbers as they are, words as indicators of all levels but the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import Table
from emkit.data.frames import frame_columns, series_column
from emkit.errors import DataError

__all__ = ["CovariateLayout"]


@dataclass(frozen=True)
class CovariateLayout:
    """Columns of a table of covariates.

    Parameters
    ----------
    names : tuple of str
        Of the columns of the table.
    levels : tuple of tuples
        Of each column, the first being the reference; empty for numbers.
    centre : tuple of float
        Weighted means of the columns that come of them.
    """

    names: tuple[str, ...] = ()
    levels: tuple[tuple[Any, ...], ...] = ()
    centre: tuple[float, ...] = ()

    @classmethod
    def of(cls, table: Any, weights: FloatArray | None) -> CovariateLayout:
        """Return the layout of a table (n, p)."""
        names, columns = _columns(table)
        levels = tuple(_levels(column) for column in columns)
        centre = np.average(_expanded(columns, names, levels), axis=0, weights=weights)
        return cls(tuple(names), levels, tuple(centre.tolist()))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the columns that come of the table's."""
        pairs = zip(self.names, self.levels, strict=True)
        return tuple(label for name, own in pairs for label in ([f"{name}={v}" for v in own[1:]] if own else [name]))

    def rows(self, table: Any, n: int) -> FloatArray:
        """Return the columns (n, p) of a table, centred.

        Raises
        ------
        DataError
            If the table does not have a row for each person, a value is missing, or a level is new.
        """
        if table is None:
            message = f"this model has covariates ({', '.join(self.names)}): pass them as `covariates`"
            raise DataError(message)
        names, columns = _columns(table)
        if len(columns) != len(self.names):
            message = f"expected {len(self.names)} covariates ({', '.join(self.names)}), got {len(columns)}"
            raise DataError(message)
        if len(columns[0]) != n:
            message = f"`covariates` has {len(columns[0])} rows, but there are {n} people"
            raise DataError(message)
        return np.asarray(_expanded(columns, names, self.levels) - np.asarray(self.centre))


def _columns(table: Any) -> tuple[list[str], list[Array]]:
    series = series_column(table)
    if series is not None:
        return ["z1" if series[0] is None else str(series[0])], [series[1]]
    found = (list(table.columns), list(table.columns.values())) if isinstance(table, Table) else frame_columns(table)
    if found is not None:
        return [str(name) for name in found[0]], [np.asarray(column) for column in found[1]]
    array = np.asarray(table)
    array = array.reshape(-1, 1) if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[1] == 0:
        message = f"`covariates` must be a table of people by covariates, got an array of shape {array.shape}"
        raise DataError(message)
    return [f"z{j + 1}" for j in range(array.shape[1])], list(array.T)


def _levels(column: Array) -> tuple[Any, ...]:
    if column.dtype.kind in "biuf":
        return ()
    return tuple(sorted({str(value) for value in column.tolist() if value is not None}))


def _expanded(columns: Sequence[Array], names: Sequence[str], levels: Sequence[tuple[Any, ...]]) -> FloatArray:
    out = []
    for name, column, own in zip(names, columns, levels, strict=True):
        if not own:
            values = column.astype(np.float64)
            if not np.isfinite(values).all():
                message = f"covariate {name!r} has no number in row {int(np.argmin(np.isfinite(values)))}"
                raise DataError(message)
            out.append(values)
            continue
        words = [None if value is None else str(value) for value in column.tolist()]
        strange = next((i for i, word in enumerate(words) if word not in own), None)
        if strange is not None:
            message = (
                f"covariate {name!r} is {words[strange]!r} in row {strange}; known are {', '.join(map(repr, own))}"
            )
            raise DataError(message)
        out += [np.array([word == level for word in words], dtype=np.float64) for level in own[1:]]
    return np.stack(out, axis=1)
