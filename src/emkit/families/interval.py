"""Families of values known to lie in an interval: grouped, censored and truncated data of one variable.

A row is a pair (low, high): the value lies above `low` and up to `high`; NaN is no limit on that side, and equal limits
are an exact value. With F_k the distribution function of member k, a row has the probability F_k(high) - F_k(low), and
the statistics of the family are the expected ones of a value known to lie there. Where only values in a range T are
recorded at all (truncation), each recorded row stands for (1 - P) / P unseen ones outside, P the probability of T under
the mixture, whose expected statistics are added to its own.

References
----------
Dempster, Laird & Rubin 1977, JRSS B 39:1, section 4.2. McLachlan & Jones 1988, Biometrics 44:571.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln, pdtr, pdtrc

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.data import as_source
from emkit.errors import DataError, ParameterError
from emkit.families.base import Family, MixtureStep
from emkit.families.between import truncated_moments
from emkit.families.covariance import structure_of
from emkit.families.discrete import distinct_rows
from emkit.families.gaussian import Gaussian, GaussianStatistics
from emkit.families.gaussian_starts import StartingRows
from emkit.families.poisson import Poisson, PoissonStatistics
from emkit.kernels.gaussian import softmax_rows

__all__ = ["Interval", "IntervalGaussian", "IntervalLogNormal", "IntervalPoisson", "Told"]

_TINY = 1e-300


class Told(NamedTuple):
    """What intervals tell: log probabilities (n, k), log densities where both ends are equal, and what the family sums.

    The sums are (n, k) each, expected given the interval.
    """

    mass: FloatArray
    sums: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Interval(Family):
    """Values in intervals, of a family of one variable.

    Parameters
    ----------
    truncation : (float, float)
        Values outside are not recorded at all; infinite for no such limit.
    """

    truncation: tuple[float, float] = (-np.inf, np.inf)
    inner: Any = field(default=None, compare=False)

    def __post_init__(self) -> None:
        low, high = self.truncation
        if not low < high:
            message = f"`truncation` must be a range (low, high) with low < high, got {self.truncation!r}"
            raise ParameterError(message)

    # --- what a family says ---

    @property
    @abstractmethod
    def _plain(self) -> Family:
        """Return the family of exact values."""

    @abstractmethod
    def _told(self, parameters: Any, low: FloatArray, high: FloatArray) -> Told:
        """Return what intervals tell of each member."""

    @abstractmethod
    def _gathered(self, parameters: Any, count: FloatArray, sums: tuple[FloatArray, ...]) -> Any:
        """Return the statistics of the family of exact values from counts (k,) and sums (k,)."""

    _lowest = -np.inf  # the support of the values

    # --- what follows ---

    def prepared(self, source: Any, n_components: int) -> Interval:
        source.map(lambda block: _check(block, self.truncation, self._lowest))
        middles = np.concatenate([_middles(block.X) for block in source.blocks()])[:, None]
        weights = np.concatenate([block.weights for block in source.blocks()])
        plain = as_source(self._exact(middles), weights, n_threads=1)
        return replace(self, inner=self._plain.prepared(plain, n_components))

    def arranged(self, source: Any) -> Any:
        return distinct_rows(source)

    @property
    def _own(self) -> Family:
        """Return the family of exact values, with the constants of the data where they are known."""
        family: Family = self._plain if self.inner is None else self.inner
        return family

    def _exact(self, middles: FloatArray) -> FloatArray:
        return middles

    def starting_rows(self, block: Any) -> StartingRows:
        """Return the middles of the intervals."""
        return StartingRows(self._exact(_middles(block.X)[:, None]), block.weights)

    def start(self, X: Array, resp: FloatArray) -> Any:
        return self.inner.start(self._exact(_middles(X)[:, None]), resp)

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        return np.asarray(self._told(parameters, *_limits(X)).mass + log_mix)

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> Any:
        return self._summed(parameters, resp, self._told(parameters, *_limits(X)).sums)

    def _summed(self, parameters: Any, resp: FloatArray, expected: tuple[FloatArray, ...]) -> Any:
        sums = tuple((resp * part).sum(axis=0) for part in expected)
        return self._gathered(parameters, resp.sum(axis=0), sums)

    def mixture_step(self, log_mix: FloatArray, parameters: Any, block: Any) -> MixtureStep:
        told = self._told(parameters, *_limits(block.X))
        density, resp = softmax_rows(np.ascontiguousarray(told.mass + log_mix))
        used = block.weights > 0
        resp = resp * block.weights[:, None]
        loglik = float(block.weights[used] @ density[used])
        statistics, count = self._summed(parameters, resp, told.sums), resp.sum(axis=0)
        if not np.isfinite(self.truncation).any():
            return MixtureStep(loglik, count, statistics)
        total = float(block.weights.sum())
        unseen, extra = self._unseen(log_mix, parameters, total)
        loglik -= total * self.log_recorded(log_mix, parameters)
        return MixtureStep(loglik, count + unseen, statistics + extra)

    def log_recorded(self, log_mix: FloatArray, parameters: Any) -> float:
        """Return the log probability that a value of the mixture is recorded at all."""
        low, high = (np.array([edge]) for edge in self.truncation)
        return float(np.logaddexp.reduce(log_mix + self._told(parameters, low, high).mass[0]))

    def _unseen(self, log_mix: FloatArray, parameters: Any, total: float) -> tuple[FloatArray, Any]:
        """Return expected counts (k,) and statistics of the values outside the range that `total` rows stand for."""
        edges = [(-np.inf, self.truncation[0]), (self.truncation[1], np.inf)]
        low, high = (np.array(part) for part in zip(*(e for e in edges if e[0] < e[1]), strict=True))
        outside = np.isfinite(np.stack([low, high])).any(axis=0)
        low, high = low[outside], high[outside]
        told = self._told(parameters, low, high)
        log_share = log_mix + told.mass - self.log_recorded(log_mix, parameters)
        resp = total * np.exp(np.minimum(log_share, _LARGEST))
        return resp.sum(axis=0), self._summed(parameters, resp, told.sums)

    def m_step(self, statistics: Any, parameters: Any) -> Any:
        return self.inner.m_step(statistics, parameters)

    def expected_loglik(self, parameters: Any, statistics: Any) -> float:
        return float(self.inner.expected_loglik(parameters, statistics))

    def score(self, parameters: Any, statistics: Any) -> Any:
        return self.inner.score(parameters, statistics)

    def log_prior(self, parameters: Any) -> float:
        return float(self.inner.log_prior(parameters))

    def reordered(self, parameters: Any, order: Array) -> Any:
        return self._own.reordered(parameters, order)

    def sort_key(self, parameters: Any) -> FloatArray:
        return self._own.sort_key(parameters)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        """Return exact values, as intervals without width, whether they would be recorded or not."""
        values = self._from_exact(self._own.sample(parameters, labels, rng))
        return np.column_stack([values, values])

    def _from_exact(self, values: FloatArray) -> FloatArray:
        return values

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return str(self.inner.collapsed(parameters, statistics, count))

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return the tables of the family of exact values."""
        family: Any = self._own
        tables: tuple[Description, ...] = family.describe(parameters, ["value"], member)
        return tables


