"""The recursions with moves of their own into every row: against their twin, plain chains, and lists of all paths."""

import itertools

import numpy as np
import pytest

from emkit.hmm.course import Course
from emkit.kernels import guided as kernel
from emkit.kernels import hmm
from emkit.kernels.twins import guided as twin


def _run(n=40, k=3, seed=0, zeros=False):
    rng = np.random.default_rng(seed)
    moves = rng.dirichlet(np.ones(k), (n, k))
    if zeros:
        moves[rng.random(moves.shape) < 0.3] = 0.0
    with np.errstate(divide="ignore"):
        return rng.normal(size=(n, k)) * 3, np.log(moves), np.log(rng.dirichlet(np.ones(k))), rng


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (1, 3), (40, 2), (40, 5)])
def test_kernel_agrees_with_the_twin(n, k, zeros):
    log_emit, log_into, entry, rng = _run(n, k, zeros=zeros)
    done, told = (code(log_emit, log_into, entry) for code in (kernel.forward_guided, twin.guided_forward))
    for a, b in zip(done, told, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)
    given = log_emit, log_into, entry, *done, rng.normal(size=k)
    for a, b in zip(kernel.smooth_guided(*given), twin.guided_backward(*given), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    for first, m in itertools.product((None, entry), (1, 4)):
        score = np.full((k, m), -np.inf)
        score[:, 0] = 0.0
        for a, b in zip(
            kernel.best_guided(log_emit, log_into, score, first),
            twin.guided_best(log_emit, log_into, score, first),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, atol=1e-11)
    leave, uniforms = np.zeros(k), rng.random(n)
    drawn = kernel.draw_guided(log_into, done[0], leave, uniforms)
    np.testing.assert_array_equal(drawn, twin.guided_draw(log_into, done[0], leave, uniforms))


def test_the_best_paths_are_those_of_a_list_of_all():
    log_emit, log_into, first, _ = _run(5, 3, seed=3)
    listed = []
    for path in itertools.product(range(3), repeat=5):
        steps = sum(log_into[t, path[t - 1], path[t]] for t in range(1, 5))
        listed.append((first[path[0]] + log_emit[range(5), path].sum() + steps, path))
    listed.sort(reverse=True)
    back, score, shift = kernel.best_guided(log_emit, log_into, np.zeros((3, 20)), first)
    order = np.argsort(-score.reshape(-1), kind="stable")[:20]
    paths, _ = kernel.trace_back(back, order)
    np.testing.assert_allclose(score.reshape(-1)[order] + shift.sum(), [value for value, _ in listed[:20]])
    np.testing.assert_array_equal(paths, [path for _, path in listed[:20]])


@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_rows_with_equal_moves_are_a_plain_chain(scale, monkeypatch):
    monkeypatch.setattr("emkit.hmm.course._TILE_NUMBERS", 0)  # tiles of 256 rows
    rng = np.random.default_rng(5)
    lengths, weights = np.array([1, 0, 300, 412, 2]), np.array([1.0, 2.0, 0.5, 3.0, 0.0])
    init, trans = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3)
    log_emit = rng.normal(size=(715, 3)) * scale
    begins = (np.cumsum(lengths) - lengths)[lengths > 0]

    def into(rows):
        at = np.arange(rows.start, rows.stop)
        return np.ascontiguousarray(np.where(np.isin(at, begins)[:, None, None], np.log(init), np.log(trans)))

    def emissions(rows):
        return log_emit[rows]

    moves, resp = np.zeros((3, 3)), np.zeros((715, 3))

    def collect(rows, own, moved, log_into):
        resp[rows] = own
        moves[:] += moved[~np.isin(np.arange(rows.start, rows.stop), begins)].sum(axis=0)

    course, plain = Course(lengths, weights, 3, emissions, into), hmm.smooth(log_emit, lengths, weights, init, trans)
    each, bad = course.expected(collect)
    assert not bad.is_real
    used = weights > 0
    np.testing.assert_allclose(each[used], plain.loglik[used], rtol=1e-12)
    np.testing.assert_allclose(resp, plain.resp, atol=1e-9)
    np.testing.assert_allclose(moves, plain.moves, atol=1e-9)
    filtered = hmm.filter_states(log_emit, lengths, init, trans).filtered
    np.testing.assert_allclose(course.filtered(), filtered, atol=1e-9)
    ahead = np.concatenate([init[None], filtered[:-1] @ trans])
    ahead[begins] = init
    np.testing.assert_allclose(course.predicted(), ahead, atol=1e-9)
    states, log_joint = course.best()
    told, told_joint = hmm.viterbi(log_emit, lengths, init, trans)
    np.testing.assert_array_equal(states, told)
    np.testing.assert_allclose(log_joint, told_joint, rtol=1e-9)
    monkeypatch.setattr("emkit.hmm.course._KEPT", 0)  # worked out again on the way back
    again = Course(lengths, weights, 3, emissions, into)
    moves[:] = 0.0
    again.expected(collect)
    np.testing.assert_allclose(moves, plain.moves, atol=1e-9)


def test_an_impossible_sequence_is_named_and_leaves_the_others_alone():
    lengths = np.array([3, 4, 2])
    log_emit = np.zeros((9, 2))
    log_emit[5] = -np.inf
    course = Course(lengths, None, 2, lambda rows: log_emit[rows], lambda rows: np.full((9, 2, 2), np.log(0.5)))
    each, bad = course.loglik()
    assert (bad.sequence, bad.step) == (1, 2)
    np.testing.assert_allclose(each, [0, -np.inf, 0], atol=1e-12)
    np.testing.assert_array_equal(course.smoothed().sum(axis=1).round(9), [1, 1, 1, 0, 0, 0, 0, 1, 1])


def test_drawn_paths_have_the_smoothed_marginals():
    log_emit, log_into, _, rng = _run(30, 2, seed=8)
    course = Course(np.array([30]), None, 2, lambda rows: log_emit[rows], lambda rows: log_into[rows])
    share = course.drawn(rng, 3000).mean(axis=0)
    np.testing.assert_allclose(share, course.smoothed()[:, 1], atol=0.04)
