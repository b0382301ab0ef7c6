"""KMeans: the plain algorithm's answer, scikit-learn's contract, odd data, and what a fit may not depend on."""

import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans as Peer
from sklearn.utils.estimator_checks import parametrize_with_checks

import emkit
from emkit.errors import ConvergenceWarning, DataError, ParameterError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # scikit-learn remarks that the class does not inherit from its own
    checked = parametrize_with_checks([emkit.KMeans(3)])


@pytest.mark.filterwarnings("ignore")
@checked
def test_scikit_learn_checks(estimator, check):
    check(estimator)  # raises AssertionError


def groups(n=3000, d=3, k=6, seed=0, spread=3.0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, spread, (k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d))


def plain_lloyd(X, centers, weights=None):
    """Iterate means and nearest centres until the labels stand still."""
    w, labels = np.ones(len(X)) if weights is None else weights, None
    while True:
        now = cdist(X, centers, "sqeuclidean").argmin(axis=1)
        if labels is not None and (now == labels).all():
            return centers, labels
        labels = now
        centers = np.stack([np.average(X[labels == j], axis=0, weights=w[labels == j]) for j in range(len(centers))])


@pytest.mark.parametrize(("d", "k"), [(1, 3), (2, 5), (2, 40), (8, 20), (17, 9)])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_a_climb_from_given_centres_is_plain_lloyd(d, k, is_weighted):
    X = groups(2000, d, k, spread=1.0)
    weights = np.random.default_rng(1).uniform(0.5, 2, 2000) if is_weighted else None
    init = X[np.random.default_rng(2).choice(2000, k, replace=False)]
    found = emkit.KMeans(k, init=init, tol=0).fit(X, sample_weight=weights)
    centers, labels = plain_lloyd(X, init, weights)
    order = cdist(found.cluster_centers_, centers).argmin(axis=1)  # clusters are in order of their counts
    assert sorted(order) == list(range(k))
    np.testing.assert_allclose(found.cluster_centers_, centers[order], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(order[found.labels_], labels)
    w = np.ones(2000) if weights is None else weights
    assert found.inertia_ == pytest.approx(w @ ((X - centers[labels]) ** 2).sum(axis=1), rel=1e-10)


@pytest.mark.parametrize(("d", "k"), [(2, 5), (8, 30)])  # without bounds, and with them
def test_no_bit_depends_on_threads(d, k):
    X = groups(50_000, d, k, spread=1.0)
    one, two = (emkit.KMeans(k, n_init=2, random_state=0, n_threads=n).fit(X) for n in (1, 2))
    np.testing.assert_array_equal(one.cluster_centers_, two.cluster_centers_)
    np.testing.assert_array_equal(one.labels_, two.labels_)
    assert one.inertia_ == two.inertia_


def test_inertia_is_not_above_that_of_scikit_learn():
    for seed in range(4):
        X = groups(4000, 4, 12, seed)
        ours, theirs = emkit.KMeans(12, random_state=0).fit(X), Peer(12, n_init=8, random_state=0).fit(X)
        assert ours.inertia_ <= theirs.inertia_ * (1 + 1e-6)


@pytest.mark.parametrize("offset", [1e8, -1e8])
def test_an_offset_costs_no_digit_of_the_inertia(offset):
    X = np.round(groups(500, 2, 3), 6)
    X = (X + offset) - offset  # so that both data sets are exact
    near, far = (emkit.KMeans(3, random_state=0).fit(rows) for rows in (X, X + offset))
    assert far.inertia_ == pytest.approx(near.inertia_, rel=1e-9)
    np.testing.assert_array_equal(far.labels_, near.labels_)


@pytest.mark.parametrize("unit", [1e-150, 1e-12, 1e12, 1e120])
def test_the_unit_changes_nothing(unit):
    X = groups(500, 2, 3)
    plain, scaled = (emkit.KMeans(3, random_state=0).fit(rows) for rows in (X, X * unit))
    np.testing.assert_array_equal(scaled.labels_, plain.labels_)
    np.testing.assert_allclose(scaled.cluster_centers_ / unit, plain.cluster_centers_, rtol=1e-9)


def test_single_precision_stays_and_ends_at_the_same_optimum(faithful):
    double, single = emkit.KMeans(3, random_state=0).fit(faithful), emkit.KMeans(3, random_state=0)
    single.fit(faithful.astype(np.float32))
    assert single.cluster_centers_.dtype == np.float32
    assert single.transform(faithful.astype(np.float32)).dtype == np.float32
    assert single.inertia_ == pytest.approx(double.inertia_, rel=1e-6)
    np.testing.assert_array_equal(single.labels_, double.labels_)


def test_weights_are_repeated_rows(iris):
    times = np.random.default_rng(0).integers(1, 4, len(iris))
    weighted = emkit.KMeans(4, random_state=0).fit(iris, sample_weight=times)
    repeated = emkit.KMeans(4, random_state=0).fit(np.repeat(iris, times, axis=0))
    assert weighted.inertia_ == pytest.approx(repeated.inertia_, rel=1e-10)
    np.testing.assert_array_equal(np.repeat(weighted.labels_, times), repeated.labels_)


def test_a_zero_weight_is_an_absence(iris):
    weights = (np.arange(len(iris)) % 3 > 0).astype(float)
    far = np.where(weights[:, None] > 0, iris, 1e6)
    weighted = emkit.KMeans(3, random_state=0).fit(far, sample_weight=weights)
    without = emkit.KMeans(3, random_state=0).fit(iris[weights > 0])
    assert weighted.inertia_ == pytest.approx(without.inertia_, rel=1e-10)
    np.testing.assert_array_equal(weighted.labels_[weights > 0], without.labels_)


def test_clusters_come_by_falling_count(iris):
    for k in (2, 5, 8):
        found = emkit.KMeans(k, random_state=0).fit(iris)
        assert (np.diff(np.bincount(found.labels_)) <= 0).all()
        np.testing.assert_array_equal(found.cluster_centers_, found.fit_.parameters.centers)


def test_answers_belong_to_the_centres(iris):
    found = emkit.KMeans(3, random_state=0).fit(iris)
    distances = cdist(iris, found.cluster_centers_)
    np.testing.assert_allclose(found.transform(iris), distances, rtol=1e-12)
    np.testing.assert_array_equal(found.predict(iris), distances.argmin(axis=1))
    np.testing.assert_array_equal(found.labels_, distances.argmin(axis=1))
    assert found.score(iris) == pytest.approx(-found.inertia_)
    assert found.score(iris, sample_weight=np.full(150, 2.0)) == pytest.approx(-2 * found.inertia_)
    np.testing.assert_array_equal(emkit.KMeans(3, random_state=0).fit_predict(iris), found.labels_)
    np.testing.assert_allclose(emkit.KMeans(3, random_state=0).fit_transform(iris), distances, rtol=1e-12)
    assert found.get_feature_names_out().tolist() == ["kmeans0", "kmeans1", "kmeans2"]


def test_names_of_columns_are_kept_and_checked():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(groups(50, 2, 2), columns=["a", "b"])
    found = emkit.KMeans(2, random_state=0).fit(frame)
    assert found.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(DataError, match=r"same order"):
        found.predict(frame[["b", "a"]])


def test_the_engine_counts_stops_and_tells(iris):
    seen = []
    found = emkit.KMeans(8, n_init=1, random_state=0, on_iteration=lambda state: seen.append(state) or True).fit
    with pytest.warns(ConvergenceWarning):
        found(iris)
    assert len(seen) == 1
    fitted = emkit.KMeans(3, random_state=0).fit(iris)
    assert fitted.n_iter_ == fitted.fit_.n_iter >= 1
    objective = fitted.fit_.trace.objective
    assert (np.diff(objective) >= -1e-9 * np.abs(objective[0])).all()


def test_running_out_of_iterations_is_told():
    X = groups(2000, 2, 20, spread=1.0)
    with pytest.warns(ConvergenceWarning):
        short = emkit.KMeans(20, init=X[:20], max_iter=2).fit(X)
    assert not short.converged_
    assert short.n_iter_ == 2


def test_an_empty_cluster_takes_the_farthest_row():
    X = np.concatenate([groups(200, 2, 2), [[50.0, 50.0]]])
    found = emkit.KMeans(3, init=np.array([[0.0, 0.0], [1.0, 1.0], [1e4, -1e4]])).fit(X)
    assert (np.bincount(found.labels_, minlength=3) > 0).all()
    assert (np.abs(found.cluster_centers_ - 50).sum(axis=1) < 1e-9).any()


def test_near_the_end_a_centre_worth_little_goes_to_a_far_row():
    X = np.concatenate([groups(500, 2, 1), [[60.0, 60.0], [61.0, 61.0], [-25.0, 10.0]]])
    init = np.array([[60.0, 60.0], [61.0, 61.0], [0.0, 0.0]])
    centers, labels = plain_lloyd(X, init)
    assert ((X - centers[labels]) ** 2).sum() > 1400  # two centres on the pair, none for the row at (-25, 10)
    found = emkit.KMeans(3, init=init).fit(X)
    assert found.inertia_ < 1100
    assert np.abs(found.cluster_centers_ - X[-1]).sum(axis=1).min() < 1e-9
    objective = found.fit_.trace.objective
    assert (np.diff(objective) >= -1e-9 * np.abs(objective[0])).all()


@pytest.mark.parametrize("init", ["k-means++", "given"])
def test_fewer_distinct_rows_than_clusters_end_with_a_warning(init):
    X = np.repeat([[0.0, 0.0], [1.0, 1.0], [1.0, 2.0]], 20, axis=0)
    kmeans = emkit.KMeans(5, init=init if init == "k-means++" else X[::12], random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\) found smaller than n_clusters \(5\)"):
        kmeans.fit(X)
    assert kmeans.inertia_ == 0
    assert len(np.unique(kmeans.labels_)) == 3


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 2), (7, 7), (5, 1)])
def test_as_few_rows_as_clusters(n, k):
    X = groups(n, 2, 2)
    found = emkit.KMeans(k, random_state=0).fit(X)
    assert sorted(set(found.labels_)) == list(range(k))
    assert found.inertia_ == pytest.approx(((X - X.mean(axis=0)) ** 2).sum() if k == 1 else 0, abs=1e-20)


