"""Arrays of other libraries: the same fit where they are, results of the same kind."""

import numpy as np
import pytest

import emkit
from emkit.core import leaves
from emkit.data import MemorySource, as_source
from emkit.data.device import DeviceSource
from emkit.errors import DataError
from emkit.kernels import is_compiled
from emkit.kernels.foreign import host


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(m, 1, size=(1500, 3)) for m in (0, 4.0)])[rng.permutation(3000)] + 100.0


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_gaussian_mixture(made, kind, X):
    options = {"covariance_type": kind, "random_state": 0, "n_init": 2}
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    here = emkit.GaussianMixture(2, **options).fit(X, sample_weight=weights)
    data = made(X)
    there = emkit.GaussianMixture(2, **options).fit(data, sample_weight=weights)
    assert isinstance(there.fit_.source, DeviceSource)
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-10)
    for mine, theirs in zip(leaves(there.parameters_), leaves(here.parameters_), strict=True):
        assert isinstance(mine.value, np.ndarray)
        np.testing.assert_allclose(mine.value, theirs.value, rtol=1e-6)
    resp, labels = there.predict_proba(data), there.predict(data)
    assert type(resp) is type(labels) is type(data)
    np.testing.assert_allclose(np.asarray(resp), here.predict_proba(X), atol=1e-8)
    assert (np.asarray(labels) == here.predict(X)).all()
    assert there.score(data) == pytest.approx(here.score(X), rel=1e-10)


def test_kmeans(made, X):
    data = made(X)
    here, there = emkit.KMeans(3, random_state=0).fit(X), emkit.KMeans(3, random_state=0).fit(data)
    assert there.inertia_ == pytest.approx(here.inertia_, rel=1e-9)
    assert (np.asarray(there.predict(data)) == here.predict(X)).all()
    assert type(there.predict(data)) is type(data)
    np.testing.assert_allclose(np.asarray(there.transform(data)), here.transform(X), rtol=1e-6)


def test_column_moments_samples_and_rows(made, X):
    weights = np.r_[0.0, np.ones(len(X) - 1)]
    source, memory = (as_source(data, weights, allow_device=True) for data in (made(X), X))
    for name in ("mean", "var", "low", "high", "n_observed"):
        mine, theirs = (getattr(s.column_moments(), name) for s in (source, memory))
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    mine, theirs = (s.sample(50, np.random.default_rng(2)) for s in (source, memory))
    assert mine.X.tobytes() == theirs.X.tobytes()
    assert host(source.take([5, 2]).X).tobytes() == X[[5, 2]].tobytes()
    assert isinstance(source.take([5, 2]), DeviceSource)


def test_missing_entries(made, X):
    holes = X.copy()
    holes[np.random.default_rng(3).random(X.shape) < 0.2] = np.nan
    holes[:5] = np.nan
    weights = np.r_[np.zeros(3), np.ones(len(X) - 3)]
    source, memory = (as_source(data, weights, allow_device=True) for data in (made(holes), holes))
    assert isinstance(source, DeviceSource)
    assert source.has_missing
    for name in ("mean", "var", "low", "high", "n_observed"):
        mine, theirs = (getattr(s.column_moments(), name) for s in (source, memory))
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    with pytest.raises(DataError, match="first in row 0, column 0, but this model needs complete data"):
        as_source(made(holes), allow_device=True, allow_missing=False)
    holes[:, 1] = np.nan
    with pytest.raises(DataError, match="nothing but NaN"):
        as_source(made(holes), allow_device=True)
    assert as_source(made(holes), allow_device=True, allow_missing_columns=True).n_features == 3


def test_what_is_no_matrix_of_finite_numbers_is_refused(made, X):
    wrong = X.copy()
    wrong[0, 0] = np.inf
    with pytest.raises(DataError, match="row 0, column 0 holds inf"):
        as_source(made(wrong), allow_device=True)
    with pytest.raises(DataError, match="Expected 2D array"):
        as_source(made(X[0]), allow_device=True)
    assert as_source(made(X[:, 0]), allow_device=True, one_feature=True).n_features == 1


def test_whole_numbers_become_floats_there(made, X):
    source = as_source(made(np.round(X).astype(np.int64)), allow_device=True)
    assert isinstance(source, DeviceSource)
    assert source.dtype == np.float64
    assert host(source.X).tobytes() == np.round(X).tobytes()


def test_weights_may_be_there_too(made, X):
    weights = np.random.default_rng(1).random(len(X))
    assert (as_source(X, made(weights)).weights == weights).all()
    assert (as_source(made(X), made(weights), allow_device=True).weights == weights).all()


def test_a_model_that_runs_here_answers_in_kind(made, X):
    data = made(X[:300])
    here, there = (emkit.MixtureModel("skew-normal", 2, random_state=0, n_init=1).fit(d) for d in (X[:300], data))
    assert isinstance(there.fit_.source, MemorySource)
    assert there.fit_.loglik == here.fit_.loglik
    assert type(there.predict_proba(data)) is type(there.predict(data)) is type(data)
    assert (host(there.predict_proba(data)) == here.predict_proba(X[:300])).all()


def test_single_precision_stays(made, X):
    data = made(X.astype(np.float32))
    assert as_source(data, allow_device=True).dtype == np.float32
    here, there = (emkit.GaussianMixture(2, random_state=0, n_init=1).fit(d) for d in (X.astype(np.float32), data))
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-6)


@pytest.mark.skipif(not is_compiled(), reason="the compiled kernels are not in use")
def test_arrays_in_memory_are_read_by_the_compiled_kernels(made, monkeypatch, X):
    monkeypatch.undo()
    data = made(X)
    source = as_source(data, allow_device=True)
    assert isinstance(source, MemorySource)
    assert np.shares_memory(source.X, np.asarray(data))
    here, there = (emkit.GaussianMixture(2, random_state=0, n_init=1).fit(rows) for rows in (X, data))
    assert there.fit_.loglik == here.fit_.loglik
    assert type(there.predict(data)) is type(data)
    assert (host(there.predict(data)) == here.predict(X)).all()
