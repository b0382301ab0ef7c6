"""Climbs of Gaussian mixtures in one call: kernel against twin, steps one by one, and nothing goes down."""

import numpy as np
import pytest

from emkit.kernels import is_compiled
from emkit.kernels.covariance import Form, estimate_covariances
from emkit.kernels.gaussian_climb import climb, layout_of
from emkit.kernels.twins import gaussian_climb as twins

needs_native = pytest.mark.skipif(not is_compiled(), reason="the compiled kernels are not in use")
STRUCTURES = [(form, is_shared) for form in Form for is_shared in (False, True)]


def rows(n=90, d=3, dtype=np.float64):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, d)) * [1.0, 2.0, 0.5][:d] + rng.integers(0, 3, size=(n, 1)) * 1.5).astype(dtype)


def begun(form, is_shared, X, k=3):
    """Give the layout, a state with the moments of an E-step, and an empty memory."""
    d = X.shape[1]
    layout = layout_of(form, is_shared, k, d)
    mean = X[:: len(X) // k][:k].astype(float)
    scatter = np.broadcast_to(np.cov(X.T).reshape(d, d) * 30, (k, d, d)).copy()
    if layout.is_diagonal:
        scatter = np.ascontiguousarray(np.einsum("kii->ki", scatter))
    parts = estimate_covariances(form, np.full(k, 30.0), scatter, is_shared=is_shared)
    climber = twins._Climber(X, None, np.zeros(d), int(form), is_shared, k)
    at = {"mix": np.full(k, 1 / k), "mean": mean, **dict(zip(("volume", "shape", "matrix"), parts, strict=True))}
    return layout, climber.joined(climber.expected(at)), np.zeros(layout.n_memory)


def run(X, layout, state, memory, n_steps, weights=None, **options):
    state, memory = state.copy(), memory.copy()
    chosen = {"is_fast": False, "enough": 0.0, **options}
    made = climb(X, weights, np.full(X.shape[1], 1e-9), layout, state, memory, n_steps=n_steps, **chosen)
    return made, state, memory


@needs_native
@pytest.mark.parametrize("is_fast", [False, True])
@pytest.mark.parametrize(("form", "is_shared"), STRUCTURES)
def test_kernel_equals_twin(form, is_shared, is_fast):
    X = rows()
    layout, state, memory = begun(form, is_shared, X)
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    for w in (None, weights):
        ours, at, _ = run(X, layout, state, memory, 8, w, is_fast=is_fast)
        theirs, there = state.copy(), memory.copy()
        n_done, made = twins.gaussian_climb(
            X, w, np.full(3, 1e-9), int(form), is_shared, theirs, there, layout.k, 8, is_fast, 0.0
        )
        assert len(ours) == n_done == 8
        np.testing.assert_allclose(ours[:, :2], made[:, :2], rtol=1e-6, atol=1e-6)
        names = (layout.mix, layout.mean, layout.count, layout.second)
        for part in names:
            np.testing.assert_allclose(at[part], theirs[part], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("is_fast", [False, True])
@pytest.mark.parametrize(("form", "is_shared"), STRUCTURES)
def test_never_goes_down(form, is_shared, is_fast):
    X = rows()
    made, state, _ = run(X, *begun(form, is_shared, X), 40, is_fast=is_fast)
    assert len(made) > 10
    assert (np.diff(made[:, 0]) > -1e-9).all()
    assert state[-1] == made[-1, 0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_by_one_gives_the_same_bits(dtype):
    X = rows(dtype=dtype)
    layout, state, memory = begun(Form.OWN_AXES, False, X)
    together, there, held = run(X, layout, state, memory, 25, is_fast=True)
    for row in together:
        made, state, memory = run(X, layout, state, memory, 1, is_fast=True)
        np.testing.assert_array_equal(made[0], row)
    np.testing.assert_array_equal(state, there)
    np.testing.assert_array_equal(memory, held)


def test_acceleration_gets_there_sooner():
    X = rows(300)
    layout, state, memory = begun(Form.FULL, False, X)
    slow = run(X, layout, state, memory, 2000)[0]
    fast = run(X, layout, state, memory, 200, is_fast=True, enough=1e-9)[0]
    assert fast[:, 2].sum() < 200
    assert fast[-1, 0] > slow[150, 0]


def test_what_has_no_answer_ends_the_climb():
    layout, state, memory = begun(Form.FULL, False, rows())
    three = np.repeat(rows(3), 30, axis=0)  # of three points the covariances go to nothing
    made = climb(three, None, np.zeros(3), layout, state, memory, n_steps=500, is_fast=False, enough=0.0)
    assert len(made) < 500
    assert np.isfinite(made[:, 0]).all()
    assert np.isfinite(state).all()


@needs_native
def test_refuses_states_of_another_size():
    X = rows()
    layout, state, memory = begun(Form.FULL, False, X)
    with pytest.raises(ValueError, match="another size"):
        climb(X, None, np.zeros(3), layout, state[:-1].copy(), memory, n_steps=1, is_fast=False, enough=0.0)
