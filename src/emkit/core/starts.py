"""Many starts: short climbs from each, the promising ones to the end, and a report of what they found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

from emkit.core.climb import Climb
from emkit.core.ledger import NO_LEDGER, Ended, Ledger, Leg, recalled
from emkit.core.loop import Watcher, climb
from emkit.core.parameters import n_free
from emkit.core.problem import Problem
from emkit.core.solvers.base import Solver
from emkit.core.status import Status
from emkit.core.stopping import Budget, gain_left
from emkit.core.trace import Iteration, Trace

__all__ = ["Optimum", "Search", "StartReport", "search"]

SHORT = (6, 12)  # iterations after which runs that are about to meet are merged; solvers still warm up, by plain EM
ROUND = 8  # starts looked at together
UNANIMOUS = 16  # if so many agree, no more are tried; a model may name another number
ENOUGH_STARTS = 128  # after this many the best optimum is believed ...
ENOUGH_HITS = 8  # ... if this many starts have reached it; a search may ask for more
_RARE = 2
SAME_OPTIMUM = 1e-3  # objectives closer than this are one optimum
RUNNERS_UP = 32  # ends of starts on a sample, after the best, that may turn out better on all rows
PARALLEL_ROWS = 4096  # below this many rows a start is too quick for threads to pay


@dataclass(frozen=True)
class Optimum:
    """An optimum that some starts reached.

    Parameters
    ----------
    objective : float
        Log-likelihood plus log prior there.
    n_hits : int
        Starts that ended there.
    collapse : str
        What has collapsed there, empty for a proper optimum.
    """

    objective: float
    n_hits: int
    collapse: str = ""


@dataclass(frozen=True)
class StartReport:
    """What the starts found: distinct optima, best first, degenerate ones last."""

    n_starts: int
    optima: tuple[Optimum, ...]

    @property
    def n_best(self) -> int:
        """Return how many starts reached the best proper optimum."""
        return self.optima[0].n_hits if self.optima else 0

    @property
    def doubt(self) -> str:
        """Return a sentence if many starts were tried and hardly any reached the best optimum, else nothing."""
        if self.n_starts < ENOUGH_STARTS or self.n_best > _RARE:
            return ""
        noun = "start" if self.n_best == 1 else "starts"
        return (
            f"Only {self.n_best} of {self.n_starts} {noun} reached this optimum, so there may be a better one. "
            "Try more starts, or fewer components."
        )

    @property
    def sentence(self) -> str:
        """Return the report in words."""
        degenerate = sum(o.n_hits for o in self.optima if o.collapse)
        tail = f"; {degenerate} collapsed" if degenerate else ""
        found = "the only optimum" if len(self.optima) == 1 else f"the best of {len(self.optima)} optima"
        return f"{self.n_best} of {self.n_starts} starts reached {found}{tail}"


@dataclass(frozen=True)
class Search:
    """The best climb of a search, the report, and the E-steps spent on all starts; and where the next best ended."""

    best: Climb
    report: StartReport
    n_e_steps: int
    runners_up: tuple[Any, ...] = ()


@dataclass(frozen=True)
class _Run:
    """One start on its way: its climb so far and the problem that counts its E-steps."""

    index: int
    climb: Climb
    problem: Problem

    @property
    def rank(self) -> tuple[bool, float]:
        objective = self.climb.point.objective
        return (not self.climb.is_degenerate, objective if math.isfinite(objective) else -math.inf)

    @cached_property
    def promise(self) -> float:
        """Return the objective at which this climb would end if its gains go on shrinking as they do."""
        gains = self.climb.trace.objective
        if len(gains) < 3 or self.climb.status is Status.CONVERGED:
            return self.climb.point.objective
        left = gain_left(float(gains[-1] - gains[-2]), float(gains[-2] - gains[-3]))
        return self.climb.point.objective + left


def search(
    make_problem: Callable[[], Problem],
    draw: Callable[[int], Any],
    *,
    n_starts: int,
    n_agreeing: int | None,
    n_believed: int | None = None,
    n_enough: int = ENOUGH_HITS,
    n_ends: int | None = None,
    solver: Solver,
    tol: float,
    budget: Budget,
    watch: Watcher | None = None,
    n_threads: int = 1,
    ledger: Ledger = NO_LEDGER,
    is_sample: bool = False,
    short: tuple[int, ...] = SHORT,
) -> Search:
    """Climb from the starts `draw(0), draw(1), ...` and return the best end.

    Starts are taken in rounds. Each makes a short climb; ends that are about to meet are followed once. With
    `n_agreeing` that many starts are believed if they all agree, with `n_believed` that many if they are half of all,
    and after 128 starts `n_enough` that did; otherwise all `n_starts` are looked at. On a sample of many
    rows half of `n_agreeing`, if they are half of all, are enough where every other end is far below. With `n_ends`
    only so many of a round go on after their short climbs, those that promise most (Biernacki, Celeux & Govaert 2003,
    CSDA 41:561).
    Climbs that the ledger knows are not made again.
    """
    camp = _Camp(watch, n_threads)
    ended: list[_Run] = []
    merged: dict[int, int] = {}  # start -> the start whose climb stands for it
    try:
        for first in range(0, n_starts, ROUND):
            indices = range(first, min(first + ROUND, n_starts))
            runs = camp.each(lambda i: _begun(make_problem(), draw, i, solver, ledger), indices)
            for stage, limit in enumerate((*short, budget.max_iter), 1):
                limits = replace(budget, max_iter=min(limit, budget.max_iter))
                book = _Book(ledger, stage)
                go_on = partial(_further, solver=solver, tol=tol, budget=limits, watch=camp.watch, book=book)
                runs = camp.each(go_on, runs)
                runs = _leaders(runs, ended, merged)
                if n_ends is not None and stage == len(short):
                    runs = sorted(runs, key=_hope, reverse=True)[:n_ends]
            ended += runs
            ledger.settle(indices.stop, tuple(run.index for run in _first(ended)))
            is_plain = is_sample and _is_plain(ended, merged, n_agreeing)
            if is_plain or _is_settled(ended, merged, n_agreeing, n_believed, n_enough):
                break
    except _Halt as halt:
        return camp.cut_short(halt.status, ended, merged)
    best, *others = _first(ended)
    least = best.climb.point.objective - n_free(best.climb.point.parameters)  # by so much a sample may mislead
    runners_up = tuple(
        run.climb.point.parameters
        for run in others
        if not run.climb.is_degenerate and run.climb.point.objective >= least
    )
    return Search(best.climb, _report(ended, merged), camp.n_e_steps, runners_up)


def _hope(run: _Run) -> tuple[bool, float]:
    return run.rank[0], run.promise if math.isfinite(run.climb.point.objective) else -math.inf


def _first(ended: Sequence[_Run]) -> list[_Run]:
    """Return the best few of the runs that have ended, best first."""
    return sorted(ended, key=lambda run: run.rank, reverse=True)[: 1 + RUNNERS_UP]


_STOPS = (Status.INTERRUPTED, Status.STOPPED, Status.MAX_SECONDS)


class _Halt(Exception):
    """A signal, not an error: the whole search ends here."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class _Camp:
    """All runs of a search as they stand; the first that is told to stop, or Ctrl-C, stops them all."""

    def __init__(self, watch: Watcher | None, n_threads: int) -> None:
        self._told = watch
        self._n_threads = n_threads
        self._is_halted = False
        self._runs: dict[int, _Run] = {}

    @property
    def watch(self) -> Watcher | None:
        """What climbs in threads are watched by: they end at their next iteration when the search is halted."""
        if self._n_threads <= 1:
            return self._told
        told = self._told
        return lambda row: True if self._is_halted else told is not None and told(row) is True

    @property
    def n_e_steps(self) -> int:
        """E-steps spent on all starts."""
        return sum(run.problem.n_e_steps for run in self._runs.values())

    def each(self, task: Callable[[Any], _Run], items: Sequence[Any]) -> list[_Run]:
        """Run independent tasks, in threads where asked, and return their results in order."""
        try:
            if self._n_threads <= 1 or len(items) <= 1:
                return [self._noted(task(item)) for item in items]
            return self._in_threads(task, items)
        except KeyboardInterrupt:
            if not self._runs:  # nothing is known yet that could be returned
                raise
            raise _Halt(Status.INTERRUPTED) from None

    def _in_threads(self, task: Callable[[Any], _Run], items: Sequence[Any]) -> list[_Run]:
        with ThreadPoolExecutor(self._n_threads) as pool, self._halting():
            futures: list[Future[_Run]] = []
            try:
                futures.extend(pool.submit(task, item) for item in items)
                return [self._noted(future.result()) for future in futures]
            except BaseException:
                self._is_halted = True
                for future in futures:
                    if not future.cancel() and future.exception() is None:
                        self._keep(future.result())
                raise

    @contextmanager
    def _halting(self) -> Iterator[None]:
        """Halt all runs on the way out of an error: a second Ctrl-C may come before the first has been heeded."""
        try:
            yield
        except BaseException:
            self._is_halted = True
            raise

    def _noted(self, run: _Run) -> _Run:
        self._keep(run)
        if run.climb.status in _STOPS:
            raise _Halt(run.climb.status)
        return run

    def _keep(self, run: _Run) -> None:
        self._runs[run.index] = run

    def cut_short(self, status: Status, ended: Sequence[_Run], merged: dict[int, int]) -> Search:
        """Return the best run as it stands, with the status that ended the search."""
        best = max(self._runs.values(), key=lambda run: run.rank)
        known = ended if any(run.index == best.index for run in ended) else [*ended, best]
        optima = _report(known, {at: leader for at, leader in merged.items() if at != best.index}).optima
        return Search(replace(best.climb, status=status), StartReport(len(self._runs), optima), self.n_e_steps)


