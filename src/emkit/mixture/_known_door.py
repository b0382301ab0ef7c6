"""Labels and groups of rows as the user gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import as_source
from emkit.data.frames import series_column
from emkit.errors import DataError, DataTypeError
from emkit.mixture.known import KnownMixture

__all__ = ["Known"]


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the labels of the rows: `labels` (n,) and `groups` (n,), or None."""

    labels: Any = None
    groups: Any = None

    def __bool__(self) -> bool:
        return self.labels is not None or self.groups is not None

    def fitted(self, model: Any, source: Any, climb: Callable[[Any, Any], Any]) -> Any:
        """Return what `climb(model, source)` returns for the mixture that is told.

        Raises
        ------
        DataError
            If labels or groups do not fit the rows, or a label is not the number of a component.
        """
        if not source.is_in_memory:
            message = "labels and groups need the rows in memory: pass them as an array or a data frame"
            raise DataTypeError(message)
        blocks = list(source.blocks())
        X = np.concatenate([np.asarray(block.X, dtype=np.float64) for block in blocks])
        label = self._labels(len(X), model.n_components)
        group = self._groups(len(X))
        names = source.feature_names
        told = as_source(
            np.column_stack([X, label, group]),
            np.concatenate([block.weights for block in blocks]) if source.is_weighted else None,
            feature_names=None if names is None else (*names, "label", "group"),
            n_threads=source.n_threads,
            allow_missing_columns=True,
        )
        return climb(KnownMixture(model, self.labels is not None, self.groups is not None), told)

    def _labels(self, n: int, k: int) -> FloatArray:
        if self.labels is None:
            return np.full(n, np.nan)
        values = _column(self.labels, n, "labels").tolist()
        try:
            label = np.array([np.nan if value is None else float(value) for value in values])
        except (TypeError, ValueError):
            wrong = next(value for value in values if isinstance(value, str))
            message = f"`labels` must be numbers of components, 0 to {k - 1}, or -1 where unknown; got {wrong!r}"
            raise DataError(message) from None
        label[label == -1] = np.nan
        wrong = ~np.isnan(label) & ((label < 0) | (label >= k) | (label != np.floor(label)))
        if wrong.any():
            row = int(np.argmax(wrong))
            message = (
                f"`labels` must be numbers of components, 0 to {k - 1}, or -1 or NaN where unknown; got {label[row]:g} "
                f"in row {row}"
            )
            raise DataError(message)
        return label

    def _groups(self, n: int) -> FloatArray:
        """Return the number (n,) of the group of each row; a row without one is a group of its own."""
        if self.groups is None:
            return np.arange(float(n))
        numbers: dict[Any, int] = {}
        group = np.empty(n)
        for row, value in enumerate(_column(self.groups, n, "groups").tolist()):
            is_alone = value is None or value != value  # noqa: PLR0124 - NaN
            group[row] = numbers.setdefault(("row", row) if is_alone else ("group", value), len(numbers))
        return group


def _column(given: Any, n: int, role: str) -> Array:
    series = series_column(given)
    column = np.asarray(given if series is None else series[1])
    if column.shape != (n,):
        message = f"`{role}` must have one entry for each of the {n} rows, got shape {column.shape}"
        raise DataError(message)
    return column
