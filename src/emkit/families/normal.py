"""The multivariate normal with entries missing at random.

With K_g the inverse of the covariance of the columns that pattern g observes, padded with zeros, and W_g the scatter of
its n_g rows about the current mean, one pass over the patterns gives

    b = sum_g n_g K_g (mean_g - mu),  A = sum_g (K_g W_g K_g - n_g K_g),

and the expected moments of the completed rows about mu are Sigma b and n Sigma + Sigma A Sigma.

References
----------
Little & Rubin 2019, Statistical Analysis with Missing Data, section 11.2. Orchard & Woodbury 1972.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core import Model, Parameters, Statistics
from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import space
from emkit.core.spaces import PositiveDefinite, Real
from emkit.core.statistics import shared
from emkit.data import ColumnMoments
from emkit.families.normal_monotone import monotone_blocks, monotone_maximum
from emkit.families.normal_patterns import PatternMoments, PatternSource, gain, pattern_moments
from emkit.families.normal_rows import PatternRows, RowsSource, arranged
from emkit.kernels.normal_patterns import normal_fill, normal_sums

__all__ = ["Normal", "NormalParameters", "NormalStatistics"]

FLOOR = 1e-12  # of a column's variance: where the likelihood has no upper limit, the covariance stops here
_FLAT = 1e-10  # a correlation matrix with an eigenvalue below this has collapsed
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class NormalParameters(Parameters):
    """Mean (d,) and covariance (d, d)."""

    mean: FloatArray = space(Real())
    cov: FloatArray = space(PositiveDefinite())


@dataclass(frozen=True)
class NormalStatistics(Statistics):
    """Expected moments of the completed rows about `pivot`: `first` (d,), `second` (d, d)."""

    first: FloatArray
    second: FloatArray
    pivot: FloatArray = shared()

    def about(self, origin: FloatArray) -> NormalStatistics:
        """Return the same moments about another point (d,)."""
        move = self.pivot - origin
        cross = np.outer(self.first, move)
        second = self.second + cross + cross.T + self.weight * np.outer(move, move)
        return NormalStatistics(self.loglik, self.weight, self.first + self.weight * move, second, origin)

    def _aligned(self, other: NormalStatistics) -> NormalStatistics:
        return other if other.pivot is self.pivot else other.about(self.pivot)


@dataclass(frozen=True)
class Normal(Model):
    """A normal distribution fitted to rows with missing entries.

    Parameters
    ----------
    prior_rows : float, default 0
        Strength k of a prior that pulls the columns towards being uncorrelated, with the observed variances v (divisor
        n - 1): inverse Wishart with scale k diag(v) and k + 1 degrees of freedom, so that the M-step is
        (scatter + k diag(v)) / (n + k + d + 2), as by `empri` of Amelia. 0 is maximum likelihood.
    """

    prior_rows: float = 0.0
    unit: Any = field(default=None, compare=False)  # (d,) standard deviations of the observed entries
    center: Any = field(default=None, compare=False)  # (d,) and their means
    floor_scatter: float = field(default=0.0, compare=False)

    def prepare(self, source: Any) -> tuple[Normal, Any]:
        """Read off the columns' units. A source of patterns is ready as it is."""
        if isinstance(source, (PatternSource, RowsSource)):
            return self, source
        return self.in_units(source.column_moments(), source.total_weight), arranged(source)

    def in_units(self, moments: ColumnMoments, total_weight: float) -> Normal:
        """Return the model with the constants that it reads off the columns."""
        n = moments.n_observed
        sd = np.sqrt(moments.var * np.where(n >= 2, n / np.maximum(n - 1, 1), 1.0))
        size = np.maximum(np.abs(moments.low), np.abs(moments.high))
        unit = np.where(sd > 0, sd, np.where(size > 0, size, 1.0))
        return replace(self, unit=unit, center=moments.mean, floor_scatter=FLOOR * total_weight)

    def start(self, source: Any, rng: np.random.Generator) -> NormalParameters:
        """Return the maximum where patterns are nested, else means and variances of the observed entries."""
        if self.prior_rows == 0 and isinstance(source, RowsSource):
            direct = _by_regressions(source)
            if direct is not None:
                return direct
        if self.center is not None:
            return NormalParameters(self.center, np.diag(self.unit**2))
        total = source.reduce(_Observed.of)
        unit = np.sqrt(np.diag(total.scatter) / total.weights) if self.unit is None else self.unit
        return NormalParameters(total.mean, np.diag(unit**2))

    def e_step(self, parameters: NormalParameters, block: Any) -> NormalStatistics:
        """Return the expected moments of the completed rows, about the current mean."""
        if not isinstance(block, PatternMoments):
            return self._rows_step(parameters, block)
        whole = block
        d = len(parameters.mean)
        loglik, b, A = 0.0, np.zeros(d), np.zeros((d, d))
        for part in whole.parts():
            own = _pattern_sums(parameters, part)
            loglik, b, A = loglik + own[0], b + own[1], A + own[2]
        weight, cov = float(whole.weights.sum()), parameters.cov
        second = weight * cov + cov @ A @ cov
        return NormalStatistics(loglik, weight, cov @ b, (second + second.T) / 2, parameters.mean)

    def _rows_step(self, parameters: NormalParameters, block: Any) -> NormalStatistics:
        mean, cov = np.ascontiguousarray(parameters.mean), np.ascontiguousarray(parameters.cov)
        counts = block.counts if isinstance(block, PatternRows) else None
        sums = normal_sums(block.X, block.weights, counts, mean, cov)
        return NormalStatistics(sums.loglik, sums.weight, sums.first, sums.second, parameters.mean)

    @property
    def starts_to_agree(self) -> int:
        """One: every start is the same."""
        return 1

    def m_step(self, statistics: NormalStatistics, parameters: NormalParameters) -> NormalParameters:
        """Return the mean and covariance of the completed rows, and of the prior's."""
        mean = statistics.pivot + statistics.first / statistics.weight
        scatter = statistics.about(mean).second + self._prior_scatter(len(mean))
        return NormalParameters(mean, scatter / (statistics.weight + self._prior_weight(len(mean))))

    def expected_loglik(self, parameters: NormalParameters, statistics: NormalStatistics) -> float:
        """Return the Q function without its constants."""
        return _normal(statistics.weight, statistics.about(parameters.mean).second, parameters.cov)

    def score(self, parameters: NormalParameters, statistics: NormalStatistics) -> NormalParameters:
        """Return the gradient of Q plus the log prior."""
        at = statistics.about(parameters.mean)
        inverse = np.linalg.inv(parameters.cov)
        scatter = at.second + self._prior_scatter(len(at.first))
        slope = (inverse @ scatter @ inverse - (at.weight + self._prior_weight(len(at.first))) * inverse) / 2
        return NormalParameters(inverse @ at.first, (slope + slope.T) / 2)

    def log_prior(self, parameters: NormalParameters) -> float:
        """Return the log density of the prior rows, and the penalty that stops a collapse."""
        scatter = self._prior_scatter(len(parameters.mean))
        return _normal(self._prior_weight(len(parameters.mean)), scatter, parameters.cov) if scatter.any() else 0.0

    def _prior_weight(self, d: int) -> float:
        return self.prior_rows + d + 2 if self.prior_rows > 0 else 0.0

    def _prior_scatter(self, d: int) -> FloatArray:
        return np.zeros((d, d)) if self.unit is None else np.diag((self.prior_rows + self.floor_scatter) * self.unit**2)

    def degeneracy(self, parameters: NormalParameters, statistics: Any) -> str:
        """Name the columns that others determine."""
        unit = np.sqrt(np.diag(parameters.cov)) if self.unit is None else self.unit
        values, vectors = np.linalg.eigh(parameters.cov / np.outer(unit, unit))
        if values[0] > _FLAT:
            return ""
        heavy = np.flatnonzero(np.abs(vectors[:, 0]) > 0.1)
        return (
            f"the covariance is singular: columns {', '.join(str(j) for j in heavy)} (counted from 0) are constant or "
            "determine one another. Leave one out, or set `prior_rows` (5 is a mild choice)."
        )

    def log_density(self, parameters: NormalParameters, block: Any) -> FloatArray:
        """Return the log density (b,) of the observed entries of each row; 0 where a row has none."""
        mean, cov = np.ascontiguousarray(parameters.mean), np.ascontiguousarray(parameters.cov)
        density: FloatArray = normal_fill(block.X, None, mean, cov).log_density
        return density

    def sample(self, parameters: NormalParameters, n: int, rng: np.random.Generator) -> FloatArray:
        """Return `n` complete rows."""
        noise = rng.standard_normal((n, len(parameters.mean)))
        return np.asarray(parameters.mean + noise @ np.linalg.cholesky(parameters.cov).T)


