"""Mixtures of the families of counts, times, shares and directions, and of several families side by side."""

import numpy as np
from case import Case

from emkit.families.bernoulli import Bernoulli
from emkit.families.beta import Beta
from emkit.families.binomial import Binomial
from emkit.families.contaminated import Contaminated
from emkit.families.exponential import Exponential
from emkit.families.gamma import Gamma
from emkit.families.gaussian import Gaussian
from emkit.families.hurdle import HurdleNegativeBinomial, HurdlePoisson
from emkit.families.interval import IntervalGaussian, IntervalLogNormal, IntervalPoisson
from emkit.families.interval_times import IntervalExponential, IntervalGamma, IntervalWeibull
from emkit.families.inverse_gaussian import InverseGaussian
from emkit.families.laplace import Laplace
from emkit.families.log_normal import LogNormal
from emkit.families.multinomial import Multinomial
from emkit.families.negative_binomial import NegativeBinomial
from emkit.families.noise import WithNoise
from emkit.families.poisson import Poisson
from emkit.families.product import Product
from emkit.families.skew import SkewNormal, SkewT
from emkit.families.von_mises import VonMises
from emkit.families.von_mises_fisher import VonMisesFisher, unit_rows
from emkit.families.weibull import Weibull
from emkit.families.zero_inflated import ZeroInflatedNegativeBinomial, ZeroInflatedPoisson
from emkit.mixture import FiniteMixture

_N = 120


def _labels(share=0.4, seed=3):
    rng = np.random.default_rng(seed)
    return rng, rng.random((_N, 1)) < share


def _holes(rows, share=0.15):
    return np.where(np.random.default_rng(8).random(rows.shape) < share, np.nan, rows)


def _binomial():
    rng, first = _labels()
    return rng.binomial([5, 3, 8], np.where(first, [0.2, 0.7, 0.3], [0.7, 0.2, 0.8])).astype(float)


def _bernoulli():
    rng, first = _labels()
    return (rng.random((_N, 5)) < np.where(first, 0.2, [0.7, 0.8, 0.6, 0.7, 0.9])).astype(float)


def _multinomial():
    rng, first = _labels()
    return np.array([rng.multinomial(12, [0.6, 0.3, 0.1] if z else [0.1, 0.3, 0.6]) for z in first[:, 0]], dtype=float)


def _times():
    rng, first = _labels()
    return rng.exponential(np.where(first, [1.0, 9.0], [8.0, 1.0]))


def _censored_times():
    rng, _ = _labels(seed=5)
    times, limit = _times(), rng.exponential(8.0, (_N, 2))
    return np.stack([np.minimum(times, limit), (times <= limit).astype(float)], axis=2).reshape(_N, 4)


def _gammas():
    rng, first = _labels()
    return rng.gamma(np.where(first, [9.0, 2.0], [3.0, 8.0]), np.where(first, [0.3, 3.0], [2.0, 0.5]))


def _shares():
    rng, first = _labels()
    return rng.beta(np.where(first, [2.0, 6.0], [6.0, 2.0]), np.where(first, [5.0, 2.0], [2.0, 4.0]))


def _angles():
    rng, first = _labels()
    return rng.vonmises(np.where(first, [0.0, 2.5], [2.0, -1.5]), np.where(first, 4.0, [2.0, 6.0]))


def _directions(d=4):
    rng, first = _labels()
    return unit_rows(rng.standard_normal((_N, d)) + 2 * np.where(first, np.eye(d)[0], np.eye(d)[1]))


def _counts(share_zero=0.0):
    rng, first = _labels()
    mean = rng.gamma(2.0, np.where(first, [1.0, 6.0], [6.0, 1.5]))
    return rng.poisson(mean) * (rng.random(mean.shape) >= share_zero).astype(float)


def _mixed():
    return np.column_stack([_gammas(), _holes(_counts())[:, :1], _bernoulli()[:, :2]])


_PRODUCT = Product((Gamma(), Poisson(), Bernoulli()), ((0, 1), (2,), (3, 4)))


