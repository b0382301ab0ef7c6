"""Regressions whose covariates may be missing."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.linear_model import LinearRegression as PlainLinear
from sklearn.linear_model import LogisticRegression as PlainLogistic
from sklearn.utils.estimator_checks import check_estimator

from emkit.errors import DataError, DegenerateWarning, ParameterError
from emkit.missing import LinearRegression, LogisticRegression

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "its rows are fewer than its columns: no likelihood has a maximum",
    "check_supervised_y_2d": "a single column is taken as what it is, without a warning",
}
COEF = np.array([0.5, -0.7, 0.3])


def _covariates(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) @ np.array([[1.0, 0.5, 0.2], [0, 1, 0.6], [0, 0, 0.8]]) + [1, 0, -1]
    return X, np.where(rng.random(X.shape) < 0.25, np.nan, X), rng


def _linear(n=400, seed=0):
    X, holes, rng = _covariates(n, seed)
    return X, holes, 0.3 + X @ COEF + 0.5 * rng.normal(size=n)


def _logistic(n=400, seed=0):
    X, holes, rng = _covariates(n, seed)
    return X, holes, (rng.random(n) < 1 / (1 + np.exp(-(0.3 + X @ COEF)))).astype(int)


@pytest.mark.filterwarnings("ignore")  # that these classes do not inherit from scikit-learn's, and what they warn of
@pytest.mark.parametrize("estimator", [LinearRegression(), LogisticRegression()], ids=lambda e: type(e).__name__)
def test_scikit_learn_contract(estimator):
    results = check_estimator(estimator, on_fail=None, expected_failed_checks=EXPECTED)
    assert [(r["check_name"], r["exception"]) for r in results if r["status"] == "failed"] == []


def test_complete_rows_give_least_squares():
    X, _, y = _linear()
    model, plain = LinearRegression(tol=1e-10).fit(X, y), PlainLinear().fit(X, y)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-8)
    np.testing.assert_allclose(model.predict(X), plain.predict(X), rtol=1e-7)
    assert model.score(X, y) == pytest.approx(plain.score(X, y))
    design = np.column_stack([np.ones(len(X)), X])
    expected = np.sqrt(model.residual_variance_ * np.diag(np.linalg.inv(design.T @ design)))
    np.testing.assert_allclose(model.coefficients().se, expected, rtol=1e-5)


def test_complete_rows_give_plain_logistic_regression():
    X, _, y = _logistic()
    model, plain = LogisticRegression(tol=1e-10).fit(X, y), PlainLogistic(C=np.inf, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-5)
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=1e-5)
    design = np.column_stack([np.ones(len(X)), X])
    prob = model.predict_proba(X)[:, 1]
    expected = np.sqrt(np.diag(np.linalg.inv((design * (prob * (1 - prob))[:, None]).T @ design)))
    np.testing.assert_allclose(model.coefficients().se, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_coefficients_are_within_their_errors_of_the_truth(kind):
    make, model = (_linear, LinearRegression()) if kind == "linear" else (_logistic, LogisticRegression())
    _, holes, y = make(3000)
    found = model.fit(holes, y).coefficients()
    assert np.abs((found.estimate - [0.3, *COEF]) / found.se).max() < 3
    complete = ~np.isnan(holes).any(axis=1)
    whole = type(model)().fit(holes[complete], y[complete]).coefficients()
    assert (found.se < whole.se).all()  # rows with missing entries do help


def test_loglik_of_the_logistic_model_is_the_integral():
    _, holes, y = _logistic(30)
    model = LogisticRegression().fit(holes, y)
    p = model.fit_.parameters
    mean, cov = p.covariates.mean, p.covariates.cov
    draws = multivariate_normal(seed=0, mean=np.zeros(3)).rvs(200_000)
    total = 0.0
    for x, answer in zip(holes, y, strict=True):
        o, m = ~np.isnan(x), np.isnan(x)
        full = np.tile(np.where(o, x, 0.0), (len(draws) if m.any() else 1, 1))
        if o.any():
            total += multivariate_normal(mean[o], cov[np.ix_(o, o)]).logpdf(x[o])
        if m.any():
            slope = cov[np.ix_(m, o)] @ np.linalg.inv(cov[np.ix_(o, o)])
            left = cov[np.ix_(m, m)] - slope @ cov[np.ix_(o, m)]
            full[:, m] = mean[m] + slope @ (x - mean)[o] + draws[:, m] @ np.linalg.cholesky(left).T
        prob = np.mean(1 / (1 + np.exp(-(p.coef[0] + full @ p.coef[1:]))))
        total += np.log(prob if answer else 1 - prob)
    assert model.fit_.loglik == pytest.approx(total, abs=0.05)


def test_missing_responses_still_teach_of_the_covariates():
    _, holes, y = _linear(100)
    more = np.where(np.arange(100) < 40, np.nan, y)
    model = LinearRegression().fit(holes, more)
    assert np.abs(model.coef_ - COEF).max() < 0.3
    _, holes, y = _logistic(300)
    labels = np.array(["yes" if v else "no" for v in y], dtype=object)
    labels[::5] = None
    named = LogisticRegression().fit(holes, labels)
    assert list(named.classes_) == ["no", "yes"]
    np.testing.assert_allclose(named.coef_, LogisticRegression().fit(holes, np.where(labels == None, np.nan, y)).coef_)  # noqa: E711


def test_separated_classes_are_degenerate():
    X = np.linspace(-1, 1, 40)[:, None]
    with pytest.warns(DegenerateWarning, match="separate"):
        LogisticRegression(max_iter=4000).fit(X, X[:, 0] > 0.1)


def test_table_of_coefficients_has_names():
    import emkit

    table = emkit.load_data("airquality")
    found = LinearRegression().fit(table.select(["Wind", "Temp"]), table["Ozone"]).coefficients()
    assert found.names == ("(intercept)", "Wind", "Temp")
    assert "Wind" in str(found)
    assert (found.interval(0.99)[:, 0] < found.interval(0.9)[:, 0]).all()
    with pytest.raises(ParameterError, match="level"):
        found.interval(95)


def test_wrong_responses_are_errors():
    X, _, y = _linear(20)
    for model, bad, match in (
        (LinearRegression(), y[:-1], "20 rows"),
        (LinearRegression(), None, "requires y"),
        (LinearRegression(), ["a"] * 20, "numbers"),
        (LogisticRegression(), np.zeros(20), "1 class"),
        (LogisticRegression(), np.arange(20) % 3, "3 classes"),
        (LogisticRegression(), np.linspace(0, 1, 20), "continuous"),
    ):
        with pytest.raises(DataError, match=match):
            model.fit(X, bad)
