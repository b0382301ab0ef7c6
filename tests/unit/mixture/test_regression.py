"""Mixtures of regressions: one component, weights, tables, missing responses, and what goes wrong."""

import warnings

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.sparse import csr_array

import emkit
from emkit.errors import DataError, DataTypeError, DegenerateWarning, ParameterError


def _lines(n=150, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    first = rng.random(n) < 0.4
    return x[:, None], np.where(first, 1 + 2 * x, 5 - x) + 0.5 * rng.normal(size=n), first


def _counts(n=200, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 2))
    return x, rng.poisson(np.exp(0.5 + x @ [0.8, -0.4])).astype(float)


def test_one_component_is_least_squares():
    X, y, _ = _lines()
    fit = emkit.MixtureOfRegressions(1).fit(X, y)
    design = np.column_stack([np.ones(len(X)), X])
    coef, square = np.linalg.lstsq(design, y, rcond=None)[:2]
    np.testing.assert_allclose(fit.coefficients_[0], coef, rtol=1e-10)
    assert fit.residual_sd_[0] ** 2 == pytest.approx(float(square[0]) / len(y), rel=1e-9)
    var = float(square[0]) / len(y) * np.linalg.inv(design.T @ design)
    np.testing.assert_allclose(fit.coefficients().standard_error, np.sqrt(np.diag(var)), rtol=1e-4)


def test_one_component_is_the_poisson_regression():
    X, y = _counts()
    design = np.column_stack([np.ones(len(X)), X])
    found = optimize.minimize(lambda b: -stats.poisson.logpmf(y, np.exp(design @ b)).sum(), np.zeros(3), tol=1e-10)
    fit = emkit.MixtureOfRegressions(1, family="poisson", tol=1e-10).fit(X, y)
    np.testing.assert_allclose(fit.coefficients_[0], found.x, atol=1e-5)
    assert fit.fit_.loglik == pytest.approx(-found.fun, abs=1e-7)


def test_one_component_is_the_logistic_regression_with_trials_and_offset():
    rng = np.random.default_rng(2)
    x, n, offset = rng.normal(size=100), rng.integers(1, 9, 100), rng.normal(size=100)
    y = rng.binomial(n, 1 / (1 + np.exp(-(0.3 + x + offset))))

    def minus(b):
        return -stats.binom.logpmf(y, n, 1 / (1 + np.exp(-(b[0] + b[1] * x + offset)))).sum()

    found = optimize.minimize(minus, np.zeros(2), tol=1e-10)
    fit = emkit.MixtureOfRegressions(1, family="binomial", tol=1e-10).fit(x[:, None], y, trials=n, offset=offset)
    np.testing.assert_allclose(fit.coefficients_[0], found.x, atol=1e-5)
    assert fit.fit_.loglik == pytest.approx(-found.fun, abs=1e-7)
    mean = fit.predict(x[:3, None], trials=n[:3], offset=offset[:3])
    np.testing.assert_allclose(mean, n[:3] / (1 + np.exp(-(found.x[0] + found.x[1] * x[:3] + offset[:3]))), atol=1e-4)


def test_lines_are_found_and_answers_agree_with_the_model():
    X, y, first = _lines()
    fit = emkit.MixtureOfRegressions(2, random_state=0).fit(X, y)
    labels = fit.clusters(X, y)
    assert max(np.mean(labels == first), np.mean(labels != first)) > 0.9
    lines = fit.predict_components(X)
    np.testing.assert_allclose(fit.predict(X), lines @ fit.weights_)
    density = stats.norm.pdf(y[:, None], lines, fit.residual_sd_) * fit.weights_
    np.testing.assert_allclose(fit.score_samples(X, y), np.log(density.sum(axis=1)), rtol=1e-9)
    np.testing.assert_allclose(fit.posterior(X, y), density / density.sum(axis=1, keepdims=True), atol=1e-9)
    assert fit.score(X, y) * len(y) == pytest.approx(fit.fit_.loglik)
    entropy = -(fit.posterior(X, y) * np.log(np.maximum(fit.posterior(X, y), 1e-300))).sum()
    assert fit.icl_ == pytest.approx(fit.bic_ + 2 * entropy)


