"""The door of sequences: lists of arrays, one array with lengths, or a table with an identity and a time column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.checks import check_columns_observed, refuse_columns, refuse_missing
from emkit.data.device_sequences import device_sequences, device_stack
from emkit.data.door import as_source
from emkit.data.engines import elsewhere, is_collection
from emkit.data.frames import frame_columns, series_column
from emkit.data.memory import MemorySource
from emkit.data.parts import Taste
from emkit.data.pieces import Keys
from emkit.data.scan import scanned_sequences
from emkit.data.sequence_order import arranged
from emkit.data.sequence_weights import sequence_weights
from emkit.data.sequences import Sequences, SequenceSource
from emkit.data.source import Source
from emkit.data.table import Table
from emkit.data.threads import resolve_threads
from emkit.errors import DataError, ParameterError
from emkit.kernels.foreign import host, is_device_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["as_sequences"]


def as_sequences(
    X: Any,
    lengths: ArrayLike | None = None,
    sample_weight: ArrayLike | str | None = None,
    *,
    sequence: str | ArrayLike | None = None,
    time: str | ArrayLike | None = None,
    fill_gaps: bool = False,
    allow_missing: bool = True,
    allow_missing_columns: bool = False,
    allow_device: bool = False,
    n_threads: int | None = None,
) -> Any:
    """Return a source of sequences, checked once.

    Parameters
    ----------
    X : array (n, d) or (n,), list of arrays, data frame, `Table`, mapping, path, or source of sequences
        One sequence, or all of them one after another; a list of arrays is a list of sequences. NaN is a missing entry;
        a row may be missing as a whole. A path, a folder, a list of paths, a pyarrow dataset, or a function that makes
        batches: sequences are read anew in every pass where they are many; see `scan`.
    lengths : array (s,) of int, optional
        Rows of each sequence, adding up to n. One sequence where neither `lengths` nor `sequence` is given.
    sample_weight : array (s,) or (n,), or the name of a column, optional
        Case weights of the sequences; given by row, they must be constant within a sequence.
    sequence : str or array (n,), optional
        Column that names the sequence of each row, or those names themselves.
    time : str or array (n,), optional
        Column of times, or the times: rows are sorted by it within each sequence, and need not stand together.
    fill_gaps : bool
        Whether missing rows are put in where whole-numbered times leave a gap.
    allow_missing, allow_missing_columns, allow_device, n_threads
        As for `as_source`. Arrays on a device come here to be put in order by names or times.

    Raises
    ------
    DataError
        If lengths do not add up, rows of one sequence stand apart and there is no time, a time is missing or occurs
        twice, gaps are to be filled between times that are not whole, or for what `as_source` refuses.

    Examples
    --------
    >>> source = as_sequences([[1.0], [2.0], [5.0]], lengths=[2, 1])
    >>> source.n_rows, source.n_sequences
    (3, 2)

    Returns
    -------
    Sequences
        A `SequenceSource` where they are in memory.
    """
    known = (
        X
        if isinstance(X, Sequences)
        else _elsewhere(X, lengths, sample_weight, sequence, time, fill_gaps=fill_gaps, n_threads=n_threads)
    )
    if known is not None:
        weights = None if known is not X and isinstance(sample_weight, str) else sample_weight
        return _checked(
            _again(known, lengths if known is X else None, weights, n_threads),
            allow_missing=allow_missing,
            allow_missing_columns=allow_missing_columns,
        )
    is_plain = sequence is None and time is None
    sample_weight = host(sample_weight) if is_device_array(sample_weight) else sample_weight
    lengths = host(lengths) if is_device_array(lengths) else lengths
    if lengths is None and is_plain and _is_list_of_arrays(X):
        X, lengths = device_stack(X) if is_device_array(X[0]) else _joined(X)
    if is_device_array(X) and allow_device and allow_missing and is_plain and not isinstance(sample_weight, str):
        there = device_sequences(X, lengths, sample_weight, n_threads=resolve_threads(n_threads))
        if there is not None:
            return _checked(there, allow_missing=True, allow_missing_columns=allow_missing_columns)
    X, sequence, time, sample_weight = _columns_out(X, sequence, time, sample_weight)
    options = {"allow_missing": allow_missing, "allow_missing_columns": True, "n_threads": n_threads}
    flat = as_source(X, one_feature=True, min_rows=1, **options)  # type: ignore[arg-type]
    if not isinstance(flat, MemorySource):
        flat = _read(flat)
    source = arranged(flat, lengths, sequence, time, fill_gaps=fill_gaps)
    weights = sequence_weights(sample_weight, source.lengths, source.origin)
    source = source if weights is None else source.with_weights(weights)
    return _checked(source, allow_missing=allow_missing, allow_missing_columns=allow_missing_columns)


def _elsewhere(
    X: Any, lengths: Any, sample_weight: Any, sequence: Any, time: Any, *, fill_gaps: bool, n_threads: int | None
) -> Sequences | None:
    """Return the sequences of data that are not in memory; None if `X` is no such data."""
    if isinstance(X, np.ndarray | Table) or (sequence is None and lengths is None and _is_list_of_arrays(X)):
        return None
    weight = sample_weight if isinstance(sample_weight, str) else None
    if isinstance(sequence, str):
        taste = Taste(None, None, True, True, Keys(sequence, time))
        found = elsewhere(X, weight, n_threads, taste)
        if found is not None and fill_gaps:
            message = "`fill_gaps` is for data in memory: put in the rows that are missing, of NaN, where the data are"
            raise ParameterError(message)
        if found is not None:
            return found  # type: ignore[return-value]
    return scanned_sequences(X, weight, sequence, time, lengths, n_threads, fill_gaps=fill_gaps)


def _read(source: Source) -> MemorySource:
    """Return the rows of a source of rows in memory: they are one sequence, or their lengths are told."""
    X = np.concatenate([block.X for block in source.blocks()])
    return MemorySource(X, None, feature_names=source.feature_names, n_threads=source.n_threads)


def _checked(source: Any, *, allow_missing: bool, allow_missing_columns: bool) -> Any:
    """Return a source, or raise where it has missing entries that this model cannot use."""
    if not source.has_missing:
        return source
    if not allow_missing:
        block = next(block for block in source.blocks() if block.has_missing)
        refuse_missing(block.X, source.feature_names, block.start)
    if not allow_missing_columns and not isinstance(source, SequenceSource):
        if not source.columns_observed.all():
            refuse_columns(source.columns_observed, source.feature_names)
    elif not allow_missing_columns:
        each = np.repeat(source.weights, source.lengths)
        check_columns_observed(source.X, each if source.is_weighted else None, source.feature_names)
    return source


def _again(source: Any, lengths: Any, sample_weight: Any, n_threads: int | None) -> Any:
    if lengths is not None:
        message = "`lengths` were given, but X is a source that knows its sequences: leave them out"
        raise ParameterError(message)
    source = source if sample_weight is None else source.with_weights(sample_weight)
    return source if n_threads is None else source.with_threads(n_threads)


def _is_list_of_arrays(X: Any) -> bool:
    if not isinstance(X, list | tuple) or not X or is_collection(X):
        return False
    if all(is_device_array(x) and len(x.shape) > 0 for x in X):
        return True
    return all(np.ndim(x) > 0 and (isinstance(x, np.ndarray) or frame_columns(x) or series_column(x)) for x in X)


def _joined(X: Any) -> tuple[Any, NDArray[np.int64]]:
    """Return the arrays of a list one after another, and their lengths."""
    parts = [_part(x, i) for i, x in enumerate(X)]
    width = parts[0].shape[1]
    for i, part in enumerate(parts):
        if part.shape[1] != width:
            message = f"sequences must have the same columns, but sequence 0 has {width}, sequence {i} {part.shape[1]}"
            raise DataError(message)
    names = frame_columns(X[0])
    joined = np.concatenate(parts)
    table = joined if names is None else dict(zip(map(str, names[0]), joined.T, strict=True))
    return table, np.array([len(part) for part in parts], dtype=np.int64)


def _part(x: Any, i: int) -> NDArray[Any]:
    if isinstance(x, np.ndarray):
        if x.ndim not in (1, 2):
            message = f"sequence {i} must be an array (t, d) or (t,), but it has shape {x.shape}"
            raise DataError(message)
        return x if x.ndim == 2 else x[:, None]
    source = as_source(x, one_feature=True, allow_missing_columns=True, min_rows=0)
    return np.concatenate([block.X for block in source.blocks()])


def _columns_out(X: Any, *roles: Any) -> tuple[Any, ...]:
    """Return the features, and the columns of sequence, time and weight by their names, taken out of a table."""
    if not any(isinstance(role, str) for role in roles):
        return X, *roles
    sequence, time, weight = roles
    frame = frame_columns(X.columns if isinstance(X, Table) else X)
    if frame is None:
        message = (
            f"`sequence` and `time` name columns ({sequence!r}, {time!r}), but X is a {type(X).__name__} without "
            "column names: pass a data frame, or the columns themselves; of files, emkit.data.scan(path, sequence=...)"
        )
        raise DataError(message)
    columns = dict(zip(map(str, frame[0]), frame[1], strict=True))
    taken = []
    for role, name in (("sequence", sequence), ("time", time), ("sample_weight", weight)):
        if isinstance(name, str) and name not in columns:
            message = f"`{role}` is {name!r}, but the columns are {', '.join(columns)}"
            raise DataError(message)
        taken.append(columns[name] if isinstance(name, str) else name)
    names = [role for role in roles if isinstance(role, str)]
    return {name: values for name, values in columns.items() if name not in names}, *taken
