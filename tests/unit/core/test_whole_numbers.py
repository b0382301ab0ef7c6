"""Counts are whole numbers, and seeds are seeds: everything else is refused by name."""

import numpy as np
import pytest

import emkit
from emkit.core.stopping import Budget
from emkit.errors import ParameterError
from emkit.mixture import FiniteMixture
from emkit.randomness import generator_of

X = np.random.default_rng(0).normal(size=(40, 5))
ESTIMATORS = [emkit.GaussianMixture, emkit.KMeans, emkit.GaussianHMM, emkit.FactorAnalysis]
IDS = [estimator.__name__ for estimator in ESTIMATORS]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=IDS)
@pytest.mark.parametrize("bad", [2.5, 3.0, True, "3"], ids=str)
@pytest.mark.parametrize("name", ["max_iter", "n_init"])
def test_counts_of_estimators(estimator, bad, name):
    with pytest.raises(ParameterError, match=f"`{name}` must be .*, got {bad!r}"):
        estimator(**{name: bad}).fit(X)


@pytest.mark.parametrize("bad", [2.5, 2.0, True], ids=str)
def test_number_of_components(bad):
    for make in (
        lambda: emkit.GaussianMixture(bad),
        lambda: emkit.KMeans(bad),
        lambda: emkit.GaussianHMM(bad),
        lambda: emkit.FactorAnalysis(n_factors=bad),
        lambda: emkit.PoissonMixture(bad),
    ):
        with pytest.raises(ParameterError, match="must be an integer"):
            make().fit(np.abs(np.round(X)))


def test_limits_of_a_fit():
    for bad in ({"max_iter": 1.5}, {"max_e_steps": 2.0}, {"max_e_steps": True}, {"max_iter": None}):
        (name,) = bad
        with pytest.raises(ParameterError, match=f"`{name}` must be a whole number of at least 0"):
            Budget(**bad)
    with pytest.raises(ParameterError, match="`max_seconds` must be a number of at least 0, got -1"):
        Budget(max_seconds=-1)
    with pytest.raises(ParameterError, match="`n_starts` must be a positive integer"):
        emkit.fit(FiniteMixture(n_components=2), X, n_starts=True)
    assert Budget(max_iter=np.int64(3)).max_iter == 3


@pytest.mark.parametrize("bad", ["seed", -1, 2.5, [-3]], ids=str)
def test_seeds(bad):
    message = "must be a whole number of at least 0, a generator or None, got"
    with pytest.raises(ParameterError, match=f"`random_state` {message}"):
        generator_of(bad)
    with pytest.raises(ParameterError, match=f"`rng` {message}"):
        emkit.fit(FiniteMixture(n_components=2), X, rng=bad)
    fitted = emkit.GaussianMixture(2, n_init=1, random_state=0).fit(X)
    for ask in (
        lambda: emkit.select(X, [1, 2], random_state=bad),
        lambda: emkit.bootstrap(fitted, 3, rng=bad),
        lambda: emkit.density(X[:, 0], n_components=1).sample(2, random_state=bad),
        lambda: emkit.GaussianHMM(1).fit(X).forecast(X).sample(2, random_state=bad),
        lambda: emkit.factor.parallel_analysis(X, rng=bad),
    ):
        with pytest.raises(ParameterError, match=message):
            ask()


def test_seeds_of_every_kind_are_taken():
    first = generator_of(3).random()
    assert first == np.random.default_rng(3).random()
    assert generator_of(np.random.default_rng(3)).random() == first
    assert 0 <= generator_of(np.random.RandomState(3)).random() < 1
    assert 0 <= generator_of(None).random() < 1
