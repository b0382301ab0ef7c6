"""The door of sequences: lists of arrays, one array with lengths, or a table with an identity and a time column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.checks import check_columns_observed
from emkit.data.door import as_source
from emkit.data.frames import frame_columns, series_column
from emkit.data.memory import MemorySource
from emkit.data.sequence_weights import sequence_weights
from emkit.data.sequences import SequenceSource
from emkit.data.table import Table
from emkit.errors import DataError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["as_sequences"]


def as_sequences(
    X: Any,
    lengths: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    *,
    sequence: str | ArrayLike | None = None,
    time: str | ArrayLike | None = None,
    fill_gaps: bool = False,
    allow_missing: bool = True,
    allow_missing_columns: bool = False,
    n_threads: int | None = None,
) -> SequenceSource:
    """Return a source of sequences, checked once.

    Parameters
    ----------
    X : array (n, d) or (n,), list of arrays, data frame, `Table`, mapping, or `SequenceSource`
        One sequence, or all of them one after another; a list of arrays is a list of sequences. NaN is a missing entry;
        a row may be missing as a whole.
    lengths : array (s,) of int, optional
        Rows of each sequence, adding up to n. One sequence where neither `lengths` nor `sequence` is given.
    sample_weight : array (s,) or (n,), optional
        Case weights of the sequences; given by row, they must be constant within a sequence.
    sequence : str or array (n,), optional
        Column that names the sequence of each row, or those names themselves.
    time : str or array (n,), optional
        Column of times, or the times: rows are sorted by it within each sequence, and need not stand together.
    fill_gaps : bool
        Whether missing rows are put in where whole-numbered times leave a gap.
    allow_missing, allow_missing_columns, n_threads
        As for `as_source`.

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
    """
    if isinstance(X, SequenceSource):
        return _again(X, lengths, sample_weight, n_threads)
    if lengths is None and sequence is None and time is None and _is_list_of_arrays(X):
        X, lengths = _joined(X)
    X, sequence, time = _columns_out(X, sequence, time)
    options = {"allow_missing": allow_missing, "allow_missing_columns": True, "n_threads": n_threads}
    flat = as_source(X, one_feature=True, min_rows=1, **options)  # type: ignore[arg-type]
    if not isinstance(flat, MemorySource):
        message = f"sequences must be in memory, but X is a {type(flat).__name__}: read it first"
        raise DataError(message)
    source = _arranged(flat, lengths, sequence, time, fill_gaps=fill_gaps)
    weights = sequence_weights(sample_weight, source.lengths, source.origin)
    source = source if weights is None else source.with_weights(weights)
    if source.has_missing and not allow_missing_columns:
        each = np.repeat(source.weights, source.lengths)
        check_columns_observed(source.X, each if source.is_weighted else None, source.feature_names)
    return source


def _again(source: SequenceSource, lengths: Any, sample_weight: Any, n_threads: int | None) -> SequenceSource:
    if lengths is not None:
        message = "`lengths` were given, but X is a source that knows its sequences: leave them out"
        raise ParameterError(message)
    source = source if sample_weight is None else source.with_weights(sample_weight)
    return source if n_threads is None else source.with_threads(n_threads)


def _is_list_of_arrays(X: Any) -> bool:
    if not isinstance(X, list | tuple) or not X:
        return False
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


def _columns_out(X: Any, sequence: Any, time: Any) -> tuple[Any, Any, Any]:
    """Return the features, and the columns that name sequences and times, taken out of a table."""
    if not isinstance(sequence, str) and not isinstance(time, str):
        return X, sequence, time
    frame = frame_columns(X.columns if isinstance(X, Table) else X)
    if frame is None:
        message = (
            f"`sequence` and `time` name columns ({sequence!r}, {time!r}), but X is a {type(X).__name__} without "
            "column names: pass a data frame, or the columns themselves"
        )
        raise DataError(message)
    columns = dict(zip(map(str, frame[0]), frame[1], strict=True))
    taken = []
    for role, name in (("sequence", sequence), ("time", time)):
        if isinstance(name, str) and name not in columns:
            message = f"`{role}` is {name!r}, but the columns are {', '.join(columns)}"
            raise DataError(message)
        taken.append(columns[name] if isinstance(name, str) else name)
    rest = {name: values for name, values in columns.items() if name not in (sequence, time)}
    return rest, taken[0], taken[1]


def _arranged(flat: MemorySource, lengths: Any, sequence: Any, time: Any, *, fill_gaps: bool) -> SequenceSource:
    n = flat.n_rows
    if lengths is not None and sequence is not None:
        message = "`lengths` and `sequence` both say where sequences end: give one of them"
        raise ParameterError(message)
    if fill_gaps and time is None:
        message = "`fill_gaps` needs `time`: without times there are no gaps to see"
        raise ParameterError(message)
    names: tuple[str, ...] | None = None
    if sequence is None:
        lengths = _checked_lengths(lengths, n)
        label = np.repeat(np.arange(len(lengths)), lengths)
    else:
        label, names = _labels(sequence, n)
        lengths = np.bincount(label, minlength=len(names)).astype(np.int64)
    order: NDArray[Any] | None = None
    if time is not None:
        stamps = _checked_times(time, n)
        order = np.lexsort((stamps, label))
        _refuse_twice(stamps[order], label[order], names)
    elif (np.diff(label) < 0).any() or (sequence is not None and _is_scattered(label)):
        _refuse_scattered(label, names)
    X, origin = flat.X, None
    if order is not None:
        X, origin = X[order], order.astype(np.int64)
        if fill_gaps:
            X, origin, lengths = _filled(X, origin, stamps[order], label[order], lengths)
        if len(X) == n and (origin == np.arange(n)).all():
            origin = None
    return SequenceSource(
        X, lengths, feature_names=flat.feature_names, names=names, n_threads=flat.n_threads, origin=origin, n_given=n
    )


def _checked_lengths(lengths: Any, n_rows: int) -> NDArray[np.int64]:
    if lengths is None:
        return np.array([n_rows], dtype=np.int64)
    array = np.asarray(lengths)
    array = array.reshape(1) if array.ndim == 0 else array
    whole = array.dtype.kind in "iu" or (array.dtype.kind == "f" and bool((array == np.floor(array)).all()))
    if array.ndim != 1 or not whole:
        message = f"`lengths` must be whole numbers, one for each sequence, got {array.dtype} of shape {array.shape}"
        raise DataError(message)
    if (array < 0).any():
        i = int(np.argmax(array < 0))
        message = f"`lengths` must not be negative, but that of sequence {i} is {array[i]}"
        raise DataError(message)
    if array.sum() != n_rows:
        message = f"`lengths` add up to {int(array.sum())}, but X has {n_rows} rows: give the rows of every sequence"
        raise DataError(message)
    return array.astype(np.int64)


def _labels(sequence: Any, n_rows: int) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the number (n,) of each row's sequence, in order of first appearance, and the names."""
    series = series_column(sequence)
    values = np.asarray(sequence if series is None else series[1])
    if values.shape != (n_rows,):
        message = f"`sequence` must have one entry for each of the {n_rows} rows of X, but it has shape {values.shape}"
        raise DataError(message)
    missing = np.array([v is None or v != v for v in values.tolist()], dtype=bool)  # noqa: PLR0124 NaN of any type
    if missing.any():
        message = f"`sequence` must name the sequence of every row, but row {int(np.argmax(missing))} has none"
        raise DataError(message)
    number: dict[Any, int] = {}
    label = np.array([number.setdefault(v, len(number)) for v in values.tolist()], dtype=np.intp)
    return label, tuple(str(int(v)) if isinstance(v, float) and v == int(v) else str(v) for v in number)


