"""The door of item response models: answers of any kind become codes of one byte, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.data import Source, Table
from emkit.data.files import table_if_file
from emkit.data.frames import frame_columns
from emkit.errors import DataError
from emkit.irt.coding import MISSING

__all__ = ["Responses", "from_long", "keyed", "read_responses"]

_NO_ANSWERS = {"c": "complex numbers", "M": "dates", "m": "times"}
_MANY = 50  # categories of one item above which answers are measurements taken for categories


@dataclass(frozen=True, eq=False)
class Responses:
    """Answers of n people to j items.

    Parameters
    ----------
    codes : array (n, j), uint8
        0, 1, ... are the categories in order; 255 is no answer.
    names : tuple of str
        Of the items.
    categories : tuple of tuples
        The answers that the codes of each item stand for.
    has_names : bool
        Whether the names are the table's own.
    persons : array (n,), or None
        Labels of the people, where the table named them.
    """

    codes: Array
    names: tuple[str, ...]
    categories: tuple[tuple[Any, ...], ...]
    has_names: bool = True
    persons: Array | None = None

    @property
    def n_items(self) -> int:
        return len(self.names)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on categories that nobody chose."""
        gaps = [self._gap(name, values) for name, values in zip(self.names, self.categories, strict=True)]
        return tuple(gap for gap in gaps if gap)

    @staticmethod
    def _gap(name: str, values: tuple[Any, ...]) -> str:
        if len(values) < 3 or not all(isinstance(value, int) for value in values):
            return ""
        unused = sorted(set(range(values[0], values[-1])) - set(values))
        if not unused or len(unused) > len(values):
            return ""
        return (
            f"Nobody chose {', '.join(map(str, unused))} on item {name!r}: its curves are those of the other answers."
        )


def read_responses(
    X: Any, *, key: Any = None, levels: Any = None, known: Responses | None = None, unseen: str = "error"
) -> Responses:
    """Return the answers in a table of people by items.

    Parameters
    ----------
    X : array (n, j), data frame, mapping, `Table` or `Responses`
        Whole numbers or truth values; words where `key` or `levels` says what they are. NaN and None are no answer.
    key : sequence or mapping by item, optional
        The right answers: X is then scored 1 where it equals the key, and 0 elsewhere.
    levels : sequence, or mapping by item, optional
        The possible answers in rising order. Those that occur, sorted, where None; words have no order of their own.
    known : Responses, optional
        Those of the calibration: the items and categories must be these.
    unseen : "error" or "missing"
        What an answer is that `known` does not have.

    Raises
    ------
    DataError
        If the table is no such thing; the item and the row are named.
    """
    if isinstance(X, Responses):
        return X if known is None else _recoded(X, known, unseen)
    names, columns, has_names = _columns(X)
    if known is not None and has_names and known.has_names and set(known.names) <= set(names):
        columns, names = [columns[names.index(name)] for name in known.names], list(known.names)
    if known is not None:
        _check_items(names, known, has_names=has_names)
        names = list(known.names)
    if key is not None:
        answers = _by_item(key, names, "key")
        columns = [_scored(column, answer) for column, answer in zip(columns, answers, strict=True)]
    given = _given_levels(levels, names, known)
    coded = [_coded(column, name, values, unseen) for column, name, values in zip(columns, names, given, strict=True)]
    codes = np.empty((len(columns[0]), len(columns)), dtype=np.uint8)
    for j, (column, _) in enumerate(coded):
        codes[:, j] = column
    return Responses(codes, tuple(names), tuple(values for _, values in coded), has_names)


def from_long(person: Any, item: Any, response: Any) -> Responses:
    """Return the answers in a long table: one (person, item, response) in each row.

    Parameters
    ----------
    person, item, response : array (m,)
        Columns of the table. People and items are taken in sorted order; a missing response is no answer.

    Raises
    ------
    DataError
        If the columns are not equally long, or a person answered an item twice.

    Examples
    --------
    >>> from emkit.irt import from_long
    >>> table = from_long(["ann", "ann", "bob"], ["q1", "q2", "q1"], [1, 0, 0])
    >>> table.codes.tolist()
    [[1, 0], [0, 255]]
    """
    person, item, response = (np.asarray(column) for column in (person, item, response))
    if not len(person) == len(item) == len(response) or person.ndim != 1:
        message = f"expected three columns of one length, got {len(person)}, {len(item)} and {len(response)}"
        raise DataError(message)
    persons, row = np.unique(person, return_inverse=True)
    items, column = np.unique(item, return_inverse=True)
    cell = row.reshape(-1) * len(items) + column.reshape(-1)
    _refuse_duplicates(cell, person, item)
    table = np.full((len(persons), len(items)), None, dtype=object)
    table[row.reshape(-1), column.reshape(-1)] = response
    numeric: Any = table.astype(np.float64) if response.dtype.kind in "biuf" else table
    found = read_responses({str(name): numeric[:, j] for j, name in enumerate(items.tolist())})
    return Responses(found.codes, found.names, found.categories, True, persons)


