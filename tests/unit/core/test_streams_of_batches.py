"""`partial_fit`, stepwise and incremental EM for every model whose statistics add: batches lead where all rows lead."""

import inspect

import numpy as np
import pytest

import emkit
import emkit.censored
import emkit.factor
import emkit.hmm
import emkit.irt
import emkit.labels
import emkit.linkage
import emkit.missing
from emkit.core import Problem
from emkit.data import BLOCK_ROWS
from emkit.estimator import ModelEstimator

RNG = np.random.default_rng(0)
N = 1200
GROUP = RNG.integers(0, 2, N)


def gaussian():
    return 4.0 * GROUP[:, None] + RNG.normal(size=(N, 3))


def counts():
    return RNG.poisson(1 + 8 * GROUP[:, None], (N, 3)).astype(float)


def binary():
    return (RNG.random((N, 6)) < np.where(GROUP, 0.85, 0.15)[:, None]).astype(float)


def chain(X):
    """Return rows whose group lasts for stretches, as sequences of 40."""
    order = np.argsort(np.argsort(GROUP, kind="stable"), kind="stable")
    return X[order].reshape(2, N // 40, 20, -1).swapaxes(0, 1).reshape(N, -1)


def graded():
    theta = RNG.normal(size=(N, 1))
    return (RNG.random((N, 8)) < 1 / (1 + np.exp(-theta - np.linspace(-1, 1, 8)))).astype(float)


def answers():
    right = RNG.random((N, 5)) < 0.85
    return np.where(right, GROUP[:, None], 1 - GROUP[:, None]).astype(float)


def intervals():
    low = np.floor(4.0 * GROUP + RNG.normal(size=N))
    return np.column_stack([low, low + 1])


def factors():
    return RNG.normal(size=(N, 1)) @ np.array([[1.0, 0.8, 0.6, 0.9]]) + 0.5 * RNG.normal(size=(N, 4))


QUIET = {"random_state": 0, "n_init": 2, "max_iter": 5000}
CASES = {
    "GaussianMixture": (lambda: emkit.GaussianMixture(2, **QUIET), gaussian),
    "StudentMixture": (lambda: emkit.StudentMixture(2, **QUIET), gaussian),
    "KMeans": (lambda: emkit.KMeans(2, random_state=0, n_init=2), gaussian),
    "PoissonMixture": (lambda: emkit.PoissonMixture(2, **QUIET), counts),
    "BernoulliMixture": (lambda: emkit.BernoulliMixture(2, **QUIET), binary),
    "LatentClassAnalysis": (lambda: emkit.LatentClassAnalysis(2, **QUIET), binary),
    "VonMisesFisherMixture": (lambda: emkit.mixture.VonMisesFisherMixture(2, **QUIET), lambda: gaussian() - 2.0),
    "MixtureModel": (lambda: emkit.mixture.MixtureModel("gaussian", n_components=2, **QUIET), gaussian),
    "BinnedMixture": (lambda: emkit.mixture.BinnedMixture(2, **QUIET), intervals),
    "FactorAnalysis": (lambda: emkit.FactorAnalysis(n_factors=1, random_state=0), factors),
    "ProbabilisticPCA": (lambda: emkit.factor.ProbabilisticPCA(n_components=1, random_state=0), factors),
    "ConfirmatoryFactorAnalysis": (lambda: emkit.factor.ConfirmatoryFactorAnalysis({"f": [0, 1, 2, 3]}), factors),
    "MultivariateNormal": (lambda: emkit.missing.MultivariateNormal(), factors),
    "EMImputer": (lambda: emkit.EMImputer(), factors),
    "ItemResponseModel": (lambda: emkit.ItemResponseModel(random_state=0), graded),
    "ItemResponseMixture": (lambda: emkit.irt.ItemResponseMixture(n_classes=1, random_state=0), graded),
    "CognitiveDiagnosis": (lambda: emkit.irt.CognitiveDiagnosis(np.ones((6, 1)), random_state=0), binary),
    "DawidSkene": (lambda: emkit.DawidSkene(layout="matrix", random_state=0), answers),
    "OneCoin": (lambda: emkit.labels.OneCoin(layout="matrix", random_state=0), answers),
    "MACE": (lambda: emkit.labels.MACE(layout="matrix", random_state=0), answers),
    "GLAD": (lambda: emkit.labels.GLAD(layout="matrix", random_state=0), answers),
    "FellegiSunter": (lambda: emkit.linkage.FellegiSunter(random_state=0), binary),
    "CensoredNormal": (lambda: emkit.censored.CensoredNormal(), intervals),
    "GaussianHMM": (lambda: emkit.GaussianHMM(2, **QUIET), lambda: chain(gaussian())),
    "StudentHMM": (lambda: emkit.hmm.StudentHMM(2, **QUIET), lambda: chain(gaussian())),
    "GMMHMM": (lambda: emkit.hmm.GMMHMM(2, n_mix=1, **QUIET), lambda: chain(gaussian())),
    "PoissonHMM": (lambda: emkit.hmm.PoissonHMM(2, **QUIET), lambda: chain(counts())),
    "CategoricalHMM": (lambda: emkit.hmm.CategoricalHMM(2, **QUIET), lambda: chain(binary())[:, :1]),
    "MultinomialHMM": (lambda: emkit.hmm.MultinomialHMM(2, **QUIET), lambda: chain(counts()) + 1),
    "HiddenMarkovModel": (lambda: emkit.hmm.HiddenMarkovModel("gaussian", 2, **QUIET), lambda: chain(gaussian())),
    "HiddenSemiMarkovModel": (
        lambda: emkit.hmm.HiddenSemiMarkovModel("gaussian", 2, max_duration=25, **QUIET),
        lambda: chain(gaussian()),
    ),
    "AutoregressiveHMM": (lambda: emkit.hmm.AutoregressiveHMM(2, **QUIET), lambda: chain(gaussian())[:, :1]),
    "CovariateHMM": (
        lambda: emkit.hmm.CovariateHMM("gaussian", 2, transition_covariates=[2], **QUIET),
        lambda: chain(gaussian()),
    ),
}
ELSEWHERE = {"MixtureOfRegressions"}  # its own test below: a batch has a response


def halves(X):
    """Return two batches that are alike: every other stretch of 40 rows."""
    parts = X.reshape(len(X) // 40, 40, -1)
    return parts[::2].reshape(-1, X.shape[1]), parts[1::2].reshape(-1, X.shape[1])


def fitted_by(make, batches):
    model = make()
    is_chain = isinstance(model, emkit.hmm._base.HiddenMarkovEstimator)
    for batch in batches:
        model.partial_fit(batch, *([[40] * (len(batch) // 40)] if is_chain else []))
    return model


@pytest.mark.parametrize("name", CASES)
def test_two_batches_lead_near_the_optimum_of_all_rows(name):
    make, draw = CASES[name]
    X = draw()
    first, second = halves(X)
    stream = fitted_by(make, [first, second, first, second])
    assert stream.fit_.status is emkit.Status.PARTIAL
    assert stream.fit_.notes[0].startswith("4 batches so far")
    is_chain = isinstance(stream, emkit.hmm._base.HiddenMarkovEstimator)
    whole = make().fit(X, *([[40] * (len(X) // 40)] if is_chain else []))
    source = whole.fit_.source
    theirs = Problem(whole.fit_.model, source).evaluate(whole.fit_.parameters).loglik
    mine = Problem(stream.fit_.model, source).evaluate(stream.fit_.parameters).loglik
    alone = make()
    alone = alone.fit(first, *([[40] * (len(first) // 40)] if is_chain else []))
    start = Problem(alone.fit_.model, source).evaluate(alone.fit_.parameters).loglik
    lost, at_first = theirs - mine, theirs - start
    assert lost < max(0.8 * at_first, 2.0), (lost, at_first)


def test_every_estimator_is_tested_or_says_that_it_takes_no_batches():
    def below(cls):
        for other in cls.__subclasses__():
            yield other
            yield from below(other)

    public = {
        cls.__name__
        for cls in below(ModelEstimator)
        if cls.__module__.startswith("emkit.") and cls.__name__ in dir(emkit) + dir_of_rooms()
    }
    silent = {name for name in public - set(CASES) - ELSEWHERE if hasattr(class_of(name), "partial_fit")}
    assert silent == set()


ROOMS = (emkit, emkit.mixture, emkit.hmm, emkit.factor, emkit.missing, emkit.irt, emkit.labels, emkit.linkage)


def dir_of_rooms():
    return [name for room in ROOMS for name in room.__all__] + list(emkit.censored.__all__)


def class_of(name):
    rooms = (*ROOMS, emkit.censored)
    found = next(getattr(room, name) for room in rooms if name in room.__all__)
    assert inspect.isclass(found)
    return found


def test_batches_of_a_regression_have_responses():
    x = RNG.normal(size=(N, 1))
    y = np.where(GROUP, 3 * x[:, 0], -3 * x[:, 0]) + 0.3 * RNG.normal(size=N)
    stream = emkit.MixtureOfRegressions(2, random_state=0, n_init=2)
    for rows in (slice(0, 600), slice(600, N)):
        stream.partial_fit(x[rows], y[rows])
    assert stream.fit_.status is emkit.Status.PARTIAL
    assert stream.score(x, y) == pytest.approx(
        emkit.MixtureOfRegressions(2, random_state=0).fit(x, y).score(x, y), abs=0.01
    )


def test_batches_of_sequences_are_whole_sequences():
    X = chain(gaussian())
    by_name = emkit.GaussianHMM(2, random_state=0, n_init=1)
    by_length = emkit.GaussianHMM(2, random_state=0, n_init=1)
    weights = np.repeat([1.0, 2.0], N // 80)
    for part, w in ((X[: N // 2], weights[: N // 80]), (X[N // 2 :], weights[N // 80 :])):
        who = np.repeat(np.arange(len(part) // 40), 40)
        by_name.partial_fit(part, sequence=who, sample_weight=w)
        by_length.partial_fit(part, [40] * (len(part) // 40), w)
    assert by_name.fit_.loglik == by_length.fit_.loglik
    assert by_name.fit_.weight == N  # the last batch: half of the rows, each of weight 2
    merged = emkit.GaussianHMM(2, random_state=0, n_init=1)
    for part in (X[: N // 2], X[N // 2 :]):
        merged.partial_fit(part)  # one sequence each
    assert merged.transmat_.tolist() != by_length.transmat_.tolist()


@pytest.mark.parametrize("name", ["GaussianHMM", "PoissonHMM", "FactorAnalysis", "PoissonMixture", "ItemResponseModel"])
@pytest.mark.parametrize("solver", [emkit.Online(), emkit.Incremental()], ids=["online", "incremental"])
def test_solvers_of_passes_reach_the_optimum(name, solver):
    """More than one block, so that M-steps come between blocks."""
    make, draw = CASES[name]
    X = np.concatenate([draw() for _ in range(2 * BLOCK_ROWS // N)])
    is_chain = "HMM" in name
    lengths = [[40] * (len(X) // 40)] if is_chain else []
    plain, other = make(), make().set_params(solver=solver, max_iter=60)
    plain.fit(X, *lengths)
    other.fit(X, *lengths)
    assert other.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=0.5)
