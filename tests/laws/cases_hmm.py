"""Hidden Markov models of several families and chains.

The laws take rows that they may repeat, drop and turn about, which for a hidden Markov model are whole sequences: here
a row holds a sequence of equal length, its entries one after another. Missing rows at its end cut it short.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from case import Case

from emkit.core import Model
from emkit.data import SequenceBlock, SequenceSource
from emkit.families.basis import ONES
from emkit.families.categorical import Categorical
from emkit.families.covariance import STRUCTURES
from emkit.families.gaussian import Gaussian
from emkit.families.poisson import Poisson
from emkit.families.regression import Regressions
from emkit.families.responses import GaussianResponse
from emkit.families.student import Student
from emkit.hmm import Chain, GuidedChain, GuidedMarkov, HiddenMarkov, HiddenSemiMarkov, SwitchingMean


@dataclass(frozen=True)
class RowsAreSequences(Model):
    """A hidden Markov model of rows (n, t d), each a sequence of t rows of d entries."""

    inner: HiddenMarkov = field(default_factory=HiddenMarkov)
    n_features: int = 1

    @property
    def starts_to_agree(self):
        return self.inner.starts_to_agree

    def prepare(self, source):
        return replace(self, inner=self.inner.prepare(self._source(source))[0]), source

    def portfolio(self, source, rng):
        return self.inner.portfolio(self._source(source), rng)

    def start(self, source, rng):
        return self.inner.start(self._source(source), rng)

    def e_step(self, parameters: Any, block: Any):
        found = self.inner.e_step(parameters, self._block(block))
        return replace(found, weight=float(block.weights.sum()))

    def m_step(self, statistics, parameters):
        return self.inner.m_step(statistics, parameters)

    def log_prior(self, parameters):
        return self.inner.log_prior(parameters)

    def expected_loglik(self, parameters, statistics):
        return self.inner.expected_loglik(parameters, statistics)

    def score(self, parameters, statistics):
        return self.inner.score(parameters, statistics)

    def canonical(self, parameters):
        return self.inner.canonical(parameters)

    def degeneracy(self, parameters, statistics):
        return self.inner.degeneracy(parameters, statistics)

    def _block(self, block):
        steps = block.X.shape[1] // self.n_features
        X = np.ascontiguousarray(block.X.reshape(-1, self.n_features))
        lengths, each = np.full(len(block.X), steps), np.repeat(block.weights, steps)
        row = block.start * steps
        return SequenceBlock(
            X, each, row, block.is_weighted, block.has_missing, lengths, np.asarray(block.weights), block.start
        )

    def _source(self, source):
        blocks = list(source.blocks())
        rows = np.concatenate([block.X for block in blocks])
        steps = rows.shape[1] // self.n_features
        weights = np.concatenate([block.weights for block in blocks])
        X = np.ascontiguousarray(rows.reshape(-1, self.n_features))
        return SequenceSource(X, np.full(len(rows), steps), weights if (weights != 1).any() else None)


def _states(n, steps, seed, stay=0.8, k=2):
    rng = np.random.default_rng(seed)
    states = rng.integers(0, k, (n, steps))
    for t in range(1, steps):
        states[:, t] = np.where(rng.random(n) < stay, states[:, t - 1], states[:, t])
    return rng, states


def _numbers(n=40, steps=4, d=1, k=2, missing=0.0, gap=3.0):
    rng, states = _states(n, steps, 3, k=k)
    rows = gap * states[:, :, None] + rng.normal(size=(n, steps, d)) * (1 + states[:, :, None])
    rows = np.where(rng.random(rows.shape) < missing, np.nan, rows)
    return rows.reshape(n, steps * d)


def _cycles(n=20, steps=24):
    """States that take turns, each for 2 to 5 rows."""
    rng = np.random.default_rng(6)
    rows = []
    for _ in range(n):
        state = np.repeat(np.arange(steps) % 2, rng.integers(2, 6, steps))[:steps]
        rows.append(4.0 * state + rng.normal(size=steps))
    return np.array(rows)


def _driven(n=40, steps=6, is_counts=False):
    """Rows of a column that states emit, and a covariate."""
    rng, states = _states(n, steps, 7)
    y = rng.poisson(np.where(states, 6.0, 1.0)) if is_counts else 3.0 * states + rng.normal(size=states.shape)
    return np.stack([y, rng.normal(size=states.shape)], axis=2).reshape(n, 2 * steps)


def _counts(n=40, steps=4):
    rng, states = _states(n, steps, 4)
    return rng.poisson(np.where(states, 6.0, 1.0)).astype(float)


def _symbols(n=60, steps=4):
    rng, states = _states(n, steps, 5)
    return np.where(rng.random(states.shape) < 0.2, rng.integers(0, 3, states.shape), 2 * states).astype(float)


def _case(name, family, chain, X, d=1, **kinds):
    return Case(f"hmm-{name}", RowsAreSequences(HiddenMarkov(family, chain), d), X, **kinds)


def _stays(name, durations, family, X, **kinds):
    chain = Chain(2, allowed=~np.eye(2, dtype=bool))
    return Case(f"hsmm-{name}", RowsAreSequences(HiddenSemiMarkov(family, chain, durations)), X, **kinds)


_DIAG = Gaussian(STRUCTURES["diag"])
_UPPER = np.triu(np.ones((2, 2), dtype=bool))
_KNOWN = np.array([[0.8, 0.2], [np.nan, np.nan]])

CASES = [
    _case("diag-missing", _DIAG, Chain(2), _numbers(missing=0.1), takes_constant=False),
    _case("full-left-right", Gaussian(), Chain(2, allowed=_UPPER), _numbers(d=2), 2, takes_constant=False),
    _case("stationary", Poisson(), Chain(2, "stationary"), _counts(), is_continuous=False),
    _case(
        "given-start-map", _DIAG, Chain(2, "fixed", np.full(2, 0.5), trans_prior=2.0), _numbers(), takes_constant=False
    ),
    _case("student", Student(dof=4.0), Chain(2), _numbers(n=30), takes_constant=False),
    _case("fixed-moves", Poisson(), Chain(2, fixed=_KNOWN), _counts(), is_continuous=False),
    _case("categorical", Categorical(), Chain(2, start_prior=1.5), _symbols(), is_continuous=False),
    _stays("poisson", "poisson", Poisson(), _counts(steps=8), is_continuous=False),
    _stays("free", "nonparametric", _DIAG, _numbers(steps=6), takes_constant=False),
    _stays("gamma", "gamma", _DIAG, _cycles(), takes_constant=False),
    Case(
        "hmm-switching-mean",
        RowsAreSequences(SwitchingMean(Chain(2, "stationary"), 1)),
        _numbers(steps=8),
        is_continuous=False,  # the first rows are conditioned on, so that a change of units counts the others only
        takes_constant=False,
    ),
    Case(
        "hmm-switching-mean-covariates",
        RowsAreSequences(SwitchingMean(GuidedChain(2, (1,), timing="to", start="stationary"), 1), 2),
        _driven(n=30),
        is_continuous=False,
        takes_constant=False,
    ),
    Case(
        "hmm-covariates-all",
        RowsAreSequences(
            GuidedMarkov(
                Regressions((GaussianResponse(0),), (ONES, 1)), GuidedChain(2, (1,), (1,), timing="to"), (0, 1)
            ),
            2,
        ),
        _driven(),
        is_continuous=False,
        takes_constant=False,
    ),
    Case(
        "hmm-covariates-stationary",
        RowsAreSequences(GuidedMarkov(Poisson(), GuidedChain(2, (1,), start="stationary")), 2),
        _driven(steps=4, is_counts=True),
        is_continuous=False,
        takes_constant=False,
    ),
]
