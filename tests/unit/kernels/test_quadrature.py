"""The quadrature kernels against their twins and against plain sums."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from emkit.kernels import quadrature as kernels
from emkit.kernels.twins import quadrature as twins


def case(n=77, sizes=(2, 3, 5, 2), q=61, groups=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, k, n) for k in sizes], axis=1).astype(np.uint8)
    codes[rng.random(codes.shape) < 0.2] = 255
    table = np.concatenate([log_softmax(rng.normal(size=(k, q)), axis=0) for k in sizes])
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    prior = log_softmax(rng.normal(size=(groups, q)), axis=1)
    group = rng.integers(0, groups, n).astype(np.int32)
    return codes, rng.uniform(0, 2, n), group, table, first, prior


def plain_joint(codes, group, table, first, prior):
    joint = prior[group].copy()
    for i, row in enumerate(codes):
        for j, code in enumerate(row):
            if code < first[j + 1] - first[j]:
                joint[i] += table[first[j] + code]
    return joint


@pytest.mark.parametrize("q", [1, 7, 31, 32, 61, 64, 65, 129])
@pytest.mark.parametrize("n", [0, 1, 2, 31, 32, 33, 77])
def test_counts_equal_the_twin(n, q):
    codes, weights, group, table, first, prior = case(n, q=q)
    for w, g in ((weights, group), (None, group), (weights, None)):
        ours = kernels.quadrature_counts(codes, w, g, table, first, prior)
        theirs = twins.quadrature_counts(codes, w, g, table, first, prior)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_counts_equal_plain_sums():
    codes, weights, group, table, first, prior = case()
    joint = plain_joint(codes, group, table, first, prior)
    resp = weights[:, None] * np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    loglik, counts, mass = kernels.quadrature_counts(codes, weights, group, table, first, prior)
    assert loglik == pytest.approx(weights @ logsumexp(joint, axis=1), rel=1e-13)
    for j in range(codes.shape[1]):
        for k in range(first[j + 1] - first[j]):
            np.testing.assert_allclose(counts[first[j] + k], resp[codes[:, j] == k].sum(axis=0), rtol=1e-12)
    for g in range(3):
        np.testing.assert_allclose(mass[g], resp[group == g].sum(axis=0), rtol=1e-12)


def test_joint_and_scatter_equal_the_twins():
    codes, _, group, table, first, prior = case()
    joint = kernels.quadrature_joint(codes, group, table, first, prior)
    np.testing.assert_allclose(joint, plain_joint(codes, group, table, first, prior), rtol=1e-13)
    np.testing.assert_allclose(twins.quadrature_joint(codes, group, table, first, prior), joint, rtol=1e-13)
    found = kernels.quadrature_scatter(codes, joint, first)
    np.testing.assert_allclose(found, twins.quadrature_scatter(codes, joint, first), rtol=1e-12)


def test_rows_of_weight_zero_change_nothing():
    codes, weights, group, table, first, prior = case()
    used = np.arange(77) % 3 > 0
    ours = kernels.quadrature_counts(codes, weights * used, group, table, first, prior)
    theirs = kernels.quadrature_counts(codes[used], weights[used], group[used], table, first, prior)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_thousands_of_items_do_not_underflow():
    codes, _, _, table, first, prior = case(40, sizes=(2,) * 3000)
    loglik, counts, _ = kernels.quadrature_counts(codes, None, None, table, first, prior)
    assert np.isfinite(loglik)
    assert np.isfinite(counts).all()


@pytest.mark.parametrize("wrong", ["first", "group", "table"])
def test_shapes_that_disagree_are_refused(wrong):
    codes, weights, group, table, first, prior = case()
    if wrong == "first":
        first = first[:-1]
    elif wrong == "group":
        group = group + 3
    else:
        table = np.ascontiguousarray(table[:-1])
    with pytest.raises(ValueError, match=r"first|group|table"):
        kernels.quadrature_counts(codes, weights, group, table, first, prior)
