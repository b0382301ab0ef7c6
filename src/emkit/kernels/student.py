"""Mixtures of Student t distributions: one fused E-step, and densities with expected precisions row by row.

Shapes throughout: `X` (n, d) float32 or float64, d at least 1, complete, C-contiguous; `weights` (n,) float64, not
negative, or None; `log_peak` (k,), log mix plus the log density at the centre, where -inf is an empty component; `mean`
(k, d); `whiten` (k, d, d) lower triangular with Sigma^-1 = W' W; `dof` (k,), above zero; all but `X` float64. With
D = |W_k (x - mean_k)|^2 the log joint density of row x and component k is

    log_peak_k - (nu_k + d) / 2 log(1 + D / nu_k),    and    u = (nu_k + d) / (nu_k + D)

is the expected precision of the row. 1 + D / nu is held below 1e300, so that neither runs off.

Rows `X` of another library than NumPy stay where they are, and the twin runs there: what is said of rows stays there
too, sums come back as NumPy's.
The compiled code takes arrays of another type or order for a TypeError, as it never copies.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from emkit.kernels._dispatch import native
from emkit.kernels.foreign import called, is_foreign, summed
from emkit.kernels.twins import student as twin

__all__ = ["StudentMoments", "student_moments", "student_rows"]

_code: Any = twin if native is None else native


class StudentMoments(NamedTuple):
    """What the E-step of a mixture gives; r is a responsibility times a case weight."""

    loglik: float
    count: Any  # (k,) sums of r
    log_u: Any  # (k,) sums of r log u
    used: Any  # (k,) sums of r u
    first: Any  # (k, d) sums of r u (x - mean)
    second: Any  # (k, d, d) sums of r u (x - mean)(x - mean)'


def student_moments(X: Any, weights: Any, log_peak: Any, mean: Any, whiten: Any, dof: Any) -> StudentMoments:
    """Return log-likelihood and sums of a mixture.

    A row of weight zero has no effect whatever its values. Responsibilities below e^-69 of the largest in their row
    count as zero. Cost n k d (d + 1) multiplications and 2 n k functions.
    """
    if is_foreign(X):
        return StudentMoments(*summed(called(twin.student_moments, X, weights, log_peak, mean, whiten, dof)))
    return StudentMoments(*_code.student_moments(X, weights, log_peak, mean, whiten, dof))


def student_rows(X: Any, log_peak: Any, mean: Any, whiten: Any, dof: Any) -> tuple[Any, Any]:
    """Return log joint densities and expected precisions u, (n, k) each."""
    if is_foreign(X):
        joint, u = called(twin.student_rows, X, log_peak, mean, whiten, dof)
    else:
        joint, u = _code.student_rows(X, log_peak, mean, whiten, dof)
    return joint, u
