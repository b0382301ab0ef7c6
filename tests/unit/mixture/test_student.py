"""t mixtures: the likelihood by another route, missing entries, outliers, limits and clear errors."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_t

import emkit
from emkit.errors import DataError, ParameterError
from emkit.families.student_dof import HIGHEST, Capped, dof_solution


def _two_groups(rng, n=300):
    rows = rng.normal(size=(2 * n, 2)) / np.sqrt(rng.chisquare(4, (2 * n, 1)) / 4)
    rows[n:, 0] += 9
    return rows


def _loglik(mixture, X):
    total = 0.0
    for row in X:
        seen = ~np.isnan(row)
        terms = [
            np.log(mixture.weights_[k])
            + multivariate_t(
                mixture.locations_[k][seen], mixture.scales_[k][np.ix_(seen, seen)], mixture.dof_[k]
            ).logpdf(row[seen])
            for k in range(len(mixture.weights_))
            if seen.any()
        ]
        total += logsumexp(terms) if terms else 0.0
    return total


@pytest.mark.parametrize("share_missing", [0.0, 0.3])
def test_likelihood_is_that_of_scipy(share_missing):
    rng = np.random.default_rng(1)
    X = _two_groups(rng, 60)
    X[rng.random(X.shape) < share_missing] = np.nan
    mixture = emkit.StudentMixture(2, dof="each", random_state=0, n_init=4).fit(X)
    assert mixture.fit_.loglik == pytest.approx(_loglik(mixture, X), rel=1e-10)
    assert mixture.score(X) * len(X) == pytest.approx(mixture.fit_.loglik, rel=1e-12)


def test_degrees_of_freedom_are_recovered():
    mixture = emkit.StudentMixture(2, dof="shared", random_state=0).fit(_two_groups(np.random.default_rng(3), 2000))
    assert mixture.dof_[0] == mixture.dof_[1]
    assert mixture.dof_[0] == pytest.approx(4, abs=0.6)
    assert len(mixture.parameters_.members.dof) == 1


def test_sampled_rows_lead_back():
    first = emkit.StudentMixture(2, dof=3, random_state=0).fit(_two_groups(np.random.default_rng(5)))
    rows, labels = first.sample(5000, random_state=1)
    again = emkit.StudentMixture(2, dof="each", random_state=0).fit(rows)
    np.testing.assert_allclose(np.sort(again.locations_[:, 0]), np.sort(first.locations_[:, 0]), atol=0.3)
    np.testing.assert_allclose(again.dof_, 3, atol=0.6)
    assert (np.bincount(labels) > 0).all()


def test_an_outlier_moves_no_location():
    X = np.random.default_rng(0).normal(size=(200, 2))
    spoilt = np.concatenate([X, [[1e4, -1e4]]])
    moved = emkit.StudentMixture(1, dof=4).fit(spoilt).locations_ - emkit.StudentMixture(1, dof=4).fit(X).locations_
    assert np.abs(moved).max() < 0.05
    assert np.abs(emkit.GaussianMixture(1).fit(spoilt).means_).max() > 10


def test_many_degrees_of_freedom_are_nearly_normal(iris):
    student = emkit.StudentMixture(1, dof=200).fit(iris)
    normal = emkit.GaussianMixture(1).fit(iris)
    np.testing.assert_allclose(student.covariances_, normal.covariances_, rtol=0.1)


def test_covariance_does_not_exist_for_two_degrees_of_freedom():
    mixture = emkit.StudentMixture(1, dof=2).fit(_two_groups(np.random.default_rng(0)))
    assert np.isinf(mixture.covariances_).all()
    assert np.isfinite(mixture.scales_).all()


def test_solution_of_the_equation_of_dof():
    from scipy.special import digamma

    dof = np.array([0.3, 1.0, 4.0, 30.0, 150.0])
    np.testing.assert_allclose(dof_solution(np.log(dof / 2) - digamma(dof / 2), np.full(5, 10.0)), dof, rtol=1e-8)
    assert HIGHEST - 1e-2 < dof_solution(np.array([-1.0]), np.array([10.0]))[0] <= HIGHEST


def test_cap_is_a_regular_point():
    value = np.array([HIGHEST, 4.0])
    chart = Capped().chart(value)
    vector = chart.to_vector(value)
    assert vector[0] == 0
    np.testing.assert_allclose(chart.from_vector(vector), value, rtol=1e-14)
    assert (chart.from_vector(np.array([-0.3, 1e3])) > 0).all()


@pytest.mark.parametrize("dof", [0, -1, 300, "all", True, None, np.nan])
def test_wrong_dof_is_named(dof):
    with pytest.raises(ParameterError, match="`dof` must be"):
        emkit.StudentMixture(2, dof=dof).fit(np.random.default_rng(0).normal(size=(20, 2)))


def test_wrong_covariance_type_is_named():
    with pytest.raises(ParameterError, match="'full' or 'tied'"):
        emkit.StudentMixture(covariance_type="diag").fit(np.eye(4))


def test_constant_column_is_named():
    X = np.column_stack([np.arange(20.0), np.full(20, 3.0)])
    with pytest.raises(DataError, match="column 1 is constant"):
        emkit.StudentMixture(1).fit(X)


def test_summary_shows_degrees_of_freedom_and_saves(tmp_path, faithful):
    mixture = emkit.StudentMixture(2, dof="shared", random_state=0).fit(faithful)
    assert "Degrees of freedom" in mixture.summary()
    emkit.save(mixture, tmp_path / "student.emkit")
    again = emkit.load(tmp_path / "student.emkit")
    np.testing.assert_array_equal(again.predict(faithful), mixture.predict(faithful))
    assert again.fit_.loglik == mixture.fit_.loglik
