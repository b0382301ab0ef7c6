"""The kernels of t mixtures against their twins, against scipy, and at the edges of the numbers."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp, softmax

from emkit.kernels import student as kernels
from emkit.kernels.gaussian import whiten_factors
from emkit.kernels.twins import student as twins


def mixture(d, k, seed=0):
    """Give log_mix, log_peak, mean, cov, whiten and dof of a random mixture."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, d, d)) / np.sqrt(d) + np.eye(d)
    cov = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(d)
    whiten, half_log_det, _ = whiten_factors(cov)
    dof, log_mix = rng.uniform(1, 30, k), np.log(rng.dirichlet(np.ones(k)))
    height = gammaln((dof + d) / 2) - gammaln(dof / 2) - d / 2 * np.log(np.pi * dof)
    log_det = np.log(whiten.diagonal(axis1=1, axis2=2)).sum(axis=1)
    np.testing.assert_allclose(log_det, -half_log_det, atol=1e-10)
    return log_mix, log_mix + height + log_det, rng.normal(size=(k, d)), cov, whiten, dof


def rows_of(n, d, dtype=np.float64):
    rng = np.random.default_rng(1)
    return (rng.normal(size=(n, d)) * rng.uniform(0.5, 4, (n, 1))).astype(dtype)


def assert_close(left, right, rtol=1e-10):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(np.max(np.abs(b), initial=0.0), 1e-300))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [1, 2, 5, 8, 9, 16, 33])
def test_moments_and_rows_equal_the_twin(d, dtype):
    _, peak, mean, _, whiten, dof = mixture(d, 3)
    X, weights = rows_of(301, d, dtype), np.random.default_rng(2).uniform(0, 2, 301)
    for w in (None, weights):
        ours = kernels.student_moments(X, w, peak, mean, whiten, dof)
        assert_close(ours, twins.student_moments(X, w, peak, mean, whiten, dof))
        assert np.array_equal(ours.second, ours.second.transpose(0, 2, 1))
    assert_close(kernels.student_rows(X, peak, mean, whiten, dof), twins.student_rows(X, peak, mean, whiten, dof))


@pytest.mark.parametrize("k", [1, 2, 9])
@pytest.mark.parametrize("d", [1, 3, 14])
def test_moments_equal_scipy(d, k):
    log_mix, peak, mean, cov, whiten, dof = mixture(d, k)
    X, weights = rows_of(130, d), np.random.default_rng(2).uniform(0, 2, 130)
    parts = zip(mean, cov, dof, strict=True)
    joint = np.stack([stats.multivariate_t(m, c, nu).logpdf(X).reshape(-1) for m, c, nu in parts], axis=-1) + log_mix
    r = softmax(joint, axis=1) * weights[:, None]
    centred = X[:, None, :] - mean
    distance = np.einsum("nki,kij,nkj->nk", centred, np.linalg.inv(cov), centred)
    u = (dof + d) / (dof + distance)
    expected = (
        weights @ logsumexp(joint, axis=1),
        r.sum(axis=0),
        (r * np.log(u)).sum(axis=0),
        (r * u).sum(axis=0),
        np.einsum("nk,nki->ki", r * u, centred),
        np.einsum("nk,nki,nkj->kij", r * u, centred, centred),
    )
    assert_close(kernels.student_moments(X, weights, peak, mean, whiten, dof), expected, rtol=1e-9)
    assert_close(kernels.student_rows(X, peak, mean, whiten, dof), (joint, u), rtol=1e-9)


@pytest.mark.parametrize("size", [1e8, 1e160, 1e300])
@pytest.mark.parametrize("code", [kernels, twins])
def test_rows_far_out_stay_finite_and_weigh_nothing(code, size):
    _, peak, mean, _, whiten, dof = mixture(3, 2)
    X = rows_of(40, 3)
    X[7] = size
    with np.errstate(over="ignore"):
        loglik, count, log_u, used, first, second = code.student_moments(X, None, peak, mean, whiten, dof)
        joint, u = code.student_rows(X, peak, mean, whiten, dof)
    assert np.isfinite(loglik)
    assert np.isfinite(joint).all()
    assert np.isfinite(np.concatenate([count, log_u, used, first.ravel()])).all()
    assert (u[7] < 1e-12).all()
    if size < 1e160:
        assert np.isfinite(second).all()


def test_rows_without_weight_may_hold_anything_and_empty_components_get_nothing():
    _, peak, mean, _, whiten, dof = mixture(4, 3)
    peak[1] = -np.inf
    X, weights = rows_of(77, 4), np.ones(77)
    weights[[3, 50]] = 0.0
    kept = kernels.student_moments(np.ascontiguousarray(X[weights > 0]), None, peak, mean, whiten, dof)
    X[3], X[50] = np.nan, np.inf
    assert_close(kernels.student_moments(X, weights, peak, mean, whiten, dof), kept, rtol=1e-12)
    assert kept.count[1] == 0
    assert kept.used[1] == 0


def test_no_rows_give_zeros_and_shapes_are_checked():
    _, peak, mean, _, whiten, dof = mixture(2, 2)
    none = kernels.student_moments(np.empty((0, 2)), None, peak, mean, whiten, dof)
    assert none.loglik == 0
    assert not none.second.any()
    with pytest.raises(ValueError, match="disagree"):
        kernels.student_moments(np.zeros((3, 3)), None, peak, mean, whiten, dof)
    with pytest.raises(ValueError, match="one entry per row"):
        kernels.student_moments(np.zeros((3, 2)), np.ones(2), peak, mean, whiten, dof)
    with pytest.raises(TypeError):
        kernels.student_rows(np.zeros((2, 3)).T, peak, mean, whiten, dof)
