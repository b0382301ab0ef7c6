"""EM with steps of the iterative convex minorant: a solver for masses in order on a line.

EM alone lets a mass that should be zero shrink forever. In terms of the distribution function F the log-likelihood is
nearly separable: with slope s_k and curvature c_k at F_k, the weighted isotonic regression of F_k + s_k / c_k is the
maximum of its quadratic approximation over all distribution functions, and pools what should carry no mass to exactly
none; halving the way there keeps the likelihood rising. Each iteration is an EM step and then such a step.

References
----------
Groeneboom & Wellner 1992, *Information Bounds and Nonparametric Maximum Likelihood Estimation*. Jongbloed 1998, Journal
of Computational and Graphical Statistics 7:310. Wellner & Zhan 1997, JASA 92:945.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from emkit.core.arrays import FloatArray
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver

__all__ = ["ConvexMinorant"]

_HALVINGS = 10
_NOTHING = 1e-14  # a mass of that size is the rounding of none


@dataclass(frozen=True)
class ConvexMinorant(Solver):
    """Hybrid of EM and the iterative convex minorant, for `Turnbull`."""

    def begin(self, problem: Problem, point: Point) -> None:
        return None

    def step(self, problem: Problem, point: Point, memory: None) -> Move:
        plain = problem.evaluate(problem.em_step(point))
        target = _target(plain)
        length, best = 1.0, plain
        for _ in range(_HALVINGS):
            mass = plain.parameters.mass + length * (target - plain.parameters.mass)
            mass = np.where(mass < _NOTHING, 0.0, mass)
            trial = problem.evaluate(type(plain.parameters)(mass / mass.sum()))
            if trial.is_finite and trial.objective > plain.objective:
                best = trial
                break
            length /= 2
        is_accepted = best is not plain
        left = max(float(best.statistics.slope.max()), 0.0)
        return Move(best, None, length if is_accepted else 1.0, is_accepted, left)


def _target(point: Point) -> FloatArray:
    """Return the masses (m,) at the maximum of the separable approximation."""
    statistics, mass = point.statistics, point.parameters.mass
    if len(mass) == 1:
        return np.ones(1)
    below = np.cumsum(mass)[:-1]
    slope = statistics.slope[:-1] - statistics.slope[1:]
    curve = np.maximum(statistics.curve[:-1], 1e-300)
    aim = below + slope / curve
    fitted = np.clip(isotonic_regression(aim, weights=curve).x, 0.0, 1.0)
    return np.diff(np.concatenate([[0.0], fitted, [1.0]]))
