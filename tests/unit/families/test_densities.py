"""Log densities of every family against scipy, and moments of their samples."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, ive, logsumexp

from emkit.families.bernoulli import Bernoulli, BernoulliParameters
from emkit.families.bessel import bessel_ratio, concentration_of, log_partition
from emkit.families.beta import Beta, BetaParameters
from emkit.families.binomial import Binomial, BinomialParameters
from emkit.families.contaminated import Contaminated, ContaminatedParameters
from emkit.families.exponential import Exponential, ExponentialParameters
from emkit.families.gamma import Gamma, GammaParameters, gamma_shape
from emkit.families.hurdle import (
    HurdleNegativeBinomial,
    HurdleNegativeBinomialParameters,
    HurdlePoisson,
    HurdlePoissonParameters,
)
from emkit.families.inverse_gaussian import InverseGaussian, InverseGaussianParameters
from emkit.families.laplace import Laplace, LaplaceParameters
from emkit.families.log_normal import LogNormal, LogNormalParameters
from emkit.families.multinomial import Multinomial, MultinomialParameters
from emkit.families.negative_binomial import NegativeBinomial, NegativeBinomialParameters
from emkit.families.skew import SkewNormal, SkewNormalParameters, SkewT, SkewTParameters
from emkit.families.von_mises import VonMises, VonMisesParameters
from emkit.families.von_mises_fisher import VonMisesFisher, VonMisesFisherParameters
from emkit.families.weibull import Weibull, WeibullParameters
from emkit.families.zero_inflated import (
    ZeroInflatedNegativeBinomial,
    ZeroInflatedNegativeBinomialParameters,
    ZeroInflatedPoisson,
    ZeroInflatedPoissonParameters,
)

A = np.array([[0.7], [2.5]])  # two members of one column
B = np.array([[1.4], [0.6]])
P = np.array([[0.2], [0.7]])
X = np.array([[0.1], [0.5], [1.0], [3.0], [7.0]])
COUNTS = np.array([[0.0], [1.0], [2.0], [5.0], [40.0]])


def _negative_binomial(x, mean, dispersion):
    return stats.nbinom.logpmf(x, 1 / dispersion, 1 / (1 + dispersion * mean))


def _inflated(log_pmf, zero):
    return np.where(COUNTS == 0, np.logaddexp(np.log(zero), np.log1p(-zero) + log_pmf), np.log1p(-zero) + log_pmf)


def _hurdle(log_pmf, zero):
    above = np.log1p(-zero) + log_pmf - np.log(-np.expm1(log_pmf[:1]))
    return np.where(COUNTS == 0, np.log(zero), above)


_NB = _negative_binomial(COUNTS, A.T, B.T)
_POISSON = stats.poisson.logpmf(COUNTS, A.T)
CASES = {
    "bernoulli": (Bernoulli(), BernoulliParameters(P), COUNTS[:2], stats.bernoulli.logpmf(COUNTS[:2], P.T)),
    "binomial": (Binomial(9), BinomialParameters(P), COUNTS[:4], stats.binom.logpmf(COUNTS[:4], 9, P.T)),
    "exponential": (Exponential(), ExponentialParameters(A), X, stats.expon.logpdf(X, scale=A.T)),
    "gamma": (Gamma(), GammaParameters(A, B), X, stats.gamma.logpdf(X, B.T, scale=(A / B).T)),
    "weibull": (Weibull(), WeibullParameters(A, B), X, stats.weibull_min.logpdf(X, A.T, scale=B.T)),
    "log-normal": (LogNormal(), LogNormalParameters(A, B), X, stats.lognorm.logpdf(X, np.sqrt(B).T, scale=np.exp(A).T)),
    "inverse-gaussian": (
        InverseGaussian(),
        InverseGaussianParameters(A, B),
        X,
        stats.invgauss.logpdf(X, (A / B).T, scale=B.T),
    ),
    "laplace": (Laplace(), LaplaceParameters(A, B), X, stats.laplace.logpdf(X, A.T, B.T)),
    "beta": (Beta(), BetaParameters(A, B), X / 8, stats.beta.logpdf(X / 8, A.T, B.T)),
    "von-mises": (
        VonMises(),
        VonMisesParameters(B * np.cos(A), B * np.sin(A)),
        X,
        stats.vonmises.logpdf(X, B.T, loc=A.T),
    ),
    "negative-binomial": (NegativeBinomial(), NegativeBinomialParameters(A, B), COUNTS, _NB),
    "zero-inflated-poisson": (
        ZeroInflatedPoisson(),
        ZeroInflatedPoissonParameters(P, A),
        COUNTS,
        _inflated(_POISSON, P.T),
    ),
    "zero-inflated-negative-binomial": (
        ZeroInflatedNegativeBinomial(),
        ZeroInflatedNegativeBinomialParameters(P, A, B),
        COUNTS,
        _inflated(_NB, P.T),
    ),
    "hurdle-poisson": (HurdlePoisson(), HurdlePoissonParameters(P, A), COUNTS, _hurdle(_POISSON, P.T)),
    "hurdle-negative-binomial": (
        HurdleNegativeBinomial(),
        HurdleNegativeBinomialParameters(P, A, B),
        COUNTS,
        _hurdle(_NB, P.T),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_log_density_is_that_of_scipy(name):
    family, parameters, rows, expected = CASES[name]
    log_mix = np.log([0.3, 0.7])
    np.testing.assert_allclose(family.log_joint(log_mix, parameters, rows), expected + log_mix, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_missing_entry_says_nothing(name):
    family, parameters, rows, _ = CASES[name]
    holed = np.vstack([rows, [[np.nan]]])
    joint = family.log_joint(np.zeros(2), parameters, holed)
    np.testing.assert_array_equal(joint[-1], 0.0)
    stats_with = family.statistics(parameters, holed, np.full((len(holed), 2), 0.5))
    stats_without = family.statistics(parameters, rows, np.full((len(rows), 2), 0.5))
    assert family.expected_loglik(parameters, stats_with) == pytest.approx(
        family.expected_loglik(parameters, stats_without)
    )


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("laplace", "inverse-gaussian")])
def test_samples_lead_back_to_the_parameters(name):
    family, parameters, _, _ = CASES[name]
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], 20000)
    rows = family.sample(parameters, labels, rng)
    resp = np.eye(2)[labels]
    found = parameters
    for _ in range(30):  # Weibull and beta take several steps
        found = family.m_step(family.statistics(found, rows, resp), found)
    for field in vars(parameters):
        np.testing.assert_allclose(getattr(found, field), getattr(parameters, field), rtol=0.12, atol=0.05)


def test_multinomial_density_is_that_of_scipy():
    prob = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    rows = np.array([[1.0, 2, 3], [0, 0, 4], [0, 0, 0]])
    expected = np.array([[stats.multinomial.logpmf(x, int(x.sum()), p) for p in prob] for x in rows])
    np.testing.assert_allclose(Multinomial().log_joint(np.zeros(2), MultinomialParameters(prob), rows), expected)


@pytest.mark.parametrize("d", [2, 3, 10])
def test_directions_have_the_density_of_scipy(d):
    rng = np.random.default_rng(d)
    mean = rng.standard_normal(d)
    mean /= np.linalg.norm(mean)
    rows = stats.vonmises_fisher(mean, 5.0).rvs(20, random_state=rng)
    log_area = np.log(2) + d / 2 * np.log(np.pi) - gammaln(d / 2)
    joint = VonMisesFisher().log_joint(np.zeros(1), VonMisesFisherParameters(5.0 * mean[None]), rows)[:, 0]
    np.testing.assert_allclose(joint - log_area, stats.vonmises_fisher(mean, 5.0).logpdf(rows), rtol=1e-9)


@pytest.mark.parametrize(("d", "c"), [(3, 0.4), (40, 15.0), (90, 200.0), (1000, 30.0), (100_000, 2e4)])
def test_bessel_ratio_is_the_slope_of_the_partition_and_is_inverted(d, c):
    step = 1e-4 * c
    slope = (log_partition(np.array(c + step), d) - log_partition(np.array(c - step), d)) / (2 * step)
    ratio = bessel_ratio(np.array(c), d)
    assert ratio == pytest.approx(slope, rel=1e-6)
    assert concentration_of(ratio, d) == pytest.approx(c, rel=1e-9)
    if d < 100:
        assert ratio == pytest.approx(ive(d / 2, c) / ive(d / 2 - 1, c), rel=1e-12)


def test_skew_normal_density_is_that_of_scipy():
    location, skew, scale = np.array([[0.5, -1.0]]), np.array([[1.0, 2.0]]), np.array([[[1.0, 0.3], [0.3, 2.0]]])
    rows = np.random.default_rng(0).normal(0, 2, (30, 2))
    omega = scale[0] + np.outer(skew[0], skew[0])
    z = rows - location[0]
    own = np.linalg.solve(omega, skew[0])
    tilt = z @ own / np.sqrt(1 - skew[0] @ own)
    expected = np.log(2) + stats.multivariate_normal(location[0], omega).logpdf(rows) + stats.norm.logcdf(tilt)
    found = SkewNormal().log_joint(np.zeros(1), SkewNormalParameters(location, skew, scale), rows)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_contaminated_density_is_that_of_scipy():
    mean, cov = np.array([[0.5, -1.0]]), np.array([[[1.0, 0.3], [0.3, 2.0]]])
    rows = np.random.default_rng(0).normal(0, 3, (30, 2))
    parts = [stats.multivariate_normal(mean[0], wide * cov[0]).logpdf(rows) for wide in (1.0, 9.0)]
    expected = np.logaddexp(np.log(0.8) + parts[0], np.log(0.2) + parts[1])
    parameters = ContaminatedParameters(mean, cov, np.array([0.8]), np.array([8.0]))
    np.testing.assert_allclose(Contaminated().log_joint(np.zeros(1), parameters, rows)[:, 0], expected, rtol=1e-10)


def test_skew_t_density_is_the_normal_one_mixed_over_precisions():
    location, skew, scale = np.array([[0.5, -1.0]]), np.array([[1.0, 2.0]]), np.array([[[1.0, 0.3], [0.3, 2.0]]])
    rows = np.random.default_rng(0).normal(0, 2, (10, 2))
    u = stats.gamma(2.5, scale=1 / 2.5).ppf((np.arange(20000) + 0.5) / 20000)
    each = [
        SkewNormal().log_joint(np.zeros(1), SkewNormalParameters(location, skew / np.sqrt(v), scale / v), rows)[:, 0]
        for v in u[::20]
    ]
    found = SkewT().log_joint(np.zeros(1), SkewTParameters(location, skew, scale, np.array([5.0])), rows)[:, 0]
    np.testing.assert_allclose(found, logsumexp(each, axis=0) - np.log(len(each)), atol=5e-3)


def test_gamma_shape_solves_its_equation_over_twelve_decades():
    from scipy.special import digamma

    excess = np.logspace(-9, 2, 12)
    shape = gamma_shape(excess)
    np.testing.assert_allclose(np.log(shape) - digamma(shape), excess, rtol=1e-6)


def test_families_are_found_in_their_room():
    import emkit.families as room

    assert room.Binomial is Binomial
    assert room.family_named("gamma") == Gamma()
    assert "DensityFamily" in dir(room)
    with pytest.raises(AttributeError, match="no attribute 'Gama'"):
        _ = room.Gama
    assert all(getattr(room, name) is not None for name in room.__all__)
