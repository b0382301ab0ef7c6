"""Several factors: exploratory, confirmatory, bifactor."""

import numpy as np
import pytest
from scipy.special import log_expit, logsumexp

from emkit import ItemResponseModel
from emkit.errors import ConvergenceWarning, ParameterError
from emkit.irt import Equispaced, QuasiMonteCarlo


def answers(n=1500, seed=4):
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(n, 3))
    slope = np.zeros((8, 3))
    slope[:, 0], slope[:4, 1], slope[4:, 2] = 1.2, 1.3, 1.2
    z = theta @ slope.T + np.linspace(-1, 1, 8)
    return (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(float)


GRID = Equispaced(21, -5, 5, is_adaptive=False)
SPECIFIC = ["a"] * 4 + ["b"] * 4


@pytest.fixture(scope="module")
def bifactor():
    return ItemResponseModel("2PL", specific=SPECIFIC, quadrature=GRID).fit(answers())


def test_bifactor_is_the_integral_over_all_factors(bifactor):
    X = answers()[:25]
    X[3, 2] = np.nan
    line = np.linspace(-5, 5, 21)
    nodes = np.stack([part.ravel() for part in np.meshgrid(line, line, line, indexing="ij")], axis=1)
    log_a = -0.5 * (nodes**2).sum(axis=1)
    log_a -= logsumexp(log_a)
    slope = np.nan_to_num(np.stack([bifactor.coef_[name] for name in ("a1", "a2", "a3")], axis=1))
    z = nodes @ slope.T + bifactor.coef_["d"]
    joint = (
        sum(
            np.where(np.isnan(x)[:, None], 0.0, log_expit(np.where(x[:, None] == 1, z_j, -z_j)))
            for x, z_j in zip(X.T, z.T, strict=True)
        )
        + log_a
    )
    np.testing.assert_allclose(bifactor.score_samples(X), logsumexp(joint, axis=1), rtol=1e-10)
    resp = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(bifactor.scores(X).theta, resp @ nodes, atol=1e-8)


def test_bifactor_beats_one_factor_where_there_are_testlets(bifactor):
    one = ItemResponseModel("2PL").fit(answers())
    assert bifactor.fit_.loglik - one.fit_.loglik > 20
    assert bifactor.coef_.columns == ("a1", "a2", "a3", "d")
    assert np.isnan(bifactor.coef_["a3"][:4]).all()
    assert bifactor.specific_labels_ == ("a", "b")


def test_item_without_a_specific_factor():
    model = ItemResponseModel("2PL", specific=[*SPECIFIC[:-1], None], quadrature=GRID).fit(answers())
    assert model.n_parameters_ == 8 * 3 - 1
    assert np.isfinite(model.scores(answers()[:5]).theta).all()


def test_confirmatory_pattern_keeps_its_zeros():
    loadings = np.zeros((8, 2), dtype=bool)
    loadings[:4, 0], loadings[4:, 1] = True, True
    model = ItemResponseModel("2PL", 2, loadings=loadings, quadrature=GRID).fit(answers())
    assert (model.coef_["a2"][:4] == 0).all()
    assert (model.coef_["a1"][4:] == 0).all()
    assert model.n_parameters_ == 16
    apart = sum(
        ItemResponseModel("2PL", quadrature=Equispaced(21, -5, 5, is_adaptive=False)).fit(part).fit_.loglik
        for part in np.hsplit(answers(), 2)
    )
    assert model.fit_.loglik == pytest.approx(apart, abs=1e-5)


def test_simulated_answers_have_all_factors(bifactor):
    codes, theta = bifactor.sample(50, random_state=0)
    assert codes.shape == (50, 8)
    assert theta.shape == (50, 3)
    assert bifactor.probability(theta).shape == (50, 8, 2)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"specific": ["a"] * 3}, "has 3 entries, but there are 8 items"),
        ({"specific": ["a"] * 7 + ["b"]}, "factor 'b' has one item"),
        ({"specific": SPECIFIC, "n_factors": 2}, "`specific` goes with n_factors=1"),
        ({"item_type": "Rasch", "n_factors": 2}, "say with `loadings` which of the 2 those are"),
        ({"item_type": "1PL", "n_factors": 2}, "1PL items have one factor, got n_factors=2; 'Rasch' may"),
    ],
)
def test_bad_options_are_refused(options, match):
    with pytest.raises(ParameterError, match=match):
        ItemResponseModel(**options).fit(answers())


def test_points_of_a_sequence_come_near_the_grid():
    ours = ItemResponseModel("2PL", 2, quadrature=QuasiMonteCarlo(3000)).fit(answers())
    grid = ItemResponseModel("2PL", 2).fit(answers())
    assert ours.fit_.loglik == pytest.approx(grid.fit_.loglik, abs=1.0)
    again = ItemResponseModel("2PL", 2, quadrature=QuasiMonteCarlo(3000)).fit(answers())
    assert again.fit_.loglik == ours.fit_.loglik


def test_four_factors_take_points():
    model = ItemResponseModel("2PL", 4, max_iter=4, quadrature=QuasiMonteCarlo(500))
    with pytest.warns(ConvergenceWarning):
        model.fit(answers()[:200])
    assert model.coef_.columns == ("a1", "a2", "a3", "a4", "d")