def test_units_and_origins_of_the_columns_do_not_matter():
    X, y, _ = _lines()
    plain = emkit.MixtureOfRegressions(2, random_state=0).fit(X, y)
    moved = emkit.MixtureOfRegressions(2, random_state=0).fit(1e3 * X + 1e8, 1e-6 * y + 1.0)
    assert moved.fit_.loglik == pytest.approx(plain.fit_.loglik + len(y) * np.log(1e6), abs=1e-3)
    np.testing.assert_allclose(moved.coefficients_[:, 1], plain.coefficients_[:, 1] * 1e-9, rtol=1e-4)


def test_weights_are_repeated_rows_and_zero_is_absence():
    X, y, _ = _lines()
    weights = np.arange(len(y)) % 3
    weighted = emkit.MixtureOfRegressions(2, random_state=0).fit(X, y, weights)
    repeated = emkit.MixtureOfRegressions(2, random_state=0).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert weighted.fit_.loglik == pytest.approx(repeated.fit_.loglik, abs=1e-5)
    far = np.where(weights > 0, y, 1e9)
    again = emkit.MixtureOfRegressions(2, random_state=0).fit(X, far, weights)
    assert again.fit_.loglik == pytest.approx(weighted.fit_.loglik, abs=1e-6)


def test_missing_responses_are_skipped():
    X, y, _ = _lines()
    other = np.random.default_rng(5).poisson(3.0, len(y)).astype(float)
    holes = np.where(np.arange(len(y)) % 5 == 0, np.nan, y)
    fit = emkit.MixtureOfRegressions(1, family=["gaussian", "poisson"]).fit(X, np.column_stack([holes, other]))
    seen = ~np.isnan(holes)
    alone = emkit.MixtureOfRegressions(1).fit(X[seen], y[seen])
    np.testing.assert_allclose(fit.coefficients_["y1"], alone.coefficients_, rtol=1e-8)


def test_tables_of_words_and_names():
    pandas = pytest.importorskip("pandas")
    X, y, first = _lines()
    table = pandas.DataFrame({"x": X[:, 0], "y": y, "kind": np.where(first, "b", "a"), "w": 1.0})
    table.loc[::3, "kind"] = "a"
    table.loc[::7, "kind"] = "b"
    fit = emkit.MixtureOfRegressions(2, random_state=0).fit(table, "y", sample_weight="w", concomitant=["kind"])
    assert fit.terms_ == ("intercept", "x")
    assert fit.concomitant_terms_ == ("intercept", "kind=b")
    assert abs(fit.weights_.sum() - 1) < 1e-12
    assert fit.predict(table).shape == (len(y),)
    assert fit.proportions(table).shape == (len(y), 2)
    with pytest.raises(DataError, match=r"names the column 'z', which is not in `X`; its columns are 'x', 'y'"):
        emkit.MixtureOfRegressions(2).fit(table, "z")
    alone = emkit.MixtureOfRegressions(1).fit(table[["kind", "y"]], "y")
    assert alone.terms_ == ("intercept", "kind=b")
    unseen = pandas.DataFrame({"kind": ["c"]})
    with pytest.raises(DataError, match=r"covariate 'kind' is 'c' in row 0; known are 'a', 'b'"):
        alone.predict(unseen)


def test_concomitant_variables_find_the_slope_of_membership():
    rng = np.random.default_rng(4)
    w, x = rng.normal(size=400), rng.uniform(-2, 2, 400)
    first = rng.random(400) < 1 / (1 + np.exp(-(0.5 + 1.5 * w)))
    y = np.where(first, 1 + 2 * x, 8 - x) + 0.3 * rng.normal(size=400)
    fit = emkit.MixtureOfRegressions(2, random_state=0).fit(x[:, None], y, concomitant=w)
    known = first == (fit.coefficients_[0, 0] < 4)
    design = np.column_stack([np.ones(400), w])
    found = optimize.minimize(
        lambda b: np.logaddexp(0, np.where(known, 1, -1) * (design @ b)).sum(), np.zeros(2)
    )  # the components are so clear that membership is as good as seen
    np.testing.assert_allclose(fit.log_odds_[0], found.x, atol=0.03)
    table = fit.coefficients()
    assert table.response.count("membership") == 2
    assert np.isfinite(table.standard_error).all()
    assert "membership" in str(table)


def test_concomitant_variables_that_rule_components_out_are_told():
    X, y, first = _lines()
    y = np.where(first, y + 40, y)
    fit = emkit.MixtureOfRegressions(2, random_state=0).fit(X, y, concomitant=first.astype(float))
    assert fit.fit_.is_converged
    assert "rule out a component for some rows" in fit.fit_.notes[0]