_LARGEST = 200.0


@dataclass(frozen=True)
class IntervalGaussian(Interval):
    """Normal values in intervals."""

    @property
    def _plain(self) -> Family:
        return Gaussian(structure_of("diag"))

    def _standard(
        self, parameters: Any, low: FloatArray, high: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        sd = np.sqrt(parameters.var[:, 0])
        mean = parameters.mean[:, 0]
        return (low[:, None] - mean) / sd, (high[:, None] - mean) / sd, sd

    def _told(self, parameters: Any, low: FloatArray, high: FloatArray) -> Told:
        a, b, sd = self._standard(parameters, low, high)
        mass, first, var = (part.reshape(a.shape) for part in truncated_moments(a.reshape(-1), b.reshape(-1)))
        return Told(mass - np.where(a == b, np.log(sd), 0.0), (sd * first, sd**2 * (var + first**2)))

    def _gathered(self, parameters: Any, count: FloatArray, sums: tuple[FloatArray, ...]) -> Any:
        return GaussianStatistics(count, sums[0][:, None], sums[1][:, None], parameters.mean)


@dataclass(frozen=True)
class IntervalLogNormal(IntervalGaussian):
    """Log-normal values in intervals: the logarithms are normal."""

    _lowest = 0.0

    def _exact(self, middles: FloatArray) -> FloatArray:
        return np.asarray(np.log(np.maximum(middles, _TINY)))

    def _from_exact(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.exp(values))

    def _standard(
        self, parameters: Any, low: FloatArray, high: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(low, 0.0)), np.log(np.maximum(high, 0.0))
        return super()._standard(parameters, *logs)

    def _told(self, parameters: Any, low: FloatArray, high: FloatArray) -> Told:
        jacobian = np.where(low == high, np.log(np.maximum(np.where(low == high, low, 1.0), _TINY)), 0.0)
        told = super()._told(parameters, low, high)
        return told._replace(mass=told.mass - jacobian[:, None])


@dataclass(frozen=True)
class IntervalPoisson(Interval):
    """Poisson counts in intervals: the whole numbers above `low` and up to `high`."""

    _lowest = -1.0

    @property
    def _plain(self) -> Family:
        return Poisson()

    def _exact(self, middles: FloatArray) -> FloatArray:
        return np.asarray(np.maximum(np.rint(middles), 0.0))

    def _told(self, parameters: Any, low: FloatArray, high: FloatArray) -> Told:
        rate = parameters.rate[:, 0]
        exact = (low == high)[:, None]
        x = np.where(exact[:, 0], low, 0.0)[:, None]
        point = x * np.log(np.maximum(rate, _TINY)) - rate - gammaln(x + 1)
        mass = _poisson_between(low, high, rate)
        moved = _poisson_between(low - 1, high - 1, rate)  # E[x; x in A] = rate P(x + 1 in A)
        inside = np.where(mass > 0, rate * moved / np.maximum(mass, _TINY), np.maximum(low, 0.0)[:, None])
        inside = np.clip(inside, np.maximum(np.floor(low) + 1, 0.0)[:, None], np.floor(high)[:, None])
        with np.errstate(divide="ignore"):
            return Told(np.where(exact, point, np.log(mass)), (np.where(exact, low[:, None], inside),))

    def _gathered(self, parameters: Any, count: FloatArray, sums: tuple[FloatArray, ...]) -> Any:
        return PoissonStatistics(sums[0][:, None], count[:, None])


def _poisson_between(low: FloatArray, high: FloatArray, rate: FloatArray) -> FloatArray:
    """Return the probability (n, k) of counts above `low` and up to `high`, from the side that keeps the digits."""
    a, b = np.floor(low)[:, None], np.floor(high)[:, None]
    safe_a, safe_b = np.maximum(a, 0.0), np.maximum(np.where(np.isfinite(b), b, 0.0), 0.0)
    below_a = np.where(a >= 0, pdtr(safe_a, rate), 0.0)
    below_b = np.where(np.isinf(b) & (b > 0), 1.0, np.where(b >= 0, pdtr(safe_b, rate), 0.0))
    above_a = np.where(a >= 0, pdtrc(safe_a, rate), 1.0)
    above_b = np.where(np.isinf(b) & (b > 0), 0.0, np.where(b >= 0, pdtrc(safe_b, rate), 1.0))
    return np.asarray(np.maximum(np.where(a >= rate, above_a - above_b, below_b - below_a), 0.0))


def _limits(X: Array) -> tuple[FloatArray, FloatArray]:
    low, high = np.asarray(X[:, 0], dtype=np.float64), np.asarray(X[:, 1], dtype=np.float64)
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _middles(X: Array) -> FloatArray:
    """Return a value (n,) in each interval: its middle, or its only limit, or NaN where nothing is known."""
    low, high = np.asarray(X[:, 0], dtype=np.float64), np.asarray(X[:, 1], dtype=np.float64)
    return np.where(np.isnan(low), high, np.where(np.isnan(high), low, 0.5 * (low + high)))


def _check(block: Any, truncation: tuple[float, float], lowest: float) -> None:
    if block.X.shape[1] != 2:
        message = f"expected two columns, the lower and the upper limit of each value, got {block.X.shape[1]}"
        raise DataError(message)
    used = block.weights > 0
    low, high = (part[used] for part in _limits(block.X))
    rows = np.flatnonzero(used)
    for wrong, rule in (
        (low > high, "a lower limit that is not above the upper one"),
        (high < lowest, f"an upper limit of at least {lowest:g}"),
        (
            (low < truncation[0]) & np.isfinite(low) | (high > truncation[1]) & np.isfinite(high),
            "limits within the truncation",
        ),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            message = f"expected {rule}, got ({low[i]:g}, {high[i]:g}) in row {block.start + rows[i]}"
            raise DataError(message)
