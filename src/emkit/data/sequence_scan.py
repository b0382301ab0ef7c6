"""The door of sequences in files and batches: one look tells where each ends, and that its rows stand together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.data.ahead import read_ahead
from emkit.data.block import BLOCK_ROWS
from emkit.data.checks import find_missing
from emkit.data.passes import AHEAD, Raw, cut_up, numbers_of
from emkit.data.pieces import Keys, Piece
from emkit.data.room import Shelf
from emkit.data.sequence_keys import as_times, name_of
from emkit.data.sequence_order import checked_lengths
from emkit.data.sequence_streams import SequenceFacts, SequenceStream
from emkit.data.supply import Origin, Spool, Supply, check_weight_column, told
from emkit.data.threads import consume_stream
from emkit.errors import DataError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["held_columns", "opened_sequences"]

_SORT = "Sort the rows by sequence and time, or give a table that fits in memory, where they may stand in any order."


def held_columns(supply: Supply, keys: Keys, memory_limit: int) -> tuple[Any, ...] | None:
    """Return rows (n, d), weights, sequence and time of a table of at most so many bytes of numbers; else None."""
    parts: list[tuple[Any, ...]] = []
    size = 0
    for piece, origin in supply.pieces():
        with told(origin):
            parts.append((*piece.rows(), *keys.of(piece)))
        size += parts[-1][0].size * parts[-1][0].itemsize
        if size > memory_limit:
            return None
    if not parts:
        message = "Found array with 0 sample(s) while a minimum of 1 is required: there is no row in any file."
        raise DataError(message)
    return tuple(None if column[0] is None else _put_together(column) for column in zip(*parts, strict=True))


def _put_together(parts: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    """Return one array; of numbers and words in turn, an array of objects."""
    if len({part.dtype.kind == "O" for part in parts}) > 1:
        parts = tuple(part.astype(object) for part in parts)
    return np.concatenate(parts)


def opened_sequences(
    supply: Supply,
    keys: Keys,
    lengths: NDArray[np.int64] | None,
    *,
    copy: Spool | None,
    shelf: Shelf,
    n_threads: int,
) -> SequenceStream:
    """Return the source of sequences that are read in every pass, after one look at all of them.

    Parameters
    ----------
    supply : Supply
    keys : Keys
    lengths : array (s,), optional
        In place of a column that names the sequences.
    copy : Spool, optional
        Filled in passing, and read instead from then on.
    shelf : Shelf
        Where blocks are kept while a fit runs.
    n_threads : int
    """
    _check_keys(supply, keys, lengths)
    runs = _Runs()
    looks: list[_Look] = []

    def add(look: _Look) -> None:
        runs.add(look)
        looks.append(look.bare())

    pieces = _Tee(supply, copy)
    with closing(read_ahead(cut_up(pieces, repeat(BLOCK_ROWS)), AHEAD)) as raws:
        consume_stream(lambda raw: _look(raw, keys, supply.names), raws, add, n_threads)
    if not looks:
        message = "Found array with 0 sample(s) while a minimum of 1 is required: there is no row in any file."
        raise DataError(message)
    runs.refuse_scattered(supply, keys)
    sizes, weights = runs.lengths, runs.weights
    if lengths is not None:
        sizes, weights = checked_lengths(lengths, sum(look.n_rows for look in looks)), None
    facts = _facts(looks, sizes, weights, supply.names)
    rows = supply.plain() if copy is None else copy
    return SequenceStream(rows, facts, _caller(supply, keys), n_threads=n_threads, shelf=shelf)


def _check_keys(supply: Supply, keys: Keys, lengths: NDArray[np.int64] | None) -> None:
    if lengths is None:
        return
    if keys.columns:
        message = f"`lengths` say where sequences end: leave out {', '.join(map(repr, keys.columns))}."
        raise ParameterError(message)
    if len(lengths) and np.min(lengths) < 1:
        message = f"`lengths` must be at least 1, but that of sequence {int(np.argmin(lengths))} is {np.min(lengths)}."
        raise DataError(message)


class _Tee:
    """The pieces of a supply, whose numbers are kept in passing."""

    def __init__(self, supply: Supply, copy: Spool | None) -> None:
        self._supply, self._copy, self.names = supply, copy, supply.names

    def pieces(self) -> Iterator[tuple[Piece, Origin]]:
        pieces = self._supply.pieces()
        return pieces if self._copy is None else self._copy.filled(pieces, has_weights=False)

    @property
    def n_bytes(self) -> int:
        return self._supply.n_bytes

    def plain(self) -> Supply:
        return self._supply.plain()


@dataclass(frozen=True)
class _Look:
    """What one run of rows tells: of each stretch of rows with the same key its size, name and weight."""

    n_rows: int
    n_features: int
    dtype: Any
    has_missing: bool
    observed: NDArray[np.bool_]
    sizes: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()
    weights: NDArray[np.float64] | None = None
    first_time: Any = None
    last_time: Any = None
    label: str = ""

    def bare(self) -> _Look:
        """Return what does not grow with the number of rows."""
        return _Look(self.n_rows, self.n_features, self.dtype, self.has_missing, self.observed)


def _look(raw: Raw, keys: Keys, names: tuple[str, ...] | None) -> _Look:
    X, weights = numbers_of(raw)
    origin = raw.parts[0][1]
    with told(origin):
        has_missing = any(find_missing(X, names))
        if weights is not None:
            check_weight_column(weights)
    used = X if weights is None else X[weights > 0]
    observed = ~np.isnan(used).all(axis=0) if len(used) else np.zeros(X.shape[1], dtype=bool)
    bare = _Look(len(X), X.shape[1], X.dtype, has_missing, observed)
    if keys.sequence is None:
        return bare
    starts, called, times = _stretches(raw, keys)
    with told(origin):
        if times is not None:
            _check_rising(times, starts, called)
        own = None if weights is None else _constant_weights(weights, starts, called)
    sizes = np.diff(np.append(starts, len(X)))
    first, last = (None, None) if times is None else (times[0], times[-1])
    stretches = {"sizes": sizes, "names": called, "weights": own, "first_time": first, "last_time": last}
    return replace(bare, **stretches, label=origin.label)  # type: ignore[arg-type]


def _stretches(raw: Raw, keys: Keys) -> tuple[NDArray[np.int64], tuple[str, ...], NDArray[Any] | None]:
    """Return where stretches of rows with the same key begin, their names, and the times of the rows."""
    starts: list[int] = []
    called: list[str] = []
    times = []
    row = 0
    for piece, origin in raw.parts:
        values, stamps = keys.of(piece)
        assert values is not None, "there is a column of sequences"
        with told(origin):
            begins = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
            own = [name_of(value, int(at)) for value, at in zip(values[begins].tolist(), begins, strict=True)]
            if stamps is not None:
                times.append(as_times(stamps))
        joins = bool(called) and called[-1] == own[0]  # a stretch goes on from one piece to the next
        starts += (begins[joins:] + row).tolist()
        called += own[joins:]
        row += piece.n_rows
    return np.array(starts, dtype=np.int64), tuple(called), _put_together(tuple(times)) if times else None


def _check_rising(times: NDArray[Any], starts: NDArray[np.int64], called: tuple[str, ...]) -> None:
    falls = ~(times[1:] > times[:-1])
    falls[starts[1:] - 1] = False
    if falls.any():
        row = int(np.argmax(falls)) + 1
        name = called[int(np.searchsorted(starts, row, side="right")) - 1]
        _refuse_order(name, times[row], times[row - 1], f"row {row}")


def _refuse_order(name: str, later: Any, before: Any, where: str) -> None:
    if later == before:
        message = f"sequence {name!r} has two rows at time {later} ({where}): keep one of them."
    else:
        message = f"in sequence {name!r}, time {later} comes after {before} ({where}). {_SORT}"
    raise DataError(message)


def _constant_weights(
    weights: NDArray[np.float64], starts: NDArray[np.int64], called: tuple[str, ...]
) -> NDArray[np.float64]:
    low, high = np.minimum.reduceat(weights, starts), np.maximum.reduceat(weights, starts)
    if (low != high).any():
        s = int(np.argmax(low != high))
        _refuse_weight(called[s], low[s], high[s])
    return np.asarray(low)


def _refuse_weight(name: str, one: float, other: float) -> None:
    message = (
        f"the column of weights must be constant within a sequence, but in sequence {name!r} it is {one} and {other}: "
        "a hidden Markov model weighs whole sequences."
    )
    raise DataError(message)


class _Runs:
    """Sequences put together from the stretches of one look after another."""

    def __init__(self) -> None:
        self._sizes: list[NDArray[np.int64]] = []
        self._weights: list[NDArray[np.float64]] = []
        self._marks: list[NDArray[np.int64]] = []
        self._last: tuple[str, Any, Any] | None = None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each sequence."""
        return np.concatenate(self._sizes) if self._sizes else np.empty(0, dtype=np.int64)

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """Weight of each sequence, where a column holds it."""
        return np.concatenate(self._weights) if self._weights else None

    def add(self, look: _Look) -> None:
        """Take the stretches of the next rows."""
        if look.sizes is None:
            return
        joins = self._last is not None and self._last[0] == look.names[0]
        if joins:
            self._check_join(look)
            self._sizes[-1][-1] += look.sizes[0]
        if len(look.sizes) > joins:
            self._sizes.append(look.sizes[joins:].copy())
            self._marks.append(np.array([hash(name) for name in look.names[joins:]], dtype=np.int64))
            if look.weights is not None:
                self._weights.append(look.weights[joins:])
        weight = None if look.weights is None else look.weights[-1]
        self._last = look.names[-1], look.last_time, weight

    def _check_join(self, look: _Look) -> None:
        assert self._last is not None
        name, time, weight = self._last
        if time is not None and not look.first_time > time:
            _refuse_order(name, look.first_time, time, look.label)
        if look.weights is not None and weight != look.weights[0]:
            _refuse_weight(name, weight, look.weights[0])

    def refuse_scattered(self, supply: Supply, keys: Keys) -> None:
        """Raise if a sequence comes back after others: only marks are held, so that names alike are told apart."""
        marks = np.concatenate(self._marks) if self._marks else np.empty(0, dtype=np.int64)
        values, counts = np.unique(marks, return_counts=True)
        suspects = frozenset(values[counts > 1].tolist())
        if not suspects:
            return
        seen: dict[int, set[str]] = defaultdict(set)
        for name, origin in _named(supply, keys):
            if hash(name) not in suspects:
                continue
            if name in seen[hash(name)]:
                message = (
                    f"the rows of sequence {name!r} do not stand together: {origin.label}, row {origin.row}, comes "
                    f"back to it. {_SORT}"
                )
                raise DataError(message)
            seen[hash(name)].add(name)


