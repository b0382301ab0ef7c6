"""The categorical family: k vectors of independent unordered items; missing answers are skipped, which is exact.

x_j in 0 .. levels_j - 1, P(x_j = l | member k) = prob_kjl. Answers are held as a byte each; an E-step looks up a row of
log probabilities for each. A probability of exactly zero is an ordinary value: estimates at the edge are the rule with
several classes.

References
----------
Lazarsfeld & Henry 1968, *Latent Structure Analysis*. Goodman 1974, Biometrika 61:215.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Simplex
from emkit.core.statistics import Additive
from emkit.errors import DataError
from emkit.families.answers import Answers, Remembered, answers, expanded
from emkit.families.base import Family, MixtureStep
from emkit.families.discrete import DiscreteStarts, distinct_rows
from emkit.kernels.categorical import NO_ANSWER, categorical_bytes
from emkit.kernels.foreign import is_foreign

__all__ = ["Categorical", "CategoricalParameters", "CategoricalStatistics", "ItemParameters"]

_MANY = 1000  # levels of one item above which codes are measurements taken for categories


@dataclass(frozen=True)
class ItemParameters(Parameters):
    """Probabilities (k, l) of the l levels of one item under k members."""

    prob: Array = space(Simplex())


@dataclass(frozen=True)
class CategoricalParameters(Parameters):
    """Items, one after another: they may have different numbers of levels."""

    items: tuple[ItemParameters, ...]

    @property
    def stacked(self) -> FloatArray:
        """Probabilities of all levels of all items (sum of levels, k)."""
        return np.ascontiguousarray(np.concatenate([item.prob.T for item in self.items]))


@dataclass(frozen=True)
class CategoricalStatistics(Additive):
    """Expected counts (sum of levels, k) of all levels of all items."""

    counts: FloatArray


@dataclass(frozen=True)
class Categorical(Family):
    """Independent unordered items.

    Parameters
    ----------
    levels : tuple of tuples of str, optional
        Names of the levels of each item; read off the data, as 0, 1, ..., where None.
    """

    levels: tuple[tuple[str, ...], ...] | None = None
    is_discrete: ClassVar[bool] = True
    start_rows: ClassVar[int] = 4096  # a column for each level makes clusterings of more rows slow

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: yes."""
        return True

    def prepared(self, source: Any, n_components: int) -> Categorical:
        highest = np.max(source.map(lambda block: _checked_highest(block.on_host(), source.feature_names)), axis=0)
        if self.levels is not None:
            return self
        return replace(self, levels=tuple(tuple(map(str, range(int(top) + 1))) for top in highest))

    def arranged(self, source: Any) -> Any:
        return distinct_rows(source)

    def starting_rows(self, block: Any) -> DiscreteStarts:
        """Return a column per level, one where it is the answer and missing where there is none."""
        points = expanded(block.X, self._sizes).toarray()
        points[np.isnan(block.X).repeat(self._sizes, axis=1)] = np.nan
        return DiscreteStarts(points, block.weights)

    def start(self, X: Array, resp: FloatArray) -> CategoricalParameters:
        """Return probabilities of the rows by responsibility, blended with the overall ones."""
        counts = self._answers(X).counts(resp)
        return self._record([(part + part.sum(axis=1, keepdims=True) / part.sum()).T for part in self._parts(counts)])

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        return self._answers(X).log_joint(log_mix, _log(parameters.stacked))

    def mixture_step(self, log_mix: FloatArray, parameters: Any, block: Any) -> MixtureStep:
        log_prob = _log(parameters.stacked)
        loglik, count, counts = self._answers(block.X).moments(block.kernel_weights, log_mix, log_prob)
        return MixtureStep(loglik, count, CategoricalStatistics(counts))

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> CategoricalStatistics:
        return CategoricalStatistics(self._answers(X).counts(resp))

    def m_step(self, statistics: CategoricalStatistics, parameters: Any) -> CategoricalParameters:
        parts = self._parts(statistics.counts)
        return self._record([_shares(part.T, item.prob) for part, item in zip(parts, parameters.items, strict=True)])

    def expected_loglik(self, parameters: Any, statistics: CategoricalStatistics) -> float:
        counted = statistics.counts > 0
        return float(statistics.counts[counted] @ np.log(parameters.stacked[counted]))

    def score(self, parameters: Any, statistics: CategoricalStatistics) -> CategoricalParameters:
        prob = parameters.stacked
        slope = np.divide(statistics.counts, prob, out=np.zeros_like(prob), where=prob > 0)
        return CategoricalParameters(tuple(ItemParameters(part.T) for part in self._parts(slope)))

    def log_prior(self, parameters: Any) -> float:
        return 0.0

    def reordered(self, parameters: Any, order: Array) -> CategoricalParameters:
        return CategoricalParameters(tuple(ItemParameters(item.prob[order]) for item in parameters.items))

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.items[0].prob[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        draws = rng.random((len(labels), len(parameters.items)))
        drawn = [
            np.minimum((draws[:, j : j + 1] > np.cumsum(item.prob, axis=1)[labels]).sum(axis=1), item.prob.shape[1] - 1)
            for j, item in enumerate(parameters.items)
        ]
        return np.column_stack(drawn).astype(np.float64)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return ""  # the likelihood has an upper limit

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return a table of probabilities for each item."""
        names = [f"x{j + 1}" for j in range(len(parameters.items))] if names is None else names
        tables = []
        for name, levels, item in zip(names, self.levels or (), parameters.items, strict=True):
            rows = tuple((str(i + 1), *row) for i, row in enumerate(item.prob.tolist()))
            tables.append(Description(f"Probabilities of {name}", (member, *levels), rows))
        return tuple(tables)

    # --- levels of all items, one after another ---

    @property
    def _sizes(self) -> Array:
        return np.array([len(levels) for levels in self.levels or ()])

    def _parts(self, stacked: FloatArray) -> list[FloatArray]:
        return np.split(stacked, np.cumsum(self._sizes)[:-1])

    def _record(self, prob: Sequence[FloatArray]) -> CategoricalParameters:
        scaled = (part / part.sum(axis=1, keepdims=True) for part in prob)
        return CategoricalParameters(tuple(ItemParameters(np.ascontiguousarray(part)) for part in scaled))

    @cached_property
    def _memory(self) -> Remembered:
        return Remembered()

    def _answers(self, X: Array) -> Answers:
        """Return the answers as the passes take them, worked out once for each block."""
        if is_foreign(X):  # made anew for less than it costs to keep
            return answers(X, self._sizes)
        return self._memory.of(X, lambda rows: answers(rows, self._sizes))


def _log(prob: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.log(prob)


def _shares(counts: FloatArray, before: FloatArray) -> FloatArray:
    """Return counts (k, l) as probabilities; members with no answer at all keep theirs."""
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=before.copy(), where=total > 0))


def _checked_highest(block: Any, names: Sequence[str] | None) -> FloatArray:
    """Return the highest code (d,) in a block, or raise where an entry is no code."""
    X = np.asarray(block.X)[block.weights > 0] if block.is_weighted else np.asarray(block.X)
    coded = categorical_bytes(X) if X.flags.c_contiguous else None
    if coded is not None:
        seen = coded[1][:, :NO_ANSWER]
        return np.where(seen.any(axis=1), NO_ANSWER - 1.0 - seen[:, ::-1].argmax(axis=1), -1.0)
    wrong = ~np.isnan(X) & ((X < 0) | (np.floor(X) != X) | (X >= _MANY))
    if wrong.any():
        i, j = (int(part[0]) for part in np.nonzero(wrong))
        column = repr(names[j]) if names else str(j)
        message = f"expected codes of levels (0, 1, 2, ... below {_MANY}), got {X[i, j]!s} in column {column}"
        raise DataError(message)
    return np.asarray(np.where(np.isnan(X), -1.0, X).max(axis=0, initial=-1.0), dtype=np.float64)
