"""The negative binomial family: k vectors of independent overdispersed counts, by mean and dispersion.

x_j | member k has mean m_kj and variance m + a m^2 with the dispersion a_kj:

    log f(x) = sum_{i < x} log(1 + a i) + x log m - (x + 1/a) log(1 + a m) - log x!

a = 0 is the Poisson distribution, a regular point at which many estimates lie. The mean is estimated by the mean; the
dispersion solves one equation on the table of counts, and is zero where the variance does not exceed the mean.

References
----------
Lawless 1987, Canadian Journal of Statistics 15:209. Saha & Paul 2005, Biometrics 61:179.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import NonNegative, Positive
from emkit.families.columns import log_or_impossible
from emkit.families.tables import TableFamily, Tally

__all__ = ["NegativeBinomial", "NegativeBinomialParameters", "nb_fitted", "nb_gradient", "nb_log_prob", "slope_root"]

_HIGHEST = 1e6  # dispersions above are one spike at zero and a tail that no data tell apart
_TINY = 1e-8  # dispersions below are worked out by a series
_LARGE = 40.0  # 1 / dispersion above: by Stirling's series, which keeps the digits that differences of gammas lose
_STEPS = 80


@dataclass(frozen=True)
class NegativeBinomialParameters(Parameters):
    """Means and dispersions (k, d)."""

    mean: Array = space(Positive())
    dispersion: Array = space(NonNegative())

    @property
    def size(self) -> FloatArray:
        """One over the dispersion (k, d): the parameter that other programs call size, r or theta."""
        with np.errstate(divide="ignore"):
            return np.asarray(1 / self.dispersion)


@dataclass(frozen=True)
class NegativeBinomial(TableFamily):
    """Independent negative binomial counts."""

    _tables = {"mean": "Means", "dispersion": "Dispersions"}  # noqa: RUF012

    def _log_prob(self, own: Any, values: FloatArray) -> FloatArray:
        return nb_log_prob(own.mean, own.dispersion, values)

    def _gradient(self, own: Any, values: FloatArray) -> tuple[FloatArray, ...]:
        return nb_gradient(own.mean, own.dispersion, values)

    def _fitted(self, tally: Tally, before: Any) -> NegativeBinomialParameters:
        return NegativeBinomialParameters(*nb_fitted(tally, None if before is None else before.dispersion))

    def _draw(self, own: Any, rng: np.random.Generator) -> Array:
        shape = 1 / np.maximum(own.dispersion, 1e-10)
        return np.asarray(rng.poisson(rng.gamma(shape, own.mean / shape)))


def nb_log_prob(mean: FloatArray, dispersion: FloatArray, x: FloatArray) -> FloatArray:
    """Return log probabilities (k, v) of counts (v,) from means and dispersions (k, 1)."""
    a = dispersion
    log_mean = log_or_impossible(mean)
    spread = np.where(a * mean > 1e-12, np.log1p(a * mean) / np.where(a > 0, a, 1.0), mean * (1 - a * mean / 2))
    log_prob = _rising(x, a)[0] + x * log_mean - x * np.log1p(a * mean) - spread - gammaln(x + 1)
    return np.where(log_prob < -1e279, -np.inf, log_prob)


def nb_gradient(mean: FloatArray, dispersion: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives (k, v) of the log probability by mean and by dispersion."""
    a, safe = dispersion, np.where(mean > 0, mean, 1.0)
    by_mean = np.where(mean > 0, (x - mean) / (safe * (1 + a * mean)), -1.0)
    return by_mean, _by_dispersion(mean, a, x)


