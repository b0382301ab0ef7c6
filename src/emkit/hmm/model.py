"""Hidden Markov models of any family.

Story: an unseen Markov chain z_1, z_2, ... begins by init and moves by trans; row x_t is drawn from member z_t of the
family. Sequences are independent. The E-step finds gamma_t(k) = P(z_t = k | x_1..x_T) and the expected transitions by
forward and backward recursion; the M-step is the family's weighted maximum likelihood and the chain's own.

References
----------
Baum, Petrie, Soules & Weiss 1970, Annals of Mathematical Statistics 41:164. Rabiner 1989, Proc. IEEE 77:257.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.model import Model, Offer, offered
from emkit.core.parameters import Parameters
from emkit.core.statistics import Statistics
from emkit.data import Sequences, as_sequences
from emkit.data.device import DeviceSource
from emkit.families.base import Family
from emkit.families.gaussian import Gaussian
from emkit.hmm import passes
from emkit.hmm.best_list import best_list
from emkit.hmm.chain import Chain, ChainParameters
from emkit.hmm.codes import coded, emissions_of, statistics_of
from emkit.hmm.starts import SequenceStarts
from emkit.hmm.stationary import stationary_distribution
from emkit.kernels import hmm as kernel
from emkit.kernels.foreign import host, is_foreign, namespace

__all__ = [
    "HiddenMarkov",
    "HiddenMarkovParameters",
    "HiddenMarkovStatistics",
    "sequences_of",
    "weight_of",
    "weighted_total",
]

_START_ROWS = 16384


@dataclass(frozen=True)
class HiddenMarkovParameters(Parameters):
    """The chain, and the members of the family: one for each state.

    Parameters
    ----------
    chain : ChainParameters
    members : Parameters
        Of the family, k members.
    """

    chain: Any = None
    members: Any = None


@dataclass(frozen=True)
class HiddenMarkovStatistics(Statistics):
    """Expected counts of first states (k,), transitions (k, k) and rows by state (k,), and the family's statistics."""

    first: FloatArray
    moves: FloatArray
    count: FloatArray
    members: Any


