"""Incremental EM (Neal & Hinton 1998, in Jordan (ed.), *Learning in Graphical Models*): an M-step after every block."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver
from emkit.core.solvers.em import EM

__all__ = ["Incremental"]

_MAX_REFUSALS = 2  # passes in a row that gained nothing, after which the other solver goes on


@dataclass(frozen=True)
class _Memory:
    parts: tuple[Any, ...] | None = None  # statistics of each block at the point
    n_refused: int = 0
    then: Any = None


@dataclass(frozen=True)
class Incremental(Solver):
    """One pass per iteration that renews the statistics of one block at a time, with an M-step after each.

    The statistics of all rows are S = sum_b s_b; each block's are replaced by those at the parameters of the moment,
    S = S - s_b(old) + s_b(new), and the M-step follows. Every such step raises the free energy F of Neal & Hinton. An
    ordinary E-step then finds the log-likelihood; a pass that lowered it is undone by a plain EM step, and after two
    such passes `then` goes on. It pays where there are many blocks, and keeps the statistics of each in memory.

    Parameters
    ----------
    then : Solver, default EM()
        Goes on when passes gain nothing more.
    """

    then: Solver = field(default_factory=EM)

    def begin(self, problem: Problem, point: Point) -> _Memory:
        return _Memory()

    def step(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        if memory.n_refused >= _MAX_REFUSALS:
            then = self.then.begin(problem, point) if memory.then is None else memory.then
            move = self.then.step(problem, point, then)
            return replace(move, memory=replace(memory, then=move.memory))
        parts = memory.parts or problem.evaluate_parts(point.parameters)[1]
        trial, renewed = problem.evaluate_parts(_renewed(problem, point, parts))
        if trial.is_finite and trial.objective > point.objective + point.noise:
            return Move(trial, _Memory(renewed), 1.0, True, float("nan"))
        plain, renewed = problem.evaluate_parts(problem.em_step(point))
        return Move(plain, _Memory(renewed, memory.n_refused + 1), 1.0, False, float("nan"))


def _renewed(problem: Problem, point: Point, parts: tuple[Any, ...]) -> Any:
    """Go over all blocks once; return the parameters at the end."""
    problem.n_e_steps += 1
    model, total, parameters = problem.model, point.statistics, point.parameters
    for block, old in zip(problem.source.blocks(), parts, strict=True):
        total = model.e_step(parameters, block) + (total + old * -1.0)
        parameters = model.m_step(total, parameters)
    return parameters
