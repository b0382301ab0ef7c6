"""What families of independent columns share, where each column follows an exponential family.

Given member k, columns are independent with

    log f(x_j | k) = sum_m eta_m(theta_kj) T_m(x_j) - A(theta_kj) + h(x_j),

so log densities are matrix products of the features T_m and the natural parameters, expected statistics are products of
the responsibilities with the features, and a missing entry, of which every feature is zero, drops out of both, exactly.
A family says what its features, natural parameters and M-step are; the rest is here.

References
----------
Barndorff-Nielsen 1978, *Information and Exponential Families*. Little & Rubin 2019, section 6.2.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.statistics import Additive
from emkit.errors import DataError
from emkit.families.base import Family, Starts
from emkit.families.discrete import distinct_rows, starts_from, used_rows
from emkit.kernels.foreign import host, is_foreign, like, namespace

__all__ = [
    "FLOOR",
    "ColumnFamily",
    "ColumnStatistics",
    "check_entries",
    "filled",
    "log_or_impossible",
    "member_tables",
    "minus_log_sum",
    "possible",
    "reordered_record",
    "worst_member",
]

FLOOR = 1e-12  # weight of the penalty that keeps a collapsing member finite, in observations
IMPOSSIBLE = -1e280  # stands for log 0 where it may be multiplied by a count of zero
_ALIVE = 1e-12  # members with less than this part of all weight keep their parameters


@dataclass(frozen=True)
class ColumnStatistics(Additive):
    """Expected number of observed entries (k, d), and expected totals (k, d) of each feature."""

    exposure: FloatArray
    totals: tuple[FloatArray, ...]


@dataclass(frozen=True)
class ColumnFamily(Family):
    """Independent columns given the member, an exponential family each."""

    _tables: ClassVar[Mapping[str, str]] = {}  # field of the parameters -> title of its table

    # --- what a family says ---

    @abstractmethod
    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        """Raise `DataError` at the first entry outside the support."""

    @abstractmethod
    def _features(self, rows: FloatArray, seen: FloatArray) -> tuple[FloatArray, ...]:
        """Return the features, (n, d) each, of rows with a harmless value where `seen` is zero; zero there."""

    @abstractmethod
    def _natural(self, parameters: Any) -> tuple[tuple[FloatArray, ...], FloatArray]:
        """Return the natural parameters, (k, d) one for each feature, and the log partition function (k, d)."""

    @abstractmethod
    def _solved(self, means: tuple[FloatArray, ...], exposure: FloatArray, before: Any) -> Any:
        """Return the members whose features have these means (k, d), given how many entries (k, d) they are of."""

    @abstractmethod
    def _slope(self, parameters: Any, statistics: ColumnStatistics) -> Any:
        """Return the gradient of expected log-likelihood plus log prior by entry."""

    def _carrier(self, rows: FloatArray, seen: FloatArray) -> FloatArray | float:
        """Return what the log density of each row (n, 1) holds that no parameter touches."""
        return 0.0

    def _tuned(self, source: Any) -> ColumnFamily:
        """Return the family with the constants it reads off the data."""
        return self

    def _points(self, rows: FloatArray) -> FloatArray:
        """Return coordinates (n, p) in which clusters are looked for; NaN is missing."""
        return rows

    _neutral: ClassVar[float] = 0.0  # a value inside the support, that missing entries stand at

    # --- what follows ---

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: yes."""
        return True

    def prepared(self, source: Any, n_components: int) -> ColumnFamily:
        source.map(lambda block: self._check(block.on_host(), source.feature_names))
        return self._tuned(source)

    def arranged(self, source: Any) -> Any:
        return distinct_rows(source) if self.is_discrete else used_rows(source)

    def starting_rows(self, block: Any) -> Starts:
        """Return the rows in coordinates in which clusters are round."""
        points = self._points(np.asarray(block.X, dtype=np.float64))
        return starts_from(points, block.weights, is_discrete=self.is_discrete)

    def start(self, X: Array, resp: FloatArray) -> Any:
        """Return members of the rows by responsibility, each blended with one row's worth of all."""
        stats = self.statistics(None, X, resp)
        number = np.maximum(stats.exposure.sum(axis=0), 1e-300)
        exposure = stats.exposure + 1.0
        means = tuple((total + total.sum(axis=0) / number) / exposure for total in stats.totals)
        return self._solved(means, exposure, None)

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        rows, seen = filled(X, self._neutral)
        eta, partition = self._natural(parameters)
        joint = like(rows, log_mix) - seen @ like(rows, partition.T)
        for feature, slope in zip(self._features(rows, seen), eta, strict=True):
            joint += feature @ like(rows, slope.T)
        joint += self._carrier(rows, seen)
        return possible(joint)

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> ColumnStatistics:
        rows, seen = filled(X, self._neutral)
        weights = resp.T
        totals = tuple(host(weights @ feature) for feature in self._features(rows, seen))
        return ColumnStatistics(host(weights @ seen), totals)

    def m_step(self, statistics: ColumnStatistics, parameters: Any) -> Any:
        exposure = statistics.exposure
        is_known = exposure > _ALIVE * exposure.sum(axis=0)
        safe = np.where(is_known, exposure, 1.0)
        means = tuple(total / safe for total in statistics.totals)
        return _where(is_known, self._solved(means, safe, parameters), parameters)

    def expected_loglik(self, parameters: Any, statistics: ColumnStatistics) -> float:
        eta, partition = self._natural(parameters)
        own = -float((statistics.exposure * partition).sum())
        return own + sum(float((slope * total).sum()) for slope, total in zip(eta, statistics.totals, strict=True))

    def score(self, parameters: Any, statistics: ColumnStatistics) -> Any:
        return self._slope(parameters, statistics)

    def log_prior(self, parameters: Any) -> float:
        return 0.0

    def reordered(self, parameters: Any, order: Array) -> Any:
        return reordered_record(parameters, order)

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(_first(parameters)[:, 0])

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return ""

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return a table for each parameter."""
        return member_tables(parameters, self._tables, names, member)


# --- helpers ---


def filled(X: Array, neutral: float) -> tuple[FloatArray, FloatArray]:
    """Return rows (n, d) with `neutral` for missing, and one where an entry is observed, (n, d)."""
    xp = namespace(X)
    rows = xp.asarray(X, dtype=xp.float64)
    seen = ~xp.isnan(rows)
    complete = rows if bool(xp.all(seen)) else xp.where(seen, rows, xp.full_like(rows, neutral))
    return complete, xp.asarray(seen, dtype=xp.float64)


def minus_log_sum(rows: FloatArray) -> FloatArray:
    """Return minus the sum (n, 1) of the logarithms of each row: what a density by the logarithm is short of."""
    xp: Any = namespace(rows)
    total: FloatArray = xp.sum(xp.log(rows), axis=1, keepdims=True)
    return -total


def possible(joint: FloatArray) -> FloatArray:
    """Return log densities (n, k) with minus infinity where a log 0 has gone in; NumPy's are written to."""
    if is_foreign(joint):
        xp: Any = namespace(joint)
        put: FloatArray = xp.where(joint < IMPOSSIBLE / 2, xp.full_like(joint, -np.inf), joint)
        return put
    joint[joint < IMPOSSIBLE / 2] = -np.inf
    return joint


