"""Hidden Markov models with covariates: recovery, answers, messages."""

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.errors import DataError, ParameterError

COEFS = np.array([[-1.5, 2.0], [1.5, 1.0]])  # log odds of a move to the second state: intercept and slope


def _rows(n=1500, seed=0, driven_by="from", slope=0.0):
    rng = np.random.default_rng(seed)
    dose = rng.normal(size=n)
    state = np.zeros(n, dtype=int)
    for t in range(1, n):
        odds = COEFS[state[t - 1]] @ [1.0, dose[t - 1 if driven_by == "from" else t]]
        state[t] = rng.random() < 1 / (1 + np.exp(-odds))
    y = 4 * state + slope * (1 + state) * dose + rng.normal(size=n)
    return np.column_stack([y, dose]), state


@pytest.fixture(scope="module")
def fitted():
    rows, _ = _rows()
    return emkit.CovariateHMM("gaussian", 2, transition_covariates=[1], n_init=2, random_state=0).fit(rows)


def test_coefficients_are_found(fitted):
    found, errors = fitted.transition_coefs_[:, 1], fitted.standard_errors()
    for i in range(2):
        for j in range(2):
            assert abs(found[i, j] - COEFS[i, j]) < 3 * errors[f"chain.gating[{i}, 0, {j}]"]
    np.testing.assert_allclose(fitted.transmat_[:, 1], 1 / (1 + np.exp(-found[:, 0])))
    np.testing.assert_allclose(fitted.transmat_at([0.5])[:, 1], 1 / (1 + np.exp(-found @ [1, 0.5])))
    assert fitted.transmat_at([[0.5], [1.0], [2.0]]).shape == (3, 2, 2)


def test_the_row_that_is_entered_may_drive_the_move(fitted):
    rows, _ = _rows(driven_by="to")
    entered = emkit.CovariateHMM("gaussian", 2, transition_covariates=[1], driven_by="to", n_init=2, random_state=0)
    entered.fit(rows)
    np.testing.assert_allclose(entered.transition_coefs_[:, 1], COEFS, atol=0.6)
    moved = np.column_stack([rows[:, 0], np.append(rows[1:, 1], 0.0)])  # the same moves, told by the row before
    same = emkit.CovariateHMM("gaussian", 2, transition_covariates=[1], n_init=2, random_state=0).fit(moved)
    assert same.fit_.loglik == pytest.approx(entered.fit_.loglik, abs=1e-5)


def test_forecasts_follow_the_covariates_to_come(fitted):
    rows, _ = _rows(200, seed=3)
    ahead = fitted.forecast(rows[:-2], h=2, future=rows[-2:, 1])
    last = fitted.filter(rows[:-2])[-1]
    one = last @ fitted.transmat_at(rows[-3, 1:])
    np.testing.assert_allclose(ahead.states, [one, one @ fitted.transmat_at(rows[-2, 1:])], atol=1e-12)
    np.testing.assert_allclose(fitted.forecast(rows[:-2]).states[0], one)  # the last row drives the first move
    holed = rows.copy()
    holed[-2:, 0] = np.nan  # a missing row is a forecast
    np.testing.assert_allclose(fitted.predict_proba(holed)[-2:], ahead.states, atol=1e-12)
    np.testing.assert_allclose(ahead.mean, ahead.states @ fitted.emissions_.mean)
    with pytest.raises(ParameterError, match="give those of the 3 rows to come as `future`"):
        fitted.forecast(rows, h=3)
    with pytest.raises(DataError, match="rows of all 2 columns or of the 1 covariates alone, 3 of them, got shape"):
        fitted.forecast(rows, h=3, future=[0.1, 0.2])
    with pytest.raises(DataError, match="must be known"):
        fitted.forecast(rows, h=2, future=[0.1, np.nan])


def test_answers_agree_with_each_other(fitted):
    rows, states = _rows(300, seed=4)
    assert (fitted.predict(rows) == states).mean() > 0.9
    paths = fitted.sample_paths(rows, n_paths=200, random_state=0)
    np.testing.assert_allclose(paths.mean(axis=0), fitted.predict_proba(rows)[:, 1], atol=0.13)
    for kind in ("ordinary", "forecast"):
        residuals = fitted.pseudo_residuals(rows, kind=kind)
        assert abs(residuals.mean()) < 0.15
        assert residuals.std() == pytest.approx(1, abs=0.1)


def test_samples_follow_their_covariates(fitted):
    rows, states = fitted.sample(np.full((400, 1), 5.0), random_state=0)
    assert states.mean() > 0.95
    np.testing.assert_array_equal(rows[:, 1], 5.0)
    with pytest.raises(ParameterError, match="needs rows with those of the sequence"):
        fitted.sample(10)


