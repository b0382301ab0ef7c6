"""What is saved comes back, bit for bit."""

import inspect
import json
import os
import stat
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import emkit
from emkit.core import Positive, Real, Simplex, Status, leaves, space
from emkit.errors import SavedFitError
from emkit.families import DensityFamily
from emkit.families.gaussian_prior import NormalInverseWishart

sys.path.insert(0, str(Path(__file__).parents[3] / "examples"))
from abo import Abo

sys.path.pop(0)

COUNTS = [[186.0, 38, 13, 284]]


@dataclass(frozen=True)
class Inner(emkit.Parameters):
    level: np.ndarray = space(Real())


@dataclass(frozen=True)
class Nested(emkit.Parameters):
    mix: np.ndarray = space(Simplex())
    rate: np.ndarray = space(Positive())
    parts: tuple = ()


@dataclass(frozen=True)
class Means(emkit.Model):
    """Two groups of fixed membership, each with its mean, and settings of every kind that JSON must carry."""

    label: str = "Ünit 1"
    bounds: tuple = (0.0, float("inf"))
    weights: dict = None

    def start(self, source, rng):
        return Nested(np.array([0.5, 0.5]), np.array([2.0]), (Inner(np.zeros(1)), Inner(np.ones(1))))

    def e_step(self, parameters, block):
        first = float(parameters.parts[0].level[0])
        gap = block.X[:, 0] - first
        return MeanStatistics(float(-0.5 * block.weights @ gap**2), block.weights.sum(), block.weights @ block.X[:, 0])

    def m_step(self, statistics, parameters):
        mean = np.array([statistics.total / statistics.weight])
        return Nested(parameters.mix, parameters.rate, (Inner(mean), parameters.parts[1]))


@dataclass(frozen=True)
class MeanStatistics(emkit.Statistics):
    total: float


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.emkit"


def assert_same_fit(left, right):
    for name in (
        "loglik",
        "objective",
        "status",
        "n_iter",
        "n_e_steps",
        "seconds",
        "starts",
        "n_free",
        "weight",
        "notes",
    ):
        assert getattr(left, name) == getattr(right, name), name
    for a, b in zip(leaves(left.parameters), leaves(right.parameters), strict=True):
        assert (a.name, a.value.dtype, a.value.shape) == (b.name, b.value.dtype, b.value.shape)
        assert a.value.tobytes() == b.value.tobytes()
    for name, column in left.trace.to_dict().items():
        other = right.trace.to_dict()[name]
        assert column.dtype == other.dtype
        np.testing.assert_array_equal(column, other)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "EEI", "EII"])
def test_estimator_comes_back_and_answers_the_same(faithful, path, covariance_type):
    mixture = emkit.GaussianMixture(2, covariance_type=covariance_type, random_state=3).fit(faithful)
    emkit.save(mixture, path)
    loaded = emkit.load(path)
    assert type(loaded) is emkit.GaussianMixture
    assert loaded.get_params() == mixture.get_params()
    assert_same_fit(mixture.fit_, loaded.fit_)
    for method in ("predict", "predict_proba", "score_samples"):
        np.testing.assert_array_equal(getattr(mixture, method)(faithful), getattr(loaded, method)(faithful))
    np.testing.assert_array_equal(loaded.covariances_, mixture.covariances_)
    assert loaded.n_features_in_ == 2
    assert loaded.bic(faithful) == mixture.bic(faithful)


def test_k_means_comes_back(iris, path):
    kmeans = emkit.KMeans(3, random_state=1).fit(iris)
    emkit.save(kmeans, path, probe=iris)
    loaded = emkit.load(path)
    assert type(loaded) is emkit.KMeans
    assert_same_fit(kmeans.fit_, loaded.fit_)
    np.testing.assert_array_equal(loaded.labels_, kmeans.labels_)
    np.testing.assert_array_equal(loaded.predict(iris), kmeans.predict(iris))
    np.testing.assert_array_equal(loaded.transform(iris), kmeans.transform(iris))


def test_density_comes_back(path):
    density = emkit.density(emkit.load_data("galaxies").numeric()[0][:, 0], n_components=3)
    emkit.save(density, path)
    loaded = emkit.load(path)
    assert type(loaded) is emkit.Density
    assert_same_fit(density.mixture_.fit_, loaded.mixture_.fit_)
    assert loaded.selection_ == density.selection_
    at = np.linspace(5, 40, 50)
    np.testing.assert_array_equal(loaded.pdf(at), density.pdf(at))
    np.testing.assert_array_equal(loaded.x_, density.x_)
    assert _header(path)["loglik"] == density.mixture_.fit_.loglik


