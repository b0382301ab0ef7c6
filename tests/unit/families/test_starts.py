"""Clusterings to start from: seeds, labels, coresets, and the exact partition of one variable."""

import numpy as np
import pytest

from emkit.families.starts import (
    coreset,
    greedy_kmeans_plus_plus,
    kmeans_centers,
    kmeans_labels,
    line_centers,
    rough_centers,
)


def _inertia(X, centers, weights=None):
    nearest = ((X[:, None, :] - centers[None]) ** 2).sum(axis=2).min(axis=1)
    return float(nearest.sum() if weights is None else weights @ nearest)


def _far_clusters(n=20_000):
    """Give one large cloud, and three clusters of five rows far away."""
    rng = np.random.default_rng(0)
    far = [rng.normal(size=(5, 2)) + center for center in ([900.0, 0.0], [0.0, -700.0], [-800.0, 800.0])]
    return np.concatenate([rng.normal(size=(n, 2)), *far])


def test_seeds_are_rows_and_distinct(iris):
    centers = greedy_kmeans_plus_plus(iris, None, 5, np.random.default_rng(0))
    assert centers.shape == (5, 4)
    assert len(np.unique(centers, axis=0)) == 5
    assert all((iris == center).all(axis=1).any() for center in centers)


def test_fewer_distinct_rows_give_fewer_centres():
    X = np.repeat([[0.0, 1.0], [2.0, 3.0]], 50, axis=0)
    rng = np.random.default_rng(0)
    assert len(greedy_kmeans_plus_plus(X, None, 4, rng)) == 2
    assert len(kmeans_centers(X, None, 4, rng)) == 2
    assert sorted(set(kmeans_labels(X, None, 4, rng))) == [0, 1]


def test_missing_entries_are_filled_for_a_start(iris):
    X = np.where(np.random.default_rng(1).random(iris.shape) < 0.1, np.nan, iris)
    labels = kmeans_labels(X, np.ones(150), 3, np.random.default_rng(0))
    assert labels.shape == (150,)
    assert sorted(set(labels)) == [0, 1, 2]


def test_rows_without_weight_move_no_centre(iris):
    weights = (np.arange(150) % 2).astype(float)
    spoiled = np.where(weights[:, None] > 0, iris, 1e9)
    centers = kmeans_centers(spoiled, weights, 3, np.random.default_rng(0))
    assert np.abs(centers).max() < 10


def test_single_precision_is_taken(iris):
    labels = kmeans_labels(iris.astype(np.float32), None, 2, np.random.default_rng(0))
    np.testing.assert_array_equal(labels, kmeans_labels(iris, None, 2, np.random.default_rng(0)))


@pytest.mark.parametrize("is_weighted", [False, True])
def test_a_coreset_stands_for_all_rows(is_weighted):
    X = _far_clusters()
    weights = np.random.default_rng(1).uniform(0.5, 2, len(X)) if is_weighted else None
    mass = np.ones(len(X)) if weights is None else weights
    squared = ((X - np.average(X, axis=0, weights=mass)) ** 2).sum(axis=1)
    rows, core_mass = coreset(squared, weights, 1000, np.random.default_rng(2))
    assert len(rows) <= 1000
    assert (np.diff(rows) > 0).all()
    assert set(range(len(X) - 15, len(X))) <= set(rows.tolist())  # every far row
    assert core_mass.sum() == pytest.approx(mass.sum(), rel=0.1)
    centers = np.array([[0.0, 0.0], [0.5, 0.5], [900.0, 0.0], [0.0, -700.0], [-800.0, 800.0]])
    assert _inertia(X[rows], centers, core_mass) == pytest.approx(_inertia(X, centers, mass), rel=0.15)


def test_a_coreset_of_equal_rows_and_of_one_row_with_weight():
    rows, mass = coreset(np.zeros(100), None, 10, np.random.default_rng(0))
    assert len(rows) == 10
    assert mass.sum() == pytest.approx(100)
    rows, mass = coreset(np.ones(100), np.eye(100)[7], 10, np.random.default_rng(0))
    assert rows.tolist() == [7]
    assert mass.tolist() == [1.0]


def test_centres_of_many_rows_find_small_far_clusters():
    X = _far_clusters()
    best = _inertia(X, np.array([X[:-15].mean(axis=0), *(X[a : a + 5].mean(axis=0) for a in (-15, -10))])[:, :])
    centers = kmeans_centers(X, None, 4, np.random.default_rng(0))
    assert _inertia(X, centers) < 0.1 * best
    for far in (X[-15:-10], X[-10:-5], X[-5:]):
        assert np.abs(centers - far.mean(axis=0)).sum(axis=1).min() < 1e-6


def test_rough_centres_are_a_finished_lloyd(iris):
    centers = rough_centers(iris, None, 3, np.random.default_rng(0))
    labels = ((iris[:, None, :] - centers[None]) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(centers, [iris[labels == j].mean(axis=0) for j in range(3)], rtol=1e-12)


def test_the_line_is_exact_at_any_offset():
    x = np.array([[0.0], [1.0], [10.0], [11.0], [30.0]])
    np.testing.assert_allclose(line_centers(x + 1e9, None, 3) - 1e9, [[0.5], [10.5], [30.0]])
    np.testing.assert_allclose(line_centers(x, np.array([1.0, 3.0, 1.0, 1.0, 0.0]), 2), [[0.75], [10.5]])


def test_the_line_gives_up_where_it_is_dear_or_rows_are_few():
    assert line_centers(np.arange(3.0)[:, None], None, 4) is None
    assert line_centers(np.arange(200_000.0)[:, None], None, 50) is None