def test_emissions_and_transitions_by_one_covariate():
    rows, _ = _rows(1500, slope=0.8)
    frame = pd.DataFrame(rows, columns=["y", "dose"])
    model = emkit.CovariateHMM(
        "gaussian", 2, transition_covariates=["dose"], emission_covariates=["dose"], n_init=2, random_state=0
    ).fit(frame)
    np.testing.assert_allclose(model.emissions_.responses[0].coef, [[0, 0.8], [4, 1.6]], atol=0.2)
    np.testing.assert_allclose(model.transition_coefs_[:, 1], COEFS, atol=0.6)
    ahead = model.forecast(frame, h=2, future=pd.DataFrame({"dose": [1.0, -1.0]}))
    coef = model.emissions_.responses[0].coef
    np.testing.assert_allclose(
        ahead.mean[:, 0], [ahead.states[0] @ (coef @ [1, 1]), ahead.states[1] @ (coef @ [1, -1])]
    )
    assert ahead.cdf(ahead.mean[0])[0, 0] == pytest.approx(0.5, abs=0.3)
    assert ahead.sample(2000, 0).mean() == pytest.approx(ahead.mean.mean(), abs=0.15)
    with pytest.raises(DataError, match="have no column 'dose'"):
        model.forecast(frame, h=1, future=pd.DataFrame({"dosis": [1.0]}))


def test_first_states_by_a_covariate():
    rng = np.random.default_rng(0)
    dose = np.repeat(rng.normal(size=400), 4)
    starts = rng.random(400) < 1 / (1 + np.exp(-(0.5 + 1.5 * dose[::4])))
    stays = rng.random((400, 3)) < 0.8
    states = np.column_stack([starts, *(starts ^ (~stays[:, : i + 1]).sum(axis=1) % 2 == 1 for i in range(3))])
    y = 5 * states.reshape(-1) + rng.normal(size=1600)
    rows, lengths = np.column_stack([y, dose]), np.full(400, 4)
    model = emkit.CovariateHMM("gaussian", 2, start_covariates=[1], n_init=2, random_state=0).fit(rows, lengths)
    np.testing.assert_allclose(model.start_coefs_[1], [0.5, 1.5], atol=0.5)
    assert model.n_parameters_ == 2 + 2 + 4
    plain = emkit.CovariateHMM("gaussian", 2, n_init=2, random_state=0).fit(rows[:, :1], lengths)
    same = emkit.GaussianHMM(2, n_init=2, random_state=0).fit(rows[:, :1], lengths)
    assert plain.fit_.loglik == pytest.approx(same.fit_.loglik, abs=1e-5)
    assert model.fit_.loglik > plain.fit_.loglik + 20


def test_a_stationary_start_without_covariates_is_that_of_the_chain():
    y = _rows(300)[0][:, :1]
    guided = emkit.CovariateHMM("gaussian", 2, startprob="stationary", n_init=2, random_state=0).fit(y)
    plain = emkit.GaussianHMM(2, startprob="stationary", n_init=2, random_state=0).fit(y)
    assert guided.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-5)
    np.testing.assert_allclose(guided.transmat_, plain.transmat_, atol=1e-3)


def test_saved_and_loaded(fitted, tmp_path):
    rows, _ = _rows(50, seed=9)
    emkit.save(fitted, tmp_path / "guided.emkit")
    again = emkit.load(tmp_path / "guided.emkit")
    assert again.score(rows) == fitted.score(rows)
    np.testing.assert_array_equal(again.predict(rows), fitted.predict(rows))


def test_what_is_refused():
    rows = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(DataError, match="names no column by 'dose': the columns are 0 to 1"):
        emkit.CovariateHMM("gaussian", 2, transition_covariates=["dose"]).fit(rows)
    with pytest.raises(DataError, match="takes all 2 columns"):
        emkit.CovariateHMM("gaussian", 2, transition_covariates=[0, 1]).fit(rows)
    with pytest.raises(ParameterError, match="`driven_by` must be 'from' or 'to', got 'both'"):
        emkit.CovariateHMM("gaussian", 2, driven_by="both").fit(rows)
    with pytest.raises(ParameterError, match="`start_covariates` say how sequences begin, and so does `startprob`"):
        emkit.CovariateHMM("gaussian", 2, start_covariates=[1], startprob="uniform").fit(rows)
    with pytest.raises(ParameterError, match="`emission` must be one of gaussian, poisson, bernoulli, binomial"):
        emkit.CovariateHMM("gamma", 2, emission_covariates=[1]).fit(np.abs(rows))
    rows[4, 1] = np.nan
    with pytest.raises(DataError, match="column 1"):
        emkit.CovariateHMM("gaussian", 2, transition_covariates=[1]).fit(rows)