def test_constant_and_far_columns(iris):
    X = np.column_stack([iris, np.full(150, 7.0)])
    assert emkit.KMeans(3, random_state=0).fit(X).inertia_ == pytest.approx(78.851441426146)
    outlier = np.concatenate([iris, np.full((1, 4), 1e100)])
    labels = emkit.KMeans(2, random_state=0).fit(outlier).labels_
    assert (labels == labels[-1]).sum() == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_and_infinite_entries_are_named(iris, bad):
    X = iris.copy()
    X[3, 2] = bad
    with pytest.raises(DataError, match=r"(?s)(NaN|missing|infinity).*(3|2)"):
        emkit.KMeans(3).fit(X)
    found = emkit.KMeans(3, random_state=0).fit(iris)
    with pytest.raises(DataError, match=r"NaN|missing|infinity"):
        found.predict(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_clusters": 0}, "`n_clusters` must be an integer"),
        ({"n_clusters": 2.5}, "`n_clusters` must be an integer"),
        ({"n_clusters": True}, "`n_clusters` must be an integer"),
        ({"n_clusters": 151}, "at most 150 clusters"),
        ({"init": "random"}, "`init` must be"),
        ({"init": np.zeros((2, 4))}, r"shape \(k, d\) = \(3, 4\), got shape \(2, 4\)"),
        ({"init": np.full((3, 4), np.nan)}, "finite centres"),
    ],
)
def test_wrong_arguments_are_named(iris, options, message):
    with pytest.raises(ParameterError, match=message):
        emkit.KMeans(**{"n_clusters": 3, **options}).fit(iris)


