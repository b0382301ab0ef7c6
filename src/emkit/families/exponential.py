"""The exponential family of waiting times: k vectors of independent exponential times, perhaps censored.

x_j | member k ~ Exponential with mean mean_kj. With `censored=True` columns come in pairs, a time and whether the event
was seen (1) or the time is only a lower limit (0):

    log f = event (-log mean) - time / mean.

Missing entries are skipped, which is exact; a pair counts as missing where either half is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive
from emkit.families.columns import FLOOR, ColumnFamily, ColumnStatistics, worst_member
from emkit.families.survival import check_times, overall_scale, paired, split_pairs

__all__ = ["Exponential", "ExponentialParameters"]

_FAR = 1e8  # a mean this many times the overall scale is that of a member without a single event


@dataclass(frozen=True)
class ExponentialParameters(Parameters):
    """Means (k, d) of the times."""

    mean: Array = space(Positive())


@dataclass(frozen=True)
class Exponential(ColumnFamily):
    """Independent exponential times.

    Parameters
    ----------
    censored : bool
        Whether columns come in pairs: time, and 1 where the event was seen or 0 where the time is a lower limit.
    """

    censored: bool = False
    unit: Any = field(default=None, compare=False)  # (d,) overall mean of the times
    _tables = {"mean": "Means"}  # noqa: RUF012

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        check_times(block, self.censored, names, allow_zero=True)

    def _tuned(self, source: Any) -> Exponential:
        return replace(self, unit=overall_scale(source, self.censored))

    def _features(self, rows: FloatArray, seen: FloatArray) -> tuple[FloatArray, ...]:
        times, events, _ = split_pairs(rows, seen, self.censored)
        return paired(times, self.censored), paired(events, self.censored)

    def _points(self, rows: FloatArray) -> FloatArray:
        return np.sqrt(rows)

    def _natural(self, parameters: Any) -> tuple[tuple[FloatArray, ...], FloatArray]:
        mean = parameters.mean
        wide = paired(-1 / mean, self.censored), paired(-np.log(mean), self.censored)
        return wide, np.zeros_like(wide[0])

    def _solved(self, means: tuple[FloatArray, ...], exposure: FloatArray, before: Any) -> ExponentialParameters:
        step = 2 if self.censored else 1
        times, events = (part[:, ::step] for part in means)
        n = exposure[:, ::step]
        return ExponentialParameters((times * n + FLOOR * self._unit) / (events * n + FLOOR))

    def _slope(self, parameters: Any, statistics: ColumnStatistics) -> ExponentialParameters:
        step = 2 if self.censored else 1
        times, events = (part[:, ::step] for part in statistics.totals)
        mean = parameters.mean
        return ExponentialParameters((times + FLOOR * self._unit) / mean**2 - (events + FLOOR) / mean)

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty of a trillionth of an event at the overall mean."""
        return -FLOOR * float((np.log(parameters.mean) + self._unit / parameters.mean).sum())

    @property
    def _unit(self) -> Any:
        return 1.0 if self.unit is None else self.unit

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        mean = parameters.mean / self._unit
        none = "not one event is seen among its times, so its mean cannot be told. Use fewer components."
        zero = "all its times are zero. Use fewer components, or leave the zeros out."
        return worst_member(mean > _FAR, none) or worst_member(mean < 1 / _FAR, zero)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        times = rng.exponential(parameters.mean[labels])
        if not self.censored:
            return np.asarray(times)
        return np.stack([times, np.ones_like(times)], axis=2).reshape(len(times), -1)
