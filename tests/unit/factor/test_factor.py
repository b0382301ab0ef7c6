"""Factor analysis: branches, messages, pathologies."""

import numpy as np
import pytest

import emkit
from emkit.errors import DataError, ParameterError
from emkit.factor import ConfirmatoryFactorAnalysis, FactorAnalysis, ProbabilisticPCA, parallel_analysis, polychoric
from emkit.factor.exploratory import solve
from emkit.factor.rotation import CrawfordFerguson, Geomin, Oblimin, Promax, Target


def _rows(n=200, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    f = rng.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], n)
    rows = np.repeat(f, 3, axis=1) * [1, 0.9, 0.8, 1.1, 0.9, 0.7] + 0.6 * rng.standard_normal((n, 6))
    return np.where(rng.random(rows.shape) < missing, np.nan, rows)


def test_truth_is_recovered_with_and_without_missing_entries():
    for share in (0.0, 0.2):
        analysis = FactorAnalysis(2, rotation="oblimin").fit(_rows(4000, missing=share))
        order = np.argsort(-analysis.loadings_[0])
        loadings = analysis.loadings_[:, order]
        np.testing.assert_allclose(loadings[:3, 0], [1, 0.9, 0.8], atol=0.07)
        np.testing.assert_allclose(loadings[:3, 1], 0, atol=0.07)
        assert analysis.factor_correlation_[0, 1] == pytest.approx(0.3, abs=0.06)


def test_units_do_not_matter():
    X = _rows()
    scale = np.array([1e-6, 1e6, 1, 10, 1e3, 1e-3])
    first, second = FactorAnalysis(2).fit(X), FactorAnalysis(2).fit(X * scale + 1e3 * scale)
    np.testing.assert_allclose(second.communalities_, first.communalities_, rtol=1e-5)
    np.testing.assert_allclose(second.uniquenesses_ / scale**2, first.uniquenesses_, rtol=1e-5)


def test_answer_solves_the_likelihood_equations():
    corr = np.corrcoef(_rows().T)
    loadings, uniqueness = solve(corr, 2, np.full(6, 0.5), 0.0)
    implied = loadings @ loadings.T + np.diag(uniqueness)
    inverse = np.linalg.inv(implied)
    gap = inverse @ (implied - corr) @ inverse
    assert np.abs(np.diag(gap)).max() < 1e-8
    assert np.abs(gap @ loadings).max() < 1e-8


def test_scores_of_both_kinds():
    X = _rows(missing=0.1)
    analysis = FactorAnalysis(2, rotation="varimax").fit(X)
    regression, bartlett = analysis.factor_scores(X), analysis.factor_scores(X, method="bartlett")
    np.testing.assert_array_equal(regression.scores, analysis.transform(X))
    complete = ~np.isnan(X).any(axis=1)
    assert np.corrcoef(regression.scores[complete, 0], bartlett.scores[complete, 0])[0, 1] > 0.97
    assert (bartlett.standard_errors[complete] > regression.standard_errors[complete]).all()
    lonely = np.full((1, 6), np.nan)
    lonely[0, 0] = 1.0
    assert np.isnan(analysis.factor_scores(lonely, method="bartlett").scores).all()
    assert np.isfinite(analysis.factor_scores(lonely).scores).all()
    with pytest.raises(ParameterError, match="regression"):
        analysis.factor_scores(X, method="thurstone")


@pytest.mark.parametrize(
    "rotation",
    [
        CrawfordFerguson(),
        CrawfordFerguson(is_oblique=True),
        Oblimin(),
        Geomin(),
        Promax(),
        Target(pattern=np.eye(6)[:, :2]),
    ],
)
def test_rotation_keeps_the_covariance(rotation):
    corr = np.corrcoef(_rows().T)
    loadings, _ = solve(corr, 2, np.full(6, 0.5), 1e-14)
    end = rotation.rotate(loadings)
    np.testing.assert_allclose(
        end.loadings @ end.factor_correlation @ end.loadings.T, loadings @ loadings.T, atol=1e-10
    )
    np.testing.assert_allclose(np.diag(end.factor_correlation), 1.0, atol=1e-10)
    np.testing.assert_allclose(end.loadings, loadings @ np.linalg.inv(end.matrix).T, atol=1e-10)


def test_rotation_ends_at_a_stationary_point():
    """Small rotations by hand do not improve on varimax."""
    loadings, _ = solve(np.corrcoef(_rows().T), 2, np.full(6, 0.5), 1e-14)
    criterion = CrawfordFerguson(kaiser=False)
    end = criterion.rotate(loadings)
    for angle in (-1e-3, 1e-3):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert criterion.value(end.loadings @ turn)[0] > criterion.value(end.loadings)[0]


def test_mistakes_are_told():
    X = _rows()
    with pytest.raises(ParameterError, match="use at most 3"):
        FactorAnalysis(4).fit(X)
    with pytest.raises(ParameterError, match="varimax"):
        FactorAnalysis(1, rotation="equamagic").fit(X)
    with pytest.raises(ParameterError, match="at least 0"):
        FactorAnalysis(-1).fit(X)
    with pytest.raises(DataError, match="square|shape"):
        FactorAnalysis(1).fit_covariance(np.ones((2, 3)), 10)
    with pytest.raises(DataError, match="positive definite"):
        FactorAnalysis(1).fit_covariance(np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]), 10)
    with pytest.raises(DataError, match="symmetric"):
        FactorAnalysis(1).fit_covariance(np.array([[1, 0.9, 0.1], [0.5, 1, 0.1], [0.1, 0.1, 1]]), 10)
    with pytest.raises(DataError, match="finite"):
        FactorAnalysis(1).fit_covariance(np.array([[1, np.nan, 0.1], [0.5, 1, 0.1], [0.1, 0.1, 1]]), 10)
    with pytest.raises(DataError, match="at least 2"):
        FactorAnalysis(1).fit(X[:1])
    with pytest.raises(ParameterError, match="x9"):
        ConfirmatoryFactorAnalysis({"a": ["x9"]}).fit(X)
    with pytest.raises(ParameterError, match="no variable"):
        ConfirmatoryFactorAnalysis({"a": [0, 1, 2], "b": []}).fit(X)
    with pytest.raises(ParameterError, match="free parameters"):
        ConfirmatoryFactorAnalysis({"a": range(6), "b": range(6), "c": range(6)}).fit(X)
    with pytest.raises(ParameterError, match="at most 5"):
        ProbabilisticPCA(6).fit(X)


