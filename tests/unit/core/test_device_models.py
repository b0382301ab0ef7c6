"""A model of one's own in array-API code runs where its rows are; one that is not gets rows of NumPy."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import emkit
from emkit.core import Model, Parameters, Statistics, space
from emkit.core.spaces import Positive, Simplex
from emkit.data.device import DeviceSource
from emkit.kernels.foreign import host, is_foreign, like, namespace

TIMES = np.random.default_rng(0).exponential(np.repeat([1.0, 9.0], 400))[:, None]


@dataclass(frozen=True)
class WaitingParameters(Parameters):
    mix: np.ndarray = space(Simplex())
    mean: np.ndarray = space(Positive())


@dataclass(frozen=True)
class WaitingStatistics(Statistics):
    count: np.ndarray
    total: np.ndarray


@dataclass(frozen=True)
class Waiting(Model):
    """Two kinds of exponential waiting times."""

    takes_device: bool = True

    def start(self, source, rng):
        mean = source.column_moments().mean[0]
        return WaitingParameters(np.array([0.5, 0.5]), mean * np.array([0.5, 2.0]))

    def e_step(self, parameters, block):
        assert is_foreign(block.X) == self.takes_device
        xp, x = namespace(block.X), block.X[:, 0]
        mix, mean = like(x, parameters.mix), like(x, parameters.mean)
        density = mix / mean * xp.exp(-x[:, None] / mean)
        total = xp.sum(density, axis=1)
        resp = density / total[:, None]
        sums = xp.sum(resp, axis=0), xp.sum(resp * x[:, None], axis=0)
        return WaitingStatistics(float(xp.sum(xp.log(total))), float(block.n_rows), *map(host, sums))

    def m_step(self, statistics, parameters):
        return WaitingParameters(statistics.count / statistics.weight, statistics.total / statistics.count)

    def expected_loglik(self, parameters, statistics):
        own = statistics.count @ np.log(parameters.mix / parameters.mean)
        return float(own - (statistics.total / parameters.mean).sum())


@pytest.mark.parametrize("takes_device", [True, False])
def test_rows_are_where_the_model_says(made, takes_device):
    here = emkit.fit(replace(Waiting(), takes_device=False), TIMES, rng=0)
    there = emkit.fit(Waiting(takes_device), made(TIMES), rng=0)
    assert isinstance(there.source, DeviceSource) == takes_device
    assert there.loglik == pytest.approx(here.loglik, rel=1e-12)
    np.testing.assert_allclose(there.parameters.mean, here.parameters.mean, rtol=1e-6)
    np.testing.assert_allclose(there.standard_errors().values, here.standard_errors().values, rtol=1e-5)
