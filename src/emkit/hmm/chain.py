"""The hidden Markov chain: how it begins, how it moves, and the M-step of both.

z_1 ~ init, z_t | z_{t-1} = i ~ trans_i. The E-step gives expected counts of first states, `first` (k,), and of
transitions, `moves` (k, k); the chain's part of the Q function is sum first log init + sum moves log trans. Exact zeros
of `trans` are structural: the E-step gives them no counts, so they stay.

References
----------
Rabiner 1989, Proc. IEEE 77:257, equations 40a and 40b. Zucchini & MacDonald 2009, *Hidden Markov Models for Time
Series*, section 4.2.5 (a stationary start).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Constant, Simplex
from emkit.hmm.stationary import stationary_distribution, stationary_slope, stationary_step

__all__ = ["Chain", "ChainParameters", "FreeMoves", "FreeStart", "GivenStart", "PartlyFixedMoves", "StationaryStart"]


@dataclass(frozen=True)
class FreeStart(Parameters):
    """Probabilities (k,) of the first state."""

    prob: Array = space(Simplex())


@dataclass(frozen=True)
class GivenStart(Parameters):
    """Probabilities (k,) of the first state, known and not estimated."""

    prob: Array = space(Constant())


@dataclass(frozen=True)
class StationaryStart(Parameters):
    """The first state follows the stationary distribution of the transitions: nothing of its own."""


@dataclass(frozen=True)
class FreeMoves(Parameters):
    """Transition probabilities (k, k); exact zeros are structural."""

    prob: Array = space(Simplex())


@dataclass(frozen=True)
class PartlyFixedMoves(Parameters):
    """Transitions of which some are known, `fixed` (k, k), and how the rest of each row is shared, `free` (k, k)."""

    free: Array = space(Simplex())
    fixed: Array = space(Constant())

    @property
    def left(self) -> FloatArray:
        """What the fixed entries leave of each row (k, 1)."""
        return np.asarray(np.maximum(1 - self.fixed.sum(axis=1, keepdims=True), 0.0))

    @property
    def prob(self) -> FloatArray:
        """Transition probabilities (k, k)."""
        return np.asarray(self.fixed + self.left * self.free)


@dataclass(frozen=True)
class ChainParameters(Parameters):
    """How the chain begins and how it moves."""

    start: Any = None
    moves: Any = None

    @property
    def trans(self) -> FloatArray:
        """Transition probabilities (k, k)."""
        return np.asarray(self.moves.prob)

    @property
    def init(self) -> FloatArray:
        """Probabilities (k,) of the first state."""
        if isinstance(self.start, StationaryStart):
            return stationary_distribution(self.trans)
        return np.asarray(self.start.prob)


@dataclass(frozen=True)
class Chain:
    """What is known of the chain before the fit.

    Parameters
    ----------
    n_states : int
    start : "free", "stationary" or "fixed"
        Whether the first state has probabilities of its own, those of the stationary distribution, or `init`.
    init : array (k,), optional
        With `start="fixed"`.
    allowed : array (k, k) of bool, optional
        Transitions that can happen; all where None.
    fixed : array (k, k), optional
        Known transition probabilities, NaN where they are to be estimated.
    start_prior, trans_prior : float or array, default 1.0
        Concentrations of Dirichlet priors; 1 is none.
    """

    n_states: int
    start: Literal["free", "stationary", "fixed"] = "free"
    init: Any = field(default=None, compare=False)
    allowed: Any = field(default=None, compare=False)
    fixed: Any = field(default=None, compare=False)
    start_prior: Any = field(default=1.0, compare=False)
    trans_prior: Any = field(default=1.0, compare=False)

    @property
    def is_symmetric(self) -> bool:
        """Return whether the states may be numbered in any order."""
        is_even = self.start != "fixed" or np.ptp(self.init) == 0
        priors = np.asarray(self.trans_prior), np.asarray(self.start_prior)
        return is_even and self.allowed is None and self.fixed is None and _is_exchangeable(*priors)

    def parameters(self, init: FloatArray, trans: FloatArray) -> ChainParameters:
        """Return the record nearest to these probabilities: what is known replaces them, what cannot be is zero."""
        start = self._start_record(init)
        free = np.asarray(trans, dtype=np.float64)
        if self.allowed is not None:
            free = np.where(self.allowed, free, 0.0)
        if self.fixed is None:
            return ChainParameters(start, FreeMoves(_rows(free, free)))
        fixed = np.where(np.isnan(self.fixed), 0.0, self.fixed)
        free = np.where(np.isnan(self.fixed), free, 0.0)
        return ChainParameters(start, PartlyFixedMoves(_rows(free, free), fixed))

    def _start_record(self, init: FloatArray) -> Parameters:
        if self.start == "stationary":
            return StationaryStart()
        if self.start == "fixed":
            return GivenStart(np.asarray(self.init, dtype=np.float64))
        return FreeStart(np.asarray(init, dtype=np.float64))

    # --- the M-step ---

    def m_step(self, first: FloatArray, moves: FloatArray, parameters: ChainParameters) -> ChainParameters:
        """Return the chain that maximises, or with a stationary start raises, its part of the Q function."""
        counts = self._with_prior(moves, parameters)
        if isinstance(parameters.moves, PartlyFixedMoves):
            share = np.where(np.isnan(self.fixed), counts, 0.0)
            after: Any = PartlyFixedMoves(_rows(share, parameters.moves.free), parameters.moves.fixed)
        elif self.start == "stationary":
            return ChainParameters(parameters.start, FreeMoves(stationary_step(first, counts, parameters.trans)))
        else:
            after = FreeMoves(_rows(counts, parameters.trans))
        if self.start == "stationary":
            return self._better(ChainParameters(parameters.start, after), parameters, first, moves)
        if self.start == "fixed":
            return ChainParameters(parameters.start, after)
        begun = np.maximum(first + np.where(parameters.init > 0, np.asarray(self.start_prior) - 1, 0.0), 0.0)
        init = begun / begun.sum() if begun.sum() > 0 else parameters.init
        return ChainParameters(FreeStart(init), after)

    def expected_loglik(self, parameters: ChainParameters, first: FloatArray, moves: FloatArray) -> float:
        return _counted(first, parameters.init) + _counted(moves, parameters.trans)

    def log_prior(self, parameters: ChainParameters) -> float:
        total = 0.0
        if self._has_trans_prior:
            total += _counted(self._prior_counts(parameters), parameters.trans)
        if self.start == "free" and np.any(np.asarray(self.start_prior) != 1):
            extra = np.broadcast_to(np.asarray(self.start_prior) - 1.0, parameters.init.shape)
            total += _counted(np.where(parameters.init > 0, extra, 0.0), parameters.init)
        return total

    def score(self, parameters: ChainParameters, first: FloatArray, moves: FloatArray) -> ChainParameters:
        """Return the gradient of `expected_loglik + log_prior` by entry."""
        trans, init = parameters.trans, parameters.init
        counts = self._with_prior(moves, parameters, floor=None)
        slope = np.divide(counts, trans, out=np.zeros_like(trans), where=trans > 0)
        if self.start == "stationary":
            start: Any = StationaryStart()
            slope = slope + stationary_slope(first, trans, init)
        else:
            begun = first + np.where(init > 0, np.asarray(self.start_prior) - 1, 0.0)
            start = type(parameters.start)(np.divide(begun, init, out=np.zeros_like(init), where=init > 0))
        if isinstance(parameters.moves, PartlyFixedMoves):
            return ChainParameters(start, PartlyFixedMoves(slope * parameters.moves.left, np.zeros_like(trans)))
        return ChainParameters(start, FreeMoves(slope))

    def reordered(self, parameters: ChainParameters, order: Array) -> ChainParameters:
        """Return the states in another order."""
        start, trans = parameters.start, parameters.trans[np.ix_(order, order)]
        turned = start if isinstance(start, StationaryStart) else type(start)(start.prob[order])
        return ChainParameters(turned, FreeMoves(trans))

    # --- priors ---

    @property
    def _has_trans_prior(self) -> bool:
        return bool(np.any(np.asarray(self.trans_prior) != 1))

    def _prior_counts(self, parameters: ChainParameters) -> FloatArray:
        extra = np.broadcast_to(np.asarray(self.trans_prior, dtype=np.float64) - 1, parameters.trans.shape)
        free = parameters.trans > 0 if self.fixed is None else (parameters.trans > 0) & np.isnan(self.fixed)
        return np.where(free, extra, 0.0)

    def _with_prior(self, moves: FloatArray, parameters: ChainParameters, floor: float | None = 0.0) -> FloatArray:
        if not self._has_trans_prior:
            return moves
        counts = moves + self._prior_counts(parameters)
        return counts if floor is None else np.maximum(counts, floor)

    def _better(
        self, after: ChainParameters, before: ChainParameters, first: FloatArray, moves: FloatArray
    ) -> ChainParameters:
        """Return a step towards `after` that raises the objective, or `before`: a generalised M-step."""

        def objective(at: ChainParameters) -> float:
            return self.expected_loglik(at, first, moves) + self.log_prior(at)

        level = objective(before)
        for part in (1.0, 0.5, 0.25, 0.1, 0.01):
            free = before.moves.free + part * (after.moves.free - before.moves.free)
            trial = ChainParameters(before.start, PartlyFixedMoves(free, before.moves.fixed))
            if objective(trial) >= level:
                return trial
        return before


def _rows(counts: FloatArray, before: FloatArray) -> FloatArray:
    """Return counts (k, k) as probabilities by row; a row without counts keeps what it was."""
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.array(before, dtype=np.float64), where=total > 0)
    empty = ~(shares.sum(axis=1) > 0)
    shares[empty, np.flatnonzero(empty)] = 1.0  # a row that nothing is left for
    return np.asarray(shares)


def _counted(counts: FloatArray, prob: FloatArray) -> float:
    used = counts != 0
    with np.errstate(divide="ignore"):
        return float(counts[used] @ np.log(prob[used]))


def _is_exchangeable(trans: Array, start: Array) -> bool:
    if start.ndim > 0 and np.ptp(start) > 0:
        return False
    if trans.ndim < 2:
        return trans.ndim == 0 or np.ptp(trans) == 0
    diagonal = np.eye(len(trans), dtype=bool)
    return bool(np.ptp(trans[diagonal]) == 0 and (len(trans) == 1 or np.ptp(trans[~diagonal]) == 0))