def keyed(X: Any, key: Any) -> Responses:
    """Return multiple-choice answers scored by a key: 1 where right, 0 where wrong."""
    return read_responses(X, key=key)


def _refuse_duplicates(cell: Array, person: Array, item: Array) -> None:
    _, first, count = np.unique(cell, return_index=True, return_counts=True)
    if (count > 1).any():
        at = first[int(np.argmax(count > 1))]
        message = (
            f"person {person[at]!s} has {int(count.max())} answers to item {item[at]!s}: each pair of person and item "
            "may occur once. Keep one answer, or give the occasions names of their own"
        )
        raise DataError(message)


# --- columns ---


def _columns(X: Any) -> tuple[list[str], list[Array], bool]:
    if isinstance(X, Source):
        message = "answers are read from a table or an array, not from a Source: pass the table itself"
        raise DataError(message)
    X = table_if_file(X)
    found = (list(X.columns), list(X.columns.values())) if isinstance(X, Table) else frame_columns(X)
    if found is not None:
        names, columns = [str(name) for name in found[0]], [np.asarray(column) for column in found[1]]
        if len(set(names)) < len(names):
            message = f"item names must differ from one another, got {names}"
            raise DataError(message)
        _check_size(len(columns[0]) if columns else 0, len(columns))
        return names, columns, True
    array = _array(X)
    _check_size(*array.shape)
    return [f"x{j + 1}" for j in range(array.shape[1])], list(array.T), False


def _array(X: Any) -> Array:
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(X.astype(np.float64), np.nan)
    try:
        array = X if isinstance(X, np.ndarray) else np.array(X)
        if array.dtype.kind in "US" and not isinstance(X, np.ndarray):
            array = np.array(X, dtype=object)
    except ValueError:
        array = np.array(X, dtype=object)
    if array.ndim != 2:
        message = (
            f"expected a table of people by items, got an array of shape {array.shape}. A long table (person, item, "
            "response) goes through emkit.irt.from_long"
        )
        raise DataError(message)
    return array


def _check_size(n: int, j: int) -> None:
    if n == 0 or j == 0:
        message = f"expected at least one person and one item, got a table of shape ({n}, {j})"
        raise DataError(message)


def _check_items(names: Sequence[str], known: Responses, *, has_names: bool) -> None:
    if len(names) != known.n_items:
        message = f"X has {len(names)} items, but the calibration has {known.n_items}"
        raise DataError(message)
    if has_names and known.has_names and tuple(names) != known.names:
        at = next(i for i, (a, b) in enumerate(zip(names, known.names, strict=True)) if a != b)
        message = (
            f"item {at} is {names[at]!r}, but {known.names[at]!r} in the calibration: give columns of the same names"
        )
        raise DataError(message)


def _by_item(given: Any, names: Sequence[str], what: str) -> list[Any]:
    """Return a choice for each item from a sequence or a mapping by name."""
    if isinstance(given, Mapping):
        missing = [name for name in names if name not in given]
        if missing:
            message = f"`{what}` names no entry for item {missing[0]!r}"
            raise DataError(message)
        return [given[name] for name in names]
    entries = list(np.asarray(given, dtype=object).reshape(-1)) if not isinstance(given, list | tuple) else list(given)
    if len(entries) != len(names):
        message = f"`{what}` has {len(entries)} entries, but there are {len(names)} items"
        raise DataError(message)
    return entries


def _given_levels(levels: Any, names: Sequence[str], known: Responses | None) -> list[tuple[Any, ...] | None]:
    if known is not None:
        return list(known.categories)
    if levels is None:
        return [None] * len(names)
    if isinstance(levels, Mapping):
        return [tuple(levels[name]) if name in levels else None for name in names]
    return [tuple(levels)] * len(names)


def _scored(column: Array, answer: Any) -> Array:
    missing = _is_missing(column)
    right = (
        np.array([_plain(value) == _plain(answer) for value in column.tolist()])
        if column.dtype.kind == "O"
        else (column == answer)
    )
    return np.where(missing, np.nan, np.asarray(right, dtype=np.float64))


def _is_missing(column: Array) -> Array:
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind != "O":
        return np.zeros(len(column), dtype=bool)
    return np.array([_plain(value) is None for value in column.tolist()], dtype=bool)


def _plain(value: Any) -> Any:
    """Return an answer as a plain value: None for missing, whole numbers and truth values as integers."""
    if value is None or value != value:  # noqa: PLR0124 (only NaN differs from itself)
        return None
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, (int, float, np.number)) and float(value).is_integer():
        return int(value)
    return value


