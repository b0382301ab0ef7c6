"""Regressions as a family: safe steps from anywhere, and as emissions of a hidden Markov model."""

import numpy as np
import pytest

import emkit
from emkit.core import Problem
from emkit.data import as_source
from emkit.families import BinomialResponse, GaussianResponse, PoissonResponse, Regressions
from emkit.families.basis import safe_length
from emkit.families.effects import EffectParameters
from emkit.families.regression import RegressionMembers
from emkit.mixture import FiniteMixture, MixtureParameters


def _rows(response, n=200):
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, n)
    eta = np.where(rng.random(n) < 0.5, 6 + x, 2 - 0.8 * x)
    y = rng.poisson(np.exp(eta)) if response == "poisson" else rng.random(n) < 1 / (1 + np.exp(4 - eta))
    return np.column_stack([y.astype(float), np.ones(n), 1e3 + x])


@pytest.mark.parametrize("common", [(), (1,), (0,)])
@pytest.mark.parametrize("kind", [PoissonResponse(0), BinomialResponse(0)], ids=lambda r: r.name)
def test_steps_from_absurd_parameters_never_lower_the_likelihood(kind, common):
    model = FiniteMixture(Regressions((kind,), (1, 2), common), 2)
    ready, source = model.prepare(as_source(_rows(kind.name)))
    problem = Problem(ready, source)
    own = 2 - len(common)
    at = EffectParameters(np.array([[-3.0, 0.001], [4.0, -0.002]])[:, :own], np.zeros(len(common)), np.empty(0))
    point = problem.evaluate(MixtureParameters(np.array([0.5, 0.5]), RegressionMembers((at,))))
    first = point.objective
    for _ in range(60):
        after = problem.evaluate(problem.em_step(point))
        assert after.objective >= point.objective - 1e-12 * abs(point.objective) - 1e-9  # counts near 1e4, x near 1e3
        point = after
    assert point.objective > first


def test_a_full_newton_step_would_overshoot():
    assert safe_length(0.0) == 1.0
    assert safe_length(1e-3) == pytest.approx(1 - 5e-4, rel=1e-3)
    y, eta, reach = 1e4, 0.0, 0.0
    step = (y - np.exp(eta)) / np.exp(eta)
    reach = abs(step)
    gain = [y * t * step - (np.exp(min(t * step, 700)) - 1) for t in (safe_length(reach), 1.0)]
    assert gain[0] > 0 > gain[1]


def test_switching_regression_in_a_hidden_markov_model():
    rng = np.random.default_rng(1)
    states = np.zeros(400, dtype=int)
    for t in range(1, 400):
        states[t] = states[t - 1] if rng.random() < 0.95 else 1 - states[t - 1]
    x = rng.uniform(-2, 2, 400)
    y = np.where(states == 0, 1 + 2 * x, 4 - x) + 0.6 * rng.normal(size=400)
    X = np.column_stack([y, np.ones(400), x])
    model = emkit.HiddenMarkovModel(Regressions((GaussianResponse(0),), (1, 2)), 2, random_state=0).fit(X)
    coef = model.fit_.parameters.members.responses[0].coef
    np.testing.assert_allclose(coef[np.argsort(coef[:, 0])], [[1, 2], [4, -1]], atol=0.2)
    found = model.predict(X)
    assert max(np.mean(found == states), np.mean(found != states)) > 0.95
