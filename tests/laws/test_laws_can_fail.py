"""Each law catches a model that breaks it."""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

import emkit
from emkit import testing as laws
from emkit.core import Positive, Real, space
from emkit.testing import LawBroken

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from abo import Abo, AboParameters, AboStatistics

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
class SteepQ(Abo):
    def expected_loglik(self, parameters, statistics):
        return 2 * statistics.alleles @ np.log(parameters.freq)


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


@dataclass(frozen=True)
class PreviousLikelihood(Abo):
    """Reports what it found at the parameters before, as most libraries do."""

    last: list = field(default_factory=lambda: [-1e6])

    def e_step(self, parameters, block):
        statistics = super().e_step(parameters, block)
        self.last.append(statistics.loglik)
        return replace(statistics, loglik=self.last[-2])


@dataclass(frozen=True)
class GetsTired(Abo):
    """Its M-step stops moving after a dozen calls: who comes first gets to the top, the others do not."""

    calls: list = field(default_factory=list, compare=False)

    def m_step(self, statistics, parameters):
        self.calls.append(1)
        return super().m_step(statistics, parameters) if len(self.calls) <= 12 else parameters


@dataclass(frozen=True)
class LeavesTheSimplex(Abo):
    def m_step(self, statistics, parameters):
        return AboParameters(super().m_step(statistics, parameters).freq * 1.001)


@dataclass(frozen=True)
class Rounded(AboParameters):
    """Forgets digits when it is made."""

    def __post_init__(self):
        object.__setattr__(self, "freq", np.sqrt(self.freq))


@dataclass(frozen=True)
class ForgetsWhenSaved(Abo):
    def start(self, source, rng):
        return Rounded(super().start(source, rng).freq)

    def e_step(self, parameters, block):
        return super().e_step(AboParameters(parameters.freq / parameters.freq.sum()), block)

    def m_step(self, statistics, parameters):
        return Rounded(super().m_step(statistics, parameters).freq)


@dataclass(frozen=True)
class DrawsElsewhere(Abo):
    def start(self, source, rng):
        return super().start(source, np.random.default_rng())


@dataclass(frozen=True)
class RacesWithItself(Abo):
    """Sees the other blocks that are worked on at the same time."""

    begun: list = field(default_factory=list)

    def e_step(self, parameters, block):
        self.begun.append(block.start)
        statistics = super().e_step(parameters, block)
        return replace(statistics, alleles=statistics.alleles * (1 + 1e-9 * len(self.begun)))


@dataclass(frozen=True)
class CountsRows(Abo):
    """Starts where the number of rows says, those of weight zero included."""

    def start(self, source, rng):
        return AboParameters(np.array([0.3, 0.3, 0.4]))

    def m_step(self, statistics, parameters):
        return AboParameters(super().m_step(statistics, parameters).freq)

    def e_step(self, parameters, block):
        statistics = super().e_step(parameters, block)
        return replace(statistics, loglik=statistics.loglik - 1e-3 * len(block.X))


@dataclass(frozen=True)
class AsksWhereRowsAre(Abo):
    """Counts a phenotype twice where the rows come from elsewhere."""

    def prepare(self, source):
        return self if source.is_in_memory else DoubleO(), source


@dataclass(frozen=True)
class DoubleO(Abo):
    def e_step(self, parameters, block):
        return super().e_step(parameters, replace(block, X=block.X * np.array([1.0, 1, 1, 2])))


@dataclass(frozen=True)
class Drifting(AboStatistics):
    """Changes each time it is made: what comes out of a file is not what went in."""

    def __post_init__(self):
        object.__setattr__(self, "alleles", self.alleles + np.array([1e-3, 0, 0]))


@dataclass(frozen=True)
class ForgetsWhenKept(Abo):
    def e_step(self, parameters, block):
        statistics = super().e_step(parameters, block)
        return Drifting(loglik=statistics.loglik, weight=statistics.weight, alleles=statistics.alleles)


@dataclass(frozen=True)
class PulledByWeight(Abo):
    """Its M-step depends on how many rows there are, and not on what they say alone."""

    def m_step(self, statistics, parameters):
        pulled = statistics.alleles + 0.1 * statistics.weight**2
        return AboParameters(pulled / pulled.sum())


