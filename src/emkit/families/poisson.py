"""The Poisson family: k vectors of independent counts; missing entries are skipped, which is exact.

x_j | member k ~ Poisson(rate_kj). Statistics: sum of r x and sum of r over observed entries, (k, d) each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive
from emkit.core.statistics import Additive
from emkit.families.base import Family
from emkit.families.columns import check_entries, filled, log_or_impossible, possible
from emkit.families.discrete import DiscreteStarts, distinct_rows
from emkit.kernels.foreign import host, like, namespace
from emkit.kernels.special import log_gamma

__all__ = ["Poisson", "PoissonParameters", "PoissonStatistics"]


@dataclass(frozen=True)
class PoissonParameters(Parameters):
    """Rates (k, d) of k members."""

    rate: Array = space(Positive())


@dataclass(frozen=True)
class PoissonStatistics(Additive):
    """Expected total of the counts and expected number of observed entries, (k, d) each."""

    total: FloatArray
    exposure: FloatArray


@dataclass(frozen=True)
class Poisson(Family):
    """Independent Poisson counts."""

    is_discrete: ClassVar[bool] = True

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: yes."""
        return True

    def prepared(self, source: Any, n_components: int) -> Poisson:
        source.map(lambda block: _check_counts(block.on_host(), source.feature_names))
        return self

    def arranged(self, source: Any) -> Any:
        return distinct_rows(source)

    def starting_rows(self, block: Any) -> DiscreteStarts:
        """Return square roots of the counts, whose variance hardly depends on the rate."""
        return DiscreteStarts(np.sqrt(np.asarray(block.X, dtype=np.float64)), block.weights)

    def start(self, X: Array, resp: FloatArray) -> PoissonParameters:
        """Return rates of the rows by responsibility, blended with the overall rates."""
        stats = self.statistics(None, X, resp)
        overall = stats.total.sum(axis=0) / np.maximum(stats.exposure.sum(axis=0), 1e-300)
        return PoissonParameters((stats.total + overall) / (stats.exposure + 1))

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        rows, seen = filled(X, 0.0)
        rate, ways = parameters.rate, namespace(rows).sum(log_gamma(rows + 1), axis=1, keepdims=True)
        joint = rows @ like(rows, log_or_impossible(rate).T) - seen @ like(rows, rate.T) - ways
        total: FloatArray = possible(joint) + like(rows, log_mix)
        return total

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> PoissonStatistics:
        rows, seen = filled(X, 0.0)
        return PoissonStatistics(host(resp.T @ rows), host(resp.T @ seen))

    def m_step(self, statistics: PoissonStatistics, parameters: Any) -> PoissonParameters:
        known = statistics.exposure > 0
        rate = np.divide(statistics.total, statistics.exposure, out=parameters.rate.copy(), where=known)
        return PoissonParameters(rate)

    def expected_loglik(self, parameters: Any, statistics: PoissonStatistics) -> float:
        counted = statistics.total > 0
        own = statistics.total[counted] @ np.log(parameters.rate[counted])
        return float(own - (statistics.exposure * parameters.rate).sum())

    def score(self, parameters: Any, statistics: PoissonStatistics) -> PoissonParameters:
        rate = parameters.rate
        ratio = np.divide(statistics.total, rate, out=np.zeros_like(rate), where=rate > 0)
        return PoissonParameters(ratio - statistics.exposure)

    def score_features(self, parameters: Any, X: Array) -> FloatArray | None:
        if (parameters.rate <= 0).any() or np.isnan(X).any():
            return None
        return np.concatenate([np.ones((1, len(X))), np.asarray(X, dtype=np.float64).T])

    def score_powers(self, parameters: Any) -> IntArray | None:
        return np.eye(1 + parameters.rate.shape[1], dtype=np.intp)[:, 1:]

    def score_maps(self, parameters: Any) -> tuple[FloatArray, ...]:
        k, d = parameters.rate.shape
        maps = np.zeros((k, d, 1 + d))
        maps[:, :, 0] = -1.0
        maps[:, np.arange(d), 1 + np.arange(d)] = 1 / parameters.rate
        return (maps,)

    def log_prior(self, parameters: Any) -> float:
        return 0.0

    def reordered(self, parameters: Any, order: Array) -> PoissonParameters:
        return PoissonParameters(parameters.rate[order])

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.rate[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.poisson(parameters.rate[labels]), dtype=np.float64)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return ""  # the likelihood has an upper limit

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return the table of rates."""
        names = [f"x{j + 1}" for j in range(parameters.rate.shape[1])] if names is None else names
        rows = tuple((str(i + 1), *row) for i, row in enumerate(parameters.rate.tolist()))
        return (Description("Rates", (member, *names), rows),)


def _check_counts(block: Any, names: Sequence[str] | None) -> None:
    rows = np.asarray(block.X)
    wrong = ((rows < 0) | (rows != np.floor(rows))) & ~np.isnan(rows)
    check_entries(block, wrong, "counts (0, 1, 2, ...)", names)
