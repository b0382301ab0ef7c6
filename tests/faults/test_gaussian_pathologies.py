"""Gaussian mixtures on the mess of real data: the right answer, or a status and a sentence."""

import warnings

import numpy as np
import pytest

import emkit
from emkit.errors import DataError, DegenerateWarning

TYPES = ["full", "tied", "diag", "spherical"]


def _two_groups(n=200, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, (n, d)), rng.normal(5, 1, (n // 2, d))])


def _fit(rows, k=2, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return emkit.GaussianMixture(k, random_state=0, **options).fit(rows)


@pytest.mark.parametrize("word", TYPES)
def test_fewer_distinct_rows_than_components(word):
    rows = np.repeat([[0.0, 0], [1, 3], [4, 1]], 10, axis=0)
    mixture = _fit(rows, 5, covariance_type=word)
    assert "collapsed" in mixture.fit_.starts.sentence
    if word != "tied":  # one covariance for all may hold two of the three points together: a proper, if odd, optimum
        assert mixture.fit_.status is emkit.Status.DEGENERATE
    assert np.isfinite(mixture.fit_.loglik)
    assert np.isfinite(mixture.predict_proba(rows)).all()


@pytest.mark.parametrize("word", TYPES)
def test_all_rows_equal(word):
    mixture = _fit(np.full((20, 2), 3.0), 2, covariance_type=word)
    assert np.isfinite(mixture.fit_.loglik)
    np.testing.assert_allclose(mixture.means_, 3.0)


def test_a_cluster_of_duplicates_is_reported_as_collapsed():
    rows = np.concatenate([_two_groups(), np.tile([[20.0, 20.0]], (50, 1))])
    with pytest.warns(DegenerateWarning, match=r"Component 3 \(50 rows\) has collapsed"):
        mixture = emkit.GaussianMixture(3, means_init=[[0.0, 0], [5, 5], [20, 20]]).fit(rows)
    assert mixture.fit_.status is emkit.Status.DEGENERATE
    assert np.isfinite(mixture.score_samples(rows)).all()


def test_a_proper_optimum_is_preferred_to_a_collapsed_one():
    rows = np.concatenate([_two_groups(), np.tile([[20.0, 20.0]], (50, 1))])
    fit = _fit(rows, 3).fit_
    assert fit.is_converged
    assert "collapsed" in fit.starts.sentence
    assert max(o.objective for o in fit.starts.optima if o.collapse) > fit.objective


@pytest.mark.parametrize("word", ["full", "tied", "diag"])
@pytest.mark.parametrize("value", [0.0, 7.0, -1e9])
def test_constant_column_tells_nothing(word, value):
    rows = _two_groups()
    wide = np.column_stack([rows, np.full(len(rows), value)])
    plain, mixture = _fit(rows, covariance_type=word), _fit(wide, covariance_type=word)
    assert mixture.fit_.is_converged
    np.testing.assert_allclose(mixture.weights_, plain.weights_, atol=1e-5)
    np.testing.assert_allclose(mixture.means_[:, :2], plain.means_, atol=1e-4)
    np.testing.assert_allclose(mixture.means_[:, 2], value)


@pytest.mark.parametrize("word", TYPES)
def test_columns_at_1e8_with_spread_1e_3(word):
    rows = _two_groups() * 1e-3
    moved = rows + 1e8
    plain, mixture = _fit(moved - 1e8, covariance_type=word), _fit(moved, covariance_type=word)
    assert mixture.fit_.status is plain.fit_.status
    assert mixture.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-3)


def test_features_on_scales_1e_12_and_1e12_together():
    rows = _two_groups()
    scale = np.array([1e-12, 1e12])
    plain, mixture = _fit(rows), _fit(rows * scale)
    assert mixture.fit_.is_converged
    assert mixture.fit_.loglik + 300 * np.log(scale).sum() == pytest.approx(plain.fit_.loglik, abs=1e-4)


@pytest.mark.parametrize("word", TYPES)
@pytest.mark.parametrize("far", [1e10, 1e100, 1e160, 1e300])
def test_outlier_where_every_density_underflows(word, far):
    mixture = _fit(_two_groups(), covariance_type=word)
    rows = np.array([[far, far], [-far, far], [0.0, 0.0]])
    proba = mixture.predict_proba(rows)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert set(mixture.predict(rows)) <= {0, 1}
    assert not np.isnan(mixture.score_samples(rows)).any()


def test_one_far_outlier_does_not_break_the_fit():
    rows = np.concatenate([_two_groups(), [[1e8, -1e8]]])
    mixture = _fit(rows)
    assert np.isfinite(mixture.fit_.loglik)


@pytest.mark.parametrize("word", TYPES)
def test_one_row_and_one_feature(word):
    mixture = _fit([[3.0]], 1, covariance_type=word)
    assert mixture.means_[0, 0] == 3.0
    assert np.isfinite(mixture.fit_.loglik)


@pytest.mark.parametrize("word", TYPES)
def test_one_component_is_the_sample_mean_and_covariance(word, iris):
    mixture = _fit(iris, 1, covariance_type=word)
    cov = np.cov(iris.T, bias=True)
    np.testing.assert_allclose(mixture.means_[0], iris.mean(axis=0), rtol=1e-12)
    wanted = {"full": cov[None], "tied": cov, "diag": np.diag(cov)[None], "spherical": [np.diag(cov).mean()]}[word]
    np.testing.assert_allclose(mixture.covariances_, wanted, rtol=1e-9)


@pytest.mark.parametrize("word", TYPES)
def test_all_missing_rows_change_nothing(word):
    rows = _two_groups()
    with_blank = np.concatenate([rows, np.full((5, 2), np.nan)])
    plain, mixture = _fit(rows, covariance_type=word), _fit(with_blank, covariance_type=word)
    assert mixture.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-5)
    np.testing.assert_allclose(mixture.means_, plain.means_, atol=1e-3)
    np.testing.assert_allclose(mixture.predict_proba(with_blank)[-1], mixture.weights_, atol=1e-12)


def test_all_missing_column_is_an_error_that_names_it():
    rows = np.column_stack([_two_groups(), np.full(300, np.nan)])
    with pytest.raises(DataError, match="column 2"):
        emkit.GaussianMixture(2).fit(rows)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: X.__setitem__((4, 1), np.inf), "infinity"),
        (lambda X: X.__setitem__((4, 1), -np.inf), "row 4"),
    ],
)
def test_infinity_names_row_and_column(spoil, message):
    rows = _two_groups()
    spoil(rows)
    with pytest.raises(DataError, match=message):
        emkit.GaussianMixture(2).fit(rows)


