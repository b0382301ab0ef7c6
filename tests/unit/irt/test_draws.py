"""Metropolis-Hastings Robbins-Monro: latent variables drawn, not integrated out."""

import numpy as np
import pytest
from two_factors import HALVES, dichotomous, explained, grouped, places, steps

import emkit
from emkit import ItemResponseModel, RobbinsMonro
from emkit.errors import ConvergenceWarning, ParameterError
from emkit.irt import Adaptive, GaussHermite, LogNormalPrior, QuasiMonteCarlo

QUICK = Adaptive(QuasiMonteCarlo(200))


def lsat7():
    table = emkit.load_data("lsat7")
    return np.stack([table[f"q{j}"] for j in range(1, 6)], axis=1), table["freq"]


@pytest.fixture(scope="module")
def drawn():
    X, counts = lsat7()
    return ItemResponseModel("2PL", solver=RobbinsMonro()).fit(X, sample_weight=counts)


def test_estimate_lacks_little_of_the_optimum(drawn):
    X, counts = lsat7()
    exact = ItemResponseModel("2PL").fit(X, sample_weight=counts)
    assert drawn.fit_.is_converged
    assert drawn.fit_.loglik == pytest.approx(exact.fit_.loglik, abs=0.25)
    errors = exact.coef(standard_errors=True).standard_errors
    assert np.abs((drawn.coef_.values - exact.coef_.values) / errors).max() < 0.5


def test_error_of_the_log_likelihood_is_told(drawn):
    assert any("by random points, with the standard error 0.0" in note for note in drawn.fit_.notes)
    X, counts = lsat7()
    again = ItemResponseModel("2PL", solver=RobbinsMonro(seed=1), quadrature=Adaptive(GaussHermite(41)))
    again.fit(X, sample_weight=counts)
    assert again.fit_.notes == ()
    assert again.fit_.loglik < -2658.805  # that of a fine rule cannot be above the optimum
    assert again.fit_.loglik == pytest.approx(drawn.fit_.loglik, abs=0.25)
    assert again.score(X, sample_weight=counts) * 1000 == pytest.approx(again.fit_.loglik, rel=1e-10)


def test_same_seed_same_bits(drawn):
    X, counts = lsat7()
    again = ItemResponseModel("2PL", solver=RobbinsMonro()).fit(X, sample_weight=counts)
    np.testing.assert_array_equal(again.coef_.values, drawn.coef_.values)
    other = ItemResponseModel("2PL", solver=RobbinsMonro(seed=3)).fit(X, sample_weight=counts)
    assert np.abs(other.coef_.values - drawn.coef_.values).max() > 0


def test_threads_change_nothing():
    rng = np.random.default_rng(0)
    X = (rng.random((20_000, 16)) < 1 / (1 + np.exp(-rng.normal(size=(20_000, 1))))).astype(int)
    options = {"solver": RobbinsMonro(n_moves=1), "max_iter": 3, "quadrature": Adaptive(GaussHermite(3))}
    found = []
    for n_threads in (1, 2):
        with pytest.warns(ConvergenceWarning, match="iterations ran out"):
            found.append(ItemResponseModel("2PL", n_threads=n_threads, **options).fit(X).coef_.values)
    np.testing.assert_array_equal(*found)


def test_trace_is_of_complete_data_and_may_fall(drawn):
    gains = np.diff(drawn.fit_.trace.objective)
    assert (gains < 0).any()
    assert (gains > 0).any()
    assert drawn.fit_.objective == pytest.approx(drawn.fit_.loglik, abs=1e-9)


