"""Many starts: reproducible, honestly counted, and cut short at once when they are told to stop."""

import itertools
import signal
import threading
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import emkit
from emkit.core import EM, Optimum, Problem, QuasiNewton, Squarem, StartReport, Status, maximise
from emkit.core.climb import Climb
from emkit.core.hill import SCREEN_ROWS, _Hill
from emkit.core.starts import Search, _is_plain, _report
from emkit.core.stopping import Budget
from emkit.data import as_source
from emkit.mixture import FiniteMixture


@dataclass(frozen=True)
class Interrupted:
    """A model whose E-step number `at` (from one) is hit by Ctrl-C, once."""

    model: object
    at: int
    calls: list

    def __getattr__(self, name):
        return getattr(self.model, name)

    def e_step(self, parameters, block):
        self.calls.append(parameters)
        if len(self.calls) == self.at:
            raise KeyboardInterrupt
        return self.model.e_step(parameters, block)


def test_best_hill_is_found_and_both_are_reported(toy):
    fit = maximise(toy.TwoHills(), toy.source, n_starts=24, rng=3)
    assert fit.parameters.x == pytest.approx(2.0, abs=0.02)
    heights = [optimum.objective for optimum in fit.starts.optima]
    assert heights == pytest.approx([0.5, 0.0], abs=0.01)
    assert fit.starts.n_starts == 24
    assert sum(optimum.n_hits for optimum in fit.starts.optima) == 24
    assert fit.starts.n_best == fit.starts.optima[0].n_hits
    assert fit.starts.sentence == f"{fit.starts.n_best} of 24 starts reached the best of 2 optima"


def test_hits_are_those_of_the_starts_followed_one_by_one(toy):
    model = toy.TwoHills()
    begun = {}

    def watch(info):
        begun.setdefault(info.start, info.parameters.x[0])

    fit = maximise(model, toy.source, n_starts=24, rng=3, on_iteration=watch)
    ends = [maximise(model, toy.source, start=toy.Vector(np.array([x]))).loglik for x in begun.values()]
    assert len(ends) == 24
    assert fit.starts.n_best == sum(end > 0.4 for end in ends)


@pytest.mark.parametrize("n_starts", [1, 5, 8, 19])
def test_as_many_starts_as_asked_for(toy, n_starts):
    assert maximise(toy.TwoHills(), toy.source, n_starts=n_starts, rng=0).starts.n_starts == n_starts


def test_unanimous_starts_are_believed(toy):
    fit = maximise(toy.QuadraticWithQ(), toy.source, rng=0)
    assert fit.starts.n_starts == 16
    assert fit.starts.sentence == "16 of 16 starts reached the only optimum"


def test_model_says_how_many_starts_must_agree(toy):
    @dataclass(frozen=True)
    class Easy(toy.QuadraticWithQ):
        starts_to_agree = 8

    assert maximise(Easy(), toy.source, rng=0).starts.n_starts == 8


def test_model_says_how_many_starts_are_tried_at_most(toy):
    @dataclass(frozen=True)
    class Costly(toy.TwoHills):
        starts_at_most = 24

    assert maximise(Costly(), toy.source, rng=0).starts.n_starts == 24
    assert maximise(Costly(), toy.source, n_starts=40, rng=0).starts.n_starts == 40


def test_starts_that_disagree_make_the_search_longer(toy):
    assert maximise(toy.TwoHills(), toy.source, rng=0).starts.n_starts == 128


def test_collapsed_start_ranks_below_any_proper_one(toy):
    @dataclass(frozen=True)
    class Collapsing(toy.TwoHills):
        def degeneracy(self, parameters, statistics):
            return "Collapsed." if parameters.x[0] > 1 else ""

    fit = maximise(Collapsing(), toy.source, n_starts=16, rng=3)
    assert fit.is_converged
    assert fit.parameters.x == pytest.approx(-1.0, abs=0.02)
    assert fit.notes == ()
    proper, collapsed = fit.starts.optima
    assert (proper.collapse, collapsed.collapse) == ("", "Collapsed.")
    assert fit.starts.sentence.endswith(f"; {collapsed.n_hits} collapsed")


