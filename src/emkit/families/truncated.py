"""Counts above zero: maximum likelihood of the zero-truncated Poisson and negative binomial on a table of counts.

For given dispersion the mean m solves m / (1 - f(0)) = the mean of the positive counts; the dispersion is where the
profile's slope falls through zero, and zero where it falls from the start. Hurdle models are a share of zeros beside
this fit, and zero-inflated models are the same wherever they put more zeros than the count distribution has.
"""

from __future__ import annotations

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.families.negative_binomial import nb_gradient, slope_root
from emkit.families.tables import Tally

__all__ = ["log_zero", "positive_fit", "positive_share"]

_ZERO = np.zeros(1)
_NEWTON = 60
_SMALLEST = 1e-12  # of a mean: positive counts that are all one lead to zero


def log_zero(mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Return the log probability (k, 1) of a zero count."""
    product = dispersion * mean
    safe = np.where(dispersion > 0, dispersion, 1.0)
    return np.asarray(-np.where(product > 1e-12, np.log1p(product) / safe, mean * (1 - product / 2)))


def positive_share(mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Return the probability (k, 1) of a count above zero."""
    return np.asarray(-np.expm1(log_zero(mean, dispersion)))


def positive_fit(tally: Tally, is_dispersed: bool, before: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return means and dispersions (k, 1) of the untruncated distribution from the positive counts of a tally.

    Members without a positive count get a mean of one: it is not used.
    """
    above = tally.values > 0
    x, number = tally.values[above], tally.number[:, above]
    n = number.sum(axis=1, keepdims=True)
    safe = np.where(n > 0, n, 1.0)
    average = np.where(n > 0, (number @ x)[:, None] / safe, 2.0)
    if not is_dispersed:
        dispersion = np.zeros_like(average)
        return _mean_for(average, dispersion), dispersion

    def slope(log_a: FloatArray) -> FloatArray:
        a = np.exp(log_a)
        return _slope(_mean_for(average, a), a, x, number)

    zero = np.zeros_like(average)
    at_zero = _slope(_mean_for(average, zero), zero, x, number)
    is_over = (at_zero > 1e-12 * np.maximum(n, 1e-300)) & (n > 0)
    guess = np.ones_like(average) if before is None else np.where(before > 0, before, 1.0)
    found = np.where(is_over, np.exp(slope_root(slope, np.log(np.clip(guess, 1e-6, 1e4)))), 0.0)
    return _mean_for(average, found), found


def _slope(mean: FloatArray, a: FloatArray, x: FloatArray, number: FloatArray) -> FloatArray:
    """Return the derivative (k, 1) by dispersion of the truncated log-likelihood."""
    share = positive_share(mean, a)
    pull = (1 - share) / share * nb_gradient(mean, a, _ZERO)[1]
    return np.asarray((number * (nb_gradient(mean, a, x)[1] + pull)).sum(axis=1, keepdims=True))


def _mean_for(average: FloatArray, a: FloatArray) -> FloatArray:
    """Return the means m with m / (1 - f(0)) = average: Newton's method in the logarithm, within a bracket."""
    low, high = np.full_like(average, np.log(_SMALLEST)), np.log(average)
    at = np.clip(np.log(np.maximum(average - 1, _SMALLEST) / (1 + 0.5 * a)), low, high)
    for _ in range(_NEWTON):
        mean = np.exp(at)
        share = positive_share(mean, a)
        ratio = mean / share
        gap = np.log(ratio) - np.log(average)
        low, high = np.where(gap < 0, at, low), np.where(gap < 0, high, at)
        slope = 1 - mean * (1 - share) / (share * (1 + a * mean))
        following = at - gap / np.maximum(slope, 1e-300)
        inside = (following >= low) & (following <= high)
        following = np.where(inside, following, 0.5 * (low + high))
        is_done = np.abs(following - at) < 1e-12 * np.maximum(1.0, np.abs(at))
        at = following
        if (is_done | (gap == 0)).all():
            break
    return np.asarray(np.exp(at))
