"""Each law catches a model that breaks it."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from emkit import testing as laws
from emkit.testing import LawBroken

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from abo import Abo, AboParameters

sys.path.pop(0)

X = np.array([[186.0, 38, 13, 284], [100, 30, 9, 150], [20, 5, 1, 40]])


@dataclass(frozen=True)
class OvershootingMStep(Abo):
    def m_step(self, statistics, parameters):
        new = super().m_step(statistics, parameters).freq
        far = np.abs(3.5 * (new - parameters.freq) + parameters.freq) + 1e-3
        return AboParameters(far / far.sum())


@dataclass(frozen=True)
class BiasedMStep(Abo):
    def m_step(self, statistics, parameters):
        freq = super().m_step(statistics, parameters).freq + np.array([0.01, 0, 0])
        return AboParameters(freq / freq.sum())


@dataclass(frozen=True)
class WrongQ(Abo):
    def expected_loglik(self, parameters, statistics):
        return 1.01 * statistics.alleles[:2] @ np.log(parameters.freq[:2])


@dataclass(frozen=True)
class MeanOfRows(Abo):
    def e_step(self, parameters, block):
        return super().e_step(parameters, block) * (1 / len(block.X))


@dataclass(frozen=True)
class IgnoresWeights(Abo):
    def e_step(self, parameters, block):
        return super().e_step(parameters, replace(block, weights=np.ones(len(block.X))))


@dataclass(frozen=True)
class LooksAtOrder(Abo):
    def e_step(self, parameters, block):
        statistics = super().e_step(parameters, block)
        return replace(statistics, loglik=statistics.loglik + 1e-3 * block.X[0, 0])


@dataclass(frozen=True)
class ShiftedLikelihood(Abo):
    def e_step(self, parameters, block):
        statistics = super().e_step(parameters, block)
        return replace(statistics, loglik=statistics.loglik + 1.0)


@dataclass(frozen=True)
class RestlessOrder(Abo):
    def canonical(self, parameters):
        return AboParameters(parameters.freq[[1, 2, 0]])


@dataclass(frozen=True)
class CountsBlocks(Abo):
    def e_step(self, parameters, block):
        statistics = super().e_step(parameters, block)
        return replace(statistics, alleles=statistics.alleles + 1.0)


@dataclass(frozen=True)
class SinglePrecision(Abo):
    def e_step(self, parameters, block):
        rows = block.X.astype(np.float32) * np.float32(1 + 3e-7 * (block.X.dtype == np.float32))
        return super().e_step(parameters, replace(block, X=rows))


@pytest.mark.parametrize(
    ("law", "model"),
    [
        (laws.check_monotone, OvershootingMStep()),
        (laws.check_fixed_point, BiasedMStep()),
        (laws.check_score, WrongQ()),
        (laws.check_statistics_add, MeanOfRows()),
        (laws.check_weights, IgnoresWeights()),
        (laws.check_zero_weight, IgnoresWeights()),
        (laws.check_row_order, LooksAtOrder()),
        (laws.check_canonical, RestlessOrder()),
        (laws.check_blocks_and_threads, CountsBlocks()),
        (laws.check_float32, SinglePrecision()),
        (laws.check_model, BiasedMStep()),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_law_catches_the_model_that_breaks_it(law, model):
    with pytest.raises(LawBroken, match="law broken"):
        law(model, X)


def test_brute_force_catches_a_shifted_likelihood():
    def loglik(parameters, rows):
        p, q, r = parameters.freq
        prob = np.array([p * (p + 2 * r), q * (q + 2 * r), 2 * p * q, r * r])
        return float(rows.sum(axis=0) @ np.log(prob))

    laws.check_brute_force(Abo(), X, loglik)
    with pytest.raises(LawBroken, match="log-likelihood is right"):
        laws.check_brute_force(ShiftedLikelihood(), X, loglik)
