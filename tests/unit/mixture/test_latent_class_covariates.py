"""Covariates of latent classes: tables, answers, weights, and what goes wrong."""

import numpy as np
import pytest

import emkit
from emkit.errors import DataError, ParameterError


def _people(n=300, seed=2):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=n)
    z = rng.random(n) < 1 / (1 + np.exp(-w))
    X = np.where(rng.random((n, 4)) < np.where(z[:, None], 0.85, 0.2), "yes", "no").astype(object)
    X[::17, 1] = None
    return X, w


def test_a_table_names_its_covariates():
    X, w = _people()
    table = {
        "w": w,
        "group": np.where(w + np.tile([0.0, 1.0, -1.0], 100) > 0, "b", "a"),
        **{f"q{j}": X[:, j] for j in range(4)},
    }
    model = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(table, covariates=["group", "w"])
    assert model.terms_ == ("intercept", "group=b", "w")
    assert list(model.levels_) == ["q0", "q1", "q2", "q3"]
    prob = model.predict_proba(table)
    items = {name: column for name, column in table.items() if name.startswith("q")}
    given = {"group": table["group"], "w": w}
    np.testing.assert_array_equal(model.predict_proba(items, covariates=given), prob)
    np.testing.assert_allclose(model.shares(given).mean(axis=0), model.class_shares_)
    np.testing.assert_allclose(prob.mean(axis=0), model.class_shares_, atol=1e-4)  # the intercept's own equation
    assert model.score_samples(table).sum() == pytest.approx(model.fit_.loglik)
    with pytest.raises(DataError, match="the class shares depend on group, w: give them as `covariates`"):
        model.predict(items)


def test_weights_are_repeated_rows():
    X, w = _people()
    weights = np.arange(len(w)) % 3
    weighted = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X, sample_weight=weights, covariates=w)
    again = np.repeat(np.arange(len(w)), weights)
    repeated = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X[again], covariates=w[again])
    np.testing.assert_allclose(weighted.log_odds_, repeated.log_odds_, atol=1e-3)
    three = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X, sample_weight=weights)
    left = three.three_step(X, w, weights).log_odds
    np.testing.assert_allclose(left, three.three_step(X[again], w[again]).log_odds, atol=1e-6)


def test_a_covariate_that_means_nothing_has_no_effect():
    X, _ = _people()
    noise = np.random.default_rng(9).normal(size=len(X))
    model = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X, covariates=noise)
    assert abs(model.coefficients().z[1]) < 3
    plain = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X)
    assert 0 <= model.fit_.loglik - plain.fit_.loglik < 5


def test_one_class_has_no_log_odds():
    X, w = _people()
    model = emkit.LatentClassAnalysis(1).fit(X, covariates=w)
    assert model.log_odds_ is None
    with pytest.raises(ParameterError, match="fitted without covariates"):
        model.coefficients()


@pytest.mark.parametrize(
    ("covariates", "told"),
    [
        (np.where(np.arange(300) == 5, np.nan, 1.0 * np.arange(300)), "covariate 'w1' is missing in row 5"),
        (np.ones(300), "has the same value, 1, in every row"),
        (np.arange(299.0), "`covariates` has 299 rows, but `X` has 300"),
        ("age", "`covariates` names the column 'age'; the columns of `X` are 'x1', 'x2', 'x3', 'x4'"),
    ],
)
def test_bad_covariates_are_told(covariates, told):
    X, _ = _people()
    with pytest.raises(DataError, match=told):
        emkit.LatentClassAnalysis(2).fit(X, covariates=covariates)


def test_wrong_words_are_told():
    X, w = _people()
    model = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X)
    with pytest.raises(ParameterError, match="`correction` must be one of 'ml', 'bch', 'none', got 'cubic'"):
        model.three_step(X, w, correction="cubic")
    with pytest.raises(ParameterError, match="`assignment` must be 'modal' or 'proportional'"):
        model.three_step(X, w, assignment="hard")
    gated = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X, covariates=w)
    with pytest.raises(ParameterError, match="fits the classes without covariates"):
        gated.three_step(X, w)


def test_a_saved_fit_answers_as_before(tmp_path):
    X, w = _people()
    model = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X, covariates=w)
    emkit.save(model, tmp_path / "classes.emkit")
    again = emkit.load(tmp_path / "classes.emkit")
    np.testing.assert_array_equal(again.predict_proba(X, covariates=w), model.predict_proba(X, covariates=w))
