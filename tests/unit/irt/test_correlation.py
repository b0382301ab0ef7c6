"""Confirmatory models whose factors correlate."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import emkit
from emkit import ItemResponseModel
from emkit.core import EM
from emkit.errors import ParameterError
from emkit.irt import Equispaced

HALVES = np.repeat(np.eye(2, dtype=bool), 5, axis=0)


def answers(n=1500, r=0.6):
    rng = np.random.default_rng(0)
    theta = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], n)
    d = np.tile(np.linspace(-1, 1, 5), 2)
    return (rng.random((n, 10)) < 1 / (1 + np.exp(-(1.4 * theta @ HALVES.T + d)))).astype(int)


@pytest.fixture(scope="module")
def model():
    return ItemResponseModel("2PL", 2, loadings=HALVES, factor_correlation="free").fit(answers())


def test_correlation_is_found(model):
    assert model.latent_correlation_[0, 1] == pytest.approx(0.6, abs=0.08)
    np.testing.assert_allclose(np.diag(model.latent_correlation_), 1.0)
    apart = ItemResponseModel("2PL", 2, loadings=HALVES).fit(answers())
    assert model.fit_.loglik > apart.fit_.loglik + 50
    assert model.n_parameters_ == apart.n_parameters_ + 1
    assert "Correlations of the factors" in model.summary()


def test_plain_em_ends_at_the_same_place(model):
    em = ItemResponseModel("2PL", 2, loadings=HALVES, factor_correlation="free", solver=EM(), tol=1e-10, max_iter=3000)
    np.testing.assert_allclose(em.fit(answers()).latent_correlation_, model.latent_correlation_, atol=1e-5)


def test_likelihood_is_the_integral(model):
    line = np.linspace(-7, 7, 141)
    x = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = multivariate_normal([0, 0], model.latent_correlation_).pdf(x)
    prob = model.probability(x)[:, :, 1]
    rows = answers()[:5]
    whole = [np.log(weights @ np.where(row, prob, 1 - prob).prod(axis=1) / weights.sum()) for row in rows]
    np.testing.assert_allclose(model.score_samples(rows), whole, atol=1e-6)


def test_factors_turn_with_their_correlations():
    X = answers()
    X[:, 5:] = 1 - X[:, 5:]  # asked the other way round
    start = ItemResponseModel("2PL", 2, loadings=HALVES, factor_correlation="free").fit(X)
    assert (start.coef_["a1"][:5] > 0).all()
    assert (start.coef_["a2"][5:] > 0).all()
    assert start.latent_correlation_[0, 1] < -0.5


def test_simulation_and_fit_of_the_model(model):
    _, theta = model.sample(4000, random_state=0)
    assert np.corrcoef(theta.T)[0, 1] == pytest.approx(model.latent_correlation_[0, 1], abs=0.05)
    found = model.model_fit(answers())
    assert found.df == 55 - 21
    assert found.p > 0.001


def test_saved_and_loaded(model, tmp_path):
    from emkit.io import load, save

    save(model, tmp_path / "m.emkit")
    again = load(tmp_path / "m.emkit")
    np.testing.assert_array_equal(again.latent_correlation_, model.latent_correlation_)
    assert isinstance(again, emkit.ItemResponseModel)


@pytest.mark.parametrize(
    "options",
    [
        {"n_factors": 2},
        {"n_factors": 1},
        {"n_factors": 2, "loadings": HALVES, "factor_correlation": "all"},
    ],
)
def test_what_it_does_not_go_with(options):
    with pytest.raises(ParameterError, match="goes with several factors, `loadings` that say"):
        ItemResponseModel(**{"factor_correlation": "free", "quadrature": Equispaced(9), **options}).fit(answers(100))
