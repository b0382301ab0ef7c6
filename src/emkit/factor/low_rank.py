"""Probabilistic principal components for many columns and many missing entries: nothing is ever as large as (d, d).

Story: z ~ N(0, I_k), x = mean + W z + e, e_j ~ N(0, v). With o the observed entries of a row and
M = I + W_o' W_o / v, the E-step gives E[z] = M^-1 W_o' (x_o - mean_o) / v and Cov[z] = M^-1. Its statistics are, for
each column, the moments of (1, z) over the rows that observe it, and those of x with (1, z): the M-step is one small
regression per column. The cost is n d k^2 multiplications in matrix products, the memory b d and d k^2.

References
----------
Tipping & Bishop 1999, *Probabilistic principal component analysis*, JRSS B 61:611, appendix A (EM) and section 3.2.
Ilin & Raiko 2010, *Practical approaches to principal component analysis with missing values*, JMLR 11:1957.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core import Model, Statistics
from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.statistics import shared
from emkit.factor.structure import FactorParameters, Isotropic, triangular

__all__ = ["LowRank", "LowRankStatistics"]

FLOOR = 1e-14  # of the mean variance: the noise does not fall below it
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class LowRankStatistics(Statistics):
    """Sums over the rows that observe a column, x taken about `pivot`.

    Parameters
    ----------
    design : array (d, k + 1, k + 1)
        Of E[(1, z) (1, z)'].
    cross : array (d, k + 1)
        Of (x_j - pivot_j) E[(1, z)].
    square : array (d,)
        Of (x_j - pivot_j)^2.
    pivot : array (d,)
    """

    design: FloatArray
    cross: FloatArray
    square: FloatArray
    pivot: FloatArray = shared()


@dataclass(frozen=True)
class LowRank(Model):
    """Probabilistic principal components, row by row.

    Parameters
    ----------
    n_components : int
    """

    n_components: int
    pivot: Any = field(default=None, compare=False)  # (d,) means of the observed entries
    unit: float = field(default=1.0, compare=False)  # mean variance of the columns

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> FactorParameters:
        return self._leading(source.sample(_START_ROWS, rng), rng)

    def e_step(self, parameters: FactorParameters, block: Any) -> LowRankStatistics:
        gap, seen = _centred(block.X, parameters.mean)
        mean, second, loglik = self._latent(parameters, gap, seen)
        weights = block.weights
        if block.is_weighted:
            loglik = np.where(weights > 0, loglik, 0.0)
            seen = seen * weights[:, None]
            gap = gap * weights[:, None]
        moved = parameters.mean - self.pivot
        design = _design(seen, mean, second)
        about = np.concatenate([gap.sum(axis=0)[:, None], gap.T @ mean], axis=1)  # of x - mean with (1, z)
        raw = gap if not block.is_weighted else gap / np.where(weights > 0, weights, 1.0)[:, None]
        square = (gap * raw).sum(axis=0) + 2 * moved * about[:, 0] + moved**2 * design[:, 0, 0]
        cross = about + moved[:, None] * design[:, 0]
        return LowRankStatistics(float(weights @ loglik), float(weights.sum()), design, cross, square, self.pivot)

    def m_step(self, statistics: LowRankStatistics, parameters: FactorParameters) -> FactorParameters:
        count = statistics.design[:, 0, 0]
        known = count > 0
        ridge = 1e-12 * np.maximum(count, 1e-300)[:, None, None] * np.eye(self.n_components + 1)
        design = np.where(known[:, None, None], statistics.design + ridge, np.eye(self.n_components + 1))
        slope = np.linalg.solve(design, statistics.cross[..., None])[..., 0]
        mean = np.where(known, self.pivot + slope[:, 0], parameters.mean)
        loadings = np.where(known[:, None], slope[:, 1:], parameters.loadings)
        noise = self._squares(mean, loadings, statistics) / max(float(count.sum()), 1e-300)
        return triangular(mean, loadings, np.array([max(noise, FLOOR * self.unit)]), parameters)

    def expected_loglik(self, parameters: FactorParameters, statistics: LowRankStatistics) -> float:
        n = float(statistics.design[:, 0, 0].sum())
        squares = self._squares(parameters.mean, parameters.loadings, statistics)
        return -0.5 * (n * float(np.log(parameters.uniqueness[0])) + squares / float(parameters.uniqueness[0]))

    def score(self, parameters: FactorParameters, statistics: LowRankStatistics) -> FactorParameters:
        noise = float(parameters.uniqueness[0])
        slope = np.concatenate([(parameters.mean - self.pivot)[:, None], parameters.loadings], axis=1)
        residual = (statistics.cross - np.einsum("jab,jb->ja", statistics.design, slope)) / noise
        n = float(statistics.design[:, 0, 0].sum())
        squares = self._squares(parameters.mean, parameters.loadings, statistics)
        free, k = residual[:, 1:][parameters.mask], self.n_components
        own = np.array([(squares / noise - n) / (2 * noise)])
        blank = np.zeros_like(slope[:, 1:])
        return FactorParameters(residual[:, 0], free, blank, blank, np.zeros((k, k)), own)

    def _squares(self, mean: FloatArray, loadings: FloatArray, statistics: LowRankStatistics) -> float:
        """Return the expected sum of squared errors of the observed entries."""
        slope = np.concatenate([(mean - self.pivot)[:, None], loadings], axis=1)
        fitted = np.einsum("ja,jab,jb->j", slope, statistics.design, slope)
        return float((statistics.square - 2 * (slope * statistics.cross).sum(axis=1) + fitted).sum())

    def _latent(
        self, parameters: FactorParameters, gap: FloatArray, seen: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return E[z] (b, k), Cov[z] (b, k, k) and the log-likelihood (b,) of rows."""
        loadings, noise, k = parameters.loadings, float(parameters.uniqueness[0]), self.n_components
        outer = (loadings[:, :, None] * loadings[:, None, :]).reshape(len(loadings), k * k)
        precision = (seen @ outer).reshape(-1, k, k) / noise + np.eye(k)
        cov = np.asarray(np.linalg.inv(precision), dtype=np.float64)
        right = gap @ loadings / noise
        mean = np.einsum("bij,bj->bi", cov, right)
        n_seen = seen.sum(axis=1)
        distance = (gap**2).sum(axis=1) / noise - (right * mean).sum(axis=1)
        log_det = np.linalg.slogdet(precision)[1] + n_seen * np.log(noise)
        return mean, cov, -0.5 * (n_seen * _LOG_2PI + log_det + distance)

    # --- what else it offers ---

    def prepare(self, source: Any) -> tuple[LowRank, Any]:
        """Read off the columns' means and mean variance."""
        moments = source.column_moments()
        unit = float(np.mean(moments.var[np.isfinite(moments.var)])) if len(moments.var) else 1.0
        return replace(self, pivot=np.nan_to_num(moments.mean), unit=unit if unit > 0 else 1.0), source

    def portfolio(self, source: Any, rng: np.random.Generator) -> Callable[[np.random.Generator, int], Any]:
        block = source.sample(_START_ROWS, rng)

        def draw(own_rng: np.random.Generator, index: int) -> FactorParameters:
            return self._leading(block, own_rng)

        return draw

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree: without missing entries there is one optimum."""
        return 2

    def _leading(self, block: Any, rng: np.random.Generator) -> FactorParameters:
        """Return the principal components of rows whose missing entries are at their means, by a random projection."""
        gap = _centred(block.X, self.pivot)[0]
        probe = rng.standard_normal((gap.shape[0], min(self.n_components + 10, *gap.shape)))
        for _ in range(2):
            probe = np.linalg.qr(gap @ (gap.T @ probe))[0]
        _, values, right = np.linalg.svd(probe.T @ gap, full_matrices=False)
        n, k = max(len(gap), 1), self.n_components
        total = float((gap**2).sum()) / n
        left = max(total - float((values[:k] ** 2).sum()) / n, 1e-3 * total, FLOOR * self.unit)
        noise = left / max(gap.shape[1] - k, 1)
        loadings = np.zeros((gap.shape[1], k))
        found = min(k, len(values))
        loadings[:, :found] = right[:found].T * np.sqrt(np.maximum(values[:found] ** 2 / n - noise, 0.1 * noise))
        return triangular(self.pivot, loadings, np.array([noise]))

    def posterior(self, parameters: FactorParameters, block: Any) -> FloatArray:
        """Return the expected components (b, k) of each row."""
        return self._latent(parameters, *_centred(block.X, parameters.mean))[0]

    def log_density(self, parameters: FactorParameters, block: Any) -> FloatArray:
        """Return the log-density (b,) of the observed entries of each row."""
        return self._latent(parameters, *_centred(block.X, parameters.mean))[2]

    def filled(self, parameters: FactorParameters, block: Any) -> FloatArray:
        """Return the rows (b, d) with missing entries at their expected values."""
        X = np.asarray(block.X, dtype=np.float64)
        expected = parameters.mean + self.posterior(parameters, block) @ parameters.loadings.T
        return np.where(np.isnan(X), expected, X)

    def sample(self, parameters: FactorParameters, n: int, rng: np.random.Generator) -> FloatArray:
        """Return `n` complete rows."""
        latent = rng.standard_normal((n, self.n_components))
        noise = np.sqrt(parameters.uniqueness[0]) * rng.standard_normal((n, len(parameters.mean)))
        return np.asarray(parameters.mean + latent @ parameters.loadings.T + noise)

    def canonical(self, parameters: FactorParameters) -> FactorParameters:
        """Return the loadings with columns whose sums are positive."""
        sign = np.where(parameters.loadings.sum(axis=0) < 0, -1.0, 1.0)
        if (sign > 0).all():
            return parameters
        return replace(parameters, free=(parameters.loadings * sign)[parameters.mask])

    def describe(self, parameters: FactorParameters, names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the variance along each component and that of the noise."""
        noise = float(parameters.uniqueness[0])
        axes = Isotropic(self.n_components).shown(parameters).loadings
        length = (axes**2).sum(axis=0) + noise
        total = (axes**2).sum() + len(axes) * noise
        rows = tuple((str(m + 1), float(v), float(v / total)) for m, v in enumerate(length))
        components = Description("Components", ("component", "variance", "part of all"), rows)
        return (components, Description("Noise", ("", "variance"), (("each column", noise),)))


_START_ROWS = 4096


def _centred(X: Array, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows about a mean, zero where missing, and one where an entry is observed, (b, d) both."""
    rows = np.asarray(X, dtype=np.float64)
    is_seen = ~np.isnan(rows)
    return np.where(is_seen, rows - mean, 0.0), is_seen.astype(np.float64)


def _design(seen: FloatArray, mean: FloatArray, cov: FloatArray) -> FloatArray:
    """Return sums over rows of E[(1, z) (1, z)'], for each column over the rows that observe it, (d, k + 1, k + 1)."""
    k = mean.shape[1]
    full = np.ones((len(mean), k + 1, k + 1))
    full[:, 0, 1:] = full[:, 1:, 0] = mean
    full[:, 1:, 1:] = mean[:, :, None] * mean[:, None, :] + cov
    return (seen.T @ full.reshape(len(mean), -1)).reshape(-1, k + 1, k + 1)
