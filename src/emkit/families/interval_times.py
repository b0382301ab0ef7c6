"""Positive values, such as times, known to lie in an interval: exponential, gamma and Weibull.

See `families.interval` for what a row is and what truncation means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln

from emkit.core.arrays import FloatArray
from emkit.families.base import Family
from emkit.families.between_gamma import gamma_within
from emkit.families.columns import ColumnStatistics
from emkit.families.exponential import Exponential
from emkit.families.gamma import Gamma
from emkit.families.interval import Interval, Told
from emkit.families.weibull import N_POWERS, Weibull, WeibullStatistics

__all__ = ["IntervalExponential", "IntervalGamma", "IntervalWeibull"]


@dataclass(frozen=True)
class IntervalExponential(Interval):
    """Exponential times in intervals."""

    _lowest = 0.0

    @property
    def _plain(self) -> Family:
        return Exponential()

    def _told(self, parameters: Any, low: FloatArray, high: FloatArray) -> Told:
        mean = parameters.mean[:, 0]
        low, high = np.maximum(low, 0.0)[:, None], np.maximum(high, 0.0)[:, None]
        width, exact = (high - low) / mean, low == high
        safe = np.where(np.isfinite(width) & (width > 0), width, 1.0)
        between = np.where(np.isinf(width), 0.0, np.log(-np.expm1(-safe)))
        # 1 - w / (exp(w) - 1), the mean in units of the scale beyond the lower limit
        part = np.where(safe < 1e-4, safe / 2 - safe**2 / 12, 1 - safe / np.expm1(np.minimum(safe, 700)))
        part = np.where(np.isinf(width), 1.0, np.where(width > 0, part, 0.0))
        return Told(-low / mean + np.where(exact, -np.log(mean), between), (low + mean * part,))

    def _gathered(self, parameters: Any, count: FloatArray, sums: tuple[FloatArray, ...]) -> Any:
        number = count[:, None]
        return ColumnStatistics(number, (sums[0][:, None], number))


@dataclass(frozen=True)
class _InLogs(Interval):
    """Values whose logarithms, moved and stretched, are logarithms of gamma variables of mean 1."""

    _lowest = 0.0

    def _exact(self, middles: FloatArray) -> FloatArray:
        least = np.min(middles, where=middles > 0, initial=np.inf)
        return np.where(middles > 0, middles, 0.5 * least if np.isfinite(least) else 1.0)

    def _within(
        self, low: FloatArray, high: FloatArray, shape: FloatArray, scale: FloatArray, stretch: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return log masses (n, k), nodes and probabilities (n, k, m) of stretch log(x / scale), and what is exact.

        An exact value is at every node, and its mass is the log density of the node. See `gamma_within`.
        """
        n, k = len(low), len(shape)
        with np.errstate(divide="ignore"):
            ends = [stretch * (np.log(np.maximum(end, 0.0))[:, None] - np.log(scale)) for end in (low, high)]
        a = np.broadcast_to(shape, (n, k)).reshape(-1)
        v = ends[0].reshape(-1)
        exact = np.repeat(low == high, k)
        wide = [np.where(exact, other, end.reshape(-1)) for end, other in zip(ends, (-1.0, 1.0), strict=True)]
        mass, nodes, weights = gamma_within(a, *wide)
        at = np.where(exact, np.minimum(v, _HIGHEST), 0.0)
        density = a * (at - np.exp(at)) + a * np.log(a) - gammaln(a)
        mass = np.where(exact, density, mass)
        nodes = np.where(exact[:, None], at[:, None], nodes)
        return mass.reshape(n, k), nodes.reshape(n, k, -1), weights.reshape(n, k, -1), exact.reshape(n, k)


_HIGHEST = 690.0


@dataclass(frozen=True)
class IntervalGamma(_InLogs):
    """Gamma values in intervals."""

    @property
    def _plain(self) -> Family:
        return Gamma()

    def _told(self, parameters: Any, low: FloatArray, high: FloatArray) -> Told:
        mean, shape = parameters.mean[:, 0], parameters.shape[:, 0]
        mass, v, weights, exact = self._within(low, high, shape, mean, np.ones_like(shape))
        value, log = (weights * np.exp(v)).sum(axis=2), (weights * v).sum(axis=2)
        log = log + np.log(mean)
        return Told(mass - np.where(exact, log, 0.0), (mean * value, log))

    def _gathered(self, parameters: Any, count: FloatArray, sums: tuple[FloatArray, ...]) -> Any:
        return ColumnStatistics(count[:, None], tuple(part[:, None] for part in sums))


@dataclass(frozen=True)
class IntervalWeibull(_InLogs):
    """Weibull times in intervals."""

    @property
    def _plain(self) -> Family:
        return Weibull()

    def _told(self, parameters: Any, low: FloatArray, high: FloatArray) -> Told:
        shape, scale = parameters.shape[:, 0], parameters.scale[:, 0]
        mass, v, weights, exact = self._within(low, high, np.ones_like(shape), scale, shape)
        log = (weights * v).sum(axis=2) / shape
        density = np.log(shape) - log - np.log(scale)
        part, powers = weights * np.exp(v), []
        for _ in range(N_POWERS):
            powers.append(part.sum(axis=2))
            part = part * v
        return Told(mass + np.where(exact, density, 0.0), (log, *powers))

    def _gathered(self, parameters: Any, count: FloatArray, sums: tuple[FloatArray, ...]) -> Any:
        number, powers = count[:, None], np.stack(sums[1:])[:, :, None]
        return WeibullStatistics(number, sums[0][:, None], powers, number, parameters.shape, parameters.scale)
