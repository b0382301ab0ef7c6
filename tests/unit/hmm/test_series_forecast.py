"""How autoregressions go on: against a sum over all paths, other models, and draws."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

import emkit
from emkit.errors import DataError, ParameterError


@pytest.fixture(scope="module")
def fitted():
    true = emkit.AutoregressiveHMM(2, order=1)
    true.startprob_, true.transmat_ = [0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]]
    true.intercepts_, true.ar_coefs_ = [0.0, 2.0], [[0.2], [0.6]]
    true.exog_coefs_, true.variances_ = [[], []], [0.5, 1.5]
    series, _ = true.sample(300, random_state=0)
    return true, series


def test_two_steps_by_a_sum_over_all_paths(fitted):
    model, series = fitted
    states, now = model.filter(series)[-1], series[-1, 0]
    base, ar, var = model.intercepts_, np.ravel(model.ar_coefs_), np.array(model.variances_)
    trans, mean, square, cdf = np.array(model.transmat_), 0.0, 0.0, 0.0
    for s, a, b in itertools.product(range(2), repeat=3):
        weight = states[s] * trans[s, a] * trans[a, b]
        center = base[b] + ar[b] * (base[a] + ar[a] * now)
        spread = var[b] + ar[b] ** 2 * var[a]
        mean, square = mean + weight * center, square + weight * (spread + center**2)
        cdf += weight * norm.cdf(1.0, center, np.sqrt(spread))
    ahead = model.forecast(series, h=2, random_state=0)
    assert ahead.mean[1, 0] == pytest.approx(mean, abs=1e-12)
    assert ahead.var[1, 0] == pytest.approx(square - mean**2, abs=1e-12)
    assert ahead.cdf([1.0])[1, 0] == pytest.approx(cdf, abs=0.02)
    np.testing.assert_allclose(ahead.states, [states @ trans, states @ trans @ trans], atol=1e-12)


def test_one_step_is_exact_and_the_likelihood_of_the_next_row(fitted):
    model, series = fitted
    ahead = model.forecast(series[:-1], h=1)
    gain = model.score(series) - model.score(series[:-1])
    assert ahead.log_density(series[-1])[0, 0] == pytest.approx(gain, abs=1e-9)
    assert ahead.cdf(ahead.quantile([0.1, 0.5]))[0] == pytest.approx([0.1, 0.5], abs=1e-9)


@pytest.mark.parametrize("form", ["intercept", "mean"])
def test_moments_agree_with_draws(form, fitted):
    _, series = fitted
    model = emkit.AutoregressiveHMM(2, 2, form=form, n_init=2, random_state=0).fit(series)
    ahead = model.forecast(series, h=6, random_state=0)
    draws = ahead.sample(40000, random_state=1)[:, :, 0]
    np.testing.assert_allclose(draws.mean(axis=1), ahead.mean[:, 0], atol=0.06)
    np.testing.assert_allclose(draws.var(axis=1), ahead.var[:, 0], rtol=0.06)
    share = (draws <= 1.0).mean(axis=1)
    np.testing.assert_allclose(ahead.cdf([1.0])[:, 0], share, atol=0.03)
    assert ahead.states.shape == (6, 2)


def test_hamiltons_next_row_by_its_likelihood(fitted):
    _, series = fitted
    model = emkit.AutoregressiveHMM(2, 1, form="mean", n_init=2, random_state=0).fit(series)
    gain = model.score(series) - model.score(series[:-1])
    assert model.forecast(series[:-1]).log_density(series[-1])[0, 0] == pytest.approx(gain, abs=1e-9)
    for kind in ("ordinary", "forecast"):
        residuals = model.pseudo_residuals(series, kind=kind)
        assert np.isnan(residuals[0])
        assert residuals[1:].std() == pytest.approx(1, abs=0.1)
    paths = model.sample_paths(series, n_paths=100, random_state=0)
    np.testing.assert_allclose(paths.mean(axis=0), model.predict_proba(series)[:, 1], atol=0.25)


def test_without_lags_it_is_the_forecast_of_a_hidden_markov_model():
    counts = emkit.load_data("faithful")["waiting"]
    series = emkit.AutoregressiveHMM(2, 0, n_init=2, random_state=0).fit(counts)
    plain = emkit.GaussianHMM(2, startprob="stationary", n_init=2, random_state=0).fit(counts)
    ahead, told = series.forecast(counts, h=3), plain.forecast(counts, h=3)
    np.testing.assert_allclose(ahead.mean, told.mean, atol=1e-2)
    np.testing.assert_allclose(ahead.density([60.0, 80.0])[0], told.density([60.0, 80.0])[0], atol=1e-4)


def test_other_columns_to_come():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    states = (np.arange(300) // 40) % 2
    y = np.where(states, 3 + 2 * x, -x) + 0.5 * rng.normal(size=300)
    rows = np.column_stack([y, x])
    model = emkit.AutoregressiveHMM(2, 1, switching_slopes=[False, True], n_init=4, random_state=0).fit(rows)
    assert model.ar_coefs_[0, 0] == model.ar_coefs_[1, 0]
    np.testing.assert_allclose(model.exog_coefs_.ravel(), [-1, 2], atol=0.15)
    gain = model.score(rows) - model.score(rows[:-1])
    ahead = model.forecast(rows[:-1], future=[x[-1]])
    assert ahead.log_density(y[-1:])[0, 0] == pytest.approx(gain, abs=1e-9)
    with pytest.raises(ParameterError, match="depends on 1 columns: give them, for 2 rows to come, as `future`"):
        model.forecast(rows, h=2)
    with pytest.raises(DataError, match="must be the 1 columns after the series, all known, of 2 rows"):
        model.forecast(rows, h=2, future=[1.0])


def test_covariates_of_transitions_to_come():
    rng = np.random.default_rng(1)
    x, states = rng.normal(size=600), np.zeros(600, dtype=int)
    for t in range(1, 600):
        states[t] = rng.random() < 1 / (1 + np.exp(-(3 * states[t - 1] - 1.5 + 2 * x[t])))
    y = 3.0 * states + 0.7 * rng.normal(size=600)
    for form in ("intercept", "mean"):
        model = emkit.AutoregressiveHMM(2, 1, form=form, transition_covariates=[1], n_init=2, random_state=0)
        rows = np.column_stack([y, x])
        model.fit(rows)
        np.testing.assert_allclose(model.transition_coefs_[:, 1, 1], 2, atol=1.2)
        gain = model.score(rows) - model.score(rows[:-1])
        ahead = model.forecast(rows[:-1], future=[x[-1]])
        assert ahead.log_density(y[-1:])[0, 0] == pytest.approx(gain, abs=1e-9)
        assert np.nanstd(model.pseudo_residuals(rows)) == pytest.approx(1, abs=0.1)
        with pytest.raises(ParameterError, match="knows nothing of other columns to come"):
            model.sample(10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"intercept": "both"}, "`intercept` must be 'switching', 'common' or 'none', got 'both'"),
        ({"form": "mean", "intercept": "none"}, "means switch and slopes do all or none"),
        ({"switching_slopes": [True, False]}, "for each of the 1 slopes, 1 lags and then"),
        ({"transition_covariates": [0]}, "names the first column, which is the series"),
        ({"transition_covariates": [1], "driven_by": "both"}, "`driven_by` must be 'to' or 'from'"),
    ],
)
def test_what_is_refused(arguments, message):
    width = 2 if "transition_covariates" in arguments else 1
    rows = np.random.default_rng(0).normal(size=(40, width))
    with pytest.raises((ParameterError, DataError), match=message):
        emkit.AutoregressiveHMM(2, 1, **arguments).fit(rows)


def test_a_missing_last_row_is_named(fitted):
    model, series = fitted
    holed = series.copy()
    holed[-1] = np.nan
    with pytest.raises(DataError, match="a forecast of order 1 needs the last 1 rows of sequence 0; some are missing"):
        model.forecast(holed)


def test_a_common_intercept_and_a_variance_that_switches():
    """Kim, Nelson & Startz: only the variance of returns switches, among three states."""
    rng = np.random.default_rng(3)
    states = np.repeat(rng.integers(0, 3, 60), 20)
    returns = np.array([0.5, 2.0, 6.0])[states] * rng.normal(size=1200)
    model = emkit.AutoregressiveHMM(3, 0, intercept="none", n_init=4, random_state=0).fit(returns)
    np.testing.assert_allclose(np.sqrt(model.variances_), [0.5, 2.0, 6.0], rtol=0.15)
    assert model.n_parameters_ == 9
    common = emkit.AutoregressiveHMM(3, 0, intercept="common", n_init=4, random_state=0).fit(returns)
    assert np.ptp(common.intercepts_) == 0
    assert common.fit_.loglik >= model.fit_.loglik
