"""The way to a fit: prepared data, starts that compete, the climb of the best, the record of the result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from emkit.core.checkpoint import FileLedger, as_checkpoint
from emkit.core.climb import Climb
from emkit.core.fit import Fit
from emkit.core.identity import Identity, generator_from
from emkit.core.ledger import LAST_LEG, NO_LEDGER, Ledger, Leg, recalled
from emkit.core.loop import Watcher, climb
from emkit.core.model import Model, Offer, bare, offered
from emkit.core.parameters import check_parameters, n_free
from emkit.core.problem import Problem
from emkit.core.solvers import QuasiNewton, Solver, Squarem, Strides
from emkit.core.starts import ENOUGH_HITS, PARALLEL_ROWS, SHORT, UNANIMOUS, Optimum, Search, StartReport, search
from emkit.core.status import Status
from emkit.core.stopping import Budget
from emkit.errors import ParameterError
from emkit.randomness import generator_of

__all__ = ["auto_solver", "maximise"]

S = TypeVar("S")

SCREEN_ROWS = 16384  # starts are compared on at most this many rows; the winner then climbs on all of them
STRIDE_ROWS = 4096  # above, Python's part of an E-step is small, and `QuasiNewton` takes fewer where a climb is hard
MAX_STARTS = 256
MIN_STARTS = 4
CHEAP_HITS = 32  # in place of `ENOUGH_HITS` where a start costs next to nothing: rare optima are then looked for longer
SECOND_CHANCES = 4  # climbs on all rows from other ends of a search on a sample, while the best collapses
_TOLD_TO_STOP = (Status.INTERRUPTED, Status.STOPPED, Status.MAX_SECONDS)
DEAR_WORK = 1e6  # rows times parameters from which a start costs a good part of a second, and ...
DEAR_HITS = 24  # ... so many starts are believed if they are half of all: a basin of 5 % is then missed once in twelve
_STARTS_WORK = 4e8  # rows times parameters that the short climbs may touch, all starts together
_DIFFERENCED_LIMIT = 200  # above this many parameters a differenced score costs more than it saves


def maximise(
    model: Model,
    source: Any,
    *,
    start: Any = None,
    solver: Solver | Literal["auto"] = "auto",
    n_starts: int | Literal["auto"] = "auto",
    n_ends: int | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    max_e_steps: int | None = None,
    max_seconds: float | None = None,
    rng: Any = None,
    on_iteration: Watcher | None = None,
    checkpoint: Any = None,
) -> Fit:
    """Fit a model to a source by maximum likelihood, or maximum a posteriori where it has a prior.

    Parameters
    ----------
    model : Model
    source : Source
    start : Parameters or tuple of them, optional
        Climb from here alone; of several starts the best end is taken. `n_starts` is then not used.
    solver : Solver or "auto"
        "auto" is `QuasiNewton` where the model has a score to be had at a fair price, and `Squarem` otherwise.
    n_starts : int or "auto"
        "auto" stops after sixteen starts that agree (or as many as the model says), or after 128 if eight of them
        reached the best optimum, or after 256 (fewer where an E-step is expensive). Where there are more than 16384
        rows, starts compete on a random sample of that many and the winner climbs on all; half of that agreement is
        then enough if it is half of all and no other end is near.
    n_ends : int, optional
        Of each eight starts, climb to the end from so many alone, those that promise most after a short climb; by
        default from all that differ.
    tol : float, default 1e-6
        Objective still to be gained, as predicted, at which to stop. See `Convergence`.
    max_iter, max_e_steps, max_seconds : numbers, optional
        Limits of each climb, each climb and the whole fit.
    rng : Generator, int or None
        Seeds the starts and nothing else.
    on_iteration : callable, optional
        Called with an `Iteration` after each step; returning True stops the fit.
    checkpoint : path or Checkpoint, optional
        Keep the fit in this file while it runs, and go on from it where it exists.

    Raises
    ------
    ParameterError
        If `start` is outside its spaces or an option is out of range.
    SavedFitError
        If the checkpoint is that of another fit, or cannot be read or written.
    """
    if solver != "auto" and not isinstance(solver, Solver):
        message = f'`solver` must be "auto" or a solver such as `emkit.EM()` or `emkit.QuasiNewton()`, got {solver!r}'
        raise ParameterError(message)
    _check_options(tol, on_iteration, start)
    began, given = time.perf_counter(), source
    starts = () if start is None else start if isinstance(start, tuple) else (start,)
    for one in starts:
        check_parameters(one)
    budget = Budget(max_iter, max_e_steps, max_seconds)
    generator = generator_of(rng, "rng")
    ledger: FileLedger | None = None
    if checkpoint is not None:
        options = {"solver": solver, "tol": float(tol), "n_starts": n_starts, "start": start}
        identity = Identity.of(model, source, options, generator, rng)
        ledger = FileLedger.opened(as_checkpoint(checkpoint), identity)
        generator = generator_from(ledger.identity.rng)
    model, source = _prepared(model, source)
    climbed = model if solver == "auto" else solver.seen(model)
    hill = _Hill(climbed, source, solver, tol, budget, on_iteration, ledger or NO_LEDGER, n_ends)
    if len(starts) > 1:
        found = hill.from_several(starts)
    else:
        found = hill.from_one(starts[0]) if starts else hill.from_many(n_starts, generator)
    if ledger is not None:
        ledger.keep()
    return replace(_finished(hill, found, began, model), source=source, given=given)


def _check_options(tol: Any, on_iteration: Any, start: Any) -> None:
    if not isinstance(tol, (int, float, np.integer, np.floating)) or not tol >= 0:
        message = f"`tol` must be at least 0, got {tol!r}"
        raise ParameterError(message)
    if on_iteration is not None and not callable(on_iteration):
        message = f"`on_iteration` must be a function that takes an iteration, or None, got {on_iteration!r}"
        raise ParameterError(message)
    starts = start if isinstance(start, tuple) else (start,)
    if start is not None and (not starts or any(isinstance(one, type) or not is_dataclass(one) for one in starts)):
        message = f"`start` must be parameters of this model, as in `fit.parameters`, got {start!r}"
        raise ParameterError(message)


@dataclass(frozen=True)
class _Hill:
    """What all climbs of one fit share."""

    model: Model
    source: Any
    solver: Solver | Literal["auto"]
    tol: float
    budget: Budget
    watch: Watcher | None
    ledger: Ledger = NO_LEDGER
    n_ends: int | None = None

    def chosen(self, parameters: Any) -> Solver:
        return auto_solver(self.model, parameters, self.source) if self.solver == "auto" else self.solver

    def from_one(self, start: Any) -> Search:
        """Climb on all the data from one start."""
        begun = Problem(self.model, self.source)
        done, n_e_steps = self._climbed(self.chosen(start).started(begun, start), LAST_LEG)
        own = StartReport(1, (Optimum(done.point.objective, 1, done.collapse),))
        return Search(done, own, begun.n_e_steps + n_e_steps)

    def from_several(self, starts: tuple[Any, ...]) -> Search:
        """Climb on all the data from several starts."""
        return search(
            lambda: Problem(self.model, self.source),
            lambda index: starts[index],
            n_starts=len(starts),
            n_agreeing=None,
            n_ends=self.n_ends,
            solver=self.chosen(starts[0]),
            short=self._short(starts[0]),
            tol=self.tol,
            budget=self.budget,
            watch=self.watch,
            ledger=self.ledger,
        )

    def from_best(self, found: Search, scale: float) -> Search:
        """Climb on all the data from the best of a search on a sample, and from the next best while it collapses.

        All rows weigh `scale` times as much as the sample: what its climb has learned of the curvature is carried over.
        """
        best, ended = None, found.best
        try:
            starts, spent = self._by_all_rows(found)
        except KeyboardInterrupt:
            return self._carried_over(replace(found, best=replace(found.best, status=Status.INTERRUPTED)))
        for stage, start in enumerate(starts[: 1 + SECOND_CHANCES]):
            memory = (ended.memory, scale) if start is ended.point.parameters and ended.memory is not None else None
            done, n_e_steps = self._climbed(start, Leg(LAST_LEG.start, stage), memory)
            spent += n_e_steps
            if best is None or _rank(done) > _rank(best):
                best = done
            if not done.is_degenerate or done.status in _TOLD_TO_STOP:
                break
        assert best is not None, "there is a best start"
        return Search(best, found.report, spent)

    def _by_all_rows(self, found: Search) -> tuple[list[Any], int]:
        """Return where the best starts ended, best first, and the E-steps spent so far.

        Where the sample leaves in doubt which is best, all rows are asked: an end that fits the accidents of the sample
        gains on it a unit of log-likelihood per free parameter or less, and loses that again here.
        """
        ends = [found.best.point.parameters, *found.runners_up]
        if not found.report.doubt or len(ends) == 1:
            return ends, found.n_e_steps
        problem = Problem(self.model, self.source)
        values = np.array([problem.evaluate(end).objective for end in ends])
        order = np.argsort(-np.where(np.isfinite(values), values, -np.inf), kind="stable").tolist()
        return [ends[i] for i in order], found.n_e_steps + problem.n_e_steps

    def _climbed(self, start: Any, leg: Leg, learned: tuple[Any, float] | None = None) -> tuple[Climb, int]:
        """Return a climb on all the data, and the E-steps it took; `learned` is a memory and its scale."""
        known = recalled(self.ledger, leg, self.budget)
        if known is not None:
            return known.climb, known.n_e_steps
        problem = Problem(self.model, self.source)
        at = self.ledger.standing(leg)
        point = problem.evaluate(start) if at is None else at.point
        solver = self.chosen(start)
        done = climb(
            problem,
            point,
            solver,
            tol=self.tol,
            budget=self.budget,
            memory=solver.carried(problem, point, *learned) if learned is not None and at is None else None,
            watch=self.watch,
            ledger=self.ledger,
            leg=leg,
        )
        return done, problem.n_e_steps

    def from_many(self, n_starts: int | Literal["auto"], rng: np.random.Generator) -> Search:
        """Let many starts compete, on a sample of the rows where there are many, and climb from the best."""
        is_adaptive = n_starts == "auto"
        is_whole = isinstance(n_starts, (int, np.integer)) and not isinstance(n_starts, bool)
        if not is_adaptive and not (is_whole and int(n_starts) >= 1):
            message = f'`n_starts` must be a positive integer or "auto", got {n_starts!r}'
            raise ParameterError(message)
        is_large = self.source.n_rows > SCREEN_ROWS and n_starts != 1
        screen = _OneBlock(self.source.sample(SCREEN_ROWS, rng)) if is_large else self.source
        draw = _drawer(self.model, screen, rng)
        first = draw(0)
        solver = self.chosen(first)
        believed: int | None = getattr(self.model, Offer.BELIEF, None)
        limit = self._most(first, screen.n_rows) if n_starts == "auto" else int(n_starts)
        n_threads = getattr(self.source, "n_threads", 1) if screen.n_rows >= PARALLEL_ROWS and limit > 1 else 1
        found = search(
            lambda: Problem(self.model, screen),
            lambda index: first if index == 0 else draw(index),
            n_starts=limit,
            n_agreeing=getattr(self.model, Offer.AGREEMENT, UNANIMOUS) if is_adaptive else None,
            n_believed=believed if n_free(first) * screen.n_rows <= DEAR_WORK else believed or DEAR_HITS,
            n_ends=self.n_ends,
            n_enough=believed or (CHEAP_HITS if isinstance(solver, Strides) else ENOUGH_HITS),
            solver=solver,
            short=self._short(first),
            tol=self.tol,
            budget=self.budget,
            watch=self.watch,
            n_threads=n_threads,
            ledger=self.ledger,
            is_sample=is_large,
        )
        if not is_large or found.best.status in (Status.INTERRUPTED, Status.STOPPED):
            return found if not is_large else self._carried_over(found)
        return self.from_best(found, self.source.total_weight / screen.total_weight)

    def _short(self, first: Any) -> tuple[int, ...]:
        """Return after how many iterations starts are compared: once where a look costs more than what it saves."""
        return SHORT[-1:] if isinstance(self.chosen(first), Strides) else SHORT

    def _most(self, first: Any, n_rows: int) -> int:
        """Return how many starts are tried at most where nobody says."""
        return min(_affordable(first, n_rows), int(getattr(self.model, Offer.MOST, MAX_STARTS)))

    def _carried_over(self, found: Search) -> Search:
        """Return a search cut short on a sample with its best point evaluated on all the data."""
        problem = Problem(self.model, self.source)
        best = replace(found.best, point=problem.evaluate(found.best.point.parameters))
        return Search(best, found.report, found.n_e_steps + 1)


def _rank(done: Climb) -> tuple[bool, float]:
    objective = done.point.objective
    return not done.is_degenerate, objective if math.isfinite(objective) else -math.inf


def auto_solver(model: Model, parameters: Any, source: Any) -> Solver:
    """Return the solver that serves a model best: `QuasiNewton` if its score is to be had at a fair price.

    `Strides` goes before it where the model has compiled EM steps for these rows.
    """
    strides = offered(model, Offer.STRIDES)
    if strides is not None and source.n_rows <= STRIDE_ROWS and strides(source) is not None:
        return Strides()
    if offered(model, Offer.SCORE) is not None:
        return QuasiNewton()
    has_q = offered(model, Offer.EXPECTED_LOGLIK) is not None
    return QuasiNewton() if has_q and n_free(parameters) <= _DIFFERENCED_LIMIT else Squarem()


def _prepared(model: Model, source: Any) -> tuple[Model, Any]:
    prepare = offered(model, Offer.PREPARE)
    return (model, source) if prepare is None else prepare(source)


def _drawer(model: Model, source: Any, rng: np.random.Generator) -> Callable[[int], Any]:
    """Return the function that draws start number i, from a generator of its own."""
    seeds = rng.bit_generator.seed_seq.spawn(1)[0]  # type: ignore[attr-defined]
    portfolio = offered(model, Offer.PORTFOLIO)
    kinds = None if portfolio is None else portfolio(source, rng)

    def draw(index: int) -> Any:
        own = np.random.SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, index))
        generator = np.random.Generator(np.random.PCG64(own))
        return model.start(source, generator) if kinds is None else kinds(generator, index)

    return draw


def _affordable(start: Any, n_rows: int) -> int:
    """Return how many starts fit the work that short climbs may cost; one parameter vector needs one start."""
    work = max(1, n_rows) * max(1, n_free(start))
    return int(min(MAX_STARTS, max(MIN_STARTS, _STARTS_WORK // work)))


class _OneBlock:
    """A source made of one block."""

    def __init__(self, block: Any) -> None:
        self._block = block
        self.n_rows = int(block.weights.shape[0])
        self.total_weight = float(block.weights.sum())
        self.n_threads = 1
        self.is_local = self.is_in_memory = True

    def reduce(self, f: Callable[[Any], S]) -> S:
        return f(self._block)

    def map(self, f: Callable[[Any], S]) -> list[S]:
        return [f(self._block)]

    def blocks(self) -> Iterator[Any]:
        yield self._block

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        return self._block


def _finished(hill: _Hill, found: Search, began: float, model: Model) -> Fit:
    """Put the winning climb into canonical order and make the record; `model` is what was asked for."""
    best = found.best
    point, spent = best.point, found.n_e_steps
    if hill.model is not model:  # the solver climbed an objective of its own
        observed = Problem(model, hill.source).evaluate(point.parameters)
        point, spent = replace(observed, objective=point.objective), spent + 1
    canonical = offered(model, Offer.CANONICAL)
    if canonical is not None:
        ordered = canonical(point.parameters)
        if ordered is not point.parameters:  # summing in another order changes the last digits of the log-likelihood
            again, spent = Problem(model, hill.source).evaluate(ordered), spent + 1
            point = again if hill.model is model else replace(again, objective=point.objective)
    remarks = offered(model, Offer.REMARKS)
    own = remarks(point.parameters) if remarks is not None else ()
    notes = tuple(note for note in (best.collapse, found.report.doubt) if note) + own
    return Fit(
        model=model,
        parameters=point.parameters,
        loglik=point.loglik,
        objective=point.objective,
        status=best.status,
        trace=best.trace,
        n_iter=best.n_iter,
        n_e_steps=spent,
        seconds=time.perf_counter() - began,
        starts=found.report,
        n_free=n_free(point.parameters) + int(getattr(bare(model), Offer.READ, 0)),
        weight=float(point.statistics.weight),
        notes=notes,
        ending=best,
    )
