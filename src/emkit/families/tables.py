"""What families of counts share: the expected number of rows with each value is their sufficient statistic.

Whatever the distribution, sum_i r_ik log f(x_i | k) = sum_v n_kv log f(v | k), with n_kv = sum of r_ik over the rows in
which v was counted. So the E-step looks log probabilities up in a table of the distinct counts, and the M-step
is maximum likelihood on a table of weighted counts, by the ordinary means of the distribution and exactly. Missing
entries are not counted, which is exact.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.statistics import Additive
from emkit.families.base import Family, Starts
from emkit.families.columns import check_entries, member_tables, reordered_record
from emkit.families.discrete import distinct_rows, starts_from, used_rows

__all__ = ["TableFamily", "TableStatistics", "Tally"]

_ALIVE = 1e-12  # members with less than this part of all weight keep their parameters


@dataclass(frozen=True)
class Tally(Additive):
    """Distinct counts (v,) of one column, rising, and the expected number (k, v) of rows with each."""

    values: FloatArray
    number: FloatArray

    def __add__(self, other: Tally) -> Tally:
        """Return the numbers of both sets of rows together, over the counts of either."""
        if self.values is other.values or np.array_equal(self.values, other.values):
            return Tally(self.values, self.number + other.number)
        values = np.union1d(self.values, other.values)
        number = np.zeros((len(self.number), len(values)))
        for part in (self, other):
            number[:, np.searchsorted(values, part.values)] += part.number
        return Tally(values, number)

    def __mul__(self, factor: float) -> Tally:
        """Return the numbers as if every row were repeated `factor` times."""
        return Tally(self.values, self.number * factor)

    __rmul__ = __mul__


@dataclass(frozen=True)
class TableStatistics(Additive):
    """A tally of each column."""

    columns: tuple[Tally, ...]


@dataclass(frozen=True)
class TableFamily(Family):
    """Independent columns given the member, known by how often each value occurs; parameters are arrays (k, d).

    `known` holds the distinct values of each column of the data, read off once, so that all blocks tally the same ones.
    """

    known: Any = field(default=None, compare=False, repr=False)
    is_discrete: ClassVar[bool] = True
    _tables: ClassVar[Mapping[str, str]] = {}

    # --- what a family says, of one column: parameters are records of arrays (k, 1) ---

    @abstractmethod
    def _log_prob(self, own: Any, values: FloatArray) -> FloatArray:
        """Return log probabilities (k, v) of counts (v,)."""

    @abstractmethod
    def _gradient(self, own: Any, values: FloatArray) -> tuple[FloatArray, ...]:
        """Return the derivative (k, v) of the log probabilities with respect to each parameter, in field order."""

    @abstractmethod
    def _fitted(self, tally: Tally, before: Any) -> Any:
        """Return the members (k, 1) of maximum likelihood on a table of counts; `before` is where to begin, or None."""

    @abstractmethod
    def _draw(self, own: Any, rng: np.random.Generator) -> Array:
        """Return one count for each entry of parameters (n, d)."""

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        """Raise `DataError` at the first entry outside the support: of counts, unless a family says otherwise."""
        rows = np.asarray(block.X, dtype=np.float64)
        check_entries(block, ((rows < 0) | (rows != np.floor(rows))) & ~np.isnan(rows), "counts (0, 1, 2, ...)", names)

    def _points(self, rows: FloatArray) -> FloatArray:
        """Return coordinates in which clusters are looked for: counts spread over orders of magnitude."""
        return np.asarray(np.log1p(rows))

    # --- what follows ---

    def prepared(self, source: Any, n_components: int) -> TableFamily:
        source.map(lambda block: self._check(block, source.feature_names))
        found = source.map(_distinct)
        known = tuple(np.unique(np.concatenate([part[j] for part in found])) for j in range(source.n_features))
        return replace(self, known=known)

    def arranged(self, source: Any) -> Any:
        return distinct_rows(source) if self.is_discrete else used_rows(source)

    def starting_rows(self, block: Any) -> Starts:
        """Return the rows in coordinates in which clusters are round."""
        points = self._points(np.asarray(block.X, dtype=np.float64))
        return starts_from(points, block.weights, is_discrete=self.is_discrete)

    def start(self, X: Array, resp: FloatArray) -> Any:
        """Return members of the rows by responsibility, each blended with a few rows' worth of all."""
        tallies = self.statistics(None, X, resp).columns
        blended = tuple(Tally(t.values, t.number + _START_ROWS * _shares(t.number.sum(axis=0))) for t in tallies)
        return self._joined([self._fitted(tally, None) for tally in blended])

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        joint = np.repeat(np.asarray(log_mix, dtype=np.float64)[None], len(X), axis=0)
        for j, own in enumerate(self._columns(parameters)):
            values, place, seen = self._places(X, j)
            with np.errstate(divide="ignore"):
                table = np.ascontiguousarray(self._log_prob(own, values).T)
            if seen is None:
                joint += table[place]
            else:
                joint[seen] += table[place]
        return joint

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> TableStatistics:
        tallies = []
        for j in range(X.shape[1]):
            values, place, seen = self._places(X, j)
            weights = resp if seen is None else resp[seen]
            n = len(place)
            picked = csr_array((np.ones(n), place, np.arange(n + 1)), shape=(n, len(values)))
            tallies.append(Tally(values, np.ascontiguousarray((picked.T @ weights).T)))
        return TableStatistics(tuple(tallies))

    def m_step(self, statistics: TableStatistics, parameters: Any) -> Any:
        return self._joined(
            [
                _where(_is_alive(tally), self._fitted(_living(tally), own), own)
                for tally, own in zip(statistics.columns, self._columns(parameters), strict=True)
            ]
        )

    def expected_loglik(self, parameters: Any, statistics: TableStatistics) -> float:
        total = 0.0
        for tally, own in zip(statistics.columns, self._columns(parameters), strict=True):
            with np.errstate(divide="ignore"):
                log_prob = self._log_prob(own, tally.values)
            counted = tally.number > 0
            total += float(tally.number[counted] @ log_prob[counted])
        return total

    def score(self, parameters: Any, statistics: TableStatistics) -> Any:
        slopes = []
        for tally, own in zip(statistics.columns, self._columns(parameters), strict=True):
            parts = self._gradient(own, tally.values)
            slopes.append(type(own)(*((tally.number * part).sum(axis=1, keepdims=True) for part in parts)))
        return self._joined(slopes)

    def log_prior(self, parameters: Any) -> float:
        return 0.0

    def reordered(self, parameters: Any, order: Array) -> Any:
        return reordered_record(parameters, order)

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(getattr(parameters, dataclasses.fields(parameters)[-1].name)[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self._draw(reordered_record(parameters, labels), rng), dtype=np.float64)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return ""  # probabilities are at most one: the likelihood has an upper limit

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return a table for each parameter."""
        return member_tables(parameters, self._tables, names, member)

    # --- columns ---

    def _places(self, X: Array, j: int) -> tuple[FloatArray, IntArray, Array | None]:
        """Return distinct counts (v,), where among them each observed row stands, and which rows are observed."""
        column = np.asarray(X[:, j], dtype=np.float64)
        unseen = np.isnan(column)
        seen = None if not unseen.any() else ~unseen
        column = column if seen is None else column[seen]
        values = np.unique(column) if self.known is None else self.known[j]
        place = np.minimum(np.searchsorted(values, column), max(len(values) - 1, 0))
        if len(column) and not (len(values) and (values[place] == column).all()):
            values = np.union1d(values, column)  # counts that the fitted data did not have
            place = np.searchsorted(values, column)
        return values, place, seen

    @staticmethod
    def _columns(parameters: Any) -> list[Any]:
        """Return a record of arrays (k, 1) for each column."""
        arrays = [getattr(parameters, item.name) for item in dataclasses.fields(parameters)]
        return [type(parameters)(*(a[:, j : j + 1] for a in arrays)) for j in range(arrays[0].shape[1])]

    @staticmethod
    def _joined(columns: Sequence[Any]) -> Any:
        kind = type(columns[0])
        names = [item.name for item in dataclasses.fields(kind)]
        return kind(*(np.concatenate([getattr(own, name) for own in columns], axis=1) for name in names))


_START_ROWS = 2.0


def _shares(number: FloatArray) -> FloatArray:
    return np.asarray(number / max(number.sum(), 1e-300))


def _is_alive(tally: Tally) -> Array:
    each = tally.number.sum(axis=1, keepdims=True)
    return np.asarray(each > _ALIVE * max(each.sum(), 1e-300))


def _living(tally: Tally) -> Tally:
    """Return the tally with the numbers of all members for those that hold nothing, whose answer is not used."""
    alive = _is_alive(tally)
    if alive.all():
        return tally
    pooled = tally.number.sum(axis=0) + (tally.number.sum() == 0)
    return Tally(tally.values, np.where(alive, tally.number, pooled))


def _where(alive: Array, new: Any, before: Any) -> Any:
    if alive.all():
        return new
    names = [item.name for item in dataclasses.fields(new)]
    return type(new)(*(np.where(alive, getattr(new, name), getattr(before, name)) for name in names))


def _distinct(block: Any) -> list[FloatArray]:
    used = np.asarray(block.X, dtype=np.float64)[block.weights > 0]
    return [np.unique(column[~np.isnan(column)]) for column in used.T]
