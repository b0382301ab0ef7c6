"""Laws that any model obeys on any data."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core import EM, Anderson, Iteration, Model, ParametersChart, Problem, QuasiNewton, Squarem, maximise
from emkit.core.arrays import Array
from emkit.core.model import Offer, offered
from emkit.data import as_source
from emkit.testing.records import LawBroken, demand, first_start, ready, worst_gap

__all__ = [
    "LawBroken",
    "check_blocks_and_threads",
    "check_canonical",
    "check_fixed_point",
    "check_float32",
    "check_monotone",
    "check_reported",
    "check_row_order",
    "check_score",
    "check_solvers_agree",
    "check_statistics_add",
    "check_weights",
    "check_zero_weight",
]

_FINE = 1e-10


def check_monotone(model: Model, X: Any, sample_weight: Any = None, *, n_iter: int = 50, seed: int = 0) -> None:
    """Plain EM never lowers the objective beyond rounding."""
    ready_model, source = ready(model, X, sample_weight)
    problem = Problem(ready_model, source)
    point = problem.evaluate(first_start(ready_model, source, seed))
    for i in range(n_iter):
        after = problem.evaluate(problem.em_step(point))
        fall = point.objective - after.objective
        demand("EM never lowers the objective", fall <= 4 * point.noise, f"iteration {i + 1} lowered it by {fall:.3g}")
        point = after


def check_fixed_point(model: Model, X: Any, sample_weight: Any = None, *, seed: int = 0) -> None:
    """At the reported optimum one more EM step gains nothing, and the predicted gain of the score is nothing."""
    fit = maximise(model, as_source(X, sample_weight), tol=1e-9, rng=seed, max_iter=20000)
    problem = Problem(fit.model, ready(model, X, sample_weight)[1])
    point = problem.evaluate(fit.parameters)
    gain = problem.evaluate(problem.em_step(point)).objective - point.objective
    demand(
        "the optimum is a fixed point",
        abs(gain) <= 1e-7 + 8 * point.noise,
        f"one more EM step changes it by {gain:.3g}",
    )
    if problem.has_score:
        chart = ParametersChart(point.parameters)
        vector = chart.to_vector(point.parameters)
        step = chart.to_vector(problem.em_step(point), vector) - vector
        left = float(problem.score(point, chart, vector) @ step)
        demand("the score vanishes at the optimum", abs(left) <= 1e-6, f"it still predicts a gain of {left:.3g}")


def check_score(model: Model, X: Any, sample_weight: Any = None, *, seed: int = 0, tol: float = 1e-5) -> None:
    """The score from the statistics is the gradient of the objective (Fisher's identity), away from the optimum."""
    ready_model, source = ready(model, X, sample_weight)
    problem = Problem(ready_model, source)
    if not problem.has_score:
        return
    point = problem.evaluate(problem.em_step(problem.evaluate(first_start(ready_model, source, seed))))
    chart = ParametersChart(point.parameters)
    vector = chart.to_vector(point.parameters)
    score = problem.score(point, chart, vector)
    differenced = chart.difference(lambda at: problem.evaluate(at).objective, vector)
    blur = point.noise / 1e-6  # what rounding of the objective leaves of a difference quotient
    gap = np.abs(score - differenced) / (1e-3 * np.abs(differenced).max() + np.abs(differenced) + blur / tol)
    i = int(gap.argmax())
    demand(
        "the score is the gradient of the objective",
        gap[i] <= tol,
        f"coordinate {i}: {score[i]:.10g} from the statistics, {differenced[i]:.10g} by differences",
    )


def check_statistics_add(model: Model, X: Any, *, seed: int = 0) -> None:
    """stats(a ++ b) = stats(a) + stats(b), and stats of doubled weights = 2 stats."""
    rows = np.asarray(X)
    ready_model, source = ready(model, rows)
    parameters = first_start(ready_model, source, seed)
    rows = np.concatenate([block.X for block in source.blocks()])
    cut = max(1, len(rows) // 3)
    parts = [
        _one(ready_model, parameters, rows[part]) for part in (slice(None, cut), slice(cut, None)) if len(rows[part])
    ]
    whole = _one(ready_model, parameters, rows)
    total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    where, gap = worst_gap(total, whole)
    demand("statistics add", gap <= _FINE, f"`{where}` of the parts misses the whole by {gap:.3g}")
    doubled = _one(ready_model, parameters, rows, np.full(len(rows), 2.0))
    where, gap = worst_gap(2 * whole, doubled)
    demand("statistics scale", gap <= _FINE, f"`{where}` of doubled weights misses twice the whole by {gap:.3g}")


def _one(model: Any, parameters: Any, rows: Array, weights: Any = None) -> Any:
    source = as_source(rows, weights, allow_missing_columns=True, n_threads=1)
    return source.reduce(lambda block: model.e_step(parameters, block))


def check_weights(model: Model, X: Any, *, seed: int = 0, n_iter: int = 5) -> None:
    """Integer weights give what repeated rows give: log-likelihood and parameters after some EM steps."""
    rows = np.asarray(X)
    weights = np.random.default_rng(seed).integers(1, 4, len(rows)).astype(float)
    ready_model, weighted = ready(model, rows, weights)
    repeated = as_source(np.repeat(rows, weights.astype(int), axis=0))
    start = first_start(ready_model, weighted, seed)
    ends = []
    for source in (weighted, repeated):
        problem = Problem(ready_model, source)
        point = problem.evaluate(start)
        for _ in range(n_iter):
            point = problem.evaluate(problem.em_step(point))
        ends.append(point)
    where, gap = worst_gap(ends[0].parameters, ends[1].parameters)
    demand("weights are repeated rows", gap <= 1e-8, f"`{where}` differs by {gap:.3g}")
    gap = abs(ends[0].loglik - ends[1].loglik) / max(1.0, abs(ends[1].loglik))
    demand("weights are repeated rows", gap <= _FINE, f"the log-likelihood differs by {gap:.3g} (relative)")


def check_zero_weight(model: Model, X: Any, *, seed: int = 0) -> None:
    """Rows of weight zero change nothing, whatever they hold."""
    rows = np.asarray(X, dtype=np.float64)
    ready_model, source = ready(model, rows)
    parameters = first_start(ready_model, source, seed)
    rows = np.concatenate([block.X for block in source.blocks()])
    ballast = np.concatenate([rows, rows[: max(1, len(rows) // 4)][::-1], rows[:1]])
    weights = np.ones(len(ballast))
    weights[len(rows) :] = 0.0
    without, with_ballast = _one(ready_model, parameters, rows), _one(ready_model, parameters, ballast, weights)
    where, gap = worst_gap(with_ballast, without)
    demand("zero weight is absence", gap <= 1e-12, f"`{where}` differs by {gap:.3g}")


def check_row_order(model: Model, X: Any, *, seed: int = 0) -> None:
    """The order of the rows does not matter."""
    rows = np.asarray(X)
    ready_model, source = ready(model, rows)
    parameters = first_start(ready_model, source, seed)
    order = np.random.default_rng(seed).permutation(len(rows))
    where, gap = worst_gap(_one(ready_model, parameters, rows[order]), _one(ready_model, parameters, rows))
    demand("row order does not matter", gap <= _FINE, f"`{where}` differs by {gap:.3g}")


def check_blocks_and_threads(model: Model, X: Any, *, n_rows: int = 40000, seed: int = 0) -> None:
    """Statistics of many blocks have the same bits for any number of threads, and are those of the rows one by one."""
    rows = np.resize(np.asarray(X), (n_rows, np.shape(X)[1]))
    ready_model, source = ready(model, rows)
    parameters = first_start(ready_model, source, seed)
    rows = np.resize(np.concatenate([block.X for block in source.blocks()]), rows.shape)  # equal rows may be counted
    sums = [as_source(rows, n_threads=n).reduce(lambda block: ready_model.e_step(parameters, block)) for n in (1, 2, 3)]
    for other in sums[1:]:
        where, gap = worst_gap(other, sums[0])
        demand("any number of threads gives the same bits", gap == 0.0, f"`{where}` differs by {gap:.3g}")
    pieces = [_one(ready_model, parameters, rows[i : i + 7919]) for i in range(0, n_rows, 7919)]
    total = pieces[0]
    for piece in pieces[1:]:
        total = total + piece
    where, gap = worst_gap(total, sums[0])
    demand("blocks do not matter", gap <= _FINE, f"`{where}` differs by {gap:.3g}")


def check_canonical(model: Model, X: Any, *, seed: int = 0) -> None:
    """Canonical parameters are a fixed point of `canonical` and have the same log-likelihood."""
    canonical = offered(model, Offer.CANONICAL)
    if canonical is None:
        return
    ready_model, source = ready(model, X)
    problem = Problem(ready_model, source)
    point = problem.evaluate(first_start(ready_model, source, seed))
    ordered = canonical(point.parameters)
    where, gap = worst_gap(canonical(ordered), ordered)
    demand("canonical order is canonical", gap == 0.0, f"`{where}` moves again by {gap:.3g}")
    change = abs(problem.evaluate(ordered).loglik - point.loglik)
    demand("canonical order is equivalent", change <= 1e3 * point.noise, f"the log-likelihood moves by {change:.3g}")


def check_float32(model: Model, X: Any, *, seed: int = 0) -> None:
    """float32 rows give the log-likelihood of the same numbers in float64."""
    rows = np.asarray(X, dtype=np.float32)
    ready_model, source = ready(model, rows.astype(np.float64))
    parameters = first_start(ready_model, source, seed)
    where, gap = worst_gap(_one(ready_model, parameters, rows), _one(ready_model, parameters, rows.astype(np.float64)))
    demand("float32 rows keep float64 sums", gap <= 1e-9, f"`{where}` differs by {gap:.3g}")


def check_reported(model: Model, X: Any, sample_weight: Any = None, *, seed: int = 0) -> None:
    """What is reported, at the end and at every iteration, is the objective of the parameters reported with it."""
    seen: list[Iteration] = []
    fit = maximise(model, as_source(X, sample_weight), rng=seed, n_starts=1, on_iteration=seen.append)
    problem = Problem(fit.model, ready(model, X, sample_weight)[1])
    point = problem.evaluate(fit.parameters)
    for row in seen:
        gap = abs(row.objective - problem.evaluate(row.parameters).objective)
        demand(
            "the objective is that of its parameters",
            gap <= 4 * point.noise,
            f"iteration {row.iteration}: off by {gap:.3g}",
        )
    for name, told, found in (("loglik", fit.loglik, point.loglik), ("objective", fit.objective, point.objective)):
        gap = abs(told - found)
        demand(
            "the reported objective is that of the parameters", gap <= 4 * point.noise, f"`{name}` is off by {gap:.3g}"
        )
    falls = -np.diff(fit.trace.objective).min(initial=0.0)
    demand("the trace never falls", falls <= 1e-9 * max(1.0, abs(fit.objective)), f"it falls by {falls:.3g}")


def check_solvers_agree(model: Model, X: Any, sample_weight: Any = None, *, seed: int = 0) -> None:
    """From one start every solver ends where plain EM ends, or higher, and its trace never falls."""
    ready_model, source = ready(model, X, sample_weight)
    start = first_start(ready_model, source, seed)
    solvers = [EM(), Squarem(), Anderson()]
    if Problem(ready_model, source).has_score:
        solvers.append(QuasiNewton())
    ends = [maximise(model, source, start=start, solver=s, tol=1e-8, max_iter=50000) for s in solvers]
    for solver, fit in zip(solvers[1:], ends[1:], strict=True):
        name = type(solver).__name__
        short = ends[0].objective - fit.objective
        demand("solvers agree", short <= 1e-5, f"{name} ends {short:.3g} below plain EM")
        falls = -np.diff(fit.trace.objective).min(initial=0.0)
        demand("the trace never falls", falls <= 1e-9 * max(1.0, abs(fit.objective)), f"{name} falls by {falls:.3g}")
