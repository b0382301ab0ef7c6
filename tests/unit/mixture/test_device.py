"""Mixtures of arrays of other libraries: the same fit as NumPy's, run where the arrays are, with answers in kind."""

import math

import numpy as np
import pytest

import emkit
from emkit.core import leaves
from emkit.core.spaces import Positive, Real
from emkit.data import MemorySource
from emkit.data.device import DeviceSource
from emkit.families import Binomial, DensityFamily
from emkit.kernels.foreign import host, namespace

LOG_2PI = math.log(2 * math.pi)
N = 600
RNG = np.random.default_rng(0)
LABEL = RNG.integers(0, 2, N)
ROWS = RNG.normal(size=(N, 3)) + 3.0 * LABEL[:, None] + 100.0
COUNTS = RNG.poisson(3 + 6 * LABEL[:, None], size=(N, 5)).astype(float)
TIMES = np.exp(RNG.normal(size=(N, 2)) + 2 * LABEL[:, None])
BITS = (RNG.random((N, 20)) < 0.2 + 0.5 * LABEL[:, None]).astype(float)
SHARES = 1 / (1 + np.exp(-RNG.normal(size=(N, 2)) - LABEL[:, None]))
DRAWS = np.array([RNG.multinomial(60, [0.1, 0.2, 0.3, 0.4] if label else [0.4, 0.3, 0.2, 0.1]) for label in LABEL])
WEIGHTS = RNG.integers(0, 3, N).astype(float)


def holed(X, share=0.1):
    """Return the rows with missing entries, and two that are missing as a whole."""
    holes = X.astype(float)
    holes[np.random.default_rng(1).random(X.shape) < share] = np.nan
    holes[[1, 7]] = np.nan
    return holes


def own_density(X, p):
    xp = namespace(X)
    z = (X - p["loc"]) / p["sd"]
    return xp.sum(-0.5 * z**2 - xp.log(p["sd"]) - 0.5 * LOG_2PI, axis=1)


def rough(X, weights):
    mean = weights @ X / weights.sum()
    return {"loc": mean, "sd": np.sqrt(weights @ (X - mean) ** 2 / weights.sum())}


def gaussian(kind):
    return lambda **options: emkit.GaussianMixture(2, covariance_type=kind, **options)


def model(families):
    return lambda **options: emkit.MixtureModel(families, 2, **options)


OWN = DensityFamily(own_density, {"loc": Real(), "sd": Positive()}, rough, array_api=True)
CASES = {
    **{f"gaussian {kind}": (gaussian(kind), ROWS) for kind in ("full", "tied", "diag", "spherical", "VEE", "VVI")},
    "gaussian with holes": (gaussian("full"), holed(ROWS)),
    "gaussian diag with holes": (gaussian("diag"), holed(ROWS)),
    "student": (lambda **options: emkit.StudentMixture(2, **options), ROWS),
    "student with holes": (lambda **options: emkit.StudentMixture(2, max_iter=5, tol=1.0, **options), holed(ROWS)),
    "poisson": (lambda **options: emkit.PoissonMixture(2, **options), COUNTS),
    "poisson with holes": (lambda **options: emkit.PoissonMixture(2, **options), holed(COUNTS)),
    "bernoulli with holes": (lambda **options: emkit.BernoulliMixture(2, **options), holed(BITS)),
    "directions": (lambda **options: emkit.VonMisesFisherMixture(2, **options), ROWS - 101.0),
    "multinomial": (model("multinomial"), DRAWS.astype(float)),
    "gamma": (model("gamma"), holed(TIMES)),
    "log-normal": (model("log-normal"), TIMES),
    "inverse-gaussian": (model("inverse-gaussian"), TIMES),
    "exponential": (model("exponential"), TIMES),
    "beta": (model("beta"), SHARES),
    "von-mises": (model("von-mises"), TIMES % 6),
    "binomial": (model(Binomial(trials=30)), np.minimum(COUNTS, 30)),
    "product": (model({(0, 1): "gaussian-full", 2: "poisson"}), np.column_stack([ROWS[:, :2], COUNTS[:, 0]])),
    "a density of one's own": (model(OWN), ROWS),
}

SAME = emkit.QuasiNewton()  # in memory "auto" climbs another way, to within `tol` of the same end


