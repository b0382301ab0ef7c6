"""Maximum-likelihood factor analysis with some loadings fixed and factors that may correlate, by Fisher scoring.

Sigma = L F L' + diag(psi): free entries of L, of F and of log psi are found from a covariance matrix S by minimising
log|Sigma| + tr(Sigma^-1 S) + eps sum_i s_ii / psi_i. With G = Sigma^-1 (Sigma - S) Sigma^-1 the gradient by L is
2 G L F, by F it is L' G L and by psi it is diag(G); the expected Hessian is tr(Sigma^-1 Sigma_a Sigma^-1 Sigma_b).

References
----------
Joreskog 1969, *A general approach to confirmatory maximum likelihood factor analysis*, Psychometrika 34:183.
Lee & Jennrich 1979, *A study of algorithms for covariance structure analysis*, Psychometrika 44:99 (Fisher scoring).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emkit.core.arrays import Array, FloatArray

__all__ = ["Candidate", "Shape", "scored"]

_MAX_ITERATIONS = 50
_SLOPE = 1e-12  # squared length of the gradient, in the metric of the information, that counts as zero


@dataclass(frozen=True, eq=False)
class Shape:
    """Which entries are free.

    Parameters
    ----------
    loading : arrays (q,), (q,)
        Rows and columns of the free loadings.
    factor : arrays (r,), (r,)
        Rows and columns, row >= column, of the free entries of the factors' covariance.
    """

    loading: tuple[Array, Array]
    factor: tuple[Array, Array]

    @property
    def sizes(self) -> tuple[int, int]:
        """How many loadings and how many entries of the factors' covariance are free."""
        return len(self.loading[0]), len(self.factor[0])


@dataclass(frozen=True, eq=False)
class Candidate:
    """One point: loadings (d, k), covariance of the factors (k, k), uniquenesses (d,)."""

    loadings: FloatArray
    factor_cov: FloatArray
    uniqueness: FloatArray

    @property
    def cov(self) -> FloatArray:
        """The covariance (d, d) that it implies."""
        return self.loadings @ self.factor_cov @ self.loadings.T + np.diag(self.uniqueness)

    def moved(self, step: FloatArray, shape: Shape) -> Candidate:
        """Return the point reached by a step in the free entries, uniquenesses in logarithms."""
        q, r = shape.sizes
        loadings, factor_cov = self.loadings.copy(), self.factor_cov.copy()
        loadings[shape.loading] += step[:q]
        factor_cov[shape.factor] += step[q : q + r]
        factor_cov[shape.factor[::-1]] = factor_cov[shape.factor]
        growth = np.clip(step[q + r :], -3.0, 3.0)
        return Candidate(loadings, factor_cov, self.uniqueness * np.exp(growth))


def scored(cov: FloatArray, start: Candidate, shape: Shape, weight: FloatArray) -> Candidate:
    """Return the maximum-likelihood solution for a covariance matrix (d, d) from a starting point.

    `weight` (d,) is eps s_ii of the module's docstring.
    """
    here, value = start, _value(start, cov, weight)
    for _ in range(_MAX_ITERATIONS):
        gradient, information = _slopes(here, cov, shape, weight)
        step = -_solved(information, gradient)
        slope = float(gradient @ step)
        if -slope < _SLOPE:
            break
        found = _line_search(here, value, step, slope, cov, shape, weight)
        if found is None:
            break
        here, value = found
    return here


def _value(at: Candidate, cov: FloatArray, weight: FloatArray) -> float:
    try:
        np.linalg.cholesky(at.factor_cov)
        factor = np.linalg.cholesky(at.cov)
    except np.linalg.LinAlgError:
        return np.inf
    half = np.linalg.solve(factor, cov)
    fit = 2 * np.log(np.diag(factor)).sum() + np.trace(np.linalg.solve(factor, half.T))
    return float(fit + (weight / at.uniqueness).sum())


def _slopes(at: Candidate, cov: FloatArray, shape: Shape, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return gradient and expected Hessian in the free entries."""
    d = len(cov)
    inverse = np.linalg.inv(at.cov)
    inverse = (inverse + inverse.T) / 2
    gap = inverse @ (at.cov - cov) @ inverse
    across = at.loadings @ at.factor_cov
    rows, columns = shape.loading
    a, b = shape.factor
    is_off = np.where(a == b, 1.0, 2.0)
    psi = at.uniqueness
    gradient = np.concatenate(
        [
            2 * (gap @ across)[rows, columns],
            is_off * (at.loadings.T @ gap @ at.loadings)[a, b],
            np.diag(gap) * psi - weight / psi,
        ]
    )
    # Each derivative of Sigma is u v' + v u' (or u u'), so the Hessian needs only products of the u and v.
    u = np.concatenate([np.eye(d)[rows], at.loadings.T[a], np.eye(d) * np.sqrt(psi)[:, None]])
    v = np.concatenate([across.T[columns], at.loadings.T[b], np.eye(d) * np.sqrt(psi)[:, None]])
    scale = np.concatenate([np.ones(len(rows)), is_off / 2, np.full(d, 0.5)])
    ui, vi = u @ inverse, v @ inverse
    product = (ui @ u.T) * (vi @ v.T) + (ui @ v.T) * (vi @ u.T)
    information = 2 * scale[:, None] * scale * product
    own = np.arange(len(gradient) - d, len(gradient))
    information[own, own] += weight / psi
    return gradient, information


def _solved(information: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return information^-1 gradient, in the least-squares sense where a direction is not identified."""
    size = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    kept = values > 1e-10 * values[-1]
    inner = vectors[:, kept].T @ (gradient / size)
    solution: FloatArray = (vectors[:, kept] @ (inner / values[kept])) / size
    return solution


def _line_search(
    here: Candidate, value: float, step: FloatArray, slope: float, cov: FloatArray, shape: Shape, weight: FloatArray
) -> tuple[Candidate, float] | None:
    length = 1.0
    for _ in range(30):
        ahead = here.moved(length * step, shape)
        reached = _value(ahead, cov, weight)
        if reached <= value + 1e-4 * length * slope:
            return replace(ahead), reached
        length /= 2
    return None
