"""Damped Anderson acceleration with restarts (DAAREM; Henderson & Varadhan 2019, JCGS 28:834)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.parameters import ParametersChart
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver, evaluate_vector, plain_step, vector_of

__all__ = ["Anderson"]

_KAPPA = 25.0  # damping is 1 / (1 + growth^(kappa - successes)): heavy at first, light after many successes


@dataclass(frozen=True)
class _Memory:
    n_warm: int
    chart: ParametersChart | None = None
    points: tuple[FloatArray, ...] = ()  # vectors, oldest first, and the EM steps taken there
    em_steps: tuple[FloatArray, ...] = ()
    unit: FloatArray | None = None
    successes: float = 0.0
    cycle_objective: float = -np.inf


@dataclass(frozen=True)
class Anderson(Solver):
    """Extrapolate from the last EM steps by a damped least-squares fit, restarting every few steps.

    With f = M(t) - t and the last changes DT of t and DF of f, the next point is t + f - (DT + DF) g where g minimises
    |f - DF g|^2 + lambda |g|^2; lambda is set so that |g|^2 is a fraction delta of the undamped one, and delta grows
    with success. A point that lowers the objective is replaced by a plain EM step. One E-step per iteration, two when
    refused.

    Parameters
    ----------
    warm_up : int, default 15
        Plain EM steps first (see `QuasiNewton`).
    n_lags : int, default 5
        Past steps used, at most half the number of free parameters.
    growth : float, default 1.2
        How fast the damping fades with every success.
    """

    warm_up: int = 15
    n_lags: int = 5
    growth: float = 1.2

    def begin(self, problem: Problem, point: Point) -> _Memory:
        return _Memory(self.warm_up)

    def step(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        if memory.n_warm > 0:
            return plain_step(problem, point, replace(memory, n_warm=memory.n_warm - 1))
        memory = self._record(problem, point, memory)
        if memory.chart is None or len(memory.points) < 2:
            return plain_step(problem, point, memory)
        jump = evaluate_vector(problem, memory.chart, self._extrapolate(memory))
        if jump is not None and jump.objective >= point.objective - point.noise:
            return Move(jump, replace(memory, successes=memory.successes + 1), 1.0, True, float("nan"))
        return plain_step(problem, point, memory, is_accepted=False)

    def _record(self, problem: Problem, point: Point, memory: _Memory) -> _Memory:
        """Add the EM step at `point` to the memory; start a new cycle when the old one is full."""
        chart = memory.chart or ParametersChart(point.parameters)
        near = memory.points[-1] if memory.points else None
        vector = vector_of(chart, point.parameters, near)
        target = vector_of(chart, problem.em_step(point), vector) if vector is not None else None
        if vector is None or target is None:
            return _Memory(0, successes=memory.successes)
        em_step = target - vector
        unit = np.abs(em_step) if memory.unit is None else np.maximum(memory.unit, np.abs(em_step))
        fresh = replace(
            memory, chart=chart, points=(*memory.points, vector), em_steps=(*memory.em_steps, em_step), unit=unit
        )
        n_lags = min(self.n_lags, -(-chart.size // 2))
        return self._new_cycle(fresh, point) if len(fresh.points) > n_lags + 1 else fresh

    def _new_cycle(self, memory: _Memory, point: Point) -> _Memory:
        has_fallen = point.objective < memory.cycle_objective
        successes = max(memory.successes - self.n_lags, -2 * _KAPPA) if has_fallen else memory.successes
        return replace(
            memory,
            points=memory.points[-1:],
            em_steps=memory.em_steps[-1:],
            successes=successes,
            cycle_objective=point.objective,
        )

    def _extrapolate(self, memory: _Memory) -> FloatArray:
        assert memory.unit is not None
        f, t = memory.em_steps[-1], memory.points[-1]
        changes_f = np.diff(np.array(memory.em_steps), axis=0).T
        changes_t = np.diff(np.array(memory.points), axis=0).T
        unit = np.where(memory.unit > 0, memory.unit, 1.0)
        fraction = 1 / (1 + self.growth ** (_KAPPA - memory.successes))
        g = _damped_least_squares(changes_f / unit[:, None], f / unit, fraction)
        return np.asarray(t + f - (changes_t + changes_f) @ g)


def _damped_least_squares(matrix: FloatArray, target: FloatArray, fraction: float) -> FloatArray:
    """Solve the ridge regression whose |g|^2 is `fraction` of the undamped one's."""
    u, d, vt = np.linalg.svd(matrix, full_matrices=False)
    keep = d > 1e-12 * max(float(d[0]), 1e-300)
    u, d, vt = u[:, keep], d[keep], vt[keep]
    if d.size == 0:
        return np.zeros(matrix.shape[1])
    b = u.T @ target
    wanted = fraction * float(((b / d) ** 2).sum())
    low, high = 0.0, float(d[0]) ** 2 / max(fraction, 1e-12)
    for _ in range(60):  # |g|^2 falls with lambda: bisection is safe and costs nothing at five lags
        middle = 0.5 * (low + high)
        is_long = float(((d * b / (d * d + middle)) ** 2).sum()) > wanted
        low, high = (middle, high) if is_long else (low, middle)
    return np.asarray(vt.T @ (d * b / (d * d + high)))