def test_fit_comes_back(faithful, path):
    fit = emkit.GaussianMixture(2, random_state=0).fit(faithful).fit_
    emkit.save(fit, str(path))
    loaded = emkit.load(str(path))
    assert isinstance(loaded, emkit.Fit)
    assert loaded.model == fit.model
    assert_same_fit(fit, loaded)


def test_prior_solver_and_names_come_back(faithful, path):
    frame = {"eruptions": faithful[:, 0], "waiting": faithful[:, 1]}
    mixture = emkit.GaussianMixture(
        2, prior=NormalInverseWishart(shrinkage=0.5), solver=emkit.Squarem(warm_up=3), means_init=faithful[:2]
    ).fit(frame)
    emkit.save(mixture, path)
    loaded = emkit.load(path)
    assert loaded.prior == mixture.prior
    assert loaded.solver == emkit.Squarem(warm_up=3)
    np.testing.assert_array_equal(loaded.means_init, faithful[:2])
    assert list(loaded.feature_names_in_) == ["eruptions", "waiting"]
    with pytest.raises(emkit.errors.DataError, match="feature names"):
        loaded.predict({"a": faithful[:, 0], "waiting": faithful[:, 1]})


def test_float32_parameters_keep_their_type(path):
    fit = emkit.fit(Means(), [[1.0], [4.0]], rng=0, n_starts=1)
    parts = (Inner(np.arange(3)), Inner(np.zeros((2, 0))))
    odd = Nested(np.array([0.25, 0.75], dtype=np.float32), np.array(2.0), parts)
    emkit.save(replace(fit, parameters=odd), path, probe=False)
    back = emkit.load(path, models=[Means, Nested, Inner]).parameters
    assert back.mix.dtype == np.float32
    assert back.parts[0].level.dtype == np.arange(3).dtype
    assert back.parts[1].level.shape == (2, 0)
    assert back.rate.shape == ()


def test_nested_records_tuples_infinity_and_text_come_back(path):
    fit = emkit.fit(Means(weights={"a": 1, "b": [True, None, 0.5]}), [[1.0], [4.0]], rng=0, n_starts=1)
    emkit.save(fit, path, probe=[[1.0], [4.0]])
    loaded = emkit.load(path, models=[Means])  # the records beside the model are found in its module
    assert loaded.model == fit.model
    assert_same_fit(fit, loaded)


def test_user_model_must_be_passed(path):
    fit = emkit.fit(Abo(), COUNTS, rng=0)
    emkit.save(fit, path)
    with pytest.raises(SavedFitError, match=r"'Abo' \(from the module 'abo'\).*models=\[Abo\]"):
        emkit.load(path)
    assert_same_fit(fit, emkit.load(path, models=[Abo]))


def test_callbacks_and_generators_are_left_out_and_said_so(faithful, path):
    rng = np.random.default_rng(1)
    mixture = emkit.GaussianMixture(1, random_state=rng, on_iteration=lambda info: None).fit(faithful)
    emkit.save(mixture, path)
    loaded = emkit.load(path)
    assert loaded.random_state is None
    assert loaded.on_iteration is None
    assert _header(path)["left_out"] == ["random_state", "on_iteration"]


def test_shared_array_is_stored_once(faithful, path):
    emkit.save(emkit.GaussianMixture(2, random_state=0).fit(faithful), path)
    with zipfile.ZipFile(path) as archive:
        shapes = [np.load(archive.open(n)).shape for n in archive.namelist() if n.endswith("mean.npy")]
    assert shapes == [(2, 2)]
    loaded = emkit.load(path)
    assert loaded.means_ is loaded.fit_.parameters.members.mean


def test_header_is_for_people_too(faithful, path):
    mixture = emkit.GaussianMixture(2, random_state=0).fit(faithful)
    emkit.save(mixture, path)
    header = _header(path)
    assert header["format"] == 1
    assert (header["kind"], header["class"]) == ("estimator", "GaussianMixture")
    assert header["loglik"] == mixture.fit_.loglik
    assert header["status"] == Status.CONVERGED.value
    assert set(header["versions"]) == {"emkit", "numpy", "scipy", "python"}


