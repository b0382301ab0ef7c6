"""The kernel of one normal with missing entries against its twin, against scipy, and at the edges of the numbers."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from emkit.kernels import normal_patterns as kernels
from emkit.kernels.twins import normal_patterns as twins

FEATURES = [1, 2, 3, 5, 8, 9, 17, 70]


def problem(d, noise=1.0, n=40, missing=0.3, seed=0):
    """Give rows with missing entries, mean, covariance and the scale of each column."""
    rng = np.random.default_rng(seed)
    loading, scale = rng.normal(size=(d, 2)), 10.0 ** rng.integers(-3, 4, size=d)
    cov = (loading @ loading.T + noise**2 * np.eye(d)) * np.outer(scale, scale)
    cov, mean = (cov + cov.T) / 2, rng.normal(size=d) * 10 * scale
    X = mean + (rng.normal(size=(n, 2)) @ loading.T + noise * rng.normal(size=(n, d))) * scale
    X[rng.random(X.shape) < missing] = np.nan
    return X, mean, cov, scale


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("noise", [1.0, 0.003])  # by the missing side, and by the observed side
@pytest.mark.parametrize("d", FEATURES)
def test_sums_equal_the_twin(d, noise, dtype):
    X, mean, cov, scale = problem(d, noise)
    X = X.astype(dtype)
    weights = np.random.default_rng(1).uniform(0, 2, len(X))
    weights[::7] = 0
    counts = np.where(np.arange(len(X)) % 5 == 0, 0.0, weights)
    for w, c in ((None, None), (weights, None), (weights, counts)):
        ours, theirs = kernels.normal_sums(X, w, c, mean, cov), twins.normal_sums(X, w, c, mean, cov)
        assert ours.loglik == pytest.approx(theirs[0], rel=1e-7)
        assert ours.weight == pytest.approx(theirs[1])
        size = np.abs(theirs[3] / np.outer(scale, scale)).max()
        np.testing.assert_allclose(ours.first / scale, theirs[2] / scale, rtol=1e-7, atol=1e-9 * size)
        np.testing.assert_allclose(
            ours.second / np.outer(scale, scale), theirs[3] / np.outer(scale, scale), atol=1e-8 * size
        )
        np.testing.assert_array_equal(ours.second, ours.second.T)


@pytest.mark.parametrize("noise", [1.0, 0.003])
@pytest.mark.parametrize("d", FEATURES)
def test_filling_equals_the_twin(d, noise):
    X, mean, cov, scale = problem(d, noise)
    ours, theirs = kernels.normal_fill(X, None, mean, cov), twins.normal_fill(X, None, mean, cov)
    np.testing.assert_allclose(ours.rows / scale, theirs[0] / scale, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(ours.sd / scale, theirs[1] / scale, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.log_density, theirs[2], rtol=1e-6)


def test_density_is_that_of_scipy():
    X, mean, cov, _ = problem(4)
    density = kernels.normal_fill(X, None, mean, cov).log_density
    for row, found in zip(X, density, strict=True):
        o = ~np.isnan(row)
        expected = multivariate_normal(mean[o], cov[np.ix_(o, o)]).logpdf(row[o]) if o.any() else 0.0
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-12)
    assert kernels.normal_sums(X, None, None, mean, cov).loglik == pytest.approx(density.sum())


@pytest.mark.parametrize("noise", [1.0, 0.003])
def test_draws_have_the_conditional_covariance(noise):
    _, mean, cov, scale = problem(5, noise)
    row = mean.copy()
    row[[0, 2, 3]] = np.nan
    lost, seen = np.isnan(row), ~np.isnan(row)
    draws = kernels.normal_fill(np.tile(row, (20000, 1)), np.random.default_rng(0).normal(size=(20000, 5)), mean, cov)
    slope = cov[np.ix_(lost, seen)] @ np.linalg.inv(cov[np.ix_(seen, seen)])
    left = (cov[np.ix_(lost, lost)] - slope @ cov[np.ix_(seen, lost)]) / np.outer(scale[lost], scale[lost])
    found = np.cov((draws.rows[:, lost] / scale[lost]).T)
    np.testing.assert_allclose(found, left, atol=0.03 * np.diag(left).max())


def test_mean_and_root_of_the_scatter_stand_for_rows():
    X, mean, cov, _ = problem(6, n=30, missing=0.0)
    X[:, [1, 4]] = np.nan
    seen = [0, 2, 3, 5]
    centre = X[:, seen].mean(axis=0)
    few = np.full((5, 6), np.nan)
    few[0, seen], few[1:, seen] = centre, np.linalg.qr(X[:, seen] - centre, mode="r")
    weights, counts = np.array([30.0, 1, 1, 1, 1]), np.array([30.0, 0, 0, 0, 0])
    many, less = kernels.normal_sums(X, None, None, mean, cov), kernels.normal_sums(few, weights, counts, mean, cov)
    assert less.loglik == pytest.approx(many.loglik, rel=1e-12)
    np.testing.assert_allclose(less.first, many.first, rtol=1e-9)
    np.testing.assert_allclose(less.second, many.second, rtol=1e-9)


def test_empty_rows_and_no_rows():
    _, mean, cov, _ = problem(3)
    nothing = kernels.normal_sums(np.full((2, 3), np.nan), None, None, mean, cov)
    assert (nothing.loglik, nothing.weight) == (0.0, 0.0)
    assert kernels.normal_sums(np.empty((0, 3)), None, None, mean, cov).loglik == 0.0
    filled = kernels.normal_fill(np.full((1, 3), np.nan), None, mean, cov)
    np.testing.assert_allclose(filled.rows[0], mean)
    np.testing.assert_allclose(filled.sd[0], np.sqrt(np.diag(cov)))


def test_singular_covariance_has_no_likelihood():
    for code in (kernels, twins):
        sums = code.normal_sums(np.zeros((2, 2)), None, None, np.zeros(2), np.ones((2, 2)))
        assert sums[0] == -math.inf
    with pytest.raises(ValueError, match=r"positive definite|singular"):
        kernels.normal_fill(np.full((1, 2), np.nan), None, np.zeros(2), -np.eye(2))
