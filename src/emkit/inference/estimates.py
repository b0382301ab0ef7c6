"""Standard errors and intervals, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.entries import Entries
from emkit.core.parameters import rebuild
from emkit.core.spaces import (
    Constant,
    Interval,
    NonNegative,
    Positive,
    PositiveDefinite,
    Probability,
    Simplex,
    Space,
)
from emkit.errors import ParameterError

__all__ = ["Derived", "Intervals", "StandardErrors", "check_level", "derived", "wald_intervals"]


@dataclass(frozen=True, eq=False)
class StandardErrors:
    """Standard errors of all entries; NaN where there is none, and `notes` say why.

    `errors["members.mean"]` is an array in the shape of that parameter, `errors["members.mean[0, 1]"]` a number,
    and `errors.record` the record of the parameters with standard errors in their places.

    Parameters
    ----------
    entries : Entries
    values : array (e,)
    reasons : tuple of str
        Why an entry has none: "on a boundary", "not identified", "fixed" or "collapsed"; else empty.
    notes : tuple of str
        Sentences for the reader.
    """

    entries: Entries
    values: FloatArray
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    parameters: Any

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each entry."""
        return self.entries.names

    @property
    def record(self) -> Any:
        """The standard errors in the shape of the parameters."""
        pairs = zip(self.entries.slices, self.entries.shapes, strict=True)
        return rebuild(self.parameters, iter([self.values[part].reshape(shape) for part, shape in pairs]))

    def __getitem__(self, name: str) -> Any:
        found = self.values[self.entries.find(name)]
        return float(found) if found.ndim == 0 else found

    def to_dict(self) -> dict[str, float]:
        """Return the standard error of each entry by name."""
        return dict(zip(self.names, self.values.tolist(), strict=True))

    def __str__(self) -> str:
        return _table("Standard errors", self.entries, {"s.e.": self.values}, self.reasons, self.notes)


@dataclass(frozen=True, eq=False)
class Intervals:
    """Confidence intervals of all entries, with estimates and standard errors; its text is the table.

    `intervals["mix[0]"]` is an array (2,) of the lower and the upper end, `intervals["mix"]` one of shape (k, 2).

    Parameters
    ----------
    entries : Entries
    standard_errors, low, high : array (e,)
        NaN where there is none.
    level : float
    reasons, notes : tuple of str
        As for `StandardErrors`.
    """

    entries: Entries
    standard_errors: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each entry."""
        return self.entries.names

    @property
    def estimates(self) -> FloatArray:
        """Estimate (e,) of each entry."""
        return self.entries.values

    def __getitem__(self, name: str) -> FloatArray:
        places = self.entries.find(name)
        return np.stack([self.low[places], self.high[places]], axis=-1)

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        columns = (self.estimates, self.standard_errors, self.low, self.high)
        names = ("estimate", "standard_error", "low", "high")
        return {
            "name": list(self.names),
            **{name: column.tolist() for name, column in zip(names, columns, strict=True)},
            "reason": list(self.reasons),
        }

    def to_frame(self) -> Any:
        """Return the table as a data frame (see `emkit.report.to_frame`)."""
        from emkit.report.facts import frame

        return frame(self.to_dict())

    def __str__(self) -> str:
        ends = {"s.e.": self.standard_errors, "low": self.low, "high": self.high}
        return _table(f"Estimates with {100 * self.level:g}% intervals", self.entries, ends, self.reasons, self.notes)


@dataclass(frozen=True, eq=False)
class Derived:
    """A function of the parameters with its standard errors and intervals, by the delta method.

    Parameters
    ----------
    value, standard_error, low, high : array
        In the shape that the function returns; NaN where a parameter it needs has no standard error.
    covariance : array (m, m)
        Of the entries of the value.
    """

    value: Any
    standard_error: Any
    low: Any
    high: Any
    covariance: FloatArray


def check_level(level: float) -> None:
    """Raise `ParameterError` unless the level of an interval lies between 0 and 1."""
    if not 0 < level < 1:
        message = f"`level` must lie between 0 and 1, as 0.95 does, got {level!r}"
        raise ParameterError(message)


def wald_intervals(entries: Entries, se: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the ends (e,), (e,) of intervals that are symmetric on the scale of each entry's space.

    The scale is the logarithm for what is positive, the log odds for probabilities and what lies in an interval, and
    the number itself for the rest: no interval leaves the space.
    """
    z = float(ndtri(0.5 + level / 2))
    low, high = np.empty(entries.size), np.empty(entries.size)
    for leaf, part, shape in zip(entries.leaves, entries.slices, entries.shapes, strict=True):
        value, error = entries.values[part], se[part]
        is_diagonal = _diagonal(shape) if isinstance(leaf.space, PositiveDefinite) else None
        ends = [_scaled_end(leaf.space, value, sign * z * error, is_diagonal) for sign in (-1.0, 1.0)]
        low[part], high[part] = ends
    return low, high


def _diagonal(shape: tuple[int, ...]) -> Array:
    return np.broadcast_to(np.eye(shape[-1], dtype=bool), shape).reshape(-1)


def _scaled_end(space: Space, value: FloatArray, move: FloatArray, is_diagonal: Array | None) -> FloatArray:
    with np.errstate(all="ignore"):
        if isinstance(space, Positive | NonNegative):
            return np.asarray(value * np.exp(move / value))
        if is_diagonal is not None:
            return np.asarray(np.where(is_diagonal, value * np.exp(move / np.abs(value)), value + move))
        if isinstance(space, Simplex | Probability | Interval):
            start, stop = (space.low, space.high) if isinstance(space, Interval) else (0.0, 1.0)
            below, above = value - start, stop - value
            odds = below / above * np.exp(move * (stop - start) / (below * above))
            return np.asarray(np.where(np.isinf(odds), stop, start + (stop - start) * odds / (1 + odds)))
        return value + move


def _table(
    title: str, entries: Entries, columns: dict[str, FloatArray], reasons: tuple[str, ...], notes: tuple[str, ...]
) -> str:
    from emkit.report.layout import labelled, table_text

    rows = []
    for i in _shown(entries):
        cells: list[Any] = [float(column[i]) if np.isfinite(column[i]) else "" for column in columns.values()]
        cells[0] = cells[0] if not reasons[i] else reasons[i]
        rows.append((entries.names[i], float(entries.values[i]), *cells))
    text = table_text(Description(title, ("", "estimate", *columns), tuple(rows)))
    return text + ("\n\n" + labelled([("Note", note) for note in notes]) if notes else "")


def _shown(entries: Entries) -> list[int]:
    """Return the entries worth showing: no constants, and a symmetric matrix once."""
    kept: list[int] = []
    for leaf, part, shape in zip(entries.leaves, entries.slices, entries.shapes, strict=True):
        if isinstance(leaf.space, Constant):
            continue
        own = np.arange(part.start, part.stop)
        if isinstance(leaf.space, PositiveDefinite):
            own = own[np.broadcast_to(np.tri(shape[-1], dtype=bool), shape).reshape(-1)]
        kept += own.tolist()
    return kept


def derived(value: FloatArray, cov: FloatArray, level: float) -> Derived:
    """Return a function's value with standard errors and symmetric intervals."""
    z = float(ndtri(0.5 + level / 2))
    se = np.sqrt(np.maximum(cov.diagonal(), 0.0)).reshape(value.shape)
    parts = (value, se, value - z * se, value + z * se)
    middle, error, low, high = (float(part) if part.ndim == 0 else part for part in parts)
    return Derived(middle, error, low, high, cov)
