"""The compiled recursions against their twin in logarithms, and against what no twin is needed for."""

import numpy as np
import pytest

from emkit.kernels import hmm as kernel
from emkit.kernels import moments
from emkit.kernels.twins import hmm as twin
from emkit.kernels.twins import moments as moments_twin

STATES = (1, 2, 3, 4, 5, 8, 9, 16, 17, 33)


def _chain(k, seed=0, zeros=False):
    rng = np.random.default_rng(seed)
    trans = rng.dirichlet(np.ones(k), k)
    if zeros:
        trans = np.triu(trans) * (rng.random((k, k)) < 0.8) + 0.1 * np.eye(k)
        trans /= trans.sum(axis=1, keepdims=True)
    return rng.dirichlet(np.ones(k)), trans, rng


def _compare(given, told, n_fields):
    for i, (a, b) in enumerate(zip(given[:n_fields], told[:n_fields], strict=True)):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=f"field {i}")


@pytest.mark.parametrize("k", STATES)
@pytest.mark.parametrize(("scale", "zeros"), [(1.0, False), (3.0, True), (100.0, False), (1000.0, True)])
def test_smoothing_agrees_with_the_twin(k, scale, zeros):
    init, trans, rng = _chain(k, zeros=zeros)
    lengths = np.array([5, 0, 1, 70, 130])
    log_emit = rng.normal(size=(206, k)) * scale
    weights = np.array([1.0, 2.0, 0.5, 0.0, 3.0])
    for w in (None, weights):
        done = kernel.smooth(log_emit, lengths, w, init, trans)
        _compare(done, twin.hmm_smooth(log_emit, lengths, w, init, trans, None, None), 4)
        assert done.bad_sequence == -1


@pytest.mark.parametrize("k", STATES)
@pytest.mark.parametrize("zeros", [False, True])
def test_filter_paths_and_draws_agree_with_the_twin(k, zeros):
    init, trans, rng = _chain(k, seed=1, zeros=zeros)
    lengths = np.array([5, 0, 1, 70, 130])
    log_emit = rng.normal(size=(206, k)) * 2
    done = kernel.filter_states(log_emit, lengths, init, trans)
    _compare(done, twin.hmm_filter(log_emit, lengths, init, trans, None, True), 3)
    states, log_joint = kernel.viterbi(log_emit, lengths, init, trans)
    told, told_joint = twin.hmm_viterbi(log_emit, lengths, init, trans)
    np.testing.assert_array_equal(states, told)
    np.testing.assert_allclose(log_joint, told_joint, rtol=1e-12)
    uniforms = rng.random(206)
    drawn = kernel.draw_paths(done.filtered, lengths, trans, uniforms)
    np.testing.assert_array_equal(drawn, twin.hmm_draw(done.filtered, lengths, trans, uniforms))


@pytest.mark.parametrize("k", [2, 4, 9])
@pytest.mark.parametrize("zeros", [False, True])
def test_chunks_give_what_the_whole_gives(k, zeros):
    init, trans, rng = _chain(k, seed=2, zeros=zeros)
    log_emit = rng.normal(size=(200, k))
    whole = kernel.smooth(log_emit, np.array([200]), None, init, trans)
    cut = (slice(0, 90), slice(90, 200))
    entry = kernel.filter_states(log_emit[cut[0]], np.array([90]), init, trans, keep=False).last
    late = kernel.smooth(log_emit[cut[1]], np.array([110]), None, init, trans, entry)
    early = kernel.smooth(log_emit[cut[0]], np.array([90]), None, init, trans, None, late.carry)
    np.testing.assert_allclose(np.concatenate([early.resp, late.resp]), whole.resp, atol=1e-12)
    np.testing.assert_allclose(early.moves + late.moves, whole.moves, atol=1e-10)
    np.testing.assert_allclose(early.first, whole.first, atol=1e-12)
    assert early.loglik[0] + late.loglik[0] == pytest.approx(whole.loglik[0], rel=1e-13)


