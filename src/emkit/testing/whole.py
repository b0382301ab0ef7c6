"""Laws of whole fits: where they end, what they pass through, and that they can be repeated."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core import Model, ParametersChart, Problem, check_parameters, maximise
from emkit.core.arrays import FloatArray
from emkit.core.information import observed_information
from emkit.data import as_source
from emkit.errors import ParameterError
from emkit.testing.records import demand, first_start, ready, worst_gap

__all__ = [
    "check_absence",
    "check_information",
    "check_reproducible",
    "check_spaces",
    "check_stationary",
    "check_threads",
]

_PROBED = 1e-3  # objective that a step along one coordinate shall cost: small against 1, large against rounding


def check_stationary(model: Model, X: Any, sample_weight: Any = None, *, seed: int = 0, tol: float = 1e-4) -> None:
    """At the reported optimum no coordinate promises a gain: the objective itself is differenced, not the Q function.

    Along each coordinate of the unconstrained vector a parabola through three points says what is left to gain; `tol`
    is the most it may be. Flat and unbounded directions, where the parabola says nothing, are passed over.
    """
    fit = maximise(model, as_source(X, sample_weight), tol=1e-9, rng=seed, max_iter=20000)
    problem = Problem(fit.model, ready(model, X, sample_weight)[1])
    chart = ParametersChart(fit.parameters)
    vector = chart.to_vector(fit.parameters)
    top = problem.evaluate(fit.parameters)
    for i in range(chart.size):
        gain = _gain_along(problem, chart, vector, i, top.objective, top.noise)
        demand(
            "the optimum is stationary",
            gain <= tol,
            f"coordinate {i} of {chart.size} still promises a gain of {gain:.3g}",
        )


def _gain_along(
    problem: Problem, chart: ParametersChart, vector: FloatArray, i: int, top: float, noise: float
) -> float:
    """Return what the parabola along coordinate `i` still promises; the step is fitted to the curvature there."""
    step, (ahead, behind) = 1e-4, (0.0, 0.0)
    for _ in range(40):
        ahead, behind = (_moved(problem, chart, vector, i, sign * step) - top for sign in (1.0, -1.0))
        change = max(abs(ahead), abs(behind))
        if not np.isfinite(change) or change > 30 * _PROBED:
            step /= 3
        elif change < _PROBED / 30 and step < 1e3 * max(1.0, abs(vector[i])):
            step *= 3
        else:
            break
    slope, bend = (ahead - behind) / 2, ahead + behind
    if not bend < -8 * noise:
        return max(ahead, behind)
    return float(slope**2 / (-2 * bend))


def _moved(problem: Problem, chart: ParametersChart, vector: FloatArray, i: int, step: float) -> float:
    moved = vector.copy()
    moved[i] += step
    with np.errstate(all="ignore"):
        try:
            return problem.evaluate(chart.from_vector(moved)).objective
        except (np.linalg.LinAlgError, ParameterError):
            return np.nan


def check_information(model: Model, X: Any, sample_weight: Any = None, *, seed: int = 0, tol: float = 2e-3) -> None:
    """The observed information is the bend of the objective, along random directions at the optimum.

    Passed over for a model without a score, for a fit that collapsed, and along coordinates with a kink.
    """
    fit = maximise(model, as_source(X, sample_weight), rng=seed, n_starts=2, tol=1e-9)
    problem = Problem(fit.model, fit.source)
    if not problem.has_score or not fit.is_converged:
        return
    found = observed_information(problem, fit.parameters)
    rng, chart, vector = np.random.default_rng(seed), found.chart, found.vector
    diagonal = found.complete.diagonal()
    is_plain = (diagonal > 1e-2) & ~found.has_kink
    scale = np.where(is_plain, 1 / np.sqrt(np.maximum(diagonal, 1e-2)), 0.0)
    size = float(np.abs(found.complete * np.outer(scale, scale)).max(initial=0.0))
    for _ in range(3 if chart.size else 0):
        step = 0.03 / np.sqrt(chart.size) * rng.choice([-1.0, 1.0], chart.size) * scale
        with np.errstate(all="ignore"):
            ahead, behind = (problem.evaluate(chart.from_vector(vector + s * step)).objective for s in (1.0, -1.0))
        bend, told = 2 * found.point.objective - ahead - behind, float(step @ found.observed @ step)
        slack = tol * max(abs(bend), size * 0.03**2) + 8 * found.point.noise
        demand("the information is the bend of the objective", abs(bend - told) <= slack, f"{told:.6g}, not {bend:.6g}")


def check_spaces(model: Model, X: Any, sample_weight: Any = None, *, seed: int = 0, n_iter: int = 10) -> None:
    """A start and what follows it by EM steps lie in their spaces, and go through the unconstrained vector and back."""
    ready_model, source = ready(model, X, sample_weight)
    problem = Problem(ready_model, source)
    point = problem.evaluate(first_start(ready_model, source, seed))
    for i in range(n_iter + 1):
        try:
            check_parameters(point.parameters)
        except ParameterError as error:
            demand("parameters stay in their spaces", False, f"after {i} EM steps {error}")
        chart = ParametersChart(point.parameters)
        back = chart.from_vector(chart.to_vector(point.parameters))
        where, gap = worst_gap(back, point.parameters)
        demand("the vector holds all there is", gap <= 1e-9, f"`{where}` comes back changed by {gap:.3g}")
        point = problem.evaluate(problem.em_step(point))


def check_reproducible(model: Model, X: Any, sample_weight: Any = None, *, seed: int = 0) -> None:
    """The same `rng` gives the same bits."""
    fits = [maximise(model, as_source(X, sample_weight), rng=seed, n_starts=3, max_iter=20) for _ in range(2)]
    _demand_same_bits("the same rng gives the same bits", fits[1], fits[0])


def check_threads(model: Model, X: Any, *, n_rows: int = 40000, seed: int = 0) -> None:
    """A whole fit, starts included, has the same bits for any number of threads."""
    rows = np.resize(np.asarray(X), (n_rows, np.shape(X)[1]))
    fits = [maximise(model, as_source(rows, n_threads=n), rng=seed, n_starts=2, max_iter=4) for n in (1, 2, 3)]
    for n_threads, fit in zip((2, 3), fits[1:], strict=True):
        _demand_same_bits(f"a fit on {n_threads} threads has the bits of one", fit, fits[0])


def _demand_same_bits(law: str, fit: Any, first: Any) -> None:
    where, gap = worst_gap(fit.parameters, first.parameters)
    demand(law, gap == 0.0, f"`{where}` differs by {gap:.3g}")
    demand(law, fit.loglik == first.loglik, f"the log-likelihood is {fit.loglik!r}, and was {first.loglik!r}")
    demand(law, fit.starts == first.starts, f"the starts found {fit.starts}, and had found {first.starts}")


def check_absence(model: Model, X: Any, *, ballast: Any = None, seed: int = 0) -> None:
    """A whole fit, starts included, is the same with rows of weight zero among the others.

    Parameters
    ----------
    ballast : array (m, d), optional
        What the rows of weight zero hold; rows of `X` in reversed order where None.
    """
    rows = np.asarray(X, dtype=np.float64)
    extra = rows[::-1] if ballast is None else np.asarray(ballast, dtype=np.float64)
    weights = np.concatenate([np.zeros(len(extra)), np.ones(len(rows))])
    plain = maximise(model, as_source(rows, np.ones(len(rows))), rng=seed, n_starts=3)
    laden = maximise(model, as_source(np.concatenate([extra, rows]), weights), rng=seed, n_starts=3)
    gap = abs(laden.loglik - plain.loglik) / max(1.0, abs(plain.loglik))
    demand("zero weight is absence", gap <= 1e-8, f"the log-likelihood of the fit moves by {gap:.3g} (relative)")
    demand("zero weight is absence", laden.status is plain.status, f"{laden.status} and not {plain.status}")
    demand("zero weight is absence", laden.weight == plain.weight, f"{laden.weight} rows and not {plain.weight}")
