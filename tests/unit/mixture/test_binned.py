"""Grouped, censored and truncated data: likelihoods by scipy, exact data as the limit, mistakes."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gammainc, gammaincc
from scipy.stats import expon, gamma, lognorm, norm, poisson, weibull_min

import emkit
from emkit.errors import DataError, ParameterError
from emkit.families.between_gamma import gamma_within

_WAITING = emkit.load_data("faithful")["waiting"]
_EDGES = np.arange(40, 101, 5.0)


def _histogram(values, edges):
    return np.histogram(values, edges)[0].astype(float)


def test_grouped_likelihood_is_that_of_scipy():
    counts = _histogram(_WAITING, _EDGES)
    mixture = emkit.BinnedMixture(2, random_state=0).fit_histogram(_EDGES, counts)
    cdf = norm.cdf(_EDGES[:, None], mixture.means_, mixture.sds_) @ mixture.weights_
    assert mixture.fit_.loglik == pytest.approx(counts[counts > 0] @ np.log(np.diff(cdf)[counts > 0]), rel=1e-10)
    assert mixture.fit_.is_converged


def test_no_other_parameters_are_more_likely():
    counts = _histogram(_WAITING, _EDGES)
    mixture = emkit.BinnedMixture(2, random_state=0, tol=1e-9).fit_histogram(_EDGES, counts)

    def minus(p):
        share = 1 / (1 + np.exp(-p[0]))
        cdf = norm.cdf(_EDGES[:, None], p[1:3], np.exp(p[3:])) @ [share, 1 - share]
        return -counts @ np.log(np.maximum(np.diff(cdf), 1e-300))

    start = [0.5, *mixture.means_, *np.log(mixture.sds_)]
    best = minimize(minus, start, method="BFGS", options={"gtol": 1e-7})
    assert mixture.fit_.loglik == pytest.approx(-best.fun, abs=1e-5)


def test_exact_values_give_the_gaussian_mixture():
    exact = emkit.BinnedMixture(2, random_state=0).fit(np.column_stack([_WAITING, _WAITING]))
    plain = emkit.GaussianMixture(2, covariance_type="diag", random_state=0).fit(_WAITING[:, None])
    assert exact.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-5)


def test_truncated_mean_is_recovered():
    drawn = np.random.default_rng(0).normal(0.0, 1.0, 20000)
    seen = drawn[drawn > 0.5]
    mixture = emkit.BinnedMixture(1, truncation=(0.5, np.inf), max_iter=5000).fit(np.column_stack([seen, seen]))
    assert mixture.means_[0] == pytest.approx(0.0, abs=0.15)
    inside = norm.logpdf(seen, mixture.means_, mixture.sds_) - norm.logsf(0.5, mixture.means_, mixture.sds_)
    assert mixture.fit_.loglik == pytest.approx(inside.sum(), rel=1e-10)
    np.testing.assert_allclose(mixture.score_samples(np.column_stack([seen, seen])[:5]), inside[:5], rtol=1e-9)


def test_censored_times_count_as_survival():
    rng = np.random.default_rng(1)
    times = rng.exponential(3.0, 500)
    limit = rng.exponential(5.0, 500)
    seen = times <= limit
    rows = np.column_stack([np.minimum(times, limit), np.where(seen, times, np.nan)])
    mixture = emkit.BinnedMixture(1, family="exponential", tol=1e-10).fit(rows)
    assert mixture.means_[0] == pytest.approx(np.minimum(times, limit).sum() / seen.sum(), rel=1e-5)
    mean = mixture.means_[0]
    expected = expon.logpdf(times[seen], scale=mean).sum() + expon.logsf(limit[~seen], scale=mean).sum()
    assert mixture.fit_.loglik == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("family", ["poisson", "log-normal"])
def test_other_families_have_the_likelihood_of_scipy(family):
    edges = np.array([-1.0, 0, 1, 3, 6, np.inf]) if family == "poisson" else np.array([0.0, 1, 2, 4, 8, np.inf])
    counts = np.array([20.0, 35, 50, 20, 5])
    mixture = emkit.BinnedMixture(1, family=family).fit_histogram(edges, counts)
    mean, sd = mixture.means_[0], mixture.sds_[0]
    cdf = poisson.cdf(edges, mean) if family == "poisson" else lognorm.cdf(edges, sd, scale=np.exp(mean))
    assert mixture.fit_.loglik == pytest.approx(counts @ np.log(np.diff(cdf)), rel=1e-9)


def test_mistakes_are_named():
    with pytest.raises(DataError, match="one more edge than counts, got shapes"):
        emkit.BinnedMixture().fit_histogram([0, 1], [1, 2])
    with pytest.raises(DataError, match="edges must rise, but edge 1 is 2 and edge 2 is 1"):
        emkit.BinnedMixture().fit_histogram([0, 2, 1], [1, 2])
    with pytest.raises(DataError, match="lower limit that is not above the upper one, got .2, 1. in row 1"):
        emkit.BinnedMixture().fit([[0.0, 1.0], [2.0, 1.0]])
    with pytest.raises(DataError, match="expected two columns"):
        emkit.BinnedMixture().fit([[0.0], [2.0]])
    with pytest.raises(DataError, match="limits within the truncation, got .0, 1. in row 0"):
        emkit.BinnedMixture(truncation=(0.5, 9.0)).fit([[0.0, 1.0], [1.0, 2.0]])
    with pytest.raises(ParameterError, match="`family` must be one of 'gaussian'"):
        emkit.BinnedMixture(family="beta").fit([[0.0, 1.0]])
    with pytest.raises(ParameterError, match="`truncation` must be a range"):
        emkit.BinnedMixture(truncation=(2.0, 1.0)).fit([[0.0, 1.0]])


@pytest.mark.parametrize("family", ["gamma", "weibull"])
def test_positive_values_in_bins_have_the_likelihood_of_scipy(family):
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.gamma(4.0, 0.5, 400), rng.gamma(20.0, 0.5, 300)])
    edges = np.concatenate([np.linspace(0, 20, 41), [np.inf]])
    counts = _histogram(values, edges)
    mixture = emkit.BinnedMixture(2, family=family, random_state=0, n_init=4).fit_histogram(edges, counts)
    members = mixture.parameters_.members
    known = gamma(members.shape[:, 0], scale=mixture.means_ / members.shape[:, 0])
    if family == "weibull":
        known = weibull_min(members.shape[:, 0], scale=members.scale[:, 0])
    cdf = known.cdf(edges[:, None]) @ mixture.weights_
    used = counts > 0
    assert mixture.fit_.loglik == pytest.approx(counts[used] @ np.log(np.diff(cdf)[used]), rel=1e-10)
    assert mixture.fit_.is_converged
    np.testing.assert_allclose(mixture.means_, known.mean(), rtol=1e-12)
    np.testing.assert_allclose(mixture.sds_, known.std(), rtol=1e-10)


def test_exact_and_censored_times_are_those_of_the_family_of_times():
    rng = np.random.default_rng(2)
    times = np.where(rng.random(300) < 0.5, rng.weibull(2.0, 300) * 2, rng.weibull(4.0, 300) * 9)
    limit = rng.uniform(1, 12, 300)
    event, seen = times <= limit, np.minimum(times, limit)
    rows = np.column_stack([seen, np.where(event, seen, np.nan)])
    binned = emkit.BinnedMixture(2, family="weibull", random_state=0, n_init=4).fit(rows)
    pairs = np.column_stack([seen, event.astype(float)])
    plain = emkit.MixtureModel("weibull-censored", 2, random_state=0, n_init=4).fit(pairs)
    assert binned.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-5)
    exact = emkit.BinnedMixture(2, family="gamma", random_state=0, n_init=4).fit(np.column_stack([times, times]))
    other = emkit.MixtureModel("gamma", 2, random_state=0, n_init=4).fit(times[:, None])
    assert exact.fit_.loglik == pytest.approx(other.fit_.loglik, abs=1e-5)
    np.testing.assert_allclose(np.sort(exact.means_), np.sort(other.members_.mean[:, 0]), rtol=1e-4)


@pytest.mark.parametrize("shape", [0.05, 0.7, 3.0, 60.0, 200.0])
@pytest.mark.parametrize("limits", [(-np.inf, np.inf), (-np.inf, -0.5), (0.2, np.inf), (-0.4, 0.3), (0.1, 0.1001)])
def test_gamma_values_within_limits_keep_their_digits(shape, limits):
    mass, nodes, weights = gamma_within(*(np.array([value]) for value in (shape, *limits)))
    low, high = shape * np.exp(limits)
    below = limits[1] < 0.25
    share = gammainc(shape, high) - gammainc(shape, low) if below else gammaincc(shape, low) - gammaincc(shape, high)
    assert mass[0] == pytest.approx(np.log(share), abs=1e-9)
    following = shape + 1
    top = (
        gammainc(following, high) - gammainc(following, low)
        if below
        else gammaincc(following, low) - gammaincc(following, high)
    )
    assert (weights * np.exp(nodes)).sum() == pytest.approx(top / share, rel=1e-7)
