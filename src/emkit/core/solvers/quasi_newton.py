"""EM-preconditioned quasi-Newton (Jamshidian & Jennrich 1997, JRSS B 59:569, algorithm QN2)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.parameters import ParametersChart
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import OFF_CHART, Move, Solver, evaluate_vector, plain_step, vector_of
from emkit.errors import ParameterError

__all__ = ["QuasiNewton"]


@dataclass(frozen=True)
class _View:
    """The current point in coordinates: its vector, score and EM step, and the correction S so far."""

    chart: ParametersChart
    vector: FloatArray
    score: FloatArray
    em_step: FloatArray
    correction: _Correction


@dataclass(frozen=True)
class _Memory:
    """How many plain steps are still due, and the view of the current point if it has been taken."""

    n_warm: int
    view: _View | None = None


@dataclass(frozen=True)
class QuasiNewton(Solver):
    """EM steps corrected by a symmetric matrix S that learns what EM misses of the curvature.

    The direction is d = e - S g with e the EM step and g the score, both on the unconstrained vector and both from
    the statistics of one E-step. After each step S takes a rank-two update, so that S g accounts for the changes of g
    and e seen. Close to the optimum convergence is superlinear; far from it the step is near EM's.

    Parameters
    ----------
    warm_up : int, default 15
        Plain EM steps first. Earlier corrections jump into other, often degenerate, basins (measured for this
        solver and for SQUAREM).
    memory_limit : int, default 2000
        Up to this many free parameters S is a full matrix; above, its last `n_pairs` updates are kept as vectors.
    n_pairs : int, default 20
        Updates kept by the limited-memory form.
    """

    warm_up: int = 15
    memory_limit: int = 2000
    n_pairs: int = 20

    def begin(self, problem: Problem, point: Point) -> _Memory:
        if not problem.has_score:
            name = type(problem.model).__name__
            message = f"QuasiNewton needs a score: give `{name}` an `expected_loglik`, or use Squarem()"
            raise ParameterError(message)
        return _Memory(n_warm=self.warm_up)

    def carried(self, problem: Problem, point: Point, memory: _Memory, scale: float) -> _Memory | None:
        """Return the correction learned on a sample, made smaller as scores are larger; no plain steps are due."""
        before = memory.view
        read = None if before is None else _read(problem, point, before.chart, before.vector)
        if before is None or read is None:  # plain steps were fast enough, and without S they are the better ones
            return None
        return _Memory(0, _View(before.chart, before.vector, *read, before.correction.scaled(1 / scale)))

    def step(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        if memory.n_warm > 0:
            return plain_step(problem, point, _Memory(memory.n_warm - 1, memory.view))
        here = memory.view or self._look(problem, point)
        if here is None:
            return plain_step(problem, point, _Memory(n_warm=1), is_accepted=False)
        direction = here.em_step - here.correction.times(here.score)
        gain, em_gain = float(here.score @ direction), float(here.score @ here.em_step)
        left = 0.5 * max(gain, em_gain, 0.0)
        if gain > 0:
            for length in _LENGTHS:
                vector = here.vector + length * direction
                trial = evaluate_vector(problem, here.chart, vector)
                if trial is not None and trial.objective >= point.objective - point.noise:
                    view = self._look_on(problem, trial, vector, here)
                    return Move(trial, _Memory(0, view), length, True, left)
        return replace(plain_step(problem, point, _Memory(0), is_accepted=False), gain_left=left)

    def _look(self, problem: Problem, point: Point) -> _View | None:
        """Open a chart at a point and read score and EM step there, with S = 0; None where the chart does not reach."""
        chart = ParametersChart(point.parameters)
        vector = vector_of(chart, point.parameters)
        if vector is None:
            return None
        is_small = chart.size <= self.memory_limit
        blank = _Full(np.zeros((chart.size, chart.size))) if is_small else _Limited((), self.n_pairs)
        read = _read(problem, point, chart, vector)
        return None if read is None else _View(chart, vector, *read, blank)

    def _look_on(self, problem: Problem, point: Point, vector: FloatArray, before: _View) -> _View | None:
        """Read score and EM step at the next point and let S learn from their changes."""
        read = _read(problem, point, before.chart, vector)
        if read is None:
            return None
        score, em_step = read
        learned = before.correction.updated(vector - before.vector, score - before.score, em_step - before.em_step)
        return _View(before.chart, vector, score, em_step, learned)


_LENGTHS = (1.0, 0.5, 0.2)  # then a plain EM step, which costs no more and cannot fail


def _read(
    problem: Problem, point: Point, chart: ParametersChart, vector: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return score and EM step at a point, or None where either is not to be had."""
    with np.errstate(all="ignore"):
        try:
            em_step = chart.to_vector(problem.em_step(point), vector) - vector
            score = problem.score(point, chart, vector)
        except OFF_CHART:
            return None
        is_finite = math.isfinite(float(score.dot(em_step)))  # an entry that is not finite makes the product so
    return (score, em_step) if is_finite else None


