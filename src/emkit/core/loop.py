"""The one loop: budget, convergence, finiteness, monotonicity, progress, checkpoints and interruption live here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emkit.core.climb import Climb
from emkit.core.ledger import LAST_LEG, NO_LEDGER, Ended, Ledger, Leg, Standing
from emkit.core.model import Offer, offered
from emkit.core.problem import Point, Problem, is_drop
from emkit.core.solvers.base import Move, Solver
from emkit.core.status import Status
from emkit.core.stopping import Budget, Convergence
from emkit.core.strides import Pace
from emkit.core.trace import Iteration, Trace

__all__ = ["Watcher", "climb"]

Watcher = Callable[[Iteration], object]
_log = logging.getLogger("emkit")


class _Way:
    """A climb on its way: where it is, and the rows of its trace so far."""

    def __init__(
        self, problem: Problem, point: Point, memory: Any, tol: float, tag: tuple[int, str], *, is_stochastic: bool
    ) -> None:
        self.problem, self.point, self.memory, self.tag = problem, point, memory, tag
        self.convergence = Convergence(tol, is_stochastic=is_stochastic)
        self.n_iter = 0
        self._first_e_step = problem.n_e_steps - 1
        self._began = time.perf_counter()
        self.rows = [Iteration(0, 1, point.objective, 1.0, True, 0.0, *tag)]

    def resume(self, at: Standing) -> None:
        """Go to where an earlier climb of the same leg stood."""
        self.point, self.memory, self.n_iter = at.point, at.memory, at.n_iter
        self.convergence.recall(at.gains)
        self.problem.n_e_steps, self._first_e_step = at.n_e_steps, at.first_e_step
        self.rows = at.trace.rows(self.tag)
        self._began -= self.rows[-1].seconds

    def next(self, solver: Solver, most: int) -> tuple[Move, bool]:
        """Return the next move, of at most so many iterations, and whether the climb is over with it.

        Of a move of several iterations the climb may need the first few only: it is then made again, up to there.
        """
        problem, before, gains = self.problem, self.problem.n_e_steps, self.convergence.gains
        problem.pace = Pace(most, self.convergence.tol)
        move = solver.step(problem, self.point, self.memory)
        n_needed = self.convergence.n_needed(self.point, move)
        if n_needed is not None and n_needed < move.n_iter:
            problem.n_e_steps, problem.pace = before, Pace(n_needed, self.convergence.tol)
            self.convergence.recall(gains)
            move = solver.step(problem, self.point, self.memory)
            self.convergence.n_needed(self.point, move)
        return move, n_needed is not None

    def go(self, move: Move) -> Iteration:
        """Take a move; return the last row that it adds to the trace."""
        seconds = time.perf_counter() - self._began
        n_e_steps = self.problem.n_e_steps - self._first_e_step
        if move.rows is not None:
            first = n_e_steps - int(move.rows[:, 2].sum())
            for objective, _, spent in move.rows[:-1].tolist():
                self.n_iter, first = self.n_iter + 1, first + int(spent)
                self.rows.append(Iteration(self.n_iter, first, objective, 1.0, spent < 2, seconds, *self.tag))
        self.point, self.memory, self.n_iter = move.point, move.memory, self.n_iter + 1
        length, is_accepted = move.step_length, move.is_accepted
        row = Iteration(self.n_iter, n_e_steps, move.point.objective, length, is_accepted, seconds, *self.tag)
        self.rows.append(row)
        return row

    def standing(self, solver: Solver, *, is_torn: bool = False) -> Standing:
        """Return what the next iteration depends on."""
        memory, gains = solver.kept(self.memory, is_torn=is_torn), self.convergence.gains
        n_e_steps, first = self.problem.n_e_steps, self._first_e_step
        return Standing(self.point, memory, Trace.of(self.rows), gains, self.n_iter, n_e_steps, first)


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
    ledger: Ledger = NO_LEDGER,
    leg: Leg = LAST_LEG,
) -> Climb:
    """Run a solver from a point until less than `tol` is to be gained, or a limit is reached.

    `memory` is that of an earlier climb which ended at `point`: the solver goes on as if it had never stopped. Where
    the ledger knows how far this leg had come, it goes on from there.
    """
    way = _Way(problem, point, memory, tol, tag, is_stochastic=solver.is_stochastic)
    before = ledger.standing(leg)
    if before is not None:
        way.resume(before)
    status: Status | None = None if way.point.is_finite else Status.NOT_FINITE
    try:
        if way.memory is None:
            way.memory = solver.begin(problem, way.point)
        while status is None:
            status = budget.exhausted(way.n_iter, problem)
            if status is not None:
                break
            move, is_over = way.next(solver, 1 if watch is not None else budget.room(way.n_iter, problem))
            status = _broken(way.point, move, may_fall=solver.is_stochastic)
            if status is not None:
                break
            row = way.go(move)
            told = _told_to_stop(watch, row, way.point)
            status = Status.CONVERGED if is_over else told
            if status is None and ledger.is_due():
                ledger.note(leg, way.standing(solver))
                ledger.keep()
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    done = _ended(problem, Climb(way.point, status, Trace.of(way.rows), way.n_iter, way.memory))
    return _entered(done, way, solver, ledger, leg)


_UNFINISHED = (Status.INTERRUPTED, Status.STOPPED, Status.MAX_SECONDS)
_OUT_OF_BUDGET = (Status.MAX_ITER, Status.MAX_E_STEPS)


def _entered(done: Climb, way: _Way, solver: Solver, ledger: Ledger, leg: Leg) -> Climb:
    """Tell the ledger how a leg ended, or where it stands if it is to go on another time."""
    if ledger is NO_LEDGER:
        return done
    if done.status not in _UNFINISHED:
        ended = replace(done, memory=solver.kept(done.memory, is_torn=False))
        ledger.finish(leg, Ended(ended, way.problem.n_e_steps))
    if done.status in _UNFINISHED or (done.status in _OUT_OF_BUDGET and way.tag[1] == "end"):
        ledger.note(leg, way.standing(solver, is_torn=done.status is Status.INTERRUPTED))
    return done


def _broken(before: Point, move: Move, *, may_fall: bool) -> Status | None:
    """Return what is wrong with a move, if anything: laws of the engine, not of the model."""
    if not move.point.is_finite:
        return Status.NOT_FINITE
    last = before.objective if move.rows is None or len(move.rows) < 2 else float(move.rows[-2, 0])
    return Status.DROPPED if not may_fall and is_drop(last, move.point.objective) else None


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
