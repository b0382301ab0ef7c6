"""Bessel ratios of directional distributions, stable from two dimensions to hundreds of thousands.

For a von Mises-Fisher distribution in d dimensions with concentration c the log partition function, with respect to the
uniform distribution on the sphere, is

    H_d(c) = log 0F1(; d/2; c^2 / 4),    H_d'(c) = A_d(c) = I_{d/2}(c) / I_{d/2 - 1}(c).

Three ways, by where they are accurate: the power series for few dimensions and small c, the Bessel functions of scipy
for few dimensions and large c, and the uniform expansion of Debye in the order for many dimensions, written so that no
large terms cancel.

References
----------
Olver 1974, *Asymptotics and Special Functions*, section 10.7. Banerjee et al. 2005, JMLR 6:1345 (the first guess of the
concentration). Hornik & Gruen 2014, Journal of Statistical Software 58(10).
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.special import gammaln, ive

from emkit.core.arrays import FloatArray

__all__ = ["bessel_ratio", "concentration_of", "log_partition"]

_FEW = 15.0  # orders below are worked out directly, above by the expansion (relative error below 1e-14)
_SMALL = 30.0  # concentrations up to which the power series is summed
_TERMS = 89
_LARGE = 1e4  # concentrations per dimension from which 1 - A is (d - 1) / 2c to many digits
_FAR = 1e8  # scipy's functions end at some 2e9
_HIGHEST = 1e300


def log_partition(c: FloatArray, d: int) -> FloatArray:
    """Return H_d(c) for concentrations of any shape, at least 0."""
    c, order = np.asarray(c, dtype=np.float64), d / 2 - 1
    if order >= _FEW:
        return _debye(c, order)[0]
    small = c <= _SMALL
    series = _series(np.where(small, c, 0.0), d / 2)
    if small.all():
        return series
    large = np.where(small, _SMALL, c)
    direct = np.log(_scaled(order, large)) + large + gammaln(d / 2) - order * np.log(large / 2)
    return np.where(small, series, direct)


def bessel_ratio(c: FloatArray, d: int) -> FloatArray:
    """Return A_d(c): the length of the mean direction, between 0 and 1."""
    c, order = np.asarray(c, dtype=np.float64), d / 2 - 1
    # Far from zero directly; near zero through H of two dimensions more, in which nothing cancels.
    far = c > (0.1 * order if order >= _FEW else _SMALL)
    near = c if far.all() else np.asarray(c / d * np.exp(log_partition(c, d + 2) - log_partition(c, d)))
    if not far.any():
        return near
    large = np.where(far, c, max(order, 1.0))
    direct = _debye(large, order)[1] if order >= _FEW else _scaled(order + 1, large) / _scaled(order, large)
    return np.where(far, direct, near)


def concentration_of(length: FloatArray, d: int) -> FloatArray:
    """Return the concentrations c with A_d(c) = length, for lengths (any shape) from 0 to below 1."""
    length = np.asarray(length, dtype=np.float64)
    c = length * (d - length**2) / (1 - length**2)
    before = np.full(c.shape, np.inf)
    for _ in range(12):
        ratio = bessel_ratio(c, d)
        positive = np.where(c > 0, c, 1.0)
        slope = np.where(c > 0, 1 - ratio**2 - (d - 1) * ratio / positive, 1.0 / d)
        slope = np.where(c > _LARGE * d, (1 - ratio) / positive, slope)  # there the terms above cancel
        step = (ratio - length) / np.maximum(slope, 1e-300)
        c = np.clip(c - step, c / 4, 4 * c + 1e-300)
        size = np.abs(step)
        is_done = (size <= 1e-13 * c) | ((size <= 1e-6 * c) & (size >= 0.5 * before))  # rounding is all that is left
        if is_done.all():
            break
        before = size
    return np.minimum(c, _HIGHEST)


def _scaled(order: float, c: FloatArray) -> FloatArray:
    """Return I_order(c) exp(-c), beyond the reach of scipy by the first terms in 1 / c."""
    is_far = c > _FAR
    far = np.where(is_far, c, _FAR)
    leading = (1 - (4 * order**2 - 1) / (8 * far)) / np.sqrt(2 * np.pi * far)
    return np.where(is_far, leading, ive(order, np.where(is_far, _FAR, c)))


def _series(c: FloatArray, half: float) -> FloatArray:
    """Return log 0F1(; half; c^2 / 4) from its power series, all of whose terms are positive."""
    powers = np.multiply.accumulate(np.repeat(c[..., None] ** 2 / 4, _TERMS, axis=-1), axis=-1)
    return np.asarray(np.log1p(powers @ _coefficients(half)))


@functools.lru_cache(maxsize=64)
def _coefficients(half: float) -> FloatArray:
    """Return one over j! half (half + 1) ... (half + j - 1) for the terms of the power series but the first."""
    j = np.arange(1, _TERMS + 1)
    return np.asarray(np.multiply.accumulate(1 / (j * (half + j - 1))))


def _debye(c: FloatArray, order: float) -> tuple[FloatArray, FloatArray]:
    """Return H and A by the uniform expansion in the order."""
    z = c / order
    root = np.sqrt(1 + z * z)
    over = z * z / (1 + root)  # root - 1
    t = 1 / root
    u, v = _sums(t, order)
    tail = 1 / (12 * order) - 1 / (360 * order**3) + 1 / (1260 * order**5) - 1 / (1680 * order**7)
    value = order * (over - np.log1p(over / 2)) - 0.5 * np.log(root) + np.log(u) + tail
    ratio = (root * v / u - 1) / np.where(z > 0, z, 1.0)
    return value, np.where(z > 0, ratio, 0.0)


def _polynomials(n: int) -> tuple[list[np.polynomial.Polynomial], list[np.polynomial.Polynomial]]:
    """Return the polynomials u_0 .. u_n and v_0 .. v_n of Debye's expansions (DLMF 10.41.7 to 10.41.9)."""
    t = np.polynomial.Polynomial([0.0, 1.0])
    weight = 0.5 * t**2 * (1 - t**2)
    u = [np.polynomial.Polynomial([1.0])]
    for _ in range(n):
        u.append(weight * u[-1].deriv() + ((1 - 5 * t**2) * u[-1]).integ() / 8)
    v = [u[0]] + [u[j] - t * (1 - t**2) * (0.5 * u[j - 1] + t * u[j - 1].deriv()) for j in range(1, n + 1)]
    return u, v


_U, _V = _polynomials(12)


def _sums(t: FloatArray, order: float) -> tuple[FloatArray, FloatArray]:
    u = np.zeros_like(t)
    v = np.zeros_like(t)
    for j in range(len(_U) - 1, -1, -1):  # smallest first
        u = u + _U[j](t) / order**j
        v = v + _V[j](t) / order**j
    return u, v
