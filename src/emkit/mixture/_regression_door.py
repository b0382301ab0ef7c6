"""What of a table is response, covariate, offset, number of trials, concomitant variable: the door of regressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError, ParameterError
from emkit.mixture._covariates import Covariates, as_columns, numbers

__all__ = ["Parts", "RegressionDoor", "read_parts"]

_PREFIX = {"concomitant": "w", "sample_weight": "weight", "groups": "group"}
Columns = dict[str, Array]


@dataclass(frozen=True)
class Parts:
    """The columns of each role by name, and the names of those that were picked out of the table."""

    columns: dict[str, Columns]
    picked: dict[str, tuple[str, ...]]
    predictors: Columns
    has_names: bool
    n_rows: int


def read_parts(X: Any, predictors: Sequence[Any] | None, roles: dict[str, Any]) -> Parts:
    """Return the columns of each role; a role given by name is taken out of the table.

    Raises
    ------
    DataError
        If a column is unknown, or rows do not match.
    """
    table, has_names = as_columns(X, "x", "`X`")
    found: dict[str, Columns] = {}
    picked: dict[str, tuple[str, ...]] = {}
    for role, value in roles.items():
        names = _names(value)
        if value is None:
            continue
        if names is None:
            found[role] = as_columns(value, _PREFIX.get(role, role), f"`{role}`")[0]
        else:
            picked[role] = names
            found[role] = {name: _column(table, name, role) for name in names}
    if predictors is None:
        out = {name for names in picked.values() for name in names}
        rest = {name: column for name, column in table.items() if name not in out}
    else:
        keys = [_key(table, key) for key in predictors]
        rest = {name: table[name] for name in keys}
    n = _n_rows(table, found)
    return Parts(found, picked, rest, has_names, n)


def _names(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and value and all(isinstance(part, str) for part in value):
        return tuple(value)
    return None


def _key(table: Columns, key: Any) -> str:
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool) and 0 <= key < len(table):
        return list(table)[key]
    return key if isinstance(key, str) and key in table else _unknown(table, key, "predictors")


def _column(table: Columns, name: str, role: str) -> Array:
    return table[name] if name in table else table[_unknown(table, name, role)]


def _unknown(table: Columns, name: Any, role: str) -> str:
    message = f"`{role}` names the column {name!r}, which is not in `X`; its columns are {', '.join(map(repr, table))}"
    raise DataError(message)


def _n_rows(table: Columns, found: dict[str, Columns]) -> int:
    lengths = {"X": {len(column) for column in table.values()}}
    lengths |= {role: {len(column) for column in columns.values()} for role, columns in found.items()}
    sizes = {role: size.pop() for role, size in lengths.items() if size}
    if not sizes or len(set(sizes.values())) > 1:
        told = ", ".join(f"`{role}` has {n}" for role, n in sizes.items())
        message = f"all parts must have the same number of rows, but {told or 'there are none'}"
        raise DataError(message)
    return next(iter(sizes.values()))


@dataclass(frozen=True)
class RegressionDoor:
    """What was learned of the columns of the training data.

    Parameters
    ----------
    responses : tuple of str
    predictors, concomitant : Covariates
    has_intercept, has_offset, has_trials : bool
    picked : tuple of (role, names)
        Columns that were taken out of the table.
    chosen : tuple of str or int, or None
        Columns that are predictors; None is all that are left.
    """

    responses: tuple[str, ...]
    predictors: Covariates
    concomitant: Covariates
    has_intercept: bool = True
    has_offset: bool = False
    has_trials: bool = False
    picked: tuple[tuple[str, tuple[str, ...]], ...] = ()
    chosen: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, parts: Parts, chosen: Sequence[Any] | None, *, has_intercept: bool) -> RegressionDoor:
        """Return the door for a table like this."""
        if "y" not in parts.columns:
            message = "expected `y`: the response (n,), responses (n, v), or their names in `X`"
            raise ParameterError(message)
        for role in ("offset", "trials", "sample_weight", "groups"):
            if len(parts.columns.get(role, {0: 0})) != 1:
                message = f"`{role}` must be one column, got {len(parts.columns[role])}"
                raise DataError(message)
        return cls(
            tuple(parts.columns["y"]),
            Covariates.of(parts.predictors),
            Covariates.of(parts.columns.get("concomitant", {})),
            has_intercept,
            "offset" in parts.columns,
            "trials" in parts.columns,
            tuple(parts.picked.items()),
            None if chosen is None else tuple(chosen),
        )

    # --- places in the matrix: responses, trials, offset, ones, predictors, concomitant variables ---

    @property
    def trials(self) -> int | None:
        """Column of the numbers of trials."""
        return len(self.responses) if self.has_trials else None

    @property
    def offset(self) -> int | None:
        """Column of the offset."""
        return len(self.responses) + self.has_trials if self.has_offset else None

    @property
    def design(self) -> tuple[int, ...]:
        """Columns of the design."""
        first = len(self.responses) + self.has_trials + self.has_offset
        return tuple(range(first, first + len(self.terms)))

    @property
    def gate(self) -> tuple[int, ...]:
        """Columns of the concomitant variables."""
        first = len(self.responses) + self.has_trials + self.has_offset + len(self.terms)
        return tuple(range(first, first + len(self.concomitant.labels)))

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the columns of the design."""
        return (*(("intercept",) if self.has_intercept else ()), *self.predictors.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns of the matrix."""
        extra = (*(("trials",) if self.has_trials else ()), *(("offset",) if self.has_offset else ()))
        return (*self.responses, *extra, *self.terms, *self.concomitant.labels)

    def widened(self, columns: Sequence[int], coef: FloatArray) -> FloatArray:
        """Return coefficients (k, p) for all terms, zero for those that a response does not use."""
        whole = np.zeros((len(coef), len(self.design)))
        whole[:, [self.design.index(column) for column in columns]] = coef
        return whole

    def read(self, X: Any, roles: dict[str, Any]) -> Parts:
        """Return the parts of new data; what was a column of the table then is one now, where it is not given."""
        table = as_columns(X, "x", "`X`")[0]
        for role, names in self.picked:
            is_there = all(name in table for name in names)
            if roles.get(role) is None and role in roles and (is_there or role != "y"):
                roles = roles | {role: names}
        parts = read_parts(X, self.chosen, roles)
        if self.chosen is not None:
            return parts
        out = {name for _, names in self.picked for name in names}
        rest = {name: column for name, column in parts.predictors.items() if name not in out or not parts.has_names}
        if parts.has_names and set(self.predictors.names) <= set(rest):
            rest = {name: rest[name] for name in self.predictors.names}
        return Parts(parts.columns, parts.picked, rest, parts.has_names, parts.n_rows)

    def matrix(self, parts: Parts) -> FloatArray:
        """Return the rows (n, d); responses that are not given are missing."""
        n = parts.n_rows
        made = [self._responses(parts, n)]
        for role, is_needed in (("trials", self.has_trials), ("offset", self.has_offset)):
            if is_needed and role not in parts.columns:
                message = f"this model was fitted with `{role}`: give it here too"
                raise DataError(message)
            given = parts.columns.get(role, {}) if is_needed else {}
            made += [numbers(name, column)[:, None] for name, column in given.items()]
        if self.has_intercept:
            made.append(np.ones((n, 1)))
        made.append(self.predictors.rows(parts.predictors, n))
        if self.concomitant.names:
            gate = parts.columns.get("concomitant")
            if gate is None:
                message = f"the proportions depend on {', '.join(self.concomitant.names)}: give them as `concomitant`"
                raise DataError(message)
            made.append(self.concomitant.rows(gate, n))
        return np.ascontiguousarray(np.concatenate(made, axis=1))

    def _responses(self, parts: Parts, n: int) -> FloatArray:
        given = parts.columns.get("y")
        if given is None:
            return np.full((n, len(self.responses)), np.nan)
        if len(given) != len(self.responses):
            message = f"expected {len(self.responses)} responses ({', '.join(self.responses)}), got {len(given)}"
            raise DataError(message)
        return np.column_stack([numbers(name, column) for name, column in given.items()])
