"""Adaptive quadrature: nodes of each person's own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from two_factors import HALVES, dichotomous, explained, grouped, places, steps

from emkit import EM, ItemResponseModel
from emkit.core import Model
from emkit.core.information import observed_information
from emkit.core.problem import Problem
from emkit.errors import ParameterError
from emkit.irt import Adaptive, Equispaced, GaussHermite, LogNormalPrior, NormalPrior, QuasiMonteCarlo


@dataclass(frozen=True)
class _NoLouis(Model):
    """A model without the covariance of what is hidden."""

    inner: Any = None

    def start(self, source, rng):
        return self.inner.start(source, rng)

    def e_step(self, parameters, block):
        return self.inner.e_step(parameters, block)

    def m_step(self, statistics, parameters):
        return self.inner.m_step(statistics, parameters)

    def log_prior(self, parameters):
        return self.inner.log_prior(parameters)

    def score(self, parameters, statistics):
        return self.inner.score(parameters, statistics)


FINE = Equispaced(61, -8, 8)


def many_items(n=400, j=24, seed=5):
    rng = np.random.default_rng(seed)
    theta, d = rng.normal(size=(n, 1)), np.linspace(-1.5, 1.5, j)
    X = (rng.random((n, j)) < 1 / (1 + np.exp(-(1.4 * theta + d)))).astype(float)
    X[rng.random(X.shape) < 0.05] = np.nan
    return X


@pytest.fixture(scope="module")
def one():
    return ItemResponseModel("2PL", quadrature=Adaptive(GaussHermite(9))).fit(many_items())


def test_few_nodes_reach_the_optimum_of_a_fine_grid(one):
    grid = ItemResponseModel("2PL").fit(many_items())
    assert one.fit_.is_converged
    assert one.fit_.loglik == pytest.approx(grid.fit_.loglik, abs=5e-4)
    np.testing.assert_allclose(one.coef_.values, grid.coef_.values, atol=2e-4)
    errors = [model.coef(standard_errors=True).standard_errors for model in (one, grid)]
    np.testing.assert_allclose(*errors, rtol=1e-3)


def test_scores_and_likelihood_are_those_of_a_fine_grid(one):
    X, grid = many_items(), ItemResponseModel("2PL").fit(many_items())
    assert one.score_samples(X).sum() == pytest.approx(one.fit_.loglik, rel=1e-12)
    ours, theirs = one.scores(X), grid.scores(X)
    np.testing.assert_allclose(ours.theta, theirs.theta, atol=1e-3)
    np.testing.assert_allclose(ours.se, theirs.se, atol=1e-3)
    draws = one.scores(X, "plausible", n_draws=200, random_state=0)
    np.testing.assert_allclose(draws.theta.mean(axis=1), theirs.theta, atol=0.2)
    np.testing.assert_allclose(np.median(draws.theta.std(axis=1) / theirs.se), 1.0, atol=0.05)
    found = [model.model_fit(np.nan_to_num(X)).value for model in (one, grid)]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@pytest.mark.parametrize("item_type", ["graded", "gpcm", "nominal", "pcm", "3PL"])
def test_any_items_on_two_factors(item_type):
    theta = places(250)
    X = dichotomous(theta) if item_type == "3PL" else steps(theta)
    options = {"loadings": HALVES, "priors": None if item_type == "pcm" else {"slope": LogNormalPrior(0.0, 0.5)}}
    ours = ItemResponseModel(item_type, 2, quadrature=Adaptive(GaussHermite(9)), tol=1e-5, **options).fit(X)
    grid = ItemResponseModel(item_type, 2, quadrature=FINE, tol=1e-5, **options).fit(X)
    assert ours.fit_.is_converged
    assert ours.fit_.objective == pytest.approx(grid.fit_.objective, abs=2e-2)


def test_groups_and_correlations():
    X, group = grouped(500)
    options = {"loadings": HALVES, "factor_correlation": "free", "tol": 1e-6}
    ours = ItemResponseModel("2PL", 2, quadrature=Adaptive(GaussHermite(11)), **options).fit(X, group=group)
    grid = ItemResponseModel("2PL", 2, quadrature=FINE, **options).fit(X, group=group)
    assert ours.fit_.loglik == pytest.approx(grid.fit_.loglik, abs=2e-3)
    np.testing.assert_allclose(ours.latent_mean_, grid.latent_mean_, atol=2e-3)
    np.testing.assert_allclose(ours.latent_correlation_, grid.latent_correlation_, atol=2e-3)


def test_covariates():
    X, Z = explained(300)
    options = {"loadings": HALVES, "factor_correlation": "free", "tol": 1e-6}
    ours = ItemResponseModel("Rasch", 2, quadrature=Adaptive(), **options).fit(X, covariates=Z)
    grid = ItemResponseModel("Rasch", 2, quadrature=FINE, **options).fit(X, covariates=Z)
    assert ours.fit_.loglik == pytest.approx(grid.fit_.loglik, abs=2e-3)
    np.testing.assert_allclose(ours.latent_coef_, grid.latent_coef_, atol=2e-3)
    np.testing.assert_allclose(ours.scores(X, covariates=Z).theta, grid.scores(X, covariates=Z).theta, atol=1e-2)


@pytest.mark.parametrize("item_type", ["2PL", "gpcm", "rsm", "nominal", "graded"])
def test_louis_information_is_that_of_differences(item_type):
    X, group = grouped(200)
    X = X if item_type == "2PL" else steps(places(200))
    given = {"loadings": HALVES} if item_type != "nominal" else {}
    n_factors = 2 if given else 1
    priors = None if item_type == "rsm" else {"slope": NormalPrior(1.0, 0.5)}
    model = ItemResponseModel(item_type, n_factors, quadrature=Adaptive(GaussHermite(7)), priors=priors, **given)
    model.fit(X, **({"group": group} if item_type == "2PL" else {}))
    problem = Problem(model.model_, model.fit_.source)
    louis = observed_information(problem, model.parameters_)
    differences = observed_information(Problem(_NoLouis(model.model_), model.fit_.source), model.parameters_)
    assert louis.n_e_steps == (2 if item_type != "graded" else differences.n_e_steps)  # whose log odds are not linear
    scale = np.abs(differences.observed).max()
    np.testing.assert_allclose(louis.observed, differences.observed, atol=1e-5 * scale)


def test_louis_information_with_covariates():
    X, Z = explained(200)
    options = {"loadings": HALVES, "factor_correlation": "free"}
    model = ItemResponseModel("Rasch", 2, quadrature=Adaptive(GaussHermite(9)), **options).fit(X, covariates=Z)
    louis = observed_information(Problem(model.model_, model.fit_.source), model.parameters_)
    other = observed_information(Problem(_NoLouis(model.model_), model.fit_.source), model.parameters_)
    np.testing.assert_allclose(louis.observed, other.observed, atol=1e-5 * np.abs(other.observed).max())


def test_random_points_around_modes_err_little():
    X = dichotomous(places(300))
    options = {"loadings": HALVES, "factor_correlation": "free", "tol": 1e-4}
    points = ItemResponseModel("Rasch", 2, quadrature=Adaptive(QuasiMonteCarlo(300)), **options).fit(X)
    grid = ItemResponseModel("Rasch", 2, quadrature=FINE, **options).fit(X)
    assert points.fit_.loglik == pytest.approx(grid.fit_.loglik, abs=0.3)


def test_plain_em_ends_at_the_same_place(one):
    plain = ItemResponseModel("2PL", quadrature=Adaptive(GaussHermite(9)), solver=EM(), tol=1e-6).fit(many_items())
    assert plain.fit_.loglik == pytest.approx(one.fit_.loglik, abs=1e-5)


def test_saved_and_loaded(one, tmp_path):
    from emkit.io import load, save

    save(one, tmp_path / "own.emkit")
    again = load(tmp_path / "own.emkit")
    np.testing.assert_array_equal(again.scores(many_items()).theta, one.scores(many_items()).theta)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"density": "histogram"}, "nodes of people's own are for density='normal'"),
        ({"specific": ["a"] * 12 + ["b"] * 12}, "integrated one by one on a grid"),
    ],
)
def test_what_it_does_not_go_with(options, match):
    with pytest.raises(ParameterError, match=match):
        ItemResponseModel("2PL", quadrature=Adaptive(), **options).fit(many_items(60))
