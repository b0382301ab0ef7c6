"""Censored regression."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import emkit
from emkit.errors import DataError, ParameterError


def _data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, 1 + X @ [2.0, -1.0] + rng.normal(size=n)


def test_without_limits_it_is_least_squares():
    X, y = _data()
    model = emkit.CensoredRegression().fit(X, y)
    coef = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), y, rcond=None)[0]
    assert [model.intercept_, *model.coef_] == pytest.approx(coef)
    assert model.score(X, y) == pytest.approx(1 - ((y - model.predict(X)) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    through = emkit.CensoredRegression(fit_intercept=False).fit(X, y)
    assert through.coef_ == pytest.approx(np.linalg.lstsq(X, y, rcond=None)[0])
    assert through.intercept_ == 0.0
    assert through.coefficients().names == ("x0", "x1", "sigma")


def test_limits_and_columns_say_the_same():
    X, y = _data()
    low, high = np.where(y <= 0, -np.inf, np.minimum(y, 2)), np.where(y >= 2, np.inf, np.maximum(y, 0))
    by_limits = emkit.CensoredRegression(0, 2).fit(X, y)
    by_columns = emkit.CensoredRegression().fit(X, np.column_stack([low, high]))
    assert by_limits.fit_.loglik == by_columns.fit_.loglik
    assert by_limits.loglik(X, y) == pytest.approx(by_limits.fit_.loglik)


def test_observed_means_by_integration():
    X, y = _data()
    model = emkit.CensoredRegression(0, 2).fit(X, y)
    line = model.predict(X[:3])
    for at, found in zip(line, model.predict(X[:3], kind="observed"), strict=True):
        exact = quad(lambda v, at=at: np.clip(v, 0, 2) * norm.pdf(v, at, model.sigma_), at - 12, at + 12, points=[0, 2])
        assert found == pytest.approx(exact[0], abs=1e-7)
    times = emkit.CensoredRegression(high=5.0, family="log-normal").fit(X, np.exp(y / 2))
    at = times.predict(X[:1])[0]
    exact = quad(lambda e: min(at * np.exp(times.sigma_ * e), 5.0) * norm.pdf(e), -12, 12, points=[0.0], limit=200)
    assert times.predict(X[:1], kind="observed")[0] == pytest.approx(exact[0], rel=1e-6)


def test_truncated_regression_is_not_least_squares():
    X, y = _data(4000)
    X, y = X[y > 0], y[y > 0]
    model = emkit.CensoredRegression(truncation=(0, np.inf)).fit(X, y)
    assert [model.intercept_, *model.coef_] == pytest.approx([1, 2, -1], abs=0.15)
    assert np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), y, rcond=None)[0][1] < 1.8


def test_units_and_offsets_do_not_matter():
    X, y = _data()
    plain = emkit.CensoredRegression(low=0).fit(X, y)
    moved = emkit.CensoredRegression(low=1e6).fit(X * 1e-6 + 3, y + 1e6)
    assert moved.coef_ * 1e-6 == pytest.approx(plain.coef_, rel=1e-5)
    assert moved.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"family": "cauchy"}, ParameterError, "`family` must be"),
        ({"low": 2, "high": 1}, ParameterError, "`low and high` must be a range"),
        ({"low": "a"}, ParameterError, "`low and high` must be a range .*a"),
        ({"truncation": 3}, ParameterError, "`truncation` must be a range .*3"),
        ({"truncation": (1, 1)}, ParameterError, "`truncation` must be a range"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        emkit.CensoredRegression(**options).fit(*_data())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, y[:-1]), "one row for each of the 200 rows"),
        (lambda X, y: (X, None), "requires y to be passed"),
        (lambda X, y: (X, np.where(y > 1, np.nan, y)), "contains NaN or infinity"),
        (lambda X, y: (np.column_stack([X, X[:, 0] + X[:, 1]]), y), "determine one another"),
        (lambda X, y: (np.column_stack([X, 0 * y]), y), "column '2' is constant"),
        (lambda X, y: (np.where(X > 2, np.nan, X), y), "X contains NaN"),
        (lambda X, y: (X, np.column_stack([y, y - 1])), "not above the upper one"),
        (lambda X, y: (X, np.column_stack([y, y + np.inf])), "censored on the right"),
        (lambda X, y: (X[:2], y[:2]), "2 rows for 3 coefficients"),
    ],
)
def test_bad_data(change, message):
    with pytest.raises(DataError, match=message):
        emkit.CensoredRegression().fit(*change(*_data()))


def test_log_normal_needs_times_above_zero():
    X, y = _data()
    with pytest.raises(DataError, match="lies above zero"):
        emkit.CensoredRegression(family="log-normal").fit(X, y)


def test_score_needs_values():
    X, y = _data()
    model = emkit.CensoredRegression().fit(X, y)
    with pytest.raises(DataError, match="compare `loglik"):
        model.score(X, np.column_stack([y, y + 1]))
    with pytest.raises(ParameterError, match='"latent" or "observed"'):
        model.predict(X, kind="mean")


def test_names_of_a_table():
    X, y = _data()
    frame = emkit.data.Table({"a": X[:, 0], "b": X[:, 1]}) if hasattr(emkit.data, "Table") else X
    model = emkit.CensoredRegression(low=0).fit(frame, y)
    assert "sigma" in model.summary()
