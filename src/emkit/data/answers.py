"""Answers of raters about items: long tables, matrices and arrays to counts in compressed rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.data.checks import checked_weights
from emkit.data.codes import distinct_values, encoded
from emkit.data.files import table_if_file
from emkit.data.frames import frame_columns, series_column
from emkit.data.table import Table
from emkit.errors import DataError, ParameterError

__all__ = ["Answers", "read_answers"]

_NAMES = (
    ("item", "task", "object", "unit", "subject", "example"),
    ("rater", "worker", "annotator", "coder", "observer", "judge"),
    ("label", "rating", "answer", "response", "category"),
)
_LONG = 3


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers one after another, as codes of items, raters and labels.

    Attributes
    ----------
    item, rater, label : array (m,), int
        Codes into the three tuples that follow.
    items, raters, labels : tuple
        In order; an item may have no answer at all.
    weights : array (m,), float64, or None
        How often each answer counts, where that is not once.
    is_matrix : bool
        Whether they came as a matrix, with an item in each row.
    """

    item: NDArray[np.intp]
    rater: NDArray[np.intp]
    label: NDArray[np.intp]
    items: tuple[Any, ...]
    raters: tuple[Any, ...]
    labels: tuple[Any, ...]
    weights: NDArray[np.float64] | None = None
    is_matrix: bool = False

    def counts(self, gold: NDArray[np.intp] | None = None) -> Any:
        """Return how often each rater gave each label to each item, a csr_array (items, (raters + 1) labels).

        The columns are rater by rater, label by label; the last `labels` columns hold a one at the label that is known
        from elsewhere, `gold` (items,), -1 where none is.
        """
        from scipy.sparse import coo_array

        n_labels = len(self.labels)
        row, column = self.item, self.rater * n_labels + self.label
        data = np.ones(len(row)) if self.weights is None else self.weights
        if gold is not None:
            known = np.flatnonzero(gold >= 0)
            row = np.concatenate([row, known])
            column = np.concatenate([column, len(self.raters) * n_labels + gold[known]])
            data = np.concatenate([data, np.ones(len(known))])
        shape = (len(self.items), (len(self.raters) + 1) * n_labels)
        counts = coo_array((data, (row, column)), shape=shape).tocsr()
        counts.sum_duplicates()
        return counts


def read_answers(
    X: Any,
    *,
    item: Any = None,
    rater: Any = None,
    label: Any = None,
    layout: str = "auto",
    weights: Any = None,
    raters: tuple[Any, ...] | None = None,
    labels: tuple[Any, ...] | None = None,
) -> Answers:
    """Return the answers in a long table (item, rater, label) or in a matrix of items x raters.

    Parameters
    ----------
    X : data frame, mapping, `Table`, array, tuple of three arrays
        Text or numbers. A missing label is no answer.
    item, rater, label : str, optional
        Names of the columns of a long table; usual names are found, and otherwise its three columns in this order.
    layout : {"auto", "long", "matrix"}
        "auto" is long where the names say so or there are just three columns.
    weights : array (m,), optional
        How often each answer of a long table counts.
    raters, labels : tuple, optional
        Those known from training: answers of other raters are left out, other labels are an error.

    Raises
    ------
    DataError
        If columns are missing, an item or rater has no name, no answer is left, or a label is not known.
    """
    if layout not in ("auto", "long", "matrix"):
        message = f"`layout` must be 'auto', 'long' or 'matrix', got {layout!r}"
        raise ParameterError(message)
    names, columns = _columns(X)
    chosen = None if layout == "matrix" else _chosen(names, columns, (item, rater, label), is_long=layout == "long")
    if chosen is None:
        return _from_matrix(names, columns, raters, labels)
    return _from_long([columns[at] for at in chosen], weights, raters, labels)


def _columns(X: Any) -> tuple[list[Any] | None, list[NDArray[Any]]]:
    """Return names, where the table has any, and columns."""
    X = table_if_file(X)
    found = frame_columns(X.columns if isinstance(X, Table) else X)
    if found is not None:
        return list(found[0]), [np.asarray(column) for column in found[1]]
    if isinstance(X, tuple) and len(X) == _LONG:
        parts = [_array(part) for part in X]
        if any(part.shape != (len(parts[0]),) for part in parts):
            message = f"items, raters and labels must be equally long, got shapes {[part.shape for part in parts]}"
            raise DataError(message)
        return None, parts
    array = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
    if array.ndim != 2:
        message = (
            "expected answers as a long table (item, rater, label) or a matrix of items x raters, "
            f"got {type(X).__name__} of shape {array.shape}"
        )
        raise DataError(message)
    return None, list(array.T)


def _array(values: Any) -> NDArray[Any]:
    series = series_column(values)
    if series is not None:
        return series[1]
    return values if isinstance(values, np.ndarray) else np.array(list(values), dtype=object)


