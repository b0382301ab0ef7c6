"""The Laplace family: k vectors of independent variables with exponential tails on both sides.

x_j | member k has density exp(-|x - location_kj| / scale_kj) / (2 scale_kj). The location is a weighted median and the
scale the mean distance from it. A median is no function of a few sums, so the statistics are the expected numbers of
rows with each distinct value: as many as there are values. A penalty of a trillionth of an observation keeps the scale
of a member on one value above zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real
from emkit.families.columns import FLOOR, worst_member
from emkit.families.tables import TableFamily, TableStatistics, Tally

__all__ = ["Laplace", "LaplaceParameters"]

_SHARP = 1e-5  # scales below, in units of the column's spread: the member sits on one value


@dataclass(frozen=True)
class LaplaceParameters(Parameters):
    """Locations and scales (k, d)."""

    location: Array = space(Real())
    scale: Array = space(Positive())


@dataclass(frozen=True)
class Laplace(TableFamily):
    """Independent Laplace variables."""

    is_discrete: ClassVar[bool] = False
    _tables = {"location": "Locations", "scale": "Scales"}  # noqa: RUF012

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        pass  # every real number will do

    def _points(self, rows: FloatArray) -> FloatArray:
        return rows

    def _log_prob(self, own: Any, values: FloatArray) -> FloatArray:
        return np.asarray(-np.abs(values - own.location) / own.scale - np.log(2 * own.scale))

    def _gradient(self, own: Any, values: FloatArray) -> tuple[FloatArray, ...]:
        gap = values - own.location
        return np.sign(gap) / own.scale, (np.abs(gap) / own.scale - 1) / own.scale

    def _fitted(self, tally: Tally, before: Any) -> LaplaceParameters:
        location = _medians(tally)
        n = tally.number.sum(axis=1, keepdims=True)
        distance = (tally.number * np.abs(tally.values - location)).sum(axis=1, keepdims=True)
        return LaplaceParameters(location, (distance + FLOOR * self._spread(tally)) / n)

    @staticmethod
    def _spread(tally: Tally) -> float:
        return float(np.ptp(tally.values)) or 1.0

    def collapsed(self, parameters: Any, statistics: TableStatistics, count: FloatArray) -> str:
        spread = np.array([self._spread(tally) for tally in statistics.columns])
        advice = "it sits on one value. Use fewer components, or look for values that occur too often."
        return worst_member(parameters.scale < _SHARP * spread, advice)

    def _draw(self, own: Any, rng: np.random.Generator) -> Array:
        return np.asarray(rng.laplace(own.location, own.scale))


def _medians(tally: Tally) -> FloatArray:
    """Return the weighted medians (k, 1); the middle where a whole interval serves."""
    below = np.cumsum(tally.number, axis=1)
    half = below[:, -1:] / 2
    close = 1e-12 * below[:, -1:]
    low = np.argmax(below >= half - close, axis=1)
    high = np.argmax(below > half + close, axis=1)
    return np.asarray(0.5 * (tally.values[low] + tally.values[high]))[:, None]
