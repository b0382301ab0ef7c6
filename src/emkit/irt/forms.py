"""Item parameters as people read them: slopes and intercepts, or discriminations and difficulties.

Names are those of mirt: a1 ... aF, d or d1 ..., g, u; in the traditional form b or b1 ....
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.irt.curves.asymptotes import FourParameters, Guessing, Slipping
from emkit.irt.curves.base import ItemType
from emkit.irt.curves.credit import NominalFactors, NominalResponse, PartialCredit, RatingScale
from emkit.irt.curves.steps import Graded, GradedRating, Sequential

__all__ = ["ItemTable", "item_table", "slope_intercept", "traditional"]

_Columns = dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class ItemTable:
    """Parameters of items, with standard errors where they were asked for; NaN where an item has no such parameter.

    Parameters
    ----------
    items, columns : tuple of str
    values : array (j, c)
    standard_errors : array (j, c), or None
    """

    items: tuple[str, ...]
    columns: tuple[str, ...]
    values: FloatArray
    standard_errors: FloatArray | None = None

    def __getitem__(self, column: str) -> FloatArray:
        """Return a column (j,) by name; `a`, `d` and `b` are also a1, d1 and b1."""
        name = column if column in self.columns else f"{column}1"
        if name not in self.columns:
            message = f"there is no column {column!r}; columns are {', '.join(self.columns)}"
            raise KeyError(message)
        return np.asarray(self.values[:, self.columns.index(name)])

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        found: dict[str, list[Any]] = {"item": list(self.items)}
        for c, name in enumerate(self.columns):
            found[name] = self.values[:, c].tolist()
            if self.standard_errors is not None:
                found[f"se_{name}"] = self.standard_errors[:, c].tolist()
        return found

    def to_frame(self) -> Any:
        """Return the table as a data frame (see `emkit.report.to_frame`)."""
        from emkit.report.facts import frame

        return frame(self.to_dict())


def item_table(model: Any, parameters: Any, form: Any) -> tuple[tuple[str, ...], FloatArray]:
    """Return names and values (j, c) of all items, in the form `slope_intercept` or `traditional`."""
    shift = model.latent.origin(parameters.latent)
    parts: list[tuple[tuple[int, ...], _Columns]] = []
    for run, own in zip(model.runs, parameters.items, strict=True):
        matrix = run.matrix(own)
        if np.any(shift):
            matrix = run.kind.moved(matrix, shift, 1.0)
        columns = form(run.kind, matrix, model.n_factors)
        parts.append((run.items, columns))
    used = [{_own_name(model, name, item): 0 for name in columns for item in items} for items, columns in parts]
    names = _merged([list(part) for part in used])
    values = np.full((model.n_items, len(names)), np.nan)
    for items, columns in parts:
        for name, column in columns.items():
            for item, value in zip(items, column, strict=True):
                values[item, names.index(_own_name(model, name, item))] = value
    return _tidy(names), values


def _own_name(model: Any, name: str, item: int) -> str:
    """Return the name of a column: the slope on an item's specific factor has the number of that factor."""
    if model.specific is None or name != "a2":
        return name
    return f"a{max(model.specific[item], 0) + 2}"


def _merged(lists: list[list[str]]) -> list[str]:
    names = dict.fromkeys(name for part in lists for name in part)
    order = {"a": 0, "k": 1, "d": 2, "b": 3, "c": 4, "g": 5, "u": 6}
    return sorted(names, key=lambda name: (order[name[0]], int(name[1:] or 0)))


def _tidy(names: list[str]) -> tuple[str, ...]:
    """Return the names with `d` for a lone d1, and ak1 for k1."""
    lone = {f"{letter}1": letter for letter in "db" if f"{letter}1" in names and f"{letter}2" not in names}
    return tuple(lone.get(name, f"a{name}" if name[0] == "k" else name) for name in names)


# --- slopes and intercepts ---


@singledispatch
def slope_intercept(kind: ItemType, matrix: FloatArray, n_factors: int) -> _Columns:
    """Return the columns of items of a kind, from their matrix (m, p), in slope-intercept form."""
    raise NotImplementedError(type(kind).__name__)


@singledispatch
def traditional(kind: ItemType, matrix: FloatArray, n_factors: int) -> _Columns:
    """Return the columns of items of a kind in traditional form (with several factors in their direction)."""
    raise NotImplementedError(type(kind).__name__)


def _slopes(matrix: FloatArray, n_factors: int) -> _Columns:
    return {f"a{f + 1}": matrix[:, f] for f in range(n_factors)}