def _chosen(
    names: list[Any] | None, columns: list[NDArray[Any]], given: tuple[Any, ...], *, is_long: bool
) -> list[int] | None:
    """Return where item, rater and label stand in a long table, or None for a matrix."""
    if names is None:
        if len(columns) == _LONG:
            return [0, 1, 2]
        if is_long:
            message = f"a long table without names needs 3 columns (item, rater, label), got {len(columns)}"
            raise DataError(message)
        return None
    found = [_place(names, own, usual) for own, usual in zip(given, _NAMES, strict=True)]
    if all(at is not None for at in found):
        return [at for at in found if at is not None]
    if any(own is not None for own in given) or is_long or len(names) == _LONG:
        if len(names) == _LONG and not any(own is not None for own in given):
            return [0, 1, 2]
        lost = [usual[0] for at, usual in zip(found, _NAMES, strict=True) if at is None]
        message = (
            f"the table has no column for {', '.join(lost)}; its columns are {[str(name) for name in names]}. "
            f"Name it, as in {lost[0]}={str(names[0])!r}"
        )
        raise DataError(message)
    return None


def _place(names: list[Any], own: Any, usual: tuple[str, ...]) -> int | None:
    if own is not None:
        if own not in names:
            message = f"there is no column {own!r}; the columns are {[str(name) for name in names]}"
            raise DataError(message)
        return names.index(own)
    lowered = [str(name).lower() for name in names]
    return next((lowered.index(name) for name in usual if name in lowered), None)


def _from_long(
    columns: list[NDArray[Any]], weights: Any, raters: tuple[Any, ...] | None, labels: tuple[Any, ...] | None
) -> Answers:
    item, items = encoded(columns[0])
    rater, raters = encoded(columns[1], raters)
    for name, codes, column in (("item", item, columns[0]), ("rater", rater, columns[1])):
        unnamed = np.flatnonzero(codes < 0) if name == "item" else _uncoded(codes, column, is_missing=True)
        if len(unnamed):
            message = f"row {unnamed[0]} has no {name}: every answer needs an item and a rater"
            raise DataError(message)
    label, known = encoded(columns[2], labels)
    _refuse_unknown(label, columns[2], known)
    if labels is None:
        _refuse_measurements(label, known)
    return _kept(item, rater, label, items, raters, known, checked_weights(weights, len(item)))


def _from_matrix(
    names: list[Any] | None, columns: list[NDArray[Any]], raters: tuple[Any, ...] | None, labels: tuple[Any, ...] | None
) -> Answers:
    n_items = len(columns[0]) if columns else 0
    own = tuple(names) if names is not None else tuple(range(len(columns)))
    place = {name: at for at, name in enumerate(own if raters is None else raters)}
    stacked = np.concatenate(columns) if columns else np.empty(0)
    label, known = encoded(stacked, labels)
    _refuse_unknown(label, stacked, known)
    if labels is None:
        _refuse_measurements(label, known)
    item = np.tile(np.arange(n_items), len(columns))
    rater = np.repeat(np.array([place.get(name, -1) for name in own], dtype=np.intp), n_items)
    return _kept(item, rater, label, tuple(range(n_items)), tuple(place), known, None, is_matrix=True)


_MANY, _RARE = 12, 4  # labels, and answers for each, at which numbers with fractions are no labels


def _refuse_measurements(label: NDArray[np.intp], labels: tuple[Any, ...]) -> None:
    """Raise where labels are numbers with fractions, many of them and each of them rare: these are measurements."""
    broken = [value for value in labels if isinstance(value, float) and not value.is_integer()]
    n_answers = int((label >= 0).sum())
    if broken and len(labels) > _MANY and n_answers < _RARE * len(labels):
        message = (
            f"labels are classes, but the {n_answers} answers have {len(labels)} values such as {broken[0]:g}, which "
            "look like a measurement: round or bin them, or pass classes as text or whole numbers"
        )
        raise DataError(message)


def _kept(
    item: Any, rater: Any, label: Any, items: Any, raters: Any, labels: Any, weights: Any, *, is_matrix: bool = False
) -> Answers:
    """Return the answers that are there, by raters that are known."""
    if not (label >= 0).any():
        message = f"there is no answer among the {len(label)} given: all labels are missing"
        raise DataError(message)
    used = (label >= 0) & (rater >= 0)
    if not used.all():
        item, rater, label = item[used], rater[used], label[used]
        weights = None if weights is None else weights[used]
    return Answers(item, rater, label, items, raters, labels, weights, is_matrix)


def _uncoded(codes: NDArray[np.intp], column: NDArray[Any], *, is_missing: bool) -> NDArray[np.intp]:
    """Return the rows without a code: those whose value is missing, or those whose value is not known."""
    suspects = np.flatnonzero(codes < 0)
    distinct, index = distinct_values(column[suspects])
    kind = np.array([(value is None) == is_missing for value in distinct], dtype=bool)
    return suspects[kind[index]] if len(suspects) else suspects


def _refuse_unknown(codes: NDArray[np.intp], column: NDArray[Any], known: tuple[Any, ...]) -> None:
    unknown = _uncoded(codes, column, is_missing=False)
    if len(unknown):
        value = distinct_values(column[unknown[:1]])[0][0]
        message = f"label {value!r} did not occur in the training data; known are {', '.join(map(repr, known))}"
        raise DataError(message)
