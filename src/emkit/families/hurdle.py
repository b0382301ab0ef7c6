"""Hurdle counts: k vectors of independent counts whose zeros have a probability of their own.

A count is zero with probability zero_kj, whatever the rest; positive counts follow a Poisson, or negative binomial,
distribution with mean m_kj truncated at zero. The two parts of the likelihood have no parameter in common, and so no
step of the M-step needs the other.

References
----------
Mullahy 1986, Journal of Econometrics 33:341.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import NonNegative, Positive, Probability
from emkit.families.columns import log_or_impossible
from emkit.families.negative_binomial import nb_gradient, nb_log_prob
from emkit.families.tables import TableFamily, Tally
from emkit.families.truncated import positive_fit, positive_share

__all__ = [
    "HurdleNegativeBinomial",
    "HurdleNegativeBinomialParameters",
    "HurdlePoisson",
    "HurdlePoissonParameters",
]

_ZERO = np.zeros(1)


@dataclass(frozen=True)
class HurdlePoissonParameters(Parameters):
    """Probabilities of a zero, and rates before truncation, (k, d) each."""

    zero: Array = space(Probability())
    rate: Array = space(Positive())


@dataclass(frozen=True)
class HurdleNegativeBinomialParameters(Parameters):
    """Probabilities of a zero, means and dispersions before truncation, (k, d) each."""

    zero: Array = space(Probability())
    mean: Array = space(Positive())
    dispersion: Array = space(NonNegative())


@dataclass(frozen=True)
class HurdlePoisson(TableFamily):
    """Independent counts: zero or not, and Poisson above zero."""

    _tables = {"zero": "Probabilities of zero", "rate": "Rates"}  # noqa: RUF012

    def _log_prob(self, own: Any, values: FloatArray) -> FloatArray:
        return _log_prob(own.zero, own.rate, np.zeros_like(own.rate), values)

    def _gradient(self, own: Any, values: FloatArray) -> tuple[FloatArray, ...]:
        return _gradient(own.zero, own.rate, np.zeros_like(own.rate), values)[:2]

    def _fitted(self, tally: Tally, before: Any) -> HurdlePoissonParameters:
        rate, _ = positive_fit(tally, False, None)
        return HurdlePoissonParameters(_zero_share(tally), rate)

    def _draw(self, own: Any, rng: np.random.Generator) -> Array:
        return _drawn(own.zero, own.rate, np.zeros_like(own.rate), rng)


@dataclass(frozen=True)
class HurdleNegativeBinomial(TableFamily):
    """Independent counts: zero or not, and negative binomial above zero."""

    _tables = {"zero": "Probabilities of zero", "mean": "Means", "dispersion": "Dispersions"}  # noqa: RUF012

    def _log_prob(self, own: Any, values: FloatArray) -> FloatArray:
        return _log_prob(own.zero, own.mean, own.dispersion, values)

    def _gradient(self, own: Any, values: FloatArray) -> tuple[FloatArray, ...]:
        return _gradient(own.zero, own.mean, own.dispersion, values)

    def _fitted(self, tally: Tally, before: Any) -> HurdleNegativeBinomialParameters:
        mean, a = positive_fit(tally, True, None if before is None else before.dispersion)
        return HurdleNegativeBinomialParameters(_zero_share(tally), mean, a)

    def _draw(self, own: Any, rng: np.random.Generator) -> Array:
        return _drawn(own.zero, own.mean, own.dispersion, rng)


def _log_prob(zero: FloatArray, mean: FloatArray, a: FloatArray, x: FloatArray) -> FloatArray:
    above = log_or_impossible(1 - zero) + nb_log_prob(mean, a, x) - np.log(positive_share(mean, a))
    found = np.where(x == 0, log_or_impossible(zero), above)
    return np.where(found < -1e279, -np.inf, found)


def _gradient(
    zero: FloatArray, mean: FloatArray, a: FloatArray, x: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    share, is_zero = positive_share(mean, a), x == 0
    by_zero = np.where(is_zero, 1 / np.maximum(zero, 1e-300), -1 / np.maximum(1 - zero, 1e-300))
    at_zero, at_x = nb_gradient(mean, a, _ZERO), nb_gradient(mean, a, x)
    pull = (1 - share) / share
    by_mean, by_a = (np.where(is_zero, 0.0, own + pull * none) for own, none in zip(at_x, at_zero, strict=True))
    return by_zero, by_mean, by_a


def _zero_share(tally: Tally) -> FloatArray:
    share = tally.number[:, tally.values == 0].sum(axis=1, keepdims=True) / tally.number.sum(axis=1, keepdims=True)
    return np.asarray(np.clip(share, 0.0, 1.0))


def _drawn(zero: FloatArray, mean: FloatArray, a: FloatArray, rng: np.random.Generator) -> Array:
    """Return counts (n, d): rejection of zeros where they are rare, and a one where nearly all would be."""
    counts = np.zeros(mean.shape)
    is_open = rng.random(mean.shape) >= zero
    shape = 1 / np.maximum(a, 1e-10)
    for _ in range(_TRIES):
        drawn = rng.poisson(rng.gamma(shape, mean / shape))
        taken = is_open & (drawn > 0)
        counts[taken] = drawn[taken]
        is_open &= ~taken
        if not is_open.any():
            return counts
    counts[is_open] = 1.0  # a mean so small that a positive count is a one, to that many tries' accuracy
    return counts


_TRIES = 1000
