"""The Gaussian family: k normal distributions, maximum likelihood or maximum a posteriori, missing entries allowed.

x | member k ~ N(mean_k, Sigma_k). The E-step keeps moments about the current means, so that nothing is lost to
cancellation whatever the offset and scale of the data:

    count_k = sum_i r_ik,  first_k = sum_i r_ik (x_i - m_k),  second_k = sum_i r_ik (x_i - m_k)(x_i - m_k)'

References
----------
Dempster, Laird & Rubin 1977, JRSS B 39:1, section 4.3. Fraley & Raftery 2007, J. Classification 24:155 (the prior).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.statistics import Additive, shared
from emkit.families.base import Family, MixtureStep
from emkit.families.covariance import Dense, Structure
from emkit.families.gaussian_collapse import collapse_of
from emkit.families.gaussian_describe import gaussian_tables
from emkit.families.gaussian_missing import (
    has_missing,
    missing_log_joint,
    missing_statistics,
    missing_step,
    pattern_order,
)
from emkit.families.gaussian_prior import FLOOR, NormalInverseWishart
from emkit.families.gaussian_scores import gaussian_features, gaussian_maps, gaussian_powers
from emkit.families.gaussian_starts import StartingRows
from emkit.families.gaussian_strides import GaussianStrides
from emkit.kernels.foreign import is_foreign
from emkit.kernels.gaussian import diagonal_log_joint, diagonal_moments, full_log_joint, full_moments
from emkit.kernels.moments import given_moments

__all__ = ["Gaussian", "GaussianStatistics"]

_CONSTANT = 8 * float(np.finfo(np.float64).eps)  # a column whose sd is below this part of its size is constant
_ALIVE = 1e-12  # part of all rows below which a component is empty
_START_WEIGHT = 0.1  # rows' worth of pooled scatter, per feature, blended into each component of a start


@dataclass(frozen=True)
class GaussianStatistics(Additive):
    """Moments of k members about a pivot each.

    Parameters
    ----------
    count : array (k,)
    first : array (k, d)
    second : array (k, d, d), or (k, d) for the diagonal structures
    pivot : array (k, d)
        The means at which the E-step was made.
    """

    count: FloatArray
    first: FloatArray
    second: FloatArray
    pivot: FloatArray = shared()

    def about(self, origin: FloatArray) -> GaussianStatistics:
        """Return the same moments about other points (k, d)."""
        move = self.pivot - origin
        outer = _outer if self.second.ndim == 3 else np.multiply
        cross = outer(self.first, move)
        both = cross + np.swapaxes(cross, 1, 2) if cross.ndim == 3 else 2 * cross
        count = self.count.reshape(-1, *[1] * (self.second.ndim - 1))
        first = self.first + self.count[:, None] * move
        return GaussianStatistics(self.count, first, self.second + both + count * outer(move, move), origin)

    def _aligned(self, other: GaussianStatistics) -> GaussianStatistics:
        return other if other.pivot is self.pivot else other.about(self.pivot)


def _outer(left: FloatArray, right: FloatArray) -> FloatArray:
    return left[:, :, None] * right[:, None, :]


@dataclass(frozen=True)
class Gaussian(Family):
    """Normal distributions with a covariance structure.

    Parameters
    ----------
    structure : Structure
        `Dense()` is full covariance, one per member.
    prior : NormalInverseWishart, optional
        None is maximum likelihood, but for the penalty `floor`.
    floor : float, default 1e-12
        See `gaussian_prior.FLOOR`; 0 switches it off.
    """

    structure: Structure = Dense()
    prior: NormalInverseWishart | None = None
    floor: float = FLOOR
    unit: Any = field(default=None, compare=False)  # (d,) standard deviations of the columns
    is_pinned: Any = field(default=None, compare=False)  # (d,) constant columns: no information, variance held
    rows_per_weight: float = 1.0

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: yes."""
        return True

    def prepared(self, source: Any, n_components: int) -> Gaussian:
        moments = source.column_moments()
        sd, size = np.sqrt(moments.var), np.maximum(np.abs(moments.low), np.abs(moments.high))
        is_pinned = ~(sd > _CONSTANT * size)
        unit = np.where(is_pinned, np.where(size > 0, size, 1.0), sd)
        prior = self.prior
        if prior is not None:
            cov = _covariance(source, moments.mean, unit) if not source.has_missing else np.diag(moments.var)
            cov = _full_rank(cov, unit) * _unbiased(source.total_weight)
            prior = prior.completed(moments.mean, cov, n_components)
        rows = max(1.0, _n_used(source) / source.total_weight)
        return replace(self, prior=prior, unit=unit, is_pinned=is_pinned, rows_per_weight=rows)

    def arranged(self, source: Any) -> Any:
        """Return the rows with equal patterns of missing entries side by side."""
        if not source.has_missing or not source.is_in_memory:
            return source
        X = np.concatenate([block.X for block in source.blocks()]) if source.n_rows else np.empty((0, 1))
        return source.permuted(pattern_order(X))

    def starting_rows(self, block: Any) -> StartingRows:
        """Return the rows in the coordinates that k-means is run in."""
        return StartingRows(block.X, block.weights)

    # --- E-step ---

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        if has_missing(X):
            return missing_log_joint(log_mix, parameters, X)
        run = full_log_joint if self.is_dense else diagonal_log_joint
        joint: FloatArray = run(X, log_mix, parameters.mean, parameters.whiten)
        return joint

    def mixture_step(self, log_mix: FloatArray, parameters: Any, block: Any) -> MixtureStep:
        if block.has_missing:
            loglik, count, first, second = missing_step(log_mix, parameters, block.X, block.kernel_weights)
        else:
            run = full_moments if self.is_dense else diagonal_moments
            mean, weights = parameters.mean, block.kernel_weights
            loglik, count, first, second = run(block.X, weights, log_mix, mean, parameters.whiten)
        return MixtureStep(loglik, count, GaussianStatistics(count, first, second, parameters.mean))

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> GaussianStatistics:
        if has_missing(X):
            return GaussianStatistics(*missing_statistics(parameters, X, resp), parameters.mean)
        return self._moments(parameters.mean, X, resp)

    def _moments(self, mean: FloatArray, X: Array, resp: FloatArray) -> GaussianStatistics:
        about = np.ascontiguousarray(mean)
        if is_foreign(X):
            return GaussianStatistics(*given_moments(X, resp, about, is_full=self.is_dense), mean)
        rows = np.ascontiguousarray(X, dtype=None if X.dtype in (np.float32, np.float64) else np.float64)
        share = np.ascontiguousarray(resp, dtype=np.float64)
        return GaussianStatistics(*given_moments(rows, share, about, is_full=self.is_dense), mean)

    def strides(self, source: Any) -> GaussianStrides | None:
        return GaussianStrides.of(self, source) if type(self) is Gaussian and self.unit is not None else None

    # --- M-step ---

    def m_step(self, statistics: GaussianStatistics, parameters: Any) -> Any:
        count = statistics.count
        is_alive = count > _ALIVE * count.sum()
        if self.prior is None and is_alive.all():
            mean = statistics.pivot + statistics.first / count[:, None]
            root = statistics.first / np.sqrt(count)[:, None]  # the product of two sums could overflow
            scatter = statistics.second - self.structure.outer(root, root)
            return self._estimate(mean, *self._with_prior(count, scatter, mean), parameters)
        mean = self._mean(statistics, np.where(is_alive, count, 1.0))
        numbers, scatter = self._posterior_scatter(statistics, mean)
        if not is_alive.all():
            mean = np.where(is_alive[:, None], mean, parameters.mean)
            if not self.structure.is_shared:  # an empty component stays as it is, and weighs next to nothing
                alive = is_alive.reshape(-1, *[1] * (scatter.ndim - 1))
                numbers = np.where(alive, numbers, _ALIVE * count.sum())
                scatter = np.where(alive, scatter, numbers * self.structure.cov(parameters))
        return self._estimate(mean, numbers, scatter, parameters)

    def _mean(self, statistics: GaussianStatistics, count: FloatArray) -> FloatArray:
        mean, prior = statistics.pivot + statistics.first / count[:, None], self.prior
        if prior is None:
            return mean
        return np.asarray((count[:, None] * mean + prior.shrinkage * prior.mean) / (count + prior.shrinkage)[:, None])

    def _estimate(self, mean: FloatArray, numbers: FloatArray, scatter: FloatArray, previous: Any) -> Any:
        if self.has_pinned:
            held = numbers.reshape(-1, 1) * self._pinned_var
            scatter = self.structure.pin(scatter, self.is_pinned, held)
        return self.structure.estimate(mean, numbers, scatter, previous)

    def expected_loglik(self, parameters: Any, statistics: GaussianStatistics) -> float:
        moments = statistics.about(parameters.mean)
        return self.structure.loglik(parameters, *self.structure.pooled(moments.count, moments.second))

    def score(self, parameters: Any, statistics: GaussianStatistics) -> Any:
        moments = statistics.about(parameters.mean) if statistics.pivot is not parameters.mean else statistics
        towards = moments.first
        if self.prior is not None:
            towards = towards + self.prior.shrinkage * (self.prior.mean - parameters.mean)
        numbers, scatter = self._posterior_scatter(statistics, parameters.mean)
        slope = self.structure.gradient(parameters, numbers, scatter)
        if self.has_pinned:
            slope = self.structure.pin(slope, self.is_pinned, np.zeros(len(self.is_pinned)))
        return self.structure.slopes(parameters, self.structure.precision_times(parameters, towards), slope)

    def score_features(self, parameters: Any, X: Array) -> FloatArray | None:
        is_own = type(self) is Gaussian  # families made from this one have other densities
        return gaussian_features(self.structure, parameters, X) if is_own else None

    def score_powers(self, parameters: Any) -> IntArray | None:
        return gaussian_powers(self.structure, parameters.mean.shape[1])

    def score_maps(self, parameters: Any) -> tuple[FloatArray, ...]:
        return gaussian_maps(self.structure, parameters)

    def log_prior(self, parameters: Any) -> float:
        if self.prior is None:
            return self.structure.penalty(parameters, self._floor_scatter) if self.has_floor else 0.0
        nothing = np.zeros(len(parameters.mean))
        numbers, scatter = self._with_prior(nothing, self._no_scatter(parameters), parameters.mean)
        return self.structure.loglik(parameters, numbers, scatter)

    def _posterior_scatter(self, statistics: GaussianStatistics, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the counts and scatter about `mean` of data and prior together, of the distinct covariances."""
        if mean is statistics.pivot:
            return self._with_prior(statistics.count, statistics.second, mean)
        move = mean - statistics.pivot
        cross = self.structure.outer(statistics.first, move)
        both = cross + np.swapaxes(cross, 1, 2) if cross.ndim == 3 else 2 * cross
        count = statistics.count.reshape(-1, *[1] * (cross.ndim - 1))
        scatter = statistics.second - both + count * self.structure.outer(move, move)
        return self._with_prior(statistics.count, scatter, mean)

    def _with_prior(self, count: FloatArray, scatter: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Add to counts (k,) and scatter what the prior on the means and on the covariances and the floor hold."""
        prior, d = self.prior, mean.shape[1]
        if prior is not None:
            move = mean - prior.mean
            count, scatter = count + 1.0, scatter + prior.shrinkage * self.structure.outer(move, move)
        numbers, pooled = self.structure.pooled(count, scatter)
        if prior is not None:
            numbers = numbers + self.structure.prior_count(float(prior.dof or 0), d)
            pooled = pooled + self.structure.prior_scatter(prior.scale)
        return numbers, pooled + self._floor_scatter if self.has_floor else pooled

    @cached_property
    def floor_diagonal(self) -> FloatArray:
        """Return what the penalty that stops a collapse adds to the diagonal (d,) of each distinct scatter."""
        return np.asarray(self.floor / self.rows_per_weight * self.unit**2)

    @cached_property
    def _floor_scatter(self) -> FloatArray:
        scale = self.floor_diagonal
        if self.has_pinned:  # what is pinned needs no floor
            own = np.diag(scale) if self.is_dense else scale
            own = self.structure.pin(own[None], self.is_pinned, np.zeros((1, len(scale))))[0]
            scale = np.diag(own) if self.is_dense else own
        own = np.diag(scale) if self.is_dense else scale
        return np.asarray(self.structure.pooled(np.zeros(1), own[None])[1][0])

    @property
    def has_floor(self) -> bool:
        """Return whether the penalty that stops a collapse is on: it needs the units of the data."""
        return self.floor > 0 and self.unit is not None

    @cached_property
    def has_pinned(self) -> bool:
        """Return whether columns are constant and held."""
        return self.is_pinned is not None and bool(self.is_pinned.any())

    @property
    def _pinned_var(self) -> FloatArray:
        return np.asarray(self.unit**2 * 1e-12)

    @property
    def is_dense(self) -> bool:
        """Return whether covariances are full matrices, their own or shared."""
        return self.structure.is_dense

    def _no_scatter(self, parameters: Any) -> FloatArray:
        k, d = parameters.mean.shape
        return np.zeros((k, d, d) if self.is_dense else (k, d))

    # --- starts, order, sampling, collapse ---

    def start(self, X: Array, resp: FloatArray) -> Any:
        """Return means of the rows by responsibility and covariances blended with the pooled one."""
        return self.start_from(self.starting_moments(X, resp))

    def starting_moments(self, X: Array, resp: FloatArray) -> GaussianStatistics:
        """Return the moments that a start is estimated from: the same for all dense, and all diagonal, structures."""
        X = np.asarray(X, dtype=np.float64)
        filled = np.where(np.isnan(X), _column_means(X), X) if np.isnan(X).any() else X
        d = filled.shape[1]
        total = resp.sum(axis=0)
        safe = np.where(total > 0, total, 1.0)
        centre = resp.sum(axis=1) @ filled / resp.sum()
        mean = centre + resp.T @ (filled - centre) / safe[:, None]
        raw = self._moments(mean, filled, resp)
        pooled = raw.second.sum(axis=0) / resp.sum()
        blend = _START_WEIGHT * (d + 1)
        spread = np.diag(self.unit**2) if self.is_dense else self.unit**2
        second = raw.second + blend * (pooled + 1e-4 * spread)
        return GaussianStatistics(safe + blend, np.zeros_like(mean), second, mean)

    def start_from(self, moments: GaussianStatistics) -> Any:
        """Return the parameters of a start from its moments; from full ones also where the structure is diagonal."""
        if moments.second.ndim == 3 and not self.is_dense:
            moments = replace(moments, second=np.ascontiguousarray(moments.second.diagonal(axis1=1, axis2=2)))
        mean = self._mean(moments, moments.count)
        return self._estimate(mean, *self._posterior_scatter(moments, mean), None)

    def reordered(self, parameters: Any, order: Array) -> Any:
        return self.structure.reordered(parameters, order)

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.mean[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        factor = np.linalg.cholesky(self.structure.full(parameters))
        noise = rng.standard_normal((len(labels), parameters.mean.shape[1]))
        return np.asarray(parameters.mean[labels] + np.einsum("nij,nj->ni", factor[labels], noise))

    def collapsed(self, parameters: Any, statistics: GaussianStatistics, count: FloatArray) -> str:
        return collapse_of(self, parameters, count * self.rows_per_weight)

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return tables of means, standard deviations and, for few features, correlations."""
        return gaussian_tables(parameters.mean, self.structure.cov(parameters), names, member)


def _n_used(source: Any) -> int:
    """Return the number of rows of positive weight: rows of weight zero are absent."""
    return int(source.n_used)


def _column_means(X: FloatArray) -> FloatArray:
    seen = ~np.isnan(X)
    total = np.where(seen, X, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(seen.sum(axis=0), 1))


def _covariance(source: Any, mean: FloatArray, unit: FloatArray) -> FloatArray:
    """Return the weighted covariance (d, d) of complete data, in one pass."""
    d = mean.size
    whiten = np.diag(1 / unit)[None]
    second = source.reduce(
        lambda block: full_moments(block.X, block.kernel_weights, np.zeros(1), mean[None], whiten)[3][0]
    )
    return np.asarray(second / source.total_weight).reshape(d, d)


def _full_rank(cov: FloatArray, unit: FloatArray) -> FloatArray:
    """Return the covariance with the units of constant columns in its diagonal; its diagonal alone where it is flat."""
    whole = np.where(np.eye(len(unit), dtype=bool), unit**2, cov)
    flattest = np.linalg.eigvalsh(whole / np.outer(unit, unit))[0]
    return whole if flattest > 1e-10 else np.diag(unit**2)


def _unbiased(total_weight: float) -> float:
    """Return n / (n - 1), the factor to the usual estimate of a covariance."""
    return total_weight / (total_weight - 1) if total_weight > 1 else 1.0