def nb_fitted(tally: Tally, before: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Return means and dispersions (k, 1) of maximum likelihood."""
    x, number = tally.values, tally.number
    n = number.sum(axis=1, keepdims=True)
    mean = (number @ x)[:, None] / n
    excess = (number * (x - mean) ** 2).sum(axis=1, keepdims=True) / n - mean  # twice the slope at zero, by row
    is_over = excess > 1e-12 * mean
    moment = np.where(is_over, excess / np.maximum(mean**2, 1e-300), 1.0)
    guess = moment if before is None else np.where(before > 0, before, moment)
    found = slope_root(lambda log_a: _slope(mean, np.exp(log_a), tally), np.log(np.clip(guess, 1e-8, _HIGHEST)))
    return mean, np.where(is_over, np.exp(found), 0.0)


def _slope(mean: FloatArray, a: FloatArray, tally: Tally) -> FloatArray:
    return np.asarray((tally.number * _by_dispersion(mean, a, tally.values)).sum(axis=1, keepdims=True))


def slope_root(slope: Any, start: FloatArray) -> FloatArray:
    """Return where a function of log dispersion falls through zero: steps until bracketed, then false position."""
    low, high = np.full_like(start, np.log(1e-12)), np.full_like(start, np.log(_HIGHEST))
    at, step = start, np.full_like(start, 0.03)
    f = slope(at)
    low, high = np.where(f > 0, at, low), np.where(f > 0, high, at)
    f_low, f_high = np.where(f > 0, f, np.nan), np.where(f > 0, np.nan, f)
    for _ in range(_STEPS):
        is_open = np.isnan(f_low) | np.isnan(f_high)
        walk = np.where(np.isnan(f_high), np.minimum(low + step, high), np.maximum(high - step, low))
        with np.errstate(divide="ignore", invalid="ignore"):
            chord = (low * f_high - high * f_low) / (f_high - f_low)
        middle = 0.5 * (low + high)
        inside = (chord > low) & (chord < high)
        at = np.where(is_open, walk, np.where(inside, chord, middle))
        step = np.where(is_open, 2 * step, step)
        f = slope(at)
        is_up = f > 0
        # The end that stays has its value halved, or the chord would keep one end for ever.
        f_low = np.where(is_up, f, np.where(is_open, f_low, f_low / 2))
        f_high = np.where(is_up, np.where(is_open, f_high, f_high / 2), f)
        low, high = np.where(is_up, at, low), np.where(is_up, high, at)
        if ((high - low < 1e-10) | (f == 0)).all():
            break
    return np.asarray(np.where(f == 0, at, 0.5 * (low + high)))


def _by_dispersion(mean: FloatArray, a: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of the log probability by dispersion, also at zero."""
    am, safe = a * mean, np.where(a > 0, a, 1.0)
    # log(1 + am) / a^2 - m / (a (1 + am)), by its series where the two cancel
    near = mean**2 * (0.5 - am * (2 / 3 - am * (3 / 4 - am * (4 / 5))))
    far = np.log1p(am) / safe**2 - mean / (safe * (1 + am))
    spread = np.where(am < 1e-3, near, far)
    return np.asarray(_rising(x, a)[1] - x * mean / (1 + am) + spread)


def _rising(x: FloatArray, a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return sum_{i < x} log(1 + a i) and its derivative sum_{i < x} i / (1 + a i), both (k, v)."""
    first, second = x * (x - 1) / 2, (x - 1) * x * (2 * x - 1) / 6
    r = 1 / np.maximum(a, _TINY)
    is_large = r > _LARGE
    # Stirling's series where 1 / a is large
    z = np.where(is_large, r, _LARGE)
    logs = np.log1p(x / z)
    far = (x + z - 0.5) * logs - x + _tail(x + z) - _tail(z)
    psi = logs - 0.5 * (1 / (x + z) - 1 / z) - _tail_slope(x + z) + _tail_slope(z)
    far_slope = z * (x - z * psi)
    s = np.where(is_large, 1.0, r)
    near = gammaln(x + s) - gammaln(s) - x * np.log(s)
    near_slope = s * (x - s * (digamma(x + s) - digamma(s)))
    value, slope = np.where(is_large, far, near), np.where(is_large, far_slope, near_slope)
    is_tiny = a * np.maximum(x, 1.0) < 1e-5
    value = np.where(is_tiny, a * first - a * a / 2 * second, value)
    return value, np.where(is_tiny, first - a * second, slope)


def _tail(z: FloatArray) -> FloatArray:
    return np.asarray(1 / (12 * z) - 1 / (360 * z**3) + 1 / (1260 * z**5))


def _tail_slope(z: FloatArray) -> FloatArray:
    return np.asarray(1 / (12 * z**2) - 1 / (120 * z**4) + 1 / (252 * z**6))
