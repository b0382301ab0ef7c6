"""The inverse Gaussian family: k vectors of independent first-passage times.

x_j | member k has density sqrt(shape / (2 pi x^3)) exp(-shape (x - mean)^2 / (2 mean^2 x)). The mean is estimated by
the mean and 1 / shape by mean(1 / x) - 1 / mean, both in closed form.

References
----------
Tweedie 1957, Annals of Mathematical Statistics 28:362.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive
from emkit.families.columns import FLOOR, ColumnFamily, ColumnStatistics, minus_log_sum, worst_member
from emkit.families.survival import check_times, overall_scale

__all__ = ["InverseGaussian", "InverseGaussianParameters"]

_LOG_2PI = float(np.log(2 * np.pi))
_SHARP = 1e9  # shape / mean above: the standard deviation is below a thirty-thousandth of the mean


@dataclass(frozen=True)
class InverseGaussianParameters(Parameters):
    """Means and shapes (k, d)."""

    mean: Array = space(Positive())
    shape: Array = space(Positive())


@dataclass(frozen=True)
class InverseGaussian(ColumnFamily):
    """Independent inverse Gaussian variables."""

    unit: Any = field(default=None, compare=False)  # (d,) overall means: the unit of the penalty
    _neutral: ClassVar[float] = 1.0
    _tables = {"mean": "Means", "shape": "Shapes"}  # noqa: RUF012

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        check_times(block, False, names, allow_zero=False)

    def _tuned(self, source: Any) -> InverseGaussian:
        return replace(self, unit=overall_scale(source, False))

    @property
    def _unit(self) -> Any:
        return 1.0 if self.unit is None else self.unit

    def _features(self, rows: FloatArray, seen: FloatArray) -> tuple[FloatArray, ...]:
        return rows * seen, seen / rows

    def _carrier(self, rows: FloatArray, seen: FloatArray) -> FloatArray:
        return 1.5 * minus_log_sum(rows)

    def _points(self, rows: FloatArray) -> FloatArray:
        return np.asarray(np.log(rows))

    def _natural(self, parameters: Any) -> tuple[tuple[FloatArray, ...], FloatArray]:
        mean, shape = parameters.mean, parameters.shape
        return (-0.5 * shape / mean**2, -0.5 * shape), -shape / mean - 0.5 * (np.log(shape) - _LOG_2PI)

    def _solved(self, means: tuple[FloatArray, ...], exposure: FloatArray, before: Any) -> InverseGaussianParameters:
        mean, inverse = means
        spread = np.maximum(inverse - 1 / mean, 0.0) + FLOOR / (exposure * self._unit)
        return InverseGaussianParameters(mean, 1 / spread)

    def _slope(self, parameters: Any, statistics: ColumnStatistics) -> InverseGaussianParameters:
        mean, shape, n = parameters.mean, parameters.shape, statistics.exposure
        total, inverse = statistics.totals
        by_shape = 0.5 * (n / shape - total / mean**2 - inverse + 2 * n / mean - FLOOR / self._unit)
        return InverseGaussianParameters(shape / mean**3 * (total - n * mean), by_shape)

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on shapes that run off to infinity."""
        return -0.5 * FLOOR * float((parameters.shape / self._unit).sum())

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        advice = "it sits on one value. Use fewer components, or look for values that occur too often."
        return worst_member(parameters.shape / parameters.mean > _SHARP, advice)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.wald(parameters.mean[labels], parameters.shape[labels]))
