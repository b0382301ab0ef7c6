"""One normal distribution on rows with missing entries: the E-step, and filling in.

Shapes throughout: `X` (n, d) float32 or float64, C-contiguous, NaN where missing; `weights` (n,) float64, not negative,
or None; `mean` (d,) and `cov` (d, d) float64. The compiled code takes arrays of another type or order for a TypeError,
as it never copies.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from emkit.kernels._dispatch import native
from emkit.kernels.twins import normal_patterns as twin

__all__ = ["Filled", "NormalSums", "normal_fill", "normal_sums"]

_code: Any = twin if native is None else native


class NormalSums(NamedTuple):
    """Log-likelihood and expected moments of the completed rows about the mean.

    Rows without weight, or without any observed entry, are left out.
    """

    loglik: float  # -inf, and moments NaN, where the covariance is not positive definite
    weight: float
    first: Any  # (d,)
    second: Any  # (d, d) symmetric


class Filled(NamedTuple):
    """Rows (n, d) filled in, how uncertain each entry is, and how probable each row was."""

    rows: Any  # (n, d)
    sd: Any  # (n, d) conditional standard deviations, 0 where observed
    log_density: Any  # (n,) of the observed entries, 0 where there is none


def normal_sums(X: Any, weights: Any, counts: Any, mean: Any, cov: Any) -> NormalSums:
    """Return the sums of an E-step.

    `counts` (n,), or None for the weights, is how many rows each row stands for. One whose count is zero while its
    weight is not is a deviation, from which no mean is taken off: rows of one pattern may be given as their mean,
    with weight and count n, and a root of their scatter, with counts 0. Cost per row: d (d + m) multiplications with m
    missing, and m^3 where the pattern differs from that of the row before.
    """
    return NormalSums(*_code.normal_sums(X, weights, counts, mean, cov))


def normal_fill(X: Any, noise: Any, mean: Any, cov: Any) -> Filled:
    """Return the rows filled in.

    Missing entries get their conditional means, or, where standard normal `noise` (n, d) is given, draws.

    Raises
    ------
    ValueError
        If the covariance is not positive definite.
    """
    return Filled(*_code.normal_fill(X, noise, mean, cov))
