"""The log-normal family: k vectors of independent variables whose logarithms are normal.

log x_j | member k ~ N(mean_kj, var_kj). Logarithms are taken about a value of the data, so that nothing is lost to
cancellation. A penalty of a trillionth of an observation keeps the variance of a member on one value above zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real
from emkit.families.columns import FLOOR, ColumnFamily, ColumnStatistics, minus_log_sum, worst_member
from emkit.families.survival import check_times
from emkit.kernels.foreign import like, namespace

__all__ = ["LogNormal", "LogNormalParameters"]

_LOG_2PI = float(np.log(2 * np.pi))
_SHARP = 1e-9  # variances of the logarithm below: the standard deviation is a thirty-thousandth of the value


@dataclass(frozen=True)
class LogNormalParameters(Parameters):
    """Means and variances (k, d) of the logarithms."""

    mean: Array = space(Real())
    var: Array = space(Positive())


@dataclass(frozen=True)
class LogNormal(ColumnFamily):
    """Independent log-normal variables."""

    pivot: Any = field(default=None, compare=False)  # (d,) mean logarithms: the origin of sums
    _neutral: ClassVar[float] = 1.0
    _tables = {"mean": "Means of logarithms", "var": "Variances of logarithms"}  # noqa: RUF012

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        check_times(block, False, names, allow_zero=False)

    def _tuned(self, source: Any) -> LogNormal:
        total, number = (np.sum(part, axis=0) for part in zip(*source.map(_log_sums), strict=True))
        return replace(self, pivot=total / np.maximum(number, 1e-300))

    def _logs(self, rows: FloatArray) -> FloatArray:
        logs: FloatArray = namespace(rows).log(rows) - like(rows, np.asarray(self._origin, dtype=np.float64))
        return logs

    @property
    def _origin(self) -> Any:
        return 0.0 if self.pivot is None else self.pivot

    def _features(self, rows: FloatArray, seen: FloatArray) -> tuple[FloatArray, ...]:
        logs = self._logs(rows) * seen
        return logs, logs**2

    def _carrier(self, rows: FloatArray, seen: FloatArray) -> FloatArray:
        return minus_log_sum(rows)

    def _points(self, rows: FloatArray) -> FloatArray:
        return np.asarray(np.log(rows))

    def _natural(self, parameters: Any) -> tuple[tuple[FloatArray, ...], FloatArray]:
        mean, var = parameters.mean - self._origin, parameters.var
        return (mean / var, -0.5 / var), 0.5 * (mean**2 / var + np.log(var) + _LOG_2PI)

    def _solved(self, means: tuple[FloatArray, ...], exposure: FloatArray, before: Any) -> LogNormalParameters:
        first, second = means
        var = np.maximum(second - first**2, 0.0) + FLOOR / exposure
        return LogNormalParameters(first + self._origin, var)

    def _slope(self, parameters: Any, statistics: ColumnStatistics) -> LogNormalParameters:
        mean, var, n = parameters.mean - self._origin, parameters.var, statistics.exposure
        first, second = statistics.totals
        scatter = second - 2 * mean * first + n * mean**2
        return LogNormalParameters((first - n * mean) / var, 0.5 * ((scatter + FLOOR) / var**2 - n / var))

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on variances that vanish."""
        return -0.5 * FLOOR * float((1 / parameters.var).sum())

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        advice = "it sits on one value. Use fewer components, or look for values that occur too often."
        return worst_member(parameters.var < _SHARP, advice)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        noise = rng.standard_normal((len(labels), parameters.mean.shape[1]))
        return np.asarray(np.exp(parameters.mean[labels] + np.sqrt(parameters.var[labels]) * noise))


def _log_sums(block: Any) -> tuple[FloatArray, FloatArray]:
    rows = np.asarray(block.on_host().X, dtype=np.float64)[block.weights > 0]
    weights = block.weights[block.weights > 0]
    seen = ~np.isnan(rows)
    return weights @ np.log(np.where(seen, rows, 1.0)), weights @ seen