@pytest.mark.parametrize(
    ("law", "model"),
    [
        (laws.check_monotone, OvershootingMStep()),
        (laws.check_fixed_point, BiasedMStep()),
        (laws.check_score, WrongQ()),
        (laws.check_information, SteepQ()),
        (laws.check_statistics_add, MeanOfRows()),
        (laws.check_weights, IgnoresWeights()),
        (laws.check_zero_weight, IgnoresWeights()),
        (laws.check_row_order, LooksAtOrder()),
        (laws.check_canonical, RestlessOrder()),
        (laws.check_blocks_and_threads, CountsBlocks()),
        (laws.check_float32, SinglePrecision()),
        (laws.check_stationary, BiasedMStep()),
        (laws.check_reported, PreviousLikelihood()),
        (laws.check_solvers_agree, GetsTired()),
        (laws.check_spaces, LeavesTheSimplex()),
        (laws.check_save_and_load, ForgetsWhenSaved()),
        (laws.check_reproducible, DrawsElsewhere()),
        (laws.check_threads, RacesWithItself()),
        (laws.check_absence, CountsRows()),
        (laws.check_information, WrongQ()),
        (laws.check_resumes, ForgetsWhenKept()),
        (laws.check_streams, AsksWhereRowsAre()),
        (laws.check_partial, PulledByWeight()),
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


@dataclass(frozen=True)
class NormalParameters(emkit.Parameters):
    mean: np.ndarray = space(Real())
    var: np.ndarray = space(Positive())


@dataclass(frozen=True)
class Moments(emkit.Statistics):
    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True)
class Normal(emkit.Model):
    """Independent normal columns: an honest model of continuous data, with a floor of the variances in no unit."""

    floor: float = 0.0

    def start(self, source, rng):
        block = source.sample(10, rng)
        return NormalParameters(block.X[0] + block.X.std(axis=0), 4 * block.X.var(axis=0) + self.floor)

    def e_step(self, parameters, block):
        w, gap = block.weights, block.X - parameters.mean
        density = -0.5 * (np.log(2 * np.pi * parameters.var) + gap**2 / parameters.var).sum(axis=1)
        return Moments(float(w @ density), float(w.sum()), w @ block.X, w @ gap**2)

    def m_step(self, statistics, parameters):
        mean = statistics.first / statistics.weight
        var = statistics.second / statistics.weight - (mean - parameters.mean) ** 2
        return NormalParameters(mean, np.maximum(var, self.floor))

    def sample(self, parameters, n, rng):
        return rng.normal(parameters.mean, np.sqrt(parameters.var), (n, parameters.mean.size))


@dataclass(frozen=True)
class NeverLearns(Normal):
    def m_step(self, statistics, parameters):
        return parameters


@dataclass(frozen=True)
class KnowsTheAnswer(Normal):
    def start(self, source, rng):
        block = source.sample(10**6, rng)
        return NormalParameters(block.X.mean(axis=0), block.X.var(axis=0))


ROWS = np.random.default_rng(0).normal([1.0, 5.0], [1.0, 2.0], (200, 2))
TRUTH = NormalParameters(np.array([1.0, 5.0]), np.array([1.0, 4.0]))


def _distance(parameters, truth):
    return float(np.abs(parameters.mean - truth.mean).max())


def test_honest_model_keeps_every_law():
    laws.check_model(Normal(), ROWS)
    laws.check_shift_and_scale(Normal(), ROWS)
    laws.check_recovery(Normal(), TRUTH, distance=_distance)


def test_floor_in_no_unit_breaks_the_law_of_units():
    with pytest.raises(LawBroken, match="shift and scale"):
        laws.check_shift_and_scale(Normal(floor=1e-3), ROWS)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_variance_without_a_floor_does_not_survive_a_constant_column():
    with pytest.raises(LawBroken, match="constant columns survive"):
        laws.check_constant_column(Normal(), ROWS)


def test_model_that_never_learns_does_not_recover_the_truth():
    with pytest.raises(LawBroken, match=r"recovered|as likely as the truth"):
        laws.check_recovery(NeverLearns(), TRUTH, distance=_distance)


def test_start_that_is_the_answer_shows_nothing():
    with pytest.raises(LawBroken, match="the start is not the answer"):
        laws.check_recovery(KnowsTheAnswer(), TRUTH, distance=_distance)


def test_law_broken_says_which_and_by_how_much():
    with pytest.raises(LawBroken, match=r"law broken: the optimum is stationary: coordinate 0 of 2 .* gain of \d"):
        laws.check_stationary(BiasedMStep(), X)


def test_no_law_is_without_a_model_that_breaks_it():
    text = Path(__file__).read_text()
    assert {
        name for name in laws.__all__ if name.startswith("check_") and f"laws.{name}(" not in text.replace(",", "(")
    } == set()