def test_common_effects_are_equal_and_variances_may_be():
    X, y, _ = _lines()
    fit = emkit.MixtureOfRegressions(2, common=[0], equal_variances=True, random_state=0).fit(X, y)
    assert fit.coefficients_[0, 1] == fit.coefficients_[1, 1]
    assert fit.residual_sd_[0] == fit.residual_sd_[1]
    assert fit.fit_.n_free == 2 + 1 + 1 + 1
    free = emkit.MixtureOfRegressions(2, random_state=0).fit(X, y)
    assert free.fit_.loglik > fit.fit_.loglik


def test_a_separated_logistic_component_has_no_numbers():
    rng = np.random.default_rng(6)
    x = rng.normal(size=60)
    y = (x > 0).astype(float)
    with pytest.warns(DegenerateWarning, match="without a finite maximum: the covariates separate ones from zeros"):
        fit = emkit.MixtureOfRegressions(1, family="binomial").fit(x[:, None], y)
    assert fit.fit_.status is emkit.Status.DEGENERATE
    assert np.isnan(fit.coefficients().standard_error).all()


def test_rows_on_exact_lines_are_degenerate():
    x = np.linspace(0, 1, 20)
    y = np.where(np.arange(20) % 2, 1 + x, 3 - x)
    with pytest.warns(DegenerateWarning, match="exactly on one plane"):
        emkit.MixtureOfRegressions(2, random_state=0).fit(x[:, None], y)


def test_components_with_fewer_rows_than_coefficients_are_degenerate():
    rng = np.random.default_rng(7)
    with pytest.warns(DegenerateWarning, match="too few rows"):
        emkit.MixtureOfRegressions(4, random_state=0, n_init=8).fit(rng.normal(size=(9, 2)), rng.normal(size=9))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"X": np.ones((30, 1))}, "has the same value, 1, in every row"),
        ({"X": np.repeat(np.arange(30.0)[:, None], 2, axis=1)}, "is a linear function of the others"),
        ({"X": np.where(np.arange(30) == 3, np.nan, np.arange(30.0))[:, None]}, "covariate 'x1' is missing in row 3"),
        ({"X": np.array([["a"] * 15 + ["b"] * 15]).T, "y": np.array(["no"] * 30)}, "column 'y1' must hold numbers"),
        ({"y": np.zeros(29)}, "same number of rows"),
        ({"X": csr_array(np.eye(30))}, "is a sparse matrix, and this model needs dense data"),
        ({"weights": np.ones((30, 2))}, "`sample_weight` must be one column, got 2"),
        ({"y": -np.arange(30.0), "family": "poisson"}, r"expected counts \(0, 1, 2, ...\) in response 'y1'"),
        ({"y": np.arange(30.0), "family": "binomial"}, r"expected 0 or 1 \(give `trials` for more\)"),
        ({"family": "gama"}, "`family` must name one of"),
        ({"common": ["z"]}, "`common` names the term 'z'; terms are 'intercept', 'x1'"),
        ({"n_components": 0}, "`n_components` must be an integer of at least 1"),
        ({"n_components": 31}, "use at most as many components as rows"),
    ],
)
def test_bad_input_is_told(change, told):
    given = {"X": np.arange(30.0)[:, None], "y": np.arange(30.0) % 7} | change
    X, y, weights = given.pop("X"), given.pop("y"), given.pop("weights", None)
    with pytest.raises((DataError, DataTypeError, ParameterError), match=told):
        emkit.MixtureOfRegressions(**given).fit(X, y, weights)


def test_a_saved_fit_answers_as_before(tmp_path):
    X, y = _counts()
    fit = emkit.MixtureOfRegressions(2, family="poisson", random_state=0, n_init=4).fit(X, y, concomitant=X[:, 0])
    emkit.save(fit, tmp_path / "fit.emkit")
    again = emkit.load(tmp_path / "fit.emkit")
    np.testing.assert_array_equal(again.predict(X, concomitant=X[:, 0]), fit.predict(X, concomitant=X[:, 0]))
    rows, labels = again.sample(X, concomitant=X[:, 0], random_state=0)
    assert rows.shape == labels.shape == (len(y),)


def test_a_start_may_be_labels():
    X, y, first = _lines()
    fit = emkit.MixtureOfRegressions(2, start=first.astype(int)).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        best = emkit.MixtureOfRegressions(2, random_state=0).fit(X, y)
    assert fit.fit_.loglik == pytest.approx(best.fit_.loglik, abs=1e-5)
