"""Toy problems whose answers are known: a slow quadratic, and a valley between two hills."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from emkit.core import Model, Parameters, Problem, Real, Statistics, space
from emkit.data import as_source


@dataclass(frozen=True)
class Vector(Parameters):
    x: np.ndarray = space(Real())


@dataclass(frozen=True)
class Here(Statistics):
    slope: np.ndarray


@dataclass(frozen=True)
class Quadratic(Model):
    """The objective -1/2 sum_i c_i (x_i - 1)^2, c = 1, ..., `slowest`; an EM step shrinks error i by 1 - c_i / 1.25."""

    slowest: float = 1e-3
    size: int = 4
    height: float = -10.0

    @property
    def curvature(self):
        return np.geomspace(1.0, self.slowest, self.size)

    def start(self, source, rng):
        return Vector(rng.normal(scale=3.0, size=self.size))

    def e_step(self, parameters, block):
        gap = 1.0 - parameters.x
        share = float(block.weights.sum())
        return Here(share * (self.height - 0.5 * float(self.curvature @ gap**2)), share, share * self.curvature * gap)

    def m_step(self, statistics, parameters):
        return Vector(parameters.x + statistics.slope / statistics.weight / 1.25)


@dataclass(frozen=True)
class QuadraticWithQ(Quadratic):
    """The same with its score: Q is linear in the slope; at the point of the E-step its gradient is the score."""

    def expected_loglik(self, parameters, statistics):
        return float(statistics.slope @ parameters.x)


@dataclass(frozen=True)
class TwoHills(Model):
    """Two maxima, at -1 (height 0) and near 2 (height 0.5 `gain`): f(x) = -(x + 1)^2 (x - 2)^2 + gain (x + 1) / 6."""

    gain: float = 1.0

    def start(self, source, rng):
        return Vector(rng.uniform(-2.5, 3.0, size=1))

    def e_step(self, parameters, block):
        x, share = parameters.x, float(block.weights.sum())
        value = -((x + 1) ** 2) * (x - 2) ** 2 + self.gain * (x + 1) / 6
        slope = -2 * (x + 1) * (x - 2) * (2 * x - 1) + self.gain / 6
        return Here(share * float(value[0]), share, share * slope)

    def m_step(self, statistics, parameters):
        return Vector(parameters.x + 0.02 * statistics.slope / statistics.weight)


@dataclass(frozen=True)
class TwoHillsWithQ(TwoHills):
    def expected_loglik(self, parameters, statistics):
        return float(statistics.slope @ parameters.x)


@pytest.fixture
def toy():
    one_row = as_source([[0.0]], n_threads=1)

    def problem(model):
        return Problem(model, one_row)

    return SimpleNamespace(
        Vector=Vector, Here=Here, Quadratic=Quadratic, QuadraticWithQ=QuadraticWithQ, TwoHills=TwoHills,
        TwoHillsWithQ=TwoHillsWithQ,
        source=one_row, problem=problem,
    )  # fmt: skip
