"""Stochastic approximation of a model of one's own: places of rows that are seen with noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from emkit.core import RobbinsMonro, Status, maximise
from emkit.core.model import Model
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real
from emkit.core.statistics import Statistics
from emkit.data import as_source


@dataclass(frozen=True)
class Places(Parameters):
    mean: Any = space(Real())
    var: Any = space(Positive())


@dataclass(frozen=True)
class Sums(Statistics):
    first: float
    second: float


@dataclass(frozen=True)
class Hidden(Model):
    """x_i = z_i + e_i with e_i ~ N(0, 1) and z_i ~ N(mean, var), the z hidden."""

    def start(self, source, rng):
        return Places(np.zeros(1), np.ones(1))

    def e_step(self, parameters, block):
        x, mean, var = block.X[:, 0], parameters.mean[0], parameters.var[0]
        z = mean + (x - mean) * var / (var + 1)
        loglik = -0.5 * ((x - mean) ** 2 / (var + 1) + np.log(2 * np.pi * (var + 1))) @ block.weights
        spread = len(x) * var / (var + 1)
        return Sums(float(loglik), float(len(x)), float(z.sum()), float((z**2).sum() + spread))

    def m_step(self, statistics, parameters):
        mean = statistics.first / statistics.weight
        return Places(np.array([mean]), np.array([statistics.second / statistics.weight - mean**2]))

    def score(self, parameters, statistics):
        mean, var, n = parameters.mean[0], parameters.var[0], statistics.weight
        square = statistics.second - 2 * mean * statistics.first + n * mean**2
        by_mean = (statistics.first - n * mean) / var
        return Places(np.array([by_mean]), np.array([0.5 * (square / var - n) / var]))

    def imputing(self):
        return Drawn()


@dataclass(frozen=True)
class Drawn(Hidden):
    """The same model with z drawn from its distribution given x: a chain without memory."""

    def e_step(self, parameters, block):
        return self.drawn(parameters, block, None, np.random.default_rng(0), 1, 1.0)[1]

    def drawn(self, parameters, block, state, rng, n_moves, tuning):
        x, mean, var = block.X[:, 0], parameters.mean[0], parameters.var[0]
        z = mean + (x - mean) * var / (var + 1) + np.sqrt(var / (var + 1)) * rng.standard_normal(len(x))
        height = -0.5 * ((x - z) ** 2 + (z - mean) ** 2 / var + np.log(var))
        n = 1 if state is None else state + 1
        return n, Sums(float(height.sum()), float(len(x)), float(z.sum()), float((z**2).sum()))


def rows():
    return np.random.default_rng(1).normal(2.0, 1.5, size=(400, 1))


def test_average_is_near_the_optimum_which_is_known():
    X = rows()
    fit = maximise(Hidden(), as_source(X), solver=RobbinsMonro(accuracy=0.05), n_starts=1, max_iter=5000)
    mean, var = X.mean(), X.var() - 1
    assert fit.is_converged
    assert fit.parameters.mean[0] == pytest.approx(mean, abs=0.03)
    assert fit.parameters.var[0] == pytest.approx(var, abs=0.06)
    best = -0.5 * 400 * (1 + np.log(2 * np.pi * X.var()))
    assert best - 0.05 < fit.loglik <= best + 1e-9  # that of the model which was asked for, at the average


def test_windows_double_and_gains_halve():
    fit = maximise(Hidden(), as_source(rows()), solver=RobbinsMonro(10, 20, 1e-9), n_starts=1, max_iter=10 + 140)
    gains = fit.trace.step_length[1:]
    np.testing.assert_array_equal(gains, np.repeat([1.0, 1.0, 0.5, 0.25], [10, 20, 40, 80]))
    assert fit.status is Status.MAX_ITER


def test_seed_decides_and_nothing_else():
    found = [
        maximise(Hidden(), as_source(rows()), solver=RobbinsMonro(seed=seed), n_starts=1, rng=rng, max_iter=60)
        for seed, rng in ((0, 0), (0, 1), (1, 0))
    ]
    assert found[0].parameters.mean[0] == found[1].parameters.mean[0]
    assert found[0].parameters.mean[0] != found[2].parameters.mean[0]


def test_objective_falls_and_is_no_drop():
    fit = maximise(Hidden(), as_source(rows()), solver=RobbinsMonro(), n_starts=1)
    assert (np.diff(fit.trace.objective) < -1.0).any()
    assert fit.status is Status.CONVERGED