def check_entries(block: Any, wrong: Array, expected: str, names: Sequence[str] | None) -> None:
    """Raise `DataError` at the first entry of positive weight that is `wrong` (n, d); say what was expected."""
    wrong = wrong & (block.weights > 0)[:, None]
    if wrong.any():
        _raise_entry(block, wrong, expected, names)


def _raise_entry(block: Any, wrong: Array, expected: str, names: Sequence[str] | None) -> NoReturn:
    i, j = (int(part[0]) for part in np.nonzero(wrong))
    column = repr(names[j]) if names else str(j)
    message = f"expected {expected}, got {np.asarray(block.X)[i, j]!s} in row {block.start + i}, column {column}"
    raise DataError(message)


def log_or_impossible(value: FloatArray) -> FloatArray:
    """Return logarithms, with a huge negative number for log 0: times a count of zero it is zero."""
    return np.log(value, out=np.full(np.shape(value), IMPOSSIBLE), where=value > 0)


def reordered_record(parameters: Any, order: Array) -> Any:
    """Return a record of arrays (k, ...) with its members in another order."""
    fields = dataclasses.fields(parameters)
    return type(parameters)(**{field.name: getattr(parameters, field.name)[order] for field in fields})


def member_tables(
    parameters: Any, titles: Mapping[str, str], names: Sequence[str] | None, member: str
) -> tuple[Description, ...]:
    """Return a table (members by columns) for each array (k, d) of a record that has a title."""
    d = _first(parameters).shape[1]
    names = [f"x{j + 1}" for j in range(d)] if names is None else names
    tables = []
    for name, title in titles.items():
        values = getattr(parameters, name).tolist()
        rows = tuple((str(i + 1), *row) for i, row in enumerate(values))
        tables.append(Description(title, (member, *names), rows))
    return tuple(tables)


def worst_member(is_worst: Array, sentence: str) -> str:
    """Return a sentence for the first member and column (k, d) that has collapsed, or an empty string."""
    if not is_worst.any():
        return ""
    k, j = (int(part[0]) for part in np.nonzero(is_worst))
    return f"Component {k + 1} has collapsed in column {j}: {sentence}"


def _first(parameters: Any) -> Any:
    return getattr(parameters, dataclasses.fields(parameters)[0].name)


def _where(is_known: Array, new: Any, before: Any) -> Any:
    if is_known.all() or before is None:
        return new
    fields = dataclasses.fields(new)
    return type(new)(**{f.name: np.where(is_known, getattr(new, f.name), getattr(before, f.name)) for f in fields})
