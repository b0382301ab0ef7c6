"""Gaussian mixtures: one fused E-step, per-row results, and the factors they need.

Shapes throughout: `X` (n, d) float32 or float64, C-contiguous; `weights` (n,) float64, not negative, or None;
`log_mix` (k,), where -inf is an empty component; `mean` (k, d); `whiten` (k, d, d) lower triangular with
Sigma^-1 = W' W for the full form, (k, d) inverse standard deviations for the diagonal form; all but `X`
float64. The log joint density of row x and component k is

    log_mix_k - d/2 log 2 pi + sum_i log W_k,ii - |W_k (x - mean_k)|^2 / 2.

Rows `X` of another library than NumPy stay where they are, and the twin runs there: what is said of rows stays there
too, sums come back as NumPy's.
The compiled code takes arrays of another type or order for a TypeError, as it never copies; values are not
checked, the door did that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from emkit.kernels._dispatch import native
from emkit.kernels.foreign import called, is_foreign, summed
from emkit.kernels.twins import gaussian as twin

__all__ = [
    "Moments",
    "diagonal_log_joint",
    "diagonal_moments",
    "diagonal_posterior",
    "full_log_joint",
    "full_moments",
    "full_posterior",
    "softmax_rows",
    "weighted_logsumexp",
    "whiten_factors",
]

_code: Any = twin if native is None else native


class Moments(NamedTuple):
    """What the E-step of a mixture gives: sums over rows, weighted by case weight and responsibility.

    `first` and `second` are about each component's current mean, so nothing cancels at any offset of the
    data.
    """

    loglik: float
    count: Any  # (k,)
    first: Any  # (k, d)
    second: Any  # (k, d, d) symmetric, or (k, d) for the diagonal form


def full_moments(X: Any, weights: Any, log_mix: Any, mean: Any, whiten: Any) -> Moments:
    """Return log-likelihood and moments of a mixture with full covariances.

    A row whose density underflows under every component goes to the one whose largest scaled deviation is
    smallest, and the log-likelihood is then -inf. A row of weight zero has no effect whatever its values.
    Responsibilities below e^-69 of the largest in their row count as zero. Cost n k d (d + 1)
    multiplications.
    """
    if is_foreign(X):
        return Moments(*summed(called(twin.full_moments, X, weights, log_mix, mean, whiten)))
    return Moments(*_code.full_moments(X, weights, log_mix, mean, whiten))


def diagonal_moments(X: Any, weights: Any, log_mix: Any, mean: Any, whiten: Any) -> Moments:
    """Return log-likelihood and moments of a mixture with diagonal covariances. Cost n k d."""
    if is_foreign(X):
        return Moments(*summed(called(twin.diagonal_moments, X, weights, log_mix, mean, whiten)))
    return Moments(*_code.diagonal_moments(X, weights, log_mix, mean, whiten))


def full_log_joint(X: Any, log_mix: Any, mean: Any, whiten: Any) -> Any:
    """Return log mix + log density of each row under each component with full covariance, (n, k)."""
    if is_foreign(X):
        return called(twin.full_log_joint, X, log_mix, mean, whiten)
    return _code.full_log_joint(X, log_mix, mean, whiten)


def diagonal_log_joint(X: Any, log_mix: Any, mean: Any, whiten: Any) -> Any:
    """Return log mix + log density of each row under each component with diagonal covariance, (n, k)."""
    if is_foreign(X):
        return called(twin.diagonal_log_joint, X, log_mix, mean, whiten)
    return _code.diagonal_log_joint(X, log_mix, mean, whiten)


def full_posterior(X: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[Any, Any]:
    """Return log-density (n,) and responsibilities (n, k) under full covariances."""
    density, resp = _code.full_posterior(X, log_mix, mean, whiten)
    return density, resp


def diagonal_posterior(X: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[Any, Any]:
    """Return log-density (n,) and responsibilities (n, k) under diagonal covariances."""
    density, resp = _code.diagonal_posterior(X, log_mix, mean, whiten)
    return density, resp


def softmax_rows(log_joint: Any) -> tuple[Any, Any]:
    """Return log-density (n,) and responsibilities (n, k) from log joint densities (n, k).

    A row that is -inf under every component has log-density -inf and equal responsibilities.
    """
    if is_foreign(log_joint):
        return twin.softmax_rows(log_joint)
    density, resp = _code.softmax_rows(log_joint)
    return density, resp


def weighted_logsumexp(log_joint: Any, weights: Any) -> float:
    """Return the sum over rows of weight times log-density, from log joint densities (n, k)."""
    return float(_code.weighted_logsumexp(log_joint, weights))


def whiten_factors(cov: Any) -> tuple[Any, Any, Any]:
    """Return inverse Cholesky factors (k, d, d), half log-determinants and status (k,).

    A status above zero is the number, from 1, of the first pivot that is not positive; the half log-
    determinant is then NaN and the factor zero.
    """
    whiten, half_log_det, status = _code.whiten_factors(cov)
    return whiten, half_log_det, status