def test_text_column_is_an_error():
    with pytest.raises(DataError, match="text|string"):
        emkit.GaussianMixture(1).fit([["a", "b"], ["c", "d"]])


@pytest.mark.parametrize("weights", [np.r_[-1.0, np.ones(299)], np.zeros(300), np.r_[np.nan, np.ones(299)], np.ones(3)])
def test_bad_weights_are_errors(weights):
    with pytest.raises(DataError, match="weight"):
        emkit.GaussianMixture(2).fit(_two_groups(), sample_weight=weights)


def test_zero_weight_rows_are_absent_from_the_whole_fit():
    rows = _two_groups()
    ballast = np.concatenate([rows, np.full((40, 2), 1e6)])
    weights = np.r_[np.ones(300), np.zeros(40)]
    plain = _fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixture = emkit.GaussianMixture(2, random_state=0).fit(ballast, sample_weight=weights)
    assert mixture.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-5)
    np.testing.assert_allclose(mixture.means_, plain.means_, atol=1e-3)


@pytest.mark.parametrize("factor", [1e-300, 1e-6, 1e6, 1e300])
def test_extreme_weights_scale_the_log_likelihood(factor):
    rows = _two_groups()
    plain = _fit(rows)
    mixture = emkit.GaussianMixture(2, random_state=0, tol=1e-6 * factor, start=plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture.fit(rows, sample_weight=np.full(300, factor))
    assert mixture.fit_.loglik / factor == pytest.approx(plain.fit_.loglik, rel=1e-6)


@pytest.mark.parametrize("word", TYPES)
def test_float32_stays_near_float64(word):
    rows = _two_groups().astype(np.float32)
    single, double = _fit(rows, covariance_type=word), _fit(rows.astype(np.float64), covariance_type=word)
    assert single.fit_.loglik == pytest.approx(double.fit_.loglik, abs=1e-4)


def test_float32_at_a_large_offset():
    rows = (_two_groups() + 1e4).astype(np.float32)
    single, double = _fit(rows, covariance_type="diag"), _fit(rows.astype(np.float64), covariance_type="diag")
    assert single.fit_.loglik == pytest.approx(double.fit_.loglik, abs=1e-3)
    assert (single.covariances_ > 0).all()


def test_arrays_of_every_layout_give_the_same_bits():
    rows = np.round(_two_groups() * 100)
    wanted = _fit(rows).fit_.loglik
    readonly = rows.copy()
    readonly.flags.writeable = False
    wide = np.zeros((600, 4))
    wide[::2, ::2] = rows
    for other in (
        np.asfortranarray(rows),
        wide[::2, ::2],
        rows.astype(">f8"),
        rows.astype(int),
        readonly,
        rows.tolist(),
    ):
        assert _fit(other).fit_.loglik == wanted


def test_collinear_columns_say_so():
    rows = _two_groups()
    rows = np.column_stack([rows, rows.sum(axis=1)])
    mixture = _fit(rows)
    assert mixture.fit_.status is emkit.Status.DEGENERATE
    assert "linear functions" in mixture.fit_.notes[0]


def test_more_features_than_rows_is_degenerate_and_finite():
    rows = np.random.default_rng(0).normal(size=(10, 30))
    mixture = _fit(rows, 1)
    assert mixture.fit_.status is emkit.Status.DEGENERATE
    assert np.isfinite(mixture.fit_.loglik)


def test_prior_cures_a_collapse():
    from emkit.families.gaussian_prior import NormalInverseWishart

    rows = np.random.default_rng(0).normal(size=(10, 30))
    assert _fit(rows, 1, prior=NormalInverseWishart()).fit_.is_converged
