"""Stochastic EM (Celeux & Diebolt 1985, Computational Statistics Quarterly 2:73)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from emkit.core.assignments import Drawn
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import OFF_CHART, Move, Solver, assigning
from emkit.core.solvers.squarem import Squarem
from emkit.errors import ParameterError

__all__ = ["StochasticEM"]


@dataclass(frozen=True)
class _Memory:
    number: int
    chain: Any  # the parameters at which the chain stands
    inner: Any = None


@dataclass(frozen=True)
class StochasticEM(Solver):
    """Components of the rows are drawn, not expected, for some steps; then another solver climbs from the best point.

    The draws let the climb leave poor optima and saddles. They make a chain that does not converge: the point reported
    is the best that the chain has visited, so that the log-likelihood never falls. Two E-steps per draw. The model must
    offer `assigning`, as finite mixtures do.

    Parameters
    ----------
    n_draws : int, default 30
        Steps of the chain.
    then : Solver, default `Squarem(warm_up=5)`
    seed : int, default 0
        Of the draws, which depend on nothing else.
    """

    n_draws: int = 30
    then: Solver = field(default_factory=lambda: Squarem(warm_up=5))
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.n_draws >= 1:
            message = f"`n_draws` must be at least 1, got {self.n_draws!r}"
            raise ParameterError(message)

    def begin(self, problem: Problem, point: Point) -> _Memory:
        assigning(problem.model, self)
        return _Memory(0, point.parameters)

    def kept(self, memory: Any, *, is_torn: bool) -> Any:
        inner = memory.inner
        return memory if inner is None else replace(memory, inner=self.then.kept(inner, is_torn=is_torn))

    def step(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        if memory.number >= self.n_draws:
            inner = self.then.begin(problem, point) if memory.inner is None else memory.inner
            move = self.then.step(problem, point, inner)
            return replace(move, memory=replace(memory, inner=move.memory))
        here = self._drawn(problem, memory)
        after = here if here is not None and here.objective > point.objective else point
        chain = point.parameters if here is None else here.parameters
        return Move(after, _Memory(memory.number + 1, chain), 1.0, after is here, float("inf"))

    def _drawn(self, problem: Problem, memory: _Memory) -> Point | None:
        """Return the next point of the chain, or None where a draw left a component without rows."""
        drawn = Problem(assigning(problem.model, self)(Drawn(self.seed, memory.number)), problem.source)
        try:
            found = problem.evaluate(drawn.em_step(drawn.evaluate(memory.chain)))
        except OFF_CHART:
            return None
        finally:
            problem.n_e_steps += drawn.n_e_steps
        return found if found.is_finite else None
