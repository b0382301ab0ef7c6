"""Starts for hidden Markov models: kinds in turn, as their likelihoods have many local optima.

- *clusters* of the rows, as for a mixture, with the transitions that the labels make;
- clusters of *windows*: mean and spread of a moving window, for states that differ in spread or drift;
- *segments*: each sequence is cut into stretches, which get states at random;
- *sticky* chains on any of these: the labels say where the states are, not how long they last.

Where the transitions are restricted, segments follow the order of the states instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.families.gaussian_starts import StartingRows

__all__ = ["SequenceStarts"]

_WINDOWS = (3, 5, 10, 20, 40)
_PSEUDO = 1.0  # transitions added to those that labels make: none is ruled out by a start


@dataclass(frozen=True)
class SequenceStarts:
    """What starts are drawn from: a sample of whole sequences.

    Parameters
    ----------
    block : SequenceBlock
    rows : Starts
        The family's view of the rows.
    n_states : int
    is_ordered : bool
        Whether transitions are restricted, so that the numbering of the states matters.
    """

    block: Any
    rows: Any
    n_states: int
    is_ordered: bool = False

    def draw(self, rng: np.random.Generator, index: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return responsibilities (n, k), case weights included, first probabilities (k,) and transitions (k, k)."""
        resp = self._responsibilities(rng, index)
        init, trans = self._chain(resp)
        if (index % 3 == 2 or index % 4 == 3) and self.n_states > 1:
            stay = rng.uniform(0.5, 0.98)
            trans = (1 - stay) * trans + stay * np.eye(self.n_states)
        return resp, init, trans

    def _responsibilities(self, rng: np.random.Generator, index: int) -> FloatArray:
        if self.n_states == 1:
            return np.asarray(self.block.weights, dtype=np.float64)[:, None].copy()
        kind = index % 4
        if self.is_ordered:
            return self._hard(self._stretches(rng, in_order=True, jitter=0.0 if index == 0 else 1.0))
        if kind == 1 and len(self.block.X) >= _WINDOWS[0] * self.n_states:
            return self._windowed(rng, index // 4)
        if kind == 3:
            return self._hard(self._stretches(rng, in_order=False, jitter=1.0))
        return np.asarray(self.rows.responsibilities(self.n_states, rng, index // 2))

    def _hard(self, labels: IntArray) -> FloatArray:
        resp = np.zeros((len(labels), self.n_states))
        resp[np.arange(len(labels)), labels] = self.block.weights
        return resp

    # --- windows ---

    @cached_property
    def _scaled(self) -> FloatArray:
        return StartingRows(self.block.X, self.block.weights).scaled

    def _windowed(self, rng: np.random.Generator, index: int) -> FloatArray:
        longest = int(self.block.lengths.max())
        widths = [w for w in _WINDOWS if w <= max(longest // 2, _WINDOWS[0])]
        width = widths[index % len(widths)]
        mean = _moving(self._scaled, width, self.block.lengths)
        square = _moving(self._scaled**2, width, self.block.lengths)
        spread = np.log(np.maximum(square - mean**2, 0.0) + 1e-2)
        points = np.column_stack([mean, spread])
        return StartingRows(points, self.block.weights).responsibilities(self.n_states, rng, index % 2)

    # --- segments ---

    def _stretches(self, rng: np.random.Generator, *, in_order: bool, jitter: float) -> IntArray:
        """Cut every sequence into stretches: one per state in order, or one to eight per state at random."""
        labels = np.empty(int(self.block.lengths.sum()), dtype=np.intp)
        k, first = self.n_states, 0
        for n in self.block.lengths.tolist():
            pieces = min(k if in_order else round(k * 8 ** rng.random()), max(n, 1))
            size = np.ones(pieces) if jitter == 0 else rng.dirichlet(np.full(pieces, 3.0))
            ends = np.ceil(np.cumsum(size) / size.sum() * n - 1e-9)
            piece = np.searchsorted(ends, np.arange(n), side="right")
            own = np.arange(pieces) * k // pieces if in_order else _shuffled(pieces, k, rng)
            labels[first : first + n] = own[np.minimum(piece, pieces - 1)]
            first += n
        return labels

    # --- the chain that responsibilities make ---

    def _chain(self, resp: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return first probabilities and transitions from responsibilities, each with a pseudo-count."""
        lengths = self.block.lengths[self.block.lengths > 0]
        ends = np.cumsum(lengths)
        begins = ends - lengths
        total = resp.sum(axis=1, keepdims=True)
        share = np.divide(resp, total, out=np.zeros_like(resp), where=total > 0)
        is_inner = np.ones(len(resp), dtype=bool)
        is_inner[begins] = False
        inner = np.flatnonzero(is_inner)
        moves = share[inner - 1].T @ resp[inner] + _PSEUDO
        first = resp[begins].sum(axis=0) + _PSEUDO
        return first / first.sum(), moves / moves.sum(axis=1, keepdims=True)


def _shuffled(pieces: int, k: int, rng: np.random.Generator) -> IntArray:
    """Return states of stretches: each state about equally often, in random order."""
    return np.asarray(rng.permutation(np.arange(pieces) % k), dtype=np.intp)


def _moving(x: FloatArray, width: int, lengths: Array) -> FloatArray:
    """Return the mean over a centred window of `width` rows, cut off at the ends of each sequence."""
    n = len(x)
    ends = np.repeat(np.cumsum(lengths), lengths)
    begins = ends - np.repeat(lengths, lengths)
    at = np.arange(n)
    low, high = np.maximum(at - width // 2, begins), np.minimum(at - width // 2 + width, ends)
    sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    return np.asarray((sums[high] - sums[low]) / (high - low)[:, None])
