"""A table as it was read: named columns, of which a fit takes the numeric ones."""

from __future__ import annotations

import difflib
import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.columns import is_numeric, stack_columns
from emkit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Table"]

_LISTED = 20


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Named columns of equal length, in the order of the file.

    Attributes
    ----------
    columns : mapping of str to array (n,)
        Numbers as float64 with NaN for missing; everything else as it was read, text as objects with None for
        missing.
    name : str
        Where the table came from: a file, or a shipped data set.
    """

    columns: Mapping[str, NDArray[Any]]
    name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(self.columns)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))

    @property
    def skipped(self) -> tuple[str, ...]:
        """Names of the columns that are not numeric, which `numeric` leaves out unless asked."""
        return tuple(name for name, column in self.columns.items() if not is_numeric(column))

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return one column.

        Raises
        ------
        DataError
            If there is no such column.
        """
        self._check_known([name])
        return self.columns[name]

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n_rows

    def __repr__(self) -> str:
        """Return name, size and columns in one line."""
        kinds = ", ".join(name if is_numeric(column) else f"{name} (text)" for name, column in self.columns.items())
        return f"Table({self.name!r}, {self.n_rows} rows: {kinds})"

    def numeric(self, columns: Sequence[str] | str | None = None) -> tuple[NDArray[Any], tuple[str, ...]]:
        """Return a matrix (n, d) and its column names.

        Parameters
        ----------
        columns : sequence of str, str, or None
            Which columns; None for all that are numeric.

        Raises
        ------
        DataError
            If a column is unknown or not numeric, or if none is numeric.
        """
        if columns is None:
            names = [name for name in self.columns if name not in self.skipped]
        else:
            names = [columns] if isinstance(columns, str) else list(columns)
        self._check_known(names)
        if not names:
            msg = (
                f"Expected at least one numeric column in {self.name or 'the table'}, but its columns are "
                f"{_listed(self.names)}, none numeric. A file with decimal commas is read by decimal=','."
            )
            raise DataError(msg)
        return stack_columns(names, [self.columns[name] for name in names]), tuple(names)

    def select(self, columns: Sequence[str] | str) -> Table:
        """Return the table of these columns, in the order given.

        Raises
        ------
        DataError
            If a column is unknown.
        """
        names = [columns] if isinstance(columns, str) else list(columns)
        self._check_known(names)
        return Table({name: self.columns[name] for name in names}, self.name)

    def to_frame(self) -> Any:
        """Return a pandas data frame, or a polars one where only polars is loaded or installed.

        Raises
        ------
        DataError
            If neither library is installed.
        """
        for library in sorted(("pandas", "polars"), key=lambda name: name not in sys.modules):
            try:
                module = importlib.import_module(library)
            except ImportError:
                continue
            columns = self.columns if library == "pandas" else {k: _for_polars(v) for k, v in self.columns.items()}
            return module.DataFrame(dict(columns))
        msg = "A data frame needs pandas or polars: pip install emkit[tables]"
        raise DataError(msg)

    def _check_known(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.columns:
                close = difflib.get_close_matches(str(name), self.names, n=3, cutoff=0.5)
                hint = f" Did you mean {_listed(close)}?" if close else ""
                where = f" in {self.name}" if self.name else ""
                msg = f"There is no column {name!r}{where}.{hint} The columns are: {_listed(self.names)}."
                raise DataError(msg)


def _for_polars(column: NDArray[Any]) -> Any:
    return column.tolist() if column.dtype == object else np.ascontiguousarray(column)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
