"""Maximum-likelihood loadings and uniquenesses of a covariance matrix, by Newton's method on log uniquenesses.

Given the uniquenesses psi the best loadings follow from the eigenvalues l_1 >= ... >= l_d and eigenvectors of
psi^-1/2 S psi^-1/2, and what is left to minimise is f(psi) = sum_{m > k} (l_m - log l_m - 1) (Joreskog 1967). In
theta = log psi its gradient is sum_{m > k} (1 - l_m) w_im^2 and its Hessian is exact below. A penalty
eps sum_i 1 / psi_i, in units of the variances, keeps a uniqueness that would reach zero (a Heywood case) above it.

References
----------
Joreskog 1967, *Some contributions to maximum likelihood factor analysis*, Psychometrika 32:443.
Clarke 1970, *A rapidly convergent method for maximum-likelihood factor analysis*, British Journal of Mathematical and
Statistical Psychology 23:43.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["discrepancy", "loadings_given", "solve"]

_MAX_NEWTON = 100
_MAX_STEP = 2.0  # in log psi, per iteration
_FALL = 1e-14  # of the function that a step still promises


@dataclass(frozen=True)
class _Spectrum:
    """Eigenvalues, falling, and eigenvectors (d, d) of the scaled covariance at `theta`; value, gradient, Hessian."""

    theta: FloatArray
    roots: FloatArray
    vectors: FloatArray
    n_factors: int
    penalty: float

    @classmethod
    def at(cls, theta: FloatArray, corr: FloatArray, n_factors: int, penalty: float) -> _Spectrum:
        half = np.exp(-theta / 2)
        roots, vectors = np.linalg.eigh(half[:, None] * corr * half)
        return cls(theta, roots[::-1], vectors[:, ::-1], n_factors, penalty)

    @property
    def value(self) -> float:
        rest = self.roots[self.n_factors :]
        if not (rest > 0).all():
            return np.inf
        return float((rest - np.log(rest) - 1).sum() + self.penalty * np.exp(-self.theta).sum())

    @property
    def gradient(self) -> FloatArray:
        k = self.n_factors
        own: FloatArray = self.vectors[:, k:] ** 2 @ (1 - self.roots[k:])
        return own - self.penalty * np.exp(-self.theta)

    @property
    def hessian(self) -> FloatArray:
        """Return the exact Hessian; where it is not positive definite, the part of it that always is."""
        k, top, rest = self.n_factors, self.roots[: self.n_factors], self.roots[self.n_factors :]
        first, last = self.vectors[:, :k], self.vectors[:, k:]
        safe = ((last * rest) @ last.T) * (last @ last.T)
        penalty = np.diag(self.penalty * np.exp(-self.theta))
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = (1 - rest) * (top[:, None] + rest) / (top[:, None] - rest)  # (k, d - k)
        across = sum(
            (np.outer(first[:, i], first[:, i]) * ((last * factor[i]) @ last.T) for i in range(k)), np.zeros_like(safe)
        )
        exact = safe + across + penalty
        return exact if _is_positive(exact) else safe + penalty


def solve(corr: FloatArray, n_factors: int, uniqueness: FloatArray, penalty: float) -> tuple[FloatArray, FloatArray]:
    """Return loadings (d, k) and uniquenesses (d,) that maximise the likelihood of a correlation matrix.

    Parameters
    ----------
    corr : array (d, d)
        Any covariance matrix, scaled so that its diagonal is near one.
    n_factors : int
    uniqueness : array (d,)
        Where to start, between zero and one.
    penalty : float
        eps of the module's docstring.
    """
    if n_factors == 0:
        return np.zeros((len(corr), 0)), np.diag(corr).copy()
    here = _Spectrum.at(np.log(uniqueness), corr, n_factors, penalty)
    for _ in range(_MAX_NEWTON):
        gradient = here.gradient
        step = _newton(here.hessian, gradient)
        slope = float(gradient @ step)
        if -slope < _FALL:
            break
        ahead = _line_search(here, step, slope, corr)
        if ahead is None:
            break
        here = ahead
    return loadings_given(corr, n_factors, np.exp(here.theta)), np.exp(here.theta)


def loadings_given(corr: FloatArray, n_factors: int, uniqueness: FloatArray) -> FloatArray:
    """Return the best loadings (d, k) for given uniquenesses (d,)."""
    root = np.sqrt(uniqueness)
    values, vectors = np.linalg.eigh(corr / np.outer(root, root))
    top = slice(len(corr) - n_factors, len(corr))
    loadings = root[:, None] * vectors[:, top] * np.sqrt(np.maximum(values[top] - 1, 0))
    return np.asarray(loadings[:, ::-1], dtype=np.float64)


def discrepancy(cov: FloatArray, implied: FloatArray) -> float:
    """Return log|implied| - log|cov| + tr(implied^-1 cov) - d: zero where the two agree."""
    gap = float(np.linalg.slogdet(implied)[1] - np.linalg.slogdet(cov)[1])
    return gap + float(np.trace(np.linalg.solve(implied, cov))) - len(cov)


def _is_positive(matrix: FloatArray) -> bool:
    if not np.isfinite(matrix).all():
        return False
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _newton(hessian: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return the Newton step, no entry longer than `_MAX_STEP`."""
    ridge = 1e-14 * max(float(np.trace(hessian)), 1e-300)
    step = -np.linalg.solve(hessian + ridge * np.eye(len(gradient)), gradient)
    return np.asarray(step * min(1.0, _MAX_STEP / max(float(np.abs(step).max()), 1e-300)), dtype=np.float64)


def _line_search(here: _Spectrum, step: FloatArray, slope: float, corr: FloatArray) -> _Spectrum | None:
    """Return the first point along a step that lowers the function enough, or None where rounding hides any fall."""
    value, length = here.value, 1.0
    for _ in range(30):
        ahead = _Spectrum.at(here.theta + length * step, corr, here.n_factors, here.penalty)
        if ahead.value <= value + 1e-4 * length * slope:
            return ahead
        length /= 2
    return None
