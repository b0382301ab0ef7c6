"""Gaussian mixtures: one fused E-step, per-row results, and the factors they need.

Shapes throughout: `X` (n, d) float32 or float64, C-contiguous; `weights` (n,) float64 or None; `log_mix` (k,), where
-inf is an empty component; `mean` (k, d); `whiten` (k, d, d) lower triangular with Sigma^-1 = W' W for the full form,
(k, d) inverse standard deviations for the diagonal form. Arrays of another kind are a TypeError: nothing is copied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from emkit.kernels._dispatch import native
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
    "whiten_factors",
]

_code: Any = twin if native is None else native


class Moments(NamedTuple):
    """What the E-step of a mixture gives: all sums run over rows, weighted by case weight and responsibility.

    `first` and `second` are about each component's current mean, so nothing cancels at any offset of the data.
    """

    loglik: float
    count: Any  # (k,)
    first: Any  # (k, d)
    second: Any  # (k, d, d), or (k, d) for the diagonal form


def full_moments(X: Any, weights: Any, log_mix: Any, mean: Any, whiten: Any) -> Moments:
    """Return log-likelihood and moments of a mixture with full covariances.

    A row whose density underflows under every component goes to the one whose scaled distance is smallest, and the
    log-likelihood is then -inf. A row of weight zero has no effect whatever its values. Cost n k d (d + 1).
    """
    return Moments(*_code.full_moments(X, weights, log_mix, mean, whiten))


def diagonal_moments(X: Any, weights: Any, log_mix: Any, mean: Any, whiten: Any) -> Moments:
    """Return log-likelihood and moments of a mixture with diagonal covariances. Cost n k d."""
    return Moments(*_code.diagonal_moments(X, weights, log_mix, mean, whiten))


def full_log_joint(X: Any, log_mix: Any, mean: Any, whiten: Any) -> Any:
    """Return log mix_k + log density of each row under each component, (n, k)."""
    return _code.full_log_joint(X, log_mix, mean, whiten)


def diagonal_log_joint(X: Any, log_mix: Any, mean: Any, whiten: Any) -> Any:
    """Return log mix_k + log density of each row under each component, (n, k)."""
    return _code.diagonal_log_joint(X, log_mix, mean, whiten)


def full_posterior(X: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[Any, Any]:
    """Return log-density (n,) and responsibilities (n, k)."""
    density, resp = _code.full_posterior(X, log_mix, mean, whiten)
    return density, resp


def diagonal_posterior(X: Any, log_mix: Any, mean: Any, whiten: Any) -> tuple[Any, Any]:
    """Return log-density (n,) and responsibilities (n, k)."""
    density, resp = _code.diagonal_posterior(X, log_mix, mean, whiten)
    return density, resp


def softmax_rows(log_joint: Any) -> tuple[Any, Any]:
    """Return log-density (n,) and responsibilities (n, k) from log joint densities (n, k).

    A row that is -inf under every component has log-density -inf and equal responsibilities.
    """
    density, resp = _code.softmax_rows(log_joint)
    return density, resp


def whiten_factors(cov: Any) -> tuple[Any, Any, Any]:
    """Return inverse Cholesky factors (k, d, d), half log-determinants (k,) and status (k,) of covariances (k, d, d).

    A status above zero is the number of the first pivot that is not positive; the factor is then meaningless.
    """
    whiten, half_log_det, status = _code.whiten_factors(cov)
    return whiten, half_log_det, status
