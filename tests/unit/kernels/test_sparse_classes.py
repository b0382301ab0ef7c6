"""The kernel of classes behind sparse counts against its twin and against plain sums."""

import numpy as np
import pytest
from scipy.sparse import random_array
from scipy.special import logsumexp

from emkit.kernels import sparse_classes as kernels
from emkit.kernels.twins import sparse_classes as twins


def case(n=57, c=40, k=4, seed=0):
    rng = np.random.default_rng(seed)
    X = random_array((n, c), density=0.15, format="csr", rng=rng, data_sampler=lambda size: rng.integers(1, 4, size))
    log_mix = np.log(rng.dirichlet(np.ones(k)))
    table = np.log(rng.uniform(1e-6, 1, (c, k)))
    parts = X.indptr.astype(np.int32), X.indices.astype(np.int32), X.data.astype(float)
    return X.toarray().astype(float), parts, rng.uniform(0, 2, n), log_mix, table


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7, 8, 9, 17])
@pytest.mark.parametrize("n", [0, 1, 57])
def test_moments_equal_the_twin_and_plain_sums(n, k):
    X, parts, weights, log_mix, table = case(n, k=k)
    weights[:1] = 0.0
    for w in (weights, None):
        ours = kernels.sparse_classes_moments(*parts, w, log_mix, table)
        theirs = twins.sparse_classes_moments(*parts, w, log_mix, table)
        joint, own = X @ table + log_mix, np.ones(n) if w is None else w
        resp = own[:, None] * np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        plain = own @ logsumexp(joint, axis=1), resp.sum(axis=0), X.T @ resp
        for a, b, c in zip(ours, theirs, plain, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(a, c, rtol=1e-12, atol=1e-12)


def test_extreme_tables_leave_one_class():
    X, parts, _, log_mix, table = case()
    table[:, 0] = -1e100
    loglik, count, counts = kernels.sparse_classes_moments(*parts, None, log_mix, table)
    empty = X.sum(axis=1) == 0
    assert np.isfinite(loglik)
    assert count[0] == pytest.approx(np.exp(log_mix[0]) * empty.sum())
    assert (counts[:, 0] == 0).all()


def test_what_is_refused():
    _, (first, columns, values), weights, log_mix, table = case()
    with pytest.raises(ValueError, match="columns lie within the table"):
        kernels.sparse_classes_moments(first, columns, values, None, log_mix, table[:3].copy())
    if kernels._code is not twins:
        with pytest.raises(ValueError, match="weights must have one entry per row"):
            kernels.sparse_classes_moments(first, columns, values, weights[:3], log_mix, table)
        with pytest.raises(TypeError):
            kernels.sparse_classes_moments(first.astype(np.int64), columns, values, None, log_mix, table)
