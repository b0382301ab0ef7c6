"""The k-means kernels against their twins, and against what they promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from emkit.kernels import is_compiled
from emkit.kernels import kmeans as kernel
from emkit.kernels.twins import kmeans as twin

SHAPES = [(1, 1, 1), (3, 1, 2), (65, 2, 3), (200, 3, 7), (130, 5, 4), (300, 8, 20), (257, 9, 11), (500, 33, 40)]


def _rows(n, d, k, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(k, d)) * 3
    X = centers[rng.integers(k, size=n)] + rng.normal(size=(n, d))
    return np.ascontiguousarray(X, dtype=dtype), rng


def _unmoved(k):
    return kernel.Bounds(np.zeros(k), np.zeros(k), np.zeros(k))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_assign_is_its_twin(n, d, k, is_weighted, dtype):
    X, rng = _rows(n, d, k, dtype=dtype)
    weights = rng.integers(0, 3, n).astype(float) if is_weighted else None
    centers = rng.normal(size=(k, d)) * 3
    done, expected = kernel.assign(X, weights, centers), twin.kmeans_assign(X, weights, centers)
    np.testing.assert_array_equal(done.labels, expected[3])
    np.testing.assert_allclose(done.squared, expected[4], rtol=1e-12)
    np.testing.assert_allclose(done.inertia, expected[0], rtol=1e-12)
    np.testing.assert_array_equal(done.count, expected[1])
    np.testing.assert_allclose(done.first, expected[2], rtol=1e-9, atol=1e-9)


def test_assign_of_no_rows():
    done = kernel.assign(np.empty((0, 3)), None, np.ones((2, 3)))
    assert done.inertia == 0.0
    assert done.labels.shape == (0,)
    assert not done.count.any()


def _exactly_nearest(X, centers):
    return ((X[:, None, :] - centers[None]) ** 2).sum(axis=2).argmin(axis=1)


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize(("offset", "spread"), [(1e8, 1e-3), (-1e12, 1.0), (0.0, 1e-150), (0.0, 1e100), (1.0, 1e-12)])
def test_labels_are_exact_at_any_offset_and_scale(d, offset, spread):
    X, rng = _rows(400, d, 6)
    X = offset + spread * X
    centers = np.ascontiguousarray(X[rng.choice(400, 6, replace=False)])
    np.testing.assert_array_equal(kernel.assign(X, None, centers).labels, _exactly_nearest(X, centers))


def test_labels_are_exact_where_one_centre_is_far_away():
    X, _rng = _rows(2000, 2, 5)
    centers = np.concatenate([X[:5], [[1e9, -1e9]]])
    X[7] = [1e9, 1e9]
    np.testing.assert_array_equal(kernel.assign(X, None, centers).labels, _exactly_nearest(X, centers))


def test_labels_are_exact_where_features_differ_by_24_orders():
    X, _rng = _rows(300, 3, 4)
    X *= [1e-12, 1.0, 1e12]
    centers = np.ascontiguousarray(X[:4])
    np.testing.assert_array_equal(kernel.assign(X, None, centers).labels, _exactly_nearest(X, centers))


def test_ties_go_to_the_first_centre():
    X = np.repeat([[0.0, 0.0], [1.0, 0.0]], 100, axis=0)
    centers = np.array([[-1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(kernel.assign(X, None, centers).labels, np.repeat([0, 1], 100))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1.0, 2.0**-20, 2.0**20]),
)
def test_labels_are_exact_on_integers_full_of_ties(n, d, k, seed, unit):
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (n, d)) * unit
    centers = rng.integers(-2, 3, (k, d)) * unit
    expected = _exactly_nearest(np.rint(X / unit), np.rint(centers / unit))
    np.testing.assert_array_equal(kernel.assign(X, None, centers).labels, expected)


@pytest.mark.parametrize("is_bounded", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "k"), SHAPES[2:])
def test_bounded_passes_are_plain_assignments(n, d, k, is_weighted, is_bounded):
    """Centres wander; after every pass labels, counts, sums and the fall of the inertia are those of a plain one."""
    X, rng = _rows(n, d, k)
    weights = rng.integers(0, 3, n).astype(float) if is_weighted else None
    centers = np.ascontiguousarray(X[rng.choice(n, k, replace=False)])
    labels = np.zeros(n, dtype=np.int32)
    upper, lower = np.full(n, np.inf, np.float32), np.full(n, -np.inf, np.float32)
    w = np.ones(n) if weights is None else weights
    count = np.bincount(labels, w, k)
    reference = centers.copy()
    first = np.zeros((k, d))
    first[0] = w @ (X - reference[0])
    own, other = np.zeros(k), np.zeros(k)
    for step in range(12):
        bounds = kernel.Bounds(kernel.half_gaps(centers), own, other)
        before = (w * ((X - centers[labels]) ** 2).sum(axis=1)).sum()
        change = kernel.bounded_pass(
            X, weights, centers, reference, bounds, labels, *((upper, lower) if is_bounded else (None, None))
        )
        plain = kernel.assign(X, weights, centers)
        np.testing.assert_array_equal(labels, plain.labels)
        count, first = count + change.count, first + change.first
        np.testing.assert_allclose(count, plain.count, atol=1e-9)
        about = first + count[:, None] * (reference - centers)
        np.testing.assert_allclose(about, plain.first, atol=1e-8)
        assert before - change.gain == pytest.approx(plain.inertia, rel=1e-10)
        shift = rng.normal(size=(k, d)) * 0.5**step
        centers = centers + shift
        way = np.sqrt((shift**2).sum(axis=1))
        own = own + way
        other = other + np.array([np.delete(way, j).max(initial=0.0) for j in range(k)])


def test_rows_that_stay_are_not_read():
    X, _rng = _rows(128, 2, 3)
    centers = np.ascontiguousarray(X[:3])
    labels = kernel.assign(X, None, centers).labels
    upper, lower = np.full(128, np.inf, np.float32), np.full(128, -np.inf, np.float32)
    kernel.bounded_pass(X, None, centers, centers, _unmoved(3), labels, upper, lower)
    spoiled = np.full_like(X, np.nan)
    change = kernel.bounded_pass(spoiled, None, centers, centers, _unmoved(3), labels.copy(), upper, lower)
    if is_compiled():  # the twin looks at every row
        assert change.n_moved == 0


def test_the_twin_of_a_pass_is_a_plain_assignment():
    X, _rng = _rows(80, 3, 4)
    centers = np.ascontiguousarray(X[:4])
    labels, again = np.zeros(80, dtype=np.int32), np.zeros(80, dtype=np.int32)
    change = kernel.bounded_pass(X, None, centers, centers, _unmoved(4), labels, None, None)
    gain, n_moved, count, first = twin.kmeans_pass(
        X, None, centers, centers, *_unmoved(4), labels=again, upper=None, lower=None
    )
    np.testing.assert_array_equal(labels, again)
    assert change.n_moved == n_moved
    assert change.gain == pytest.approx(gain)
    np.testing.assert_allclose(change.count, count)
    np.testing.assert_allclose(change.first, first, atol=1e-9)


def test_half_gaps():
    centers = np.array([[0.0, 0.0], [0.0, 2.0], [6.0, 0.0]])
    np.testing.assert_allclose(kernel.half_gaps(centers), [1.0, 1.0, 3.0])
    np.testing.assert_allclose(twin.kmeans_half_gaps(centers), [1.0, 1.0, 3.0])
    assert kernel.half_gaps(centers[:1]) == [np.inf]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (200, 2, 5), (150, 7, 12)])
def test_seeds_are_those_of_the_twin(n, d, k, is_weighted, dtype):
    X, rng = _rows(n, d, k, dtype=dtype)
    weights = rng.random(n) if is_weighted else None
    uniforms = rng.random(1 + (k - 1) * 3)
    rows = kernel.seed_rows(X, weights, k, 3, uniforms)
    np.testing.assert_array_equal(rows, twin.kmeans_seed(X, weights, k, 3, uniforms))
    assert len(set(rows.tolist())) == k


def test_seeds_end_where_distinct_rows_do():
    X = np.repeat([[0.0], [1.0], [5.0]], 10, axis=0)
    rows = kernel.seed_rows(X, None, 6, 2, np.random.default_rng(0).random(11))
    assert sorted(X[rows, 0]) == [0.0, 1.0, 5.0]


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-53])
def test_rows_without_weight_are_no_seeds(uniform):
    X = np.arange(10.0)[:, None]
    weights = np.zeros(10)
    weights[[3, 6]] = 1.0
    rows = kernel.seed_rows(X, weights, 5, 2, np.full(9, uniform))
    assert sorted(rows.tolist()) == [3, 6]


@pytest.mark.parametrize("is_weighted", [False, True])
def test_improve_ends_where_no_single_move_helps(is_weighted):
    X, rng = _rows(60, 2, 4)
    weights = rng.integers(1, 4, 60).astype(float) if is_weighted else None
    run = kernel.improve(X, weights, np.ascontiguousarray(X[:4]), 100, np.empty((0, 2)))
    w = np.ones(60) if weights is None else weights

    def inertia(labels):
        means = [np.average(X[labels == j], axis=0, weights=w[labels == j]) for j in range(4)]
        return sum(float(w[labels == j] @ ((X[labels == j] - means[j]) ** 2).sum(axis=1)) for j in range(4))

    assert run.inertia == pytest.approx(inertia(run.labels), rel=1e-12)
    for row, to in itertools.product(range(60), range(4)):
        moved = run.labels.copy()
        moved[row] = to
        if np.count_nonzero(run.labels == run.labels[row]) > 1:
            assert inertia(moved) >= run.inertia * (1 - 1e-9)


def test_improve_reaches_the_inertia_of_its_twin():
    X, rng = _rows(90, 3, 5)
    centers, uniforms = np.ascontiguousarray(X[:5]), rng.random((20, 2))
    run, expected = (
        kernel.improve(X, None, centers, 100, uniforms),
        twin.kmeans_improve(X, None, centers, 100, uniforms),
    )
    assert run.inertia == pytest.approx(expected[2], rel=1e-9)


def test_swaps_never_raise_the_inertia_and_find_a_missed_cluster():
    rng = np.random.default_rng(3)
    X = np.repeat([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]], 30, axis=0) + rng.normal(size=(120, 2)) * 0.1
    bad = np.array([[0.0, 0.05], [0.0, -0.05], [5.0, 5.0], [5.0, 5.1]])
    plain = kernel.improve(X, None, bad, 100, np.empty((0, 2)))
    swapped = kernel.improve(X, None, bad, 100, rng.random((50, 2)))
    assert swapped.inertia <= plain.inertia
    assert swapped.inertia < 5.0


def test_improve_fills_empty_clusters():
    X, _rng = _rows(50, 2, 3)
    run = kernel.improve(X, None, np.array([[0.0, 0.0], [1e6, 1e6], [1e6, 1e6]]), 100, np.empty((0, 2)))
    assert np.bincount(run.labels, minlength=3).all()


def _best_runs(x, w, k):
    """Return the least inertia of k runs of sorted numbers by looking at all of them."""

    def cost(a, b):
        return float(w[a:b] @ (x[a:b] - np.average(x[a:b], weights=w[a:b])) ** 2)

    ways = itertools.combinations(range(1, len(x)), k - 1)
    return min(sum(cost(a, b) for a, b in itertools.pairwise((0, *way, len(x)))) for way in ways)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("code", ["compiled", "twin"])
def test_line_is_the_best_of_all_partitions(k, code):
    rng = np.random.default_rng(k)
    x, w = np.sort(rng.normal(size=11)) + 1e6, rng.random(11) + 0.1
    starts = (kernel.line_runs if code == "compiled" else twin.kmeans_line)(x, w, k)
    edges = [*starts.tolist(), 11]
    found = sum(
        float(w[a:b] @ (x[a:b] - np.average(x[a:b], weights=w[a:b])) ** 2) for a, b in itertools.pairwise(edges)
    )
    assert found == pytest.approx(_best_runs(x, w, k), rel=1e-9)


def test_line_takes_as_many_runs_as_numbers():
    np.testing.assert_array_equal(kernel.line_runs(np.arange(4.0), np.ones(4), 4), [0, 1, 2, 3])


needs_compiled = pytest.mark.skipif(not is_compiled(), reason="the twins take what NumPy takes")


@needs_compiled
def test_shapes_that_do_not_fit_are_refused():
    X = np.zeros((5, 2))
    with pytest.raises(ValueError, match="one entry per row"):
        kernel.assign(X, np.ones(4), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="columns of X"):
        kernel.assign(X, None, np.zeros((2, 3)))
    with pytest.raises(ValueError, match="differ"):
        kernel.bounded_pass(X, None, X[:2], X[:2], _unmoved(3), np.zeros(5, dtype=np.int32), None, None)
    with pytest.raises(ValueError, match="uniforms"):
        kernel.seed_rows(X, None, 3, 2, np.zeros(2))
    with pytest.raises(ValueError, match="between 1"):
        kernel.line_runs(np.arange(3.0), np.ones(3), 4)


@needs_compiled
def test_arrays_of_another_type_are_refused():
    with pytest.raises(TypeError):
        kernel.assign(np.zeros((5, 2), dtype=np.int64), None, np.zeros((2, 2)))
    with pytest.raises(TypeError):
        kernel.assign(np.zeros((5, 4))[:, ::2], None, np.zeros((2, 2)))


def test_seeds_are_drawn_by_squared_distance():
    X = np.array([[0.0], [1.0], [3.0]])
    uniforms = (np.arange(4000) + 0.5) / 4000
    second = [int(kernel.seed_rows(X, None, 2, 1, np.array([0.1, u]))[1]) for u in uniforms]
    assert np.bincount(second, minlength=3).tolist() == [0, 400, 3600]


def test_swaps_reach_the_proven_optimum_of_iris_from_one_spot(iris):
    bad = np.repeat(iris[:1], 8, axis=0) + 1e-3 * np.arange(8)[:, None]
    plain = kernel.improve(iris, None, bad, 100, np.empty((0, 2)))
    swapped = kernel.improve(iris, None, bad, 100, np.random.default_rng(0).random((250, 2)))
    assert swapped.inertia == pytest.approx(29.988943950786, rel=1e-9)
    assert plain.inertia > 1.01 * swapped.inertia
    square = cdist(iris, swapped.centers, "sqeuclidean").min(axis=1)
    assert swapped.inertia == pytest.approx(square.sum(), rel=1e-12)


def test_runs_end_on_duplicates():
    X = np.repeat([[0.0, 0.0], [5.0, 5.0]], 40, axis=0)
    run = kernel.improve(X, None, np.array([[0.0, 0.0], [99.0, 99.0], [98.0, 98.0]]), 100, np.full((5, 2), 0.3))
    assert run.inertia == 0
    assert {tuple(center) for center in run.centers[np.unique(run.labels)]} == {(0.0, 0.0), (5.0, 5.0)}
