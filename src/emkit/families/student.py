"""The Student t family: k multivariate t distributions, maximum likelihood by ECM, missing entries allowed.

x | member k ~ t(mean_k, Sigma_k, nu_k): a normal with covariance Sigma_k / u, where u ~ Gamma(nu_k/2, nu_k/2) is not
seen. Rows far out get small u, and little weight. With o the observed columns and
D = (x_o - m_o)' Sigma_oo^-1 (x_o - m_o),

    E[u | x] = (nu + d_o) / (nu + D),    E[log u | x] = log E[u | x] + digamma((nu + d_o)/2) - log((nu + d_o)/2),

the statistics are the Gaussian moments with weights r u, and sums of r, r u and r log u: degrees of freedom solve an
equation in one unknown on those alone. The scale is divided by sum r u and not by sum r (parameter expansion), which
has the same fixed point and gets there in fewer steps.

References
----------
Liu & Rubin 1995, Statistica Sinica 5:19. Peel & McLachlan 2000, Statistics and Computing 10:339.
Liu, Rubin & Wu 1998, Biometrika 85:755 (parameter expansion).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import digamma, gammaln

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import space
from emkit.core.spaces import Constant
from emkit.core.statistics import Additive
from emkit.errors import DataError, ParameterError
from emkit.families.base import MixtureStep
from emkit.families.covariance import Dense, DenseParameters
from emkit.families.gaussian import Gaussian, GaussianStatistics
from emkit.families.gaussian_missing import complete_dense, has_missing, in_order, part_of, patterns
from emkit.families.student_dof import HIGHEST, Capped, dof_solution
from emkit.kernels.foreign import is_foreign, like, namespace, rows_of, summed
from emkit.kernels.gaussian import softmax_rows, whiten_factors
from emkit.kernels.moments import given_moments
from emkit.kernels.student import student_moments, student_rows

__all__ = ["Student", "StudentFixedParameters", "StudentParameters", "StudentStatistics"]

_START_DOF = 10.0


@dataclass(frozen=True)
class StudentParameters(DenseParameters):
    """Locations, scale matrices and degrees of freedom of k t distributions.

    Parameters
    ----------
    mean : array (k, d)
    cov : array (k, d, d), or (1, d, d) where all share one
        Scale matrices; the covariance is nu / (nu - 2) times as large.
    dof : array (k,), or (1,) where all share one
    """

    dof: Array = space(Capped())


@dataclass(frozen=True)
class StudentFixedParameters(DenseParameters):
    """The same with degrees of freedom that are given and not estimated."""

    dof: Array = space(Constant())


@dataclass(frozen=True)
class StudentStatistics(Additive):
    """Expected counts r and log precisions r log u, both (k,), and moments weighted by r u, their sum included."""

    count: FloatArray
    log_u: FloatArray
    moments: GaussianStatistics


@dataclass(frozen=True)
class Student(Gaussian):
    """Student t distributions with full scale matrices: what a Gaussian does with means and covariances, with weights.

    Parameters
    ----------
    structure : Dense
        One scale matrix per member, or one for all.
    dof : float, "each" or "shared"
        Degrees of freedom: given, or estimated up to 200, one per member or one for all.
    """

    dof: float | Literal["each", "shared"] = "each"

    def __post_init__(self) -> None:
        if self.prior is not None or not isinstance(self.structure, Dense):
            message = "a Student family takes full scale matrices (`Dense`) and no prior"
            raise ParameterError(message)
        is_word = isinstance(self.dof, str) and self.dof in ("each", "shared")
        is_real = isinstance(self.dof, (int, float, np.integer, np.floating)) and not isinstance(self.dof, bool)
        is_number = is_real and 0 < float(self.dof) <= HIGHEST
        if not is_word and not is_number:
            message = f"`dof` must be 'each', 'shared' or a number above 0 and up to {HIGHEST:g}, got {self.dof!r}"
            raise ParameterError(message)

    def prepared(self, source: Any, n_components: int) -> Student:
        ready: Any = super().prepared(source, n_components)
        if ready.is_pinned.any():
            j = int(np.flatnonzero(ready.is_pinned)[0])
            name = source.feature_names[j] if source.feature_names else j
            message = f"column {name!r} is constant: a t distribution cannot be fitted to it; leave the column out"
            raise DataError(message)
        return ready  # type: ignore[no-any-return]

    # --- E-step ---

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        found = [
            (rows, _members(parameters, seen).rows(log_mix, part_of(X, rows, seen))[0]) for rows, seen in _patterns(X)
        ]
        joint: FloatArray = found[0][1] if len(found) == 1 else in_order(X, found)
        return joint

    def mixture_step(self, log_mix: FloatArray, parameters: Any, block: Any) -> MixtureStep:
        if not block.has_missing:
            every = np.ones(parameters.mean.shape[1], dtype=bool)
            loglik, total = _members(parameters, every).step(log_mix, block.X, block.kernel_weights)
            return MixtureStep(loglik, total.count, total)
        loglik, parts = 0.0, []
        for rows, seen in patterns(block.X):
            weights = None if block.kernel_weights is None else rows_of(block.kernel_weights, rows)
            own, part = _members(parameters, seen).step(log_mix, part_of(block.X, rows, seen), weights)
            loglik += own
            parts.append(part)
        total = _total(parts)
        return MixtureStep(loglik, total.count, total)

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> Any:
        parts = []
        for rows, seen in _patterns(X):
            share = resp if isinstance(rows, slice) else rows_of(resp, rows)
            parts.append(_members(parameters, seen).statistics(part_of(X, rows, seen), share))
        return _total(parts)

    # --- M-step ---

    def m_step(self, statistics: Any, parameters: Any) -> Any:
        count, moments = statistics.count, statistics.moments
        normal = super().m_step(moments, parameters)
        cov = normal.cov
        if not self._is_expanded:
            cov = cov * (moments.count.sum() / count.sum())
        return self._record(normal.mean, cov, self._dof(statistics, parameters))

    def _dof(self, statistics: Any, parameters: Any) -> FloatArray:
        if not isinstance(self.dof, str):
            return np.asarray(parameters.dof)
        count, used = statistics.count, statistics.moments.count
        is_alive = count > 1e-12 * count.sum()
        safe = np.where(is_alive, count, 1.0)
        share = np.where(is_alive, used / safe, 1.0)
        if not self._is_expanded:
            excess = share - 1
        elif self.structure.is_shared:
            excess = np.full(len(count), np.log(used.sum() / count.sum()))
        else:
            excess = np.log(share)
        excess = excess - np.where(is_alive, statistics.log_u / safe, 0.0)
        if self.dof == "shared":
            return dof_solution(np.array([count @ excess / count.sum()]), parameters.dof)
        return np.where(is_alive, dof_solution(excess, parameters.dof), parameters.dof)

    @property
    def _is_expanded(self) -> bool:
        """Whether the scale may be divided by the sum of r u: not with one scale and many degrees of freedom."""
        return not (self.structure.is_shared and self.dof == "each")

    def expected_loglik(self, parameters: Any, statistics: Any) -> float:
        scatter = statistics.moments.about(parameters.mean).second
        own = self.structure.loglik(parameters, *self.structure.pooled(statistics.count, scatter))
        half = np.broadcast_to(parameters.dof, statistics.count.shape) / 2
        gamma = statistics.count * (half * np.log(half) - gammaln(half))
        return own + float((gamma + half * (statistics.log_u - statistics.moments.count)).sum())

    def score(self, parameters: Any, statistics: Any) -> Any:
        moments = statistics.moments.about(parameters.mean)
        numbers, scatter = self._with_prior(statistics.count, moments.second, parameters.mean)
        half = np.broadcast_to(parameters.dof, statistics.count.shape) / 2
        slope = statistics.count * (np.log(half) + 1 - digamma(half)) + statistics.log_u - moments.count
        slope = slope.sum(keepdims=True) if len(parameters.dof) < len(slope) else slope
        mean = self.structure.precision_times(parameters, moments.first)
        return type(parameters)(mean, self.structure.gradient(parameters, numbers, scatter), slope / 2)

    # --- starts, order, sampling, tables ---

    def _record(self, mean: FloatArray, cov: FloatArray, dof: FloatArray) -> Any:
        kind = StudentParameters if isinstance(self.dof, str) else StudentFixedParameters
        return kind(mean, cov, dof)

    def start(self, X: Array, resp: FloatArray) -> Any:
        """Return the Gaussian start with moderately heavy tails of the same covariance."""
        normal: Any = Gaussian(self.structure, None, self.floor, self.unit, self.is_pinned).start(X, resp)
        dof = _START_DOF if isinstance(self.dof, str) else float(self.dof)
        cov = normal.cov * (dof - 2) / dof if dof > 4 else normal.cov / 2
        return self._record(normal.mean, cov, np.full(resp.shape[1] if self.dof == "each" else 1, dof))

    def reordered(self, parameters: Any, order: Array) -> Any:
        normal: Any = super().reordered(parameters, order)
        dof = parameters.dof if len(parameters.dof) < len(order) else parameters.dof[order]
        return self._record(normal.mean, normal.cov, dof)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        noise = super().sample(parameters, labels, rng) - parameters.mean[labels]
        dof = np.broadcast_to(parameters.dof, len(parameters.mean))[labels]
        return np.asarray(parameters.mean[labels] + noise / np.sqrt(rng.chisquare(dof) / dof)[:, None])

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return tables of locations, scales (root of the scale matrix's diagonal) and degrees of freedom."""
        mean, scale, *rest = super().describe(parameters, names, member)
        labels = [str(i + 1) for i in range(len(parameters.dof))] if len(parameters.dof) > 1 else ["all"]
        rows = tuple(zip(labels, parameters.dof.tolist(), strict=True))
        dof = Description("Degrees of freedom", (member, "dof"), rows)
        return (mean._replace(title="Locations"), scale._replace(title="Scales"), dof, *rest)


