"""The Gaussian kernels against their twins, against scipy, and at the edges of the numbers."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, softmax

from emkit.kernels import gaussian as kernels
from emkit.kernels import is_compiled
from emkit.kernels.twins import gaussian as twins

needs_native = pytest.mark.skipif(not is_compiled(), reason="the compiled kernels are not in use")
FEATURES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 63, 64, 65, 70]


def mixture(d, k, seed=0):
    """Give log_mix, mean, cov, whiten (full) and whiten (diagonal) of a random mixture."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, d, d)) / math.sqrt(d) + np.eye(d)
    cov = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(d)
    whiten, _, status = kernels.whiten_factors(cov)
    assert not status.any()
    scale = np.sqrt(np.einsum("kii->ki", cov))
    return np.log(rng.dirichlet(np.ones(k))), rng.normal(size=(k, d)), cov, whiten, 1 / scale


def rows_of(n, d, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(dtype) * dtype(1.5)


def assert_moments_close(left, right, rtol=1e-10):
    for a, b in zip(left, right, strict=True):
        size = np.max(np.abs(b), initial=0.0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(size, 1e-300))


def by_scipy(X, weights, log_mix, mean, cov):
    """Give the moments by scipy's densities and plain sums."""
    joint = np.stack([stats.multivariate_normal(m, c).logpdf(X) for m, c in zip(mean, cov, strict=True)], axis=-1)
    joint = joint.reshape(len(X), len(mean)) + log_mix
    share = softmax(joint, axis=1) * weights[:, None]
    centred = X[:, None, :] - mean
    first = np.einsum("nk,nki->ki", share, centred)
    second = np.einsum("nk,nki,nkj->kij", share, centred, centred)
    return joint, (weights @ logsumexp(joint, axis=1), share.sum(0), first, second)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", FEATURES)
def test_full_moments_equal_the_twin(d, dtype):
    log_mix, mean, _, whiten, _ = mixture(d, 3)
    X, weights = rows_of(301, d, dtype), np.random.default_rng(2).uniform(0, 2, 301)
    for w in (None, weights):
        ours = kernels.full_moments(X, w, log_mix, mean, whiten)
        assert_moments_close(ours, twins.full_moments(X, w, log_mix, mean, whiten))
        assert np.array_equal(ours.second, ours.second.transpose(0, 2, 1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [1, 2, 5, 8, 9, 40, 300])
def test_diagonal_moments_equal_the_twin(d, dtype):
    log_mix, mean, _, _, whiten = mixture(d, 3)
    X, weights = rows_of(301, d, dtype), np.random.default_rng(2).uniform(0, 2, 301)
    for w in (None, weights):
        ours = kernels.diagonal_moments(X, w, log_mix, mean, whiten)
        assert_moments_close(ours, twins.diagonal_moments(X, w, log_mix, mean, whiten))


@pytest.mark.parametrize("k", [1, 2, 9])
@pytest.mark.parametrize("d", [1, 3, 8, 14])
def test_moments_and_rows_equal_scipy(d, k):
    log_mix, mean, cov, whiten, _ = mixture(d, k)
    X, weights = rows_of(130, d), np.random.default_rng(2).uniform(0, 2, 130)
    joint, moments = by_scipy(X, weights, log_mix, mean, cov)
    assert_moments_close(kernels.full_moments(X, weights, log_mix, mean, whiten), moments)
    np.testing.assert_allclose(kernels.full_log_joint(X, log_mix, mean, whiten), joint, rtol=1e-11)
    density, resp = kernels.full_posterior(X, log_mix, mean, whiten)
    np.testing.assert_allclose(density, logsumexp(joint, axis=1), rtol=1e-12)
    np.testing.assert_allclose(resp, softmax(joint, axis=1), rtol=1e-9, atol=1e-300)


def test_diagonal_is_full_with_a_diagonal_factor():
    log_mix, mean, _, _, scale = mixture(6, 4)
    X, whiten = rows_of(77, 6), np.einsum("ki,ij->kij", scale, np.eye(6))
    full, diagonal = (f(X, None, log_mix, mean, w) for f, w in zip(FACES["moments"], (whiten, scale), strict=True))
    assert_moments_close(diagonal[:3], full[:3])
    np.testing.assert_allclose(diagonal.second, np.einsum("kii->ki", full.second), rtol=1e-10)
    joint = [f(X, log_mix, mean, w) for f, w in zip(FACES["log_joint"], (whiten, scale), strict=True)]
    np.testing.assert_allclose(*joint, rtol=1e-12)
    for a, b in zip(
        *[f(X, log_mix, mean, w) for f, w in zip(FACES["posterior"], (whiten, scale), strict=True)],
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-300)


FACES = {
    name: (getattr(kernels, f"full_{name}"), getattr(kernels, f"diagonal_{name}"))
    for name in ("moments", "log_joint", "posterior")
}


@pytest.mark.parametrize("d", [2, 8, 20])
@pytest.mark.parametrize("n", [0, 1, 2, 31, 32, 33, 127, 128, 129, 257])
def test_any_number_of_rows(n, d):
    log_mix, mean, _, whiten, scale = mixture(d, 2)
    X = rows_of(n, d)
    ours = kernels.full_moments(X, None, log_mix, mean, whiten)
    assert_moments_close(ours, twins.full_moments(X, None, log_mix, mean, whiten))
    if n == 0:
        assert ours.loglik == 0
        assert not ours.count.any()
        assert not ours.second.any()
    for log_joint, w in zip(FACES["log_joint"], (whiten, scale), strict=True):
        assert log_joint(X, log_mix, mean, w).shape == (n, 2)
    density, resp = kernels.full_posterior(X, log_mix, mean, whiten)
    np.testing.assert_allclose(density, logsumexp(kernels.full_log_joint(X, log_mix, mean, whiten), axis=1))
    np.testing.assert_allclose(resp.sum(1), np.ones(n), rtol=1e-14)


@pytest.mark.parametrize("d", [1, 2, 7, 12])
def test_blocks_add_up(d):
    log_mix, mean, _, whiten, _ = mixture(d, 3)
    X = rows_of(500, d)
    whole = kernels.full_moments(X, None, log_mix, mean, whiten)
    parts = [kernels.full_moments(part, None, log_mix, mean, whiten) for part in np.split(X, [1, 40, 333])]
    assert_moments_close([sum(p) for p in zip(*parts, strict=True)], whole, rtol=1e-12)


@pytest.mark.parametrize("d", [2, 8, 12])
@pytest.mark.parametrize(("offset", "unit"), [(1e8, 1.0), (0.0, 1e-12), (0.0, 1e12), (1e8, 1e-3), (-3e5, 1e12)])
def test_offset_and_unit_lose_nothing(offset, unit, d):
    """The moments of data moved and rescaled are those of the data that the numbers then hold."""
    log_mix, mean, _, whiten, _ = mixture(d, 2)
    X = rows_of(400, d) * unit + offset
    held = X - offset  # exact: what is left of the data after the offset rounded them
    at = mean * unit + offset
    expected = kernels.full_moments(held, None, log_mix, at - offset, whiten / unit)
    ours = kernels.full_moments(X, None, log_mix, at, whiten / unit)
    assert_moments_close(ours, expected, rtol=1e-12)
    plain = kernels.full_moments(rows_of(400, d), None, log_mix, mean, whiten)
    digits = 1e-7 if unit >= 1 or offset == 0 else 1e-4  # those that the data still have
    assert_moments_close([ours.second / unit**2], [plain.second], rtol=digits)


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize("d", [2, 5, 12])
def test_far_rows_keep_proper_responsibilities(d, form):
    """Densities underflow here, their logarithms do not."""
    log_mix, mean, whiten = np.log([0.3, 0.7]), np.zeros((2, d)), np.ones((2, d))
    mean[1] = 1.0
    whiten = whiten if form else np.stack([np.eye(d)] * 2)
    X = np.full((40, d), 1e5)
    X[1], X[2] = -1e100, 0.5
    density, resp = FACES["posterior"][form](X, log_mix, mean, whiten)
    np.testing.assert_array_equal(resp[0], [0.0, 1.0])
    np.testing.assert_array_equal(resp[1].sum(), 1.0)
    np.testing.assert_allclose(resp[2], [0.3, 0.7], rtol=1e-14)
    joint = FACES["log_joint"][form](X, log_mix, mean, whiten)
    np.testing.assert_array_equal(density[:2], joint[:2].max(1))
    assert np.isfinite(density).all()
    moments = FACES["moments"][form](X, None, log_mix, mean, whiten)
    assert np.isfinite(moments.loglik)
    np.testing.assert_allclose(moments.count.sum(), 40.0)


@pytest.mark.parametrize("code", [kernels, twins])
@pytest.mark.parametrize("d", [1, 2, 8, 12])
def test_rows_beyond_all_densities_go_to_the_nearest(d, code):
    """Squares overflow here: the log-density is -infinity, but the row stays, and nothing is NaN."""
    log_mix, mean = np.log([0.5, 0.25, 0.25]), np.zeros((3, d))
    whiten = np.stack([np.eye(d) * s for s in (3.0, 1.0, 2.0)])
    whiten[1] += np.tril(np.full((d, d), -0.5), -1)
    X = np.zeros((35, d))
    X[[3, 34]] = 1e200
    density, resp = code.full_posterior(X, log_mix, mean, whiten)
    assert np.flatnonzero(density == -np.inf).tolist() == [3, 34]
    np.testing.assert_array_equal(resp[3], np.eye(3)[1] if d < 7 else np.eye(3)[2])
    np.testing.assert_allclose(resp.sum(1), 1.0)
    moments = code.full_moments(X, None, log_mix, mean, whiten)
    assert moments[0] == -np.inf
    np.testing.assert_allclose(moments[1].sum(), 35.0)
    weights = np.ones(35)
    weights[[3, 34]] = 0.0
    kept = code.full_moments(X, weights, log_mix, mean, whiten)
    assert_moments_close(kept, code.full_moments(np.delete(X, [3, 34], axis=0), None, log_mix, mean, whiten), 1e-13)


@pytest.mark.parametrize("code", [kernels, twins])
def test_infinite_parts_of_opposite_sign_are_no_density(code):
    """W (x - mean) is inf - inf under the second component only: the first is unharmed."""
    mean = np.zeros((2, 2))
    whiten = np.stack([np.eye(2) * 1e-200, np.array([[1e160, 0.0], [-1e160, 1e160]])])
    X = np.full((3, 2), 1e199)
    joint = code.full_log_joint(X, np.log([0.5, 0.5]), mean, whiten)
    assert (joint[:, 1] == -np.inf).all()
    density, resp = code.full_posterior(X, np.log([0.5, 0.5]), mean, whiten)
    np.testing.assert_array_equal(resp, [[1.0, 0.0]] * 3)
    assert np.isfinite(density).all()


@pytest.mark.parametrize("code", [kernels, twins])
@pytest.mark.parametrize("d", [2, 12])
def test_an_empty_component_takes_nothing(d, code):
    log_mix, mean, _, whiten, _ = mixture(d, 3)
    log_mix[1] = -np.inf
    X = rows_of(50, d)
    X[0] = 1e200  # lost to every density, and nearest to nobody without a share
    moments = code.full_moments(X[1:], None, log_mix, mean, whiten)
    keep = [0, 2]
    assert_moments_close(
        [m[keep] for m in moments[1:]],
        code.full_moments(X[1:], None, log_mix[keep], mean[keep], whiten[keep])[1:],
    )
    assert moments[1][1] == 0
    assert not moments[3][1].any()
    assert (code.full_log_joint(X, log_mix, mean, whiten)[:, 1] == -np.inf).all()
    _, resp = code.full_posterior(X, log_mix, mean, whiten)
    assert (resp[:, 1] == 0).all()
    np.testing.assert_allclose(resp.sum(1), 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize("d", [1, 4, 8, 20])
def test_a_row_of_weight_zero_may_hold_anything(d, form, value):
    log_mix, mean, _, *factors = mixture(d, 2)
    X, weights = rows_of(70, d), np.ones(70)
    weights[[0, 33, 69]] = 0.0
    expected = FACES["moments"][form](X, weights, log_mix, mean, factors[form])
    X[[0, 33, 69]] = value
    for a, b in zip(FACES["moments"][form](X, weights, log_mix, mean, factors[form]), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    without = FACES["moments"][form](np.delete(X, [0, 33, 69], axis=0), None, log_mix, mean, factors[form])
    assert_moments_close(without, expected, 1e-13)


@pytest.mark.parametrize("d", [2, 9])
def test_weights_are_repeated_rows(d):
    log_mix, mean, _, whiten, _ = mixture(d, 3)
    X, repeats = rows_of(60, d), np.random.default_rng(3).integers(0, 4, 60)
    weighted = kernels.full_moments(X, repeats.astype(float), log_mix, mean, whiten)
    assert_moments_close(
        weighted, kernels.full_moments(np.repeat(X, repeats, axis=0), None, log_mix, mean, whiten), 1e-12
    )


def test_log_densities_are_accurate_to_the_last_digits():
    """Of two components exp and log show at full size: softplus to three units in the last place."""
    gap = np.linspace(-600, 600, 4001)
    density, resp = kernels.softmax_rows(np.ascontiguousarray(np.stack([gap, np.zeros_like(gap)], axis=1)))
    np.testing.assert_allclose(density, np.logaddexp(gap, 0.0), rtol=7e-16, atol=2e-16)
    ratio = np.exp(-np.abs(gap))
    np.testing.assert_allclose(resp.min(1), ratio / (1 + ratio), rtol=1e-15)


@pytest.mark.parametrize("code", [kernels, twins])
def test_softmax_of_impossible_rows_and_single_columns(code):
    joint = np.array([[0.0, -np.inf, 1.0], [-np.inf] * 3, [-800.0, -1600.0, -800.0]])
    density, resp = code.softmax_rows(joint)
    np.testing.assert_allclose(density, [np.logaddexp(0, 1), -np.inf, -800 + math.log(2)], rtol=1e-15)
    np.testing.assert_allclose(resp[1:], [[1 / 3] * 3, [0.5, 0.0, 0.5]], rtol=1e-15)
    density, resp = code.softmax_rows(np.full((5, 1), -3.25))
    np.testing.assert_array_equal(density, np.full(5, -3.25))
    np.testing.assert_array_equal(resp, np.ones((5, 1)))


@pytest.mark.parametrize("k", [1, 2, 3, 8, 33])
@pytest.mark.parametrize("n", [0, 1, 31, 33, 100])
def test_softmax_and_logsumexp_equal_scipy(n, k):
    joint = np.random.default_rng(n).normal(scale=30, size=(n, k)) - 900
    weights = np.random.default_rng(k).uniform(0, 2, n)
    density, resp = kernels.softmax_rows(joint)
    np.testing.assert_allclose(density, logsumexp(joint, axis=1), rtol=1e-15)
    np.testing.assert_allclose(resp, softmax(joint, axis=1), rtol=1e-13, atol=1e-300)
    assert kernels.weighted_logsumexp(joint, weights) == pytest.approx(weights @ density, rel=1e-14)
    assert kernels.weighted_logsumexp(joint, None) == pytest.approx(density.sum(), rel=1e-14)


@pytest.mark.parametrize("code", [kernels, twins])
def test_logsumexp_passes_over_rows_of_weight_zero(code):
    joint = np.array([[-np.inf, -np.inf], [0.0, 0.0]])
    assert code.weighted_logsumexp(joint, np.array([0.0, 2.0])) == pytest.approx(2 * math.log(2), rel=1e-15)
    assert code.weighted_logsumexp(joint, np.array([1.0, 2.0])) == -np.inf


@pytest.mark.parametrize("code", [kernels, twins])
@pytest.mark.parametrize("d", [1, 2, 7, 40])
def test_factors_whiten_and_give_the_determinant(d, code):
    root = np.random.default_rng(d).normal(size=(3, d, d))
    cov = root @ root.transpose(0, 2, 1) + np.eye(d)
    whiten, half_log_det, status = code.whiten_factors(cov)
    assert status.tolist() == [0, 0, 0]
    np.testing.assert_allclose(whiten @ cov @ whiten.transpose(0, 2, 1), np.stack([np.eye(d)] * 3), atol=1e-10)
    assert not np.triu(whiten, 1).any()
    np.testing.assert_allclose(half_log_det, np.linalg.slogdet(cov)[1] / 2, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("code", [kernels, twins])
def test_factors_name_the_pivot_that_fails(code):
    cov = np.stack([np.eye(4)] * 5)
    cov[1, 2, 2], cov[2, 0, 0], cov[3, 3, 3] = 0.0, -1.0, np.nan
    cov[4, 1, 0] = cov[4, 0, 1] = 2.0
    whiten, half_log_det, status = code.whiten_factors(cov)
    assert status.tolist() == [0, 3, 1, 4, 2]
    assert np.isnan(half_log_det[1:]).all()
    assert not whiten[1:].any()
    assert half_log_det[0] == 0


@needs_native
def test_arrays_of_another_kind_are_a_type_error():
    log_mix, mean, _, whiten, scale = mixture(2, 3)
    X = rows_of(20, 2)
    wrong = [
        (X[::2], None, log_mix, mean, whiten),
        (np.asfortranarray(X), None, log_mix, mean, whiten),
        (X.astype(np.int64), None, log_mix, mean, whiten),
        (X.astype(">f8"), None, log_mix, mean, whiten),
        (X, np.ones(20, dtype=np.float32), log_mix, mean, whiten),
        (X, None, log_mix.astype(np.float32), mean, whiten),
        (X, None, log_mix, mean.tolist(), whiten),
        (X, None, log_mix, mean, scale),
        (X.ravel(), None, log_mix, mean, whiten),
    ]
    for arguments in wrong:
        with pytest.raises(TypeError, match="incompatible function arguments"):
            kernels.full_moments(*arguments)
    with pytest.raises(TypeError, match="incompatible function arguments"):
        kernels.softmax_rows(X[:, ::-1])


@needs_native
def test_shapes_that_disagree_are_a_value_error():
    log_mix, mean, _, whiten, scale = mixture(2, 3)
    X = rows_of(20, 2)
    for arguments in [
        (rows_of(20, 3), None, log_mix, mean, whiten),
        (X, None, log_mix[:2].copy(), mean, whiten),
        (X, None, log_mix, mean, np.ones((3, 2, 1))),
        (X, None, log_mix, mean, whiten[:2].copy()),
    ]:
        with pytest.raises(ValueError, match="disagree"):
            kernels.full_moments(*arguments)
    with pytest.raises(ValueError, match="disagree"):
        kernels.diagonal_posterior(X, log_mix, mean, scale[:2].copy())
    with pytest.raises(ValueError, match="one entry per row"):
        kernels.full_moments(X, np.ones(19), log_mix, mean, whiten)


@needs_native
def test_arguments_are_left_alone():
    log_mix, mean, _, whiten, _ = mixture(3, 2)
    arguments = [rows_of(40, 3), np.ones(40), log_mix, mean, whiten]
    before = [a.copy() for a in arguments]
    for a in arguments:
        a.flags.writeable = False
    kernels.full_moments(*arguments)
    kernels.full_posterior(arguments[0], *arguments[2:])
    for a, b in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_twins_run_on_the_bare_array_api():
    xp = pytest.importorskip("array_api_strict")
    log_mix, mean, cov, whiten, scale = mixture(3, 2)
    X, weights = rows_of(40, 3), np.random.default_rng(0).uniform(size=40)
    X[0], weights[0] = 1e200, 0.0
    bare = [xp.asarray(a) for a in (X, log_mix, mean, whiten, scale)]
    for form, at in ((0, 3), (1, 4)):
        factor = (whiten, scale)[form]
        moments = twins.full_moments(bare[0], xp.asarray(weights), bare[1], bare[2], bare[at])
        arrays = [np.asarray(m) for m in moments]
        assert_moments_close(arrays, FACES["moments"][form](X, weights, log_mix, mean, factor))
        for a, b in zip(
            twins.full_posterior(bare[0], bare[1], bare[2], bare[at]),
            FACES["posterior"][form](X, log_mix, mean, factor),
            strict=True,
        ):
            np.testing.assert_allclose(np.asarray(a), b, rtol=1e-10, atol=1e-300)
    for a, b in zip(twins.whiten_factors(xp.asarray(cov)), kernels.whiten_factors(cov), strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-12, atol=1e-14)


COMPARE = """
import numpy as np, sys
from emkit.kernels import gaussian, instruction_set
from emkit.kernels.twins import gaussian as twins
for d in (1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 16, 21, 33):
    rng = np.random.default_rng(d)
    root = rng.normal(size=(3, d, d)) / d**0.5 + np.eye(d)
    whiten, _, _ = gaussian.whiten_factors(root @ root.transpose(0, 2, 1) + 0.1 * np.eye(d))
    mix, mean, X = np.log(rng.dirichlet(np.ones(3))), rng.normal(size=(3, d)), rng.normal(size=(300, d))
    X[7] = 1e200
    for W in (whiten, np.ascontiguousarray(np.einsum("kii->ki", whiten))):
        form = "full" if W.ndim == 3 else "diagonal"
        for dtype in (np.float64, np.float32):
            for w in (None, rng.uniform(size=300)):
                rows = np.delete(X, 7, axis=0).astype(dtype)
                w = w if w is None else w[1:].copy()
                ours = getattr(gaussian, form + "_moments")(rows, w, mix, mean, W)
                for a, b in zip(ours, twins.full_moments(rows, w, mix, mean, W), strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * np.max(np.abs(b)))
        ours = getattr(gaussian, form + "_posterior")(X, mix, mean, W)
        for a, b in zip(ours, twins.full_posterior(X, mix, mean, W), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-300)
joint = rng.normal(size=(70, 5)) * 40
for a, b in zip(gaussian.softmax_rows(joint), twins.softmax_rows(joint), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-300)
print(instruction_set())
"""


@pytest.mark.parametrize("simd", ["baseline", "avx2", "avx512"])
@needs_native
def test_every_instruction_set_equals_the_twin(simd):
    run = subprocess.run(
        [sys.executable, "-c", COMPARE],
        env={**os.environ, "EMKIT_SIMD": simd},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    ladder = ["baseline", "avx2", "avx512"]
    assert run.stdout.strip() in ladder[: ladder.index(simd) + 1]


def test_the_twins_run_on_wish():
    code = "from emkit.kernels import gaussian, instruction_set as s; print(s(), gaussian._code.__name__)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "EMKIT_KERNELS": "python"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["python", "emkit.kernels.twins.gaussian"]
