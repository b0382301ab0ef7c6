"""The gamma family: k vectors of independent gamma variables, by mean and shape.

x_j | member k ~ Gamma(shape_kj, scale = mean_kj / shape_kj). Mean and shape are orthogonal parameters: the mean is
estimated by the mean, and the shape solves log(shape) - digamma(shape) = log(mean x) - mean(log x). A penalty of a
trillionth of an observation keeps the shape of a member that sits on one value finite.

References
----------
Minka 2002, *Estimating a gamma distribution* (the iteration on 1 / shape).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive
from emkit.families.columns import FLOOR, ColumnFamily, ColumnStatistics, minus_log_sum, worst_member
from emkit.families.survival import check_times
from emkit.kernels.foreign import namespace

__all__ = ["Gamma", "GammaParameters", "gamma_shape"]

_SHARP = 1e9  # shapes above: the standard deviation is below a thirty-thousandth of the mean


@dataclass(frozen=True)
class GammaParameters(Parameters):
    """Means and shapes (k, d)."""

    mean: Array = space(Positive())
    shape: Array = space(Positive())

    @property
    def scale(self) -> FloatArray:
        """Scales (k, d)."""
        return np.asarray(self.mean / self.shape)


@dataclass(frozen=True)
class Gamma(ColumnFamily):
    """Independent gamma variables."""

    _neutral: ClassVar[float] = 1.0
    _tables = {"mean": "Means", "shape": "Shapes"}  # noqa: RUF012

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        check_times(block, False, names, allow_zero=False)

    def _features(self, rows: FloatArray, seen: FloatArray) -> tuple[FloatArray, ...]:
        return rows * seen, namespace(rows).log(rows)

    def _carrier(self, rows: FloatArray, seen: FloatArray) -> FloatArray:
        return minus_log_sum(rows)

    def _points(self, rows: FloatArray) -> FloatArray:
        return np.asarray(np.log(rows))

    def _natural(self, parameters: Any) -> tuple[tuple[FloatArray, ...], FloatArray]:
        mean, shape = parameters.mean, parameters.shape
        return (-shape / mean, shape), gammaln(shape) - shape * np.log(shape / mean)

    def _solved(self, means: tuple[FloatArray, ...], exposure: FloatArray, before: Any) -> GammaParameters:
        mean, log_mean = means
        return GammaParameters(mean, gamma_shape(np.log(mean) - log_mean + FLOOR / exposure))

    def _slope(self, parameters: Any, statistics: ColumnStatistics) -> GammaParameters:
        mean, shape, n = parameters.mean, parameters.shape, statistics.exposure
        total, logs = statistics.totals
        by_shape = n * (np.log(shape / mean) + 1 - digamma(shape)) + logs - total / mean
        return GammaParameters(shape / mean * (total / mean - n), by_shape - FLOOR)

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on shapes that run off to infinity."""
        return -FLOOR * float(parameters.shape.sum())

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        advice = "it sits on one value. Use fewer components, or look for values that occur too often."
        return worst_member(parameters.shape > _SHARP, advice)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.gamma(parameters.shape[labels], parameters.scale[labels]))


def gamma_shape(excess: FloatArray) -> FloatArray:
    """Return the shapes that solve log(shape) - digamma(shape) = excess, all positive."""
    excess = np.maximum(excess, 1e-14)
    shape = (3 - excess + np.sqrt((excess - 3) ** 2 + 24 * excess)) / (12 * excess)
    for _ in range(8):
        large = shape > 1e6  # there log - digamma = 1/(2 a) + 1/(12 a^2), which the difference would lose
        safe = np.where(large, 1.0, shape)
        left = np.where(large, 0.5 / shape + 1 / (12 * shape**2), np.log(safe) - digamma(safe))
        bend = np.where(large, -0.5 / shape**2 - 1 / (6 * shape**3), 1 / safe - polygamma(1, safe))
        # Newton's step on 1 / shape, in which the equation is nearly linear.
        shape = 1 / (1 / shape + (left - excess) / (shape**2 * bend))
    return np.asarray(shape)
