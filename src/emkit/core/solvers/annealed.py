"""Deterministic annealing (Ueda & Nakano 1998, Neural Networks 11:271)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from emkit.core.assignments import Drawn, Tempered
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import OFF_CHART, Move, Solver, assigning
from emkit.core.solvers.squarem import Squarem
from emkit.errors import ParameterError

__all__ = ["Annealed"]


@dataclass(frozen=True)
class Annealed(Solver):
    """Starts are annealed before the climb: memberships (mix_k f_k)^power, the power rising to one.

    At a small power memberships are almost equal and the objective has few optima; as the power rises the best of them
    splits up, so that less depends on where a start lies: starts agree, though not always on the best optimum. Each
    power climbs its own objective, which never falls, by EM; then another solver climbs the log-likelihood. The model
    must offer `assigning`, as finite mixtures do.

    Parameters
    ----------
    first : float, default 0.5
        The smallest power.
    growth : float, default 1.3
        Factor from one power to the next.
    n_steps : int, default 20
        EM steps at each power, at most.
    seed : int, default 0
        Of the drawn E-step with which each power begins: components that became one could never part without.
    then : Solver, default `Squarem()`
    """

    first: float = 0.5
    growth: float = 1.3
    n_steps: int = 20
    seed: int = 0
    then: Solver = field(default_factory=Squarem)

    def __post_init__(self) -> None:
        if not (0 < self.first <= 1 and self.growth > 1 and self.n_steps >= 1):
            message = (
                "`first` must be above 0 and at most 1, `growth` above 1 and `n_steps` at least 1; got "
                f"{self.first!r}, {self.growth!r} and {self.n_steps!r}"
            )
            raise ParameterError(message)

    def started(self, problem: Problem, parameters: Any) -> Any:
        from emkit.core.loop import climb
        from emkit.core.solvers.em import EM
        from emkit.core.stopping import Budget

        assign, power, number = assigning(problem.model, self), self.first, 0
        while power < 1:
            parameters = self._shaken(problem, assign(Drawn(self.seed, number, power)), parameters)
            own = Problem(assign(Tempered(power)), problem.source)
            ended = climb(own, own.evaluate(parameters), EM(), tol=_TOL, budget=Budget(self.n_steps))
            problem.n_e_steps += own.n_e_steps
            if ended.point.is_finite:
                parameters = ended.point.parameters
            power, number = power * self.growth, number + 1
        return parameters

    def _shaken(self, problem: Problem, drawn: Any, parameters: Any) -> Any:
        """Return the parameters after one drawn E-step: components that have become one could never part without."""
        own = Problem(drawn, problem.source)
        try:
            moved = own.em_step(own.evaluate(parameters))
            is_finite = problem.evaluate(moved).is_finite
        except OFF_CHART:
            return parameters
        finally:
            problem.n_e_steps += own.n_e_steps
        return moved if is_finite else parameters

    def begin(self, problem: Problem, point: Point) -> Any:
        return self.then.begin(problem, point)

    def kept(self, memory: Any, *, is_torn: bool) -> Any:
        return self.then.kept(memory, is_torn=is_torn)

    def step(self, problem: Problem, point: Point, memory: Any) -> Move:
        return self.then.step(problem, point, memory)


_TOL = 1e-2  # at a power below one: rough, since the next power moves on