@dataclass(frozen=True)
class HiddenMarkov(Model):
    """A hidden Markov model whose states emit from members of a family.

    Parameters
    ----------
    family : Family
    chain : Chain
        Number of states, structure of the transitions, kind of start, priors.
    """

    family: Family = field(default_factory=Gaussian)
    chain: Chain = field(default_factory=lambda: Chain(1))

    @property
    def n_components(self) -> int:
        """Number of states."""
        return self.chain.n_states

    @property
    def takes_device(self) -> bool:
        """Return whether sequences may be arrays of another library: where the family's rows may."""
        return self.family.takes_device

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> HiddenMarkovParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: HiddenMarkovParameters, block: Any) -> HiddenMarkovStatistics:
        def collect(rows: slice, resp: FloatArray) -> tuple[FloatArray, Any]:
            count = _count(resp)
            return count, statistics_of(self.family, parameters.members, block, rows, resp)

        init, trans = _probabilities(parameters.chain)
        emissions = emissions_of(self.family, parameters.members, block, self.n_components)
        done = passes.expected(block, emissions, init, trans, collect)
        count, members = done.parts[0]
        for own, part in done.parts[1:]:
            count, members = count + own, members + part
        loglik = weighted_total(done.loglik, block)
        return HiddenMarkovStatistics(loglik, weight_of(block), done.first, done.moves, count, members)

    def m_step(self, statistics: HiddenMarkovStatistics, parameters: HiddenMarkovParameters) -> HiddenMarkovParameters:
        chain = self.chain.m_step(statistics.first, statistics.moves, parameters.chain)
        return HiddenMarkovParameters(chain, self.family.m_step(statistics.members, parameters.members))

    def log_prior(self, parameters: HiddenMarkovParameters) -> float:
        return self.family.log_prior(parameters.members) + self.chain.log_prior(parameters.chain)

    def expected_loglik(self, parameters: HiddenMarkovParameters, statistics: HiddenMarkovStatistics) -> float:
        own = self.chain.expected_loglik(parameters.chain, statistics.first, statistics.moves)
        return own + self.family.expected_loglik(parameters.members, statistics.members)

    def score(self, parameters: HiddenMarkovParameters, statistics: HiddenMarkovStatistics) -> HiddenMarkovParameters:
        chain = self.chain.score(parameters.chain, statistics.first, statistics.moves)
        return HiddenMarkovParameters(chain, self.family.score(parameters.members, statistics.members))

    # --- what else it offers ---

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree: more states have more ways to go wrong."""
        return max(8, 8 * (self.n_components - 1))

    @property
    def hits_to_believe(self) -> int:
        """How many of the starts must reach the best optimum: a better one that one start in forty finds is common."""
        return 32

    def prepare(self, source: Any) -> tuple[HiddenMarkov, Any]:
        """Return the model with the family's constants, and the sequences; plain rows are one sequence."""
        sequences = sequences_of(source)
        ready = replace(self, family=self.family.prepared(sequences, self.n_components))
        return ready, coded(ready.family, sequences)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], HiddenMarkovParameters]:
        block = source.sample(_START_ROWS, rng)
        is_ordered = self.chain.allowed is not None or self.chain.fixed is not None
        starts = SequenceStarts(block, self.family.starting_rows(block), self.n_components, is_ordered)

        def draw(own_rng: np.random.Generator, index: int) -> HiddenMarkovParameters:
            resp, init, trans = starts.draw(own_rng, index)
            return HiddenMarkovParameters(self.chain.parameters(init, trans), self.family.start(block.X, resp))

        return draw

    def log_density(self, parameters: HiddenMarkovParameters, block: Any) -> FloatArray:
        """Return the log-likelihood (s,) of each sequence of a block."""
        each, _ = passes.loglik_of(block, *self._given(parameters, block))
        return each

    def posterior(self, parameters: HiddenMarkovParameters, block: Any) -> FloatArray:
        """Return the smoothed probabilities (b, k) of the states."""
        resp, _ = passes.smoothed(block, *self._given(parameters, block))
        return resp

    def filtered(self, parameters: HiddenMarkovParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows up to each."""
        resp, _ = passes.filtered(block, *self._given(parameters, block))
        return resp

    def predicted(self, parameters: HiddenMarkovParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows before each."""
        filtered, lengths = host(self.filtered(parameters, block)), passes.lengths_of(block)
        prob: FloatArray = np.empty_like(filtered)
        prob[1:] = filtered[:-1] @ parameters.chain.trans
        prob[(np.cumsum(lengths) - lengths)[lengths > 0]] = parameters.chain.init
        return prob

    def drawn_paths(
        self, parameters: HiddenMarkovParameters, block: Any, rng: np.random.Generator, n_paths: int
    ) -> IntArray:
        """Return paths (n_paths, b) drawn from the posterior."""
        filtered, lengths = host(self.filtered(parameters, block)), passes.lengths_of(block)
        trans = _probabilities(parameters.chain)[1]
        drawn = [kernel.draw_paths(filtered, lengths, trans, rng.random(block.n_rows)) for _ in range(n_paths)]
        return np.array(drawn, dtype=np.intp)

    def unexplained(self, parameters: HiddenMarkovParameters, block: Any) -> passes.Unexplained:
        """Return the first row of a block that no path explains."""
        return passes.loglik_of(block, *self._given(parameters, block))[1]

    def best_path(self, parameters: HiddenMarkovParameters, block: Any) -> tuple[IntArray, FloatArray]:
        """Return the most probable path (b,), and its log joint probability (s,) for each sequence."""
        emissions, init, trans = self._given(parameters, block)
        log_emit = np.ascontiguousarray(host(emissions(slice(0, block.n_rows))))
        states, log_joint = kernel.viterbi(log_emit, passes.lengths_of(block), init, trans)
        return states, log_joint

    def best_paths(self, parameters: HiddenMarkovParameters, block: Any, n_paths: int) -> tuple[FloatArray, IntArray]:
        """Return log joint probabilities (m,) and states (m, b) of the best paths of a block of one sequence."""
        emissions, init, trans = self._given(parameters, block)
        with np.errstate(divide="ignore"):
            log_init, log_trans = np.log(init), np.ascontiguousarray(np.log(trans)[None])
        return best_list(log_init, emissions, lambda _: log_trans, block.n_rows, n_paths)

    def sample(
        self, parameters: HiddenMarkovParameters, n: int, rng: np.random.Generator, first: int | None = None
    ) -> tuple[FloatArray, Array]:
        """Return one sequence of n rows and its states, from state `first` where given."""
        init, trans = _probabilities(parameters.chain)
        edges = np.cumsum(trans, axis=1)
        draws = rng.random(n)
        states = np.empty(n, dtype=np.intp)
        for t in range(n):
            edge = np.cumsum(init) if t == 0 else edges[states[t - 1]]
            states[t] = min(int(np.searchsorted(edge, draws[t] * edge[-1], side="right")), len(init) - 1)
            if t == 0 and first is not None:
                states[t] = first
        return self.family.sample(parameters.members, states, rng), states

    def canonical(self, parameters: HiddenMarkovParameters) -> HiddenMarkovParameters:
        """Return the states by the family's key, rising: for most the mean of the first column.

        Equal ones come by falling long-run share. A structure of the transitions fixes the numbering.
        """
        if not self.chain.is_symmetric:
            return parameters
        key = np.asarray(self.family.sort_key(parameters.members), dtype=np.float64)
        share = stationary_distribution(parameters.chain.trans)
        order = np.lexsort((-np.round(share, 9), key))
        if (order == np.arange(self.n_components)).all():
            return parameters
        chain = self.chain.reordered(parameters.chain, order)
        return HiddenMarkovParameters(chain, self.family.reordered(parameters.members, order))

    def degeneracy(self, parameters: HiddenMarkovParameters, statistics: HiddenMarkovStatistics) -> str:
        return self.family.collapsed(parameters.members, statistics.members, statistics.count)

    def describe(
        self, parameters: HiddenMarkovParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return start, transitions and long-run shares, and the tables of the family where it makes any."""
        chain: ChainParameters = parameters.chain
        names = [str(i + 1) for i in range(self.n_components)]
        share, stay = stationary_distribution(chain.trans), np.minimum(chain.trans.diagonal(), 1 - 1e-300)
        with np.errstate(divide="ignore"):
            durations = 1 / (1 - stay)
        facts = np.column_stack([chain.init, share, durations]).tolist()
        states = tuple((name, *row) for name, row in zip(names, facts, strict=True))
        moves = tuple((name, *row) for name, row in zip(names, chain.trans.tolist(), strict=True))
        family: Any = self.family
        describe = offered(family, Offer.DESCRIBE)
        return (
            Description("States", ("state", "start", "long run", "mean stay"), states),
            Description("Transitions", ("from", *names), moves),
            *(describe(parameters.members, feature_names, "state") if describe else ()),
        )

    # --- helpers ---

    def _given(self, parameters: HiddenMarkovParameters, block: Any) -> tuple[Any, FloatArray, FloatArray]:
        emissions = emissions_of(self.family, parameters.members, block, self.n_components)
        return emissions, *_probabilities(parameters.chain)


def sequences_of(source: Any) -> Any:
    """Return sequences as they are, and plain rows as one sequence."""
    if isinstance(source, Sequences):
        return source
    if isinstance(source, DeviceSource):
        return as_sequences(source.X, sample_weight=source.weights if source.is_weighted else None, allow_device=True)
    if source.is_weighted:
        return as_sequences(np.concatenate([block.X for block in source.blocks()]), sample_weight=source.weights)
    X = np.concatenate([block.X for block in source.blocks()])
    made = as_sequences(X, n_threads=source.n_threads)
    made.feature_names = source.feature_names
    return made


def _count(resp: FloatArray) -> FloatArray:
    """Return the sums (k,) over rows."""
    if is_foreign(resp):
        return np.asarray(host(namespace(resp).sum(resp, axis=0)))
    return np.asarray(_ones(len(resp)) @ resp)  # many times as fast as a sum over an axis


@lru_cache(maxsize=8)
def _ones(n: int) -> FloatArray:
    ones = np.ones(n)
    ones.flags.writeable = False
    return ones


def _probabilities(chain: ChainParameters) -> tuple[FloatArray, FloatArray]:
    return np.ascontiguousarray(chain.init, dtype=np.float64), np.ascontiguousarray(chain.trans, dtype=np.float64)


def weighted_total(each: FloatArray, block: Any) -> float:
    """Return the log-likelihood of a block from that (s,) of each sequence."""
    weights = passes.weights_of(block)
    if weights is None:
        return float(each.sum())
    used = weights > 0
    return float(weights[used] @ each[used])


def weight_of(block: Any) -> float:
    """Return the weight of the rows of a block."""
    return float(block.weights.sum()) if block.is_weighted else float(block.n_rows)
