"""Smoothing and filtering by scans: the same as row by row, for chains of any cut, and what underflow does to them."""

import numpy as np
import pytest

from emkit.kernels import hmm
from emkit.kernels.foreign import host

CASES = {
    "one sequence": ([2500], 3, 2.0),
    "one row": ([1], 2, 2.0),
    "fewer rows than a piece": ([11], 3, 2.0),
    "equal lengths": ([20] * 12, 4, 2.0),
    "ragged, with none and one": ([1, 0, 301, 2, 160], 3, 2.0),
    "one state": ([30, 40], 1, 2.0),
    "sharp emissions": ([700], 4, 120.0),
}


def drawn(lengths, k, spread, *, zeros=False, seed=0):
    rng = np.random.default_rng(seed)
    init, trans = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k), k)
    if zeros:  # left to right
        init, trans = np.eye(k)[0], np.triu(trans) / np.triu(trans).sum(axis=1, keepdims=True)
    log_emit = spread * rng.standard_normal((sum(lengths), k))
    return log_emit, np.array(lengths, dtype=np.int64), init, trans


def check(made, log_emit, lengths, init, trans, weights=None):
    here = hmm.smooth(log_emit, lengths, weights, init, trans)
    there = hmm.smooth(made(log_emit), lengths, weights, init, trans)
    assert type(there.resp) is type(made(log_emit))
    for name in ("loglik", "first", "moves", "resp"):
        np.testing.assert_allclose(host(getattr(there, name)), getattr(here, name), rtol=1e-9, atol=1e-11, err_msg=name)
    assert (there.bad_sequence, there.bad_step) == (here.bad_sequence, here.bad_step)
    here, there = (hmm.filter_states(rows, lengths, init, trans) for rows in (log_emit, made(log_emit)))
    np.testing.assert_allclose(there.loglik, here.loglik, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(host(there.filtered), here.filtered, atol=1e-12)
    return there


@pytest.mark.parametrize("name", CASES)
def test_as_row_by_row(made, name):
    lengths, k, spread = CASES[name]
    check(made, *drawn(lengths, k, spread))


def test_weights_of_sequences(made):
    check(made, *drawn([40, 25, 35], 3, 2.0), weights=np.array([2.0, 0.0, 0.5]))


def test_zeros_of_the_transitions_stay(made):
    log_emit, lengths, init, trans = drawn([300, 150], 3, 1.0, zeros=True)
    check(made, log_emit, lengths, init, trans)
    assert (hmm.smooth(made(log_emit), lengths, None, init, trans).moves[np.tril_indices(3, -1)] == 0).all()


def test_what_underflow_would_lose_is_worked_out_here(made):
    log_emit, lengths, init, trans = drawn([400], 3, 0.5, zeros=True)
    log_emit[:100, 2] += 900.0  # the chain may not stay in the last state, where it seems to be
    log_emit[100:, 2] = -np.inf
    check(made, log_emit, lengths, init, trans)


def test_an_impossible_row_is_named(made):
    log_emit, lengths, init, trans = drawn([30, 40], 3, 1.0)
    log_emit[45] = -np.inf
    there = check(made, log_emit, lengths, init, trans)
    assert (there.bad_sequence, there.bad_step) == (1, 15)
