"""The standard normal distribution within limits: probabilities and moments that keep their digits in the tails.

One-sided limits use the Mills ratio: with d the continued fraction 1 / (a + 2 / (a + 3 / (a + ...))) the mean above a
is a + d and the variance (e - d) / (a + e), where d = 1 / (a + e); neither subtracts large numbers. Between two finite
limits all three are Gauss-Legendre sums over the part that matters, of the density relative to its largest value there.

References
----------
Abramowitz & Stegun 1964, equation 26.2.14.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erfcx, log_ndtr

from emkit.core.arrays import Array, FloatArray

__all__ = ["log_mass", "truncated_moments"]

_LOG_2PI = float(np.log(2 * np.pi))
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(48)
_REACH = 80.0  # twice the logarithm below which the density is left out
_FAR = 6.0  # where the continued fraction takes over
_TERMS = 60
_ROWS = 8192  # two-sided rows worked on at a time


def log_mass(low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the log probability (n,) of each interval; the log density where its ends are equal."""
    return truncated_moments(low, high)[0]


def truncated_moments(low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log probability, mean and variance (n,) of a standard normal value known to lie in an interval.

    Parameters
    ----------
    low, high : arrays (n,)
        `low` at most `high`; infinite for no limit. Equal ends are an exact value: the log density, no variance.
    """
    mass, mean, var = np.zeros(low.shape), np.zeros(low.shape), np.ones(low.shape)
    is_exact = low == high
    is_above, is_below = np.isfinite(low) & np.isposinf(high), np.isneginf(low) & np.isfinite(high)
    is_between = np.isfinite(low) & np.isfinite(high) & ~is_exact
    z = low[is_exact]
    mass[is_exact], mean[is_exact], var[is_exact] = -0.5 * z**2 - 0.5 * _LOG_2PI, z, 0.0
    mass[is_above] = log_ndtr(-low[is_above])
    mean[is_above], var[is_above] = _above(low[is_above])
    mass[is_below] = log_ndtr(high[is_below])
    mean[is_below], var[is_below] = _above(-high[is_below])
    mean[is_below] *= -1
    rows = np.flatnonzero(is_between)
    for first in range(0, len(rows), _ROWS):
        cut = rows[first : first + _ROWS]
        mass[cut], mean[cut], var[cut] = _between(low[cut], high[cut])
    return mass, mean, var


def _above(a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance (n,) of a value above `a`."""
    with np.errstate(over="ignore"):
        hazard = np.sqrt(2 / np.pi) / erfcx(a / np.sqrt(2))
    var = 1 - hazard * (hazard - a)
    is_far = a > _FAR
    if is_far.any():
        at = a[is_far]
        rest = np.zeros(at.shape)
        for term in range(_TERMS, 1, -1):
            rest = term / (at + rest)
        excess = 1 / (at + rest)
        hazard[is_far], var[is_far] = at + excess, (rest - excess) / (at + rest)
    return hazard, var


def _between(low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log probability, mean and variance (n,) between finite limits."""
    is_below: Array = high < 0
    a, b = np.where(is_below, -high, low), np.where(is_below, -low, high)
    peak = np.maximum(a, 0.0)
    reach = _REACH / (peak + np.sqrt(peak**2 + _REACH))
    a, b = np.maximum(a, peak - reach), np.minimum(b, peak + reach)
    half = 0.5 * (b - a)
    ahead = half[:, None] * (_NODES + 1) + (a - peak)[:, None]  # from the peak
    part = np.exp(-ahead * (peak[:, None] + 0.5 * ahead)) * _NODE_WEIGHTS
    total = part.sum(axis=1)
    mean = (part * ahead).sum(axis=1) / total
    var = (part * (ahead - mean[:, None]) ** 2).sum(axis=1) / total
    mass = np.log(half * total) - 0.5 * peak**2 - 0.5 * _LOG_2PI
    mean = peak + mean
    return mass, np.where(is_below, -mean, mean), var
