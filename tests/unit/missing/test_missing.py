"""The estimator and the imputer on rows with missing entries."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.utils.estimator_checks import check_estimator

from emkit.errors import DataError, DegenerateWarning, ParameterError
from emkit.missing import EMImputer, MultivariateNormal, pool


def _rows(n=300, d=4, share=0.25, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)
    return X, np.where(rng.random(X.shape) < share, np.nan, X)


@pytest.mark.filterwarnings("ignore")  # that these classes do not inherit from scikit-learn's
@pytest.mark.parametrize("estimator", [EMImputer(), MultivariateNormal()], ids=lambda e: type(e).__name__)
def test_scikit_learn_contract(estimator):
    results = check_estimator(estimator, on_fail=None)
    assert [(r["check_name"], r["exception"]) for r in results if r["status"] == "failed"] == []


def test_complete_rows_give_the_moments():
    X = _rows()[0]
    model = MultivariateNormal(tol=1e-10).fit(X)
    np.testing.assert_allclose(model.mean_, X.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(model.covariance_, np.cov(X.T, bias=True), rtol=1e-9, atol=1e-9)


def test_loglik_is_that_of_the_observed_entries():
    X = _rows()[1]
    model = MultivariateNormal().fit(X)
    seen = [~np.isnan(row) for row in X]
    expected = sum(
        multivariate_normal(model.mean_[o], model.covariance_[np.ix_(o, o)]).logpdf(row[o])
        for row, o in zip(X, seen, strict=True)
        if o.any()
    )
    assert model.fit_.loglik == pytest.approx(expected, rel=1e-12)
    assert model.loglik(X) == pytest.approx(expected, rel=1e-12)


def test_offset_and_scale_change_nothing():
    X = _rows()[1]
    scale, offset = np.array([1.0, 1e12, 1e-9, 1.0]), np.array([1e8, 0.0, 0.0, -1e8])
    plain, moved = MultivariateNormal(tol=1e-9).fit(X), MultivariateNormal(tol=1e-9).fit(X * scale + offset)
    np.testing.assert_allclose(moved.covariance_ / np.outer(scale, scale), plain.covariance_, atol=1e-5)
    np.testing.assert_allclose((moved.mean_ - offset) / scale, plain.mean_, atol=1e-5)


def test_weights_are_repeated_rows():
    X = _rows(60)[1]
    count = np.random.default_rng(1).integers(0, 4, len(X))
    weighted = MultivariateNormal(tol=1e-10).fit(X, sample_weight=count)
    repeated = MultivariateNormal(tol=1e-10).fit(np.repeat(X, count, axis=0))
    assert weighted.fit_.loglik == pytest.approx(repeated.fit_.loglik, rel=1e-10)
    np.testing.assert_allclose(weighted.covariance_, repeated.covariance_, atol=1e-6)


def test_empty_rows_are_left_out_and_filled_with_the_mean():
    X = _rows()[1]
    X[3] = np.nan
    model = MultivariateNormal().fit(X)
    assert any("left out" in note for note in model.fit_.notes)
    assert model.fit_.weight == (~np.isnan(X).all(axis=1)).sum()
    np.testing.assert_allclose(model.conditional_mean(X)[3], model.mean_)


def test_columns_never_seen_together_are_named():
    X = _rows()[0]
    X[:150, 0], X[150:, 1] = np.nan, np.nan
    assert any("0 and 1" in note for note in MultivariateNormal().fit(X).fit_.notes)


def test_empty_column_is_an_error():
    X = _rows()[0]
    X[:, 2] = np.nan
    with pytest.raises(DataError, match="2"):
        MultivariateNormal().fit(X)


def test_collinear_columns_are_degenerate_and_named():
    X = _rows()[0]
    X[:, 3] = X[:, 0] + X[:, 1]
    X[::5, 3] = np.nan
    with pytest.warns(DegenerateWarning, match="0, 1, 3"):
        MultivariateNormal().fit(X)
    assert MultivariateNormal(prior_rows=5).fit(X).fit_.is_converged


def test_conditional_mean_is_the_regression():
    X = _rows()[1]
    imputer = EMImputer().fit(X)
    done = imputer.transform(X)
    i = np.flatnonzero(np.isnan(X).sum(axis=1) == 2)[0]
    m = np.isnan(X[i])
    S, mean = imputer.covariance_, imputer.mean_
    slope = S[np.ix_(m, ~m)] @ np.linalg.inv(S[np.ix_(~m, ~m)])
    np.testing.assert_allclose(done[i, m], mean[m] + slope @ (X[i] - mean)[~m])
    left = S[np.ix_(m, m)] - slope @ S[np.ix_(~m, m)]
    np.testing.assert_allclose(imputer.conditional_sd(X)[i, m], np.sqrt(np.diag(left)))
    np.testing.assert_array_equal(done[~np.isnan(X)], X[~np.isnan(X)])


def test_draws_keep_the_covariance():
    X = _rows(20000, share=0.3)[1]
    drawn = EMImputer(method="draw", random_state=0).fit(X)
    np.testing.assert_allclose(np.cov(drawn.transform(X).T), drawn.covariance_, atol=0.15)
    np.testing.assert_array_equal(drawn.transform(X), drawn.transform(X))


def test_wrong_method_is_an_error():
    with pytest.raises(ParameterError, match="method"):
        EMImputer(method="median").fit(_rows()[1])


def test_equal_estimates_pool_to_themselves():
    pooled = pool(np.ones((3, 2)), np.full((3, 2), 4.0))
    np.testing.assert_array_equal(pooled.se, [2, 2])
    assert np.isinf(pooled.df).all()


def test_nested_patterns_are_solved_without_iterating():
    X = _rows(200)[0]
    X[40:, 2], X[90:, 0] = np.nan, np.nan
    X[120:, 3] = np.nan
    model = MultivariateNormal().fit(X)
    assert model.n_iter_ == 3  # the fewest that show there is nothing to gain
    assert model.fit_.trace.objective[-1] - model.fit_.trace.objective[0] < 1e-8
    shuffled = MultivariateNormal().fit(X[np.random.default_rng(0).permutation(200)])
    np.testing.assert_allclose(shuffled.covariance_, model.covariance_, rtol=1e-8)


def test_many_rows_in_blocks_and_few_patterns_give_the_same():
    X = _rows(3000, d=3, share=0.2, seed=4)[1]
    once, often = MultivariateNormal().fit(X), MultivariateNormal().fit(np.tile(X, (500, 1)))
    np.testing.assert_allclose(often.mean_, once.mean_, atol=1e-6)
    np.testing.assert_allclose(often.covariance_, once.covariance_, rtol=1e-5)


def test_threads_change_no_bit():
    X = _rows(6000, d=8)[1]
    one, two = (MultivariateNormal(n_threads=n).fit(X) for n in (1, 2))
    assert one.fit_.loglik == two.fit_.loglik
    np.testing.assert_array_equal(one.covariance_, two.covariance_)
    drawn = [EMImputer(method="draw", random_state=1, n_threads=n).fit(X).transform(X) for n in (1, 2)]
    np.testing.assert_array_equal(*drawn)


def test_more_columns_than_rows_have_no_likelihood_without_a_prior():
    X = _rows(10, d=15, share=0.1)[1]
    with pytest.warns(DegenerateWarning, match="prior_rows"):
        MultivariateNormal().fit(X)
    assert MultivariateNormal(prior_rows=5).fit(X).fit_.is_converged


def test_constant_column_is_degenerate_named_and_filled_with_itself():
    X = _rows()[1]
    X[:, 1] = np.where(np.isnan(X[:, 1]), np.nan, 7.0)
    with pytest.warns(DegenerateWarning, match=r"columns 1 \(counted from 0\)"):
        done = EMImputer().fit_transform(X)
    np.testing.assert_allclose(done[:, 1], 7.0, rtol=1e-5)


def test_one_row_and_infinity_are_errors():
    with pytest.raises(DataError, match="at least 2"):
        MultivariateNormal().fit([[1.0, 2.0]])
    with pytest.raises(DataError, match="row 3"):
        MultivariateNormal().fit(np.where(np.arange(24).reshape(6, 4) == 13, np.inf, _rows(6)[0]))


def test_conditional_covariance_is_zero_where_observed():
    X = _rows()[1]
    model = MultivariateNormal().fit(X)
    row = X[np.isnan(X).sum(axis=1) == 2][0]
    left = model.conditional_covariance(row)
    np.testing.assert_allclose(np.sqrt(np.diag(left)), model.conditional_sd(row[None])[0], rtol=1e-9)
    assert (left[~np.isnan(row)] == 0).all()


def test_column_unseen_in_training_is_an_error_and_one_empty_later_is_filled():
    X = _rows()[1]
    imputer = EMImputer().fit(X)
    with pytest.raises(DataError, match="5 features"):
        imputer.transform(np.column_stack([X, X[:, 0]]))
    later = X.copy()
    later[:, 2] = np.nan
    assert not np.isnan(imputer.transform(later)).any()


def test_codes_given_as_numbers_are_noted():
    X = _rows()[1]
    X[:, 1] = np.where(np.isnan(X[:, 1]), np.nan, np.random.default_rng(0).integers(1, 4, len(X)))
    notes = EMImputer().fit(X).fit_.notes
    assert any("whole numbers are in 1 (counted" in note for note in notes)
    assert not any("whole" in note for note in EMImputer().fit(_rows()[1]).fit_.notes)


def test_groups_are_fitted_one_by_one():
    X = _rows()[1]
    label = np.where(np.arange(300) % 3 == 0, "a", "b")
    found = MultivariateNormal(tol=1e-9).fit_groups(X, label)
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"].mean_, MultivariateNormal(tol=1e-9).fit(X[label == "a"]).mean_)
    with pytest.raises(DataError, match="300 rows"):
        MultivariateNormal().fit_groups(X, label[:-1])
    with pytest.raises(DataError, match="row 2"):
        MultivariateNormal().fit_groups(X, [None if i == 2 else "a" for i in range(300)])


def test_too_many_patterns_to_keep_need_the_rows_again(monkeypatch):
    X = _rows()[1]
    kept = MultivariateNormal().fit(X).mcar_test()
    monkeypatch.setattr("emkit.missing.normal._LARGEST_TABLE", 8)
    model = MultivariateNormal().fit(X)
    with pytest.raises(DataError, match="pass the rows"):
        model.mcar_test()
    assert model.mcar_test(X) == kept


def test_single_precision_and_files_give_the_same(tmp_path):
    X = _rows()[1]
    model = EMImputer().fit(X)
    single = EMImputer().fit(X.astype(np.float32))
    np.testing.assert_allclose(single.covariance_, model.covariance_, rtol=1e-4)
    path = tmp_path / "rows.csv"
    np.savetxt(path, X, delimiter=",", header="a,b,c,d", comments="")
    filed = EMImputer().fit(path)
    np.testing.assert_allclose(filed.transform(path), model.transform(X), rtol=1e-6)


def test_many_columns_and_more_than_one_word_of_bits():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 70)) + rng.normal(size=(400, 70))
    X[rng.random(X.shape) < 0.1] = np.nan
    model = MultivariateNormal().fit(X)
    seen = ~np.isnan(X[0])
    expected = multivariate_normal(model.mean_[seen], model.covariance_[np.ix_(seen, seen)]).logpdf(X[0, seen])
    assert model.log_density(X)[0] == pytest.approx(expected, rel=1e-8)
    assert model.fit_.loglik == pytest.approx(model.log_density(X).sum(), rel=1e-10)
