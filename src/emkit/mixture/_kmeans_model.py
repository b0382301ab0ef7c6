"""k-means as a model: the hard, equal-variance limit of the Gaussian mixture.

Story: each of n rows belongs to one of k groups, all of the same size in expectation, and is its group's centre plus
spherical normal noise of one variance. The labels are parameters, not averaged over: the E-step takes the likeliest
label of each row, its nearest centre, and the M-step takes means and the one variance (classification EM). With labels
z, centres c, variance v and weights w, what is maximised is

    sum_i w_i [ -log k - d/2 log(2 pi v) - |x_i - c_{z_i}|^2 / (2 v) ],

and at its best v this is a falling function of the inertia, sum_i w_i |x_i - c_{z_i}|^2, alone.

References
----------
Celeux & Govaert 1992, *A classification EM algorithm for clustering and two stochastic versions*, CSDA 14:315.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.describe import Description
from emkit.core.model import Model
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real
from emkit.core.statistics import Statistics, shared
from emkit.families.starts import kmeans_centers, line_centers
from emkit.kernels import kmeans as kernel
from emkit.mixture._kmeans_sample import CoresetSource

__all__ = ["KMeansModel", "KMeansParameters", "KMeansStatistics"]

_START_ROWS = 16384
_FLOOR = 1e-20  # least variance within, in units of the columns' mean variance: rounding leaves no more


@dataclass(frozen=True)
class KMeansParameters(Parameters):
    """Centres (k, d) and the variance (1,) of every feature within every cluster."""

    centers: FloatArray = space(Real())
    var: FloatArray = space(Positive())


@dataclass(frozen=True)
class KMeansStatistics(Statistics):
    """Sums over the clusters of the E-step, weighted by case weight.

    Parameters
    ----------
    inertia : float
        Sum of squared distances to the own centre.
    count : array (k,)
    first : array (k, d)
        Sums of row minus centre.
    pivot : array (k, d)
        The centres of the E-step.
    """

    inertia: float
    count: FloatArray
    first: FloatArray
    pivot: FloatArray = shared()

    def _aligned(self, other: KMeansStatistics) -> KMeansStatistics:
        """Return the statistics of the same rows and labels about the centres of this one."""
        if other.pivot is self.pivot:
            return other
        move, count = other.pivot - self.pivot, other.count[:, None]
        inertia = other.inertia + float((move * (2 * other.first + count * move)).sum())
        return replace(other, inertia=inertia, first=other.first + count * move, pivot=self.pivot)


@dataclass(frozen=True)
class KMeansModel(Model):
    """k-means with `n_clusters` centres.

    Parameters
    ----------
    n_clusters : int
    floor : float
        Least variance within clusters, so that rows that are their own centres have a finite likelihood; read off the
        data by `prepare`.
    """

    n_clusters: int = 8
    floor: float = float(np.finfo(np.float64).tiny)

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> KMeansParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: KMeansParameters, block: Any) -> KMeansStatistics:
        done = kernel.assign(block.X, block.kernel_weights, parameters.centers)
        return self.statistics(parameters, _weight(block), done.inertia, done.count, done.first)

    def m_step(self, statistics: KMeansStatistics, parameters: KMeansParameters) -> KMeansParameters:
        """Return means and the variance about them; a centre without rows stays where it is."""
        count = statistics.count[:, None]
        step = np.divide(statistics.first, count, out=np.zeros_like(statistics.first), where=count > 0)
        within = max(statistics.inertia - float((step * statistics.first).sum()), 0.0)
        centers = np.where(count > 0, statistics.pivot + step, parameters.centers)
        return self.parameters(centers, within, statistics.weight)

    # --- what else it offers ---

    def prepare(self, source: Any) -> tuple[KMeansModel, Any]:
        moments = source.column_moments()
        spread = float(np.mean(moments.var))
        ready = replace(self, floor=max(_FLOOR * spread, KMeansModel.floor))
        return ready, source if source.n_rows <= _START_ROWS else CoresetSource(source, moments.mean, self.n_clusters)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], KMeansParameters]:
        block = source.sample(_START_ROWS, rng)
        return lambda own_rng, index: self._drawn(block, own_rng, index)

    def _drawn(self, block: Any, rng: np.random.Generator, index: int) -> KMeansParameters:
        """Return the end of a small k-means on (a sample of) the rows; of one variable, first the exact optimum."""
        k, weights = self.n_clusters, block.kernel_weights
        centers = line_centers(block.X, weights, k) if block.X.shape[1] == 1 and index == 0 else None
        if centers is None:
            centers = kmeans_centers(block.X, weights, k, rng)
        centers = _padded(centers, k)
        inertia = kernel.assign(block.X, weights, centers).inertia
        return self.parameters(centers, inertia, _weight(block))

    def log_density(self, parameters: KMeansParameters, block: Any) -> FloatArray:
        """Return the log-density (n,) of each row with its likeliest label."""
        d, var = block.X.shape[1], float(parameters.var[0])
        squared = kernel.assign(block.X, None, parameters.centers).squared
        return np.asarray(-math.log(self.n_clusters) - 0.5 * d * math.log(2 * math.pi * var) - squared / (2 * var))

    def sample(
        self, parameters: KMeansParameters, n: int, rng: np.random.Generator
    ) -> tuple[FloatArray, np.ndarray[Any, Any]]:
        """Return n rows and their labels."""
        labels = rng.integers(self.n_clusters, size=n)
        noise = rng.standard_normal((n, parameters.centers.shape[1])) * math.sqrt(float(parameters.var[0]))
        return parameters.centers[labels] + noise, labels

    def describe(self, parameters: KMeansParameters, feature_names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the centres, and the one standard deviation about them."""
        names = feature_names or [f"x{j + 1}" for j in range(parameters.centers.shape[1])]
        rows = tuple((str(i + 1), *center) for i, center in enumerate(parameters.centers.tolist()))
        sd = math.sqrt(float(parameters.var[0]))
        return (
            Description("Centers", ("cluster", *names), rows),
            Description("Standard deviation about the centers", ("cluster", "each feature"), (("all", sd),)),
        )

    # --- helpers of the solver ---

    def parameters(self, centers: FloatArray, inertia: float, weight: float) -> KMeansParameters:
        """Return centres with the variance that this inertia means."""
        var = max(inertia / (weight * centers.shape[1]), self.floor)
        return KMeansParameters(np.ascontiguousarray(centers), np.array([var]))

    def statistics(
        self, parameters: KMeansParameters, weight: float, inertia: float, count: FloatArray, first: FloatArray
    ) -> KMeansStatistics:
        """Return statistics with the log-likelihood that this inertia means."""
        d, var = first.shape[1], float(parameters.var[0])
        constant = -math.log(self.n_clusters) - 0.5 * d * math.log(2 * math.pi * var)
        loglik = weight * constant - inertia / (2 * var)
        return KMeansStatistics(loglik, weight, inertia, count, first, parameters.centers)


def _padded(centers: FloatArray, k: int) -> FloatArray:
    """Return k centres, the first again where there are fewer distinct rows."""
    return np.concatenate([centers, np.repeat(centers[:1], k - len(centers), axis=0)])


def _weight(block: Any) -> float:
    return float(block.weights.sum()) if block.is_weighted else float(block.n_rows)
