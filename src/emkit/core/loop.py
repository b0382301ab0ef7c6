"""The one loop: budget, convergence, finiteness, monotonicity, progress and interruption live here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from emkit.core.model import Offer, offered
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Solver
from emkit.core.status import Status
from emkit.core.stopping import Budget, Convergence
from emkit.core.trace import Iteration, Trace

__all__ = ["Climb", "Watcher", "climb"]

Watcher = Callable[[Iteration], object]
_log = logging.getLogger("emkit")
_DROP = 1e-9  # relative fall of the objective that no rounding explains


@dataclass(frozen=True)
class Climb:
    """Where one climb ended, how, the way there, and the memory with which its solver would go on."""

    point: Point
    status: Status
    trace: Trace
    n_iter: int
    memory: Any = None
    collapse: str = ""

    @property
    def is_degenerate(self) -> bool:
        """Return whether a part of the model has collapsed."""
        return bool(self.collapse)


def climb(
    problem: Problem,
    point: Point,
    solver: Solver,
    *,
    tol: float,
    budget: Budget,
    memory: Any = None,
    watch: Watcher | None = None,
    tag: tuple[int, str] = (0, "end"),
) -> Climb:
    """Run a solver from a point until less than `tol` is to be gained, or a limit is reached.

    `memory` is that of an earlier climb which ended at `point`: the solver goes on as if it had never stopped.
    """
    began, first_e_step = time.perf_counter(), problem.n_e_steps - 1
    rows = [_row(0, 1, point, 1.0, True, 0.0, tag)]
    convergence = Convergence(tol)
    status: Status | None = None if point.is_finite else Status.NOT_FINITE
    n_iter = 0
    try:
        memory = solver.begin(problem, point) if memory is None else memory
        while status is None:
            status = budget.exhausted(n_iter, problem)
            if status is not None:
                break
            move = solver.step(problem, point, memory)
            status = _broken(point, move.point)
            if status is not None:
                break
            n_iter += 1
            is_over = convergence.is_reached(point, move)
            point, memory = move.point, move.memory
            seconds = time.perf_counter() - began
            row = _row(
                n_iter, problem.n_e_steps - first_e_step, point, move.step_length, move.is_accepted, seconds, tag
            )
            rows.append(row)
            told = _told_to_stop(watch, row, point)
            status = Status.CONVERGED if is_over else told
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    return _ended(problem, Climb(point, status, Trace.of(rows), n_iter, memory))


def _row(
    iteration: int,
    n_e_steps: int,
    point: Point,
    step_length: float,
    is_accepted: bool,
    seconds: float,
    tag: tuple[int, str],
) -> Iteration:
    return Iteration(iteration, n_e_steps, point.objective, step_length, is_accepted, seconds, *tag)


def _broken(before: Point, after: Point) -> Status | None:
    """Return what is wrong with a move, if anything: laws of the engine, not of the model."""
    if not after.is_finite:
        return Status.NOT_FINITE
    fall = before.objective - after.objective
    return Status.DROPPED if fall > _DROP * max(1.0, abs(before.objective)) else None


def _told_to_stop(watch: Watcher | None, row: Iteration, point: Point) -> Status | None:
    if watch is not None and watch(row._replace(parameters=point.parameters)) is True:
        return Status.STOPPED
    return None


def _ended(problem: Problem, climb: Climb) -> Climb:
    """Ask the model whether a part of it has collapsed: that explains a drop or a stop better than anything."""
    degeneracy = offered(problem.model, Offer.DEGENERACY)
    collapse = degeneracy(climb.point.parameters, climb.point.statistics) if degeneracy is not None else ""
    explained = collapse and climb.status in (Status.CONVERGED, Status.DROPPED, Status.NOT_FINITE, Status.MAX_ITER)
    _log.debug("climb ended: %s after %d iterations at %.10g", climb.status, climb.n_iter, climb.point.objective)
    return replace(climb, status=Status.DEGENERATE if explained else climb.status, collapse=collapse)