class _Book(NamedTuple):
    """The ledger, open at one stage."""

    ledger: Ledger
    stage: int


def _begun(problem: Problem, draw: Callable[[int], Any], index: int, solver: Solver, ledger: Ledger) -> _Run:
    leg = Leg(index, 0)
    known = ledger.ended(leg)
    if known is not None:
        return _recalled(_Run(index, known.climb, problem), known)
    point = problem.evaluate(solver.started(problem, draw(index)))
    status = Status.MAX_ITER if point.is_finite else Status.NOT_FINITE
    row = Iteration(0, 1, point.objective, 1.0, True, 0.0, index, "short")
    begun = Climb(point, status, Trace.of([row]), 0, solver.begin(problem, point))
    ledger.finish(leg, Ended(begun, problem.n_e_steps))
    return _Run(index, begun, problem)


def _recalled(run: _Run, known: Ended) -> _Run:
    run.problem.n_e_steps = known.n_e_steps
    return replace(run, climb=known.climb)


def _further(run: _Run, solver: Solver, tol: float, budget: Budget, watch: Watcher | None, book: _Book) -> _Run:
    """Go on climbing to `budget.max_iter` iterations in all, as if the climb had never been looked at."""
    before = run.climb
    if before.status not in (Status.MAX_ITER, Status.DEGENERATE) or before.n_iter >= budget.max_iter:
        return run
    leg = Leg(run.index, book.stage)
    own = replace(budget, max_iter=budget.max_iter - before.n_iter)
    known = recalled(book.ledger, leg, own)
    if known is not None:
        return _recalled(run, replace(known, climb=_joined(before, known.climb)))
    later = climb(
        run.problem,
        before.point,
        solver,
        tol=tol,
        budget=own,
        memory=before.memory,
        watch=watch,
        tag=(run.index, "short" if budget.max_iter <= SHORT[-1] else "end"),
        ledger=book.ledger,
        leg=leg,
    )
    return replace(run, climb=_joined(before, later))


