"""Every way a climb can end, and what it returns then."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from emkit.core import EM, QuasiNewton, Squarem, Status, maximise
from emkit.core.stopping import Convergence, gain_left
from emkit.errors import ParameterError


@pytest.fixture
def slow(toy):
    return toy.QuadraticWithQ()


@pytest.fixture
def far(toy):
    return toy.Vector(np.array([4.0, -3.0, 2.0, 9.0]))


def test_running_out_of_iterations_is_not_convergence(toy, slow, far):
    fit = maximise(slow, toy.source, start=far, solver=EM(), max_iter=7)
    assert (fit.status, fit.n_iter, len(fit.trace)) == (Status.MAX_ITER, 7, 8)
    assert not fit.is_converged
    assert "max_iter" in fit.status.help


def test_no_iterations_return_the_start(toy, slow, far):
    fit = maximise(slow, toy.source, start=far, max_iter=0)
    assert fit.status is Status.MAX_ITER
    assert fit.parameters is far
    assert (fit.n_iter, fit.n_e_steps) == (0, 1)


def test_running_out_of_e_steps(toy, slow, far):
    fit = maximise(slow, toy.source, start=far, solver=EM(), max_e_steps=25)
    assert fit.status is Status.MAX_E_STEPS
    assert fit.n_e_steps == 25


def test_running_out_of_time(toy, slow, far):
    fit = maximise(slow, toy.source, start=far, solver=EM(), max_seconds=0.0)
    assert (fit.status, fit.n_iter) == (Status.MAX_SECONDS, 0)


def test_on_iteration_sees_each_row_of_the_trace_with_its_parameters(toy, slow, far):
    rows = []
    fit = maximise(slow, toy.source, start=far, solver=Squarem(warm_up=2), max_iter=9, on_iteration=rows.append)
    assert [row.iteration for row in rows] == list(range(1, 10))
    assert [row.objective for row in rows] == fit.trace.objective[1:].tolist()
    assert [row.n_e_steps for row in rows] == fit.trace.n_e_steps[1:].tolist()
    for row in rows:
        assert toy.problem(slow).evaluate(row.parameters).objective == row.objective
    assert rows[-1].parameters is fit.parameters


def test_on_iteration_stops_by_true_alone(toy, slow, far):
    fit = maximise(slow, toy.source, start=far, on_iteration=lambda info: info.iteration == 3)
    assert (fit.status, fit.n_iter) == (Status.STOPPED, 3)
    fit = maximise(slow, toy.source, start=far, on_iteration=lambda info: "not True", max_iter=5)
    assert fit.status is Status.MAX_ITER


def test_error_in_on_iteration_surfaces(toy, slow, far):
    def watch(info):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        maximise(slow, toy.source, start=far, on_iteration=watch)


class Wrapped:
    """A model with one method replaced: what else it offers stays."""

    def __init__(self, model, **methods):
        self.model = model
        vars(self).update(methods)

    def __getattr__(self, name):
        return getattr(self.model, name)


def after(n_calls, method, then):
    """Return a method that does as `method` for so many calls and as `then` afterwards."""
    count = 0

    def call(*arguments):
        nonlocal count
        count += 1
        return (method if count <= n_calls else then)(*arguments)

    return call


def interrupt(*arguments):
    raise KeyboardInterrupt


@pytest.mark.parametrize("solver", [EM(), QuasiNewton(warm_up=2), Squarem(warm_up=2)], ids=lambda s: type(s).__name__)
def test_interruption_returns_the_best_so_far(toy, slow, far, solver):
    for n_calls in (1, 2, 9, 10, 11):
        model = Wrapped(slow, e_step=after(n_calls, slow.e_step, interrupt))
        fit = maximise(model, toy.source, start=far, solver=solver)
        assert fit.status is Status.INTERRUPTED
        assert fit.loglik == slow.e_step(fit.parameters, next(toy.source.blocks())).loglik
        assert fit.loglik == fit.trace.objective.max() == fit.trace.objective[-1]
    assert fit.n_iter > 1


def test_drop_is_reported_with_the_parameters_before_it(toy, slow, far):
    def overshoot(statistics, parameters):
        return toy.Vector(parameters.x + 100.0)

    model = Wrapped(slow, m_step=after(5, slow.m_step, overshoot))
    fit = maximise(model, toy.source, start=far, solver=EM())
    assert (fit.status, fit.n_iter) == (Status.DROPPED, 5)
    assert "do not belong to the same likelihood" in fit.status.help
    assert fit.loglik == fit.trace.objective[-1]
    assert np.diff(fit.trace.objective).min() > 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=str)
def test_objective_that_is_no_number_is_reported_with_the_parameters_before_it(toy, slow, far, bad):
    def spoilt(parameters, block):
        return replace(slow.e_step(parameters, block), loglik=bad)

    fit = maximise(Wrapped(slow, e_step=after(4, slow.e_step, spoilt)), toy.source, start=far, solver=EM())
    assert (fit.status, fit.n_iter) == (Status.NOT_FINITE, 3)
    assert math.isfinite(fit.loglik)
    fit = maximise(Wrapped(slow, e_step=spoilt), toy.source, start=far, solver=EM())
    assert (fit.status, fit.n_iter) == (Status.NOT_FINITE, 0)


def test_extrapolation_into_nothing_is_refused_and_the_climb_goes_on(toy, slow, far):
    """Jumps beyond x = 1.5 in the flattest coordinate have no likelihood; plain steps stay below."""
    start = toy.Vector(np.array([0.0, 0.0, 0.0, -9.0]))

    def e_step(parameters, block):
        statistics = slow.e_step(parameters, block)
        return statistics if parameters.x.max() <= 1.001 else replace(statistics, loglik=math.nan)

    fit = maximise(Wrapped(slow, e_step=e_step), toy.source, start=start, solver=Squarem(warm_up=0), tol=1e-8)
    assert fit.is_converged
    assert fit.loglik == pytest.approx(-10, abs=1e-6)
    assert not fit.trace.is_accepted.all()


def test_collapse_is_told_by_status_and_note(toy, slow, far):
    model = Wrapped(slow, degeneracy=lambda parameters, statistics: "Component 2 has collapsed.")
    fit = maximise(model, toy.source, start=far)
    assert fit.status is Status.DEGENERATE
    assert fit.notes == ("Component 2 has collapsed.",)
    assert not fit.is_converged


def test_remarks_follow_the_collapse(toy, slow, far):
    model = Wrapped(slow, degeneracy=lambda *_: "Collapsed.", remarks=lambda parameters: ("One.", "Two."))
    assert maximise(model, toy.source, start=far).notes == ("Collapsed.", "One.", "Two.")


def test_prior_enters_the_objective_and_not_the_likelihood(toy, far):
    @dataclass(frozen=True)
    class WithPrior(toy.Quadratic):
        def log_prior(self, parameters):
            return -0.5 * float(parameters.x @ parameters.x)

        def m_step(self, statistics, parameters):
            slope = statistics.slope - parameters.x
            return toy.Vector(parameters.x + slope / 2.5)

    fit = maximise(WithPrior(), toy.source, start=far, solver=EM(), tol=1e-12)
    c = fit.model.curvature
    np.testing.assert_allclose(fit.parameters.x, c / (c + 1), atol=1e-5)
    assert fit.objective == pytest.approx(fit.loglik - 0.5 * fit.parameters.x @ fit.parameters.x)
    assert fit.trace.objective[-1] == fit.objective


def test_canonical_parameters_carry_their_own_likelihood(toy, slow, far):
    model = Wrapped(slow, canonical=lambda parameters: toy.Vector(parameters.x + 1e-3))
    fit = maximise(model, toy.source, start=far, tol=1e-10)
    assert fit.loglik == slow.e_step(fit.parameters, next(toy.source.blocks())).loglik
    assert fit.loglik < fit.trace.objective[-1]


def test_start_at_the_top_converges_at_once(toy, slow):
    fit = maximise(slow, toy.source, start=toy.Vector(np.ones(4)), solver=EM())
    assert fit.is_converged
    assert fit.n_iter <= 3


def test_going_on_from_a_fit_reaches_what_one_fit_reaches(toy, slow, far):
    first = maximise(slow, toy.source, start=far, max_iter=10)
    second = maximise(slow, toy.source, start=first.parameters)
    assert second.loglik == pytest.approx(maximise(slow, toy.source, start=far).loglik, abs=1e-5)


def test_start_outside_its_space_is_refused(toy, slow):
    with pytest.raises(ParameterError, match="`x` has entries that are not finite"):
        maximise(slow, toy.source, start=toy.Vector(np.array([1.0, np.nan, 0.0, 0.0])))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tol": -1.0}, "`tol` must be at least 0, got -1.0"),
        ({"tol": "small"}, "`tol` must be at least 0, got 'small'"),
        ({"on_iteration": 5}, "`on_iteration` must be a function that takes an iteration, or None, got 5"),
        ({"start": "kmeans"}, "`start` must be parameters of this model, as in `fit.parameters`, got 'kmeans'"),
        ({"tol": math.nan}, "`tol` must be at least 0, got nan"),
        ({"max_iter": -1}, "`max_iter` must be a whole number of at least 0, got -1"),
        ({"max_e_steps": -1}, "`max_e_steps` must be a whole number of at least 0, got -1"),
        ({"max_seconds": -0.5}, "`max_seconds` must be a number of at least 0, got -0.5"),
        ({"n_starts": 0}, "`n_starts` must be a positive integer"),
        ({"n_starts": 2.5}, "`n_starts` must be a positive integer"),
        ({"n_starts": "many"}, "`n_starts` must be a positive integer"),
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(toy, slow, options, words):
    with pytest.raises(ParameterError, match=words):
        maximise(slow, toy.source, **options)


def test_remaining_gain_of_a_geometric_climb_is_exact():
    gains = 2.0 * 0.9 ** np.arange(200)
    assert gain_left(gains[5], gains[4]) == pytest.approx(gains[6:].sum(), rel=1e-8)
    assert gain_left(1.0, 0.5) == math.inf
    assert gain_left(0.0, 1.0) == 0.0


def test_one_small_step_is_not_yet_convergence(toy):
    from emkit.core import Point
    from emkit.core.solvers.base import Move

    def point(objective):
        return Point(None, None, objective, objective)

    def move(objective, left):
        return Move(point(objective), None, 1.0, True, left)

    convergence = Convergence(1e-3)
    assert not convergence.is_reached(point(0.0), move(1.0, 1e-6))
    assert not convergence.is_reached(point(1.0), move(2.0, 1.0))  # the small prediction was an accident
    assert not convergence.is_reached(point(2.0), move(2.001, 1e-6))
    assert not convergence.is_reached(point(2.001), move(2.0010001, 1e-6))
    assert convergence.is_reached(point(2.0010001), move(2.00100011, 1e-6))
    big_step = Convergence(1e-3)
    assert not any(big_step.is_reached(point(i), move(i + 1.0, 1e-6)) for i in range(5))  # it gains what it denies


@pytest.mark.parametrize("status", list(Status))
def test_every_status_says_what_to_do(status):
    assert status.help.endswith(".")
    assert status.is_success is (status is Status.CONVERGED)


def test_criteria_of_a_fit(toy, slow, far):
    fit = maximise(slow, toy.source, start=far)
    assert fit.n_free == 4
    assert fit.aic == pytest.approx(-2 * fit.loglik + 8)
    assert replace(fit, weight=100.0).bic == pytest.approx(-2 * fit.loglik + 4 * math.log(100))
