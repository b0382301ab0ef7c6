"""Rows put in order: which sequence each belongs to, sorted by time, with rows put in for gaps where wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.memory import MemorySource
from emkit.data.sequence_keys import labels_of, times_of
from emkit.data.sequences import SequenceSource
from emkit.errors import DataError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["arranged", "checked_lengths"]


def arranged(
    flat: MemorySource, lengths: Any = None, sequence: Any = None, time: Any = None, *, fill_gaps: bool = False
) -> SequenceSource:
    """Return the sequences that rows belong to: by their lengths, or by names (n,), sorted by times (n,) where given.

    Raises
    ------
    DataError, ParameterError
        As `as_sequences`.
    """
    n = flat.n_rows
    if lengths is not None and sequence is not None:
        message = "`lengths` and `sequence` both say where sequences end: give one of them"
        raise ParameterError(message)
    if fill_gaps and time is None:
        message = "`fill_gaps` needs `time`: without times there are no gaps to see"
        raise ParameterError(message)
    names: tuple[str, ...] | None = None
    if sequence is None:
        lengths = checked_lengths(lengths, n)
        label = np.repeat(np.arange(len(lengths)), lengths)
    else:
        label, names = labels_of(sequence, n)
        lengths = np.bincount(label, minlength=len(names)).astype(np.int64)
    order: NDArray[Any] | None = None
    if time is not None:
        stamps = times_of(time, n)
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
        X,
        lengths,
        feature_names=flat.feature_names,
        names=names,
        n_threads=flat.n_threads,
        origin=origin,
        n_given=n,
        kind=flat.kind,
    )


def checked_lengths(lengths: Any, n_rows: int) -> NDArray[np.int64]:
    """Return the rows of each sequence (s,); one sequence where None."""
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
