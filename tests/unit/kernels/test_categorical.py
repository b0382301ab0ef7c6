"""The compiled E-step for unordered answers against its twin, and where the two must agree with arithmetic."""

import importlib

import numpy as np
import pytest

from emkit.families.answers import answers, expanded
from emkit.families.categorical import Categorical
from emkit.kernels import categorical as kernel
from emkit.kernels.twins import categorical as twin

MEMBERS = (1, 2, 3, 5, 7, 8, 9, 16, 17, 24, 25, 40)
LEVELS = np.array([2, 4, 1, 255, 3], dtype=np.int32)


def _case(n, k, *, seed=0, zeros=False, sharp=1.0):
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(0, size + 1, n) for size in LEVELS]).astype(np.uint8)  # the last is missing
    prob = np.concatenate([rng.dirichlet(np.full(size, 1 / sharp), k).T for size in LEVELS])
    if zeros:
        prob[rng.random(prob.shape) < 0.2] = 0.0
    with np.errstate(divide="ignore"):
        log_prob = np.log(prob)
    return np.ascontiguousarray(codes), np.log(rng.dirichlet(np.ones(k))), np.ascontiguousarray(log_prob), rng


def _agree(given, told):
    assert given[0] == pytest.approx(told[0], rel=1e-12)
    for a, b in zip(given[1:], told[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("k", MEMBERS)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 131])
def test_the_step_agrees_with_the_twin(n, k):
    codes, log_mix, log_prob, rng = _case(n, k, seed=k)
    weights = rng.random(n) * (rng.random(n) < 0.7)
    for w in (None, weights):
        given = kernel.categorical_moments(codes, LEVELS, w, log_mix, log_prob)
        _agree(given, twin.categorical_moments(codes, LEVELS, w, log_mix, log_prob))
    joint = kernel.categorical_log_joint(codes, LEVELS, log_mix, log_prob)
    np.testing.assert_allclose(joint, twin.categorical_log_joint(codes, LEVELS, log_mix, log_prob), rtol=1e-12)
    resp = rng.random((n, k))
    counts = kernel.categorical_counts(codes, LEVELS, resp)
    np.testing.assert_allclose(counts, twin.categorical_counts(codes, LEVELS, resp), rtol=1e-12)


@pytest.mark.parametrize("k", MEMBERS)
def test_structural_zeros_and_extreme_probabilities_agree_with_the_twin(k):
    codes, log_mix, log_prob, _ = _case(200, k, seed=1, zeros=True, sharp=200.0)
    log_prob[~np.isneginf(log_prob)] *= 50
    log_mix[0] = -np.inf if k > 1 else log_mix[0]
    possible = ~np.isneginf(twin.categorical_log_joint(codes, LEVELS, log_mix, log_prob)).all(axis=1)
    assert 0 < possible.sum() < 200 or k > 8
    chosen = np.ascontiguousarray(codes[possible])
    given = kernel.categorical_moments(chosen, LEVELS, None, log_mix, log_prob)
    assert np.isfinite(given[0])
    _agree(given, twin.categorical_moments(chosen, LEVELS, None, log_mix, log_prob))
    whole = kernel.categorical_moments(codes, LEVELS, None, log_mix, log_prob)
    _agree(whole, twin.categorical_moments(codes, LEVELS, None, log_mix, log_prob))


def test_an_impossible_row_is_shared_equally_unless_it_has_no_weight():
    levels, log_mix = np.array([2], dtype=np.int32), np.log([0.2, 0.3, 0.5])
    log_prob = np.array([[0.0, 0.0, 0.0], [-np.inf] * 3])
    codes = np.array([[0], [1]], dtype=np.uint8)
    loglik, count, counts = kernel.categorical_moments(codes, levels, None, log_mix, log_prob)
    assert loglik == -np.inf
    np.testing.assert_allclose(counts, [[0.2, 0.3, 0.5], [1 / 3] * 3])
    np.testing.assert_allclose(count, np.array([0.2, 0.3, 0.5]) + 1 / 3)
    loglik, count, counts = kernel.categorical_moments(codes, levels, np.array([2.0, 0.0]), log_mix, log_prob)
    assert loglik == pytest.approx(0.0, abs=1e-15)
    np.testing.assert_allclose(counts, [[0.4, 0.6, 1.0], [0.0] * 3])


