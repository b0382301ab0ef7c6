"""Hidden Markov models whose transitions depend on covariates, by a multinomial logit for each state left.

    P(z_{t+1} = j | z_t = i, w_t) = exp(w_t' b_ij) / sum_l exp(w_t' b_il),   b_i1 = 0,

with w_t a one and the covariates of row t: what is known at a row drives the move from it to the next. The E-step keeps
for each state i slope and bend of the expected log-likelihood by b_i; the M-step takes a Newton step that cannot
overshoot, so that it sees no data and never lowers the likelihood.

References
----------
Visser & Speekenbrink 2010, J. Statistical Software 36(7). Diebold, Lee & Weinbach 1994, in Hargreaves (ed.),
*Nonstationary Time Series Analysis and Cointegration*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.model import Model, Offer, offered
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Real, Simplex
from emkit.core.statistics import Statistics
from emkit.data.sequence_views import transformed
from emkit.families.base import Family
from emkit.families.basis import ONES, Basis, basis_of, picked
from emkit.families.gaussian import Gaussian
from emkit.families.logit import LogitStatistics, log_proportions, logit_sums
from emkit.hmm import passes
from emkit.hmm.chain import ChainParameters, FreeMoves, FreeStart
from emkit.hmm.model import sequences_of, weight_of, weighted_total
from emkit.hmm.starts import SequenceStarts
from emkit.kernels import guided as kernel

__all__ = ["GuidedMarkov", "GuidedMarkovParameters", "GuidedMarkovStatistics"]

_START_ROWS = 16384


@dataclass(frozen=True)
class GuidedMarkovParameters(Parameters):
    """First probabilities (k,), log odds (k, k - 1, q) of moves against one to the first state, and the members."""

    init: Array = space(Simplex())
    gating: Array = space(Real())
    members: Any = None

    @property
    def chain(self) -> ChainParameters:
        """The chain where all covariates are zero."""
        ones = np.eye(1, self.gating.shape[2])
        trans = np.exp(np.concatenate([log_proportions(own, ones) for own in self.gating]))
        return ChainParameters(FreeStart(self.init), FreeMoves(trans))


@dataclass(frozen=True)
class GuidedMarkovStatistics(Statistics):
    """Expected first states (k,), sums for the logit of each state left, rows by state (k,), and the family's."""

    first: FloatArray
    logits: tuple[LogitStatistics, ...]
    count: FloatArray
    members: Any


