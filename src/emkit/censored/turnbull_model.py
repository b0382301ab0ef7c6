"""A distribution without a form, from intervals: maximum likelihood over all distributions.

Story: of each value T it is known that it lies above `low` and up to `high` (equal: an exact value), and perhaps that
it would not have been recorded outside a range. Only the innermost intervals, between a lower and an upper limit with
no other limit in between, can carry mass, and where inside them the data cannot tell. So this is a mixture of known
members: row i has the probability P_i of the innermost intervals within its own; the statistics are expected counts,
and the M-step divides them by their sum. With a range of probability B_i, each row stands for (1 - B_i) / B_i unseen
ones.

References
----------
Turnbull 1976, JRSS B 38:290. Frydman 1994, JRSS B 56:71 (innermost intervals under truncation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.censored.coding import CodedBlock, CodedSource, Codes
from emkit.censored.rows import limits_of
from emkit.core import Model, Parameters, Statistics
from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.parameters import space
from emkit.core.spaces import Simplex
from emkit.data import MemorySource
from emkit.families.discrete import distinct_rows

__all__ = ["IntervalMasses", "MassParameters", "MassStatistics"]

_PAIR = 2  # columns of rows without a recorded range
_EXACT, _UPPER, _OPEN = 0, 1, 2  # order of ends at one value: an exact value starts, intervals end, intervals start
_UNSEEN = 300.0  # unseen rows for each seen one, from which on the ranges hold next to nothing
_SHOWN = 12  # intervals in a summary


@dataclass(frozen=True)
class MassParameters(Parameters):
    """Mass (m,) of each innermost interval."""

    mass: FloatArray = space(Simplex())


@dataclass(frozen=True)
class MassStatistics(Statistics):
    """Expected counts, and how the log-likelihood changes.

    Attributes
    ----------
    counts : array (m,)
        Expected numbers of values in each innermost interval, unseen ones included.
    total : float
        Their sum: seen and unseen rows.
    slope : array (m,)
        Derivative of the log-likelihood by each mass, less its mean: at the maximum none is above zero, and its
        largest entry bounds what is left to be gained.
    curve : array (m,)
        Minus the second derivative by each value of the distribution function, without the recorded ranges.
    """

    counts: FloatArray
    total: float
    slope: FloatArray
    curve: FloatArray


@dataclass(frozen=True)
class IntervalMasses(Model):
    """Masses of the innermost intervals."""

    low: Any = field(default=None, compare=False)  # (m,) ends of the innermost intervals
    high: Any = field(default=None, compare=False)

    # --- the protocol ---

    def prepare(self, source: Any) -> tuple[IntervalMasses, Any]:
        """Find the innermost intervals, and count equal rows."""
        rows = distinct_rows(source)
        used = [np.asarray(block.X, dtype=np.float64)[block.weights > 0] for block in rows.blocks()]
        ends = _innermost(*limits_of(np.concatenate(used)))
        ready = replace(self, low=ends[0], high=ends[1])
        return ready, CodedSource(rows, ready.coded) if isinstance(rows, MemorySource) else rows

    def start(self, source: Any, rng: np.random.Generator) -> MassParameters:
        return MassParameters(np.full(len(self.low), 1 / len(self.low)))

    def e_step(self, parameters: MassParameters, block: Any) -> MassStatistics:
        used = block.weights > 0
        known = block.codes if isinstance(block, CodedBlock) else self.coded(block.X)
        first, last, begin, end = known if used.all() else (part[used] for part in known)
        weights, mass, m = block.weights[used], parameters.mass, len(self.low)
        prob = _between(mass, first, last)
        with np.errstate(divide="ignore"):
            loglik = float(weights @ np.log(prob))
        ratio = weights / np.where(prob > 0, prob, 1.0)
        pull = _spread(ratio, first, last, m)
        curve = _at_ends(ratio / np.where(prob > 0, prob, 1.0), first, last, m)
        total = float(weights.sum())
        is_cut = (begin > 0) | (end < m - 1)
        whole = float(weights[~is_cut].sum())
        slope, rest = pull - whole, np.zeros(m)
        if is_cut.any():
            begin, end, weights = begin[is_cut], end[is_cut], weights[is_cut]
            recorded = _between(mass, begin, end)
            share = weights / np.where(recorded > 0, recorded, 1.0)
            loglik -= float(weights @ np.log(recorded))
            inside = _spread(share, begin, end, m)
            slope, rest = slope - inside, np.maximum(share.sum() - inside, 0.0)
            total = whole + float(share.sum())
        return MassStatistics(loglik, float(block.weights.sum()), mass * (pull + rest), total, slope, curve)

    def m_step(self, statistics: MassStatistics, parameters: MassParameters) -> MassParameters:
        return MassParameters(statistics.counts / statistics.counts.sum())

    def expected_loglik(self, parameters: MassParameters, statistics: MassStatistics) -> float:
        some = statistics.counts > 0
        with np.errstate(divide="ignore"):
            return float(statistics.counts[some] @ np.log(parameters.mass[some]))

    def score(self, parameters: MassParameters, statistics: MassStatistics) -> MassParameters:
        some = parameters.mass > 0
        return MassParameters(np.where(some, statistics.counts / np.where(some, parameters.mass, 1.0), 0.0))

    @property
    def starts_to_agree(self) -> int:
        """One: every start is the same."""
        return 1

    # --- what else it offers ---

    def coded(self, rows: Array) -> Codes:
        """Return first and last innermost interval (n,) within each row, and within its recorded range."""
        low, high, begin, end = limits_of(rows)
        first, last = self._inside(low, high)
        if rows.shape[1] == _PAIR:
            return first, last, np.zeros(len(rows), dtype=np.intp), np.full(len(rows), len(self.low) - 1)
        return (first, last, *self._inside(begin, end))

    def _inside(self, low: FloatArray, high: FloatArray) -> tuple[IntArray, IntArray]:
        first = np.searchsorted(self.low, low, side="left")
        at = np.minimum(first, len(self.low) - 1)
        is_point = (self.low[at] == low) & (self.high[at] == low) & (low != high)
        return first + is_point, np.searchsorted(self.high, high, side="right") - 1

    def log_density(self, parameters: MassParameters, block: Any) -> FloatArray:
        """Return the log probability (b,) of each row."""
        first, last, begin, end = self.coded(np.asarray(block.X))
        with np.errstate(divide="ignore"):
            own = np.log(_between(parameters.mass, first, last))
            return np.asarray(own - np.log(_between(parameters.mass, begin, end)))

    def degeneracy(self, parameters: MassParameters, statistics: MassStatistics) -> str:
        """Tell of recorded ranges that hold next to nothing."""
        if statistics.total < _UNSEEN * statistics.weight:
            return ""
        return (
            "some recorded ranges hold next to none of the mass, so that the estimate rests on the few rows outside "
            "them (an early risk set of one row does it): leave out the rows recorded first, or start later."
        )

    def describe(self, parameters: MassParameters, names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the table of innermost intervals that carry mass."""
        some = np.flatnonzero(parameters.mass > 0)
        left = 1 - np.cumsum(parameters.mass)
        rows = [
            (f"({self.low[j]:g}, {self.high[j]:g}]", float(parameters.mass[j]), max(float(left[j]), 0.0)) for j in some
        ]
        title = "Masses of the innermost intervals"
        if len(rows) > _SHOWN:
            title, rows = f"{title} (the first {_SHOWN} of {len(rows)})", rows[:_SHOWN]
        return (Description(title, ("interval", "mass", "survival after"), tuple(rows)),)