def test_portfolio_gets_the_number_of_the_start(toy):
    numbers = []

    @dataclass(frozen=True)
    class WithPortfolio(toy.TwoHills):
        def portfolio(self, source, rng):
            def draw(own_rng, index):
                numbers.append(index)
                return self.start(source, own_rng)

            return draw

    maximise(WithPortfolio(), toy.source, n_starts=10, rng=0)
    assert sorted(numbers) == list(range(10))


def same(left, right):
    assert left.parameters.x.tobytes() == right.parameters.x.tobytes()
    assert left.trace.objective.tobytes() == right.trace.objective.tobytes()
    assert (left.loglik, left.starts, left.n_e_steps) == (right.loglik, right.starts, right.n_e_steps)


@pytest.mark.parametrize("solver", [EM(), QuasiNewton(), Squarem()], ids=lambda s: type(s).__name__)
def test_same_seed_gives_the_same_bits(toy, solver):
    fits = [maximise(toy.TwoHillsWithQ(), toy.source, n_starts=9, rng=5, solver=solver) for _ in range(2)]
    same(*fits)
    same(fits[0], maximise(toy.TwoHillsWithQ(), toy.source, n_starts=9, rng=np.random.default_rng(5), solver=solver))


def test_other_seed_gives_other_starts(toy):
    ends = {maximise(toy.TwoHills(), toy.source, n_starts=1, rng=seed).trace.objective[0] for seed in range(6)}
    assert len(ends) == 6


@pytest.mark.parametrize("n_threads", [2, 3])
def test_starts_in_threads_give_the_same_bits(toy, n_threads):
    rows = np.zeros((5000, 1))  # enough for the starts to be spread over threads
    options = {"n_starts": 12, "rng": 2}
    alone = maximise(toy.TwoHillsWithQ(), as_source(rows, n_threads=1), **options)
    together = maximise(toy.TwoHillsWithQ(), as_source(rows, n_threads=n_threads), **options)
    same(alone, together)
    assert len(alone.starts.optima) == 2


def test_winner_on_a_sample_climbs_on_all_the_rows(toy):
    rows = np.zeros((40_000, 1))
    fit = maximise(toy.TwoHillsWithQ(), as_source(rows, n_threads=1), n_starts=8, rng=0)
    assert fit.is_converged
    assert fit.weight == 40_000
    assert fit.loglik == pytest.approx(40_000 * 0.5, rel=1e-2)


def test_budget_of_e_steps_is_that_of_each_climb(toy):
    """Starts that meet share one climb: what they spent before is not charged to its budget."""
    model = toy.QuadraticWithQ(slowest=1e-2)
    alone = maximise(model, toy.source, n_starts=1, rng=0)
    many = maximise(model, toy.source, n_starts=8, rng=0, max_e_steps=alone.n_e_steps + 15)
    assert many.is_converged


@pytest.mark.parametrize("at", [1 + 5, 40, 150, 250])
def test_interruption_ends_the_whole_search_with_the_best_so_far(toy, at):
    calls = []
    fit = maximise(Interrupted(toy.TwoHills(), at, calls), toy.source, n_starts=24, rng=3, solver=EM())
    assert fit.status is Status.INTERRUPTED
    assert len(calls) <= at + 1  # at most one more, for the canonical order
    assert fit.loglik == toy.TwoHills().e_step(fit.parameters, next(toy.source.blocks())).loglik
    seen = [toy.TwoHills().e_step(parameters, next(toy.source.blocks())).loglik for parameters in calls[: at - 1]]
    assert fit.loglik == max(seen)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_interruption_ends_a_search_in_threads(toy, n_threads):
    rows = as_source(np.zeros((5000, 1)), n_threads=n_threads)
    seen = itertools.count(1)  # which threads may share

    def watch(info):
        if next(seen) == 150:  # by then starts climb to the end, which these would not reach in a million steps
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # as Ctrl-C: the main thread waits

    model = toy.QuadraticWithQ(slowest=1e-6)
    fit = maximise(model, rows, n_starts=24, rng=3, solver=EM(), tol=0.0, max_iter=10**6, on_iteration=watch)
    assert fit.status is Status.INTERRUPTED
    assert next(seen) < 50_000
    assert fit.objective == model.e_step(fit.parameters, next(rows.blocks())).loglik


