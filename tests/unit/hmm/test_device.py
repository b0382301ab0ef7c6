"""Hidden Markov models of sequences in arrays of other libraries: the same fit, run there, with answers in kind."""

import numpy as np
import pytest

import emkit
from emkit.core import leaves
from emkit.data.device_sequences import DeviceSequences
from emkit.data.sequences import SequenceSource
from emkit.errors import DataError
from emkit.hmm import HiddenMarkov
from emkit.hmm.chain import Chain
from emkit.kernels.foreign import host

RNG = np.random.default_rng(0)
LENGTHS = np.array([150, 1, 200, 49])
N = int(LENGTHS.sum())
STATES = (np.cumsum(RNG.random(N) < 0.1) % 2).astype(int)
ROWS = RNG.normal(size=(N, 2)) + 3.0 * STATES[:, None]
COUNTS = RNG.poisson(3 + 6 * STATES[:, None], size=(N, 5)).astype(float)
CODES = np.where(RNG.random(N) < 0.8, STATES, RNG.integers(0, 4, N))[:, None].astype(float)


def holed(X):
    holes = X.copy()
    holes[np.random.default_rng(1).random(X.shape) < 0.1] = np.nan
    holes[[3, 160]] = np.nan
    return holes


CASES = {
    "gaussian": (lambda **options: emkit.GaussianHMM(2, **options), ROWS),
    "gaussian full with holes": (lambda **options: emkit.GaussianHMM(2, "full", **options), holed(ROWS)),
    "student": (lambda **options: emkit.StudentHMM(2, **options), ROWS),
    "poisson": (lambda **options: emkit.PoissonHMM(2, **options), COUNTS),
    "poisson with holes": (lambda **options: emkit.PoissonHMM(2, **options), holed(COUNTS)),
    "categorical": (lambda **options: emkit.CategoricalHMM(2, **options), holed(CODES)),
    "gamma": (lambda **options: emkit.HiddenMarkovModel("gamma", 2, **options), np.exp(ROWS)),
    "left to right": (lambda **options: emkit.GaussianHMM(3, transmat="left-right", **options), ROWS),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("weights", [None, np.array([2.0, 1.0, 0.0, 0.5])], ids=["plain", "weighted"])
def test_the_same_fit_there(made, name, weights):
    build, X = CASES[name]
    data = made(X)
    here, there = (build(random_state=0, n_init=1).fit(rows, LENGTHS, weights) for rows in (X, data))
    assert isinstance(there.fit_.source, DeviceSequences)
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-11)
    for mine, theirs in zip(leaves(there.parameters_), leaves(here.parameters_), strict=True):
        np.testing.assert_allclose(mine.value, theirs.value, rtol=1e-6, atol=1e-8)
    resp, path, filtered = there.predict_proba(data, LENGTHS), there.predict(data, LENGTHS), there.filter(data, LENGTHS)
    assert type(resp) is type(path) is type(filtered) is type(data)
    np.testing.assert_allclose(host(resp), here.predict_proba(X, LENGTHS), atol=1e-7)
    np.testing.assert_allclose(host(filtered), here.filter(X, LENGTHS), atol=1e-7)
    assert (host(path) == here.predict(X, LENGTHS)).all()
    assert there.score(data, LENGTHS) == pytest.approx(here.score(X, LENGTHS), rel=1e-11)
    for kind in ("map", "viterbi"):
        mine, theirs = there.decode(data, LENGTHS, kind), here.decode(X, LENGTHS, kind)
        assert mine[0] == pytest.approx(theirs[0], rel=1e-9)
        assert (host(mine[1]) == theirs[1]).all()


def test_lists_of_arrays_and_flat_ones(made):
    whole = emkit.GaussianHMM(2, random_state=0, n_init=1).fit(made(ROWS), made(LENGTHS))
    parts = [made(part) for part in np.split(ROWS, np.cumsum(LENGTHS)[:-1])]
    assert emkit.GaussianHMM(2, random_state=0, n_init=1).fit(parts).fit_.loglik == whole.fit_.loglik
    flat = emkit.GaussianHMM(2, random_state=0, n_init=1).fit(made(ROWS[:, 0]), LENGTHS)
    assert flat.means_.shape == (2, 1)
    with pytest.raises(DataError, match="same columns, but sequence 0 has shape"):
        emkit.GaussianHMM(2).fit([parts[0], parts[2][:, :1]])


def test_rows_to_be_sorted_are_sorted_here_and_answered_in_kind(made):
    order = np.random.default_rng(2).permutation(N)
    time = np.arange(N)[order]
    here, there = (
        emkit.GaussianHMM(2, random_state=0, n_init=1).fit(kind(ROWS[order]), time=time) for kind in (np.asarray, made)
    )
    assert isinstance(there.fit_.source, SequenceSource)
    assert there.fit_.loglik == here.fit_.loglik
    states = there.predict(made(ROWS[order]), time=time)
    assert type(states) is type(made(ROWS))
    assert (host(states) == here.predict(ROWS[order], time=time)).all()


def test_what_a_fit_is_asked_afterwards(made):
    here, there = (
        emkit.GaussianHMM(2, random_state=0, n_init=1).fit(kind(ROWS), LENGTHS) for kind in (np.asarray, made)
    )
    np.testing.assert_allclose(there.standard_errors().values, here.standard_errors().values, rtol=1e-5)
    np.testing.assert_allclose(
        host(there.sample_paths(made(ROWS), LENGTHS, random_state=0)), here.sample_paths(ROWS, LENGTHS, random_state=0)
    )
    mine, theirs = (fit.forecast(rows, LENGTHS, h=2)[0] for fit, rows in ((there, made(ROWS)), (here, ROWS)))
    np.testing.assert_allclose(mine.states, theirs.states)


def test_a_sequence_that_no_path_explains_is_named(made):
    model = emkit.CategoricalHMM(2)
    model.startprob_, model.transmat_, model.emissionprob_ = np.array([0.5, 0.5]), np.eye(2), np.eye(2)
    with pytest.raises(DataError, match="sequence 1 has probability zero under every path: row 1 of it"):
        model.predict(made(np.array([[0.0], [0.0], [0.0], [1.0]])), [2, 2])


def test_rows_of_a_device_are_one_sequence(made):
    model = HiddenMarkov(chain=Chain(2))
    here, there = (emkit.fit(model, kind(ROWS), rng=0, n_starts=1) for kind in (np.asarray, made))
    assert there.loglik == pytest.approx(here.loglik, rel=1e-11)