def _named(supply: Supply, keys: Keys) -> Iterator[tuple[str, Origin]]:
    """Yield the name of each sequence, and where it begins."""
    last = None
    for raw in cut_up(supply, repeat(BLOCK_ROWS)):
        starts, called, _ = _stretches(raw, keys)
        for start, name in zip(starts.tolist(), called, strict=True):
            if name != last:
                last = name
                yield name, Origin(raw.parts[0][1].label, raw.parts[0][1].row + start)


def _caller(supply: Supply, keys: Keys) -> Any:
    """Return the function from the number of a sequence to what a message calls it."""
    if keys.sequence is None:
        return lambda sequence: f"sequence {sequence}"

    def called(sequence: int) -> str:
        for i, (name, _) in enumerate(_named(supply, keys)):
            if i == sequence:
                return f"sequence {name!r}"
        return f"sequence {sequence}"

    return called


def _facts(
    looks: list[_Look], lengths: NDArray[np.int64], weights: NDArray[np.float64] | None, names: tuple[str, ...] | None
) -> SequenceFacts:
    widths = {look.n_features for look in looks}
    if len(widths) > 1:
        message = f"The columns differ: some rows have {min(widths)} and some {max(widths)}."
        raise DataError(message)
    if weights is not None and not weights.any():
        message = "The column of weights is zero in all rows: no row is left to learn from."
        raise DataError(message)
    return SequenceFacts(
        lengths=lengths,
        weights=None if weights is None or (weights == 1.0).all() else weights,
        names=names,
        n_features=widths.pop(),
        dtype=np.result_type(*{look.dtype for look in looks}),
        has_missing=any(look.has_missing for look in looks),
        observed=np.any([look.observed for look in looks], axis=0),
    )
