"""Zero-inflated counts: k vectors of independent counts with zeros of two kinds.

With probability zero_kj a count is zero for a reason of its own; else it is Poisson, or negative binomial, with mean
m_kj, and may be zero as well. On a table of counts maximum likelihood is that of the positive counts, truncated at
zero, together with the share of zeros, wherever the share exceeds what the count distribution itself puts there; where
it does not, no zeros are added.

References
----------
Lambert 1992, Technometrics 34:1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import NonNegative, Positive, Probability
from emkit.families.columns import log_or_impossible
from emkit.families.negative_binomial import nb_fitted, nb_gradient, nb_log_prob
from emkit.families.tables import TableFamily, Tally
from emkit.families.truncated import log_zero, positive_fit, positive_share

__all__ = [
    "ZeroInflatedNegativeBinomial",
    "ZeroInflatedNegativeBinomialParameters",
    "ZeroInflatedPoisson",
    "ZeroInflatedPoissonParameters",
]


@dataclass(frozen=True)
class ZeroInflatedPoissonParameters(Parameters):
    """Shares of added zeros and rates of the other counts, (k, d) each."""

    zero: Array = space(Probability())
    rate: Array = space(Positive())


@dataclass(frozen=True)
class ZeroInflatedNegativeBinomialParameters(Parameters):
    """Shares of added zeros, means and dispersions of the other counts, (k, d) each."""

    zero: Array = space(Probability())
    mean: Array = space(Positive())
    dispersion: Array = space(NonNegative())


@dataclass(frozen=True)
class ZeroInflatedPoisson(TableFamily):
    """Independent Poisson counts with added zeros."""

    _tables = {"zero": "Shares of added zeros", "rate": "Rates"}  # noqa: RUF012

    def _log_prob(self, own: Any, values: FloatArray) -> FloatArray:
        return _log_prob(own.zero, own.rate, np.zeros_like(own.rate), values)

    def _gradient(self, own: Any, values: FloatArray) -> tuple[FloatArray, ...]:
        return _gradient(own.zero, own.rate, np.zeros_like(own.rate), values)[:2]

    def _fitted(self, tally: Tally, before: Any) -> ZeroInflatedPoissonParameters:
        zero, rate, _ = _fitted(tally, False, None)
        return ZeroInflatedPoissonParameters(zero, rate)

    def _draw(self, own: Any, rng: np.random.Generator) -> Array:
        return np.asarray(rng.poisson(own.rate) * (rng.random(own.zero.shape) >= own.zero))


@dataclass(frozen=True)
class ZeroInflatedNegativeBinomial(TableFamily):
    """Independent negative binomial counts with added zeros."""

    _tables = {"zero": "Shares of added zeros", "mean": "Means", "dispersion": "Dispersions"}  # noqa: RUF012

    def _log_prob(self, own: Any, values: FloatArray) -> FloatArray:
        return _log_prob(own.zero, own.mean, own.dispersion, values)

    def _gradient(self, own: Any, values: FloatArray) -> tuple[FloatArray, ...]:
        return _gradient(own.zero, own.mean, own.dispersion, values)

    def _fitted(self, tally: Tally, before: Any) -> ZeroInflatedNegativeBinomialParameters:
        found = _fitted(tally, True, None if before is None else before.dispersion)
        return ZeroInflatedNegativeBinomialParameters(*found)

    def _draw(self, own: Any, rng: np.random.Generator) -> Array:
        shape = 1 / np.maximum(own.dispersion, 1e-10)
        drawn = rng.poisson(rng.gamma(shape, own.mean / shape))
        return np.asarray(drawn * (rng.random(own.zero.shape) >= own.zero))


def _log_prob(zero: FloatArray, mean: FloatArray, a: FloatArray, x: FloatArray) -> FloatArray:
    log_count = log_or_impossible(1 - zero)
    log_prob = log_count + nb_log_prob(mean, a, x)
    both = np.logaddexp(log_or_impossible(zero), log_count + log_zero(mean, a))
    found = np.where(x == 0, both, log_prob)
    return np.where(found < -1e279, -np.inf, found)


def _gradient(
    zero: FloatArray, mean: FloatArray, a: FloatArray, x: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    none = np.exp(log_zero(mean, a))
    chance = np.maximum(zero + (1 - zero) * none, 1e-300)
    part = np.where(x == 0, (1 - zero) * none / chance, 1.0)
    by_zero = np.where(x == 0, positive_share(mean, a) / chance, -1 / np.maximum(1 - zero, 1e-300))
    by_mean, by_a = nb_gradient(mean, a, x)
    return by_zero, part * by_mean, part * by_a


def _fitted(tally: Tally, is_dispersed: bool, before: FloatArray | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    n = tally.number.sum(axis=1, keepdims=True)
    share = tally.number[:, tally.values == 0].sum(axis=1, keepdims=True) / n
    mean, a = positive_fit(tally, is_dispersed, before)
    above = positive_share(mean, a)
    zero = (share - (1 - above)) / above
    plain_mean, plain_a = nb_fitted(tally, before)
    plain_a = plain_a if is_dispersed else np.zeros_like(plain_a)
    is_inflated = zero > 0
    mean, a = np.where(is_inflated, mean, plain_mean), np.where(is_inflated, a, plain_a)
    return np.where(is_inflated, np.minimum(zero, 1.0), 0.0), mean, a