@dataclass(frozen=True)
class GuidedMarkov(Model):
    """A hidden Markov model whose transitions depend on columns of the rows.

    Parameters
    ----------
    family : Family
        Of the columns that are no covariates.
    n_components : int
    covariates : tuple of int
        Columns that drive the transitions.
    """

    family: Family = field(default_factory=Gaussian)
    n_components: int = 1
    covariates: tuple[int, ...] = ()
    basis: Any = field(default=None, compare=False)

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> GuidedMarkovParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: GuidedMarkovParameters, block: Any) -> GuidedMarkovStatistics:
        weights = passes.weights_of(block)
        done = self._passed(parameters, block, weights)
        rows = picked(block.X, self._wanted)
        logits = tuple(
            logit_sums(
                self._known_basis,
                parameters.gating[i],
                rows,
                np.exp(log_proportions(parameters.gating[i], rows)),
                done.moves[:, i],
                done.moves[:, i].sum(axis=1),
            )
            for i in range(self.n_components)
        )
        members = self.family.statistics(parameters.members, self.own(block.X), done.resp)
        total = weighted_total(done.loglik, block)
        return GuidedMarkovStatistics(total, weight_of(block), done.first, logits, done.resp.sum(axis=0), members)

    def m_step(self, statistics: GuidedMarkovStatistics, parameters: GuidedMarkovParameters) -> GuidedMarkovParameters:
        total = statistics.first.sum()
        init = statistics.first / total if total > 0 else parameters.init
        gating = np.stack([own.climbed() for own in statistics.logits])
        return GuidedMarkovParameters(init, gating, self.family.m_step(statistics.members, parameters.members))

    def log_prior(self, parameters: GuidedMarkovParameters) -> float:
        return self.family.log_prior(parameters.members)

    def expected_loglik(self, parameters: GuidedMarkovParameters, statistics: GuidedMarkovStatistics) -> float:
        """Return Q, with a lower bound of the part of the transitions that touches it at the E-step's parameters."""
        used = statistics.first > 0
        with np.errstate(divide="ignore"):
            own = float(statistics.first[used] @ np.log(parameters.init[used]))
        own += sum(part.bound(parameters.gating[i]) for i, part in enumerate(statistics.logits))
        return own + self.family.expected_loglik(parameters.members, statistics.members)

    def score(self, parameters: GuidedMarkovParameters, statistics: GuidedMarkovStatistics) -> GuidedMarkovParameters:
        init = parameters.init
        begun = np.divide(statistics.first, init, out=np.zeros_like(init), where=init > 0)
        gating = np.stack([part.score(parameters.gating[i]) for i, part in enumerate(statistics.logits)])
        return GuidedMarkovParameters(begun, gating, self.family.score(parameters.members, statistics.members))

    # --- what else it offers ---

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree."""
        return max(8, 8 * (self.n_components - 1))

    def prepare(self, source: Any) -> tuple[GuidedMarkov, Any]:
        """Return the model with the coordinates of the covariates and the family's constants, and the sequences."""
        sequences = sequences_of(source)
        family = self.family.prepared(self._own_source(sequences), self.n_components)
        return replace(self, family=family, basis=basis_of(sequences, self._wanted)), sequences

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], GuidedMarkovParameters]:
        block = source.sample(_START_ROWS, rng)
        own = replace(block, X=self.own(block.X))
        starts = SequenceStarts(own, self.family.starting_rows(own), self.n_components)

        def draw(own_rng: np.random.Generator, index: int) -> GuidedMarkovParameters:
            resp, init, trans = starts.draw(own_rng, index)
            gating = np.zeros((self.n_components, self.n_components - 1, len(self._wanted)))
            gating[:, :, 0] = np.log(trans[:, 1:]) - np.log(trans[:, :1])
            return GuidedMarkovParameters(init, gating, self.family.start(own.X, resp))

        return draw

    def log_density(self, parameters: GuidedMarkovParameters, block: Any) -> FloatArray:
        """Return the log-likelihood (s,) of each sequence of a block."""
        return np.asarray(self._passed(parameters, block).loglik)

    def posterior(self, parameters: GuidedMarkovParameters, block: Any) -> FloatArray:
        """Return the smoothed probabilities (b, k) of the states."""
        return np.asarray(self._passed(parameters, block).resp)

    def filtered(self, parameters: GuidedMarkovParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows up to each."""
        return np.asarray(self._passed(parameters, block).filtered)

    def unexplained(self, parameters: GuidedMarkovParameters, block: Any) -> passes.Unexplained:
        """Return the first row of a block that no path explains."""
        done = self._passed(parameters, block)
        return passes.Unexplained(done.bad_sequence, done.bad_step)

    def best_path(self, parameters: GuidedMarkovParameters, block: Any) -> tuple[IntArray, FloatArray]:
        """Return the most probable path (b,), and its log joint probability (s,) for each sequence."""
        log_emit, moves = self._emissions(parameters, block), self.log_moves(parameters, block.X)
        states, lengths = np.zeros(len(log_emit), dtype=np.intp), passes.lengths_of(block)
        log_joint, start = np.zeros(len(lengths)), 0
        with np.errstate(divide="ignore"):
            log_init = np.log(parameters.init)
        for s, n in enumerate(lengths.tolist()):
            if n:
                part = slice(start, start + n)
                states[part], log_joint[s] = _best(log_init, log_emit[part], moves[part])
            start += n
        return np.asarray(states), np.asarray(log_joint)

    def canonical(self, parameters: GuidedMarkovParameters) -> GuidedMarkovParameters:
        """Return the states by the family's key, rising; log odds stay against a move to the first."""
        order = np.argsort(np.asarray(self.family.sort_key(parameters.members)), kind="stable")
        if (order == np.arange(self.n_components)).all():
            return parameters
        whole = np.concatenate([np.zeros_like(parameters.gating[:, :1]), parameters.gating], axis=1)
        turned = whole[np.ix_(order, order)]
        gating = turned[:, 1:] - turned[:, :1]
        members = self.family.reordered(parameters.members, order)
        return GuidedMarkovParameters(parameters.init[order], gating, members)

    def degeneracy(self, parameters: GuidedMarkovParameters, statistics: GuidedMarkovStatistics) -> str:
        return self.family.collapsed(parameters.members, statistics.members, statistics.count)

    def describe(
        self, parameters: GuidedMarkovParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return first probabilities, the log odds of the moves, and the tables of the family where it makes any."""
        names = feature_names or [f"x{j + 1}" for j in range(max(self.covariates, default=0) + 1)]
        begun = tuple((str(i + 1), float(p)) for i, p in enumerate(parameters.init))
        header = ("move", "intercept", *(names[j] for j in self.covariates))
        rows = [
            (f"{i + 1} to {j + 2}", *odds.tolist())
            for i, own in enumerate(parameters.gating)
            for j, odds in enumerate(own)
        ]
        family: Any = self.family
        describe = offered(family, Offer.DESCRIBE)
        kept = None if feature_names is None else [n for j, n in enumerate(feature_names) if j not in self.covariates]
        return (
            Description("States", ("state", "start"), begun),
            Description("Log odds of moves, against one to state 1", header, tuple(rows)),
            *(describe(parameters.members, kept, "state") if describe else ()),
        )

    # --- parts ---

    def log_moves(self, parameters: GuidedMarkovParameters, X: Array) -> FloatArray:
        """Return the log transitions (n, k, k) from each row to the next."""
        rows = picked(X, self._wanted)
        return np.ascontiguousarray(np.stack([log_proportions(own, rows) for own in parameters.gating], axis=1))

    def own(self, X: Array) -> Array:
        """Return the columns that the family describes."""
        return np.ascontiguousarray(X[:, [j for j in range(X.shape[1]) if j not in self.covariates]])

    @property
    def _wanted(self) -> tuple[int, ...]:
        return (ONES, *self.covariates)

    @property
    def _known_basis(self) -> Basis:
        q = len(self._wanted)
        return Basis(np.zeros(q), np.ones(q), np.ones(q), 0) if self.basis is None else self.basis

    def _own_source(self, source: Any) -> Any:
        names = source.feature_names
        kept = None if names is None else tuple(n for j, n in enumerate(names) if j not in self.covariates)
        return transformed(source, lambda block: self.own(block.X), kept)

    def _emissions(self, parameters: GuidedMarkovParameters, block: Any) -> FloatArray:
        blank = np.zeros(self.n_components)
        density = self.family.log_joint(blank, parameters.members, self.own(block.X))
        return np.ascontiguousarray(density, dtype=np.float64)

    def _passed(self, parameters: GuidedMarkovParameters, block: Any, weights: FloatArray | None = None) -> Any:
        init = np.ascontiguousarray(parameters.init, dtype=np.float64)
        given = self._emissions(parameters, block), self.log_moves(parameters, block.X), passes.lengths_of(block)
        return kernel.smooth_guided(*given, weights, init)


def _best(log_init: FloatArray, log_emit: FloatArray, moves: FloatArray) -> tuple[IntArray, float]:
    score, back = log_init + log_emit[0], []
    for t in range(1, len(log_emit)):
        through = score[:, None] + moves[t - 1]
        back.append(through.argmax(axis=0))
        score = through.max(axis=0) + log_emit[t]
    states = np.empty(len(log_emit), dtype=np.intp)
    states[-1] = score.argmax()
    for t in range(len(log_emit) - 2, -1, -1):
        states[t] = back[t][states[t + 1]]
    return np.asarray(states), float(score.max())
