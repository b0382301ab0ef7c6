"""A product of families: columns of several kinds side by side, independent given the member.

x = (x_1, ..., x_p) with log f(x | k) = sum_p log f_p(x_p | k). Each part keeps its own parameters and statistics, and a
row whose entries are missing in some parts is known by the others, which is exact.

References
----------
Hunt & Jorgensen 1999, Australian & New Zealand Journal of Statistics 41:153 (mixed data, "Multimix").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.model import Offer
from emkit.core.parameters import Parameters
from emkit.core.statistics import Additive
from emkit.data import as_source
from emkit.data.views import ColumnView
from emkit.errors import ParameterError
from emkit.families.base import Family, Starts
from emkit.families.discrete import DiscreteStarts, distinct_rows, starts_from, used_rows
from emkit.families.gaussian_starts import StartingRows
from emkit.kernels.foreign import columns_of, is_foreign, like

__all__ = ["Product", "ProductParameters", "ProductStatistics"]


@dataclass(frozen=True)
class ProductParameters(Parameters):
    """The parameters of the parts, in order."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class ProductStatistics(Additive):
    """The statistics of the parts, in order."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Product(Family):
    """Families side by side.

    Parameters
    ----------
    families : tuple of Family
    columns : tuple of tuples of int
        Which columns of the rows each family describes; no column twice.
    """

    families: tuple[Family, ...] = ()
    columns: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        used = [j for part in self.columns for j in part]
        if len(self.families) != len(self.columns) or not self.families or len(set(used)) < len(used):
            message = (
                "a product needs as many tuples of columns as families, at least one, and no column twice; got "
                f"{len(self.families)} families and columns {self.columns!r}"
            )
            raise ParameterError(message)

    @property
    def n_read(self) -> int:
        return sum(family.n_read for family in self.families)

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: where those of every family may."""
        return all(family.takes_device for family in self.families)

    def prepared(self, source: Any, n_components: int) -> Product:
        source = source.on_host()
        if not source.is_in_memory:
            parts = [ColumnView(source, columns) for columns in self.columns]
            ready = [f.prepared(part, n_components) for f, part in zip(self.families, parts, strict=True)]
            return replace(self, families=tuple(ready))
        whole = np.concatenate([block.X for block in source.blocks()])
        weights = np.concatenate([block.weights for block in source.blocks()]) if source.is_weighted else None
        ready = []
        for family, columns in zip(self.families, self.columns, strict=True):
            names = None if source.feature_names is None else [source.feature_names[j] for j in columns]
            part = as_source(
                np.ascontiguousarray(whole[:, columns]),
                weights,
                feature_names=names,
                n_threads=source.n_threads,
                allow_missing_columns=True,
            )
            ready.append(family.prepared(part, n_components))
        return replace(self, families=tuple(ready))

    def arranged(self, source: Any) -> Any:
        return distinct_rows(source) if self._is_discrete else used_rows(source)

    def starting_rows(self, block: Any) -> Starts:
        """Return the coordinates of all parts side by side, those of each part sharing the weight of one column."""
        points = []
        for family, columns in zip(self.families, self.columns, strict=True):
            rows = family.starting_rows(replace(block, X=_part(block.X, columns)))
            own = (
                rows.points if isinstance(rows, DiscreteStarts) else np.asarray(getattr(rows, "X", block.X[:, columns]))
            )
            points.append(StartingRows(own, block.weights).scaled * np.sqrt(len(columns) / own.shape[1]))
        return starts_from(np.column_stack(points), block.weights, is_discrete=self._is_discrete)

    def start(self, X: Array, resp: FloatArray) -> ProductParameters:
        return ProductParameters(tuple(family.start(rows, resp) for family, rows in self._rows(X)))

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        none = np.zeros(len(log_mix))
        joint = like(X, np.repeat(np.asarray(log_mix, dtype=np.float64)[None], X.shape[0], axis=0))
        for (family, rows), own in zip(self._rows(X), parameters.parts, strict=True):
            joint += family.log_joint(none, own, rows)
        return joint  # type: ignore[no-any-return]

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> ProductStatistics:
        pairs = zip(self._rows(X), parameters.parts, strict=True)
        return ProductStatistics(tuple(family.statistics(own, rows, resp) for (family, rows), own in pairs))

    def m_step(self, statistics: ProductStatistics, parameters: Any) -> ProductParameters:
        return ProductParameters(tuple(f.m_step(s, own) for f, own, s in self._each(parameters, statistics)))

    def expected_loglik(self, parameters: Any, statistics: ProductStatistics) -> float:
        return sum(f.expected_loglik(own, s) for f, own, s in self._each(parameters, statistics))

    def score(self, parameters: Any, statistics: ProductStatistics) -> ProductParameters:
        return ProductParameters(tuple(f.score(own, s) for f, own, s in self._each(parameters, statistics)))

    def log_prior(self, parameters: Any) -> float:
        return sum(f.log_prior(own) for f, own in zip(self.families, parameters.parts, strict=True))

    def reordered(self, parameters: Any, order: Array) -> ProductParameters:
        pairs = zip(self.families, parameters.parts, strict=True)
        return ProductParameters(tuple(family.reordered(own, order) for family, own in pairs))

    def sort_key(self, parameters: Any) -> FloatArray:
        return self.families[0].sort_key(parameters.parts[0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        rows = np.empty((len(labels), 1 + max(j for part in self.columns for j in part)))
        for family, columns, own in zip(self.families, self.columns, parameters.parts, strict=True):
            rows[:, columns] = family.sample(own, labels, rng)
        return rows

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        found = (f.collapsed(own, s, count) for f, own, s in self._each(parameters, statistics))
        return next((sentence for sentence in found if sentence), "")

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return the tables of all parts."""
        tables: list[Description] = []
        for family, columns, own in zip(self.families, self.columns, parameters.parts, strict=True):
            labels = [f"x{j + 1}" if names is None else names[j] for j in columns]
            describe = getattr(family, Offer.DESCRIBE, None)
            tables += describe(own, labels, member) if describe is not None else ()
        return tuple(tables)

    # --- parts ---

    @property
    def _is_discrete(self) -> bool:
        return all(family.is_discrete for family in self.families)

    def _rows(self, X: Array) -> Iterator[tuple[Family, Array]]:
        for family, columns in zip(self.families, self.columns, strict=True):
            yield family, _part(X, columns)

    def _each(self, parameters: Any, statistics: Any) -> Iterator[tuple[Family, Any, Any]]:
        yield from zip(self.families, parameters.parts, statistics.parts, strict=True)


def _part(X: Array, columns: Sequence[int]) -> Array:
    part: Array = columns_of(X, columns)
    return part if is_foreign(part) else np.ascontiguousarray(part)
