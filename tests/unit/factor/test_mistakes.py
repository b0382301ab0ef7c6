"""What a new user may get wrong, and what is said."""

import numpy as np
import pytest

import emkit
from emkit.errors import DataError, ParameterError
from emkit.factor import ConfirmatoryFactorAnalysis


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + 0.7 * rng.normal(size=(200, 6))


def test_constant_column_with_missing_entries(rows):
    holes = np.where(np.random.default_rng(1).random(rows.shape) < 0.1, np.nan, rows)
    with pytest.raises(DataError, match="column '6' is constant"):
        emkit.FactorAnalysis().fit(np.column_stack([holes, np.ones(200)]))


def test_nothing_varies():
    with pytest.raises(DataError, match="no column varies"):
        emkit.ProbabilisticPCA().fit(np.ones((5, 3)))


@pytest.mark.parametrize(
    ("cov", "n_rows", "options", "error", "message"),
    [
        (np.eye(6), np.nan, {}, ParameterError, "`n_rows` must be the number of rows"),
        (np.eye(6), "many", {}, ParameterError, "`n_rows` must be the number of rows"),
        (np.eye(6), 100, {"mean": [1, 2]}, DataError, "expected `mean` of 6 finite numbers"),
        ([["a", "b"], ["c", "d"]], 100, {}, DataError, "of numbers"),
        (np.empty((0, 0)), 100, {}, DataError, r"got shape \(0, 0\)"),
        ([[1.0]], 100, {}, DataError, "at least 2 columns"),
    ],
)
def test_bad_covariance(cov, n_rows, options, error, message):
    with pytest.raises(error, match=message):
        emkit.FactorAnalysis().fit_covariance(cov, n_rows, **options)


def test_scores_of_another_width(rows):
    with pytest.raises(DataError, match=r"expected component scores \(n, 2\)"):
        emkit.ProbabilisticPCA(2).fit(rows).inverse_transform(np.zeros((3, 5)))


def test_model_in_words(rows):
    with pytest.raises(ParameterError, match="must map names to variables"):
        ConfirmatoryFactorAnalysis("f =~ x1 + x2").fit(rows)


def test_start_that_is_none(rows):
    with pytest.raises(ParameterError, match="must be parameters of this model"):
        emkit.FactorAnalysis(start=3).fit(rows)


@pytest.mark.parametrize("factors", [2, 3])
def test_units_do_not_matter(rows, factors):
    plain = emkit.FactorAnalysis(factors, random_state=0).fit(rows)
    scaled = emkit.FactorAnalysis(factors, random_state=0).fit(rows * 10.0 ** np.array([-10, -3, 0, 3, 6, 10]) + 1.0)
    assert scaled.communalities_ == pytest.approx(plain.communalities_, abs=1e-5)
