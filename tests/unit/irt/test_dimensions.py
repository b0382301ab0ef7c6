"""Several factors with groups, covariates, and items of every type.

Factors that share neither items nor correlations are fits of their own: sums of fits of one factor are the truth here.
"""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from two_factors import HALVES, dichotomous, explained, grouped, places, steps

from emkit import ItemResponseModel
from emkit.core import EM
from emkit.errors import ParameterError
from emkit.irt import Equispaced, LogNormalPrior

LINE = Equispaced(31, -6, 6, is_adaptive=False)


@pytest.mark.parametrize("item_type", ["Rasch", "pcm", "rsm", "Tutz", "graded", "gpcm", "nominal", "sequential", "3PL"])
def test_factors_of_their_own_are_fits_of_their_own(item_type):
    X = dichotomous(places(500)) if item_type in ("Rasch", "3PL") else steps(places(500))
    both = ItemResponseModel(item_type, 2, loadings=HALVES, quadrature=LINE).fit(X)
    apart = [ItemResponseModel(item_type, quadrature=LINE).fit(part) for part in np.hsplit(X, 2)]
    if item_type == "rsm":  # the two halves have steps of their own
        assert both.fit_.loglik <= sum(model.fit_.loglik for model in apart)
        assert both.n_parameters_ == sum(model.n_parameters_ for model in apart) - 1
        return
    assert both.fit_.is_converged
    assert both.fit_.objective == pytest.approx(sum(model.fit_.objective for model in apart), abs=2e-6)
    assert both.n_parameters_ == sum(model.n_parameters_ for model in apart)
    d = "d1" if "d1" in both.coef_.columns else "d"
    np.testing.assert_allclose(both.coef_[d], np.concatenate([model.coef_[d] for model in apart]), atol=2e-3)
    np.testing.assert_allclose(
        both.latent_var_[0], [model.latent_var_[0] for model in apart], atol=2e-3 if item_type != "3PL" else 0
    )


def test_nominal_items_have_no_difficulties():
    model = ItemResponseModel("nominal", quadrature=LINE).fit(steps(places(300))[:, :4])
    with pytest.raises(ParameterError, match="these items have no difficulties"):
        _ = model.difficulty_


def test_rasch_model_of_factors_that_correlate():
    X = dichotomous(places(1500, r=0.7), slope=1.0)
    model = ItemResponseModel("Rasch", 2, loadings=HALVES, factor_correlation="free").fit(X)
    apart = ItemResponseModel("Rasch", 2, loadings=HALVES).fit(X)
    assert model.n_parameters_ == 8 + 2 + 1
    assert model.latent_correlation_[0, 1] == pytest.approx(0.7, abs=0.1)
    np.testing.assert_allclose(model.latent_var_[0], 1.0, atol=0.25)
    assert model.fit_.loglik > apart.fit_.loglik + 50
    assert (model.coef_["a1"] == np.repeat([1.0, 0.0], 4)).all()
    plain = ItemResponseModel("Rasch", 2, loadings=HALVES, factor_correlation="free", solver=EM(), tol=1e-9)
    np.testing.assert_allclose(plain.fit(X).latent_correlation_, model.latent_correlation_, atol=1e-4)


def test_within_item_rasch_model():
    loadings = HALVES.copy()
    loadings[0, 1] = True
    model = ItemResponseModel("Rasch", 2, loadings=loadings, quadrature=LINE).fit(dichotomous(places(300)))
    assert model.coef_["a2"][0] == 1.0
    assert model.coef_["a2"][1] == 0.0
    assert model.item_information([[0.0, 0.0]]).shape == (1, 8)


# --- groups ---


@pytest.fixture(scope="module")
def two():
    X, group = grouped()
    return ItemResponseModel("2PL", 2, loadings=HALVES, factor_correlation="free").fit(X, group=group)


def test_groups_differ_in_means_and_covariances(two):
    assert two.n_parameters_ == 16 + 1 + 2 + 2 + 1
    np.testing.assert_allclose(two.latent_mean_, [[0, 0], [0.5, -0.4]], atol=0.2)
    np.testing.assert_allclose(two.latent_var_, [[1, 1], [1.69, 0.64]], atol=0.5)
    np.testing.assert_allclose(two.latent_correlation_[:, 0, 1], 0.5, atol=0.12)
    assert "Correlations of the factors in group 2" in two.summary()