def _patterns(X: Array) -> Iterator[tuple[Any, Array]]:
    """Yield (rows, is_observed) for each pattern of missing entries."""
    if has_missing(X):
        yield from patterns(X)
    else:
        yield slice(None), np.ones(X.shape[1], dtype=bool)


@dataclass(frozen=True)
class _Members:
    """The members as rows see them of which the columns `seen` are observed."""

    parameters: Any
    seen: Array
    mean: FloatArray
    whiten: FloatArray
    dof: FloatArray
    peak: FloatArray  # (k,) log density at the centre

    def rows(self, log_mix: FloatArray, X: Array) -> tuple[FloatArray, FloatArray]:
        """Return log joint densities and expected precisions (n, k)."""
        if not self.seen.any():
            n = X.shape[0]
            return like(X, np.tile(log_mix, (n, 1))), like(X, np.ones((n, len(self.dof))))
        return student_rows(_contiguous(X), log_mix + self.peak, self.mean, self.whiten, self.dof)

    def step(self, log_mix: FloatArray, X: Array, weights: FloatArray | None) -> tuple[float, StudentStatistics]:
        """Return log-likelihood and statistics of an E-step."""
        if not self.seen.any():
            density, resp = softmax_rows(like(X, np.tile(log_mix, (X.shape[0], 1))))
            own = like(X, np.ones(X.shape[0])) if weights is None else weights
            return float(own @ density), self.statistics(X, resp * own[:, None])
        rows = _contiguous(X)
        loglik, count, log_u, used, first, second = student_moments(
            rows, weights, log_mix + self.peak, self.mean, self.whiten, self.dof
        )
        return loglik, self._gathered(count, log_u, used, first, second)

    def statistics(self, X: Array, resp: FloatArray) -> StudentStatistics:
        """Return the statistics of rows with responsibilities (n, k)."""
        u, xp = self.rows(np.zeros(len(self.dof)), X)[1], namespace(X)
        count, log_u = summed((xp.sum(resp, axis=0), xp.sum(resp * xp.log(u), axis=0)))
        used, first, second = given_moments(_contiguous(X), resp * u, self.mean, is_full=True)
        return self._gathered(count, log_u, used, first, second)

    def _gathered(
        self, count: FloatArray, log_u: FloatArray, used: FloatArray, first: FloatArray, second: FloatArray
    ) -> StudentStatistics:
        """Return the statistics of whole rows from sums (k,), (k, d) and (k, d, d) over the observed columns.

        The covariance of what is missing, times u, is free of u: it counts r times.
        """
        half = (self.dof + self.seen.sum()) / 2
        log_u = log_u + count * (digamma(half) - np.log(half))
        k, d = self.parameters.mean.shape
        if not self.seen.any():
            first, second = np.zeros((k, d)), count[:, None, None] * np.broadcast_to(self.parameters.cov, (k, d, d))
        elif not self.seen.all():
            first, second = complete_dense(self.parameters, self.seen, count, first, second)
        return StudentStatistics(count, log_u, GaussianStatistics(used, first, second, self.parameters.mean))


def _contiguous(X: Array) -> Array:
    return X if is_foreign(X) else np.ascontiguousarray(X)


def _members(parameters: Any, seen: Array) -> _Members:
    """Return the members as rows see them of which the columns `seen` (d,) are observed."""
    k, d = len(parameters.mean), int(seen.sum())
    dof = np.ascontiguousarray(np.broadcast_to(parameters.dof, (k,)), dtype=np.float64)
    mean, whiten = parameters.mean, parameters.whiten
    if not seen.all():
        cov = np.broadcast_to(parameters.cov, (k, len(seen), len(seen)))[:, seen][:, :, seen]
        mean, whiten = np.ascontiguousarray(mean[:, seen]), whiten_factors(np.ascontiguousarray(cov))[0]
    half_log_det = np.log(whiten.diagonal(axis1=1, axis2=2)).sum(axis=1)
    peak = gammaln((dof + d) / 2) - gammaln(dof / 2) - d / 2 * np.log(np.pi * dof) + half_log_det
    return _Members(parameters, seen, mean, whiten, dof, peak)


def _total(parts: Sequence[StudentStatistics]) -> StudentStatistics:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
