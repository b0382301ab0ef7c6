"""One function that opens a table of any kind: by the name of a file, or of a shipped data set."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import zipfile
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data import shipped
from emkit.data.frames import frame_columns
from emkit.data.table import Table
from emkit.data.text import TextFormat, read_text
from emkit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["as_read", "kind_of", "load", "missing_message", "read_table", "table_if_file"]

_KIND_OF_SUFFIX = {
    ".csv": "text", ".tsv": "text", ".tab": "text", ".txt": "text", ".dat": "text", ".data": "text",
    ".parquet": "parquet", ".pq": "parquet", ".npy": "numpy", ".npz": "numpy",
    ".feather": "arrow", ".arrow": "arrow", ".arrows": "arrow", ".ipc": "arrow",
}  # fmt: skip
_KIND_OF_MAGIC = {b"PAR1": "parquet", b"ARRO": "arrow", b"FEA1": "arrow", b"\x93NUM": "numpy"}
_FOREIGN = {
    ".xlsx",
    ".xls",
    ".ods",
    ".json",
    ".jsonl",
    ".sav",
    ".dta",
    ".rds",
    ".rdata",
    ".rda",
    ".h5",
    ".pkl",
    ".zip",
}


def load(name: str) -> Table:
    """Return a shipped data set.

    Parameters
    ----------
    name : str
        One of the names that `data_sets` lists.

    Raises
    ------
    DataError
        If there is no set of this name.

    Examples
    --------
    >>> X, names = load("faithful").numeric()
    >>> X.shape, names
    ((272, 2), ('eruptions', 'waiting'))
    """
    return Table(read_text(shipped.path_of(name), TextFormat()), name)


def read_table(
    path_or_name: str | PathLike[str],
    columns: Sequence[str] | str | None = None,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    encoding: str = "utf-8-sig",
    missing: Sequence[str] = (),
) -> Table:
    """Return the table in a file, or a shipped data set.

    Parameters
    ----------
    path_or_name : str or path
        A file: CSV, TSV or other delimited text (``.gz`` too), Parquet, Arrow or Feather, ``.npy``, ``.npz``;
        or the name of a shipped data set, unless there is a file of this name.
    columns : sequence of str, str, or None
        Which columns to keep; None for all.
    delimiter, header, decimal, encoding
        For text: what separates cells; whether the first line holds names; the decimal mark; the encoding.
        The first three are found out from the file where None, and so is UTF-16 by its mark. Missing cells are
        empty, NA, N/A, NaN, nan, null, None, ``?`` or ``.``.
    missing : sequence of str
        For text: other words that stand for a missing cell, such as ``"-99"`` or ``"k. A."``.

    Returns
    -------
    Table
        A column is numeric if all of its cells are numbers or missing, or TRUE and FALSE.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, is empty, ragged or damaged, or lacks a column asked for.
    """
    path = Path(path_or_name).expanduser()
    if not path.is_file() and str(path_or_name) in shipped.names():
        table = load(str(path_or_name))
    else:
        _check_file(path, str(path_or_name))
        table = _read(path, TextFormat(delimiter, header, decimal, encoding, tuple(missing)))
    return table if columns is None else table.select(columns)


def table_if_file(X: Any) -> Any:
    """Return the table in a file where `X` is its path; anything else as it is."""
    return read_table(X) if isinstance(X, str | PathLike) else X


def _check_file(path: Path, given: str) -> None:
    if path.is_dir():
        msg = f"{given} is a directory: name one file in it."
        raise DataError(msg)
    if not path.exists():
        raise DataError(missing_message(path, given))
    if path.suffix.lower() in _FOREIGN:
        msg = f"{given}: files of the kind {path.suffix} are not read. Save it as CSV or Parquet first."
        raise DataError(msg)


def missing_message(path: Path, given: str) -> str:
    """Return what to say of a file that is not there: names like it that are."""
    try:
        nearby = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        nearby = []
    files = difflib.get_close_matches(path.name, nearby, n=2)
    sets = difflib.get_close_matches(given.lower(), shipped.names(), n=2)
    hints = [f"the file {str(path.parent / name)!r}" for name in files] + [f"the data set {name!r}" for name in sets]
    hint = f" Did you mean {' or '.join(hints)}?" if hints else f" Shipped data sets are: {', '.join(shipped.names())}."
    return f"There is no file {given!r}.{hint}"


def _read(path: Path, layout: TextFormat) -> Table:
    try:
        kind = kind_of(path)
        if kind == "text":
            return Table(read_text(path, layout), str(path))
        if path.stat().st_size == 0:
            msg = f"{path} is empty: expected a table."
            raise DataError(msg)
        read = {"numpy": _read_numpy, "parquet": _read_parquet, "arrow": _read_arrow}[kind]
        names, columns = read(path)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}."
        raise DataError(msg) from error
    return Table({str(name): as_read(column) for name, column in zip(names, columns, strict=True)}, str(path))


def kind_of(path: Path) -> str:
    """Return what kind of file it is, by suffix or first bytes."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        return "text"
    if suffixes and suffixes[-1] in _KIND_OF_SUFFIX:
        return _KIND_OF_SUFFIX[suffixes[-1]]
    with path.open("rb") as file:
        return _KIND_OF_MAGIC.get(file.read(4), "text")


