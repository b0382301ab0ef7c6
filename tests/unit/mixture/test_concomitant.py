"""Mixtures of any family whose proportions depend on covariates, and constraints together with what is known."""

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.errors import DataError, ParameterError

FAMILIES = {"x": "gaussian", "n": "poisson", "word": "categorical"}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 400
    age = rng.normal(50, 10, n)
    second = rng.random(n) < 1 / (1 + np.exp((50 - age) / 5))
    word = np.where(rng.random(n) < np.where(second, 0.8, 0.2), "a", "b")
    columns = {"x": np.where(second, 2, 0) + rng.normal(size=n), "n": rng.poisson(np.where(second, 6, 2)), "word": word}
    return pd.DataFrame({**columns, "age": age, "sex": np.where(rng.random(n) < 0.5, "f", "m"), "second": second})


@pytest.fixture(scope="module")
def gated(table):
    return emkit.MixtureModel(FAMILIES, 2, random_state=0, n_init=4).fit(table, concomitant=["age", "sex"])


def test_columns_of_the_table_or_beside_it_are_the_same(table, gated):
    rows, beside = table[list(FAMILIES)], table[["age", "sex"]]
    other = emkit.MixtureModel(FAMILIES, 2, random_state=0, n_init=4).fit(rows, concomitant=beside)
    assert other.fit_.loglik == gated.fit_.loglik
    assert gated.terms_ == other.terms_ == ("intercept", "age", "sex=m")
    assert gated.n_features_in_ == 3
    np.testing.assert_array_equal(gated.predict_proba(table), other.predict_proba(rows, beside))
    np.testing.assert_array_equal(gated.predict(table), other.predict(rows, concomitant=beside))
    assert gated.score_samples(table).sum() == pytest.approx(gated.fit_.loglik, rel=1e-12)
    assert gated.bic(table) == pytest.approx(gated.fit_.bic, rel=1e-12)


def test_proportions_follow_the_covariates(table, gated):
    older = gated.proportions(pd.DataFrame({"age": [30.0, 70.0], "sex": ["f", "f"]}))
    place = int(np.argmax(gated.members_["x"].mean[:, 0]))
    assert older[0, place] < 0.1 < 0.9 < older[1, place]
    assert gated.weights_ == pytest.approx(gated.proportions(table[["age", "sex"]]).mean(axis=0))
    shown = gated.coefficients()
    assert "age" in str(shown)
    plain = emkit.MixtureModel(FAMILIES, 2, random_state=0, n_init=4).fit(table[list(FAMILIES)])
    assert gated.fit_.loglik > plain.fit_.loglik + 20
    assert gated.fit_.n_free == plain.fit_.n_free + 2
    with pytest.raises(ParameterError, match="mixing proportions of this fit do not depend on covariates"):
        plain.proportions([1.0])
    with pytest.raises(ParameterError, match="fitted without covariates"):
        plain.coefficients()


def test_one_family_leaves_the_named_columns_out(table):
    mixture = emkit.MixtureModel("gaussian-full", 2, random_state=0, n_init=2)
    named = mixture.fit(table[["x", "n", "age"]], concomitant="age").fit_.loglik
    beside = mixture.fit(table[["x", "n"]].to_numpy(float), concomitant=table["age"])
    assert beside.fit_.loglik == pytest.approx(named, abs=1e-9)
    assert beside.fit_.is_converged


def test_labels_groups_and_one_component_go_with_covariates(table):
    told = np.where(np.arange(len(table)) % 3 == 0, table["second"].astype(int), -1)
    mixture = emkit.MixtureModel(FAMILIES, 2, random_state=0, n_init=2).fit(table, concomitant="age", labels=told)
    assert mixture.members_["x"].mean[1, 0] > mixture.members_["x"].mean[0, 0]  # the numbers of the labels are kept
    assert mixture.log_odds_[0, 1] > 0
    one = emkit.MixtureModel(FAMILIES, 1).fit(table, concomitant="age")
    assert one.log_odds_ is None
    assert (one.predict(table) == 0).all()


def test_samples_and_saved_fits_have_the_covariates(table, gated, tmp_path):
    rows, labels = gated.sample(50, random_state=0)
    assert list(rows.columns) == ["x", "n", "word", "age", "sex=m"]
    assert len(labels) == 50
    emkit.save(gated, tmp_path / "fit.emkit")
    again = emkit.load(tmp_path / "fit.emkit")
    np.testing.assert_array_equal(again.predict_proba(table), gated.predict_proba(table))


def test_mistakes_are_named(table, gated):
    with pytest.raises(DataError, match="mixing proportions depend on age, sex: give them as `concomitant`"):
        emkit.MixtureModel("gaussian", 2, n_init=1).fit(table[["x"]], concomitant=table[["age", "sex"]]).predict(
            table[["x"]]
        )
    with pytest.raises(DataError, match="names the column 'weight'"):
        emkit.MixtureModel(FAMILIES, 2).fit(table, concomitant="weight")
    with pytest.raises(DataError, match="covariate 'sex' is 'x' in row 0"):
        gated.predict(table.assign(sex="x"))
    with pytest.raises(ParameterError, match="`weight_concentration` is of mixing proportions that do not depend"):
        emkit.MixtureModel(FAMILIES, 2, weight_concentration=2.0).fit(table, concomitant="age")


def test_noise_counts_its_volume_by_whatever_way_it_is_asked_for():
    X, _ = emkit.load_data("faithful").numeric()
    own = emkit.GaussianMixture(2, noise=True, random_state=0, n_init=2).fit(X)
    named = emkit.MixtureModel("gaussian-full+noise", 3, random_state=0, n_init=2).fit(X)
    assert named.fit_.n_free == own.fit_.n_free == 13
    assert named.fit_.loglik == pytest.approx(own.fit_.loglik, abs=1e-4)


def test_constraints_go_with_labels_groups_and_covariates(table):
    X = table[["x", "n"]].to_numpy(float)
    told = np.where(np.arange(len(X)) % 5 == 0, table["second"].astype(int), -1)
    mixture = emkit.GaussianMixture(2, random_state=0, n_init=2)
    held = emkit.constrained(mixture, fix={"members.mean[0]": [0.0, 2.0]}).fit(X, labels=told)
    np.testing.assert_array_equal(held.means_[0], [0.0, 2.0])
    assert held.fit_.n_free == mixture.fit(X, labels=told).fit_.n_free - 2
    assert held.fit_.loglik < mixture.fit_.loglik
    even = emkit.constrained(mixture, fix={"mix": 0.5}).fit(X, groups=np.arange(len(X)) // 2)
    np.testing.assert_array_equal(even.weights_, [0.5, 0.5])
    gated = emkit.constrained(emkit.MixtureModel(FAMILIES, 2, n_init=2, random_state=0), fix={"gating[0, 1]": 0.0})
    assert gated.fit(table, concomitant="age").log_odds_[0, 1] == 0
    with pytest.raises(ParameterError, match="GaussianMixture.fit takes no `concomitant`"):
        emkit.constrained(mixture).fit(X, concomitant=table["age"])
