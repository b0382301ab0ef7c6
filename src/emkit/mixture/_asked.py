"""Rows, and covariates of the mixing proportions beside them or among their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emkit.core.arrays import Array
from emkit.errors import DataError
from emkit.mixture._covariates import as_columns
from emkit.mixture._levels import read_columns

__all__ = ["Asked"]


@dataclass(frozen=True, eq=False)
class Asked:
    """Rows X, and covariates: a table, names of columns of X, or None."""

    X: Any
    covariates: Any = None

    @classmethod
    def of(cls, X: Any) -> Asked:
        """Return rows as they were asked for, with or without covariates."""
        return X if isinstance(X, Asked) else cls(X)

    @property
    def picked(self) -> tuple[str, ...]:
        """Names of the columns of X that are covariates."""
        given = self.covariates
        if isinstance(given, str):
            return (given,)
        is_names = isinstance(given, (list, tuple)) and bool(given) and all(isinstance(name, str) for name in given)
        return tuple(given) if is_names else ()

    def split(
        self, known: Sequence[str] = (), items: Sequence[str] | None = None
    ) -> tuple[list[Array], list[str], bool, dict[str, Array]]:
        """Return the columns of answers, their names, whether these are the table's own, and the covariates.

        Parameters
        ----------
        known : sequence of str
            Columns that are covariates where none are given.
        items : sequence of str, optional
            The items, in order, where columns are picked out of a table; all others unless given.

        Raises
        ------
        DataError
            If a covariate is not among the columns, or has other rows.
        """
        columns, names, are_own = read_columns(self.X)
        wanted = self.picked or (tuple(known) if self.covariates is None else ())
        table = dict(zip(names, columns, strict=True))
        unknown = [name for name in wanted if name not in table]
        if unknown and self.picked:
            message = (
                f"`covariates` names the column {unknown[0]!r}; the columns of `X` are {', '.join(map(repr, names))}"
            )
            raise DataError(message)
        gate = {} if unknown else {name: table[name] for name in wanted}
        if self.covariates is not None and not self.picked:
            gate = as_columns(self.covariates, "w", "`covariates`")[0]
        n = len(columns[0]) if columns else 0
        if any(len(column) != n for column in gate.values()):
            message = f"`covariates` has {len(next(iter(gate.values())))} rows, but `X` has {n}"
            raise DataError(message)
        kept = [name for name in names if name not in wanted]
        if items is not None and wanted and set(items) <= set(kept):
            kept = list(items)
        return [table[name] for name in kept], kept, are_own, gate

    def apart(self, known: Sequence[str] = ()) -> tuple[Any, dict[str, Array]]:
        """Return the rows without the columns that are covariates, and the covariates.

        `known` are the columns that are covariates where none are given.
        """
        if self.covariates is None and not known:
            return self.X, {}
        if self.covariates is not None and not self.picked:
            return self.X, as_columns(self.covariates, "w", "`concomitant`")[0]
        columns, names, _, gate = self.split(known)
        return (dict(zip(names, columns, strict=True)) if gate else self.X), gate
