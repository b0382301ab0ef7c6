"""Canonical correlation of two sets of variables by maximum likelihood, entries missing.

Story: z ~ N(0, I_k) is shared by x = mean_x + W_x z + e_x and y = mean_y + W_y z + e_y, whose errors are normal with
any covariance within each set: so all that is restricted is the covariance of x and y, which has rank k. Kept as the
reduced-rank regression y = mean_y + B (x - mean_x) + error, B = A (I C) up to the order of the columns, whose parts
move freely. The E-step completes the missing entries, the M-step takes the k largest canonical correlations of the
completed covariance; without missing entries one step is the answer.

References
----------
Bach & Jordan 2005, *A probabilistic interpretation of canonical correlation analysis*. Anderson 1951, Annals of
Mathematical Statistics 22:327 (reduced-rank regression). Hotelling 1936, Biometrika 28:321.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.linalg import qr, solve_triangular

from emkit.core import Model, Parameters
from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import space
from emkit.core.spaces import Constant, PositiveDefinite, Real
from emkit.families.gaussian_missing import patterns
from emkit.families.normal import Normal, NormalParameters, NormalStatistics

__all__ = ["Canonical", "CanonicalPairs", "CanonicalParameters", "canonical_pairs"]

_FLAT = 1e-10  # a correlation matrix with an eigenvalue below this has collapsed
_ONE = 1 - 1e-12  # a canonical correlation may come that near to one
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class CanonicalParameters(Parameters):
    """Two sets of variables whose covariance has rank k.

    Attributes
    ----------
    mean : array (p + q,)
    cov_x : array (p, p)
    left : array (q, k)
        A.
    right : array (k, p - k)
        C: what the columns of x beyond `lead` add to those in it.
    lead : array (k,) of int
        The columns of x whose coefficients are the identity.
    cov_rest : array (q, q)
        Covariance of y given x.
    """

    mean: FloatArray = space(Real())
    cov_x: FloatArray = space(PositiveDefinite())
    left: FloatArray = space(Real())
    right: FloatArray = space(Real())
    lead: Array = space(Constant())
    cov_rest: FloatArray = space(PositiveDefinite())

    @property
    def axes(self) -> FloatArray:
        """(I C) in the order of the columns of x, (k, p)."""
        k, p = len(self.lead), len(self.cov_x)
        full = np.zeros((k, p))
        full[:, self.lead] = np.eye(k)
        full[:, np.setdiff1d(np.arange(p), self.lead)] = self.right
        return full

    @property
    def cov(self) -> FloatArray:
        """The covariance (p + q, p + q) of both sets."""
        slope = self.left @ self.axes
        across = slope @ self.cov_x
        lower = self.cov_rest + across @ slope.T
        return np.block([[self.cov_x, across.T], [across, (lower + lower.T) / 2]])


@dataclass(frozen=True, eq=False)
class CanonicalPairs:
    """Canonical correlations (m,), falling, with weights (p, m) and (q, m) that give variates of variance one."""

    correlations: FloatArray
    x_weights: FloatArray
    y_weights: FloatArray


@dataclass(frozen=True)
class Canonical(Model):
    """Rows are the p columns of x and then those of y.

    Parameters
    ----------
    n_components : int
    n_left : int
        Columns of x.
    """

    n_components: int
    n_left: int
    normal: Normal = field(default_factory=Normal, compare=False)

    # --- the protocol ---

    def prepare(self, source: Any) -> tuple[Canonical, Any]:
        """Read off units, and arrange the rows by their patterns of missing entries."""
        ready, rows = self.normal.prepare(source)
        return replace(self, normal=ready), rows

    def start(self, source: Any, rng: np.random.Generator) -> CanonicalParameters:
        """Return the best fit to the moments completed once."""
        first = self.normal.start(source, rng)
        sums = source.reduce(lambda block: self.normal.e_step(first, block))
        moments = self.normal.m_step(sums, first)
        return self._fitted(moments.mean, moments.cov, None)

    def e_step(self, parameters: CanonicalParameters, block: Any) -> NormalStatistics:
        return self.normal.e_step(NormalParameters(parameters.mean, parameters.cov), block)

    def m_step(self, statistics: NormalStatistics, parameters: CanonicalParameters) -> CanonicalParameters:
        mean = statistics.pivot + statistics.first / statistics.weight
        cov = statistics.about(mean).second / statistics.weight
        return self._fitted(mean, (cov + cov.T) / 2, parameters.lead)

    def expected_loglik(self, parameters: CanonicalParameters, statistics: NormalStatistics) -> float:
        return self.normal.expected_loglik(NormalParameters(parameters.mean, parameters.cov), statistics)

    def score(self, parameters: CanonicalParameters, statistics: NormalStatistics) -> CanonicalParameters:
        p, at = self.n_left, statistics.about(parameters.mean)
        inverse = np.linalg.inv(parameters.cov)
        gap = (inverse @ at.second @ inverse - at.weight * inverse) / 2
        gap = (gap + gap.T) / 2
        axes, slope = parameters.axes, parameters.left @ parameters.axes
        by_slope = 2 * (gap[p:, :p] + gap[p:, p:] @ slope) @ parameters.cov_x
        across = gap[:p, p:] @ slope
        rest = np.setdiff1d(np.arange(p), parameters.lead)
        return CanonicalParameters(
            inverse @ at.first,
            gap[:p, :p] + across + across.T + slope.T @ gap[p:, p:] @ slope,
            by_slope @ axes.T,
            (parameters.left.T @ by_slope)[:, rest],
            np.zeros(len(parameters.lead)),
            gap[p:, p:],
        )

    @property
    def starts_to_agree(self) -> int:
        """One: every start is the same."""
        return 1

    def _fitted(self, mean: FloatArray, cov: FloatArray, lead: Array | None) -> CanonicalParameters:
        p, k = self.n_left, self.n_components
        pairs = canonical_pairs(cov, p)
        # B = cov_y V diag(r) U' with the k largest correlations r, and U, V the weights of x and y
        left = cov[p:, p:] @ pairs.y_weights[:, :k] * pairs.correlations[:k]
        axes = pairs.x_weights[:, :k].T
        if lead is None:
            sd = np.sqrt(np.diag(cov)[:p])
            lead = np.sort(qr(axes * sd, mode="r", pivoting=True)[1][:k])
        head = axes[:, lead]
        right = np.asarray(np.linalg.solve(head, axes[:, np.setdiff1d(np.arange(p), lead)]), dtype=np.float64)
        slope = left @ axes
        rest = cov[p:, p:] - slope @ cov[:p, :p] @ slope.T
        return CanonicalParameters(mean, cov[:p, :p], left @ head, right, lead, (rest + rest.T) / 2)

    # --- what else it offers ---

    def log_density(self, parameters: CanonicalParameters, block: Any) -> FloatArray:
        """Return the log-density (b,) of the observed entries of each row."""
        cov, density = parameters.cov, np.zeros(len(block.X))
        for rows, seen in patterns(block.X):
            if not seen.any():
                continue
            factor = np.linalg.cholesky(cov[np.ix_(seen, seen)])
            white = solve_triangular(factor, (block.X[rows][:, seen] - parameters.mean[seen]).T, lower=True)
            constant = 0.5 * len(factor) * _LOG_2PI + np.log(np.diag(factor)).sum()
            density[rows] = -0.5 * (white**2).sum(axis=0) - constant
        return density

    def sample(self, parameters: CanonicalParameters, n: int, rng: np.random.Generator) -> FloatArray:
        """Return `n` complete rows."""
        return self.normal.sample(NormalParameters(parameters.mean, parameters.cov), n, rng)

    def degeneracy(self, parameters: CanonicalParameters, statistics: Any) -> str:
        """Name the variables that determine one another."""
        sd = np.sqrt(np.diag(parameters.cov))
        values, vectors = np.linalg.eigh(parameters.cov / np.outer(sd, sd))
        if values[0] > _FLAT:
            return ""
        which = ", ".join(str(j) for j in np.flatnonzero(np.abs(vectors[:, 0]) > 0.1))
        return f"variables {which} (counted from 0, those of Y after those of X) determine one another: leave one out"

    def describe(self, parameters: CanonicalParameters, names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the canonical correlations and the weights of the variables."""
        p, k = self.n_left, self.n_components
        pairs = canonical_pairs(parameters.cov, p)
        called = [f"x{j + 1}" for j in range(p)] + [f"y{j + 1}" for j in range(len(parameters.cov_rest))]
        called = called if names is None else list(names)
        heads = tuple(f"pair {m + 1}" for m in range(k))
        own = Description("Canonical correlations", heads, (tuple(pairs.correlations[:k].tolist()),))
        weights = np.concatenate([pairs.x_weights[:, :k], pairs.y_weights[:, :k]]).tolist()
        rows = tuple((name, *row) for name, row in zip(called, weights, strict=True))
        return own, Description("Weights", ("variable", *heads), rows)


def canonical_pairs(cov: FloatArray, n_left: int) -> CanonicalPairs:
    """Return the canonical correlations of the first `n_left` variables with the others, from their covariance.

    Each pair of weights has the sign that makes the larger of the weights of x, in units, positive.
    """
    sd = np.sqrt(np.diag(cov))
    correlation = cov / np.outer(sd, sd)
    left, right = (np.linalg.cholesky(part) for part in (correlation[:n_left, :n_left], correlation[n_left:, n_left:]))
    across = solve_triangular(left, correlation[:n_left, n_left:], lower=True)
    across = solve_triangular(right, across.T, lower=True).T
    u, r, vt = np.linalg.svd(across, full_matrices=False)
    x = solve_triangular(left.T, u, lower=False)
    y = solve_triangular(right.T, vt.T, lower=False)
    largest = x[np.abs(x).argmax(axis=0), np.arange(x.shape[1])]
    sign = np.where(largest < 0, -1.0, 1.0)
    return CanonicalPairs(np.minimum(r, _ONE), x * sign / sd[:n_left, None], y * sign / sd[n_left:, None])