def _joined(before: Climb, later: Climb) -> Climb:
    return replace(later, trace=before.trace.joined(later.trace), n_iter=before.n_iter + later.n_iter)


def _leaders(runs: Sequence[_Run], ended: Sequence[_Run], merged: dict[int, int]) -> list[_Run]:
    """Return the runs worth following: of those about to end at the same objective only the first."""
    leaders: list[_Run] = []
    for run in runs:
        twin = next((other for other in (*leaders, *ended) if _is_same_end(run, other)), None)
        if twin is None:
            leaders.append(run)
        else:
            merged[run.index] = twin.index
    return leaders


def _is_same_end(run: _Run, other: _Run) -> bool:
    """Tell whether two short climbs are so close to their ends, and the ends so close, that one stands for both."""
    gaps = (run.promise - run.climb.point.objective, other.promise - other.climb.point.objective)
    is_near = all(gap < SAME_OPTIMUM for gap in gaps)
    return is_near and abs(run.promise - other.promise) < SAME_OPTIMUM


def _is_settled(
    ended: Sequence[_Run], merged: dict[int, int], n_agreeing: int | None, n_believed: int | None, n_enough: int
) -> bool:
    """Tell whether more starts are unlikely to find better: all agree, or many have been tried and some agree.

    Collapsed ends are no evidence for or against a proper one; many of them and nothing else are.
    """
    if n_agreeing is None:
        return False
    report = _report(ended, merged)
    proper = [optimum for optimum in report.optima if not optimum.collapse]
    if report.n_starts < ENOUGH_STARTS:
        is_finished = all(run.climb.status in (Status.CONVERGED, Status.DEGENERATE) for run in ended)
        is_common = n_believed is not None and bool(proper) and proper[0].n_hits >= max(n_believed, report.n_starts / 2)
        return is_common or (is_finished and len(proper) == 1 and proper[0].n_hits >= n_agreeing)
    return not proper or proper[0].n_hits >= n_enough


