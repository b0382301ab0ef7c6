"""Hidden semi-Markov models: states whose stays have durations of any distribution.

Story: a first state from init stays for u rows, u from its durations; the next state comes from its row of trans, whose
diagonal is zero, and so on; each row is drawn from the member of its state. The last stay of a sequence may go on after
its last row, and then counts by the probability to last at least so long. The first begins with the sequence.

The E-step finds the posterior of the states and the expected numbers of first stays, moves and stays of each duration.

References
----------
Guedon 2003, J. Computational and Graphical Statistics 12:604. Yu 2010, Artificial Intelligence 174:215.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.model import Model, Offer, offered
from emkit.core.parameters import Parameters
from emkit.core.statistics import Statistics
from emkit.families.base import Family
from emkit.families.gaussian import Gaussian
from emkit.hmm import passes
from emkit.hmm.chain import Chain, ChainParameters
from emkit.hmm.codes import coded, emissions_of, statistics_of
from emkit.hmm.draw_stays import drawn_stays
from emkit.hmm.durations import durations_named
from emkit.hmm.model import sequences_of, weight_of, weighted_total
from emkit.hmm.starts import SequenceStarts
from emkit.hmm.stationary import stationary_distribution
from emkit.kernels import hsmm as kernel

__all__ = ["HiddenSemiMarkov", "HiddenSemiMarkovParameters", "HiddenSemiMarkovStatistics"]

_START_ROWS = 16384
_LONGEST = 200  # where the longest duration is not said: work grows with it


@dataclass(frozen=True)
class HiddenSemiMarkovParameters(Parameters):
    """The chain of stays, their durations, and the members of the family: one for each state."""

    chain: Any = None
    durations: Any = None
    members: Any = None


@dataclass(frozen=True)
class HiddenSemiMarkovStatistics(Statistics):
    """Expected counts of first stays (k,), moves (k, k), stays of each duration (k, d) and rows, and the family's."""

    first: FloatArray
    moves: FloatArray
    stays: FloatArray
    count: FloatArray
    members: Any