def _binned(values, width, low=None, high=None):
    edges = np.floor(values / width) * width
    rows = np.column_stack([edges, edges + width])
    if low is not None:
        rows = rows[(rows[:, 0] >= low) & (rows[:, 1] <= high)]
    rows[::11, 1] = np.nan if low is None else rows[::11, 0] + width
    return rows


def _skewed(k=2):
    rng = np.random.default_rng(12)
    rows = rng.standard_normal((90, 2)) * 0.5 + np.abs(rng.standard_normal((90, 1))) * [3.0, 1.0]
    rows = rows / np.sqrt(rng.chisquare(6, (90, 1)) / 6)
    return rows + np.where(rng.random((90, 1)) < 0.4, [0.0, 0.0], [-8.0, 6.0]) * (k > 1)


def _case(name, family, rows, k=2):
    return Case(name, FiniteMixture(family, k), rows, is_continuous=False)


CASES = [
    _case("bernoulli", Bernoulli(), _bernoulli()),
    _case("bernoulli-missing", Bernoulli(), _holes(_bernoulli())),
    _case("binomial", Binomial((5, 3, 8)), _holes(_binomial())),
    _case("multinomial", Multinomial(), _multinomial()),
    _case("multinomial-prior", Multinomial(1.5), _multinomial()),
    _case("exponential", Exponential(), _holes(_times())),
    _case("exponential-censored", Exponential(censored=True), _censored_times()),
    _case("gamma", Gamma(), _gammas()),
    _case("gamma-missing", Gamma(), _holes(_gammas())),
    _case("log-normal", LogNormal(), _holes(_gammas())),
    _case("inverse-gaussian", InverseGaussian(), _holes(_gammas())),
    _case("negative-binomial", NegativeBinomial(), _holes(_counts())),
    _case("zero-inflated-poisson", ZeroInflatedPoisson(), _holes(_counts(0.3))),
    _case("zero-inflated-negative-binomial", ZeroInflatedNegativeBinomial(), _counts(0.3)[:, :1], 1),
    _case("hurdle-poisson", HurdlePoisson(), _holes(_counts(0.3))),
    _case("hurdle-negative-binomial", HurdleNegativeBinomial(), _counts(0.3)[:, :1], 1),
    _case("beta", Beta(), _holes(_shares())),
    _case("weibull", Weibull(), _holes(_gammas())),
    _case("weibull-censored", Weibull(censored=True), _censored_times()),
    Case("laplace", FiniteMixture(Laplace(), 2), _holes(_gammas()), takes_constant=False),
    _case("interval-gaussian", IntervalGaussian(), _binned(np.log(_gammas()[:, 0]) * 4, 1.0)),
    _case("interval-truncated", IntervalGaussian((-4.0, 10.0)), _binned(np.log(_gammas()[:, 0]) * 4, 1.0, -4, 10)),
    _case("interval-log-normal", IntervalLogNormal(), _binned(_gammas()[:, 0], 0.5)),
    _case("interval-exponential", IntervalExponential(), _binned(_times()[:, 0], 1.0)),
    _case("interval-gamma", IntervalGamma(), _binned(_gammas()[:, 0], 0.5)),
    _case("interval-weibull", IntervalWeibull(), _binned(_times()[:, 0], 1.0)),
    _case("interval-poisson", IntervalPoisson(), _binned(_counts()[:, 0], 2.0)),
    Case("skew-normal", FiniteMixture(SkewNormal(), 2), _skewed(), takes_constant=False),
    Case("skew-normal-missing", FiniteMixture(SkewNormal(), 1), _holes(_skewed(1), 0.05)[:40], takes_constant=False),
    Case("skew-t", FiniteMixture(SkewT(), 1), _skewed(1), takes_constant=False),
    Case("noise", FiniteMixture(WithNoise(Gaussian()), 2), _skewed(1), takes_constant=False),
    Case("contaminated", FiniteMixture(Contaminated(), 1), _skewed(1), takes_constant=False),
    Case("contaminated-missing", FiniteMixture(Contaminated(), 1), _holes(_skewed(1)), takes_constant=False),
    _case("product", _PRODUCT, _mixed()),
    _case("von-mises", VonMises(), _holes(_angles())),
    _case("von-mises-fisher", VonMisesFisher(), _directions()),
]
