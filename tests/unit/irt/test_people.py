"""Groups, covariates and latent distributions."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

import emkit
from emkit import ItemResponseModel
from emkit.errors import DataError, ParameterError
from emkit.irt import Equispaced, GaussHermite


def people(n=1500, shift=0.7, dif=1.0, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    theta = rng.normal(size=n) * np.where(group, 1.3, 1.0) + shift * group
    d = np.tile(np.linspace(-1.5, 1.5, 8), (n, 1))
    d[group == 1, 3] += dif
    X = (rng.random((n, 8)) < 1 / (1 + np.exp(-(theta[:, None] * np.linspace(0.8, 2, 8) + d)))).astype(int)
    return X, np.where(group, "B", "A"), theta


@pytest.fixture(scope="module")
def two():
    X, group, _ = people()
    return ItemResponseModel("2PL", free_items=["x4"]).fit(X, group=group)


def test_groups_differ_in_mean_and_variance(two):
    assert two.groups_ == ("A", "B")
    assert two.latent_mean_[0] == 0.0
    assert two.latent_var_[0] == 1.0
    assert two.latent_mean_[1] == pytest.approx(0.7, abs=0.15)
    assert two.latent_var_[1] == pytest.approx(1.69, abs=0.4)
    assert two.n_parameters_ == 18 + 2


def test_free_item_has_parameters_for_each_group(two):
    assert two.coef_.items[-1] == "x4 [B]"
    assert two.coef_["d"][-1] - two.coef_["d"][3] == pytest.approx(1.0, abs=0.4)


def test_free_items_raise_the_likelihood_where_they_differ(two):
    X, group, _ = people()
    alike = ItemResponseModel("2PL").fit(X, group=group)
    assert 2 * (two.fit_.loglik - alike.fit_.loglik) > 10.0


def test_all_items_free_are_separate_fits():
    X, group, _ = people()
    together = ItemResponseModel("2PL", free_items="all").fit(X, group=group)
    apart = sum(ItemResponseModel("2PL").fit(X[group == g]).fit_.loglik for g in "AB")
    assert together.fit_.loglik == pytest.approx(apart, abs=1e-5)


def test_scores_use_the_group_of_a_person(two):
    X, group, theta = people()
    found = two.scores(X, group=group)
    assert np.corrcoef(found.theta, theta)[0, 1] > 0.8
    low, high = (two.scores(X[:1], group=g).theta[0] for g in "AB")
    assert low < high
    assert two.score_samples(X, group=group).sum() == pytest.approx(two.fit_.loglik, rel=1e-12)


def test_groups_must_be_said_and_known(two):
    X, _, _ = people()
    with pytest.raises(DataError, match="say with `group` who is in which"):
        two.scores(X)
    with pytest.raises(DataError, match="group 'C' is not among 'A', 'B'"):
        two.scores(X[:1], group="C")
    with pytest.raises(DataError, match="one label for each of the 1500 people"):
        ItemResponseModel().fit(X, group=["A"])
    with pytest.raises(ParameterError, match="'x9', which is no item"):
        ItemResponseModel(free_items=["x9"]).fit(X, group=people()[1])


def explained(n=600, seed=5):
    rng = np.random.default_rng(seed)
    Z = pd.DataFrame({"sex": np.where(rng.random(n) < 0.5, "m", "f"), "age": rng.normal(40, 10, n)})
    theta = 0.5 * (Z["sex"] == "m") + 0.04 * (Z["age"] - 40) + rng.normal(size=n)
    d = np.linspace(-1.5, 1.5, 6)
    return (rng.random((n, 6)) < 1 / (1 + np.exp(-(theta.to_numpy()[:, None] + d)))).astype(int), Z


def test_latent_regression_is_the_marginal_likelihood():
    X, Z = explained(80)
    model = ItemResponseModel("Rasch").fit(X, covariates=Z)
    assert model.covariate_names_ == ("sex=m", "age")
    mean = np.column_stack([Z["sex"] == "m", Z["age"]]).astype(float) @ model.latent_coef_
    sd, d = np.sqrt(model.latent_var_[0]), model.coef_["d"]

    def density(z, answers, centre):
        right = -np.logaddexp(0, -(2 * answers - 1) * (centre + sd * z + d)).sum()
        return np.exp(-0.5 * z * z + right) / np.sqrt(2 * np.pi)

    there = sum(np.log(quad(density, -9, 9, (y, m), epsrel=1e-11)[0]) for y, m in zip(X, mean, strict=True))
    assert model.fit_.loglik == pytest.approx(there, abs=1e-7)


def test_latent_regression_finds_the_truth():
    X, Z = explained(3000)
    model = ItemResponseModel("Rasch").fit(X, covariates=Z)
    errors = model.fit_.standard_errors()["latent.coefficient"]
    assert (np.abs(model.latent_coef_ - [0.5, 0.04]) < 3 * errors).all()
    assert model.latent_var_[0] == pytest.approx(1.0, abs=0.15)


def test_origin_of_covariates_does_not_matter():
    X, Z = explained()
    here = ItemResponseModel("2PL").fit(X, covariates=Z["age"])
    there = ItemResponseModel("2PL").fit(X, covariates=Z["age"].to_numpy() + 1000)
    assert here.fit_.loglik == pytest.approx(there.fit_.loglik, abs=1e-6)
    np.testing.assert_allclose(here.latent_coef_, there.latent_coef_, atol=1e-6)
    shift = 1000 * here.latent_coef_[0] * here.coef_["a1"]
    np.testing.assert_allclose(there.coef_["d"], here.coef_["d"] - shift, atol=1e-3)


def test_scores_need_covariates():
    X, Z = explained()
    model = ItemResponseModel("Rasch").fit(X, covariates=Z)
    for method in ("EAP", "MAP", "sum-EAP", "plausible"):
        assert np.isfinite(model.scores(X[:9], method, covariates=Z[:9]).theta).all()
    with pytest.raises(DataError, match="pass them as `covariates`"):
        model.scores(X)
    with pytest.raises(DataError, match="has 9 rows, but there are 600 people"):
        model.scores(X, covariates=Z[:9])
    with pytest.raises(DataError, match="covariate 'sex' is 'x' in row 0"):
        model.scores(X[:1], covariates=pd.DataFrame({"sex": ["x"], "age": [40.0]}))


def test_covariates_must_be_there():
    X, Z = explained()
    Z.loc[4, "age"] = np.nan
    with pytest.raises(DataError, match="covariate 'age' has no number in row 4"):
        ItemResponseModel("Rasch").fit(X, covariates=Z)


def test_grid_follows_a_wide_latent_distribution():
    rng = np.random.default_rng(1)
    theta = 3 * rng.normal(size=(800, 1))
    X = (rng.random((800, 12)) < 1 / (1 + np.exp(-(theta + np.linspace(-3, 3, 12))))).astype(int)
    model = ItemResponseModel("Rasch").fit(X)
    assert model.model_.grid.high > 7.4 * np.sqrt(model.latent_var_[0])
    wide = ItemResponseModel("Rasch", quadrature=Equispaced(601, -40, 40)).fit(X)
    assert model.fit_.loglik == pytest.approx(wide.fit_.loglik, abs=1e-6)


def test_long_tests_do_not_underflow():
    rng = np.random.default_rng(2)
    theta, d = rng.normal(size=(60, 1)), rng.normal(size=1500)
    X = (rng.random((60, 1500)) < 1 / (1 + np.exp(-(theta + d)))).astype(float)
    X = X[:, (X.mean(axis=0) > 0.05) & (X.mean(axis=0) < 0.95)]
    model = ItemResponseModel("Rasch").fit(X)
    assert model.fit_.is_converged
    assert model.model_.grid.step < 0.06
    nodes = np.linspace(-8, 8, 4001)
    z = nodes[:, None] + model.coef_["d"]
    log_prob = X @ z.T - np.logaddexp(0, z).sum(axis=1)
    log_weight = -0.5 * nodes**2 / model.latent_var_[0]
    whole = np.logaddexp.reduce(log_prob + log_weight - np.logaddexp.reduce(log_weight), axis=1)
    assert whole.mean() < np.log(1e-300)  # what a product of probabilities cannot hold
    assert model.fit_.loglik == pytest.approx(whole.sum(), abs=1e-5)
    assert np.corrcoef(model.scores(X).theta, theta[:, 0])[0, 1] > 0.99


def test_gauss_hermite_nodes():
    X = people()[0]
    ours, theirs = (ItemResponseModel("2PL", quadrature=grid).fit(X) for grid in (None, GaussHermite(61)))
    assert ours.fit_.loglik == pytest.approx(theirs.fit_.loglik, abs=1e-3)


def test_saved_calibration_scores_new_people(tmp_path, two):
    X, group, _ = people(50, seed=9)
    emkit.save(two, tmp_path / "two.emkit")
    again = emkit.load(tmp_path / "two.emkit")
    np.testing.assert_array_equal(again.scores(X, group=group).theta, two.scores(X, group=group).theta)


def test_simulated_answers_come_back():
    X = people()[0]
    model = ItemResponseModel("2PL").fit(X)
    codes, theta = model.sample(4000, random_state=3)
    again = ItemResponseModel("2PL").fit(codes)
    np.testing.assert_allclose(again.coef_["d"], model.coef_["d"], atol=0.3)
    assert np.corrcoef(again.scores(codes).theta, theta)[0, 1] > 0.8
    assert model.simulate([-9.0, 9.0], random_state=0).sum(axis=1).tolist() == [0, 8]


def test_expected_score_and_probabilities():
    model = ItemResponseModel("2PL").fit(people()[0])
    prob = model.probability([-1.0, 0.0, 1.0])
    assert prob.shape == (3, 8, 2)
    np.testing.assert_allclose(prob.sum(axis=2), 1.0)
    np.testing.assert_allclose(model.expected_score([-1.0, 0.0, 1.0]), prob[:, :, 1].sum(axis=1))
    slope, p = model.coef_["a1"], prob[:, :, 1]
    np.testing.assert_allclose(model.item_information([-1.0, 0.0, 1.0]), slope**2 * p * (1 - p))


def test_histogram_has_mean_zero_and_variance_one():
    rng = np.random.default_rng(7)
    theta = np.where(rng.random((2000, 1)) < 0.6, rng.normal(-1.2, 0.5, (2000, 1)), rng.normal(1.5, 0.6, (2000, 1)))
    X = (rng.random((2000, 15)) < 1 / (1 + np.exp(-1.8 * (theta + np.linspace(-2, 2, 15))))).astype(int)
    model, normal = (ItemResponseModel("2PL", density=density).fit(X) for density in ("histogram", "normal"))
    assert model.fit_.is_converged
    assert model.fit_.loglik > normal.fit_.loglik + 10
    assert model.latent_mean_[0] == pytest.approx(0.0, abs=1e-9)
    assert model.latent_var_[0] == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(model.score_samples(X).sum(), model.fit_.loglik, rtol=1e-10)


def test_histogram_is_for_one_factor():
    with pytest.raises(ParameterError, match="density='histogram' is for one factor"):
        ItemResponseModel("2PL", 2, density="histogram").fit(people()[0])
