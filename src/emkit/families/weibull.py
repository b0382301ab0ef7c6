"""The Weibull family: k vectors of independent Weibull times, perhaps censored on the right.

With shape c, scale s, time x and event 1, or 0 where the time is only a lower limit,

    log f = event (log c - log x + c log(x / s)) - (x / s)^c.

Maximum likelihood needs sum r x^c for the c that it is looking for. The statistics are this sum and its derivatives at
the current shape, sums of r (x/s)^c log(x/s)^m for m up to eleven, from which its Taylor series gives it at shapes near
by: the M-step maximises over shapes within a fifth of the present one, where the series is good to seven digits and far
better close by, and is exact in the limit.

References
----------
Meeker & Escobar 1998, *Statistical Methods for Reliability Data*, chapter 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive
from emkit.core.statistics import Additive, shared
from emkit.families.base import Family
from emkit.families.columns import FLOOR, filled, member_tables, reordered_record, worst_member
from emkit.families.discrete import used_rows
from emkit.families.gaussian_starts import StartingRows
from emkit.families.survival import check_times, overall_scale, split_pairs

__all__ = ["N_POWERS", "Weibull", "WeibullParameters", "WeibullStatistics"]

_ORDER = 9
N_POWERS = _ORDER + 3  # of the statistics
_REACH = 0.2  # part of the shape by which a step may change it
_STEPS = 25
_SHARP = 1e5  # shapes above: the times of a member are equal to five digits
_FAR = 1e8  # scales above, in units of the data: a member without an event


@dataclass(frozen=True)
class WeibullParameters(Parameters):
    """Shapes and scales (k, d)."""

    shape: Array = space(Positive())
    scale: Array = space(Positive())


@dataclass(frozen=True)
class WeibullStatistics(Additive):
    """Expected events, their logs of x / s, and powers (m, k, d) of c log(x / s) weighted by (x / s)^c.

    `shape` and `scale` are those of the E-step.
    """

    events: FloatArray
    logs: FloatArray
    powers: FloatArray
    weight: FloatArray
    shape: FloatArray = shared()
    scale: FloatArray = shared()

    def at(self, change: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return sum r (x/s)^(c + change) and its first two derivatives in c, (k, d) each."""
        value, slope, bend = (np.zeros_like(change) for _ in range(3))
        term, part = np.ones_like(change), change / self.shape
        with np.errstate(over="ignore", invalid="ignore"):  # sums that overflow take no step
            for m in range(_ORDER + 1):
                value = value + term * self.powers[m]
                slope = slope + term * self.powers[m + 1]
                bend = bend + term * self.powers[m + 2]
                term = term * part / (m + 1)
        return value, slope / self.shape, bend / self.shape**2