def test_starts_merged_twice_are_counted_once_each():
    end = SimpleNamespace(
        index=3, rank=(True, 1.0), climb=SimpleNamespace(point=SimpleNamespace(objective=1.0), collapse="")
    )
    report = _report([end], {0: 1, 1: 2, 2: 3, 4: 3})  # 0 met 1, then 1 met 2, then 2 met 3
    assert report == StartReport(5, (Optimum(1.0, 5),))


def _ends(toy, *objectives, collapse=""):
    """Runs of a model of one free parameter that have ended; all but the first may have collapsed."""
    return [
        SimpleNamespace(
            index=i,
            rank=(not (i and collapse), objective),
            climb=SimpleNamespace(
                point=SimpleNamespace(
                    objective=objective, parameters=toy.TwoHills().start(None, np.random.default_rng(0))
                ),
                collapse=collapse if i else "",
            ),
        )
        for i, objective in enumerate(objectives)
    ]


def test_half_of_the_starts_on_a_sample_are_enough_where_no_other_end_is_near(toy):
    met = dict.fromkeys(range(10, 17), 0)  # with the first run eight
    assert _is_plain(_ends(toy, 50.0), met, 16)
    assert _is_plain(_ends(toy, 50.0, 40.0), met, 16)
    assert not _is_plain(_ends(toy, 50.0, 49.5), met, 16)
    assert _is_plain(_ends(toy, 50.0, 49.5, collapse="fell"), met, 16)
    assert not _is_plain(_ends(toy, 50.0, *range(9)), met, 16)  # eight of seventeen
    assert not _is_plain(_ends(toy, 50.0), met, 18)
    assert not _is_plain(_ends(toy, 50.0), met, None)


def test_interruption_before_anything_is_known_surfaces(toy):
    with pytest.raises(KeyboardInterrupt):
        maximise(Interrupted(toy.TwoHills(), 1, []), toy.source, n_starts=24, rng=3)


def test_stop_ends_the_whole_search(toy):
    rows = []

    def watch(info):
        rows.append(info)
        return len(rows) >= 30

    fit = maximise(toy.TwoHills(), toy.source, n_starts=24, rng=3, on_iteration=watch)
    assert fit.status is Status.STOPPED
    assert len(rows) == 30
    assert fit.objective >= max(row.objective for row in rows[:30])


def test_time_that_runs_out_ends_the_whole_search(toy):
    fit = maximise(toy.TwoHills(), toy.source, n_starts=24, rng=3, max_seconds=0.0)
    assert fit.status is Status.MAX_SECONDS
    assert fit.n_iter == 0


@pytest.mark.parametrize(("n_starts", "n_hits", "says"), [(256, 1, "Only 1 of 256 start"), (256, 3, ""), (64, 1, "")])
def test_a_rare_optimum_is_doubted(n_starts, n_hits, says):
    report = StartReport(n_starts, (Optimum(1.0, n_hits), Optimum(0.0, n_starts - n_hits)))
    assert report.doubt.startswith(says)
    assert bool(report.doubt) == bool(says)


