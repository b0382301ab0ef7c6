"""Hidden semi-Markov and autoregressive models: recovery, pathologies, messages."""

import dataclasses

import numpy as np
import pytest

import emkit
from emkit.errors import DataError, ParameterError
from emkit.hmm.durations import DURATIONS
from emkit.kernels import hsmm as kernel
from emkit.kernels.twins import hsmm as twin


def _stays(n=600, seed=0):
    model = emkit.HiddenSemiMarkovModel("poisson", 3)
    model.startprob_ = np.full(3, 1 / 3)
    model.transmat_ = np.array([[0, 0.7, 0.3], [0.5, 0, 0.5], [0.6, 0.4, 0]])
    model.durations_ = np.eye(12)[[3, 6, 9]] * 0.8 + 0.2 / 12
    model.emissions_ = [1.0, 8.0, 25.0]
    return model.sample(n, random_state=seed)


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("censored", [False, True])
def test_kernel_agrees_with_the_twin(zeros, censored):
    rng = np.random.default_rng(1)
    k, d, lengths = 4, 7, np.array([1, 0, 9, 40])
    trans, stays = rng.dirichlet(np.ones(k), k), rng.dirichlet(np.ones(d), k)
    if zeros:
        trans, stays = np.roll(np.eye(k), 1, axis=1), stays * (np.arange(d) % 2 == 0)
        stays /= stays.sum(axis=1, keepdims=True)
    given = rng.normal(size=(50, k)) * 3, lengths
    weights = np.array([1.0, 2.0, 0.5, 3.0])
    chain = rng.dirichlet(np.ones(k)), trans, stays
    done = kernel.smooth_stays(*given, weights, *chain, censored=censored)
    told = twin.hsmm_smooth(*given, weights, *chain, censored)
    for a, b in zip(done[:6], told[:6], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)
    np.testing.assert_allclose((done.ended + done.cut) @ np.arange(1, d + 1), done.resp.sum(axis=0), atol=1e-10)
    passed = kernel.filter_stays(*given, *chain, censored=censored)
    for a, b in zip(passed[:3], twin.hsmm_filter(*given, *chain, censored, True)[:3], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)
    states, joint = kernel.viterbi_stays(*given, *chain, censored=censored)
    told_states, told_joint = twin.hsmm_viterbi(*given, *chain, censored)
    np.testing.assert_allclose(joint, told_joint, atol=1e-10)
    np.testing.assert_array_equal(states, told_states)


def test_densities_far_below_what_numbers_hold():
    rng = np.random.default_rng(2)
    log_emit = -1e6 * rng.random((60, 3))
    chain = np.array([1.0, 0, 0]), np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]), np.full((3, 5), 0.2)
    done = kernel.smooth_stays(log_emit, np.array([60]), None, *chain, censored=True)
    told = twin.hsmm_smooth(log_emit, np.array([60]), None, *chain, True)
    assert done.bad_sequence == -1
    np.testing.assert_allclose(done.loglik, told[0], rtol=1e-12)
    np.testing.assert_allclose(done.resp, told[5], atol=1e-8)


@pytest.mark.parametrize("kind", list(DURATIONS))
def test_durations_are_found(kind):
    X, states = _stays()
    model = emkit.HiddenSemiMarkovModel("poisson", 3, durations=kind, max_duration=15, n_init=4, random_state=0).fit(X)
    assert model.fit_.is_converged
    assert (model.predict(X) == states).mean() > 0.97
    true = [np.mean(_runs(states, j)) for j in range(3)]
    np.testing.assert_allclose(model.expected_durations_, true, rtol=0.12)
    np.testing.assert_allclose(model.stationary_, np.bincount(states) / len(states), atol=0.05)
    assert model.fit_.loglik == pytest.approx(model.score(X), abs=1e-8)


def _runs(states, j):
    edges = np.flatnonzero(np.diff(states)) + 1
    return [len(part) for part in np.split(states, edges)[:-1] if part[0] == j]


@pytest.mark.parametrize("kind", ["poisson", "negative-binomial", "gamma"])
def test_the_m_step_of_durations_is_stationary(kind):
    rng = np.random.default_rng(3)
    counts = np.stack([np.bincount(rng.negative_binomial(3, 0.4, 300).clip(0, 29), minlength=30) * 1.0, np.zeros(30)])
    started = DURATIONS[kind].started(np.array([4.0, 3.0]), 30)
    found = started.stepped(counts)
    slopes = found.slope(counts)
    for name in (field.name for field in dataclasses.fields(found)):
        assert abs(getattr(slopes, name)[0]) < 1e-3
        assert getattr(found, name)[1] == pytest.approx(getattr(started, name)[1])  # no stays: as it was


