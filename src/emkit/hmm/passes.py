"""Passes over a block of sequences: forward and backward, in chunks where a sequence is long.

A sequence of more than a block of rows is walked twice: forward, keeping the filtered probabilities at the ends of its
chunks, and backward, each chunk smoothed from both its ends. Log-densities of the emissions are kept between the two
where they fit, and worked out again where they do not, so that memory beyond them is that of one chunk. With few states
the chunks do not wait for each other: each is a span, whose transfer says how it will pass on what enters it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data import BLOCK_ROWS, SequenceBlock
from emkit.data.threads import consume_in_order
from emkit.kernels import hmm as kernel
from emkit.kernels.foreign import is_foreign

__all__ = ["Expected", "Unexplained", "expected", "filtered", "loglik_of", "smoothed"]

_KEPT = (
    1 << 23
)  # log-densities of a long sequence kept between the passes: more cost more to store than to work out again
_CHUNK_NUMBERS = 1 << 16  # log-densities in a chunk: its arrays stay in the second cache

Emissions = Callable[[slice], FloatArray]


@dataclass(frozen=True)
class Unexplained:
    """A row of a block that no path explains, given the rows before it; -1 for none."""

    sequence: int = -1
    step: int = -1

    @property
    def is_real(self) -> bool:
        """Return whether there is such a row."""
        return self.sequence >= 0


@dataclass(frozen=True)
class Expected:
    """What the E-step gives: unweighted log-likelihood (s,) of each sequence and weighted expected counts.

    `parts` are what was collected from the posteriors, by slices of the rows in their order.
    """

    loglik: FloatArray
    first: FloatArray
    moves: FloatArray
    unexplained: Unexplained
    parts: tuple[Any, ...]


Collect = Callable[[slice, FloatArray], Any]


def expected(block: Any, emissions: Emissions, init: FloatArray, trans: FloatArray, collect: Collect) -> Expected:
    """Return the expected counts of a block; `collect` is handed the posterior (b, k) of the rows of each slice."""
    lengths, weights = lengths_of(block), weights_of(block)
    if not _is_long(block):
        done = kernel.smooth(emissions(slice(0, block.n_rows)), lengths, weights, init, trans)
        part = collect(slice(0, block.n_rows), done.resp)
        return Expected(done.loglik, done.first, done.moves, Unexplained(done.bad_sequence, done.bad_step), (part,))
    spans = _expected_by_spans(block, emissions, init, trans, collect) if kernel.can_spread(trans) else None
    return _expected_by_chunks(block, emissions, init, trans, collect) if spans is None else spans


def _expected_by_spans(
    block: Any, emissions: Emissions, init: FloatArray, trans: FloatArray, collect: Collect
) -> Expected | None:
    """Return the expected counts of a long sequence in any order of its spans; None where a row is not plain."""
    k, (which, weight) = len(init), _long_one(block)
    pieces = list(_pieces(block.n_rows, k))
    is_kept = block.n_rows * k <= _KEPT
    spans: list[kernel.Span] = []

    def spread(piece: slice) -> kernel.Span:
        return kernel.spread(emissions(piece), init if piece.start == 0 else None, trans)

    def smooth(i: int) -> tuple[kernel.SmoothedSpan, Any]:
        span = spans[i] if is_kept else spread(pieces[i])
        done = kernel.smooth_span(span, weight, init if i == 0 else None, trans, entries[i], leaves[i])
        return done, collect(pieces[i], done.resp)

    def add(result: tuple[kernel.SmoothedSpan, Any]) -> None:
        done, part = result
        sums[0] += done.loglik[0]
        np.add(sums[1], done.first, out=sums[1])
        np.add(sums[2], done.moves, out=sums[2])
        parts.append(part)

    n_threads = threads_of(block)
    consume_in_order(spread, pieces, lambda span: spans.append(span if is_kept else span.forgotten()), n_threads)
    if not all(span.is_found for span in spans):
        return None
    entries, leaves = _links(spans, k)
    sums: list[Any] = [0.0, np.zeros(k), np.zeros((k, k))]
    parts: list[Any] = []
    consume_in_order(smooth, range(len(pieces)), add, n_threads)
    each = np.zeros(len(lengths_of(block)))
    each[which] = sums[0]
    return Expected(each, sums[1], sums[2], Unexplained(), tuple(parts))


def _links(spans: list[kernel.Span], k: int) -> tuple[list[FloatArray | None], list[FloatArray | None]]:
    """Return what enters each span and what leaves it, None at the ends of the sequence."""
    entries: list[FloatArray | None] = [None]
    for span in spans[:-1]:
        after = span.whole[0] if entries[-1] is None else entries[-1] @ span.whole
        entries.append(after / after.sum())
    leaves: list[FloatArray | None] = [None]
    for span in spans[:0:-1]:
        before = span.whole.sum(axis=1) if leaves[-1] is None else span.whole @ leaves[-1]
        leaves.append(before / before.sum())
    return entries, leaves[::-1]


def _expected_by_chunks(
    block: Any, emissions: Emissions, init: FloatArray, trans: FloatArray, collect: Collect
) -> Expected:
    k, (which, weight) = len(init), _long_one(block)
    pieces = list(_pieces(block.n_rows, k))
    kept: list[FloatArray] | None = [] if block.n_rows * k <= _KEPT else None
    entries: list[FloatArray | None] = [None]
    for piece in pieces:
        log_emit = emissions(piece)
        if kept is not None:
            kept.append(log_emit)
        entries.append(kernel.filter_states(log_emit, _one(piece), init, trans, entries[-1], keep=False).last)
    loglik, first, moves, leave, bad = 0.0, np.zeros(k), np.zeros((k, k)), None, Unexplained()
    parts = []
    for i in reversed(range(len(pieces))):
        piece = pieces[i]
        log_emit = emissions(piece) if kept is None else kept.pop()
        done = kernel.smooth(log_emit, _one(piece), np.array([weight]), init, trans, entries[i], leave)
        loglik, first, moves, leave = loglik + done.loglik[0], first + done.first, moves + done.moves, done.carry
        if done.bad_sequence >= 0:
            bad = Unexplained(which, piece.start + done.bad_step)
        parts.append(collect(piece, done.resp))
    each = np.zeros(len(lengths_of(block)))
    each[which] = -np.inf if bad.is_real else loglik
    return Expected(each, first, moves, bad, tuple(reversed(parts)))


def _long_one(block: Any) -> tuple[int, float]:
    """Return which sequence of a block has all its rows, and its weight."""
    which, weights = int(np.argmax(lengths_of(block))), weights_of(block)
    return which, 1.0 if weights is None else float(weights[which])


def smoothed(block: Any, emissions: Emissions, init: FloatArray, trans: FloatArray) -> tuple[FloatArray, Unexplained]:
    """Return the posterior (b, k) of the states given all rows of their sequence, case weights apart."""
    if is_foreign(block.X):
        done = kernel.smooth(emissions(slice(0, block.n_rows)), lengths_of(block), None, init, trans)
        return done.resp, Unexplained(done.bad_sequence, done.bad_step)
    resp = np.empty((block.n_rows, len(init)))

    def collect(rows: slice, part: FloatArray) -> None:
        resp[rows] = part  # rows of its own, whatever the thread

    found = expected(_Plain(block), emissions, init, trans, collect)
    return resp, found.unexplained


def filtered(block: Any, emissions: Emissions, init: FloatArray, trans: FloatArray) -> tuple[FloatArray, Unexplained]:
    """Return the probabilities (b, k) of the states given the rows up to each."""
    if is_foreign(block.X):
        done = kernel.filter_states(emissions(slice(0, block.n_rows)), lengths_of(block), init, trans)
        return done.filtered, Unexplained(done.bad_sequence, done.bad_step)
    resp = np.empty((block.n_rows, len(init)))
    _, bad = _forward(block, emissions, init, trans, resp)
    return resp, bad


def loglik_of(block: Any, emissions: Emissions, init: FloatArray, trans: FloatArray) -> tuple[FloatArray, Unexplained]:
    """Return the log-likelihood (s,) of each sequence, by one pass forward."""
    return _forward(block, emissions, init, trans, None)


def _forward(
    block: Any, emissions: Emissions, init: FloatArray, trans: FloatArray, out: FloatArray | None
) -> tuple[FloatArray, Unexplained]:
    lengths, keep = lengths_of(block), out is not None
    if not _is_long(block):
        done = kernel.filter_states(emissions(slice(0, block.n_rows)), lengths, init, trans, keep=keep)
        if out is not None:
            out[:] = done.filtered
        return done.loglik, Unexplained(done.bad_sequence, done.bad_step)
    which, entry, total = int(np.argmax(lengths)), None, 0.0
    each = np.zeros(len(lengths))
    for piece in _pieces(block.n_rows, len(init)):
        done = kernel.filter_states(emissions(piece), _one(piece), init, trans, entry, keep=keep)
        if out is not None:
            out[piece] = done.filtered
        entry, total = done.last, total + done.loglik[0]
        if done.bad_sequence >= 0:
            each[which] = -np.inf
            return each, Unexplained(which, piece.start + done.bad_step)
    each[which] = total
    return each, Unexplained()


class _Plain:
    """A block without its weights."""

    def __init__(self, block: Any) -> None:
        self.X, self.n_rows, self.lengths, self.is_weighted = block.X, block.n_rows, lengths_of(block), False
        self.n_threads = threads_of(block)


def lengths_of(block: Any) -> IntArray:
    """Return the lengths (s,) of the sequences of a block; plain rows are one sequence."""
    return np.asarray(block.lengths if isinstance(block, (SequenceBlock, _Plain)) else [block.n_rows], dtype=np.int64)


def weights_of(block: Any) -> FloatArray | None:
    """Return the weights (s,) of the sequences, or None where each counts once; one sequence of plain rows has one."""
    if not block.is_weighted:
        return None
    return np.asarray(block.sequence_weights if isinstance(block, SequenceBlock) else block.weights[:1])


def threads_of(block: Any) -> int:
    """Return how many threads may share the work on one block; they change no result."""
    return block.n_threads if isinstance(block, (SequenceBlock, _Plain)) else 1


def _is_long(block: Any) -> bool:
    """Return whether a block is one sequence too long to be worked on at once; on a device none is."""
    return not is_foreign(block.X) and bool(block.n_rows > BLOCK_ROWS and int(lengths_of(block).max()) == block.n_rows)


def _pieces(n_rows: int, k: int) -> Iterator[slice]:
    size = max(512, min(BLOCK_ROWS, _CHUNK_NUMBERS // k))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def _one(piece: slice) -> Array:
    return np.array([piece.stop - piece.start], dtype=np.int64)