@pytest.mark.parametrize("k", range(2, 9))
@pytest.mark.parametrize(
    "lengths",
    [[300], [1000, 20, 300], [5, 0, 1, 70, 130, 30, 60, 2] * 4, [20] * 40, [700, 0, 3, 90]],
    ids=["one", "unequal", "mixed", "equal", "long"],
)
def test_streams_of_rows_agree_with_the_twin(k, lengths):
    init, trans, rng = _chain(k, seed=3)
    lengths = np.array(lengths)
    log_emit = rng.normal(size=(lengths.sum(), k)) * 20
    log_emit[7, : k - 1] = -np.inf
    for w in (None, rng.integers(0, 3, len(lengths)).astype(float)):
        done = kernel.smooth(log_emit, lengths, w, init, trans)
        _compare(done, twin.hmm_smooth(log_emit, lengths, w, init, trans, None, None), 4)


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 7, 8])
def test_spans_give_what_the_whole_gives(k):
    init, trans, rng = _chain(k, seed=4)
    if not kernel.can_spread(trans):
        pytest.skip("too many states for vectors of this width")
    log_emit = rng.normal(size=(500, k)) * 5
    told = twin.hmm_smooth(log_emit, np.array([500]), np.array([2.0]), init, trans, None, None)
    cuts = (slice(0, 130), slice(130, 301), slice(301, 500))
    spans = [kernel.spread(log_emit[cut], init if i == 0 else None, trans) for i, cut in enumerate(cuts)]
    for span, (cut, i) in zip(spans, ((cut, i) for i, cut in enumerate(cuts)), strict=True):
        own = twin.hmm_spread(log_emit[cut], init if i == 0 else None, trans)[4]
        np.testing.assert_allclose(span.whole / span.whole.sum(), own / own.sum(), rtol=1e-9, atol=1e-12)
    entries = [None, spans[0].whole[0], spans[0].whole[0] @ spans[1].whole]
    entries = [None if entry is None else entry / entry.sum() for entry in entries]
    leaves = [spans[1].whole @ spans[2].whole.sum(axis=1), spans[2].whole.sum(axis=1), None]
    done = [
        kernel.smooth_span(span, 2.0, init if i == 0 else None, trans, entries[i], leaves[i])
        for i, span in enumerate(spans)
    ]
    assert sum(part.loglik[0] for part in done) == pytest.approx(told[0][0], rel=1e-13)
    np.testing.assert_allclose(done[0].first, told[1], atol=1e-10)
    np.testing.assert_allclose(sum(part.moves for part in done), told[2], atol=1e-8)
    np.testing.assert_allclose(np.concatenate([part.resp for part in done]), told[3], atol=1e-10)


def test_a_span_with_an_impossible_row_says_so():
    init, trans, rng = _chain(3)
    log_emit = rng.normal(size=(400, 3))
    assert kernel.spread(log_emit, init, trans).is_found
    log_emit[399] = -np.inf
    assert not kernel.spread(log_emit, init, trans).is_found
    done = kernel.smooth(log_emit, np.array([400]), None, init, trans)
    assert (done.bad_sequence, done.bad_step) == (0, 399)


def test_transitions_with_zeros_are_not_spread():
    assert not kernel.can_spread(np.array([[0.5, 0.5], [0.0, 1.0]]))
    assert not kernel.can_spread(np.full((40, 40), 1 / 40))
    assert kernel.can_spread(np.full((2, 2), 0.5))


def test_mass_that_scaling_would_lose_is_found():
    # State 0 falls behind by e^-2000 and cannot be entered again; then only it explains the rows.
    trans = np.array([[0.9, 0.1], [0.0, 1.0]])
    log_emit = np.zeros((60, 2))
    log_emit[:30, 0], log_emit[30:, 1] = -70.0, -300.0
    init, lengths = np.array([0.5, 0.5]), np.array([60])
    done = kernel.smooth(log_emit, lengths, None, init, trans)
    _compare(done, twin.hmm_smooth(log_emit, lengths, None, init, trans, None, None), 4)
    filtered = kernel.filter_states(log_emit, lengths, init, trans)
    assert filtered.loglik[0] == pytest.approx(done.loglik[0], rel=1e-14)
    assert done.resp[0, 0] == pytest.approx(1.0)


