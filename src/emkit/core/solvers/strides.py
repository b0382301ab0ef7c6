"""Strides: a climb in which a kernel makes several EM steps in one call, plain at first and then accelerated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from emkit.core.arrays import FloatArray
from emkit.core.problem import Point, Problem, is_drop
from emkit.core.solvers.base import Move, Solver
from emkit.core.solvers.quasi_newton import QuasiNewton
from emkit.core.strides import Stride

__all__ = ["Strides"]


@dataclass(frozen=True)
class _Memory:
    """Plain and accelerated steps still due, what acceleration remembers, and the memory of the solver after it."""

    n_warm: int
    n_fast: int
    held: FloatArray | None = None
    rest: Any = None


@dataclass(frozen=True)
class Strides(Solver):
    """Plain EM steps and then accelerated ones on the expected statistics, both in a kernel of the model.

    Each move makes as many iterations as the loop allows. The climb is that of steps made one by one, bit for bit;
    what is saved is Python's part of each, which for few rows is nearly all.

    Parameters
    ----------
    warm_up : int, default 15
        Plain EM steps first (see `QuasiNewton`).
    n_fast : int, default 300
        Accelerated steps; a climb that is not over then is `otherwise`'s.
    otherwise : Solver
        Goes on where no kernel serves, or where it has no answer.
    learned : tuple, optional
        The memory of a climb on a sample that ended where this one begins, and by how much all rows weigh more.
    """

    warm_up: int = 15
    n_fast: int = 300
    otherwise: Solver = field(default_factory=QuasiNewton)
    learned: tuple[Any, float] | None = field(default=None, compare=False, repr=False)

    def begin(self, problem: Problem, point: Point) -> _Memory:
        carried = None if self.learned is None else self.carried(problem, point, *self.learned)
        if carried is not None:
            return carried
        if problem.strider is None:
            return _Memory(0, 0, rest=self.otherwise.begin(problem, point))
        return _Memory(self.warm_up, self.n_fast, problem.strider.begin())

    def carried(self, problem: Problem, point: Point, memory: Any, scale: float) -> _Memory | None:
        """Return what acceleration learned on a sample, in statistics of all rows; no plain steps are due."""
        if problem.strider is None or not isinstance(memory, _Memory) or memory.held is None or memory.n_warm > 0:
            return None
        return _Memory(0, self.n_fast, problem.strider.rescaled(memory.held, scale))

    def step(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        n_due = memory.n_warm or memory.n_fast
        if n_due <= 0 or problem.strider is None or memory.held is None:
            return self._rest(problem, point, memory)
        is_fast = memory.n_warm == 0
        stride, is_spent = _stride(problem, point, memory.held, min(n_due, problem.pace.most), is_fast=is_fast)
        if stride is None:
            return self._rest(problem, point, _Memory(0, 0))
        rows = stride.rows
        problem.n_e_steps += int(rows[:, 2].sum())
        n_done = len(rows)
        later = _Memory(
            memory.n_warm - (0 if is_fast else n_done), memory.n_fast - (n_done if is_fast else 0), stride.memory
        )
        if is_spent:
            later = _Memory(0, 0)
        is_accepted = not is_fast or not rows[-1, 2] > 1
        return Move(stride.point, later, 1.0, is_accepted, float(rows[-1, 1]), rows)

    def _rest(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        rest = self.otherwise.begin(problem, point) if memory.rest is None else memory.rest
        move = self.otherwise.step(problem, point, rest)
        return Move(
            move.point, _Memory(0, 0, rest=move.memory), move.step_length, move.is_accepted, move.gain_left, move.rows
        )

    def kept(self, memory: _Memory, *, is_torn: bool) -> _Memory:
        rest = None if memory.rest is None else self.otherwise.kept(memory.rest, is_torn=is_torn)
        return _Memory(memory.n_warm, memory.n_fast, memory.held, rest)


def _stride(
    problem: Problem, point: Point, held: FloatArray, n_steps: int, *, is_fast: bool
) -> tuple[Stride | None, bool]:
    """Return a stride, and whether the kernel has no more to give.

    Near a collapse its digits run out before those of the families: a stride that falls ends before the step that fell.
    """
    strider, enough = problem.strider, problem.pace.enough
    assert strider is not None, "asked of the problem"
    stride = strider.go(point, held, n_steps=n_steps, is_fast=is_fast, enough=enough)
    if stride is None:
        return None, True
    objectives = [point.objective, *stride.rows[:, 0].tolist()]
    if not is_drop(*objectives[-2:]):
        return stride, False
    n_good = len(objectives) - 2
    return strider.go(point, held, n_steps=n_good, is_fast=is_fast, enough=enough) if n_good else None, True