def _checked_times(time: Any, n_rows: int) -> NDArray[Any]:
    series = series_column(time)
    values = np.asarray(time if series is None else series[1])
    if values.shape != (n_rows,):
        message = f"`time` must have one entry for each of the {n_rows} rows of X, but it has shape {values.shape}"
        raise DataError(message)
    if values.dtype.kind == "M":
        missing = np.isnat(values)
    elif values.dtype.kind in "iufb":
        missing = ~np.isfinite(values.astype(np.float64))
    else:
        message = f"`time` must be numbers or dates, but it is {values.dtype}: convert it first"
        raise DataError(message)
    if missing.any():
        message = f"`time` must be known for every row, but it is {values[missing][0]} in row {int(np.argmax(missing))}"
        raise DataError(message)
    return values


def _refuse_twice(stamps: NDArray[Any], label: NDArray[Any], names: tuple[str, ...] | None) -> None:
    twice = (stamps[1:] == stamps[:-1]) & (label[1:] == label[:-1])
    if twice.any():
        i = int(np.argmax(twice))
        who = f"sequence {label[i]}" if names is None else f"sequence {names[label[i]]!r}"
        message = f"{who} has two rows at time {stamps[i]}: keep one of them, or give times that tell them apart"
        raise DataError(message)


def _is_scattered(label: NDArray[Any]) -> bool:
    return int(np.count_nonzero(np.diff(label))) != int(label.max(initial=0))


def _refuse_scattered(label: NDArray[Any], names: tuple[str, ...] | None) -> None:
    seen: set[int] = set()
    for i, value in enumerate(label.tolist()):
        if value in seen and label[i - 1] != value:
            who = f"sequence {value}" if names is None else f"sequence {names[value]!r}"
            message = f"the rows of {who} do not stand together (row {i} comes back to it): sort them, or give `time`"
            raise DataError(message)
        seen.add(value)


def _filled(
    X: NDArray[Any], origin: NDArray[np.int64], stamps: NDArray[Any], label: NDArray[Any], lengths: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return rows, origins and lengths with missing rows where whole-numbered times leave a gap."""
    if stamps.dtype.kind == "M":
        message = "`fill_gaps` needs whole-numbered times, but `time` holds dates: number the periods 0, 1, 2, ..."
        raise DataError(message)
    whole = stamps == np.floor(stamps.astype(np.float64))
    if not whole.all():
        message = (
            f"`fill_gaps` needs whole-numbered times, but row {int(origin[~whole][0])} has time {stamps[~whole][0]}"
        )
        raise DataError(message)
    steps = np.diff(stamps.astype(np.int64), prepend=0)
    steps[np.flatnonzero(np.diff(label, prepend=-1))] = 1  # the first row of a sequence
    place = np.cumsum(steps) - 1
    if place[-1] + 1 > _MOST_FILLED * len(X):
        message = (
            f"filling the gaps would turn {len(X)} rows into {int(place[-1]) + 1}: check the unit of `time`, which "
            "counts periods, one row each"
        )
        raise DataError(message)
    wide = np.full((int(place[-1]) + 1, X.shape[1]), np.nan, dtype=X.dtype)
    wide[place] = X
    from_where = np.full(len(wide), -1, dtype=np.int64)
    from_where[place] = origin
    return wide, from_where, np.bincount(label, weights=steps, minlength=len(lengths)).astype(np.int64)


_MOST_FILLED = 1000  # more rows put in than this per row given are a mistake about the unit of time