# --- codes ---


def _coded(column: Array, name: str, levels: tuple[Any, ...] | None, unseen: str) -> tuple[Array, tuple[Any, ...]]:
    """Return the codes of a column and the answers they stand for."""
    if column.dtype.kind in _NO_ANSWERS:
        what = _NO_ANSWERS[column.dtype.kind]
        message = f"item {name!r} holds {what}, which are no answers: give categories as whole numbers or words"
        raise DataError(message)
    if column.dtype.kind in "biuf":
        quick = _coded_numbers(column, levels)
        if quick is not None:
            return quick
    values = column.tolist()
    distinct, where = np.unique(column, return_inverse=True) if column.dtype.kind != "O" else (None, None)
    plain = [_plain(value) for value in (values if distinct is None else distinct.tolist())]
    found = levels if levels is not None else _ordered(set(plain) - {None}, name)
    number: dict[Any, int] = {_plain(value): code for code, value in enumerate(found)}
    number[None] = MISSING
    _refuse_strangers(plain, number, values if distinct is None else None, where, name, found, unseen)
    codes = np.array([number.get(value, MISSING) for value in plain], dtype=np.uint8)
    return (codes if where is None else codes[where.reshape(-1)]), tuple(found)


def _coded_numbers(column: Array, levels: tuple[Any, ...] | None) -> tuple[Array, tuple[Any, ...]] | None:
    """Return codes of whole numbers by counting, or None where the slow way is needed (and finds what is wrong)."""
    if column.dtype.kind == "b":
        column = column.astype(np.uint8)
    low, high = (np.nanmin(column), np.nanmax(column)) if not np.isnan(column).all() else (np.nan, np.nan)
    if not (np.isfinite(low) and np.isfinite(high) and high - low < MISSING and float(low).is_integer()):
        return None
    missing = np.isnan(column)
    whole = np.where(missing, low, column) - low
    place = whole.astype(np.uint8)
    if not (place == whole).all():
        return None
    used = np.flatnonzero(np.bincount(place[~missing] if missing.any() else place)) + int(low)
    values = tuple(used.tolist()) if levels is None else levels
    number = {value: code for code, value in enumerate(values)}
    if len(values) > _MANY or any(value not in number for value in used.tolist()):
        return None
    code = np.full(int(high - low) + 1, MISSING, dtype=np.uint8)
    code[used - int(low)] = [number[value] for value in used.tolist()]
    codes = code[place]
    codes[missing] = MISSING
    return codes, values


def _ordered(values: set[Any], name: str) -> tuple[Any, ...]:
    words = sorted(str(value) for value in values if isinstance(value, str))
    if words:
        message = (
            f"item {name!r} has answers in words ({', '.join(map(repr, words[:4]))}): give their order, as in "
            "levels=['disagree', 'agree'], or the right answers, as in key=['b', 'a', ...]"
        )
        raise DataError(message)
    if len(values) > _MANY:
        message = (
            f"item {name!r} has {len(values)} different answers, more than {_MANY}: these are measurements, not "
            "categories"
        )
        raise DataError(message)
    fractions = [value for value in values if not isinstance(value, int)]
    if any(value in (np.inf, -np.inf) for value in fractions):
        message = f"item {name!r} has an infinite answer; use NaN where there is none"
        raise DataError(message)
    return tuple(sorted(values))


def _refuse_strangers(
    plain: list[Any],
    number: Mapping[Any, int],
    values: list[Any] | None,
    where: Array | None,
    name: str,
    found: tuple[Any, ...],
    unseen: str,
) -> None:
    strange = next((value for value in plain if value not in number), None)
    if strange is None or unseen == "missing":
        return
    at = plain.index(strange)
    row = at if where is None else int(np.argmax(where.reshape(-1) == at))
    message = (
        f"item {name!r} has the answer {strange!r} in row {row}; known are {', '.join(map(repr, found))}. Set "
        "`unseen='missing'` to take such answers for missing"
    )
    raise DataError(message)


def _recoded(X: Responses, known: Responses, unseen: str) -> Responses:
    """Return answers with the codes of a calibration; items it does not have are an error, others are missing."""
    strange = [name for name in X.names if name not in known.names]
    if strange:
        message = f"item {strange[0]!r} is not in the calibration, whose items are {', '.join(known.names)}"
        raise DataError(message)
    codes = np.full((len(X.codes), known.n_items), MISSING, dtype=np.uint8)
    for j, name in enumerate(X.names):
        at = known.names.index(name)
        answers = np.array([*X.categories[j], *[None] * (256 - len(X.categories[j]))], dtype=object)[X.codes[:, j]]
        codes[:, at] = _coded(answers, name, known.categories[at], unseen)[0]
    return Responses(codes, known.names, known.categories, True, X.persons)
