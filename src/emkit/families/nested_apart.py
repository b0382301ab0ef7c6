"""Mixtures as members, the parts of each member a record of their own: what the parts of one member share is theirs.

As `nested`, but a covariance that "all" parts share is shared within each member.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Simplex
from emkit.core.statistics import Additive
from emkit.families.base import Family, Starts
from emkit.families.nested import split_within
from emkit.kernels.gaussian import softmax_rows

__all__ = ["NestedApart", "NestedApartParameters", "NestedApartStatistics"]


@dataclass(frozen=True)
class NestedApartParameters(Parameters):
    """Weights (k, m) of the parts of each member, and the m parts of each of the k members."""

    weights: Array = space(Simplex())
    parts: tuple[Any, ...] = ()


@dataclass(frozen=True)
class NestedApartStatistics(Additive):
    """Expected counts (k, m) of the parts, and their family's statistics, by member."""

    count: FloatArray
    parts: tuple[Any, ...]


@dataclass(frozen=True)
class NestedApart(Family):
    """Members that are mixtures of `n_parts` distributions of `family` each, that share what it has them share."""

    family: Family
    n_parts: int = 1

    def prepared(self, source: Any, n_components: int) -> NestedApart:
        return replace(self, family=self.family.prepared(source, n_components * self.n_parts))

    def starting_rows(self, block: Any) -> Starts:
        return self.family.starting_rows(block)

    def start(self, X: Array, resp: FloatArray) -> NestedApartParameters:
        """Return parts from k-means within each member's rows."""
        split = split_within(X, resp, self.n_parts)
        count = split.sum(axis=0) + 1.0
        parts = tuple(self.family.start(X, np.ascontiguousarray(split[:, j])) for j in range(resp.shape[1]))
        return NestedApartParameters(count / count.sum(axis=1, keepdims=True), parts)

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        density = np.column_stack([self._inside(parameters, j, X)[0] for j in range(len(parameters.parts))])
        return np.asarray(density + log_mix)

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> NestedApartStatistics:
        counts, parts = [], []
        for j, part in enumerate(parameters.parts):
            share = np.ascontiguousarray(self._inside(parameters, j, X)[1] * resp[:, j : j + 1])
            counts.append(share.sum(axis=0))
            parts.append(self.family.statistics(part, X, share))
        return NestedApartStatistics(np.array(counts), tuple(parts))

    def m_step(self, statistics: NestedApartStatistics, parameters: Any) -> NestedApartParameters:
        total = statistics.count.sum(axis=1, keepdims=True)
        weights = np.divide(statistics.count, total, out=parameters.weights.copy(), where=total > 0)
        pairs = zip(statistics.parts, parameters.parts, total[:, 0] > 0, strict=True)
        parts = tuple(self.family.m_step(own, part) if is_alive else part for own, part, is_alive in pairs)
        return NestedApartParameters(weights, parts)

    def expected_loglik(self, parameters: Any, statistics: NestedApartStatistics) -> float:
        used = statistics.count > 0
        own = float(statistics.count[used] @ np.log(parameters.weights[used]))
        pairs = zip(parameters.parts, statistics.parts, strict=True)
        return own + sum(self.family.expected_loglik(part, stats) for part, stats in pairs)

    def score(self, parameters: Any, statistics: NestedApartStatistics) -> NestedApartParameters:
        weights, pairs = parameters.weights, zip(parameters.parts, statistics.parts, strict=True)
        slope = np.divide(statistics.count, weights, out=np.zeros_like(weights), where=weights > 0)
        return NestedApartParameters(slope, tuple(self.family.score(part, stats) for part, stats in pairs))

    def log_prior(self, parameters: Any) -> float:
        return sum(self.family.log_prior(part) for part in parameters.parts)

    def reordered(self, parameters: Any, order: Array) -> NestedApartParameters:
        return NestedApartParameters(parameters.weights[order], tuple(parameters.parts[int(j)] for j in order))

    def sort_key(self, parameters: Any) -> FloatArray:
        key = np.array([self.family.sort_key(part) for part in parameters.parts])
        return np.asarray((parameters.weights * key).sum(axis=1))

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        edges = np.cumsum(parameters.weights, axis=1)[labels]
        place = np.minimum((rng.random(len(labels))[:, None] > edges).sum(axis=1), self.n_parts - 1)
        each = [self.family.sample(part, place, rng) for part in parameters.parts]
        return np.asarray(np.stack(each)[labels, np.arange(len(labels))])

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        triples = zip(parameters.parts, statistics.parts, statistics.count, strict=True)
        found = [self.family.collapsed(part, stats, own) for part, stats, own in triples]
        return " ".join(f"In member {j + 1}: {sentence}" for j, sentence in enumerate(found) if sentence)

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return the weights, and the tables of the parts of each member."""
        rows = tuple((str(i + 1), *row) for i, row in enumerate(parameters.weights.tolist()))
        found = [Description("Weights of the parts", (member, *(str(j + 1) for j in range(self.n_parts))), rows)]
        family: Any = self.family
        for i, part in enumerate(parameters.parts):
            tables = family.describe(part, names, "part")
            found.extend(table._replace(title=f"{table.title} in {member} {i + 1}") for table in tables)
        return tuple(found)

    def _inside(self, parameters: Any, j: int, X: Array) -> tuple[FloatArray, FloatArray]:
        """Return the log density (n,) of member j and the posterior (n, m) of its parts."""
        with np.errstate(divide="ignore"):
            log_weights = np.log(parameters.weights[j])
        joint = self.family.log_joint(log_weights, parameters.parts[j], X)
        return softmax_rows(np.ascontiguousarray(joint, dtype=np.float64))
