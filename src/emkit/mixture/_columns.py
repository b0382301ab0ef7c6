"""Columns of any kind to one matrix of numbers and back: the door of mixtures of several families.

Words become codes of levels, remembered from the training data; everything else must be numbers already.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data.columns import stack_columns
from emkit.errors import DataError, ParameterError
from emkit.families.base import Family
from emkit.families.categorical import Categorical
from emkit.families.names import family_named, is_columnwise, takes_words
from emkit.families.product import Product
from emkit.kernels.foreign import columns_of
from emkit.mixture._levels import Levels, read_columns

__all__ = ["Layout", "form_of", "in_form", "layout_of"]

Key = str | int


@dataclass(frozen=True)
class Layout:
    """Which columns a mixture describes, in which order, and by which families.

    Parameters
    ----------
    columns : tuple of str or int
        Names or numbers of the columns, in the order of the matrix.
    parts : tuple of (family, places in the matrix)
    wordy : tuple of bool
        Whether each column may hold words.
    """

    columns: tuple[Key, ...]
    parts: tuple[tuple[str | Family, tuple[int, ...]], ...]
    wordy: tuple[bool, ...]

    def family(self, levels: Mapping[str, Sequence[Any]]) -> Family:
        """Return the family of the whole row, with the names of levels where there are any."""
        made = []
        for name, places in self.parts:
            family = family_named(name)
            if isinstance(family, Categorical) and levels and family.levels is None:
                words = tuple(tuple(map(str, levels[str(self.columns[j])])) for j in places)
                family = Categorical(words)
            made.append(family)
        return Product(tuple(made), tuple(places for _, places in self.parts))

    def picked(self, X: Any, known: Sequence[str] = ()) -> tuple[list[Array], list[str], bool]:
        """Return the columns that are described, their names, and whether the names are the table's own.

        A matrix without names, as wide as the model, has its columns in the order of the `known` names.
        """
        columns, names, are_own = read_columns(X)
        if not are_own and len(columns) == len(known):
            return columns, [str(name) for name in known], False
        places = {name: i for i, name in enumerate(names)} if are_own else {}
        where = [self._place(key, places, len(columns)) for key in self.columns]
        return [columns[i] for i in where], [names[i] for i in where], are_own

    def there(self, X: Any) -> Any:
        """Return the columns that are described, of an array of another library, where it is."""
        if len(X.shape) != 2:
            message = f"expected rows and columns, got an array of shape {tuple(X.shape)}"
            raise DataError(message)
        return columns_of(X, [self._place(key, {}, X.shape[1]) for key in self.columns])

    @staticmethod
    def _place(key: Key, places: Mapping[str, int], n_columns: int) -> int:
        if isinstance(key, str):
            if key in places:
                return places[key]
            known = ", ".join(map(repr, places)) if places else f"numbered 0 to {n_columns - 1}: they have no names"
            message = f"there is no column {key!r} in `X`; its columns are {known}"
            raise DataError(message)
        if 0 <= key < n_columns:
            return key
        message = f"there is no column {key} in `X`, which has columns 0 to {n_columns - 1}"
        raise DataError(message)

    def levels_of(self, columns: Sequence[Array], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """Return the levels of the columns that hold words, or categories given as numbers."""
        found: dict[str, tuple[Any, ...]] = {}
        for j, column in enumerate(columns):
            if self.wordy[j] and not (self._is_bernoulli(j) and _is_numeric(column)):
                found[names[j]] = Levels.of([column], [names[j]]).values[0]
                if self._is_bernoulli(j) and len(found[names[j]]) > _TWO:
                    shown = ", ".join(map(repr, found[names[j]][:5]))
                    message = (
                        f"column {names[j]!r} has {len(found[names[j]])} levels ({shown}, ...), but 'bernoulli' needs "
                        "two: use 'categorical'"
                    )
                    raise DataError(message)
        return found

    def matrix(
        self, columns: Sequence[Array], names: Sequence[str], levels: Mapping[str, tuple[Any, ...]], unseen: str
    ) -> FloatArray:
        """Return the rows as numbers (n, d), with codes for levels and NaN for missing."""
        made = []
        for column, name in zip(columns, names, strict=True):
            if name in levels:
                made.append(Levels((levels[name],)).codes([column], [name], unseen=unseen)[:, 0])
            else:
                made.append(stack_columns([name], [np.asarray(column)])[:, 0].astype(np.float64))
        return np.column_stack(made)

    def _is_bernoulli(self, j: int) -> bool:
        name = next(name for name, places in self.parts if j in places)
        return type(family_named(name)).__name__ == "Bernoulli"

    def keys(self, names: Sequence[str]) -> list[str]:
        """Return a name for each part: those of its columns."""
        return [", ".join(names[j] for j in places) for _, places in self.parts]


_TWO = 2


def layout_of(families: Mapping[Any, str | Family]) -> Layout:
    """Return the layout that a mapping from columns to families asks for.

    Columns of the same independent family become one part: the model is the same, and faster.
    """
    if not families:
        message = "`families` is empty: name at least one column and its family"
        raise ParameterError(message)
    columns: list[Key] = []
    parts: list[tuple[str | Family, list[int]]] = []
    for key, name in families.items():
        own = list(key) if isinstance(key, tuple) else [key]
        for column in own:
            if isinstance(column, bool) or not isinstance(column, (str, int, np.integer)):
                message = f"a key of `families` must be a column's name or number, or a tuple of them, got {key!r}"
                raise ParameterError(message)
        places = list(range(len(columns), len(columns) + len(own)))
        columns += [column if isinstance(column, str) else int(column) for column in own]
        twin = next((part for part in parts if is_columnwise(name) and part[0] == name), None)
        if twin is None:
            parts.append((name, places))
        else:
            twin[1].extend(places)
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        message = f"column {twice!r} occurs more than once in `families`"
        raise ParameterError(message)
    done = tuple((name, tuple(places)) for name, places in parts)
    wordy = tuple(takes_words(next(name for name, places in done if j in places)) for j in range(len(columns)))
    return Layout(tuple(columns), done, wordy)


def _is_numeric(column: Array) -> bool:
    if column.dtype.kind in "fiub":
        return True
    values = {value for value in column.tolist() if not (value is None or value != value)}  # noqa: PLR0124 (NaN)
    return all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in values)


def form_of(X: Any) -> str:
    """Return the kind of table that `X` is: "pandas", "polars", "mapping" or "array"."""
    for library in ("pandas", "polars"):
        module = sys.modules.get(library)
        if module is not None and isinstance(X, module.DataFrame):
            return library
    return "array" if isinstance(X, (np.ndarray, list, tuple)) else "mapping"


def in_form(form: str, rows: FloatArray, names: Sequence[str], levels: Mapping[str, tuple[Any, ...]]) -> Any:
    """Return rows (n, d) of numbers and codes as a table of the kind `form`, with levels for codes."""
    columns: dict[str, Array] = {}
    for j, name in enumerate(names):
        columns[name] = Levels((levels[name],)).decoded(rows[:, j : j + 1])[:, 0] if name in levels else rows[:, j]
    if form in ("pandas", "polars"):
        module = importlib.import_module(form)
        held = columns if form == "pandas" else {name: column.tolist() for name, column in columns.items()}
        return module.DataFrame(held)
    if form == "mapping":
        return columns
    return rows if not levels else np.column_stack([np.asarray(column, dtype=object) for column in columns.values()])
