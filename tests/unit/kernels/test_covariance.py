"""Covariances of the fourteen structures from scatter: kernel against twin, and no step of an M-step goes down."""

import numpy as np
import pytest

from emkit.kernels import is_compiled
from emkit.kernels.covariance import Form, estimate_covariances
from emkit.kernels.twins import covariance as twins

needs_native = pytest.mark.skipif(not is_compiled(), reason="the compiled kernels are not in use")
STRUCTURES = [(form, is_shared) for form in Form for is_shared in (False, True)]


def groups(form, d, k, seed=0):
    """Give counts and scatter of k groups of different sizes and directions."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(k, d, d + 4)) * rng.uniform(0.2, 4.0, size=(k, d, 1))
    count = rng.uniform(20, 60, size=k)
    scatter = rows @ np.swapaxes(rows, 1, 2) * count[:, None, None]
    return count, scatter if form > Form.SCALED_DIAGONAL else np.ascontiguousarray(np.einsum("kii->ki", scatter))


def cost(form, count, scatter, parts):
    """Give -2 log-likelihood of the covariances that parts are of."""
    cov = twins.compose(form, *parts)
    if cov.ndim == 2:
        return float((count[:, None] * np.log(cov) + scatter / cov).sum())
    return float(count @ np.linalg.slogdet(cov)[1] + np.einsum("kij,kji->", np.linalg.inv(cov), scatter))


@needs_native
@pytest.mark.parametrize(("form", "is_shared"), STRUCTURES)
def test_kernel_equals_twin(form, is_shared):
    for d, k in ((1, 2), (2, 3), (3, 1), (5, 4), (9, 3)):
        count, scatter = groups(form, d, k)
        ours = estimate_covariances(form, count, scatter, is_shared=is_shared)
        theirs = twins.estimate_covariances(int(form), is_shared, count, scatter, None, None)
        assert cost(form, count, scatter, ours) == pytest.approx(cost(form, count, scatter, theirs), rel=1e-10)
        np.testing.assert_allclose(twins.compose(form, *ours), twins.compose(form, *theirs), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("form", "is_shared"), STRUCTURES)
def test_goes_on_where_it_was_and_never_up(form, is_shared):
    count, scatter = groups(form, 4, 3)
    first = estimate_covariances(form, count, scatter, is_shared=is_shared)
    other = groups(form, 4, 3, seed=1)[1]
    axes = first.matrix[0] if form is Form.SAME_AXES else None
    again = estimate_covariances(form, count, other, is_shared=is_shared, volume=first.volume, axes=axes)
    assert cost(form, count, other, again) <= cost(form, count, other, first)
    axes = again.matrix[0] if form is Form.SAME_AXES else None
    same = estimate_covariances(form, count, other, is_shared=is_shared, volume=again.volume, axes=axes)
    assert cost(form, count, other, same) == pytest.approx(cost(form, count, other, again), rel=1e-12)


@pytest.mark.parametrize("form", [Form.SCALED_DIAGONAL, Form.SCALED, Form.SAME_AXES])
def test_minimum_of_what_needs_iterations(form):
    count, scatter = groups(form, 3, 3)
    parts = estimate_covariances(form, count, scatter, is_shared=False)
    here, rng = cost(form, count, scatter, parts), np.random.default_rng(2)
    for _ in range(20):
        volume = parts.volume * np.exp(1e-4 * rng.normal(size=3))
        turn = np.linalg.qr(np.eye(3) + 1e-4 * rng.normal(size=(3, 3)))[0]
        matrix = parts.matrix @ turn if form is Form.SAME_AXES else parts.matrix
        assert cost(form, count, scatter, (volume, parts.shape, matrix)) > here


def test_flat_scatter_has_no_estimate():
    count = np.array([10.0, 20.0])
    flat = np.stack([np.eye(2), np.zeros((2, 2))])
    assert estimate_covariances(Form.SCALED, count, flat, is_shared=True) is None
    assert estimate_covariances(Form.SPHERICAL, count, np.zeros((2, 2)), is_shared=False) is None


@needs_native
def test_refuses_shapes_that_disagree():
    with pytest.raises(ValueError, match="disagree"):
        estimate_covariances(Form.FULL, np.ones(2), np.ones((3, 2, 2)), is_shared=False)
