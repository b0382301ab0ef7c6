"""The binomial family: k vectors of independent counts of successes in known numbers of trials.

x_j | member k ~ Binomial(trials_j, prob_kj). Missing entries are skipped, which is exact. A probability of exactly zero
or one is an ordinary value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Probability
from emkit.errors import ParameterError
from emkit.families.columns import ColumnFamily, ColumnStatistics, check_entries, log_or_impossible
from emkit.kernels.foreign import like, namespace
from emkit.kernels.special import log_gamma

__all__ = ["Binomial", "BinomialParameters"]


@dataclass(frozen=True)
class BinomialParameters(Parameters):
    """Probabilities (k, d) of success."""

    prob: Array = space(Probability())


@dataclass(frozen=True)
class Binomial(ColumnFamily):
    """Independent binomial counts.

    Parameters
    ----------
    trials : int or tuple of int
        Number of trials: one for all columns, or one for each.
    """

    trials: int | tuple[int, ...] = 1
    is_discrete: ClassVar[bool] = True
    _tables = {"prob": "Probabilities of success"}  # noqa: RUF012

    def __post_init__(self) -> None:
        each = np.atleast_1d(np.asarray(self.trials))
        if each.ndim != 1 or each.dtype.kind not in "iuf" or (each < 1).any() or (each != np.floor(each)).any():
            message = f"`trials` must be a whole number of at least 1, or one for each column, got {self.trials!r}"
            raise ParameterError(message)

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        rows, trials = np.asarray(block.X), np.asarray(self.trials)
        if trials.ndim and len(trials) != rows.shape[1]:
            message = f"`trials` has {len(trials)} numbers, but the data have {rows.shape[1]} columns"
            raise ParameterError(message)
        wrong = ((rows < 0) | (rows != np.floor(rows)) | (rows > trials)) & ~np.isnan(rows)
        check_entries(block, wrong, f"counts of successes from 0 to the number of trials ({self.trials})", names)

    def _features(self, rows: FloatArray, seen: FloatArray) -> tuple[FloatArray, ...]:
        return rows, seen * like(rows, self._trials) - rows

    def _carrier(self, rows: FloatArray, seen: FloatArray) -> FloatArray:
        n = like(rows, self._trials)
        ways = like(rows, gammaln(self._trials + 1)) - log_gamma(rows + 1) - log_gamma(n - rows + 1)
        total: FloatArray = namespace(rows).sum(ways * seen, axis=1, keepdims=True)
        return total

    @property
    def _trials(self) -> FloatArray:
        return np.atleast_1d(np.asarray(self.trials, dtype=np.float64))

    def _points(self, rows: FloatArray) -> FloatArray:
        return np.asarray(np.arcsin(np.sqrt(np.clip(rows / np.asarray(self.trials), 0, 1))))

    def _natural(self, parameters: Any) -> tuple[tuple[FloatArray, ...], FloatArray]:
        prob = parameters.prob
        return (log_or_impossible(prob), log_or_impossible(1 - prob)), np.zeros_like(prob)

    def _solved(self, means: tuple[FloatArray, ...], exposure: FloatArray, before: Any) -> BinomialParameters:
        successes, failures = means
        return BinomialParameters(np.clip(successes / (successes + failures), 0.0, 1.0))

    def _slope(self, parameters: Any, statistics: ColumnStatistics) -> BinomialParameters:
        prob, (yes, no) = parameters.prob, statistics.totals
        inner = (prob > 0) & (prob < 1)
        up = np.divide(yes, prob, out=np.zeros_like(prob), where=inner)
        return BinomialParameters(up - np.divide(no, 1 - prob, out=np.zeros_like(prob), where=inner))

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.binomial(np.asarray(self.trials), parameters.prob[labels]), dtype=np.float64)
