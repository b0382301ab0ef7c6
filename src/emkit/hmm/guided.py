"""Hidden Markov models of any family whose transitions, and perhaps first states, depend on covariates.

The covariates are columns of the rows; the family describes the other columns, and may be one of regressions that takes
covariates too. The chain is that of `guided_chain`.
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
from emkit.data.sequence_views import transformed
from emkit.families.base import Family
from emkit.families.gaussian import Gaussian
from emkit.families.regression import Regressions
from emkit.hmm import passes
from emkit.hmm.best_list import best_list
from emkit.hmm.course import Course
from emkit.hmm.guided_chain import GuidedChain, GuidedChainParameters, GuidedChainStatistics
from emkit.hmm.model import sequences_of, weight_of, weighted_total
from emkit.hmm.starts import SequenceStarts

__all__ = ["GuidedMarkov", "GuidedMarkovParameters", "GuidedMarkovStatistics"]

_START_ROWS = 16384


@dataclass(frozen=True)
class GuidedMarkovParameters(Parameters):
    """The chain, and the members of the family: one for each state."""

    chain: GuidedChainParameters | Any = None
    members: Any = None


@dataclass(frozen=True)
class GuidedMarkovStatistics(Statistics):
    """The chain's statistics, expected rows by state (k,), and the family's statistics."""

    chain: GuidedChainStatistics
    count: FloatArray
    members: Any


@dataclass(frozen=True)
class GuidedMarkov(Model):
    """A hidden Markov model whose chain depends on columns of the rows.

    Parameters
    ----------
    family : Family
    chain : GuidedChain
    columns : tuple of int, optional
        Those that the family describes; unless said, those that drive nothing.
    """

    family: Family = field(default_factory=Gaussian)
    chain: GuidedChain = field(default_factory=lambda: GuidedChain(1))
    columns: tuple[int, ...] | None = None

    @property
    def n_components(self) -> int:
        """Number of states."""
        return self.chain.n_states

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> GuidedMarkovParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: GuidedMarkovParameters, block: Any) -> GuidedMarkovStatistics:
        course, lengths = self.course(parameters, block), passes.lengths_of(block)
        chain, members, counts = [], [], np.zeros(self.n_components)

        def collect(rows: slice, resp: FloatArray, moves: FloatArray, log_into: FloatArray) -> None:
            np.add(counts, resp.sum(axis=0), out=counts)
            members.append(self.family.statistics(parameters.members, self.own(block.X[rows]), resp))
            chain.append(self.chain.sums(parameters.chain, block.X, lengths, rows, (resp, moves, log_into)))

        each, _ = course.expected(collect)
        total = weighted_total(each, block)
        return GuidedMarkovStatistics(total, weight_of(block), _added(chain), counts, _added(members))

    def m_step(self, statistics: GuidedMarkovStatistics, parameters: GuidedMarkovParameters) -> GuidedMarkovParameters:
        chain = self.chain.m_step(statistics.chain, parameters.chain)
        return GuidedMarkovParameters(chain, self.family.m_step(statistics.members, parameters.members))

    def log_prior(self, parameters: GuidedMarkovParameters) -> float:
        return self.family.log_prior(parameters.members)

    def expected_loglik(self, parameters: GuidedMarkovParameters, statistics: GuidedMarkovStatistics) -> float:
        own = self.chain.expected_loglik(parameters.chain, statistics.chain)
        return own + self.family.expected_loglik(parameters.members, statistics.members)

    def score(self, parameters: GuidedMarkovParameters, statistics: GuidedMarkovStatistics) -> GuidedMarkovParameters:
        chain = self.chain.score(parameters.chain, statistics.chain)
        return GuidedMarkovParameters(chain, self.family.score(parameters.members, statistics.members))

    # --- what else it offers ---

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree."""
        return max(8, 8 * (self.n_components - 1))

    @property
    def hits_to_believe(self) -> int:
        """How many of the starts must reach the best optimum: some starts end at states that are all alike."""
        return 32

    def prepare(self, source: Any) -> tuple[GuidedMarkov, Any]:
        """Return the model with the coordinates of the covariates and the family's constants, and the sequences."""
        sequences = sequences_of(source)
        family = self.family.prepared(self._own_source(sequences), self.n_components)
        return replace(self, family=family, chain=self.chain.prepared(sequences)), sequences

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], GuidedMarkovParameters]:
        block = source.sample(_START_ROWS, rng)
        own = replace(block, X=self.own(block.X))
        starts = SequenceStarts(own, self.family.starting_rows(own), self.n_components)

        def draw(own_rng: np.random.Generator, index: int) -> GuidedMarkovParameters:
            resp, init, trans = starts.draw(own_rng, index)
            return GuidedMarkovParameters(self.chain.parameters(init, trans), self.family.start(own.X, resp))

        return draw

    def log_density(self, parameters: GuidedMarkovParameters, block: Any) -> FloatArray:
        """Return the log-likelihood (s,) of each sequence of a block."""
        return self.course(parameters, block).loglik()[0]

    def posterior(self, parameters: GuidedMarkovParameters, block: Any) -> FloatArray:
        """Return the smoothed probabilities (b, k) of the states."""
        return self.course(parameters, block).smoothed()

    def filtered(self, parameters: GuidedMarkovParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows up to each."""
        return self.course(parameters, block).filtered()

    def predicted(self, parameters: GuidedMarkovParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows before each."""
        return self.course(parameters, block).predicted()

    def unexplained(self, parameters: GuidedMarkovParameters, block: Any) -> passes.Unexplained:
        """Return the first row of a block that no path explains."""
        return self.course(parameters, block).loglik()[1]

    def best_path(self, parameters: GuidedMarkovParameters, block: Any) -> tuple[IntArray, FloatArray]:
        """Return the most probable path (b,), and its log joint probability (s,) for each sequence."""
        return self.course(parameters, block).best()

    def best_paths(self, parameters: GuidedMarkovParameters, block: Any, n_paths: int) -> tuple[FloatArray, IntArray]:
        """Return log joint probabilities (m,) and states (m, b) of the best paths of a block of one sequence."""
        course = self.course(parameters, block)
        log_first = self.chain.log_begin(parameters.chain, block.X[:1])[0]
        return best_list(log_first, course.emissions, course.log_into, block.n_rows, n_paths)

    def drawn_paths(
        self, parameters: GuidedMarkovParameters, block: Any, rng: np.random.Generator, n_paths: int
    ) -> IntArray:
        """Return paths (n_paths, b) drawn from the posterior."""
        return self.course(parameters, block).drawn(rng, n_paths)

    def ahead(self, parameters: GuidedMarkovParameters, last: FloatArray | None, rows: Array) -> FloatArray:
        """Return the probabilities (h, k) of the states of rows that follow one whose are `last` (k,).

        The first of `rows` is that one itself, of which only the covariates count; with None, a new sequence begins.
        """
        into = np.exp(self.chain.log_into(parameters.chain, rows, np.array([len(rows)]))(slice(0, len(rows))))
        found = [into[0, 0] if last is None else last]
        for move in into[1:]:
            found.append(found[-1] @ move)
        return np.array(found if last is None else found[1:])

    def sample_at(
        self, parameters: GuidedMarkovParameters, rows: Array, rng: np.random.Generator, first: int | None = None
    ) -> tuple[FloatArray, Array]:
        """Return one sequence at the covariates of rows (n, d), whose other entries do not count, and its states."""
        into = np.exp(self.chain.log_into(parameters.chain, rows, np.array([len(rows)]))(slice(0, len(rows))))
        edges, draws = np.cumsum(into, axis=2), rng.random(len(rows))
        states = np.empty(len(rows), dtype=np.intp)
        for t, edge in enumerate(edges):
            own = edge[states[t - 1] if t else 0]
            states[t] = min(int(np.searchsorted(own, draws[t] * own[-1], side="right")), len(own) - 1)
            if t == 0 and first is not None:
                states[t] = first
        return self.drawn_rows(parameters, rows, states, rng), states

    def drawn_rows(
        self, parameters: GuidedMarkovParameters, rows: Array, states: Array, rng: np.random.Generator
    ) -> FloatArray:
        """Return rows (n, d) with what the family describes drawn anew, by state."""
        filled = np.array(rows, dtype=np.float64)
        columns = list(self._columns(filled.shape[1]))
        if isinstance(self.family, Regressions):
            filled[:, columns] = self.family.drawn(parameters.members, filled[:, columns], states, rng)
        else:
            filled[:, columns] = self.family.sample(parameters.members, states, rng)
        return filled

    def canonical(self, parameters: GuidedMarkovParameters) -> GuidedMarkovParameters:
        """Return the states by the family's key, rising; log odds stay against a move to the first."""
        order = np.argsort(np.asarray(self.family.sort_key(parameters.members)), kind="stable")
        if not self.chain.is_symmetric or (order == np.arange(self.n_components)).all():
            return parameters
        members = self.family.reordered(parameters.members, order)
        return GuidedMarkovParameters(self.chain.reordered(parameters.chain, order), members)

    def degeneracy(self, parameters: GuidedMarkovParameters, statistics: GuidedMarkovStatistics) -> str:
        return self.family.collapsed(parameters.members, statistics.members, statistics.count)

    def remarks(self, parameters: GuidedMarkovParameters) -> tuple[str, ...]:
        """Tell of log odds that have run off."""
        return self.chain.remarks(parameters.chain)

    def describe(
        self, parameters: GuidedMarkovParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return the tables of the chain, and those of the family where it makes any."""
        family: Any = self.family
        describe = offered(family, Offer.DESCRIBE)
        names = None if feature_names is None else [feature_names[j] for j in self._columns(len(feature_names))]
        own = describe(parameters.members, names, "state") if describe else ()
        return (*self.chain.describe(parameters.chain, feature_names), *own)

    # --- parts ---

    def course(self, parameters: GuidedMarkovParameters, block: Any) -> Course:
        """Return the passes over a block."""
        blank = np.zeros(self.n_components)

        def emissions(rows: slice) -> FloatArray:
            density = self.family.log_joint(blank, parameters.members, self.own(block.X[rows]))
            return np.ascontiguousarray(density, dtype=np.float64)

        return self.chain.course(parameters.chain, block, emissions)

    def own(self, X: Array) -> Array:
        """Return the columns that the family describes."""
        return np.ascontiguousarray(X[:, list(self._columns(X.shape[1]))])

    def _columns(self, d: int) -> tuple[int, ...]:
        if self.columns is not None:
            return self.columns
        taken = (*self.chain.covariates, *self.chain.begin_covariates)
        return tuple(j for j in range(d) if j not in taken)

    def _own_source(self, source: Any) -> Any:
        names = source.feature_names
        kept = None if names is None else tuple(names[j] for j in self._columns(len(names)))
        return transformed(source, lambda block: self.own(block.X), kept)


def _added(parts: list[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
