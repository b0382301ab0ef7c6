"""`scan`: a source of rows that are read from files in every pass, not held in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.files import as_read
from emkit.data.memory import MemorySource
from emkit.data.pieces import Keys
from emkit.data.readers import open_file
from emkit.data.room import Shelf
from emkit.data.sequence_order import arranged
from emkit.data.sequence_scan import held_columns, opened_sequences
from emkit.data.sequences import Sequences
from emkit.data.source import Source
from emkit.data.streams import FileSource
from emkit.data.supply import Batches, Chosen, Files, Spool, Supply, files_of
from emkit.data.table import Table
from emkit.data.text import TextFormat
from emkit.data.threads import resolve_threads
from emkit.errors import DataTypeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["first_rows", "scan", "scanned", "scanned_sequences"]

IN_MEMORY_BYTES = 1 << 25
"""Tables of up to so many bytes of numbers (32 MiB) are held in memory: no fit that needs streams is among them.

It does not depend on the memory there is, as rows that are read in passes can give other last bits.
"""


def scan(
    path: Any,
    columns: Sequence[str] | None = None,
    *,
    weights: str | None = None,
    sequence: str | None = None,
    time: str | None = None,
    lengths: ArrayLike | None = None,
    n_threads: int | None = None,
    memory_limit: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    encoding: str = "utf-8-sig",
    missing: Sequence[str] = (),
) -> Source:
    """Return a source of the rows of files of any size, read anew in every pass of a fit at constant memory.

    Parameters
    ----------
    path : path, list of paths, folder, or callable
        Parquet, Arrow or Feather, CSV or other text (``.gz`` too), ``.npy``; of a folder all files in it by name. Or
        a function without arguments that returns an iterator of batches (arrays, record batches, data frames) and
        begins anew each time it is called; an object that can be iterated over again and again; a list of record
        batches; or a pyarrow dataset.
    columns : sequence of str, optional
        Which columns; all but `weights` where None.
    weights : str, optional
        Name of the column that holds case weights.
    sequence, time : str, optional
        Columns that name the sequence of each row, and its time: the source is one of sequences, for hidden Markov
        models. In tables larger than `memory_limit` the rows of a sequence must stand together, sorted by time.
    lengths : array (s,), optional
        Rows of each sequence, in place of a column that names them.
    n_threads : int, optional
        See `resolve_threads`.
    memory_limit : int
        Bytes of numbers that may be kept in memory while a fit runs: where all fit, only its first pass reads the
        files. By default a quarter of the memory that is free when the fit begins; 0 never keeps any. It changes no
        result.
    cache : path of a folder, optional
        Keep a temporary copy of the numbers there while the source lives, eight bytes for each: passes read it instead,
        several times as fast where the model is small, decoding costs more than its E-step, and there is no room in
        memory. Text always is kept so, in the system's folder for temporary files where none is given.
    delimiter, header, decimal, encoding, missing
        For text, as in `read_table`.

    Returns
    -------
    Source
        To be given to any `fit` or `predict` in place of an array.

    Raises
    ------
    DataError
        If a file is not there, damaged, or has other columns than the first; or an entry is no finite number.

    Examples
    --------
    >>> import emkit, tempfile, pathlib, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "rows.npy"
    ...     np.save(file, np.random.default_rng(0).normal(size=(50_000, 2)))
    ...     source = emkit.data.scan(file, memory_limit=0)
    ...     emkit.GaussianMixture(1).fit(source).means_.round(1).tolist()
    [[0.0, -0.0]]
    """
    layout = TextFormat(delimiter, header, decimal, encoding, tuple(missing))
    chosen = Chosen(None if columns is None else tuple(columns), weights)
    keys = Keys(sequence, time)
    found: Source | None
    if keys.columns or lengths is not None:
        found = _sequences(path, chosen, keys, lengths, layout, n_threads, memory_limit, cache)
    else:
        supply = _supply(path, chosen, layout, cache)
        found = None if supply is None else _opened(supply, resolve_threads(n_threads), memory_limit)
    if found is None:
        message = f"`path` must name files or make batches of rows, but it is {path!r} ({type(path).__name__})."
        raise DataTypeError(message)
    return found


def first_rows(path: str | os.PathLike[str], **layout: Any) -> Table:
    """Return the first rows of a file, or of the first file of a folder, as `read_table` would give them.

    Raises
    ------
    DataError
        If there is no such file, it is damaged or empty.
    """
    found = files_of(Path(path))
    assert found is not None, "a path names files"
    reader = open_file(found[0], TextFormat(**layout))
    return Table({str(name): as_read(column) for name, column in reader.head().items()}, str(path))


def scanned(X: Any, weight: str | None, n_threads: int | None) -> Source | None:
    """Return the source of what names files or makes batches; None if `X` is nothing of that kind."""
    supply = _supply(X, Chosen(weight=weight), TextFormat())
    return None if supply is None else _opened(supply, resolve_threads(n_threads), None, is_for_one_fit=True)


def scanned_sequences(
    X: Any, weight: str | None, sequence: Any, time: Any, lengths: Any, n_threads: int | None, *, fill_gaps: bool
) -> Sequences | None:
    """Return the source of sequences in what names files or makes batches; None if `X` is nothing of that kind."""
    for role, name in (("sequence", sequence), ("time", time)):
        if name is not None and not isinstance(name, str) and _supply_is_there(X):
            message = f"`{role}` must be the name of a column where X is read from files, got {type(name).__name__}"
            raise DataTypeError(message)
    chosen, keys = Chosen(weight=weight), Keys(sequence, time)
    return _sequences(X, chosen, keys, lengths, TextFormat(), n_threads, None, fill_gaps=fill_gaps)


def _supply_is_there(X: Any) -> bool:
    return files_of(X) is not None or _batches_of(X) is not None


def _sequences(
    X: Any,
    chosen: Chosen,
    keys: Keys,
    lengths: Any,
    layout: TextFormat,
    n_threads: int | None,
    memory_limit: int | None,
    cache: str | os.PathLike[str] | None = None,
    *,
    fill_gaps: bool = False,
) -> Sequences | None:
    supply = _rows_of(X, replace(chosen, keys=keys.columns), layout)
    if supply is None:
        return None
    is_one = keys.sequence is None and lengths is None  # a block holds whole sequences: this one is all rows
    held = held_columns(supply, keys, sys.maxsize if is_one or fill_gaps else _in_memory(memory_limit))
    threads = resolve_threads(n_threads)
    if held is not None:
        rows, weights, sequence, time = held
        flat = MemorySource(rows, None, feature_names=supply.names, n_threads=threads)
        source = arranged(flat, lengths, sequence, time, fill_gaps=fill_gaps)
        return source if weights is None else source.with_weights(weights)
    copy, shelf = _copy_of(supply, cache), Shelf(memory_limit)
    return opened_sequences(supply, keys, lengths, copy=copy, shelf=shelf, n_threads=threads)


def _in_memory(memory_limit: int | None) -> int:
    """Return up to how many bytes a table is held in memory as if it had been given as an array."""
    return IN_MEMORY_BYTES if memory_limit is None else min(memory_limit, IN_MEMORY_BYTES)


def _supply(X: Any, chosen: Chosen, layout: TextFormat, cache: str | os.PathLike[str] | None = None) -> Supply | None:
    supply = _rows_of(X, chosen, layout)
    if supply is None:
        return None
    copy = _copy_of(supply, cache)
    return supply if copy is None else copy.read(supply)


def _rows_of(X: Any, chosen: Chosen, layout: TextFormat) -> Files | Batches | None:
    paths = files_of(X)
    if paths is not None:
        return Files(paths, chosen, layout)
    begin = _batches_of(X)
    return None if begin is None else Batches(begin, chosen)


def _copy_of(supply: Files | Batches, cache: str | os.PathLike[str] | None) -> Spool | None:
    """Return where the numbers are kept, for files that are dear to read or where it is asked for."""
    is_wanted = isinstance(supply, Files) and (supply.is_text or cache is not None)
    return Spool(supply.names, cache) if is_wanted else None


def _batches_of(X: Any) -> Callable[[], Any] | None:
    """Return the function that begins the batches anew; None if `X` makes none."""
    dataset = sys.modules.get("pyarrow.dataset")
    if dataset is not None and isinstance(X, dataset.Dataset):
        return lambda: (batch for batch in X.to_batches() if batch.num_rows)
    arrow = sys.modules.get("pyarrow")
    if arrow is not None and isinstance(X, arrow.RecordBatchReader):
        message = (
            "X is a RecordBatchReader, which can be read only once, and a fit reads the rows many times: pass the "
            "files themselves, or a function that opens a new reader each time."
        )
        raise DataTypeError(message)
    is_function = callable(X) and not isinstance(X, type) and not hasattr(X, "__array__")
    if is_function:
        return X  # type: ignore[no-any-return]
    return X.__iter__ if _is_of_batches(X) else None


_OF_TABLES = ("__len__", "__array__", "__arrow_c_stream__", "__arrow_c_array__", "__dataframe__", "columns", "shape")


def _is_of_batches(X: Any) -> bool:
    """Return whether X is a list of record batches, or can be iterated over time and again and is no table itself."""
    arrow = sys.modules.get("pyarrow")
    if isinstance(X, list | tuple):
        return arrow is not None and bool(X) and all(isinstance(item, arrow.RecordBatch) for item in X)
    is_iterable = isinstance(X, Iterable) and not isinstance(X, Iterator | type)
    return is_iterable and not any(hasattr(X, name) for name in _OF_TABLES)


def _opened(supply: Supply, n_threads: int, memory_limit: int | None, *, is_for_one_fit: bool = False) -> Source:
    """Open a source; of one that is asked for by a fit, the first look at the rows may serve as its first pass."""
    shelf = Shelf(memory_limit)
    if is_for_one_fit:
        shelf.open_early(supply.n_bytes)
    source = FileSource(supply, names=supply.names, n_threads=n_threads, shelf=shelf)
    if source.n_rows * source.n_features * np.dtype(source.dtype).itemsize > _in_memory(memory_limit):
        return source
    blocks = list(source.blocks())
    X = np.concatenate([block.X for block in blocks])
    weights = np.concatenate([block.weights for block in blocks]) if source.is_weighted else None
    missing = tuple(block.has_missing for block in blocks)
    return MemorySource(X, weights, feature_names=source.feature_names, n_threads=n_threads, missing=missing)
