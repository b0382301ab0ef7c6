"""Hidden semi-Markov models against enumeration of all paths, and autoregressions against Stata and statsmodels.

Figures: exhaustive enumeration of K = 3, D = 4, T = 8; Hamilton 1989 (statsmodels 0.15.0's test value -181.26339);
Stata's switching regression of annual returns (statsmodels' test value -745.7977); depmixS4 1.5-1 (speed).
"""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

import emkit
from emkit.families.names import family_named
from emkit.families.product import Product

HERE = Path(__file__).parent / "data" / "hmm"
INIT = np.array([0.5, 0.3, 0.2])
TRANS = np.array([[0.0, 0.6, 0.4], [0.3, 0.0, 0.7], [0.5, 0.5, 0.0]])
STAYS = np.array([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]])
SYMBOLS = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
Y = np.array([0, 0, 1, 1, 1, 2, 0, 2.0])[:, None]


def _by_hand(*, censored=True):
    model = emkit.HiddenSemiMarkovModel("categorical", 3, right_censored=censored)
    model.startprob_, model.transmat_, model.durations_, model.emissions_ = INIT, TRANS, STAYS, SYMBOLS
    return model


@pytest.mark.parametrize(
    ("censored", "loglik", "first", "best"),
    [
        (True, -8.010451775637366, 0.9447551265789723, -9.48654045547899),
        (False, -8.797421897315948, 0.944036338390733, -10.179687636038935),
    ],
)
def test_enumeration(censored, loglik, first, best):
    model = _by_hand(censored=censored)
    assert model.score(Y) == pytest.approx(loglik, abs=1e-12)
    assert model.predict_proba(Y)[0, 0] == pytest.approx(first, abs=1e-12)
    joint, path = model.decode(Y)
    assert joint == pytest.approx(best, abs=1e-12)
    np.testing.assert_array_equal(path, [0, 0, 1, 1, 1, 2, 2, 2])


@pytest.mark.parametrize("censored", [True, False])
def test_posteriors_by_a_sum_over_all_paths(censored):
    total, resp = 0.0, np.zeros((5, 3))
    alive = STAYS[:, ::-1].cumsum(axis=1)[:, ::-1]
    for path in itertools.product(range(3), repeat=5):
        runs = [(state, len(list(run))) for state, run in itertools.groupby(path)]
        prob = INIT[path[0]] * np.prod([TRANS[a, b] for (a, _), (b, _) in itertools.pairwise(runs)])
        for i, (state, length) in enumerate(runs):
            table = alive if censored and i == len(runs) - 1 else STAYS
            prob *= table[state, length - 1] if length <= 4 else 0.0
        prob *= np.prod(SYMBOLS[list(path), Y[:5, 0].astype(int)])
        total += prob
        resp[range(5), path] += prob
    model = _by_hand(censored=censored)
    assert model.score(Y[:5]) == pytest.approx(np.log(total), abs=1e-12)
    np.testing.assert_allclose(model.predict_proba(Y[:5]), resp / total, atol=1e-12)


def test_geometric_durations_are_a_hidden_markov_model():
    years = emkit.load_data("earthquakes")["n"]
    plain = emkit.PoissonHMM(3, random_state=0, n_init=4).fit(years)
    stay = plain.transmat_.diagonal()
    model = emkit.HiddenSemiMarkovModel("poisson", 3)
    model.startprob_, model.emissions_ = plain.startprob_, plain.lambdas_
    moves = plain.transmat_ - np.diag(stay)
    model.transmat_ = moves / moves.sum(axis=1, keepdims=True)
    u = np.arange(len(years))
    model.durations_ = stay[:, None] ** u * (1 - stay)[:, None]
    model.durations_[:, -1] = stay ** u[-1]
    model.durations_ /= model.durations_.sum(axis=1, keepdims=True)
    assert model.score(years) == pytest.approx(plain.score(years), abs=1e-9)
    np.testing.assert_allclose(model.predict_proba(years), plain.predict_proba(years), atol=1e-9)
    np.testing.assert_array_equal(model.predict(years), plain.predict(years))
    ahead, told = model.forecast(years, h=3).states, plain.forecast(years, h=3).states
    np.testing.assert_allclose(ahead, told, atol=1e-9)