def test_four_factors_reach_further_than_fixed_points():
    rng = np.random.default_rng(0)
    loads = np.repeat(np.eye(4, dtype=bool), 5, axis=0)
    theta = rng.multivariate_normal(np.zeros(4), np.full((4, 4), 0.4) + 0.6 * np.eye(4), 500)
    X = (rng.random((500, 20)) < 1 / (1 + np.exp(-(1.4 * theta @ loads.T + np.tile(np.linspace(-1, 1, 5), 4))))) * 1
    options = {"loadings": loads, "factor_correlation": "free"}
    rule = Adaptive(GaussHermite(5))
    ours = ItemResponseModel("2PL", 4, solver=RobbinsMonro(), quadrature=rule, **options).fit(X)
    points = ItemResponseModel("2PL", 4, quadrature=QuasiMonteCarlo(1000), **options).fit(X)
    assert ours.fit_.is_converged
    theirs = ours.model_.log_density(points.parameters_, next(iter(ours.fit_.source.blocks()))).sum()
    assert ours.fit_.loglik > theirs
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(ours.latent_correlation_[off], 0.4, atol=0.2)


@pytest.mark.parametrize("item_type", ["graded", "nominal", "pcm", "3PL"])
def test_items_of_any_type(item_type):
    theta = places(300)
    X = dichotomous(theta) if item_type == "3PL" else steps(theta)
    solver = RobbinsMonro(n_burn=20, first_window=20, n_moves=2, accuracy=20.0)
    options = {"loadings": HALVES, "priors": None if item_type == "pcm" else {"slope": LogNormalPrior(0.0, 0.5)}}
    model = ItemResponseModel(item_type, 2, solver=solver, quadrature=QUICK, **options).fit(X)
    grid = ItemResponseModel(item_type, 2, **options).fit(X)
    assert model.fit_.is_converged
    assert model.fit_.objective == pytest.approx(grid.fit_.objective, abs=3.0)


def test_groups_and_covariates():
    solver = RobbinsMonro(n_burn=20, first_window=20, n_moves=2, accuracy=20.0)
    options = {"loadings": HALVES, "factor_correlation": "free", "solver": solver, "quadrature": QUICK}
    X, group = grouped(500)
    model = ItemResponseModel("2PL", 2, **options).fit(X, group=group)
    np.testing.assert_allclose(model.latent_mean_, [[0, 0], [0.5, -0.4]], atol=0.4)
    X, Z = explained(300)
    model = ItemResponseModel("2PL", 2, **options).fit(X, covariates=Z)
    assert model.latent_coef_[0, 0] > 0.4


def test_saved_and_loaded(drawn, tmp_path):
    from emkit.io import load, save

    save(drawn, tmp_path / "drawn.emkit")
    again = load(tmp_path / "drawn.emkit")
    np.testing.assert_array_equal(again.coef_.values, drawn.coef_.values)
    np.testing.assert_allclose(again.scores(lsat7()[0]).theta, drawn.scores(lsat7()[0]).theta)


def test_checkpoint_goes_on_with_the_same_bits(drawn, tmp_path):
    X, counts = lsat7()

    def halt(row):
        return row.iteration == 70

    model = ItemResponseModel("2PL", solver=RobbinsMonro(), on_iteration=halt)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, sample_weight=counts, checkpoint=tmp_path / "half.emkit")
    model = ItemResponseModel("2PL", solver=RobbinsMonro())
    model.fit(X, sample_weight=counts, checkpoint=tmp_path / "half.emkit")
    np.testing.assert_array_equal(model.coef_.values, drawn.coef_.values)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_burn": -1}, "`n_burn` must be at least 0"),
        ({"first_window": 0}, "`first_window` must be at least 1"),
        ({"accuracy": 0.0}, "`accuracy` must be above 0"),
        ({"n_moves": 0}, "`n_moves` must be at least 1"),
    ],
)
def test_bad_options_are_refused(options, match):
    with pytest.raises(ParameterError, match=match):
        RobbinsMonro(**options)


def test_other_models_are_refused():
    with pytest.raises(ParameterError, match="RobbinsMonro draws hidden variables, which `.*` does not offer"):
        emkit.PoissonMixture(2, solver=RobbinsMonro()).fit([[1], [2], [9], [11]])


def test_adaptive_rules_end_at_four_factors():
    X = dichotomous(places(60))
    with pytest.raises(ParameterError, match="at most 4 factors, got n_factors=5: use solver=emkit.RobbinsMonro"):
        ItemResponseModel("2PL", 5, quadrature=Adaptive()).fit(X)
