"""Models written by a user against the protocol alone: gene counting, genetic linkage, a Poisson mixture."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammaln

import emkit
from emkit.core import Interval, Positive, Simplex, space

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from abo import Abo

sys.path.pop(0)

ENGINE = json.loads((Path(__file__).parent / "data" / "mixtures.json").read_text())["em_engine"]


@dataclass(frozen=True)
class PoissonParameters(emkit.Parameters):
    mix: np.ndarray = space(Simplex())
    rate: np.ndarray = space(Positive())


@dataclass(frozen=True)
class PoissonStatistics(emkit.Statistics):
    count: np.ndarray
    total: np.ndarray


@dataclass(frozen=True)
class TwoPoissons(emkit.Model):
    """Hasselblad 1969, JASA 64:1459: deaths of women over 80 per day in the Times, two Poisson distributions."""

    def start(self, source, rng):
        return PoissonParameters(rng.dirichlet(np.ones(2)), rng.uniform(0.5, 4, 2))

    def e_step(self, parameters, block):
        x = block.X[:, :1]
        joint = np.log(parameters.mix) + x * np.log(parameters.rate) - parameters.rate - gammaln(x + 1)
        density = np.logaddexp.reduce(joint, axis=1)
        resp = np.exp(joint - density[:, None]) * block.weights[:, None]
        return PoissonStatistics(
            float(block.weights @ density), float(block.weights.sum()), resp.sum(axis=0), resp.T @ x[:, 0]
        )

    def m_step(self, statistics, parameters):
        return PoissonParameters(statistics.count / statistics.count.sum(), statistics.total / statistics.count)

    def expected_loglik(self, parameters, statistics):
        q = statistics.count @ np.log(parameters.mix) + statistics.total @ np.log(parameters.rate)
        return float(q - statistics.count @ parameters.rate)


DEATHS = np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])


@pytest.mark.parametrize("solver", ["auto", emkit.QuasiNewton(memory_limit=0)], ids=["full", "limited"])
def test_hasselblad_in_at_most_a_hundred_e_steps(solver):
    start = PoissonParameters(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
    fit = emkit.fit(TwoPoissons(), np.arange(10.0)[:, None], sample_weight=DEATHS, start=start, solver=solver)
    assert fit.is_converged
    assert fit.n_e_steps <= 100
    assert fit.loglik == pytest.approx(-ENGINE["hasselblad"]["neg_logL"], abs=1e-6)
    mle = ENGINE["hasselblad"]["mle"]
    assert fit.parameters.mix[0] == pytest.approx(mle[0], abs=1e-3)
    assert fit.parameters.rate == pytest.approx(mle[1:], abs=1e-3)


@pytest.mark.parametrize("solver", [emkit.EM(), emkit.Squarem(), emkit.Anderson()], ids=lambda s: type(s).__name__)
def test_hasselblad_by_every_other_solver(solver):
    start = PoissonParameters(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
    fit = emkit.fit(
        TwoPoissons(), np.arange(10.0)[:, None], sample_weight=DEATHS, start=start, solver=solver, max_iter=10000
    )
    assert fit.is_converged
    assert fit.loglik == pytest.approx(-ENGINE["hasselblad"]["neg_logL"], abs=1e-5)


def test_abo_gene_counting():
    counts = ENGINE["abo"]["counts"]
    fit = emkit.fit(Abo(), [[counts[g] for g in ("A", "B", "AB", "O")]], rng=0, tol=1e-12)
    assert fit.parameters.freq == pytest.approx(ENGINE["abo"]["p"], abs=1e-7)
    assert fit.loglik == pytest.approx(ENGINE["abo"]["logL_kernel"], abs=1e-9)
    assert fit.n_free == 2


@dataclass(frozen=True)
class LinkageParameters(emkit.Parameters):
    theta: np.ndarray = space(Interval(0.0, 1.0))


@dataclass(frozen=True)
class LinkageStatistics(emkit.Statistics):
    counts: np.ndarray  # (2,) recombinant-free and recombinant


@dataclass(frozen=True)
class Linkage(emkit.Model):
    """Rao's 197 animals (Dempster, Laird & Rubin 1977, section 1), without `expected_loglik`."""

    def start(self, source, rng):
        return LinkageParameters(np.array(rng.uniform(0.1, 0.9)))

    def e_step(self, parameters, block):
        n, t = block.weights @ block.X, float(parameters.theta)
        prob = np.array([0.5 + t / 4, (1 - t) / 4, (1 - t) / 4, t / 4])
        hidden = n[0] * (t / 4) / prob[0]
        return LinkageStatistics(float(n @ np.log(prob)), float(n.sum()), np.array([hidden + n[3], n[1] + n[2]]))

    def m_step(self, statistics, parameters):
        return LinkageParameters(np.array(statistics.counts[0] / statistics.counts.sum()))


def test_linkage_without_a_score_is_climbed_by_squarem():
    fit = emkit.fit(Linkage(), [ENGINE["linkage"]["counts"]], rng=0, tol=1e-12)
    assert float(fit.parameters.theta) == pytest.approx(ENGINE["linkage"]["theta"], abs=1e-6)
    assert fit.n_free == 1