def test_hamilton():
    series = np.loadtxt(HERE / "rgnp_hamilton.csv", skiprows=1)
    model = emkit.AutoregressiveHMM(2, 4, form="mean", random_state=0).fit(series)
    assert model.fit_.loglik == pytest.approx(-181.26339426, abs=1e-6)
    np.testing.assert_allclose(model.intercepts_, [-0.358814, 1.163516], atol=1e-4)
    np.testing.assert_allclose(model.ar_coefs_[0], [0.013487, -0.057522, -0.246983, -0.212921], atol=1e-4)
    np.testing.assert_allclose(model.transmat_[:, 0], [0.75467, 0.095915], atol=1e-4)
    assert model.variances_[0] == pytest.approx(0.591368, abs=1e-5)
    assert model.n_parameters_ == 9
    assert model.predict_proba(series).shape == (135, 2)


def test_switching_regression():
    series = np.loadtxt(HERE / "areturns.csv", skiprows=1)
    model = emkit.AutoregressiveHMM(2, 1, random_state=0).fit(series)
    assert model.fit_.loglik == pytest.approx(-745.7976974447165, abs=1e-5)
    np.testing.assert_allclose(model.intercepts_, [0.76416, 1.97280], atol=1e-3)
    np.testing.assert_allclose(model.ar_coefs_.ravel(), [0.07907, 0.52794], atol=1e-3)
    np.testing.assert_allclose(model.variances_, [0.34761, 2.57715], atol=1e-3)
    given = np.column_stack([series[1:], series[:-1]])
    same = emkit.AutoregressiveHMM(2, 0, random_state=0, n_init=8).fit(given)
    assert same.fit_.loglik == pytest.approx(model.fit_.loglik, abs=1e-5)


def _speed():
    with (HERE / "depmix_speed.csv").open() as file:
        rows = list(csv.DictReader(file))
    rt, paid = (np.array([float(row[name]) for row in rows]) for name in ("rt", "Pacc"))
    correct = np.array([row["corr"] == "cor" for row in rows], dtype=float)
    return rt, correct, (paid - paid.mean()) / paid.std(ddof=1)


def test_covariates_on_transitions():
    """depmixS4 1.5-1: speed, transitions ~ scale(Pacc)."""
    rt, correct, paid = _speed()
    one = emkit.CovariateHMM("gaussian", 2, transition_covariates=[1], random_state=0)
    one.fit(np.column_stack([rt, paid]))
    assert one.fit_.loglik == pytest.approx(-44.19947931, abs=1e-6)
    assert one.n_parameters_ == 9
    emission = Product((family_named("gaussian"), family_named("bernoulli")), ((0,), (1,)))
    both = emkit.CovariateHMM(emission, 2, transition_covariates=[2], random_state=0)
    both.fit(np.column_stack([rt, correct, paid]), lengths=[168, 134, 137])
    assert both.fit_.loglik == pytest.approx(-248.97220153, abs=1e-5)
    np.testing.assert_allclose(both.transition_coefs_[0, 1], [-0.892553, 2.128743], atol=2e-3)
    np.testing.assert_allclose(both.transition_coefs_[1, 1], [2.390501, 3.690981], atol=2e-3)
    again = emkit.CovariateHMM("gaussian", 2, transition_covariates=[1])
    for name in ("startprob_", "transmat_", "transition_coefs_", "emissions_"):
        setattr(again, name, getattr(one, name))
    assert again.score(np.column_stack([rt, paid])) == pytest.approx(one.fit_.loglik, abs=1e-9)
    assert (
        one.predict(np.column_stack([rt, paid])) == (one.predict_proba(np.column_stack([rt, paid]))[:, 1] > 0.5)
    ).mean() > 0.95
