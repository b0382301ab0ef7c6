"""Passes over a block of sequences whose chain has moves of its own into every row, a tile of rows at a time.

No array of rows by pairs of states is made but that of a tile. A row that begins a sequence has the same moves from
every state, its first probabilities, so that a block is one run of rows, whatever its sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.hmm.passes import Emissions, Unexplained
from emkit.kernels import guided as kernel

__all__ = ["Collect", "Course"]

_TILE_NUMBERS = 1 << 16  # log moves of a tile: its arrays stay in the second cache
_KEPT = 1 << 18  # log moves of a block up to which what the way forward needed is kept for the way back

Collect = Callable[[slice, FloatArray, FloatArray, FloatArray], None]


@dataclass(frozen=True)
class Course:
    """The rows of a block: their log-densities, and the log moves (b, k, k) into the rows of a slice.

    Parameters
    ----------
    lengths : array (s,)
        Rows of each sequence.
    weights : array (s,) or None
        Case weights.
    n_states : int
    emissions, log_into : callable
        From a slice of the rows to log-densities (b, k), and to log moves (b, k, k).
    """

    lengths: IntArray
    weights: FloatArray | None
    n_states: int
    emissions: Emissions
    log_into: Callable[[slice], FloatArray]

    # --- passes ---

    def loglik(self) -> tuple[FloatArray, Unexplained]:
        """Return the log-likelihood (s,) of each sequence, and the first row that no path explains."""
        return self._summed(np.concatenate([gain for _, _, gain in self._forward()] or [np.empty(0)]))

    def filtered(self) -> FloatArray:
        """Return the probabilities (n, k) of the states given the rows up to each; zero in impossible sequences."""
        parts = list(self._forward())
        gain = np.concatenate([part[2] for part in parts] or [np.empty(0)])
        prob = np.exp(np.concatenate([part[1] for part in parts] or [np.empty((0, self.n_states))]))
        prob[self._is_lost(gain)] = 0.0
        return np.asarray(prob)

    def predicted(self) -> FloatArray:
        """Return the probabilities (n, k) of the states given the rows before each."""
        prob, before = np.empty((self.n_rows, self.n_states)), np.exp(self._even)
        for rows, log_alpha, _ in self._forward():
            alpha = np.exp(log_alpha)
            entries = np.concatenate([before[None], alpha[:-1]])
            prob[rows] = np.einsum("ti,tij->tj", entries, np.exp(self.log_into(rows)))
            before = alpha[-1]
        return prob

    def smoothed(self) -> FloatArray:
        """Return the probabilities (n, k) of the states given all rows; zero in impossible sequences."""
        prob = np.empty((self.n_rows, self.n_states))

        def collect(rows: slice, resp: FloatArray, moves: FloatArray, log_into: FloatArray) -> None:
            prob[rows] = resp

        self._walked(collect, np.ones(self.n_rows))
        return prob

    def expected(self, collect: Collect) -> tuple[FloatArray, Unexplained]:
        """Return the log-likelihoods (s,); hand the tiles, weighted, to `collect`.

        It is given rows, posterior (b, k), posterior moves (b, k, k) into each row, those from a sequence's end to the
        next one's beginning included, and the log moves.
        """
        weights = np.ones(len(self.lengths)) if self.weights is None else self.weights
        return self._walked(collect, np.repeat(weights, self.lengths))

    def best(self) -> tuple[IntArray, FloatArray]:
        """Return the most probable path (n,), and its log joint probability (s,) for each sequence."""
        score, backs, shift = np.zeros((self.n_states, 1)), [], np.empty(self.n_rows)
        for rows in self._tiles:
            back, score, shift[rows] = kernel.best_guided(self.emissions(rows), self.log_into(rows), score)
            backs.append(back)
        states, place = np.empty(self.n_rows, dtype=np.intp), np.array([int(score[:, 0].argmax())])
        for rows, back in zip(reversed(self._tiles), reversed(backs), strict=True):
            path, place = kernel.trace_back(back, place)
            states[rows] = path[0]
        return states, np.asarray(np.bincount(self._label, shift, minlength=len(self.lengths)), dtype=np.float64)

    def drawn(self, rng: np.random.Generator, n_paths: int) -> IntArray:
        """Return paths (n_paths, n) from the posterior."""
        forward = list(self._forward())
        paths = np.empty((n_paths, self.n_rows), dtype=np.intp)
        for path in paths:
            leave = np.zeros(self.n_states)
            for rows, log_alpha, _ in reversed(forward):
                log_into = self.log_into(rows)
                path[rows] = kernel.draw_guided(log_into, log_alpha, leave, rng.random(len(log_alpha)))
                leave = np.ascontiguousarray(log_into[0][:, path[rows.start]])
        return paths

    # --- parts ---

    @property
    def n_rows(self) -> int:
        """Rows of all sequences."""
        return int(self.lengths.sum())

    @cached_property
    def _even(self) -> FloatArray:
        return np.full(self.n_states, -np.log(self.n_states))

    @cached_property
    def _label(self) -> IntArray:
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def _tiles(self) -> list[slice]:
        size = max(256, _TILE_NUMBERS // self.n_states**2)
        return [slice(i, min(i + size, self.n_rows)) for i in range(0, self.n_rows, size)]

    def _forward(self) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
        """Yield log probabilities (b, k) and log-densities (b,) of each tile."""
        entry = self._even
        for rows in self._tiles:
            log_alpha, gain = kernel.forward_guided(self.emissions(rows), self.log_into(rows), entry)
            entry = np.ascontiguousarray(log_alpha[-1])
            yield rows, log_alpha, gain

    def _walked(self, collect: Collect, each: FloatArray) -> tuple[FloatArray, Unexplained]:
        """Go forward and back; rows of impossible sequences, and of weight zero in `each`, are handed over empty."""
        entries, kept, gains = [self._even], [], []
        keeps = self.n_rows * self.n_states**2 <= _KEPT
        for rows in self._tiles:
            given = self.emissions(rows), self.log_into(rows)
            log_alpha, gain = kernel.forward_guided(*given, entries[-1])
            entries.append(np.ascontiguousarray(log_alpha[-1]))
            gains.append(gain)
            if keeps:
                kept.append((*given, log_alpha))
        gain = np.concatenate(gains or [np.empty(0)])
        weights = np.where(self._is_lost(gain), 0.0, each)
        leave = np.zeros(self.n_states)
        for i in reversed(range(len(self._tiles))):
            rows = self._tiles[i]
            if keeps:
                log_emit, log_into, log_alpha = kept.pop()
            else:
                log_emit, log_into = self.emissions(rows), self.log_into(rows)
                log_alpha = kernel.forward_guided(log_emit, log_into, entries[i])[0]
            resp, moves, leave = kernel.smooth_guided(log_emit, log_into, entries[i], log_alpha, gains[i], leave)
            own = weights[rows]
            collect(rows, resp * own[:, None], moves * own[:, None, None], log_into)
        return self._summed(gain)

    def _is_lost(self, gain: FloatArray) -> FloatArray:
        """Return which rows (n,) belong to sequences that no path explains."""
        lost = np.zeros(len(self.lengths), dtype=bool)
        lost[self._label[gain == -np.inf]] = True
        return np.asarray(lost[self._label])

    def _summed(self, gain: FloatArray) -> tuple[FloatArray, Unexplained]:
        each = np.asarray(np.bincount(self._label, gain, minlength=len(self.lengths)), dtype=np.float64)
        lost = np.flatnonzero(gain == -np.inf)
        if not len(lost):
            return each, Unexplained()
        sequence = int(self._label[lost[0]])
        return each, Unexplained(sequence, int(lost[0] - self.lengths[:sequence].sum()))