class _FallsOnAllRows(FiniteMixture):
    """Collapses `n_falls` times when it has climbed on all rows, whatever the sample said."""

    falls: ClassVar[list[int]] = []
    n_falls: ClassVar[int] = 1

    def degeneracy(self, parameters, statistics):
        if statistics.weight <= SCREEN_ROWS:
            return ""
        self.falls.append(1)
        return "A component fell." if len(self.falls) <= self.n_falls else ""


@pytest.mark.parametrize(("n_falls", "status", "n_climbs"), [(1, Status.CONVERGED, 2), (99, Status.DEGENERATE, 5)])
def test_next_best_start_is_climbed_from_where_the_best_collapses_on_all_rows(n_falls, status, n_climbs, monkeypatch):
    monkeypatch.setattr(_FallsOnAllRows, "falls", [])
    monkeypatch.setattr(_FallsOnAllRows, "n_falls", n_falls)
    X = np.random.default_rng(0).normal(size=(SCREEN_ROWS + 500, 2))
    fit = maximise(_FallsOnAllRows(n_components=4), as_source(X), rng=0, n_starts=8, max_iter=200, tol=1.0)
    assert fit.status is status
    assert len(_FallsOnAllRows.falls) == n_climbs


def test_all_rows_decide_where_the_sample_leaves_in_doubt():
    X = np.random.default_rng(0).normal(size=(500, 1)) + 5.0 * (np.arange(500) % 2)[:, None]
    model, source = FiniteMixture(n_components=2).prepare(as_source(X))
    good = maximise(model, source, rng=0, n_starts=4).parameters
    bad = replace(good, mix=np.array([0.999, 0.001]))
    hill = _Hill(model, source, "auto", 1e-6, Budget(), None)
    point = Problem(model, source).evaluate(bad)
    best = Climb(point, Status.CONVERGED, None, 1)
    doubtful = Search(best, StartReport(200, (Optimum(1.0, 1),)), 7, (good,))
    assert hill._by_all_rows(doubtful) == ([good, bad], 9)
    agreed = Search(best, StartReport(200, (Optimum(1.0, 100),)), 7, (good,))
    assert hill._by_all_rows(agreed) == ([bad, good], 7)
    assert hill.from_best(doubtful, 1.0).best.is_degenerate is False


@pytest.mark.parametrize("solver", [QuasiNewton(), QuasiNewton(memory_limit=0)])
def test_what_a_sample_taught_of_the_curvature_shortens_the_climb_on_all_rows(solver):
    rng = np.random.default_rng(5)
    n = 4 * SCREEN_ROWS
    X = rng.normal(size=(n, 2)) + np.array([[0.0, 0.0], [2.0, 1.0]])[rng.integers(0, 2, n)]
    source, model = as_source(X), FiniteMixture(n_components=2)
    fit = maximise(model, source, rng=0, n_starts=2, solver=solver)
    alone = maximise(model, source, start=fit.parameters, solver=EM(), tol=1e-9)
    assert fit.is_converged
    assert fit.n_iter <= 15  # as many plain steps as a climb without that memory begins with
    assert fit.loglik == pytest.approx(alone.loglik, abs=1e-5)


def test_where_starts_are_dear_half_of_them_are_believed(monkeypatch):
    rng = np.random.default_rng(0)
    rows = 8 * rng.normal(size=(6, 10))[rng.integers(0, 6, 400)] + rng.normal(size=(400, 10))
    careful = emkit.GaussianMixture(6, covariance_type="diag", random_state=0).fit(rows).fit_
    monkeypatch.setattr("emkit.core.hill.DEAR_WORK", 1.0)
    quick = emkit.GaussianMixture(6, covariance_type="diag", random_state=0).fit(rows).fit_
    assert len(quick.starts.optima) > 1
    assert quick.starts.n_starts < careful.starts.n_starts
    assert quick.starts.optima[0].n_hits >= quick.starts.n_starts / 2
    assert quick.loglik == pytest.approx(careful.loglik, abs=1e-4)
