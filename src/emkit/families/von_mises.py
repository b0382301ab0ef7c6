"""The von Mises family: k vectors of independent angles in radians.

x_j | member k has density exp(c cos(x - m)) / (2 pi I_0(c)). The parameters are the vectors c (cos m, sin m), in which
the density is smooth everywhere, c = 0 included; `mean` and `concentration` are read off them. Statistics: sums of
r cos x and r sin x over observed entries. A penalty of a trillionth of an observation keeps the concentration of a
member that sits on one angle finite.

References
----------
Mardia & Jupp 2000, *Directional Statistics*, section 5.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Real
from emkit.families.bessel import bessel_ratio, concentration_of, log_partition
from emkit.families.columns import FLOOR, ColumnFamily, ColumnStatistics, worst_member
from emkit.kernels.foreign import namespace

__all__ = ["VonMises", "VonMisesParameters"]

_LOG_CIRCLE = float(np.log(2 * np.pi))
_SHARP = 1e9  # concentrations above: the angles differ by less than a thirty-thousandth of a radian


@dataclass(frozen=True)
class VonMisesParameters(Parameters):
    """Concentration times cosine, and times sine, of the mean angle, (k, d) each."""

    along: Array = space(Real())
    across: Array = space(Real())

    @property
    def mean(self) -> FloatArray:
        """Mean angles (k, d), from -pi to pi."""
        return np.arctan2(self.across, self.along)

    @property
    def concentration(self) -> FloatArray:
        """Concentrations (k, d)."""
        return np.hypot(self.along, self.across)


@dataclass(frozen=True)
class VonMises(ColumnFamily):
    """Independent angles, in radians, of any range."""

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        pass  # every real number is an angle

    def _features(self, rows: FloatArray, seen: FloatArray) -> tuple[FloatArray, ...]:
        xp: Any = namespace(rows)
        return xp.cos(rows) * seen, xp.sin(rows) * seen

    def _points(self, rows: FloatArray) -> FloatArray:
        return np.column_stack([np.cos(rows), np.sin(rows)])

    def _natural(self, parameters: Any) -> tuple[tuple[FloatArray, ...], FloatArray]:
        partition = log_partition(parameters.concentration, 2) + _LOG_CIRCLE
        return (parameters.along, parameters.across), partition

    def _solved(self, means: tuple[FloatArray, ...], exposure: FloatArray, before: Any) -> VonMisesParameters:
        length = np.hypot(*means)
        target = np.clip(length - FLOOR / exposure, 0.0, 1 - 1e-10)
        factor = np.where(length > 0, concentration_of(target, 2) / np.where(length > 0, length, 1.0), 2.0)
        return VonMisesParameters(means[0] * factor, means[1] * factor)

    def _slope(self, parameters: Any, statistics: ColumnStatistics) -> VonMisesParameters:
        c, n = parameters.concentration, statistics.exposure
        pull = (n * bessel_ratio(c, 2) + FLOOR) / np.where(c > 0, c, 1.0)
        along, across = statistics.totals
        return VonMisesParameters(along - pull * parameters.along, across - pull * parameters.across)

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on concentrations that run off to infinity."""
        return -FLOOR * float(parameters.concentration.sum())

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        advice = "it sits on one angle. Use fewer components, or look for angles that occur too often."
        return worst_member(parameters.concentration > _SHARP, advice)

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.mean[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.vonmises(parameters.mean[labels], parameters.concentration[labels]))

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return tables of mean angles and concentrations."""
        names = [f"x{j + 1}" for j in range(parameters.along.shape[1])] if names is None else names
        tables = []
        for title, values in (("Mean angles", parameters.mean), ("Concentrations", parameters.concentration)):
            rows = tuple((str(i + 1), *row) for i, row in enumerate(values.tolist()))
            tables.append(Description(title, (member, *names), rows))
        return tuple(tables)