def test_likelihood_of_each_group_is_the_integral(two):
    X, group = grouped()
    line = np.linspace(-7, 7, 141)
    x = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    prob = two.probability(x)[:, :, 1]
    for g, label in enumerate("AB"):
        sd = np.sqrt(two.latent_var_[g])
        weights = multivariate_normal(two.latent_mean_[g], two.latent_correlation_[g] * np.outer(sd, sd)).pdf(x)
        rows = X[group == label][:4]
        whole = [np.log(weights @ np.where(row, prob, 1 - prob).prod(axis=1) / weights.sum()) for row in rows]
        np.testing.assert_allclose(two.score_samples(rows, group=label), whole, atol=2e-6)


def test_all_items_free_are_groups_of_their_own():
    X, group = grouped(800)
    options = {"n_factors": 2, "loadings": HALVES, "factor_correlation": "free", "quadrature": LINE}
    together = ItemResponseModel("2PL", free_items="all", **options).fit(X, group=group)
    apart = [ItemResponseModel("2PL", **options).fit(X[group == label]) for label in "AB"]
    assert together.fit_.loglik == pytest.approx(sum(model.fit_.loglik for model in apart), abs=2e-6)
    correlations = [model.latent_correlation_ for model in apart]
    np.testing.assert_allclose(together.latent_correlation_, correlations, atol=1e-3)


def test_factors_of_their_own_in_groups_are_fits_of_their_own():
    X, group = grouped()
    both = ItemResponseModel("2PL", 2, loadings=HALVES, free_items=["x2", "x7"]).fit(X, group=group)
    free = ("x2",), ("x3",)  # x7 is the third of the second half
    apart = [
        ItemResponseModel("2PL", free_items=f, quadrature=Equispaced(31, -6, 6)).fit(part, group=group)
        for part, f in zip(np.hsplit(X, 2), free, strict=True)
    ]
    assert both.fit_.loglik == pytest.approx(sum(model.fit_.loglik for model in apart), abs=1e-4)
    np.testing.assert_allclose(both.latent_mean_[1], [model.latent_mean_[1] for model in apart], atol=1e-3)
    np.testing.assert_allclose(both.latent_var_[1], [model.latent_var_[1] for model in apart], atol=2e-3)


def test_exploratory_groups_have_covariances_of_their_own():
    X, group = grouped(800)
    model = ItemResponseModel("2PL", 2, quadrature=LINE).fit(X, group=group)
    assert model.fit_.is_converged
    assert model.latent_correlation_[0, 0, 1] == 0.0
    assert model.n_parameters_ == 15 + 8 + 2 + 3


# --- covariates ---


def test_regressions_of_factors_of_their_own_are_regressions_of_their_own():
    X, Z = explained()
    grid = Equispaced(41, -8, 8)
    both = ItemResponseModel("2PL", 2, loadings=HALVES, quadrature=grid).fit(X, covariates=Z)
    apart = [ItemResponseModel("2PL", quadrature=grid).fit(part, covariates=Z) for part in np.hsplit(X, 2)]
    assert both.fit_.loglik == pytest.approx(sum(model.fit_.loglik for model in apart), abs=2e-6)
    assert both.latent_coef_.shape == (2, 2)
    np.testing.assert_allclose(both.latent_coef_.T, [model.latent_coef_ for model in apart], atol=1e-3)


def test_regression_of_factors_that_correlate():
    X, Z = explained()
    model = ItemResponseModel("2PL", 2, loadings=HALVES, factor_correlation="free").fit(X, covariates=Z)
    assert model.fit_.is_converged
    assert model.latent_correlation_[0, 1] == pytest.approx(0.5, abs=0.2)
    assert model.latent_coef_[0, 0] > 0.5
    errors = model.fit_.standard_errors()["latent.coefficient"]
    assert ((errors > 0.02) & (errors < 0.3)).all()
    assert model.scores(X[:5], covariates=Z[:5]).theta.shape == (5, 2)