def _is_plain(ended: Sequence[_Run], merged: dict[int, int], n_agreeing: int | None) -> bool:
    """Tell whether half of the starts on a large sample reached the best optimum and none came near it elsewhere.

    Near is within one unit of log-likelihood for each free parameter: by so much the sample may mislead.
    """
    if n_agreeing is None:
        return False
    best = _first(ended)[0].climb.point
    report = _report(ended, merged)
    first, *others = report.optima
    is_common = first.n_hits >= max(n_agreeing / 2, report.n_starts / 2)
    least = best.objective - n_free(best.parameters)
    return not first.collapse and is_common and all(other.collapse or other.objective < least for other in others)


def _report(ended: Sequence[_Run], merged: dict[int, int]) -> StartReport:
    """Group the ends into distinct optima."""
    weight = {run.index: 1 for run in ended}
    for leader in merged.values():
        while leader in merged:  # a run may stand for others and then be stood for itself
            leader = merged[leader]  # noqa: PLW2901
        weight[leader] = weight.get(leader, 0) + 1
    optima: list[Optimum] = []
    for run in sorted(ended, key=lambda run: run.rank, reverse=True):
        objective, collapse, hits = run.climb.point.objective, run.climb.collapse, weight[run.index]
        last = optima[-1] if optima else None
        if last and bool(last.collapse) == bool(collapse) and abs(last.objective - objective) < SAME_OPTIMUM:
            optima[-1] = replace(last, n_hits=last.n_hits + hits)
        else:
            optima.append(Optimum(objective, hits, collapse))
    return StartReport(sum(weight.values()), tuple(optima))
