"""Stepwise EM (Cappe & Moulines 2009, JRSS B 71:593): an M-step after every batch of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from emkit.core.parameters import n_free
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver
from emkit.core.solvers.em import EM
from emkit.errors import ParameterError

__all__ = ["Online"]


@dataclass(frozen=True)
class _Memory:
    n_batches: int = 0
    is_over: bool = False  # whether passes gain nothing more, and `then` goes on
    then: Any = None


@dataclass(frozen=True)
class Online(Solver):
    """One pass of stepwise EM per iteration: few passes where there are many rows.

    The statistics S are those of a decaying past: after batch t, S = (1 - g) S + g W s / w, where s are the statistics
    of the batch, w its weight, W that of all rows, and g = (t + offset)^-exponent; then an M-step. S is averaged over
    the later part of the pass, and the M-step on the average ends it. Then an ordinary E-step over all rows finds the
    log-likelihood there; a pass that lowered it is undone by a plain EM step. Stepwise EM ends within about one unit
    of log-likelihood per free parameter of the optimum, so after a pass that gained less `then` goes on. What
    "converged" means is what it means for every solver; a fit cut short after a pass or two (`max_iter=2`) has the
    status `max_iter`. Rows should be in random order; batches are taken as they lie.

    Parameters
    ----------
    batch_rows : int, default 1024
        Rows of a batch, whole sequences of them where rows are sequences; whole blocks where they are not rows.
    exponent : float, default 0.6
        How fast the past fades, above 0.5 and at most 1; 1 forgets nothing but learns slowly.
    offset : float, default 2.0
        At least 0; more makes the first steps shorter.
    average_from : float, default 0.5
        Part of the pass after which statistics are averaged (Polyak & Ruppert); 1 for the last alone.
    then : Solver, default EM()
        Goes on when passes gain too little.
    """

    batch_rows: int = 1024
    exponent: float = 0.6
    offset: float = 2.0
    average_from: float = 0.5
    then: Solver = field(default_factory=EM)

    def __post_init__(self) -> None:
        for name, is_right, rule in (
            ("batch_rows", self.batch_rows >= 1, "at least 1"),
            ("exponent", 0.5 < self.exponent <= 1, "above 0.5 and at most 1"),
            ("offset", self.offset >= 0, "at least 0"),
            ("average_from", 0 <= self.average_from <= 1, "between 0 and 1"),
        ):
            if not is_right:
                message = f"`{name}` must be {rule}, got {getattr(self, name)!r}"
                raise ParameterError(message)

    def weight_of(self, n_batches: int) -> float:
        """Return the weight g of batch number `n_batches`, counted from 1."""
        return float((n_batches + self.offset) ** -self.exponent)

    def mixed(self, past: Any, fresh: Any, n_batches: int) -> Any:
        """Return the statistics of past and fresh rows together, both as if of the same weight."""
        g = self.weight_of(n_batches)
        return fresh * g + past * (1 - g)  # the fresh ones first: what they share (an origin) is the nearer one

    def begin(self, problem: Problem, point: Point) -> _Memory:
        return _Memory()

    def step(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        if memory.is_over:
            then = self.then.begin(problem, point) if memory.then is None else memory.then
            move = self.then.step(problem, point, then)
            return replace(move, memory=replace(memory, then=move.memory))
        parameters, n_batches = self._pass(problem, point, memory.n_batches)
        trial = problem.evaluate(parameters)
        gain = trial.objective - point.objective
        later = _Memory(n_batches, is_over=not gain > n_free(parameters))
        if trial.is_finite and gain > point.noise:
            return Move(trial, later, 1.0, True, float("inf"))  # what is left to gain is not for passes to tell
        return Move(problem.evaluate(problem.em_step(point)), later, 1.0, False, float("nan"))

    def _pass(self, problem: Problem, point: Point, t: int) -> tuple[Any, int]:
        """Go over all rows once; return the parameters at the end and the number of batches so far."""
        problem.n_e_steps += 1
        model, whole = problem.model, float(problem.source.total_weight)
        past, parameters = point.statistics, point.parameters
        begin = self.average_from * whole
        seen, n_averaged, total = 0.0, 0, past
        for batch in _batches(problem.source, self.batch_rows):
            own = model.e_step(parameters, batch)
            if not own.weight > 0:
                continue
            t, seen = t + 1, seen + float(own.weight)
            past = self.mixed(past, own * (whole / float(own.weight)), t)
            parameters = model.m_step(past, parameters)
            if seen >= begin:
                total, n_averaged = past if n_averaged == 0 else past + total, n_averaged + 1
        return model.m_step(total * (1 / max(1, n_averaged)), parameters), t


def _batches(source: Any, n_rows: int) -> Iterator[Any]:
    """Yield the blocks in batches of rows, or of whole sequences; whole where a block cannot be cut."""
    for block in source.blocks():
        parts = getattr(block, "parts", None)
        yield from (block,) if parts is None else parts(n_rows)