@pytest.mark.filterwarnings("ignore::emkit.errors.ConvergenceWarning")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_the_same_fit_there(made, name, weights):
    build, X = CASES[name]
    data = made(X)
    here, there = (build(random_state=0, n_init=1, solver=SAME).fit(rows, sample_weight=weights) for rows in (X, data))
    assert isinstance(there.fit_.source, DeviceSource)
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)
    for mine, theirs in zip(leaves(there.parameters_), leaves(here.parameters_), strict=True):
        assert isinstance(mine.value, np.ndarray)
        np.testing.assert_allclose(mine.value, theirs.value, rtol=1e-7, atol=1e-9)
    resp, labels, density = there.predict_proba(data), there.predict(data), there.score_samples(data)
    assert type(resp) is type(labels) is type(density) is type(data)
    np.testing.assert_allclose(host(resp), here.predict_proba(X), atol=1e-8)
    np.testing.assert_allclose(host(density), here.score_samples(X), rtol=1e-9, atol=1e-12)
    assert (host(labels) == here.predict(X)).all()
    assert there.score(data) == pytest.approx(here.score(X), rel=1e-12)
    np.testing.assert_allclose(host(there.uncertainty(data)), here.uncertainty(X), atol=1e-8)


def test_equal_rows_are_counted_once_and_here(made):
    few = np.minimum(COUNTS[:, :2], 6)
    here, there = (emkit.PoissonMixture(2, random_state=0, n_init=2).fit(rows) for rows in (few, made(few)))
    assert isinstance(there.fit_.source, MemorySource)
    assert there.fit_.loglik == here.fit_.loglik
    assert type(there.predict(made(few))) is type(made(few))


def test_latent_classes_are_fitted_here_and_answer_in_kind(made):
    data = made(np.minimum(COUNTS, 3))
    classes = emkit.LatentClassAnalysis(2, random_state=0, n_init=1).fit(data)
    assert type(classes.predict(data)) is type(classes.predict_proba(data)) is type(data)


def test_what_is_known_of_some_rows(made):
    labels = np.where(np.arange(N) < 40, LABEL, -1)
    here, there = (
        emkit.GaussianMixture(2, random_state=0, n_init=1).fit(rows, labels=labels) for rows in (ROWS, made(ROWS))
    )
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)


def test_rows_of_weight_zero_may_hold_anything(made):
    X = TIMES.copy()
    X[0] = -5.0
    weights = np.r_[0.0, np.ones(N - 1)]
    here, there = (
        emkit.MixtureModel("gamma", 2, random_state=0, n_init=1).fit(rows, sample_weight=weights)
        for rows in (X, made(X))
    )
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)


def test_what_a_fit_is_asked_afterwards(made):
    here, there = (
        emkit.GaussianMixture(2, random_state=0, n_init=1, solver=SAME).fit(rows) for rows in (ROWS, made(ROWS))
    )
    np.testing.assert_allclose(there.standard_errors().values, here.standard_errors().values, rtol=1e-6)
    robust = (fit.standard_errors(kind="robust").values for fit in (there, here))
    np.testing.assert_allclose(*robust, rtol=1e-6)
    assert str(there.fit_.diagnose()) == str(here.fit_.diagnose())
    assert there.bic(made(ROWS)) == pytest.approx(here.bic(ROWS), rel=1e-12)
    assert there.icl(made(ROWS)) == pytest.approx(here.icl(ROWS), rel=1e-12)


def test_a_stream_of_batches(made):
    fits = []
    for kind in (np.asarray, made):
        fit = emkit.GaussianMixture(2, random_state=0, n_init=1, solver=SAME)
        for batch in np.split(ROWS, 3):
            fit.partial_fit(kind(batch))
        fits.append(fit.means_)
    np.testing.assert_allclose(*fits, rtol=1e-10)


def test_checkpoints(made, tmp_path):
    data, path = made(ROWS), tmp_path / "fit.emkit"
    whole = emkit.GaussianMixture(2, random_state=0, n_init=1).fit(data)
    stopped = emkit.GaussianMixture(2, random_state=0, n_init=1, on_iteration=lambda info: info.iteration >= 2)
    with pytest.warns(emkit.errors.ConvergenceWarning):
        stopped.fit(data, checkpoint=path)
    again = emkit.GaussianMixture(2, random_state=0, n_init=1).fit(data, checkpoint=path)
    assert again.fit_.loglik == whole.fit_.loglik
    assert (again.means_ == whole.means_).all()