class _Correction(ABC):
    """The matrix S, symmetric, zero at first: S g is what the EM step misses of Newton's."""

    @abstractmethod
    def times(self, vector: FloatArray) -> FloatArray:
        """Return S times a vector."""

    @abstractmethod
    def scaled(self, factor: float) -> _Correction:
        """Return S times a number."""

    @abstractmethod
    def updated(self, dt: FloatArray, dg: FloatArray, de: FloatArray) -> _Correction:
        """Return S after a step dt that changed the score by dg and the EM step by de, so that S dg = dt + de."""


@dataclass(frozen=True)
class _Full(_Correction):
    matrix: FloatArray

    def times(self, vector: FloatArray) -> FloatArray:
        product: FloatArray = self.matrix @ vector
        return product

    def scaled(self, factor: float) -> _Correction:
        return _Full(factor * self.matrix)

    def updated(self, dt: FloatArray, dg: FloatArray, de: FloatArray) -> _Correction:
        c = float(dg @ dt)
        if not _is_concave(c, dt, dg):
            return self
        with np.errstate(over="ignore", invalid="ignore"):
            ds = self.matrix @ dg - de
            left = ds - (0.5 * (1 + float(dg @ ds) / c)) * dt
            cross = left[:, None] * (dt / -c)
            matrix = self.matrix + cross
            matrix += cross.T
        return _Full(matrix) if np.isfinite(matrix).all() else _Full(np.zeros_like(matrix))


@dataclass(frozen=True)
class _Limited(_Correction):
    """The last steps only; S is rebuilt from them as a sum of rank-two terms (dt, ds, (1 + dg.ds / c) / c, 1 / c)."""

    steps: tuple[tuple[FloatArray, FloatArray, FloatArray], ...]
    n_pairs: int
    terms: tuple[tuple[FloatArray, FloatArray, float, float], ...] = ()

    def times(self, vector: FloatArray) -> FloatArray:
        total = np.zeros_like(vector)
        for dt, ds, square, cross in self.terms:
            along, across = float(dt @ vector), float(ds @ vector)
            total += (square * along - cross * across) * dt - (cross * along) * ds
        return total

    def scaled(self, factor: float) -> _Correction:
        steps = tuple((dt, dg / factor, de) for dt, dg, de in self.steps)
        terms = tuple((dt, ds, factor * square, factor * cross) for dt, ds, square, cross in self.terms)
        return _Limited(steps, self.n_pairs, terms)

    def updated(self, dt: FloatArray, dg: FloatArray, de: FloatArray) -> _Correction:
        if not _is_concave(float(dg @ dt), dt, dg):
            return self
        is_full = len(self.steps) == self.n_pairs
        if not is_full:
            return self._extended(dt, dg, de)
        rebuilt = _Limited((), self.n_pairs)
        for step in (*self.steps[1:], (dt, dg, de)):
            rebuilt = rebuilt._extended(*step)
        return rebuilt

    def _extended(self, dt: FloatArray, dg: FloatArray, de: FloatArray) -> _Limited:
        c = float(dg @ dt)
        ds = self.times(dg) - de
        term = (dt, ds, (1 + float(dg @ ds) / c) / c, 1 / c)
        return _Limited((*self.steps, (dt, dg, de)), self.n_pairs, (*self.terms, term))


def _is_concave(c: float, dt: FloatArray, dg: FloatArray) -> bool:
    """Tell whether the objective bends down along the step, beyond rounding: only then does S learn from it."""
    return c < -1e-14 * float(np.abs(dg) @ np.abs(dt))