def _numbered(letter: str, values: FloatArray) -> _Columns:
    return {f"{letter}{k + 1}": values[:, k] for k in range(values.shape[1])}


@slope_intercept.register(PartialCredit)
@slope_intercept.register(Sequential)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    return {**_slopes(matrix, n_factors), **_numbered("d", matrix[:, n_factors:])}


@slope_intercept.register(Graded)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    return {**_slopes(matrix, n_factors), **_numbered("d", -matrix[:, n_factors:])}


@slope_intercept.register(Guessing)
@slope_intercept.register(Slipping)
@slope_intercept.register(FourParameters)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    limits = {{"guess": "g", "upper": "u"}[name]: matrix[:, n_factors + 1 + i] for i, name in enumerate(kind.free)}
    return {**_slopes(matrix, n_factors), "d1": matrix[:, n_factors], **limits}


@slope_intercept.register(NominalResponse)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    """a1 is the slope of the last category over K - 1; ak1 ... are those of the others over a1 (mirt)."""
    steps = matrix.shape[1] // 2
    slope = matrix[:, steps - 1] / steps
    scale = matrix[:, : steps - 1] / slope[:, None]
    return {"a1": slope, **_numbered("k", scale), **_numbered("d", matrix[:, steps:])}


@slope_intercept.register(NominalFactors)
@traditional.register(NominalFactors)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    """Scores of the categories between the first (0) and the last (K - 1); the same in both forms."""
    steps = (matrix.shape[1] - n_factors + 1) // 2
    return {
        **_slopes(matrix, n_factors),
        **_numbered("k", matrix[:, n_factors:-steps]),
        **_numbered("d", matrix[:, -steps:]),
    }


@slope_intercept.register(RatingScale)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    step = np.concatenate([matrix[:, n_factors + 1 :], np.zeros((len(matrix), 1))], axis=1)
    return {**_slopes(matrix, n_factors), "c": matrix[:, n_factors], **_numbered("d", step)}


@slope_intercept.register(GradedRating)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    return {**_slopes(matrix, n_factors), "c": matrix[:, 1], **_numbered("d", -_places(matrix))}


# --- discriminations and difficulties ---


def _strength(matrix: FloatArray, n_factors: int) -> FloatArray:
    """Return the slope (m, 1) in its own direction (Reckase 1985)."""
    slope = matrix[:, :n_factors]
    return slope if n_factors == 1 else np.sqrt((slope**2).sum(axis=1, keepdims=True))


@traditional.register(PartialCredit)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    steps = np.diff(matrix[:, n_factors:], axis=1, prepend=0.0)
    return {**_slopes(matrix, n_factors), **_numbered("b", -steps / _strength(matrix, n_factors))}


@traditional.register(Sequential)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    return {**_slopes(matrix, n_factors), **_numbered("b", -matrix[:, n_factors:] / _strength(matrix, n_factors))}


@traditional.register(Graded)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    return {**_slopes(matrix, n_factors), **_numbered("b", matrix[:, n_factors:] / _strength(matrix, n_factors))}


@traditional.register(Guessing)
@traditional.register(Slipping)
@traditional.register(FourParameters)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    columns = dict(slope_intercept(kind, matrix, n_factors))
    columns["b1"] = -columns.pop("d1") / _strength(matrix, n_factors)[:, 0]
    return columns


@traditional.register(NominalResponse)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    """Bock's form: slopes and intercepts of all categories, each adding up to zero."""
    steps = matrix.shape[1] // 2
    slope, intercept = (
        np.concatenate([np.zeros((len(matrix), 1)), part], axis=1) for part in np.split(matrix, [steps], 1)
    )
    centred = slope - slope.mean(axis=1, keepdims=True)
    return {**_numbered("a", centred), **_numbered("c", intercept - intercept.mean(axis=1, keepdims=True))}


@traditional.register(RatingScale)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    step = np.concatenate([matrix[:, n_factors + 1 :], np.zeros((len(matrix), 1))], axis=1)
    below = np.diff(step, axis=1, prepend=0.0) + matrix[:, n_factors, None]
    return {**_slopes(matrix, n_factors), **_numbered("b", -below / _strength(matrix, n_factors))}


@traditional.register(GradedRating)
def _(kind: Any, matrix: FloatArray, n_factors: int) -> _Columns:
    return {**_slopes(matrix, n_factors), **_numbered("b", _places(matrix) - matrix[:, 1:2])}


def _places(matrix: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros((len(matrix), 1)), np.cumsum(matrix[:, 2:], axis=1)], axis=1)
