"""Scores of people on several factors."""

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize

from emkit import ItemResponseModel
from emkit.errors import ParameterError
from emkit.irt import Equispaced

N_ITEMS = 10
KINDS = {
    "correlated": {"n_factors": 2, "loadings": np.array([[1, 0]] * 4 + [[1, 1]] * 2 + [[0, 1]] * 4, dtype=bool)},
    "exploratory": {"n_factors": 2},
    "bifactor": {"specific": ["a"] * 4 + ["b"] * 4 + [None] * 2, "quadrature": Equispaced(21, -5, 5)},
}


def answers(n=300):
    rng = np.random.default_rng(0)
    theta, slope = rng.normal(size=(n, 2)), np.zeros((N_ITEMS, 2))
    slope[:6, 0], slope[4:, 1] = rng.uniform(0.8, 2, 6), rng.uniform(0.8, 2, 6)
    z = (theta @ slope.T + np.linspace(-1.5, 1.5, N_ITEMS))[..., None] - [0.5, -0.5]
    X = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).sum(axis=2).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[-1] = np.nan
    return X


@cache
def model_of(name):
    extra = {"factor_correlation": "free"} if name == "correlated" else {}
    return ItemResponseModel("graded", **KINDS[name], **extra).fit(answers())


@pytest.fixture(params=list(KINDS))
def fitted(request):
    return model_of(request.param), request.param


def _objective(model, row, method, covariance):
    """Return what is maximised at a place, from probabilities alone: derivatives by differences."""
    seen = np.flatnonzero(~np.isnan(row))

    def prob(at):
        return model.probability(at[None])[0, seen]

    def information(at):
        steps = np.eye(len(at)) * 1e-5
        by = np.stack([(np.log(prob(at + s)) - np.log(prob(at - s))) / 2e-5 for s in steps])
        return np.einsum("jk,fjk,gjk->fg", prob(at), by, by)

    def value(at):
        height = np.log(prob(at)[np.arange(len(seen)), row[seen].astype(int)]).sum()
        if method == "MAP":
            height -= 0.5 * at @ np.linalg.solve(covariance, at)
        return height + (0.5 * np.linalg.slogdet(information(at))[1] if method == "WLE" else 0.0)

    return value


@pytest.mark.parametrize("method", ["MAP", "ML", "WLE"])
def test_modes_are_where_a_general_maximiser_finds_them(fitted, method):
    model, name = fitted
    X = answers()[:3]
    found = model.scores(X, method)
    n_factors = found.theta.shape[1]
    covariance = model.latent_correlation_ if name == "correlated" else np.eye(n_factors)
    for row, theta, spread in zip(X, found.theta, found.covariance, strict=True):
        value = _objective(model, row, method, covariance)
        best = minimize(lambda at: -value(at), np.zeros(n_factors), options={"gtol": 1e-6})  # noqa: B023
        np.testing.assert_allclose(theta, best.x, atol=2e-3 if method == "WLE" else 2e-4)
        if method == "MAP":
            steps = np.eye(n_factors) * 1e-3
            bend = [
                [
                    (value(theta + a + b) - value(theta + a - b) - value(theta - a + b) + value(theta - a - b))
                    for b in steps
                ]
                for a in steps
            ]
            np.testing.assert_allclose(np.linalg.inv(spread), -np.array(bend) / 4e-6, rtol=2e-3, atol=2e-3)


def test_covariances_are_those_of_the_posterior(fitted):
    model, _ = fitted
    X = answers()
    found = model.scores(X)
    np.testing.assert_allclose(np.einsum("nff->nf", found.covariance), found.se**2, atol=1e-12)
    draws = model.scores(X[:2], "plausible", n_draws=4000, random_state=0)
    assert draws.theta.shape == (2, 4000, found.theta.shape[1])
    for own, mean, spread in zip(draws.theta, found.theta, found.covariance, strict=False):
        np.testing.assert_allclose(own.mean(axis=0), mean, atol=0.06)
        np.testing.assert_allclose(np.cov(own.T), spread, atol=0.08)
    np.testing.assert_allclose(draws.covariance, found.covariance[:2], rtol=1e-12, atol=1e-14)


def test_of_who_answered_nothing_only_the_prior_is_known(fitted):
    model, _ = fitted
    blank = answers()[-1:]
    for method in ("EAP", "MAP"):
        np.testing.assert_allclose(model.scores(blank, method).theta, 0, atol=1e-8)
    for method in ("ML", "WLE"):
        found = model.scores(blank, method)
        assert np.isnan(found.theta).all()
        assert np.isnan(found.se).all()


def test_a_likelihood_without_a_highest_place_is_infinite():
    model = model_of("correlated")
    best = model.scores(np.full((1, N_ITEMS), 2.0), "ML")
    np.testing.assert_array_equal(best.theta, np.inf)
    assert np.isnan(best.se).all()
    row = np.array([2.0] * 4 + [np.nan] * 2 + [0, 1, 2, 1])  # all right on the first factor only
    assert model.scores(row[None], "ML").theta[0, 0] == np.inf
    assert np.isfinite(model.scores(row[None], "WLE").theta).all()


def test_reliability_is_of_each_factor():
    X = answers()
    model = model_of("correlated")
    found = model.scores(X[:-1])
    assert found.reliability.shape == (2,)
    by_hand = found.theta.var(axis=0, ddof=1) / (found.theta.var(axis=0, ddof=1) + (found.se**2).mean(axis=0))
    np.testing.assert_allclose(found.reliability, by_hand)
    np.testing.assert_allclose(model.marginal_reliability_, found.reliability, atol=0.1)


def test_scores_given_the_sum_average_those_given_the_answers():
    model = model_of("correlated")
    grid = np.array(np.meshgrid(*[[0, 1, 2]] * 4)).reshape(4, -1).T
    rows = np.full((len(grid), N_ITEMS), np.nan)
    rows[:, [0, 4, 5, 9]] = grid
    p, whole = np.exp(model.score_samples(rows)), model.scores(rows, "sum-EAP")
    total, eap = grid.sum(axis=1), model.scores(rows).theta
    for s in range(9):
        there = p[total == s] @ eap[total == s] / p[total == s].sum()
        np.testing.assert_allclose(whole.theta[total == s], there[None].repeat((total == s).sum(), 0), atol=1e-10)
    assert whole.covariance is None


def test_what_is_refused():
    model = model_of("bifactor")
    with pytest.raises(ParameterError, match="sum-EAP scores are not for models with specific factors"):
        model.scores(answers()[:3], "sum-EAP")
    with pytest.raises(ParameterError, match="see `scores\\(X\\).reliability`"):
        _ = model.marginal_reliability_
    with pytest.raises(ParameterError, match="`n_draws` must be an integer of at least 1, got 0"):
        model.scores(answers()[:3], "plausible", n_draws=0)