def test_what_is_refused():
    y = np.arange(20.0)
    for arguments, message in [
        ({"durations": "normal"}, "`durations` must be one of 'nonparametric'"),
        ({"max_duration": 0}, "`max_duration` must be an integer of at least 1"),
        ({"startprob": "stationary"}, "the first stay begins with its sequence"),
    ]:
        with pytest.raises(ParameterError, match=message):
            emkit.HiddenSemiMarkovModel("gaussian", 2, **arguments).fit(y)
    with pytest.raises(ParameterError, match="`order` must be an integer of at least 0, got -1"):
        emkit.AutoregressiveHMM(2, -1).fit(y)
    with pytest.raises(ParameterError, match="`form` must be 'intercept' or 'mean'"):
        emkit.AutoregressiveHMM(2, form="deviations").fit(y)
    with pytest.raises(ParameterError, match="4\\^7 histories of states, more than 1024"):
        emkit.AutoregressiveHMM(4, 6, form="mean").fit(y)
    with pytest.raises(DataError, match="an autoregression of order 30 needs sequences of more rows, got 20"):
        emkit.AutoregressiveHMM(2, 30).fit(y)
    with pytest.raises(DataError, match="takes one column, the series, besides `transition_covariates`, got 2"):
        emkit.AutoregressiveHMM(2, 1, form="mean").fit(np.column_stack([y, y]))


def test_a_sequence_that_no_durations_allow():
    model = emkit.HiddenSemiMarkovModel("categorical", 2)
    model.startprob_, model.transmat_ = np.array([1.0, 0.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    model.durations_, model.emissions_ = np.array([[0.0, 1.0], [0.0, 1.0]]), np.eye(2)
    with pytest.raises(DataError, match="sequence 0 has probability zero under every path: row 1 of it"):
        model.predict_proba(np.array([0.0, 1.0]))
    assert model.score(np.array([0.0, 0.0, 1.0])) == 0.0


def _series(n=500, seed=4):
    model = emkit.AutoregressiveHMM(2, 1)
    model.startprob_, model.transmat_ = np.array([0.5, 0.5]), np.array([[0.95, 0.05], [0.1, 0.9]])
    model.intercepts_, model.ar_coefs_ = np.array([0.0, 2.0]), np.array([[0.2], [0.6]])
    model.exog_coefs_, model.variances_ = np.empty((2, 0)), np.array([0.5, 1.5])
    return model.sample(n, random_state=seed)


def test_an_autoregression_is_found():
    y, states = _series()
    model = emkit.AutoregressiveHMM(2, 1, n_init=4, random_state=0).fit(y)
    np.testing.assert_allclose(model.ar_coefs_.ravel(), [0.2, 0.6], atol=0.12)
    assert (model.predict(y) == states).mean() > 0.9
    ahead = model.forecast(y, h=400).mean
    assert ahead[-1, 0] == pytest.approx(y.mean(), abs=0.8)
    halves = emkit.AutoregressiveHMM(2, 1, n_init=2, random_state=0).fit([y[:250], y[250:]])
    assert halves.fit_.loglik > model.fit_.loglik  # one row fewer is explained


def test_rows_with_missing_lags_say_nothing():
    y, _ = _series(120)
    whole = emkit.AutoregressiveHMM(1, 1).fit(y)
    residual = y[1:, 0] - whole.intercepts_[0] - whole.ar_coefs_[0, 0] * y[:-1, 0]
    var = (residual**2).mean()
    assert whole.fit_.loglik == pytest.approx(-0.5 * 119 * (np.log(2 * np.pi * var) + 1), abs=1e-8)
    holed = y.copy()
    holed[60] = np.nan
    parts = emkit.AutoregressiveHMM(1, 1).fit([y[:60], y[61:]])
    assert emkit.AutoregressiveHMM(1, 1).fit(holed).fit_.loglik == pytest.approx(parts.fit_.loglik, abs=1e-8)


def test_a_mean_that_switches_without_lags_is_a_hidden_markov_model():
    y, _ = _series(200)
    plain = emkit.GaussianHMM(2, "tied", startprob="stationary", n_init=4, random_state=0).fit(y)
    same = emkit.AutoregressiveHMM(2, 0, form="mean", n_init=4, random_state=0).fit(y)
    assert same.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-5)
    np.testing.assert_allclose(same.predict_proba(y), plain.predict_proba(y), atol=1e-3)


def test_pseudo_residuals_of_an_autoregression_are_normal():
    y, _ = _series(1500)
    model = emkit.AutoregressiveHMM(2, 1, n_init=2, random_state=0).fit(y)
    residuals = model.pseudo_residuals(y, kind="forecast")
    assert np.isnan(residuals[0])
    assert not np.isnan(residuals[1:]).any()
    assert residuals[1:].mean() == pytest.approx(0, abs=0.06)
    assert residuals[1:].std() == pytest.approx(1, abs=0.04)
    assert abs(np.corrcoef(residuals[1:-1], residuals[2:])[0, 1]) < 0.06


def test_tied_transitions():
    counts = emkit.load_data("earthquakes")["n"]
    pair = ["chain.moves.prob[0, 1]", "chain.moves.prob[1, 0]"]
    tied = emkit.constrained(emkit.PoissonHMM(2, n_init=2, random_state=0), tie=[pair]).fit(counts)
    free = emkit.PoissonHMM(2, n_init=2, random_state=0).fit(counts)
    assert tied.transmat_[0, 1] == pytest.approx(tied.transmat_[1, 0], abs=1e-9)
    assert free.fit_.loglik - 1 < tied.fit_.loglik < free.fit_.loglik
    assert tied.n_parameters_ == free.n_parameters_ - 1
