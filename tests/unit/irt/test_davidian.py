"""Davidian curves: densities of any shape."""

import numpy as np
import pytest
from scipy.integrate import quad

from emkit import ItemResponseModel
from emkit.errors import ParameterError
from emkit.irt.davidian import Davidian, DavidianParameters
from emkit.irt.grids import Equispaced


def skewed(n=3000, seed=2):
    rng = np.random.default_rng(seed)
    theta = (rng.gamma(2.0, size=(n, 1)) - 2) / np.sqrt(2)
    d = np.linspace(-2, 2, 15)
    return (rng.random((n, 15)) < 1 / (1 + np.exp(-(1.7 * theta + d)))).astype(int), theta[:, 0]


@pytest.fixture(scope="module")
def curve():
    return ItemResponseModel("2PL", density="Davidian-3", random_state=0).fit(skewed()[0])


def test_curve_is_a_density():
    nodes = Equispaced(151).nodes(1)
    latent, own = Davidian(1, 2), DavidianParameters(np.array([[0.4, -0.7]]))

    def density(x):
        p = 1 + 0.4 * x - 0.7 * (x**2 - 1) / np.sqrt(2)
        return p**2 * np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) / (1 + 0.4**2 + 0.7**2)

    assert quad(density, -12, 12)[0] == pytest.approx(1.0, abs=1e-10)
    weights = np.exp(latent.log_weights(own, nodes, np.zeros(151))[0])
    np.testing.assert_allclose(weights, density(nodes[:, 0]) * 0.1, atol=1e-8)


def test_no_coefficients_are_the_normal_distribution():
    nodes = Equispaced(151).nodes(1)
    latent = Davidian(1, 4)
    weights = np.exp(latent.log_weights(latent.start(nodes), nodes, np.zeros(151))[0])
    np.testing.assert_allclose(weights, np.exp(-0.5 * nodes[:, 0] ** 2) / np.sqrt(2 * np.pi) * 0.1, atol=1e-12)


def test_skewness_is_found(curve):
    normal = ItemResponseModel("2PL").fit(skewed()[0])
    assert curve.fit_.loglik > normal.fit_.loglik + 30
    assert curve.n_parameters_ == normal.n_parameters_ + 3
    model, own = curve.model_, curve.parameters_.latent
    weights = np.exp(model.latent.log_weights(own, model.nodes, model.log_width)[0])
    x = model.nodes[:, 0]
    mean, var = weights @ x, weights @ (x - weights @ x) ** 2
    assert (mean, var) == pytest.approx((0.0, 1.0), abs=1e-8)
    assert weights @ x**3 > 0.6  # that of the gamma distribution is 1.4, but it has an edge


def test_scores_and_likelihood_are_on_the_standard_scale(curve):
    X, theta = skewed()
    assert curve.score(X) * len(X) == pytest.approx(curve.fit_.loglik, rel=1e-10)
    assert np.corrcoef(curve.scores(X).theta, theta)[0, 1] > 0.85
    np.testing.assert_allclose(np.median(curve.coef_["a1"]), 1.7, atol=0.25)


def test_simulated_people_have_its_shape(curve):
    _, theta = curve.sample(20_000, random_state=0)
    assert (theta.mean(), theta.std()) == pytest.approx((0.0, 1.0), abs=0.03)
    assert (theta**3).mean() > 0.6


def test_richer_curves_fit_no_worse(curve):
    X = skewed()[0]
    richer = ItemResponseModel("2PL", density="davidian-4", random_state=0).fit(X)
    assert richer.fit_.loglik >= curve.fit_.loglik - 1e-3


def test_saved_and_loaded(curve, tmp_path):
    from emkit.io import load, save

    save(curve, tmp_path / "curve.emkit")
    again = load(tmp_path / "curve.emkit")
    assert again.score(skewed()[0]) == pytest.approx(curve.score(skewed()[0]), rel=1e-12)


@pytest.mark.parametrize("density", ["davidian", "davidian-0", "davidian-11", "davidian-two"])
def test_degrees_have_limits(density):
    with pytest.raises(ParameterError, match="'davidian-k' with k from 1 to 10, got"):
        ItemResponseModel("2PL", density=density).fit(skewed(50)[0])


def test_curves_are_for_one_factor():
    with pytest.raises(ParameterError, match="density='davidian-2' is for one factor, got n_factors=2"):
        ItemResponseModel("2PL", 2, density="davidian-2").fit(skewed(50)[0])
