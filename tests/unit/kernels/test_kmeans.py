"""The k-means kernels against their twins, against plain loops, and at the edges of the numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from emkit.kernels import is_compiled, kmeans
from emkit.kernels.twins import kmeans as twin

needs_native = pytest.mark.skipif(not is_compiled(), reason="the compiled kernels are not in use")
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])
FEATURES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 33]


def clusters(n, d, k, dtype=np.float64, seed=0):
    """Give rows about k centres, and centres to start from."""
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 2, (k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d))
    return X.astype(dtype), X[rng.choice(n, k, replace=False)] + 0.1


def assert_assigned(done, X, weights, centers):
    """Check an assignment by all distances in double precision."""
    square = cdist(X.astype(np.float64), centers, "sqeuclidean")
    w = np.ones(len(X)) if weights is None else weights
    labels = square.argmin(axis=1)
    member = np.eye(len(centers))[labels] * w[:, None]
    np.testing.assert_array_equal(done.labels, labels)
    np.testing.assert_allclose(done.squared, square.min(axis=1), rtol=1e-12)
    np.testing.assert_allclose(done.inertia, w @ square.min(axis=1), rtol=1e-12)
    np.testing.assert_allclose(done.count, member.sum(axis=0), rtol=1e-12)
    first = member.T @ X - member.sum(axis=0)[:, None] * centers
    np.testing.assert_allclose(done.first, first, atol=1e-12 * (np.abs(X).max() + np.abs(centers).max()) * w.sum())


@DTYPES
@pytest.mark.parametrize("d", FEATURES)
@pytest.mark.parametrize("k", [1, 2, 5, 21])
def test_assign_equals_all_distances(d, k, dtype):
    X, centers = clusters(333, d, k, dtype)
    weights = np.random.default_rng(1).integers(0, 3, 333).astype(float)
    for w in (None, weights):
        assert_assigned(kmeans.assign(X, w, centers), X, w, centers)


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e12])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e150])
def test_assign_loses_nothing_to_offset_and_unit(offset, scale):
    X, centers = clusters(500, 3, 6)
    X, centers = X * scale + offset, centers * scale + offset
    square = ((X[:, None, :] - centers) ** 2).sum(axis=2)
    done = kmeans.assign(X, None, centers)
    np.testing.assert_array_equal(done.labels, square.argmin(axis=1))
    assert done.inertia == pytest.approx(square.min(axis=1).sum(), rel=1e-12)


def test_assign_gives_ties_to_the_first_centre():
    centers = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
    done = kmeans.assign(np.array([[0.0, 5.0], [1.0, 0.0], [-3.0, 0.0]]), None, centers)
    assert done.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("d", [2, 9])
def test_assign_of_rows_far_from_all_centres(d):
    centers = np.random.default_rng(0).normal(size=(5, d))
    X = np.random.default_rng(1).normal(size=(70, d)) * np.logspace(0, 150, 70)[:, None]
    np.testing.assert_array_equal(
        kmeans.assign(X, None, centers).labels, ((X[:, None, :] - centers) ** 2).sum(axis=2).argmin(axis=1)
    )


def test_assign_of_no_rows():
    done = kmeans.assign(np.empty((0, 2)), None, np.zeros((3, 2)))
    assert done.inertia == 0
    assert done.count.tolist() == [0, 0, 0]
    assert done.labels.shape == (0,)


@needs_native
def test_arrays_of_another_kind_are_an_error():
    with pytest.raises(TypeError):
        kmeans.assign(np.zeros((2, 2), dtype=int), None, np.zeros((1, 2)))
    with pytest.raises(TypeError):
        kmeans.assign(np.zeros((2, 4))[:, ::2], None, np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"columns of X"):
        kmeans.assign(np.zeros((2, 2)), None, np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"one entry per row"):
        kmeans.assign(np.zeros((2, 2)), np.ones(3), np.zeros((1, 2)))


def ways(before, after, own, other):
    """Return the ways of the centres with those of others, one move further."""
    way = np.sqrt(((after - before) ** 2).sum(axis=1)) * (1 + 1e-12)
    far = np.array([np.delete(way, j).max(initial=0.0) for j in range(len(way))])
    return own + way, other + far


@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.sampled_from([1, 2, 5, 9]),
    k=st.integers(1, 9),
    has_bounds=st.booleans(),
    is_single=st.booleans(),
    size=st.sampled_from([1.0, 1e-3, 1e-6]),
)
@settings(max_examples=60, deadline=None)
def test_bounded_passes_find_the_labels_of_all_distances(seed, d, k, has_bounds, is_single, size):
    rng = np.random.default_rng(seed)
    X, centers = clusters(200, d, k, np.float32 if is_single else np.float64, seed)
    weights = rng.integers(0, 3, 200).astype(float)
    first = kmeans.assign(X, weights, centers)
    labels, reference = first.labels.copy(), centers
    upper = np.full(200, np.inf, dtype=np.float32) if has_bounds else None
    lower = np.full(200, -np.inf, dtype=np.float32) if has_bounds else None
    count, sums, own, other = first.count, first.first, np.zeros(k), np.zeros(k)
    for _ in range(6):
        moved = centers + size * rng.normal(size=centers.shape) * (rng.random(k) < 0.7)[:, None]
        own, other = ways(centers, moved, own, other)
        bounds = kmeans.Bounds(kmeans.half_gaps(moved), own, other)
        old = labels.copy()
        change = kmeans.bounded_pass(X, weights, moved, reference, bounds, labels, upper, lower)
        plain = kmeans.assign(X, weights, moved)
        np.testing.assert_array_equal(labels, plain.labels)
        assert change.n_moved == (old != labels).sum()
        square = ((X - moved[old]) ** 2).sum(axis=1)
        assert change.gain == pytest.approx(weights @ square - plain.inertia, rel=1e-5, abs=1e-9 * plain.inertia)
        count, sums, centers = count + change.count, sums + change.first, moved
        np.testing.assert_allclose(count, plain.count, atol=1e-9)
        about_reference = plain.first + plain.count[:, None] * (moved - reference)
        np.testing.assert_allclose(sums, about_reference, atol=1e-4 if is_single else 1e-9)


@needs_native
@DTYPES
def test_a_pass_equals_its_twin(dtype):
    X, centers = clusters(500, 3, 6, dtype)
    before = kmeans.assign(X, None, centers + 0.3).labels
    bounds = kmeans.Bounds(kmeans.half_gaps(centers), np.zeros(6), np.zeros(6))
    ours, theirs = before.copy(), before.copy()
    mine = kmeans.bounded_pass(X, None, centers, centers, bounds, ours, None, None)
    plain = twin.kmeans_pass(X, None, centers, centers, *bounds, theirs, None, None)
    np.testing.assert_array_equal(ours, theirs)
    assert mine.n_moved == plain[1] > 0
    np.testing.assert_allclose(mine.gain, plain[0], rtol=1e-6)
    np.testing.assert_array_equal(mine.count, plain[2])
    np.testing.assert_allclose(mine.first, plain[3], atol=1e-4)


def test_a_pass_at_the_nearest_centres_changes_nothing_and_reads_nothing():
    X, centers = clusters(640, 2, 4)
    done = kmeans.assign(X, None, centers)
    labels = done.labels.copy()
    upper, lower = np.zeros(640, dtype=np.float32), np.full(640, np.inf, dtype=np.float32)
    bounds = kmeans.Bounds(kmeans.half_gaps(centers), np.zeros(4), np.zeros(4))
    change = kmeans.bounded_pass(np.full_like(X, np.nan), None, centers, centers, bounds, labels, upper, lower)
    if is_compiled():
        assert (change.n_moved, change.gain) == (0, 0.0)
        np.testing.assert_array_equal(labels, done.labels)


def test_half_gaps():
    centers = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    np.testing.assert_allclose(kmeans.half_gaps(centers), [0.5, math.sqrt(18) / 2, 0.5])
    assert kmeans.half_gaps(centers[:1]).tolist() == [math.inf]


@needs_native
@DTYPES
@pytest.mark.parametrize("d", [1, 2, 5, 17])
def test_seeds_equal_the_twin(d, dtype):
    X, _ = clusters(301, d, 7, dtype)
    rng = np.random.default_rng(3)
    for weights in (None, rng.integers(0, 3, 301).astype(float)):
        uniforms = rng.random(1 + 6 * 4)
        ours = kmeans.seed_rows(X, weights, 7, 4, uniforms)
        np.testing.assert_array_equal(ours, twin.kmeans_seed(X, weights, 7, 4, uniforms))


def test_seeds_are_distinct_rows_of_positive_weight():
    X = np.repeat(np.arange(4.0), 30)[:, None] + 1e8
    weights = np.where(X[:, 0] == 1e8 + 3, 0.0, 1.0)
    for seed in range(20):
        rows = kmeans.seed_rows(X, weights, 6, 3, np.random.default_rng(seed).random(16))
        assert sorted(X[rows, 0] - 1e8) == [0, 1, 2]
    assert kmeans.seed_rows(X, None, 2, 1, np.array([1 - 2**-53, 1 - 2**-53])).shape == (2,)


def test_seeds_are_drawn_by_squared_distance():
    X = np.array([[0.0], [1.0], [3.0]])
    uniforms = (np.arange(4000) + 0.5) / 4000
    second = [int(kmeans.seed_rows(X, None, 2, 1, np.array([0.1, u]))[1]) for u in uniforms]
    assert np.bincount(second, minlength=3).tolist() == [0, 400, 3600]


@needs_native
@DTYPES
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [1, 2, 5, 9])
def test_whole_runs_equal_the_twin(d, weighted, dtype):
    X, centers = clusters(90, d, 5, dtype, seed=d)
    rng = np.random.default_rng(5)
    weights = rng.integers(0, 4, 90).astype(float) if weighted else None
    uniforms = rng.random((12, 2))
    ours, theirs = (run(X, weights, centers, 100, uniforms) for run in (kmeans.improve, twin.kmeans_improve))
    np.testing.assert_allclose(ours.centers, theirs[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(ours.labels, theirs[1])
    assert ours.inertia == pytest.approx(theirs[2], rel=1e-9)
    assert ours.n_iter == theirs[3]


def test_a_run_ends_where_no_single_row_wants_to_move(iris):
    run = kmeans.improve(iris, None, iris[[0, 1, 2, 60]].copy(), 100, np.empty((0, 2)))
    square, count = cdist(iris, run.centers, "sqeuclidean"), np.bincount(run.labels)
    own = np.arange(150), run.labels
    leave = square[own] * (count / (count - 1))[run.labels]
    join = square * (count / (count + 1))
    join[own] = np.inf
    assert (join.min(axis=1) >= leave * (1 - 1e-9)).all()
    assert run.inertia == pytest.approx(square.min(axis=1).sum(), rel=1e-12)


def test_swaps_reach_the_optimum_from_a_bad_start(iris):
    bad = np.repeat(iris[:1], 8, axis=0) + 1e-3 * np.arange(8)[:, None]
    plain = kmeans.improve(iris, None, bad, 100, np.empty((0, 2)))
    swapped = kmeans.improve(iris, None, bad, 100, np.random.default_rng(0).random((250, 2)))
    assert swapped.inertia == pytest.approx(29.988943950786, rel=1e-9)
    assert plain.inertia > swapped.inertia * 1.01


def test_a_run_refills_empty_clusters_and_ends_on_duplicates():
    X = np.repeat([[0.0, 0.0], [5.0, 5.0]], 40, axis=0)
    run = kmeans.improve(X, None, np.array([[0.0, 0.0], [99.0, 99.0], [98.0, 98.0]]), 100, np.full((5, 2), 0.3))
    assert run.inertia == 0
    assert {tuple(center) for center in run.centers[np.unique(run.labels)]} == {(0.0, 0.0), (5.0, 5.0)}


def test_no_iterations_leave_the_centres():
    X, centers = clusters(50, 2, 3)
    run = kmeans.improve(X, None, centers, 0, np.empty((0, 2)))
    assert run.n_iter == 0
    assert run.inertia <= kmeans.assign(X, None, centers).inertia


def brute_force(x, weights, k):
    """Return the least inertia over all partitions of rising numbers into runs."""
    table = np.full((k + 1, len(x) + 1), np.inf)
    table[0, 0] = 0
    for end in range(1, len(x) + 1):
        for start in range(end):
            w, y = weights[start:end], x[start:end]
            cost = float(w @ (y - np.average(y, weights=w)) ** 2)
            table[1:, end] = np.minimum(table[1:, end], table[:-1, start] + cost)
    return table[k, len(x)]


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 14), k=st.integers(1, 5), offset=st.sampled_from([0.0, 1e6]))
@settings(max_examples=60, deadline=None)
def test_line_runs_are_optimal(seed, n, k, offset):
    rng = np.random.default_rng(seed)
    k = min(k, n)
    x, weights = np.sort(rng.integers(0, 12, n).astype(float)) + offset, rng.uniform(0.1, 2, n)
    for runs in (kmeans.line_runs, twin.kmeans_line):
        starts = np.unique(np.asarray(runs(x, weights, k)))
        labels = np.searchsorted(starts, np.arange(n), side="right") - 1
        inertia = sum(
            weights[labels == j] @ (x[labels == j] - np.average(x[labels == j], weights=weights[labels == j])) ** 2
            for j in range(len(starts))
        )
        assert inertia == pytest.approx(brute_force(x, weights, k), rel=1e-9, abs=1e-9)


@needs_native
def test_impossible_sizes_are_an_error():
    with pytest.raises(ValueError, match=r"k between 1"):
        kmeans.line_runs(np.zeros(2), np.ones(2), 3)
    with pytest.raises(ValueError, match=r"1 \+ \(k - 1\) trials"):
        kmeans.seed_rows(np.zeros((3, 1)), None, 3, 2, np.zeros(4))