def test_seeds_repeat_and_restarts_help(iris):
    first, again = (emkit.KMeans(9, random_state=3).fit(iris) for _ in range(2))
    np.testing.assert_array_equal(first.cluster_centers_, again.cluster_centers_)
    legacy = [emkit.KMeans(4, random_state=np.random.RandomState(0)).fit(iris).labels_ for _ in range(2)]
    np.testing.assert_array_equal(*legacy)
    assert len(emkit.KMeans(9, n_init=3, random_state=0).fit(iris).fit_.starts.optima) >= 1


def test_batches_are_followed():
    X = groups(8000, 2, 4, spread=6.0)
    whole = emkit.KMeans(4, random_state=0).fit(X)
    stream = emkit.KMeans(4, random_state=0)
    places = []
    for i in range(0, 8000, 500):
        stream.partial_fit(X[i : i + 500])
        places.append(cdist(stream.cluster_centers_, whole.cluster_centers_).argmin(axis=1))
    assert all((place == places[0]).all() for place in places)  # no centre changes its number
    assert stream.fit_.status is emkit.Status.PARTIAL
    assert cdist(stream.cluster_centers_, whole.cluster_centers_).min(axis=1).max() < 0.15
    assert len(stream.labels_) == 500
    assert -stream.score(X) < 1.01 * whole.inertia_


def test_statistics_add_up_wherever_their_centres_were():
    from emkit.data import as_source
    from emkit.mixture._kmeans_model import KMeansModel

    X = groups(600, 2, 3)
    model, block = KMeansModel(3), next(iter(as_source(X).blocks()))
    here = model.parameters(X[:3], 1.0, 600.0)
    there = model.parameters(X[:3] + 0.01, 1.0, 600.0)
    one, other = model.e_step(here, block), model.e_step(there, block)
    means = model.m_step(other, there)
    moved = model.m_step(one * 0.0 + other, here)
    np.testing.assert_allclose(moved.centers, means.centers, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(moved.var, means.var, rtol=1e-9)