def test_zero_factors_are_uncorrelated_variables():
    X = _rows()
    analysis = FactorAnalysis(0).fit(X)
    np.testing.assert_allclose(analysis.uniquenesses_, X.var(axis=0))


def test_constant_and_repeated_columns_are_named():
    X = np.column_stack([_rows(), _rows()[:, 0]])
    with pytest.raises(DataError, match="'0', '6' determine one another"):
        FactorAnalysis(2).fit(X)
    with pytest.raises(DataError, match="'3' is constant"):
        FactorAnalysis(2).fit(np.where(np.arange(7) == 3, 1.0, X))
    with pytest.raises(DataError, match="5 rows of 7 columns"):
        FactorAnalysis(2).fit(X[:5])
    holes = X.copy()
    holes[0, 1] = np.nan
    with pytest.warns(emkit.errors.DegenerateWarning, match="0, 6 .counted from 0. are constant or determine"):
        FactorAnalysis(2, n_init=1).fit(holes)


def test_more_columns_than_rows():
    X = np.random.default_rng(0).standard_normal((10, 15))
    pca = ProbabilisticPCA(2).fit(X)
    values = np.sort(np.linalg.eigvalsh(np.cov(X.T, bias=True)))[::-1]
    np.testing.assert_allclose(pca.explained_variance_, values[:2], rtol=1e-6)
    assert pca.noise_variance_ == pytest.approx(values[2:].mean(), rel=1e-6)


def test_principal_components_complete_a_matrix():
    rng = np.random.default_rng(1)
    truth = rng.standard_normal((300, 2)) @ rng.standard_normal((2, 40))
    X = truth + 0.1 * rng.standard_normal(truth.shape)
    X[rng.random(X.shape) < 0.5] = np.nan
    pca = ProbabilisticPCA(2).fit(X)
    filled = pca.impute(X)
    hidden = np.isnan(X)
    assert np.sqrt(np.mean((filled - truth)[hidden] ** 2)) < 0.05
    assert pca.noise_variance_ == pytest.approx(0.01, rel=0.1)
    np.testing.assert_array_equal(filled[~hidden], X[~hidden])


def test_both_routes_of_principal_components_agree():
    from emkit.factor.low_rank import LowRank

    X = _rows()
    direct = ProbabilisticPCA(2).fit(X)
    rows = emkit.fit(LowRank(2), X, n_starts=1, rng=0)
    assert rows.loglik == pytest.approx(direct.fit_.loglik, abs=1e-5)
    assert rows.n_free == direct.fit_.n_free


def test_parallel_analysis_finds_two():
    found = parallel_analysis(_rows(500), rng=0)
    assert found.n_factors == 2
    assert parallel_analysis(_rows(500), kind="factors", rng=0).n_factors >= 2
    with pytest.raises(DataError, match="more rows"):
        parallel_analysis(_rows(5))


def test_polychoric_correlation_of_cut_normals():
    rng = np.random.default_rng(0)
    z = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 20000)
    X = np.column_stack([np.digitize(z[:, 0], [-0.5, 0.7]), np.digitize(z[:, 1], [-1, 0, 1])]).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    found = polychoric(X)
    assert found.correlation[0, 1] == pytest.approx(0.6, abs=4 * found.standard_error[0, 1])
    np.testing.assert_allclose(found.thresholds[1], [-1, 0, 1], atol=0.04)
    with pytest.raises(DataError, match="only one answer"):
        polychoric(np.ones((10, 2)))
    with pytest.raises(DataError, match="too many"):
        polychoric(rng.standard_normal((100, 2)))
    apart = np.array([[0, np.nan], [1, np.nan], [np.nan, 0], [np.nan, 1.0]])
    with pytest.raises(DataError, match="never answered together"):
        polychoric(apart)


def test_table_with_an_empty_cell_has_a_correlation_below_one():
    X = np.array([[0, 0]] * 20 + [[1, 0]] * 10 + [[1, 1]] * 20, dtype=float)
    assert 0.5 < polychoric(X).correlation[0, 1] < 1


@pytest.mark.parametrize(
    "estimator",
    [
        FactorAnalysis(2, rotation="geomin"),
        ProbabilisticPCA(2),
        ConfirmatoryFactorAnalysis({"a": [0, 1, 2], "b": [3, 4, 5]}),
    ],
    ids=lambda e: type(e).__name__,
)
def test_saved_and_loaded(estimator, tmp_path):
    X = _rows(missing=0.1)
    estimator.fit(X)
    emkit.save(estimator, tmp_path / "fit.emkit")
    again = emkit.load(tmp_path / "fit.emkit")
    np.testing.assert_array_equal(again.transform(X), estimator.transform(X))
    assert "Loadings" in again.summary() or "Components" in again.summary()
    rows = again.sample(5, random_state=0)
    assert rows.shape == (5, 6)
    assert again.score(X) == pytest.approx(estimator.fit_.loglik / len(X))