def test_rasch_regression_with_free_variances():
    X, Z = explained()
    model = ItemResponseModel("Rasch", 2, loadings=HALVES, factor_correlation="free").fit(X[:400], covariates=Z[:400])
    assert model.n_parameters_ == 8 + 4 + 2 + 1
    assert model.fit_.is_converged


def test_covariates_refuse_groups():
    X, Z = explained()
    with pytest.raises(ParameterError, match="make the group a covariate"):
        ItemResponseModel("2PL").fit(X, covariates=Z, group=np.arange(len(X)) % 2)


# --- testlets ---


def in_testlets(n=1200):
    rng = np.random.default_rng(4)
    group = np.arange(n) % 2
    theta = rng.normal(size=(n, 4)) * np.where(group, 1.3, 1.0)[:, None]
    theta[:, 0] += 0.6 * group
    own = np.repeat(np.eye(3), 4, axis=0)
    z = np.linspace(0.8, 1.5, 12) * theta[:, :1] + 1.2 * theta[:, 1:] @ own.T + np.tile(np.linspace(-1, 1, 4), 3)
    return (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(int), group


SPECIFIC = list("aaaabbbbcccc")
COARSE = Equispaced(21, -6, 6)


def test_bifactor_groups_differ_in_general_mean_and_all_variances():
    X, group = in_testlets()
    model = ItemResponseModel("2PL", specific=SPECIFIC, quadrature=COARSE).fit(X, group=group)
    assert model.n_parameters_ == 36 + 1 + 4
    assert model.latent_mean_[1, 0] == pytest.approx(0.6, abs=0.2)
    assert (model.latent_mean_[:, 1:] == 0).all()
    assert model.latent_var_[1, 0] == pytest.approx(1.69, abs=0.5)
    low, high = (model.scores(X[:1], group=g).theta[0, 0] for g in (0, 1))
    assert low < high
    assert model.score_samples(X, group=group).sum() == pytest.approx(model.fit_.loglik, rel=1e-10)
    assert model.model_fit(X, group=group).df > 0
    at = np.array([[0.2, -0.5, 0.0, 1.0]])
    p = model.probability(at)[0, :, 1]
    np.testing.assert_allclose(model.item_information(at)[0], model.coef_["a1"] ** 2 * p * (1 - p))


def test_bifactor_groups_with_free_items_are_fits_of_their_own():
    X, group = in_testlets(1000)
    options = {"specific": SPECIFIC, "quadrature": COARSE, "priors": {"slope": LogNormalPrior(0.0, 0.5)}}
    together = ItemResponseModel("2PL", free_items="all", **options).fit(X, group=group)
    fits = [ItemResponseModel("2PL", **options).fit(X[group == g]) for g in (0, 1)]
    assert together.fit_.objective == pytest.approx(sum(model.fit_.objective for model in fits), abs=1e-4)


def test_rasch_testlets_have_variances():
    X, _ = in_testlets(800)
    model = ItemResponseModel("Rasch", specific=SPECIFIC, quadrature=COARSE).fit(X)
    assert model.n_parameters_ == 12 + 4
    assert (model.coef_["a1"] == 1).all()
    assert model.latent_var_.shape == (1, 4)
    assert model.fit_.is_converged


def test_grids_of_long_tests_are_refined():
    # posteriors of 30 steep items are narrower than the steps of the default grid
    rng = np.random.default_rng(0)
    theta, loadings = places(300, r=0.0), np.repeat(np.eye(2, dtype=bool), 30, axis=0)
    X = (rng.random((300, 60)) < 1 / (1 + np.exp(-(1.8 * theta @ loadings.T + rng.normal(size=60))))).astype(int)
    both = ItemResponseModel("2PL", 2, loadings=loadings).fit(X)
    apart = sum(ItemResponseModel("2PL").fit(part).fit_.loglik for part in np.hsplit(X, 2))
    assert both.model_.grid.n_points > 31
    assert both.fit_.loglik == pytest.approx(apart, abs=2e-4)
