"""The bootstrap, profiles and tests between fits."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2, poisson

import emkit
from emkit.errors import ParameterError
from emkit.families.poisson import Poisson
from emkit.mixture import FiniteMixture

RNG = np.random.default_rng(21)
COUNTS = RNG.poisson(np.where(RNG.random((300, 1)) < 0.4, 1.0, 6.0)).astype(float)
NORMAL = RNG.normal(3.0, 2.0, (120, 1))


@pytest.fixture(scope="module")
def two():
    return emkit.PoissonMixture(2, random_state=0).fit(COUNTS)


@pytest.fixture(scope="module")
def one():
    return emkit.PoissonMixture(1, random_state=0).fit(COUNTS)


@pytest.mark.parametrize("kind", ["parametric", "bayesian", "poisson"])
def test_the_bootstrap_agrees_with_the_information(two, kind):
    found = emkit.bootstrap(two, 150, kind=kind, rng=1)
    np.testing.assert_allclose(found.standard_errors, two.standard_errors().values, rtol=0.3)
    assert (np.abs(found.bias) < found.standard_errors).all()
    assert found["members.rate"].shape == (len(found.samples), 2, 1)
    ends = found.confint(0.9)["members.rate[0, 0]"]
    assert ends[0] < two.rates_[0, 0] < ends[1]


def test_the_bootstrap_repeats_itself_and_its_refits_do_not_depend_on_each_other(two):
    many, few = (emkit.bootstrap(two, n, kind="bayesian", rng=3) for n in (6, 4))
    np.testing.assert_array_equal(many.samples[:4], few.samples)


def test_a_profile_is_that_of_a_direct_search(two):
    def best(rate):
        def minus(mix):
            other = minimize_scalar(
                lambda r: -np.log(mix * poisson.pmf(COUNTS, rate) + (1 - mix) * poisson.pmf(COUNTS, r)).sum(),
                bounds=(0.1, 3.0),
                method="bounded",
                options={"xatol": 1e-9},
            )
            return other.fun

        return -minimize_scalar(minus, bounds=(0.2, 0.9), method="bounded", options={"xatol": 1e-9}).fun

    big = int(np.argmax(two.rates_[:, 0]))
    found = emkit.profile(two, f"members.rate[{big}, 0]")
    top, fall = two.fit_.loglik, chi2.ppf(0.95, 1) / 2
    high = brentq(lambda r: top - best(r) - fall, found.estimate, found.estimate + 2, xtol=1e-4)
    assert found.high == pytest.approx(high, abs=2e-3)
    assert found.low < found.estimate < found.high


def test_a_profile_of_a_normal_mean_is_the_likelihood_interval():
    fit = emkit.GaussianMixture(1).fit(NORMAL)
    found = emkit.profile(fit, "members.mean[0, 0]")
    n, spread = len(NORMAL), NORMAL.std()
    half = spread * np.sqrt(np.expm1(chi2.ppf(0.95, 1) / n))
    np.testing.assert_allclose([found.low, found.high], NORMAL.mean() + np.array([-half, half]), rtol=1e-3)


def test_a_profile_of_a_probability_at_zero_begins_at_zero():
    rows = emkit.load_data("carcinoma").numeric()[0]
    found = emkit.profile(emkit.LatentClassAnalysis(2, random_state=0).fit(rows), "members.items[0].prob[0, 0]")
    assert found.low == 0.0
    assert 0.05 < found.high < 0.2


def test_wald_tests_are_squares_of_ratios(two):
    errors, big = two.standard_errors(), int(np.argmax(two.rates_[:, 0]))
    name = f"members.rate[{big}, 0]"
    found = emkit.wald_test(two, {name: 5.0})
    assert found.statistic == pytest.approx(((two.rates_[big, 0] - 5.0) / errors[name]) ** 2)
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 1))
    assert emkit.wald_test(two, f"{name} = 5").statistic == pytest.approx(found.statistic)
    assert emkit.wald_test(two, f"2 * {name} - 4 = 6").statistic == pytest.approx(found.statistic)
    both = emkit.wald_test(two, ["mix[0] = 0.5", "mix[0] + mix[1] = 1"])
    assert both.df == 1  # the second holds always


@pytest.mark.parametrize(
    ("hypothesis", "message"),
    [
        ("mix[0]", "one equals sign"),
        ("mix[0] = ?", "cannot read"),
        ("mix = 0.5", "about single numbers"),
        ("weight[0] = 0.5", "there is no parameter"),
    ],
)
def test_hypotheses_that_cannot_be_read_are_told(two, hypothesis, message):
    with pytest.raises(ParameterError, match=message):
        emkit.wald_test(two, hypothesis)


def test_the_likelihood_ratio_is_that_of_nested_fits(two):
    small = emkit.fit(FiniteMixture(Poisson(), 2), COUNTS, fix={"mix": 0.5}, rng=0)
    found = emkit.lr_test(small, two)
    assert found.statistic == pytest.approx(2 * (two.fit_.loglik - small.loglik))
    assert found.df == 1
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 1))
    assert "on 1 df" in str(found)


def test_the_bootstrap_ratio_finds_two_components_and_not_three(one, two):
    three = emkit.PoissonMixture(3, random_state=0).fit(COUNTS)
    assert emkit.bootstrap_lrt(one, two, 19, rng=0).p_value == 0.05
    assert emkit.bootstrap_lrt(two, three, 19, rng=0).p_value > 0.1


def test_pairs_that_cannot_be_compared_are_told(one, two):
    with pytest.raises(ParameterError, match="must be of the smaller model"):
        emkit.lr_test(two, one)
    with pytest.raises(ParameterError, match="must be of the same data"):
        emkit.bootstrap_lrt(one, emkit.PoissonMixture(2, random_state=0).fit(COUNTS[:100]), 19)
    with pytest.raises(ParameterError, match="expected a Fit or a fitted estimator"):
        emkit.bootstrap(emkit.PoissonMixture(2), 10)
    with pytest.raises(ParameterError, match="`n` must be an integer"):
        emkit.bootstrap(two, 1)
    with pytest.raises(ParameterError, match="`kind` must be one of"):
        emkit.bootstrap(two, 10, kind="pairs")


def test_nested_fits_are_compared_step_by_step(one, two):
    table = emkit.compare(two, one, names=["two", "one"], nested=True)
    assert [row[0] for row in table.rows] == ["one", "two"]
    assert table.rows[1][7] == pytest.approx(2 * (two.fit_.loglik - one.fit_.loglik))
    assert table.rows[1][8] == 2
    assert table.best == "two"
    assert "LR" in str(table)
    assert "LR" not in str(emkit.compare(one, two))
