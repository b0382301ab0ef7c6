"""The multinomial family: k distributions of rows of counts given their totals; dense or sparse rows.

x | member k, n ~ Multinomial(n, prob_k), n the total of the row. Of sparse rows only the counts above zero are touched:
log densities are a sparse matrix times the logarithms of the probabilities. A row of which any count is missing says
nothing about the others without its total, so that rows are either complete or missing as a whole.

References
----------
McCallum & Nigam 1998, *A comparison of event models for naive Bayes text classification* (the same model, supervised).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Simplex
from emkit.core.statistics import Additive
from emkit.data.sparse import is_sparse
from emkit.errors import DataError
from emkit.families.base import Family
from emkit.families.columns import check_entries, filled, log_or_impossible, member_tables, possible
from emkit.families.discrete import DiscreteStarts, distinct_rows
from emkit.families.sparse_rows import projected_points, totals
from emkit.kernels.foreign import host, like, namespace
from emkit.kernels.special import log_gamma

__all__ = ["Multinomial", "MultinomialParameters", "MultinomialStatistics"]


@dataclass(frozen=True)
class MultinomialParameters(Parameters):
    """Probabilities (k, d) of the categories."""

    prob: Array = space(Simplex())


@dataclass(frozen=True)
class MultinomialStatistics(Additive):
    """Expected counts (k, d) of the categories."""

    counts: FloatArray


@dataclass(frozen=True)
class Multinomial(Family):
    """Rows of counts given their totals.

    Parameters
    ----------
    concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the probabilities; 1 is none, above 1 keeps unseen categories possible.
    """

    concentration: float = 1.0
    is_discrete: ClassVar[bool] = True
    takes_sparse: ClassVar[bool] = True

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: yes."""
        return True

    def prepared(self, source: Any, n_components: int) -> Multinomial:
        source.map(lambda block: _check(block.on_host(), source.feature_names))
        return self

    def arranged(self, source: Any) -> Any:
        return source if is_sparse(next(source.blocks()).X) else distinct_rows(source)

    def starting_rows(self, block: Any) -> DiscreteStarts:
        """Return square roots of the shares, or random projections of many sparse columns."""
        if is_sparse(block.X):
            return DiscreteStarts(projected_points(block.X), block.weights)
        X = np.asarray(block.X, dtype=np.float64)
        size = X.sum(axis=1, keepdims=True)
        return DiscreteStarts(np.sqrt(X / np.where(size > 0, size, 1.0)), block.weights)

    def start(self, X: Array, resp: FloatArray) -> MultinomialParameters:
        """Return shares of the rows by responsibility, blended with the overall ones."""
        counts = self.statistics(None, X, resp).counts
        overall = counts.sum(axis=0) + 1e-3
        blend = 1.0 + 0.01 * counts.sum(axis=1, keepdims=True)
        mixed = counts + blend * overall / overall.sum()
        return MultinomialParameters(mixed / mixed.sum(axis=1, keepdims=True))

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Any) -> FloatArray:
        log_prob = np.ascontiguousarray(log_or_impossible(parameters.prob).T)
        if is_sparse(X):
            joint = X @ log_prob
            size = np.asarray(X.sum(axis=1)).reshape(-1)
            ways = gammaln(size + 1) - _log_factorials(X)
        else:
            rows = filled(X, 0.0)[0]  # rows may be missing as a whole
            xp, joint = namespace(rows), rows @ like(rows, log_prob)
            ways = log_gamma(xp.sum(rows, axis=1) + 1) - xp.sum(log_gamma(rows + 1), axis=1)
        total: FloatArray = possible(joint) + ways[:, None] + like(joint, log_mix)
        return total

    def statistics(self, parameters: Any, X: Any, resp: FloatArray) -> MultinomialStatistics:
        return MultinomialStatistics(totals(X, resp) if is_sparse(X) else host(resp.T @ filled(X, 0.0)[0]))

    def m_step(self, statistics: MultinomialStatistics, parameters: Any) -> MultinomialParameters:
        counts = np.maximum(statistics.counts + (self.concentration - 1), 0.0)
        size = counts.sum(axis=1, keepdims=True)
        return MultinomialParameters(np.divide(counts, size, out=parameters.prob.copy(), where=size > 0))

    def expected_loglik(self, parameters: Any, statistics: MultinomialStatistics) -> float:
        return float((statistics.counts * log_or_impossible(parameters.prob)).sum())

    def score(self, parameters: Any, statistics: MultinomialStatistics) -> MultinomialParameters:
        prob, counts = parameters.prob, statistics.counts + (self.concentration - 1)
        return MultinomialParameters(np.divide(counts, prob, out=np.zeros_like(prob), where=prob > 0))

    def log_prior(self, parameters: Any) -> float:
        if self.concentration == 1:
            return 0.0
        return (self.concentration - 1) * float(log_or_impossible(parameters.prob).sum())

    def reordered(self, parameters: Any, order: Array) -> MultinomialParameters:
        return MultinomialParameters(parameters.prob[order])

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.prob[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        """Return one category drawn for each label, as a row of counts: totals are no part of the model."""
        edges, uniform = np.cumsum(parameters.prob, axis=1), rng.random(len(labels))
        rows = np.zeros((len(labels), parameters.prob.shape[1]))
        for z in np.unique(labels):
            own = np.flatnonzero(labels == z)
            drawn = np.searchsorted(edges[z], uniform[own] * edges[z, -1], side="right")
            rows[own, np.minimum(drawn, rows.shape[1] - 1)] = 1.0
        return rows

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return ""  # the likelihood has an upper limit

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return the table of probabilities."""
        return member_tables(parameters, {"prob": "Probabilities"}, names, member)


_TABLE = 100_000


def _log_factorials(X: Any) -> FloatArray:
    """Return the sum (n,) over each sparse row of the log factorials of its counts."""
    top = int(X.data.max(initial=0))
    if top <= 1:
        return np.zeros(X.shape[0])
    logs = X.copy()
    table = top <= _TABLE  # counts are small: looking up is many times faster than working out
    logs.data = gammaln(np.arange(top + 1) + 1.0)[X.data.astype(np.intp)] if table else gammaln(X.data + 1.0)
    return np.asarray(logs @ np.ones(X.shape[1]))


def _check(block: Any, names: Sequence[str] | None) -> None:
    if is_sparse(block.X):
        data = block.X.data
        if (data < 0).any() or (data != np.floor(data)).any():
            message = "expected counts (0, 1, 2, ...) in every entry of the sparse rows"
            raise DataError(message)
        return
    rows = np.asarray(block.X)
    unseen = np.isnan(rows)
    check_entries(block, ((rows < 0) | (rows != np.floor(rows))) & ~unseen, "counts (0, 1, 2, ...)", names)
    partly = unseen & ~unseen.all(axis=1, keepdims=True)
    check_entries(block, partly, "complete rows of counts, or rows missing as a whole", names)