def _by_regressions(source: RowsSource) -> NormalParameters | None:
    """Return the maximum where the patterns are nested and no column is determined by others."""
    blocks = monotone_blocks(source.seen) if len(source.seen) <= source.n_features else None
    if blocks is None or sum(map(len, blocks)) < source.n_features:
        return None
    parts = list(source.blocks())
    found = monotone_maximum(
        blocks,
        np.concatenate([part.X for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )
    return None if found is None else NormalParameters(*found)


def _normal(weight: float, scatter: FloatArray, cov: FloatArray) -> float:
    sign, log_det = np.linalg.slogdet(cov)
    return float(-0.5 * (weight * log_det + np.trace(np.linalg.solve(cov, scatter)))) if sign > 0 else -np.inf


def _pattern_sums(parameters: NormalParameters, part: PatternMoments) -> tuple[float, FloatArray, FloatArray]:
    """Return the log-likelihood, b (d,) and A (d, d) of the module's docstring."""
    d, n = len(parameters.mean), part.weights
    try:
        inverse, log_det = gain(parameters.cov, part.seen)
    except np.linalg.LinAlgError:
        return -np.inf, np.zeros(d), np.zeros((d, d))
    deviation = np.where(part.seen, part.mean - parameters.mean, 0.0)
    whitened = (inverse @ deviation[:, :, None])[:, :, 0]
    many = np.flatnonzero(part.scatter.any(axis=(1, 2)))
    within = inverse[many] @ part.scatter[many]
    quadratic = n @ (deviation * whitened).sum(axis=1) + np.trace(within, axis1=1, axis2=2).sum()
    loglik = -0.5 * (n @ (part.seen.sum(axis=1) * _LOG_2PI + log_det) + quadratic)
    weighted = whitened * n[:, None]
    A = weighted.T @ whitened - np.tensordot(n, inverse, 1) + (within @ inverse[many]).sum(axis=0)
    return float(loglik), weighted.sum(axis=0), A


@dataclass(frozen=True, eq=False)
class _Observed:
    """Moments of each column's observed entries: weights (d,), mean (d,), diagonal scatter (d, d)."""

    weights: FloatArray
    mean: FloatArray
    scatter: Array

    @classmethod
    def of(cls, block: Any) -> _Observed:
        part = block if isinstance(block, PatternMoments) else pattern_moments(block.X, block.weights)
        n = part.weights @ part.seen
        safe = np.where(n > 0, n, 1.0)
        pivot = part.mean.max(axis=0, initial=-np.inf, where=part.seen)
        pivot = np.where(n > 0, pivot, 0.0)
        moved = np.where(part.seen, part.mean - pivot, 0.0)
        mean = pivot + part.weights @ moved / safe
        moved = np.where(part.seen, part.mean - mean, 0.0)
        scatter = np.diag(part.weights @ moved**2 + np.diagonal(part.scatter, axis1=1, axis2=2).sum(axis=0))
        return cls(n, mean, scatter)

    def __add__(self, other: _Observed) -> _Observed:
        n = self.weights + other.weights
        safe = np.where(n > 0, n, 1.0)
        mean = self.mean + (other.mean - self.mean) * other.weights / safe
        between = np.diag(self.weights * other.weights / safe * (other.mean - self.mean) ** 2)
        return _Observed(n, mean, self.scatter + other.scatter + between)