def test_no_data_are_in_the_file_unless_given(faithful, path):
    mixture = emkit.GaussianMixture(2, random_state=0).fit(faithful)
    seen = {row.tobytes() for row in faithful}
    emkit.save(mixture, path)
    assert not any(row.tobytes() in seen for row in _probe(path))
    emkit.save(mixture, path, probe=faithful)
    rows = _probe(path)
    assert len(rows) == 32
    assert all(row.tobytes() in seen for row in rows)
    emkit.save(mixture, path, probe=False)
    assert _header(path)["probe"] is None
    assert emkit.load(path).fit_.loglik == mixture.fit_.loglik


def test_probe_with_missing_entries(path):
    rows = emkit.load_data("iris").numeric()[0].copy()
    rows[::3, 1] = np.nan
    mixture = emkit.GaussianMixture(2, random_state=0, n_init=2).fit(rows)
    emkit.save(mixture, path, probe=rows)
    assert np.isnan(_probe(path)).any()
    assert emkit.load(path).fit_.loglik == mixture.fit_.loglik


def test_same_fit_gives_the_same_arrays_in_any_file(faithful, tmp_path):
    mixture = emkit.GaussianMixture(2, random_state=0).fit(faithful)
    for name in ("a", "b"):
        emkit.save(mixture, tmp_path / name)
    assert _header(tmp_path / "a")["sha256"] == _header(tmp_path / "b")["sha256"]


def test_file_obeys_the_umask_and_leaves_no_draft(faithful, path):
    mixture = emkit.GaussianMixture(1).fit(faithful)
    before = os.umask(0o027)
    try:
        emkit.save(mixture, path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_link_stays_a_link(faithful, tmp_path):
    target, link = tmp_path / "target.emkit", tmp_path / "link.emkit"
    link.symlink_to(target)
    emkit.save(emkit.GaussianMixture(1).fit(faithful), link)
    assert link.is_symlink()
    assert emkit.load(target).n_components == 1


def test_loading_in_a_fresh_process_imports_no_scikit_learn_and_runs_no_pickle(faithful, path):
    mixture = emkit.GaussianMixture(2, random_state=0).fit(faithful)
    emkit.save(mixture, path)
    code = f"""
        import pickle, sys, emkit
        pickle.load = pickle.loads = pickle.Unpickler = None
        print(repr(emkit.load({str(path)!r}).fit_.loglik), "sklearn" in sys.modules)
    """
    out = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert out.stdout.split() == [repr(mixture.fit_.loglik), "False"]


def test_what_is_not_fitted_or_not_a_fit_is_refused(path):
    with pytest.raises(SavedFitError, match="GaussianMixture is not fitted yet"):
        emkit.save(emkit.GaussianMixture(2), path)
    with pytest.raises(SavedFitError, match=r"expected a Fit, a fitted estimator or a Density.*\[1, 2\]"):
        emkit.save([1, 2], path)
    assert not path.exists()


def test_every_parameter_model_and_family_of_emkit_has_a_name():
    from emkit.families.base import Family
    from emkit.families.covariance import Structure
    from emkit.io.homes import UNSAVED
    from emkit.io.registry import name_of

    def below(cls):
        for sub in cls.__subclasses__():
            yield sub
            yield from below(sub)

    for base in (emkit.Model, emkit.Parameters, Family, Structure):
        for cls in below(base):
            if cls.__module__.startswith("emkit.") and not inspect.isabstract(cls) and cls.__name__ not in UNSAVED:
                assert name_of(cls) == (cls.__name__, "")


def test_functions_of_the_user_are_not_saved(path):
    X = np.random.default_rng(0).standard_normal((50, 1))
    family = DensityFamily(
        lambda X, p: -0.5 * (X[:, 0] - p["mean"]) ** 2,
        spaces={"mean": Real()},
        start_from=lambda X, weights: {"mean": np.average(X[:, 0], weights=weights)},
    )
    mixture = emkit.MixtureModel(family, 1).fit(X)
    with pytest.raises(SavedFitError, match="functions of yours, which no file holds"):
        emkit.save(mixture, path)
    assert not path.exists()


def _header(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("header.json"))


def _probe(path):
    with zipfile.ZipFile(path) as archive, archive.open("arrays/probe.npy") as file:
        return np.load(file)
