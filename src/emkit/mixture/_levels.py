"""Answers of any kind to codes of levels and back: the door of categorical estimators."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import Source, Table
from emkit.data.codes import distinct_values, sorted_values
from emkit.data.device import is_device_array
from emkit.data.files import table_if_file
from emkit.data.frames import frame_columns
from emkit.errors import DataError
from emkit.kernels.categorical import NO_ANSWER, categorical_bytes
from emkit.kernels.foreign import host

__all__ = ["Levels", "read_columns"]


@dataclass(frozen=True)
class Levels:
    """The levels of each item, sorted, as they were met in the training data."""

    values: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, columns: Sequence[Array], names: Sequence[str]) -> Levels:
        """Return the levels that occur in columns of answers.

        Raises
        ------
        DataError
            If a column holds what is no category: dates, infinities, complex numbers, or too many distinct values.
        """
        found = []
        for column, name in zip(columns, names, strict=True):
            distinct, index = _distinct(column, name)
            _refuse_measurements(name, distinct, index)
            found.append(sorted_values(set(distinct) - {None}))
        return cls(tuple(found))

    @classmethod
    def learned(cls, columns: Sequence[Array], names: Sequence[str]) -> tuple[Levels, FloatArray]:
        """Return the levels that occur in columns of answers, and their codes (n, d), NaN for missing."""
        coded = _whole(columns)
        if coded is None:
            levels = cls.of(columns, names)
            return levels, levels.codes(columns, names, unseen="error")
        numbers, bytes_, occurs = coded
        values = [np.flatnonzero(seen[:NO_ANSWER]) for seen in occurs]
        if all(own.size == 0 or own[-1] - own[0] + 1 == own.size for own in values):  # no gaps: a shift is enough
            numbers -= [own[0] if own.size else 0 for own in values]
        else:
            code = np.where(occurs, np.cumsum(occurs, axis=1) - 1.0, np.nan)
            code[:, NO_ANSWER] = np.nan
            for j in range(len(columns)):
                numbers[:, j] = code[j][bytes_[:, j]]
        return cls(tuple(tuple(own.tolist()) for own in values)), numbers

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """The levels as words."""
        return tuple(tuple(map(str, values)) for values in self.values)

    def codes(self, columns: Sequence[Array], names: Sequence[str], *, unseen: str) -> FloatArray:
        """Return codes (n, d), NaN for missing; answers not among the levels are an error, or missing."""
        coded = np.empty((len(columns[0]) if columns else 0, len(columns)))
        for j, (column, values) in enumerate(zip(columns, self.values, strict=True)):
            number = {value: float(code) for code, value in enumerate(values)} | {None: np.nan}
            distinct, index = _distinct(column, names[j])
            if unseen == "error":
                _refuse_unseen(names[j], values, distinct, index)
            coded[:, j] = np.array([number.get(value, np.nan) for value in distinct])[index]
        return coded

    def decoded(self, codes: FloatArray) -> Array:
        """Return the answers (n, d) behind codes without missing ones, as objects."""
        answers = np.empty(codes.shape, dtype=object)
        for j, values in enumerate(self.values):
            answers[:, j] = np.array([*values, None], dtype=object)[codes[:, j].astype(np.intp)]
        return answers


def read_columns(X: Any) -> tuple[list[Array], list[str], bool]:
    """Return the columns of a table of answers, their names, and whether the names are the table's own."""
    if isinstance(X, Source):
        message = "categorical answers are read from a table or an array, not from a Source: pass the table itself"
        raise DataError(message)
    X = table_if_file(X)
    found = (list(X.columns), list(X.columns.values())) if isinstance(X, Table) else frame_columns(X)
    if found is not None:
        names, columns = found
        words = [str(name) for name in names]
        if len(set(words)) < len(words):
            message = f"item names must differ from one another, got {words}"
            raise DataError(message)
        return [np.asarray(column) for column in columns], words, True
    array = host(X) if isinstance(X, np.ndarray) or is_device_array(X) else np.array(X, dtype=object)
    if array.ndim != 2:
        message = f"expected a table of answers with rows and columns, got an array of shape {array.shape}"
        raise DataError(message)
    return list(array.T), [f"x{j + 1}" for j in range(array.shape[1])], False


_ROWS = 4096  # of columns that lie side by side, read together so that they stay in cache


def _whole(columns: Sequence[Array]) -> tuple[FloatArray, Array, Array] | None:
    """Return columns of small whole numbers as numbers (n, d), as bytes, and which bytes occur (d, 256), or None."""
    if not columns or not all(column.dtype.kind in "fiub" for column in columns):
        return None
    numbers = np.empty((len(columns[0]), len(columns)))
    for start in range(0, len(numbers), _ROWS):
        rows = slice(start, start + _ROWS)
        for j, column in enumerate(columns):
            numbers[rows, j] = column[rows]
    coded = categorical_bytes(numbers)
    return None if coded is None else (numbers, *coded)


def _distinct(column: Array, name: str) -> tuple[list[Any], Array]:
    if column.dtype.kind in "mM":
        _refuse(name, column[0], 0, _DATES)
    try:
        return distinct_values(column)
    except TypeError:
        row = next(i for i, value in enumerate(column.tolist()) if getattr(value, "__hash__", None) is None)
        _refuse(name, column[row], row, ("a " + type(column[row]).__name__, "Give one word or number"))


_MANY = 1000
_DATES = "a date or time", "Turn such values into words or whole numbers, for example years"
_INFINITY = "an infinity", "Put NaN where there is no answer"
_COMPLEX = "a complex number", "Turn such values into words"


def _refuse_measurements(name: str, distinct: Sequence[Any], index: Array) -> None:
    """Raise where the distinct values of a column are no categories."""
    for at, value in enumerate(distinct):
        what = None
        if isinstance(value, (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64)):
            what = _DATES
        elif isinstance(value, complex):
            what = _COMPLEX
        elif isinstance(value, float) and np.isinf(value):
            what = _INFINITY
        if what is not None:
            _refuse(name, value, int(np.argmax(index == at)), what)
    if len(distinct) > _MANY:
        message = (
            f"item {name!r} has {len(distinct)} distinct values, more than {_MANY}: it looks like a measurement. "
            "Cut it into classes, or describe it by a family of numbers in `MixtureModel`"
        )
        raise DataError(message)


def _refuse(name: str, value: Any, row: int, what: tuple[str, str]) -> NoReturn:
    kind, advice = what
    message = f"item {name!r} holds {kind}, {value!s}, in row {row}, and that is no category. {advice}, or leave it out"
    raise DataError(message)


def _refuse_unseen(name: str, values: Sequence[Any], distinct: Sequence[Any], index: Array) -> None:
    for at, value in enumerate(distinct):
        if value is not None and value not in values:
            known = ", ".join(map(repr, values))
            message = (
                f"item {name!r} has the answer {value!r} in row {int(np.argmax(index == at))}, which did not occur in "
                f"the training data; known are {known}. Set `unseen='missing'` to take such answers for missing"
            )
            raise DataError(message)
