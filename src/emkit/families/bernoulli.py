"""The Bernoulli family: k vectors of independent 0/1 variables; dense with missing entries, or sparse rows.

x_j | member k ~ Bernoulli(prob_kj). With the log odds l_kj, log f = sum_j log(1 - prob_kj) + sum_{j: x_j = 1} l_kj, so
for sparse rows only the ones are touched. Statistics: sum of r x and sum of r over observed entries, (k, d) each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Probability
from emkit.core.statistics import Additive
from emkit.data.sparse import is_sparse
from emkit.errors import DataError
from emkit.families.base import Family
from emkit.families.columns import check_entries, filled, log_or_impossible, member_tables, possible
from emkit.families.discrete import DiscreteStarts, distinct_rows
from emkit.families.sparse_rows import projected_points, totals
from emkit.kernels.foreign import host, like

__all__ = ["Bernoulli", "BernoulliParameters", "BernoulliStatistics"]


@dataclass(frozen=True)
class BernoulliParameters(Parameters):
    """Probabilities (k, d) of a one."""

    prob: Array = space(Probability())


@dataclass(frozen=True)
class BernoulliStatistics(Additive):
    """Expected numbers of ones and of zeros, (k, d) each."""

    ones: FloatArray
    zeros: FloatArray


@dataclass(frozen=True)
class Bernoulli(Family):
    """Independent yes-or-no variables."""

    is_discrete: ClassVar[bool] = True
    takes_sparse: ClassVar[bool] = True

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: yes."""
        return True

    def prepared(self, source: Any, n_components: int) -> Bernoulli:
        source.map(lambda block: _check(block.on_host(), source.feature_names))
        return self

    def arranged(self, source: Any) -> Any:
        return source if is_sparse(next(source.blocks()).X) else distinct_rows(source)

    def starting_rows(self, block: Any) -> DiscreteStarts:
        """Return the rows themselves, or random projections of many sparse columns."""
        points = projected_points(block.X) if is_sparse(block.X) else np.asarray(block.X, dtype=np.float64)
        return DiscreteStarts(points, block.weights)

    def start(self, X: Array, resp: FloatArray) -> BernoulliParameters:
        """Return probabilities of the rows by responsibility, blended with the overall ones."""
        stats = self.statistics(None, X, resp)
        ones, zeros = stats.ones.sum(axis=0), stats.zeros.sum(axis=0)
        overall = (ones + 0.5) / (ones + zeros + 1)
        return BernoulliParameters((stats.ones + overall) / (stats.ones + stats.zeros + 1))

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        yes, no = log_or_impossible(parameters.prob), log_or_impossible(1 - parameters.prob)
        if is_sparse(X):
            joint = X @ np.ascontiguousarray((yes - no).T) + no.sum(axis=1)
        else:
            rows, seen = filled(X, 0.0)
            joint = rows @ like(rows, yes.T) + (seen - rows) @ like(rows, no.T)
        total: FloatArray = possible(joint) + like(joint, log_mix)
        return total

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> BernoulliStatistics:
        if is_sparse(X):
            ones = totals(X, resp)
            return BernoulliStatistics(ones, resp.sum(axis=0)[:, None] - ones)
        rows, seen = filled(X, 0.0)
        return BernoulliStatistics(host(resp.T @ rows), host(resp.T @ (seen - rows)))

    def m_step(self, statistics: BernoulliStatistics, parameters: Any) -> BernoulliParameters:
        number = statistics.ones + statistics.zeros
        prob = np.divide(statistics.ones, number, out=parameters.prob.copy(), where=number > 0)
        return BernoulliParameters(np.clip(prob, 0.0, 1.0))

    def expected_loglik(self, parameters: Any, statistics: BernoulliStatistics) -> float:
        yes, no = log_or_impossible(parameters.prob), log_or_impossible(1 - parameters.prob)
        return float((statistics.ones * yes + statistics.zeros * no).sum())

    def score(self, parameters: Any, statistics: BernoulliStatistics) -> BernoulliParameters:
        prob = parameters.prob
        inner = (prob > 0) & (prob < 1)
        up = np.divide(statistics.ones, prob, out=np.zeros_like(prob), where=inner)
        return BernoulliParameters(up - np.divide(statistics.zeros, 1 - prob, out=np.zeros_like(prob), where=inner))

    def log_prior(self, parameters: Any) -> float:
        return 0.0

    def reordered(self, parameters: Any, order: Array) -> BernoulliParameters:
        return BernoulliParameters(parameters.prob[order])

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.prob[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        prob = parameters.prob[labels]
        return np.asarray(rng.random(prob.shape) < prob, dtype=np.float64)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return ""  # the likelihood has an upper limit

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return the table of probabilities of a one."""
        return member_tables(parameters, {"prob": "Probabilities of 1"}, names, member)


def _check(block: Any, names: Sequence[str] | None) -> None:
    if is_sparse(block.X):
        if (block.X.data != 1).any() and ((block.X.data != 0) & (block.X.data != 1)).any():
            message = "expected 0 or 1 in every entry of the sparse rows: use `(X > 0).astype(float)`, or 'multinomial'"
            raise DataError(message)
        return
    rows = np.asarray(block.X)
    check_entries(block, (rows != 0) & (rows != 1) & ~np.isnan(rows), "0, 1 or NaN", names)