def as_read(column: NDArray[Any]) -> NDArray[Any]:
    """Return a column as a `Table` holds it: numbers as float64."""
    return column.astype(np.float64) if column.dtype.kind in "fiub" and column.dtype != np.float64 else column


def _read_numpy(path: Path) -> tuple[list[str], list[NDArray[Any]]]:
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        msg = f"{path} is no array file that can be read safely: {error}."
        raise DataError(msg) from error
    if isinstance(loaded, np.ndarray):
        return _array_columns(path, loaded)
    with loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    if len(arrays) == 1:
        return _array_columns(path, next(iter(arrays.values())))
    lengths = {array.shape for array in arrays.values()}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        msg = f"{path} must hold one matrix, or columns of equal length, but it holds: {shapes}."
        raise DataError(msg)
    return list(arrays), list(arrays.values())


def _array_columns(path: Path, array: NDArray[Any]) -> tuple[list[str], list[NDArray[Any]]]:
    named = frame_columns(array)
    if named is not None:
        return named
    array = array.reshape(-1, 1) if array.ndim == 1 else array
    if array.ndim != 2:
        msg = f"{path} must hold a matrix, one row for each unit, but it holds an array of shape {array.shape}."
        raise DataError(msg)
    return [f"x{j + 1}" for j in range(array.shape[1])], list(array.T)


def _read_parquet(path: Path) -> tuple[list[str], list[NDArray[Any]]]:
    return _read_by_library(path, "pyarrow.parquet", "read_table", "read_parquet")


def _read_arrow(path: Path) -> tuple[list[str], list[NDArray[Any]]]:
    with path.open("rb") as file:
        is_stream = file.read(4) not in _KIND_OF_MAGIC  # the streaming form has no magic
    if is_stream:
        return _read_by_library(path, "emkit.data.files", "_arrow_stream", "read_ipc_stream")
    return _read_by_library(path, "pyarrow.feather", "read_table", "read_ipc")


def _arrow_stream(path: Path) -> Any:
    library = importlib.import_module("pyarrow")
    with library.memory_map(str(path)) as file, library.ipc.open_stream(file) as reader:
        return reader.read_all()


def _read_by_library(
    path: Path, module: str, function: str, polars_function: str
) -> tuple[list[str], list[NDArray[Any]]]:
    """Read by pyarrow, or by polars where only that is installed."""
    if importlib.util.find_spec("pyarrow"):
        errors: Any = importlib.import_module("pyarrow").ArrowException
        read = getattr(importlib.import_module(module), function)
    elif importlib.util.find_spec("polars"):
        library = importlib.import_module("polars")
        errors, read = library.exceptions.PolarsError, getattr(library, polars_function)
    else:
        msg = f"{path} needs pyarrow or polars to be read: pip install emkit[tables]"
        raise DataError(msg)
    try:
        table = read(path)
    except (errors, OSError) as error:
        msg = f"{path} is damaged, or no {path.suffix or 'Arrow'} file: {str(error).splitlines()[0]}"
        raise DataError(msg) from error
    found = frame_columns(table)
    assert found is not None, "an Arrow table is a data frame"
    return found
