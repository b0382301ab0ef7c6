"""Classification EM (Celeux & Govaert 1992, Computational Statistics & Data Analysis 14:315)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emkit.core.assignments import Hardest
from emkit.core.model import Model
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver, assigning, plain_step

__all__ = ["ClassificationEM"]


@dataclass(frozen=True)
class ClassificationEM(Solver):
    """EM with every row given wholly to its most probable component: k-means is the best-known case.

    It climbs the classification log-likelihood, sum_i max_k (log mix_k + log f_k(x_i)), which never falls and which
    `fit.objective` and the trace then tell; `fit.loglik` is the log-likelihood at the same parameters, as always.
    Quick, and biased where components overlap. The model must offer `assigning`, as finite mixtures do.
    """

    def seen(self, model: Model) -> Model:
        return assigning(model, self)(Hardest())

    def begin(self, problem: Problem, point: Point) -> None:
        return None

    def step(self, problem: Problem, point: Point, memory: Any) -> Move:
        return plain_step(problem, point, memory)
