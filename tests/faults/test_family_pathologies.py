"""Data on which mixtures of other families go wrong elsewhere: the right answer, or an error that says what to do."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array

import emkit
from emkit.errors import DataError, DegenerateWarning, ParameterError
from emkit.families.binomial import Binomial

RNG = np.random.default_rng(0)


def _fit(name, X, k=2, **options):
    return emkit.MixtureModel(name, k, random_state=0, **options).fit(X)


def test_zero_counts_alone_are_a_poisson_of_rate_zero():
    mixture = _fit("zero-inflated-poisson", np.zeros((30, 1)), 1)
    assert mixture.fit_.loglik == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", ["poisson", "negative-binomial", "zero-inflated-poisson", "hurdle-poisson"])
def test_component_of_zeros_keeps_the_likelihood_finite(name):
    X = np.concatenate([np.zeros(40), RNG.poisson(9.0, 60)])[:, None]
    mixture = _fit(name, X, n_init=8)
    assert np.isfinite(mixture.fit_.loglik)
    assert np.isfinite(mixture.score_samples(X)).all()


@pytest.mark.parametrize("name", ["poisson", "negative-binomial", "hurdle-negative-binomial", "multinomial"])
def test_counts_that_are_not_whole_are_refused(name):
    with pytest.raises(DataError, match=r"expected counts \(0, 1, 2, ...\), got 1.5 in row 2, column 0"):
        _fit(name, np.array([[1.0, 2], [3, 4], [1.5, 2]]), 1)


def test_more_successes_than_trials_are_refused():
    with pytest.raises(DataError, match=r"from 0 to the number of trials \(3\), got 4.0 in row 1"):
        _fit(Binomial(3), [[1.0], [4.0]], 1)


@pytest.mark.parametrize("name", ["exponential-censored", "weibull-censored"])
def test_column_without_any_event_is_refused(name):
    X = np.column_stack([RNG.exponential(1.0, 20) + 0.1, np.zeros(20)])
    with pytest.raises(DataError, match="all times of column 0 are censored or missing"):
        _fit(name, X)


@pytest.mark.parametrize("name", ["exponential-censored", "weibull-censored"])
def test_rows_that_are_all_censored_do_not_break_a_fit(name):
    times = np.concatenate([RNG.exponential(1.0, 60), np.full(40, 50.0)]) + 0.01
    event = np.concatenate([np.ones(60), np.zeros(40)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)  # some optima put all censored rows into one component
        mixture = _fit(name, np.column_stack([times, event]), n_init=8)
    assert np.isfinite(mixture.fit_.loglik)
    assert mixture.predict([[0.5, 1.0], [50.0, 0.0]]).tolist() != [0, 0]


@pytest.mark.parametrize("name", ["gamma", "log-normal", "inverse-gaussian", "weibull"])
def test_times_of_zero_are_refused(name):
    with pytest.raises(DataError, match="expected times above 0, got 0.0 in row 1, column 0"):
        _fit(name, [[1.0], [0.0]], 1)


def test_shares_of_zero_or_one_are_refused():
    with pytest.raises(DataError, match="shares above 0 and below 1 .move zeros and ones inwards.*got 1.0 in row 1"):
        _fit("beta", [[0.5], [1.0]], 1)


@pytest.mark.parametrize("name", ["gamma", "log-normal", "inverse-gaussian", "von-mises", "laplace"])
def test_member_on_one_value_is_reported(name):
    X = np.concatenate([np.full(50, 2.0), RNG.gamma(3.0, 0.3, 50)])[:, None]
    with pytest.warns(DegenerateWarning, match="it sits on one"):
        _fit(name, np.full((60, 1), 2.0), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        assert np.isfinite(_fit(name, X, n_init=8).fit_.loglik)


@pytest.mark.parametrize("name", ["poisson", "bernoulli", "categorical", "negative-binomial"])
def test_more_components_than_patterns_end_in_a_fit(name):
    X = np.array([[0.0, 1.0], [1.0, 0.0]] * 20)
    mixture = _fit(name, X, 4, n_init=4)
    assert mixture.weights_.sum() == pytest.approx(1.0)
    assert np.isfinite(mixture.fit_.loglik)


def test_more_components_than_rows_are_refused():
    with pytest.raises(ParameterError, match="`X` has 3 rows .* but `n_components` is 5"):
        _fit("poisson", [[1.0], [2.0], [3.0]], 5)


def test_constant_items_tell_nothing():
    X = (RNG.random((100, 4)) < np.where(RNG.random((100, 1)) < 0.5, 0.1, 0.9)).astype(float)
    wide = np.column_stack([X, np.ones(100)])
    fits = [_fit("bernoulli", rows, tol=1e-9).fit_ for rows in (X, wide)]
    assert fits[0].loglik == pytest.approx(fits[1].loglik, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "bad"), [("poisson", -3.5), ("gamma", -1.0), ("beta", 4.0), ("bernoulli", 7.0), ("weibull", 0.0)]
)
def test_rows_of_weight_zero_may_hold_anything(name, bad):
    X = RNG.beta(2.0, 3.0, (40, 1)) if name in ("beta", "gamma", "weibull") else RNG.integers(0, 2, (40, 1)) * 1.0
    laden = np.concatenate([X, [[bad]]])
    weights = np.concatenate([np.ones(40), [0.0]])
    plain = _fit(name, X, 1)
    assert _fit(name, X, 1).fit_.loglik == plain.fit_.loglik
    found = emkit.MixtureModel(name, 1).fit(laden, sample_weight=weights)
    assert found.fit_.loglik == pytest.approx(plain.fit_.loglik, rel=1e-10)


def test_row_without_direction_is_refused():
    with pytest.raises(DataError, match="row 1 is zero and has no direction"):
        emkit.VonMisesFisherMixture(1).fit([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(DataError, match="row 1 is zero and has no direction"):
        emkit.VonMisesFisherMixture(1).fit(csr_array(np.array([[1.0, 0.0], [0.0, 0.0]])))


def test_equal_directions_are_reported():
    with pytest.warns(DegenerateWarning, match="collapsed onto one direction"):
        emkit.VonMisesFisherMixture(1).fit(np.tile([[3.0, 4.0]], (10, 1)))


def test_directions_in_a_hundred_thousand_columns():
    rng = np.random.default_rng(2)
    columns = np.where(rng.random((80, 1)) < 0.5, 0, 50_000) + rng.integers(0, 50_000, (80, 200))
    rows = csr_array((np.ones(16000), (np.repeat(np.arange(80), 200), columns.ravel())), shape=(80, 100_000))
    mixture = emkit.VonMisesFisherMixture(2, random_state=0, n_init=4).fit(rows)
    assert np.isfinite(mixture.fit_.loglik)
    assert np.isfinite(mixture.concentrations_).all()


def test_outliers_go_to_the_noise():
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(0, 0.1, (100, 2)), rng.normal(3, 0.1, (100, 2)), rng.uniform(-5, 8, (20, 2))])
    mixture = _fit("gaussian-full+noise", X, 3)
    noise = int(mixture.members_.place)
    assert (mixture.predict(X[200:]) == noise).mean() > 0.8
    assert mixture.weights_[noise] == pytest.approx(20 / 220, abs=0.03)
    with pytest.raises(ParameterError, match="`n_components` must be at least 2"):
        _fit("gaussian+noise", X, 1)


def test_missing_count_in_a_multinomial_row_is_refused():
    with pytest.raises(DataError, match="complete rows of counts, or rows missing as a whole"):
        _fit("multinomial", [[1.0, 2.0], [np.nan, 2.0]], 1)
