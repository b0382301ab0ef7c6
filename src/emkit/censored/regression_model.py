"""Linear regression of a normal response of which intervals are known.

Story: y = b_0 + b'x + sigma e with e normal; of y it is known that it lies above `low` and up to `high` (equal: an
exact value; NaN: no limit), and perhaps that it would not have been recorded outside a range. The E-step takes the mean
and the variance of y given that. Where values outside a range are not recorded, each row stands for (1 - P) / P unseen
ones outside, P the probability of its range, whose moments are added. The M-step is least squares on the sums. With
the responses' logarithms it is the log-normal model of waiting times.

References
----------
Tobin 1958, Econometrica 26:24. Amemiya 1984, Journal of Econometrics 24:3. Dempster, Laird & Rubin 1977, JRSS B 39:1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.censored.rows import limits_of, middles
from emkit.core import Model, Parameters, Statistics
from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import space
from emkit.core.spaces import Constant, Positive, Real
from emkit.families.between import truncated_moments
from emkit.families.discrete import distinct_rows

__all__ = ["LineParameters", "LineStatistics", "LinearCensored", "OriginParameters"]

_FLOOR = 1e-9  # of the responses' spread: where the likelihood has no limit, sigma stops here
_COLLAPSED = 1e-7
_FLAT = 1e-12  # a correlation matrix of covariates with an eigenvalue below this is singular
_LARGEST = 200.0  # of a log ratio of probabilities, before it overflows
_AWAY = 1e4  # in units of the responses: where a mean is that drifts away


@dataclass(frozen=True)
class LineParameters(Parameters):
    """Intercept (1,), coefficients (p,) and standard deviation sigma (1,) of the errors."""

    intercept: FloatArray = space(Real())
    coef: FloatArray = space(Real())
    sigma: FloatArray = space(Positive())


@dataclass(frozen=True)
class OriginParameters(LineParameters):
    """A line through the origin: the intercept stays zero."""

    intercept: FloatArray = space(Constant())


@dataclass(frozen=True)
class LineStatistics(Statistics):
    """Expected moments: `count`, of (1, x) in units `xx` (p + 1, p + 1), and with y about its reference `xy`, `yy`."""

    count: float
    xx: FloatArray
    xy: FloatArray
    yy: float


@dataclass(frozen=True)
class LinearCensored(Model):
    """A regression line through responses known by intervals: rows are (x_1..x_p, low, high) or with (from, to).

    Parameters
    ----------
    has_intercept : bool
    n_limits : int
        Columns at the end of each row that are limits: 2, or 4 with the range of recorded values.
    """

    has_intercept: bool = True
    n_limits: int = 2
    center: Any = field(default=None, compare=False)  # (p,) of the covariates
    scale: Any = field(default=None, compare=False)  # (p,)
    reference: float = field(default=0.0, compare=False)  # of the responses
    unit: float = field(default=1.0, compare=False)

    # --- the protocol ---

    def prepare(self, source: Any) -> tuple[LinearCensored, Any]:
        """Read off units; rows without covariates are counted."""
        p = source.n_features - self.n_limits
        moments = source.column_moments()
        center = moments.mean[:p] if self.has_intercept else np.zeros(p)
        scale = np.sqrt(moments.var[:p] + (0.0 if self.has_intercept else 1.0) * moments.mean[:p] ** 2)
        scale = np.where(scale > 0, scale, 1.0)
        reference, spread = _spread(source, p)
        reference = reference if self.has_intercept else 0.0
        ready = replace(self, center=center, scale=scale, reference=reference, unit=spread)
        return ready, distinct_rows(source) if p == 0 else source

    def start(self, source: Any, rng: np.random.Generator) -> LineParameters:
        """Return the line through the middles of the intervals."""
        p = len(self.center)
        kind = LineParameters if self.has_intercept else OriginParameters
        blank = kind(np.array([self.reference]), np.zeros(p), np.array([self.unit]))
        sums = source.reduce(self._middle_sums)
        return self.m_step(sums, blank) if sums.count > 0 else blank

    def e_step(self, parameters: LineParameters, block: Any) -> LineStatistics:
        used = block.weights > 0
        x, weights = self._design(block.X[used]), block.weights[used]
        low, high, first, last = limits_of(block.X[used][:, len(self.center) :])
        line, sigma = x @ self._standard(parameters), float(parameters.sigma[0])
        loglik, gap, var = self._moments(low - self.reference, high - self.reference, line, sigma)
        total = _sums(x, weights, line + gap, var, float(weights @ loglik), float(weights.sum()))
        is_cut = np.isfinite(first) | np.isfinite(last)
        if not is_cut.any():
            return total
        ends = (first[is_cut] - self.reference, last[is_cut] - self.reference)
        return total + self._unseen(x[is_cut], weights[is_cut], line[is_cut], sigma, ends)

    def m_step(self, statistics: LineStatistics, parameters: LineParameters) -> LineParameters:
        coef = np.linalg.lstsq(statistics.xx, statistics.xy, rcond=_FLAT)[0]
        rest = statistics.yy - 2 * coef @ statistics.xy + coef @ statistics.xx @ coef
        sigma = np.sqrt(max(float(rest) / statistics.count, (_FLOOR * self.unit) ** 2))
        slope = coef[self._lead :] / self.scale
        intercept = self.reference + coef[0] - slope @ self.center if self.has_intercept else 0.0
        return replace(parameters, intercept=np.array([intercept]), coef=slope, sigma=np.array([sigma]))

    def expected_loglik(self, parameters: LineParameters, statistics: LineStatistics) -> float:
        coef, sigma = self._standard(parameters), float(parameters.sigma[0])
        rest = statistics.yy - 2 * coef @ statistics.xy + coef @ statistics.xx @ coef
        return float(-statistics.count * np.log(sigma) - 0.5 * rest / sigma**2)

    def score(self, parameters: LineParameters, statistics: LineStatistics) -> LineParameters:
        coef, sigma = self._standard(parameters), float(parameters.sigma[0])
        slope = (statistics.xy - statistics.xx @ coef) / sigma**2
        rest = statistics.yy - 2 * coef @ statistics.xy + coef @ statistics.xx @ coef
        lead = slope[: self._lead]
        along = slope[self._lead :] * self.scale + (lead[0] * self.center if self.has_intercept else 0.0)
        own = np.array([-statistics.count / sigma + rest / sigma**3])
        return replace(parameters, intercept=lead if self.has_intercept else np.zeros(1), coef=along, sigma=own)

    @property
    def starts_to_agree(self) -> int:
        """One: the log-likelihood has one maximum (Olsen 1978, Econometrica 46:1211), and every start is the same."""
        return 1

    # --- what the E-step is made of ---

    @property
    def _lead(self) -> int:
        return 1 if self.has_intercept else 0

    def _design(self, rows: Array) -> FloatArray:
        """Return (1, x) of rows, centered and in units, (n, p + 1)."""
        p = len(self.center)
        x = (np.asarray(rows[:, :p], dtype=np.float64) - self.center) / self.scale
        return np.column_stack([np.ones(len(x)), x]) if self.has_intercept else x

    def _standard(self, parameters: LineParameters) -> FloatArray:
        """Return the coefficients of the design."""
        slope = parameters.coef * self.scale
        if not self.has_intercept:
            return np.asarray(slope)
        lead = parameters.intercept[0] - self.reference + parameters.coef @ self.center
        return np.concatenate([[lead], slope])

    def _moments(
        self, low: FloatArray, high: FloatArray, line: FloatArray, sigma: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return log-likelihood, mean about the line, and variance (n,) of responses in intervals."""
        loglik, mean, var = truncated_moments((low - line) / sigma, (high - line) / sigma)
        loglik = loglik - np.where(low == high, np.log(sigma), 0.0)
        return loglik, sigma * mean, sigma**2 * var

    def _unseen(
        self, x: FloatArray, weights: FloatArray, line: FloatArray, sigma: float, ends: tuple[FloatArray, FloatArray]
    ) -> LineStatistics:
        """Return what the values outside the recorded range add."""
        recorded = self._moments(*ends, line, sigma)[0]
        total = _sums(x[:0], weights[:0], line[:0], line[:0], -float(weights @ recorded), 0.0)
        none = np.full(len(line), np.inf)
        for low, high in ((-none, ends[0]), (ends[1], none)):
            is_there = np.isfinite(low) | np.isfinite(high)
            at = line[is_there]
            log_mass, gap, var = self._moments(low[is_there], high[is_there], at, sigma)
            number = weights[is_there] * np.exp(np.minimum(log_mass - recorded[is_there], _LARGEST))
            total = total + _sums(x[is_there], number, at + gap, var, 0.0, 0.0)
        return total

    def _middle_sums(self, block: Any) -> LineStatistics:
        used = block.weights > 0
        low, high = limits_of(block.X[used][:, len(self.center) :])[:2]
        y = middles(low, high) - self.reference
        known = ~np.isnan(y)
        x, weights = self._design(block.X[used])[known], block.weights[used][known]
        return _sums(x, weights, y[known], np.zeros(int(known.sum())), 0.0, float(weights.sum()))

    # --- what else it offers ---

    def log_density(self, parameters: LineParameters, block: Any) -> FloatArray:
        """Return the log-likelihood (b,) of each row."""
        line, sigma = self._design(block.X) @ self._standard(parameters), float(parameters.sigma[0])
        low, high, first, last = (
            part - self.reference for part in limits_of(np.asarray(block.X)[:, len(self.center) :])
        )
        recorded = self._moments(first, last, line, sigma)[0]
        return np.asarray(self._moments(low, high, line, sigma)[0] - recorded)

    def degeneracy(self, parameters: LineParameters, statistics: LineStatistics) -> str:
        """Tell of errors without variance and of means that drift away."""
        if parameters.sigma[0] < _COLLAPSED * self.unit:
            return (
                "the standard deviation of the errors has gone to zero: the responses do not vary, or a line goes "
                "through all intervals. Use wider intervals or more rows, or fewer covariates."
            )
        away = abs(float(self._standard(parameters)[0])) if self.has_intercept else 0.0
        if max(away, float(parameters.sigma[0])) > _AWAY * self.unit:
            return (
                "the mean or the spread of the responses runs off: so few are exact or limited on both sides, or the "
                "range that is recorded is so narrow, that the rows do not tell where they are."
            )
        return ""

    def describe(self, parameters: LineParameters, names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the table of coefficients."""
        p = len(parameters.coef)
        called = [f"x{j + 1}" for j in range(p)] if names is None else list(names)[:p]
        lead = [("(intercept)", float(parameters.intercept[0]))] if self.has_intercept else []
        rows = (*lead, *zip(called, parameters.coef.tolist(), strict=True), ("sigma", float(parameters.sigma[0])))
        return (Description("Coefficients", ("term", "estimate"), tuple(rows)),)


def _sums(
    x: FloatArray, weights: FloatArray, mean: FloatArray, var: FloatArray, loglik: float, weight: float
) -> LineStatistics:
    weighted = x * weights[:, None]
    yy = float(weights @ (mean**2 + var))
    return LineStatistics(loglik, weight, float(weights.sum()), weighted.T @ x, weighted.T @ mean, yy)


def _spread(source: Any, p: int) -> tuple[float, float]:
    """Return mean and standard deviation of the middles of the intervals, 1 where they do not vary."""
    parts = [(middles(*limits_of(block.X[:, p:])[:2]), block.weights) for block in source.blocks()]
    y, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    used = ~np.isnan(y) & (weights > 0)
    y, weights = y[used], weights[used]
    if not len(y):
        return 0.0, 1.0
    mean = float(np.average(y, weights=weights))
    sd = float(np.sqrt(np.average((y - mean) ** 2, weights=weights)))
    return mean, sd if sd > 0 else max(abs(mean), 1.0)
