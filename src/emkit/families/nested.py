"""Mixtures as members: each of k members is a mixture of m distributions of one family.

x | member k ~ sum_j weight_kj f(x; kj). The parts of all members are held in one record of k m distributions, those of
the first member first. What a mixture inside a hidden Markov model needs: its own labels are summed over in the
density and expected in the statistics.
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
from emkit.families.starts import kmeans_labels
from emkit.kernels.gaussian import softmax_rows

__all__ = ["Nested", "NestedParameters", "NestedStatistics", "split_within"]

_BLEND = 0.1  # of each part's responsibility that goes to the other parts of its member in a start


@dataclass(frozen=True)
class NestedParameters(Parameters):
    """Weights (k, m) of the parts of each member, and the k m parts."""

    weights: Array = space(Simplex())
    parts: Any = None


@dataclass(frozen=True)
class NestedStatistics(Additive):
    """Expected counts (k, m) of the parts, and their family's statistics."""

    count: FloatArray
    parts: Any


@dataclass(frozen=True)
class Nested(Family):
    """Members that are mixtures of `n_parts` distributions of `family` each."""

    family: Family
    n_parts: int = 1

    def prepared(self, source: Any, n_components: int) -> Nested:
        return replace(self, family=self.family.prepared(source, n_components * self.n_parts))

    def starting_rows(self, block: Any) -> Starts:
        return self.family.starting_rows(block)

    def start(self, X: Array, resp: FloatArray) -> NestedParameters:
        """Return parts from k-means within each member's rows."""
        k, m, split = resp.shape[1], self.n_parts, split_within(X, resp, self.n_parts)
        count = split.sum(axis=0) + 1.0
        parts = self.family.start(X, split.reshape(len(X), k * m))
        return NestedParameters(count / count.sum(axis=1, keepdims=True), parts)

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        density, _ = self._inside(parameters, X)
        return np.asarray(density + log_mix)

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> NestedStatistics:
        _, share = self._inside(parameters, X)
        share *= resp[:, :, None]
        flat = np.ascontiguousarray(share.reshape(len(X), -1))
        return NestedStatistics(share.sum(axis=0), self.family.statistics(parameters.parts, X, flat))

    def m_step(self, statistics: NestedStatistics, parameters: Any) -> NestedParameters:
        total = statistics.count.sum(axis=1, keepdims=True)
        weights = np.divide(statistics.count, total, out=parameters.weights.copy(), where=total > 0)
        return NestedParameters(weights, self.family.m_step(statistics.parts, parameters.parts))

    def expected_loglik(self, parameters: Any, statistics: NestedStatistics) -> float:
        used = statistics.count > 0
        own = float(statistics.count[used] @ np.log(parameters.weights[used]))
        return own + self.family.expected_loglik(parameters.parts, statistics.parts)

    def score(self, parameters: Any, statistics: NestedStatistics) -> NestedParameters:
        weights = parameters.weights
        slope = np.divide(statistics.count, weights, out=np.zeros_like(weights), where=weights > 0)
        return NestedParameters(slope, self.family.score(parameters.parts, statistics.parts))

    def log_prior(self, parameters: Any) -> float:
        return self.family.log_prior(parameters.parts)

    def reordered(self, parameters: Any, order: Array) -> NestedParameters:
        m = self.n_parts
        flat = (np.asarray(order)[:, None] * m + np.arange(m)).reshape(-1)
        return NestedParameters(parameters.weights[order], self.family.reordered(parameters.parts, flat))

    def sort_key(self, parameters: Any) -> FloatArray:
        key = np.asarray(self.family.sort_key(parameters.parts)).reshape(-1, self.n_parts)
        return np.asarray((parameters.weights * key).sum(axis=1))

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        edges = np.cumsum(parameters.weights, axis=1)[labels]
        part = np.minimum((rng.random(len(labels))[:, None] > edges).sum(axis=1), self.n_parts - 1)
        return self.family.sample(parameters.parts, labels * self.n_parts + part, rng)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return self.family.collapsed(parameters.parts, statistics.parts, statistics.count.reshape(-1))

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return the weights, and the tables of the parts numbered through."""
        rows = tuple((str(i + 1), *row) for i, row in enumerate(parameters.weights.tolist()))
        own = Description("Weights of the parts", (member, *(str(j + 1) for j in range(self.n_parts))), rows)
        family: Any = self.family
        return (own, *family.describe(parameters.parts, names, "part"))

    def _inside(self, parameters: Any, X: Array) -> tuple[FloatArray, FloatArray]:
        """Return the log density (n, k) of each member and the posterior (n, k, m) of its parts."""
        k, m = parameters.weights.shape
        with np.errstate(divide="ignore"):
            log_weights = np.log(parameters.weights).reshape(-1)
        joint = np.ascontiguousarray(self.family.log_joint(log_weights, parameters.parts, X), dtype=np.float64)
        density, share = softmax_rows(joint.reshape(-1, m))
        return density.reshape(-1, k), share.reshape(-1, k, m)


def split_within(X: Array, resp: FloatArray, m: int) -> FloatArray:
    """Return responsibilities (n, k, m) of m parts of each member, from k-means within the rows of each (n, k)."""
    rng, split = np.random.default_rng(0), np.zeros((len(X), resp.shape[1], m))
    for j, own in enumerate(resp.T):
        labels = kmeans_labels(X, own, m, rng) if m > 1 and np.count_nonzero(own) > m else None
        share = np.full((len(X), m), 1 / m) if labels is None else (1 - _BLEND) * np.eye(m)[labels] + _BLEND / m
        split[:, j] = own[:, None] * share
    return split