@dataclass(frozen=True)
class HiddenSemiMarkov(Model):
    """A hidden semi-Markov model whose states emit from members of a family.

    Parameters
    ----------
    family : Family
    chain : Chain
        Of stays: its `allowed` leaves the diagonal out.
    durations : str
        A name of `durations.DURATIONS`.
    longest : int
        Longest duration, d; 0 is that of the longest sequence, at most 200.
    censored : bool
        Whether the last stay may go on after the last row.
    """

    family: Family = field(default_factory=Gaussian)
    chain: Chain = field(default_factory=lambda: Chain(1))
    durations: str = "nonparametric"
    longest: int = 0
    censored: bool = True

    @property
    def n_components(self) -> int:
        """Number of states."""
        return self.chain.n_states

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> HiddenSemiMarkovParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: HiddenSemiMarkovParameters, block: Any) -> HiddenSemiMarkovStatistics:
        emissions, stays = self._emissions(parameters, block), self.stays(parameters)
        lengths, weights = passes.lengths_of(block), passes.weights_of(block)
        chain = parameters.chain
        done = kernel.smooth_stays(emissions, lengths, weights, *_probabilities(chain), stays, censored=self.censored)
        members = statistics_of(self.family, parameters.members, block, slice(0, block.n_rows), done.resp)
        count = np.ones(len(done.resp)) @ done.resp
        total = weighted_total(done.loglik, block)
        whole = done.ended + _shared_out(done.cut, stays)
        return HiddenSemiMarkovStatistics(total, weight_of(block), done.first, done.moves, whole, count, members)

    def m_step(
        self, statistics: HiddenSemiMarkovStatistics, parameters: HiddenSemiMarkovParameters
    ) -> HiddenSemiMarkovParameters:
        return HiddenSemiMarkovParameters(
            self.chain.m_step(statistics.first, statistics.moves, parameters.chain),
            parameters.durations.stepped(statistics.stays),
            self.family.m_step(statistics.members, parameters.members),
        )

    def log_prior(self, parameters: HiddenSemiMarkovParameters) -> float:
        return self.family.log_prior(parameters.members) + self.chain.log_prior(parameters.chain)

    def expected_loglik(self, parameters: HiddenSemiMarkovParameters, statistics: HiddenSemiMarkovStatistics) -> float:
        counts, used = statistics.stays, statistics.stays != 0
        own = float(counts[used] @ parameters.durations.log_prob(counts.shape[1])[used])
        own += self.chain.expected_loglik(parameters.chain, statistics.first, statistics.moves)
        return own + self.family.expected_loglik(parameters.members, statistics.members)

    def score(
        self, parameters: HiddenSemiMarkovParameters, statistics: HiddenSemiMarkovStatistics
    ) -> HiddenSemiMarkovParameters:
        return HiddenSemiMarkovParameters(
            self.chain.score(parameters.chain, statistics.first, statistics.moves),
            parameters.durations.slope(statistics.stays),
            self.family.score(parameters.members, statistics.members),
        )

    # --- what else it offers ---

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree."""
        return max(8, 8 * (self.n_components - 1))

    def prepare(self, source: Any) -> tuple[HiddenSemiMarkov, Any]:
        """Return the model with the constants of family and durations, and the sequences."""
        sequences = sequences_of(source)
        ready = replace(self, family=self.family.prepared(sequences, self.n_components))
        if not self.longest:
            longest = int(sequences.lengths.max()) if len(sequences.lengths) else 1
            ready = replace(ready, longest=max(1, min(longest, _LONGEST)))
        return ready, coded(ready.family, sequences)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], HiddenSemiMarkovParameters]:
        block = source.sample(_START_ROWS, rng)
        starts = SequenceStarts(block, self.family.starting_rows(block), self.n_components, self.is_ordered)
        kind, longest = durations_named(self.durations), max(1, self.longest)

        def draw(own_rng: np.random.Generator, index: int) -> HiddenSemiMarkovParameters:
            resp, init, trans = starts.draw(own_rng, index)
            mean = np.minimum(1 / np.maximum(1 - trans.diagonal(), 1 / longest), 0.7 * longest)
            chain = self.chain.parameters(init, trans)
            return HiddenSemiMarkovParameters(chain, kind.started(mean, longest), self.family.start(block.X, resp))

        return draw

    def log_density(self, parameters: HiddenSemiMarkovParameters, block: Any) -> FloatArray:
        """Return the log-likelihood (s,) of each sequence of a block."""
        return np.asarray(self._forward(parameters, block, keep=False).loglik)

    def posterior(self, parameters: HiddenSemiMarkovParameters, block: Any) -> FloatArray:
        """Return the smoothed probabilities (b, k) of the states."""
        given = self._emissions(parameters, block), passes.lengths_of(block), None
        chain, stays = _probabilities(parameters.chain), self.stays(parameters)
        return np.asarray(kernel.smooth_stays(*given, *chain, stays, censored=self.censored).resp)

    def filtered(self, parameters: HiddenSemiMarkovParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows up to each."""
        return np.asarray(self._forward(parameters, block).filtered)

    def predicted(self, parameters: HiddenSemiMarkovParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows before each: the filtered ones less the row."""
        with np.errstate(divide="ignore", invalid="ignore"):
            log_prob = np.log(self.filtered(parameters, block)) - self._emissions(parameters, block)
        log_prob = np.where(np.isnan(log_prob), -np.inf, log_prob)
        prob = np.exp(log_prob - log_prob.max(axis=1, keepdims=True))
        return np.asarray(prob / prob.sum(axis=1, keepdims=True))

    def drawn_paths(
        self, parameters: HiddenSemiMarkovParameters, block: Any, rng: np.random.Generator, n_paths: int
    ) -> IntArray:
        """Return paths (n_paths, b) drawn from the posterior."""
        emissions, lengths = self._emissions(parameters, block), passes.lengths_of(block)
        chain = *_probabilities(parameters.chain), self.stays(parameters)
        ends = np.cumsum(lengths)
        each = [
            drawn_stays(emissions[end - n : end], chain, rng, n_paths, censored=self.censored)
            for n, end in zip(lengths.tolist(), ends.tolist(), strict=True)
            if n
        ]
        return np.concatenate(each, axis=1) if each else np.empty((n_paths, 0), dtype=np.intp)

    def going(self, parameters: HiddenSemiMarkovParameters, block: Any) -> FloatArray:
        """Return the probability (s, k, d) of each state and duration so far at the end of each sequence."""
        return np.asarray(self._forward(parameters, block).going)

    def unexplained(self, parameters: HiddenSemiMarkovParameters, block: Any) -> passes.Unexplained:
        """Return the first row of a block that no path explains."""
        done = self._forward(parameters, block, keep=False)
        return passes.Unexplained(done.bad_sequence, done.bad_step)

    def best_path(self, parameters: HiddenSemiMarkovParameters, block: Any) -> tuple[IntArray, FloatArray]:
        """Return the most probable path (b,), and its log joint probability (s,) for each sequence."""
        given = self._emissions(parameters, block), passes.lengths_of(block), *_probabilities(parameters.chain)
        return kernel.viterbi_stays(*given, self.stays(parameters), censored=self.censored)

    def sample(
        self, parameters: HiddenSemiMarkovParameters, n: int, rng: np.random.Generator, first: int | None = None
    ) -> tuple[FloatArray, Array]:
        """Return one sequence of n rows and its states, beginning with a stay in `first` where given."""
        trans, stays = parameters.chain.trans, self.stays(parameters)
        state = int(rng.choice(len(trans), p=parameters.chain.init)) if first is None else first
        parts, left = [], n
        while left > 0:
            length = min(left, 1 + int(rng.choice(stays.shape[1], p=stays[state])))
            parts.append(np.full(length, state, dtype=np.intp))
            left -= length
            state = int(rng.choice(len(trans), p=trans[state]))
        states = np.concatenate(parts)
        return self.family.sample(parameters.members, states, rng), states

    def canonical(self, parameters: HiddenSemiMarkovParameters) -> HiddenSemiMarkovParameters:
        """Return the states by the family's key, rising, then by falling long-run share."""
        if self.is_ordered or (self.chain.start == "fixed" and np.ptp(self.chain.init) > 0):
            return parameters
        key = np.asarray(self.family.sort_key(parameters.members), dtype=np.float64)
        order = np.lexsort((-np.round(self.long_run(parameters), 9), key))
        if (order == np.arange(self.n_components)).all():
            return parameters
        return HiddenSemiMarkovParameters(
            self.chain.reordered(parameters.chain, order),
            parameters.durations.reordered(order),
            self.family.reordered(parameters.members, order),
        )

    def degeneracy(self, parameters: HiddenSemiMarkovParameters, statistics: HiddenSemiMarkovStatistics) -> str:
        return self.family.collapsed(parameters.members, statistics.members, statistics.count)

    def describe(
        self, parameters: HiddenSemiMarkovParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return start, long-run shares, mean stays, moves, and the tables of the family where it makes any."""
        chain: ChainParameters = parameters.chain
        names = [str(i + 1) for i in range(self.n_components)]
        facts = np.column_stack([chain.init, self.long_run(parameters), self.mean_stays(parameters)]).tolist()
        states = tuple((name, *row) for name, row in zip(names, facts, strict=True))
        moves = tuple((name, *row) for name, row in zip(names, chain.trans.tolist(), strict=True))
        family: Any = self.family
        describe = offered(family, Offer.DESCRIBE)
        return (
            Description("States", ("state", "start", "long run", "mean stay"), states),
            Description("Moves", ("from", *names), moves),
            *(describe(parameters.members, feature_names, "state") if describe else ()),
        )

    def stays(self, parameters: HiddenSemiMarkovParameters) -> FloatArray:
        """Return the probability (k, d) of each duration."""
        own = parameters.durations
        longest = own.share.shape[1] if hasattr(own, "share") else max(1, self.longest)
        return np.ascontiguousarray(own.prob(longest), dtype=np.float64)

    def mean_stays(self, parameters: HiddenSemiMarkovParameters) -> FloatArray:
        """Return the mean duration (k,) of each state."""
        stays = self.stays(parameters)
        return np.asarray(stays @ np.arange(1, stays.shape[1] + 1))

    def long_run(self, parameters: HiddenSemiMarkovParameters) -> FloatArray:
        """Return the long-run share (k,) of the rows."""
        share = stationary_distribution(parameters.chain.trans) * self.mean_stays(parameters)
        return np.asarray(share / share.sum())

    @property
    def is_ordered(self) -> bool:
        """Whether moves are restricted beyond the diagonal, or known, so that the numbering of states matters."""
        k = self.n_components
        allowed = np.ones((k, k), dtype=bool) if self.chain.allowed is None else self.chain.allowed
        return bool((allowed | np.eye(k, dtype=bool)).sum() < k * k or self.chain.fixed is not None)

    # --- helpers ---

    def _emissions(self, parameters: HiddenSemiMarkovParameters, block: Any) -> FloatArray:
        return emissions_of(self.family, parameters.members, block, self.n_components)(slice(0, block.n_rows))

    def _forward(self, parameters: HiddenSemiMarkovParameters, block: Any, *, keep: bool = True) -> Any:
        given = self._emissions(parameters, block), passes.lengths_of(block), *_probabilities(parameters.chain)
        return kernel.filter_stays(*given, self.stays(parameters), censored=self.censored, keep=keep)


def _probabilities(chain: ChainParameters) -> tuple[FloatArray, FloatArray]:
    return np.ascontiguousarray(chain.init, dtype=np.float64), np.ascontiguousarray(chain.trans, dtype=np.float64)


def _shared_out(cut: FloatArray, stays: FloatArray) -> FloatArray:
    """Return counts (k, d) of stays cut at a duration as expected counts of the durations they come to."""
    alive = np.cumsum(stays[:, ::-1], axis=1)[:, ::-1]
    each = np.divide(cut, alive, out=np.zeros_like(cut), where=alive > 0)
    return np.asarray(stays * np.cumsum(each, axis=1))
