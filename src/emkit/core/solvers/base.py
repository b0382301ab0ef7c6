"""What every solver is: a frozen record that turns a point into a better one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.assignments import Assignment
from emkit.core.model import Model, Offer, offered
from emkit.core.parameters import ParametersChart
from emkit.core.problem import Point, Problem
from emkit.errors import ParameterError

__all__ = ["OFF_CHART", "Move", "Solver", "assigning", "evaluate_vector", "plain_step", "vector_of"]

OFF_CHART = (np.linalg.LinAlgError, ParameterError, FloatingPointError)  # what a step out of a chart's reach raises


@dataclass(frozen=True)
class Move:
    """The outcome of one iteration of a solver.

    Parameters
    ----------
    point : Point
        Where the solver is now; its objective is never below that of the point before by more than rounding.
    memory : Any
        What the solver needs for its next step, and nothing else.
    step_length : float
        Length of the step in units of the plain EM step or of the solver's own direction; 1 is neither long nor short.
    is_accepted : bool
        False when an extrapolation was tried, made things worse, and was replaced by a plain EM step.
    gain_left : float
        Objective still to be gained as the solver predicts it; NaN when it cannot tell, and the loop extrapolates.
    rows : array (m, 3), optional
        Of a move of several iterations (see `Stride`), the last one included.
    """

    point: Point
    memory: Any
    step_length: float
    is_accepted: bool
    gain_left: float
    rows: FloatArray | None = None

    @property
    def n_iter(self) -> int:
        """Return how many iterations the move makes."""
        return 1 if self.rows is None else len(self.rows)


@dataclass(frozen=True)
class Solver(ABC):
    """A way to climb. It never loops over iterations: that is the loop's work, or a kernel's within `Problem.pace`.

    The objectives of the points of a solver that `is_stochastic` carry noise: they may fall, and it tells by itself
    when it has arrived, by a move that leaves no gain.
    """

    is_stochastic: ClassVar[bool] = False

    def seen(self, model: Model) -> Model:
        """Return the model as this solver climbs it: another only where it climbs another objective."""
        return model

    def started(self, problem: Problem, parameters: Any) -> Any:
        """Return the parameters at which the climb begins, from those of a start."""
        return parameters

    @abstractmethod
    def begin(self, problem: Problem, point: Point) -> Any:
        """Return the memory with which the first step is taken."""

    def carried(self, problem: Problem, point: Point, memory: Any, scale: float) -> Any:
        """Return the memory for a climb on all rows from one that ended on a sample of them; None is to begin anew.

        `point` is where the sample's climb ended, seen by all rows, which weigh `scale` times as much.
        """
        return None

    def kept(self, memory: Any, *, is_torn: bool) -> Any:
        """Return the memory as a checkpoint keeps it; a solver that writes into its memory returns a copy.

        `is_torn` says that a step was interrupted half way: what it may have half written is then left out.
        """
        return memory

    @abstractmethod
    def step(self, problem: Problem, point: Point, memory: Any) -> Move:
        """Take one iteration from `point`."""


def assigning(model: Model, solver: Solver) -> Callable[[Assignment], Model]:
    """Return the function from a rule for memberships to the model that follows it.

    Raises
    ------
    ParameterError
        If the model has no memberships to assign.
    """
    found = offered(model, Offer.ASSIGNING)
    if found is None:
        name = type(model).__name__
        message = f"{type(solver).__name__} assigns rows to components, which `{name}` does not offer: use another"
        raise ParameterError(message)
    return found


def plain_step(problem: Problem, point: Point, memory: Any, *, is_accepted: bool = True) -> Move:
    """Take one plain EM step: an M-step on the statistics of `point`, then an E-step at what it gives."""
    return Move(problem.evaluate(problem.em_step(point)), memory, 1.0, is_accepted, math.nan)


def vector_of(chart: ParametersChart, parameters: Any, near: FloatArray | None = None) -> FloatArray | None:
    """Return the coordinates of parameters, or None where the chart does not reach."""
    with np.errstate(all="ignore"):
        try:
            vector = chart.to_vector(parameters, near)
        except OFF_CHART:
            return None
    return vector if np.isfinite(vector).all() else None


def evaluate_vector(problem: Problem, chart: ParametersChart, vector: FloatArray) -> Point | None:
    """Return the point at these coordinates, or None where it has no finite objective."""
    with np.errstate(all="ignore"):
        try:
            point = problem.evaluate(chart.from_vector(vector))
        except OFF_CHART:
            return None
    return point if point.is_finite else None
