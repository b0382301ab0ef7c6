"""When to stop: by the objective that is still to be gained, and by budgets."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np

from emkit.core.problem import Point, Problem, noise_of
from emkit.core.solvers.base import Move
from emkit.core.status import Status
from emkit.errors import ParameterError

__all__ = ["Budget", "Convergence", "gain_left"]

_LINEAR = 0.5  # gains that shrink more slowly than this are extrapolated whatever the solver predicts
_MOST = 64  # iterations of one move: after so many a climb listens for Ctrl-C
_GROWING = 10.0  # gains that do not shrink have as many to come: a parameter creeping to its boundary (measured)
_IN_A_ROW = 3  # one small prediction can be an accident of an accelerated step, and so can two (measured)


@dataclass(frozen=True)
class Budget:
    """Limits of a climb. Running out of one is a status, not convergence.

    Parameters
    ----------
    max_iter : int
        Iterations of the solver.
    max_e_steps : int or None
        Passes over the data.
    max_seconds : float or None
        Wall-clock seconds. Only this limit can make two runs differ.
    """

    max_iter: int = 1000
    max_e_steps: int | None = None
    max_seconds: float | None = None
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        for name in ("max_iter", "max_e_steps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                if value is None and name == "max_e_steps":
                    continue
                message = f"`{name}` must be a whole number of at least 0, got {value!r}"
                raise ParameterError(message)
        seconds = self.max_seconds
        if seconds is not None and (not isinstance(seconds, (int, float, np.number)) or not seconds >= 0):
            message = f"`max_seconds` must be a number of at least 0, got {seconds!r}"
            raise ParameterError(message)

    def exhausted(self, n_iter: int, problem: Problem) -> Status | None:
        """Return which limit is reached, if any."""
        if n_iter >= self.max_iter:
            return Status.MAX_ITER
        if self.max_e_steps is not None and problem.n_e_steps >= self.max_e_steps:
            return Status.MAX_E_STEPS
        if self.max_seconds is not None and time.perf_counter() - self.started >= self.max_seconds:
            return Status.MAX_SECONDS
        return None

    def room(self, n_iter: int, problem: Problem) -> int:
        """Return how many iterations one move may make and stay within the limits."""
        room = min(_MOST, self.max_iter - n_iter)
        if self.max_e_steps is not None:  # an iteration takes up to four E-steps where a long step is refused
            room = min(room, (self.max_e_steps - problem.n_e_steps) // 4)
        return max(1, room if self.max_seconds is None else 1)


def gain_left(gain: float, gain_before: float) -> float:
    """Return the sum of all gains to come if they go on shrinking by the ratio of the last two (Aitken 1926).

    See Boehning et al. 1994, Annals of the Institute of Statistical Mathematics 46:373. Infinite while gains grow, as
    on a plateau that the climb is about to leave.
    """
    if gain <= 0:
        return 0.0
    if not gain_before > gain:
        return math.inf
    rate = gain / gain_before
    return gain * rate / (1 - rate)


class Convergence:
    """Follows the gains of a climb and tells when less than `tol` is left.

    A gain of e in the log-likelihood leaves the parameters within about sqrt(2 e) of their own standard errors from
    the optimum, whatever the units and the size of the data. Rounding of the objective sets the floor of `tol`.
    """

    def __init__(self, tol: float, *, is_stochastic: bool = False) -> None:
        self.tol, self.is_stochastic = tol, is_stochastic
        self._gain = math.nan
        self._in_a_row = 0

    @property
    def gains(self) -> tuple[float, int]:
        """What it remembers: the last gain, and how many small predictions came in a row."""
        return self._gain, self._in_a_row

    def recall(self, gains: tuple[float, int]) -> None:
        """Go on from what an earlier one remembered."""
        self._gain, self._in_a_row = gains

    def is_reached(self, before: Point, move: Move) -> bool:
        """Take in one move and return whether the climb is over."""
        return self.n_needed(before, move) is not None

    def n_needed(self, before: Point, move: Move) -> int | None:
        """Take in the iterations of a move up to the one that ends the climb; return its number, or None."""
        rows = [(move.point.objective, move.gain_left)] if move.rows is None else move.rows[:, :2].tolist()
        objective = before.objective
        for number, (after, predicted) in enumerate(rows, 1):
            if self._is_reached(after - objective, noise_of(after), predicted):
                return number
            objective = after
        return None

    def _is_reached(self, gain: float, noise: float, predicted: float) -> bool:
        if self.is_stochastic:  # gains are noise: the solver tells
            return predicted <= 0
        left = self._left(gain, noise, predicted)
        self._gain = gain
        self._in_a_row = self._in_a_row + 1 if left <= max(self.tol, 4 * noise) else 0
        return self._in_a_row >= _IN_A_ROW

    def _left(self, gain: float, noise: float, predicted: float) -> float:
        if abs(gain) <= noise:
            return 0.0 if math.isnan(predicted) else predicted
        extrapolated = gain_left(gain, self._gain)
        if math.isnan(predicted):
            return extrapolated
        is_linear = self._gain > noise and _LINEAR * self._gain < gain < self._gain
        is_growing = noise < self._gain <= gain
        return max(predicted, extrapolated if is_linear else (_GROWING if is_growing else 0.1) * gain)
