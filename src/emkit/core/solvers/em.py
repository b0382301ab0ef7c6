"""Plain EM (Dempster, Laird & Rubin 1977, JRSS B 39:1)."""

from __future__ import annotations

from dataclasses import dataclass

from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver, plain_step

__all__ = ["EM"]


@dataclass(frozen=True)
class EM(Solver):
    """Plain expectation-maximization: one E-step and one M-step per iteration. Never falls; slow near the end."""

    def begin(self, problem: Problem, point: Point) -> None:
        return None

    def step(self, problem: Problem, point: Point, memory: None) -> Move:
        return plain_step(problem, point, memory)