@dataclass(frozen=True)
class Weibull(Family):
    """Independent Weibull times.

    Parameters
    ----------
    censored : bool
        Whether columns come in pairs: time, and 1 where the event was seen or 0 where the time is a lower limit.
    """

    censored: bool = False
    unit: Any = field(default=None, compare=False, repr=False)  # (d,) overall scale of the times

    def prepared(self, source: Any, n_components: int) -> Weibull:
        source.map(lambda block: check_times(block, self.censored, source.feature_names, allow_zero=False))
        return replace(self, unit=overall_scale(source, self.censored))

    def arranged(self, source: Any) -> Any:
        return used_rows(source)

    def starting_rows(self, block: Any) -> StartingRows:
        """Return logarithms of the times."""
        times = np.asarray(block.X, dtype=np.float64)[:, :: 2 if self.censored else 1]
        return StartingRows(np.log(times), block.weights)

    def start(self, X: Array, resp: FloatArray) -> WeibullParameters:
        """Return members by the moments of the logarithms, each blended with one row's worth of all."""
        rows, seen = filled(X, 1.0)
        times, _, both = split_pairs(rows, seen, self.censored)
        logs = np.log(np.where(both > 0, times, 1.0))
        n, first, second = resp.T @ both, resp.T @ logs, resp.T @ logs**2
        total = np.maximum(n.sum(axis=0), 1e-300)
        n, first, second = (part + part.sum(axis=0) / total for part in (n, first, second))
        var = np.maximum(second / n - (first / n) ** 2, 1e-4)
        shape = np.pi / np.sqrt(6 * var)
        return WeibullParameters(shape, np.exp(first / n + np.euler_gamma / shape))

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        rows, seen = filled(X, 1.0)
        times, events, both = split_pairs(rows, seen, self.censored)
        logs = np.log(np.where(both > 0, times, 1.0))
        joint = np.empty((len(logs), len(log_mix)))
        for k, (shape, scale) in enumerate(zip(parameters.shape, parameters.scale, strict=True)):
            power = shape * (logs - np.log(scale))
            with np.errstate(over="ignore", invalid="ignore"):
                terms = events * (np.log(shape) + power - logs) - both * np.exp(power)
            joint[:, k] = log_mix[k] + terms.sum(axis=1)
        return joint

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> WeibullStatistics:
        rows, seen = filled(X, 1.0)
        times, events, both = split_pairs(rows, seen, self.censored)
        logs = np.log(np.where(both > 0, times, 1.0))
        k, d = parameters.shape.shape
        powers, counted, logged = np.empty((N_POWERS, k, d)), resp.T @ events, np.empty((k, d))
        for j in range(k):
            v = logs - np.log(parameters.scale[j])
            logged[j] = resp[:, j] @ (events * v)
            with np.errstate(over="ignore", invalid="ignore"):
                power = np.minimum(parameters.shape[j] * v, _LARGEST)
                part = both * np.exp(power) * resp[:, j : j + 1]
                for m in range(N_POWERS):
                    powers[m, j] = part.sum(axis=0)
                    part = part * power
        return WeibullStatistics(counted, logged, powers, resp.T @ both, parameters.shape, parameters.scale)

    def m_step(self, statistics: WeibullStatistics, parameters: Any) -> WeibullParameters:
        shape, scale, events = statistics.shape, statistics.scale, statistics.events
        is_alive = statistics.weight > 1e-12 * np.maximum(statistics.weight.sum(axis=0), 1e-300)
        base = np.log(scale / self._unit)
        change = np.zeros_like(shape)
        for _ in range(_STEPS):
            value, slope, bend = statistics.at(change)
            safe = np.maximum(value, 1e-300)
            c = shape + change
            # Derivatives of the profile over scales: events log c + c logs - (events + floor) log(sum) - floor c (...)
            pull = events + FLOOR
            with np.errstate(over="ignore", invalid="ignore"):
                first = events / c + statistics.logs - pull * slope / safe - FLOOR * (1 + base)
                second = -events / c**2 - pull * np.maximum(bend / safe - (slope / safe) ** 2, 0.0)
            step = np.where(second < 0, -first / np.where(second < 0, second, 1.0), 0.0)
            moved = np.clip(change + step, -_REACH * shape, _REACH * shape)
            is_done = np.abs(moved - change) < 1e-13 * shape
            change = moved
            if is_done.all():
                break
        c = shape + change
        value = np.maximum(statistics.at(change)[0], 1e-300)
        is_alive &= np.isfinite(value)
        new_scale = scale * np.exp(np.log(np.where(is_alive, value, 1.0) / (events + FLOOR)) / c)
        return WeibullParameters(
            np.where(is_alive, c, parameters.shape), np.where(is_alive, new_scale, parameters.scale)
        )

    def expected_loglik(self, parameters: Any, statistics: WeibullStatistics) -> float:
        c, move = parameters.shape, np.log(parameters.scale / statistics.scale)
        value = statistics.at(c - statistics.shape)[0]
        own = statistics.events * (np.log(c) - c * move) + c * statistics.logs - np.exp(-c * move) * value
        return float(own.sum())

    def score(self, parameters: Any, statistics: WeibullStatistics) -> WeibullParameters:
        c, move = parameters.shape, np.log(parameters.scale / statistics.scale)
        value, slope, _ = statistics.at(c - statistics.shape)
        shrink, events = np.exp(-c * move), statistics.events
        by_shape = events / c + statistics.logs - events * move + shrink * (move * value - slope)
        by_log_scale = c * (shrink * value - events) - FLOOR * c
        by_shape = by_shape - FLOOR * (1 + np.log(parameters.scale / self._unit))
        return WeibullParameters(by_shape, by_log_scale / parameters.scale)

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on shapes and scales that run off to infinity."""
        return -FLOOR * float((parameters.shape * (1 + np.log(parameters.scale / self._unit))).sum())

    @property
    def _unit(self) -> Any:
        return 1.0 if self.unit is None else self.unit

    def reordered(self, parameters: Any, order: Array) -> Any:
        return reordered_record(parameters, order)

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.scale[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        times = parameters.scale[labels] * rng.weibull(parameters.shape[labels])
        if not self.censored:
            return np.asarray(times)
        return np.stack([times, np.ones_like(times)], axis=2).reshape(len(times), -1)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        sharp = "it sits on one value. Use fewer components, or look for times that occur too often."
        none = "hardly an event is seen among its times, so its scale cannot be told. Use fewer components."
        return worst_member(parameters.shape > _SHARP, sharp) or worst_member(
            parameters.scale > _FAR * self._unit, none
        )

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return tables of shapes and scales."""
        names = names if names is None or not self.censored else names[::2]
        return member_tables(parameters, {"shape": "Shapes", "scale": "Scales"}, names, member)


_LARGEST = 300.0  # exponents above belong to rows that no member explains