def _between(mass: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Return the mass (n,) from `first` to `last`."""
    sums = np.concatenate([[0.0], np.cumsum(mass)])
    own = mass[np.minimum(first, len(mass) - 1)]
    total = np.where(first == last, own, sums[last + 1] - sums[np.minimum(first, last + 1)])
    return np.asarray(np.maximum(total, 0.0))


def _spread(ratio: FloatArray, first: IntArray, last: IntArray, m: int) -> FloatArray:
    """Return the sum (m,) of the ratios of the rows that hold each innermost interval."""
    is_one = first == last
    single = np.bincount(first[is_one], weights=ratio[is_one], minlength=m)
    first, last, ratio = first[~is_one], last[~is_one], ratio[~is_one]
    begun = np.bincount(first, weights=ratio, minlength=m + 1)
    ended = np.bincount(last + 1, weights=ratio, minlength=m + 1)
    return np.asarray(single + np.maximum(np.cumsum(begun - ended)[:m], 0.0))


def _at_ends(ratio: FloatArray, first: IntArray, last: IntArray, m: int) -> FloatArray:
    """Return the sum (m,) of the ratios of the rows whose probability is a difference at each innermost interval."""
    after, before = last < m - 1, first > 0
    upper = np.bincount(last[after], weights=ratio[after], minlength=m)
    return np.asarray(upper + np.bincount(first[before] - 1, weights=ratio[before], minlength=m))


def _innermost(low: FloatArray, high: FloatArray, begin: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends (m,) of the innermost intervals that lie in some row."""
    exact = low == high
    values = np.concatenate([low, end[np.isfinite(end)], high, begin[np.isfinite(begin)]])
    kinds = np.full(len(values), _UPPER)
    n_lower = len(low) + int(np.isfinite(end).sum())
    kinds[:n_lower] = _OPEN
    kinds[: len(low)][exact] = _EXACT
    order = np.lexsort((kinds, values))
    values, is_lower = values[order], kinds[order] != _UPPER
    at = np.flatnonzero(is_lower[:-1] & ~is_lower[1:])
    found = IntervalMasses(values[at], values[at + 1])
    first, last = found._inside(low, high)
    m = len(at)
    covered = np.cumsum(np.bincount(first, minlength=m + 1) - np.bincount(last + 1, minlength=m + 1))[:m] > 0
    return values[at][covered], values[at + 1][covered]