def test_a_row_without_answers_tells_nothing():
    codes = np.array([LEVELS], dtype=np.uint8)
    _, log_mix, log_prob, _ = _case(1, 4)
    loglik, count, counts = kernel.categorical_moments(codes, LEVELS, None, log_mix, log_prob)
    assert loglik == pytest.approx(0.0, abs=1e-14)
    np.testing.assert_allclose(count, np.exp(log_mix))
    assert not counts.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_missing", [0, 0.1])
@pytest.mark.parametrize("levels", [(2,), (3, 254), (3, 255), (2, 2, 2, 2, 2, 2), (4, 4, 4, 30, 2, 1, 1), (32, 2, 40)])
def test_bytes_and_sparse_rows_give_the_same(dtype, levels, n_missing):
    rng = np.random.default_rng(3)
    levels = np.array(levels)
    X = np.column_stack([rng.integers(0, size, 300) for size in levels]).astype(dtype)
    X[rng.random(X.shape) < n_missing] = np.nan
    log_mix, log_prob = np.log([0.4, 0.6]), np.log(rng.dirichlet(np.ones(levels.sum()), 2).T.copy())
    weights = rng.integers(0, 3, 300).astype(float)
    own, ones = answers(X, levels), expanded(X, levels)
    joint = own.log_joint(log_mix, log_prob)
    np.testing.assert_allclose(joint, ones @ log_prob + log_mix, rtol=1e-12)
    resp = np.exp(joint - np.logaddexp(joint[:, 0], joint[:, 1])[:, None]) * weights[:, None]
    np.testing.assert_allclose(own.counts(resp), ones.T @ resp, rtol=1e-10, atol=1e-12)
    loglik, count, counts = own.moments(weights, log_mix, log_prob)
    assert loglik == pytest.approx(weights @ np.logaddexp(joint[:, 0], joint[:, 1]), rel=1e-12)
    np.testing.assert_allclose(count, resp.sum(axis=0), rtol=1e-10)
    np.testing.assert_allclose(counts, ones.T @ resp, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("code", [kernel, twin])
def test_codes_beyond_their_item_are_refused(code):
    codes, log_mix, log_prob, _ = _case(4, 2)
    codes[2, 1] = 5
    with pytest.raises(ValueError, match="codes must be from 0 to the number of levels"):
        code.categorical_moments(codes, LEVELS, None, log_mix, log_prob)
    with pytest.raises(ValueError, match="codes must be from 0 to the number of levels"):
        code.categorical_counts(codes, LEVELS, np.ones((4, 2)))


def test_blocks_are_coded_once():
    family = Categorical((("a", "b"),))
    X = np.array([[0.0], [1.0]])
    assert family._answers(X) is family._answers(X)
    assert family._answers(X) is not family._answers(X.copy())


def test_the_twin_runs_on_another_library():
    try:
        xp = importlib.import_module("array_api_strict")
    except ImportError:
        pytest.skip("array-api-strict is not installed")
    codes, log_mix, log_prob, rng = _case(50, 3)
    weights = rng.random(50)
    told = twin.categorical_moments(codes, LEVELS, weights, log_mix, log_prob)
    there = [xp.asarray(part) for part in (codes, weights, log_mix, log_prob)]
    given = twin.categorical_moments(there[0], LEVELS, *there[1:])
    _agree((given[0], *map(np.asarray, given[1:])), told)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("code", [kernel, twin])
def test_whole_numbers_become_bytes(code, dtype):
    X = np.random.default_rng(0).integers(0, 255, (131, 3)).astype(dtype)
    X[5, 1] = X[130, 2] = np.nan
    codes, seen = code.categorical_bytes(X)
    assert np.array_equal(codes, np.where(np.isnan(X), 255, X))
    assert codes.dtype == np.uint8
    expected = [[value in set(column) for value in range(256)] for column in codes.T]
    assert np.array_equal(seen, expected)
    assert code.categorical_bytes(np.empty((0, 2), dtype=dtype))[1].shape == (2, 256)


@pytest.mark.parametrize("other", [-1.0, 0.5, 255.0, 256.0, 1e300, np.inf, -np.inf, -0.25])
@pytest.mark.parametrize("code", [kernel, twin])
def test_other_numbers_become_no_bytes(code, other):
    X = np.ones((300, 2))
    X[299, 1] = other
    assert code.categorical_bytes(X) is None
