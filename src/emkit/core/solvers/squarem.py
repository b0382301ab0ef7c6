"""Squared extrapolation of EM (Varadhan & Roland 2008, Scandinavian Journal of Statistics 35:335)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.parameters import ParametersChart
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver, evaluate_vector, plain_step, vector_of

__all__ = ["Squarem"]


_FORGET = 0.7


@dataclass(frozen=True)
class _Memory:
    n_warm: int
    longest: float
    slowest: float = 1.0  # largest |r| / |v| of late: a jump excites fast errors, which hide the slow ones for a while
    unit: FloatArray | None = None  # size of the EM steps seen, per coordinate: makes the norms free of units


@dataclass(frozen=True)
class Squarem(Solver):
    """Two EM maps, then a jump along the parabola through them (scheme S3), capped and checked.

    With r = M(t) - t and v = M(M(t)) - M(t) - r the jump goes to t + 2 a r + a^2 v, a = |r| / |v|, a between 1 and a
    cap that grows by `growth` when reached and shrinks when a jump is refused. Norms are taken in units of the EM steps
    of each coordinate, so that a change of unit changes nothing. A jump that lowers the objective is replaced by the
    second EM step. Two E-steps per iteration, three when a jump is refused.

    Parameters
    ----------
    warm_up : int, default 15
        Plain EM steps first (see `QuasiNewton`).
    growth : float, default 4.0
        Factor by which the cap on the step length grows and shrinks.
    """

    warm_up: int = 15
    growth: float = 4.0

    def begin(self, problem: Problem, point: Point) -> _Memory:
        return _Memory(self.warm_up, 1.0)

    def step(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        if memory.n_warm > 0:
            return plain_step(problem, point, replace(memory, n_warm=memory.n_warm - 1))
        first = problem.evaluate(problem.em_step(point))
        chart = ParametersChart(first.parameters)
        start = vector_of(chart, point.parameters)
        middle = vector_of(chart, first.parameters)
        end_parameters = problem.em_step(first)
        end = vector_of(chart, end_parameters)
        if start is None or middle is None or end is None or not first.is_finite:
            return Move(first, memory, 1.0, False, float("nan"))
        r, v = middle - start, end - 2 * middle + start
        unit = np.abs(r) if memory.unit is None or memory.unit.size != r.size else np.maximum(memory.unit, np.abs(r))
        ratio = max(_ratio(r, v, unit), 1.0)
        slowest = max(ratio, _FORGET * memory.slowest)
        left = _gain_left(first.objective - point.objective, slowest)
        length = min(ratio, max(memory.longest, 1.0))
        jump = evaluate_vector(problem, chart, start + 2 * length * r + length**2 * v)
        if jump is not None and jump.objective >= first.objective - point.noise:
            longest = memory.longest * self.growth if length == memory.longest else memory.longest
            return Move(jump, _Memory(0, longest, slowest, unit), length, True, left)
        shorter = _Memory(0, max(1.0, memory.longest / self.growth), slowest, unit)
        return Move(problem.evaluate(end_parameters), shorter, 1.0, False, left)


def _ratio(r: FloatArray, v: FloatArray, unit: FloatArray) -> float:
    """Return |r| / |v| with each coordinate in its own unit."""
    safe = np.where(unit > 0, unit, 1.0)
    bend = float(np.linalg.norm(v / safe))
    return float(np.linalg.norm(r / safe)) / bend if bend > 0 else 1.0


def _gain_left(gain: float, ratio: float) -> float:
    """Return what is left to gain when one EM step gains `gain` and errors shrink by the rate 1 - 1 / ratio."""
    rate = 1 - 1 / ratio
    return max(gain, 0.0) / (1 - rate * rate)
