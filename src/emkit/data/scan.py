"""`scan`: a source of rows that are read from files in every pass, not held in memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from emkit.data.memory import MemorySource
from emkit.data.source import Source
from emkit.data.streams import FileSource
from emkit.data.supply import Batches, Chosen, Files, Supply, files_of, spooled
from emkit.data.text import TextFormat
from emkit.data.threads import resolve_threads
from emkit.errors import DataTypeError

__all__ = ["scan", "scanned"]

IN_MEMORY_BYTES = 1 << 25
"""Tables of up to so many bytes of numbers (32 MiB) are held in memory: no fit that needs streams is among them."""


def scan(
    path: Any,
    columns: Sequence[str] | None = None,
    *,
    weights: str | None = None,
    n_threads: int | None = None,
    memory_limit: int = IN_MEMORY_BYTES,
    cache: str | os.PathLike[str] | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    encoding: str = "utf-8-sig",
) -> Source:
    """Return a source of the rows of files of any size, read anew in every pass of a fit at constant memory.

    Parameters
    ----------
    path : path, list of paths, folder, or callable
        Parquet, Arrow or Feather, CSV or other text (``.gz`` too), ``.npy``; of a folder all files in it by name. Or
        a function without arguments that returns an iterator of batches (arrays, record batches, data frames) and
        begins anew each time it is called; or a pyarrow dataset.
    columns : sequence of str, optional
        Which columns; all but `weights` where None.
    weights : str, optional
        Name of the column that holds case weights.
    n_threads : int, optional
        See `resolve_threads`.
    memory_limit : int
        Tables with no more bytes of numbers are read into memory; 0 never does that. It changes no result.
    cache : path of a folder, optional
        Keep a temporary copy of the numbers there while the source lives, eight bytes for each: passes read it instead,
        several times as fast where the model is small and decoding costs more than its E-step. Text always is kept
        so, in the system's folder for temporary files where none is given.
    delimiter, header, decimal, encoding
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
    layout = TextFormat(delimiter, header, decimal, encoding)
    supply = _supply(path, Chosen(None if columns is None else tuple(columns), weights), layout, cache)
    if supply is None:
        message = f"`path` must name files or make batches of rows, but it is {path!r} ({type(path).__name__})."
        raise DataTypeError(message)
    return _opened(supply, resolve_threads(n_threads), memory_limit)


def scanned(X: Any, weight: str | None, n_threads: int | None) -> Source | None:
    """Return the source of what names files or makes batches; None if `X` is nothing of that kind."""
    supply = _supply(X, Chosen(weight=weight), TextFormat())
    return None if supply is None else _opened(supply, resolve_threads(n_threads), IN_MEMORY_BYTES)


def _supply(
    X: Any,
    chosen: Chosen,
    layout: TextFormat,
    cache: str | os.PathLike[str] | None = None,
) -> Supply | None:
    paths = files_of(X)
    if paths is not None:
        files = Files(paths, chosen, layout)
        return spooled(files, cache) if files.is_text or cache is not None else files
    begin = _batches_of(X)
    return None if begin is None else Batches(begin, chosen)


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
    return X if is_function else None


def _opened(supply: Supply, n_threads: int, memory_limit: int) -> Source:
    source = FileSource(supply, names=supply.names, n_threads=n_threads)
    if source.n_rows * source.n_features * np.dtype(source.dtype).itemsize > memory_limit:
        return source
    blocks = list(source.blocks())
    X = np.concatenate([block.X for block in blocks])
    weights = np.concatenate([block.weights for block in blocks]) if source.is_weighted else None
    missing = tuple(block.has_missing for block in blocks)
    return MemorySource(X, weights, feature_names=source.feature_names, n_threads=n_threads, missing=missing)
