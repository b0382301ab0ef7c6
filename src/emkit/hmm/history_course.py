"""Passes over rows whose density depends on the states of p + 1 rows: the chain is one of histories of states.

A history c = (s_t, ..., s_{t-p}) moves to (new, s_t, ..., s_{t-p+1}) by the chain's move from s_t to new, so that only
k of the moves from each are possible. The first p rows of a sequence are conditioned on; its first history is drawn
by the chain's beginning and p moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.data import SequenceBlock
from emkit.hmm import passes
from emkit.hmm.course import Course
from emkit.hmm.guided_chain import GuidedChain, GuidedChainParameters, GuidedChainStatistics
from emkit.hmm.histories import chain_counts, unrolled_chain
from emkit.hmm.lags import lag_columns
from emkit.kernels import hmm as kernel

__all__ = ["GuidedHistories", "HistoryRows", "PlainHistories", "history_rows"]

CollectRows = Callable[[slice, FloatArray], Any]


@dataclass(frozen=True)
class HistoryRows:
    """Rows w = (y_t, ..., y_{t-p}) of a block, the first p of each sequence left out, and what drives the moves.

    Parameters
    ----------
    own : SequenceBlock
        Of the rows w.
    driving : array (n, q) or None
        Covariates of the move into each row.
    early : array (s, p, q) or None
        Covariates of the moves into the rows 2 to p + 1 of each sequence that has rows left.
    """

    own: SequenceBlock
    driving: FloatArray | None = None
    early: FloatArray | None = None


def history_rows(block: Any, order: int, chain: Any) -> HistoryRows:
    """Return the rows of a block whose first column is the series."""
    lengths = passes.lengths_of(block)
    y = np.asarray(block.X[:, 0], dtype=np.float64)
    w = np.column_stack([y, lag_columns(y, lengths, order)])
    starts = np.cumsum(lengths) - lengths
    kept = np.arange(len(y)) - np.repeat(starts, lengths) >= order
    weights = passes.weights_of(block)
    each = np.ones(len(lengths)) if weights is None else weights
    rest = np.maximum(lengths - order, 0)
    X = np.ascontiguousarray(w[kept])
    own = SequenceBlock(X, np.repeat(each, rest), 0, block.is_weighted, bool(np.isnan(X).any()), rest, each, 0)
    if not isinstance(chain, GuidedChain):
        return HistoryRows(own)
    driving = chain.driving(block.X, slice(0, len(y)))
    early = driving[starts[rest > 0][:, None] + np.arange(1, order + 1)]
    return HistoryRows(own, driving[kept], early)


@dataclass(frozen=True)
class PlainHistories:
    """Passes where all moves are alike; shapes are those of histories (c,)."""

    past: IntArray
    own: SequenceBlock
    emissions: passes.Emissions
    chain: Any

    def loglik(self) -> tuple[FloatArray, passes.Unexplained]:
        """Return the log-likelihood (s,) of each sequence, and the first row that no path explains."""
        return passes.loglik_of(self.own, self.emissions, *self._unrolled)

    def filtered(self) -> FloatArray:
        """Return the probabilities (n, c) of the histories given the rows up to each."""
        return passes.filtered(self.own, self.emissions, *self._unrolled)[0]

    def smoothed(self) -> FloatArray:
        """Return the probabilities (n, c) of the histories given all rows."""
        return passes.smoothed(self.own, self.emissions, *self._unrolled)[0]

    def predicted(self) -> FloatArray:
        """Return the probabilities (n, c) of the histories given the rows before each."""
        first, moves = self._unrolled
        lengths, filtered = self.own.lengths, self.filtered()
        prob = np.empty_like(filtered)
        prob[1:] = filtered[:-1] @ moves
        prob[(np.cumsum(lengths) - lengths)[lengths > 0]] = first
        return prob

    def best(self) -> tuple[IntArray, FloatArray]:
        """Return the most probable histories (n,), and their log joint probability (s,) for each sequence."""
        emissions = self.emissions(slice(0, self.own.n_rows))
        codes, log_joint = kernel.viterbi(emissions, self.own.lengths, *self._unrolled)
        return np.asarray(codes, dtype=np.intp), log_joint

    def drawn(self, rng: np.random.Generator, n_paths: int) -> IntArray:
        """Return histories (n_paths, n) drawn from the posterior."""
        filtered, (_, moves) = self.filtered(), self._unrolled
        lengths, n = self.own.lengths, self.own.n_rows
        drawn = [kernel.draw_paths(filtered, lengths, moves, rng.random(n)) for _ in range(n_paths)]
        return np.array(drawn, dtype=np.intp)

    def expected(self, collect: CollectRows) -> tuple[FloatArray, FloatArray, FloatArray, Any]:
        """Return log-likelihoods (s,), counts of oldest states (k,) and of moves (k, k), and what was collected."""
        done = passes.expected(self.own, self.emissions, *self._unrolled, collect)
        first, moves = chain_counts(self.past, len(self.chain.trans), done.first, done.moves)
        return done.loglik, first, moves, done.parts

    @cached_property
    def _unrolled(self) -> tuple[FloatArray, FloatArray]:
        return unrolled_chain(self.past, self.chain.init, self.chain.trans)


class GuidedHistories:
    """Passes where covariates drive the moves: `Course` does them, but for what is expected of the chain."""

    def __init__(
        self,
        past: IntArray,
        rows: HistoryRows,
        emissions: passes.Emissions,
        chain: GuidedChain,
        parameters: GuidedChainParameters,
    ) -> None:
        self._past, self._rows, self._guide, self._at = past, rows, chain, parameters
        lengths = rows.own.lengths
        self._starts = (np.cumsum(lengths) - lengths)[lengths > 0]
        course = Course(lengths, passes.weights_of(rows.own), len(past), emissions, self._log_into)
        self._course = course
        self.loglik, self.filtered, self.smoothed = course.loglik, course.filtered, course.smoothed
        self.predicted, self.best, self.drawn = course.predicted, course.best, course.drawn

    def expected(self, collect: CollectRows) -> tuple[FloatArray, FloatArray, Any, Any]:
        """Return log-likelihoods (s,), counts of oldest states (k,), sums for the logits, and what was collected."""
        parts, collected = [], []

        def each(rows: slice, resp: FloatArray, moves: FloatArray, log_into: FloatArray) -> None:
            collected.append(collect(rows, resp))
            parts.append(self._sums(rows, resp, moves))

        loglik, _ = self._course.expected(each)
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return loglik, total.first, total.logits, collected

    def _sums(self, rows: slice, resp: FloatArray, moves: FloatArray) -> GuidedChainStatistics:
        past, k = self._past, self._guide.n_states
        low, high = np.searchsorted(self._starts, [rows.start, rows.stop])
        own, order = self._starts[low:high] - rows.start, past.shape[1] - 1
        by_state = np.zeros((len(resp), k, k))
        for new in range(k):
            through = moves[:, np.arange(len(past)), _moved(len(past), k, new)]
            by_state[:, :, new] = through @ np.eye(k)[past[:, 0]]
        by_state[own] = 0.0
        driving, early = [self._driving[rows]], self._early[low:high]
        counted = [by_state]
        for j in range(order):  # the move from the state at place j + 1 to that at place j of the first history
            pairs = np.zeros((len(past), k, k))
            pairs[np.arange(len(past)), past[:, j + 1], past[:, j]] = 1.0
            counted.append(np.tensordot(resp[own], pairs, axes=1))
            driving.append(early[:, order - 1 - j])
        logits = self._guide.logit_sums_at(self._at, np.concatenate(driving), np.concatenate(counted))
        return GuidedChainStatistics(resp[own].sum(axis=0) @ np.eye(k)[past[:, -1]], (), logits)

    def _log_into(self, rows: slice) -> FloatArray:
        past, k = self._past, self._guide.n_states
        log_moves = self._guide.log_moves_at(self._at, self._driving[rows])
        c = len(past)
        into = np.full((len(log_moves), c, c), -np.inf)
        for new in range(k):
            into[:, np.arange(c), _moved(c, k, new)] = log_moves[:, past[:, 0], new]
        low, high = np.searchsorted(self._starts, [rows.start, rows.stop])
        into[self._starts[low:high] - rows.start] = self._log_first[low:high, None, :]
        return into

    @cached_property
    def _log_first(self) -> FloatArray:
        """Log probabilities (s, c) of the first histories."""
        past, order = self._past, self._past.shape[1] - 1
        with np.errstate(divide="ignore"):
            first = np.tile(np.log(self._at.init)[past[:, -1]], (len(self._early), 1))
        for j in range(order):
            log_moves = self._guide.log_moves_at(self._at, self._early[:, order - 1 - j])
            first = first + log_moves[:, past[:, j + 1], past[:, j]]
        return first

    @property
    def _driving(self) -> FloatArray:
        return np.asarray(self._rows.driving)

    @property
    def _early(self) -> FloatArray:
        return np.asarray(self._rows.early)


def _moved(c: int, k: int, new: int) -> IntArray:
    """Return the number (c,) of the history that each becomes when a new state joins it."""
    return np.asarray(new * (c // k) + np.arange(c) // k)