def test_emissions_of_a_million_nats_below_one():
    init, trans, rng = _chain(3, zeros=True)
    log_emit = -1e6 * rng.random((500, 3))
    done = kernel.smooth(log_emit, np.array([500]), None, init, trans)
    told = twin.hmm_smooth(log_emit, np.array([500]), None, init, trans, None, None)
    assert done.loglik[0] == pytest.approx(told[0][0], rel=1e-12)
    np.testing.assert_allclose(done.resp.sum(axis=1), 1.0, atol=1e-6)


def test_the_log_likelihood_of_a_long_sequence_keeps_its_digits():
    log_emit = np.log(np.full((1_000_000, 2), 0.3))
    init, trans = np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.2, 0.8]])
    done = kernel.filter_states(log_emit, np.array([1_000_000]), init, trans, keep=False)
    assert done.loglik[0] == pytest.approx(1_000_000 * np.log(0.3), rel=1e-15)


def test_an_impossible_row_is_named():
    log_emit = np.zeros((6, 2))
    log_emit[4, 1] = -np.inf
    trans = np.array([[0.5, 0.5], [0.0, 1.0]])
    init = np.array([0.0, 1.0])
    for run in (
        kernel.smooth(log_emit, np.array([2, 4]), None, init, trans),
        kernel.filter_states(log_emit, np.array([2, 4]), init, trans),
    ):
        assert (run.bad_sequence, run.bad_step) == (1, 2)
        assert run.loglik[0] == 0.0
        assert run.loglik[1] == -np.inf
    assert kernel.viterbi(log_emit, np.array([2, 4]), init, trans)[1][1] == -np.inf


def test_structural_zeros_get_no_counts():
    init, trans, rng = _chain(6, zeros=True)
    done = kernel.smooth(rng.normal(size=(100, 6)), np.array([100]), None, init, trans)
    assert (done.moves[trans == 0] == 0).all()
    assert done.moves.sum() == pytest.approx(99)


def test_shapes_that_disagree_are_refused():
    init, trans, _ = _chain(2)
    with pytest.raises(ValueError, match="adding up to n"):
        kernel.smooth(np.zeros((5, 2)), np.array([4]), None, init, trans)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_given_moments_agree_with_the_twin(k, is_full, dtype):
    rng = np.random.default_rng(3)
    X, resp, mean = rng.normal(size=(50, 3)).astype(dtype), rng.dirichlet(np.ones(k), 50), rng.normal(size=(k, 3))
    done = moments.given_moments(X, resp, mean, is_full=is_full)
    _compare(done, moments_twin.given_moments(X, resp, mean, is_full), 3)


@pytest.mark.parametrize("is_full", [True, False])
def test_rows_without_an_observed_column_have_a_count_alone(is_full):
    done = moments.given_moments(np.ones((3, 0)), np.full((3, 2), 0.5), np.zeros((2, 0)), is_full=is_full)
    assert done[0].tolist() == [1.5, 1.5]
    assert [part.shape for part in done[1:]] == [(2, 0), (2, 0, 0) if is_full else (2, 0)]


def test_sums_by_code_agree_with_the_twin():
    rng = np.random.default_rng(4)
    for k in (1, 3, 8, 11):
        codes, resp = rng.integers(0, 5, 40).astype(np.int32), rng.random((40, k))
        np.testing.assert_allclose(
            moments.sum_by_code(codes, resp, 6), moments_twin.sum_by_code(codes, resp, 6), rtol=1e-13
        )
    with pytest.raises(ValueError, match="from 0 to m - 1"):
        moments.sum_by_code(np.array([6], dtype=np.int32), np.ones((1, 2)), 6)


@pytest.mark.parametrize("s", [0, 1, 2, 3, 4, 6])
def test_sums_of_products_agree_with_the_twin(s):
    rng = np.random.default_rng(5)
    for n in (0, 3, 600):
        features, shares = rng.normal(size=(4, n)), rng.random((s, n))
        left, right = np.array([0, 1, 3, 2], dtype=np.int32), np.array([0, 2, 1, 2], dtype=np.int32)
        done = moments.sum_products(features, shares, left, right)
        np.testing.assert_allclose(
            done, moments_twin.sum_products(features, shares, left, right), rtol=1e-11, atol=1e-11
        )
    with pytest.raises(ValueError, match="entries below q"):
        moments.sum_products(features, shares, left, right + 4)
