"""Arrays of other libraries: the same fit where they are, results of the same kind."""

import numpy as np
import pytest

import emkit
from emkit.core import leaves
from emkit.data import MemorySource, as_source
from emkit.data.device import DeviceSource
from emkit.errors import DataError


def made(library, X):
    if library == "torch":
        return pytest.importorskip("torch").asarray(X)
    return pytest.importorskip("array_api_strict").asarray(X)


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(m, 1, size=(1500, 3)) for m in (0, 4.0)])[rng.permutation(3000)] + 100.0


LIBRARIES = ["torch", "array_api_strict"]
pytestmark = pytest.mark.parametrize("library", LIBRARIES)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_gaussian_mixture(library, kind, X):
    options = {"covariance_type": kind, "random_state": 0, "n_init": 2}
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    here = emkit.GaussianMixture(2, **options).fit(X, sample_weight=weights)
    data = made(library, X)
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


def test_kmeans(library, X):
    data = made(library, X)
    here, there = emkit.KMeans(3, random_state=0).fit(X), emkit.KMeans(3, random_state=0).fit(data)
    assert there.inertia_ == pytest.approx(here.inertia_, rel=1e-9)
    assert (np.asarray(there.predict(data)) == here.predict(X)).all()
    assert type(there.predict(data)) is type(data)
    np.testing.assert_allclose(np.asarray(there.transform(data)), here.transform(X), rtol=1e-6)


def test_column_moments_samples_and_rows(library, X):
    weights = np.r_[0.0, np.ones(len(X) - 1)]
    source, memory = (as_source(data, weights, allow_device=True) for data in (made(library, X), X))
    for name in ("mean", "var", "low", "high", "n_observed"):
        mine, theirs = (getattr(s.column_moments(), name) for s in (source, memory))
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    mine, theirs = (s.sample(50, np.random.default_rng(2)) for s in (source, memory))
    assert mine.X.tobytes() == theirs.X.tobytes()
    assert source.take([5, 2]).X.tobytes() == X[[5, 2]].tobytes()


def test_what_a_model_cannot_take_there_is_taken_over(library, X):
    counts = np.abs(np.round(X - 100))
    here, there = (emkit.PoissonMixture(2, random_state=0, n_init=2).fit(d) for d in (counts, made(library, counts)))
    assert there.fit_.loglik == here.fit_.loglik
    holes = X.copy()
    holes[0, 0] = np.nan
    assert isinstance(as_source(made(library, holes), allow_device=True), MemorySource)
    holes[0, 0] = np.inf
    with pytest.raises(DataError, match="row 0, column 0 holds inf"):
        as_source(made(library, holes), allow_device=True)
    with pytest.raises(DataError, match="Expected 2D array"):
        as_source(made(library, X[0]), allow_device=True)


def test_single_precision_stays(library, X):
    data = made(library, X.astype(np.float32))
    assert as_source(data, allow_device=True).dtype == np.float32
    here, there = (emkit.GaussianMixture(2, random_state=0, n_init=1).fit(d) for d in (X.astype(np.float32), data))
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-6)
