"""A problem: one model on one source, evaluated point by point, with its E-steps counted."""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.model import Model, Offer, SourceLike, offered
from emkit.core.parameters import ParametersChart
from emkit.core.strides import Pace, Strider

__all__ = ["Point", "Problem", "noise_of"]

_DROP = 1e-9  # relative fall of the objective that no rounding explains
_NOISE = 16 * float(np.finfo(np.float64).eps)  # rounding of a sum of log-densities, relative to its size


def noise_of(objective: float) -> float:
    """Return the rounding error to expect in an objective: differences below it mean nothing."""
    return _NOISE * max(1.0, abs(objective))


def is_drop(before: float, after: float) -> bool:
    """Return whether an objective fell by more than any rounding explains."""
    return before - after > _DROP * max(1.0, abs(before))


@dataclass(frozen=True)
class Point:
    """Parameters with what one E-step says of them.

    Parameters
    ----------
    parameters : Parameters
    statistics : Statistics
        Of all the data, at these parameters.
    loglik : float
        Observed-data log-likelihood at these parameters.
    objective : float
        `loglik` plus the log prior: what the fit maximises.
    """

    parameters: Any
    statistics: Any
    loglik: float
    objective: float

    @property
    def is_finite(self) -> bool:
        """Return whether the objective is a number."""
        return math.isfinite(self.objective)

    @property
    def noise(self) -> float:
        """Return the rounding error to expect in the objective: differences below it mean nothing."""
        return noise_of(self.objective)


class Problem:
    """One model on one source. `n_e_steps` counts the passes over the data; `pace` is how far one move may go."""

    def __init__(self, model: Model, source: SourceLike) -> None:
        self.model = model
        self.source = source
        self.n_e_steps = 0
        self.pace = Pace()
        self._q = offered(model, Offer.EXPECTED_LOGLIK)
        self._score = offered(model, Offer.SCORE)

    @property
    def has_score(self) -> bool:
        """Return whether the exact gradient can be had from the statistics of an E-step (Fisher's identity)."""
        return self._q is not None or self._score is not None

    @cached_property
    def strider(self) -> Strider | None:
        """What makes several EM steps in one call, if anything does."""
        strides = offered(self.model, Offer.STRIDES)
        return None if strides is None else strides(self.source)

    def evaluate(self, parameters: Any) -> Point:
        """Run one E-step over all the data at `parameters`."""
        self.n_e_steps += 1
        e_step = self.model.e_step
        statistics = self.source.reduce(lambda block: e_step(parameters, block))
        loglik = float(statistics.loglik)
        return Point(parameters, statistics, loglik, loglik + float(self.model.log_prior(parameters)))

    def evaluate_parts(self, parameters: Any) -> tuple[Point, tuple[Any, ...]]:
        """Run one E-step over all the data, and return the statistics of each block besides."""
        self.n_e_steps += 1
        e_step = self.model.e_step
        parts = tuple(self.source.map(lambda block: e_step(parameters, block)))
        statistics = functools.reduce(operator.add, parts)
        loglik = float(statistics.loglik)
        return Point(parameters, statistics, loglik, loglik + float(self.model.log_prior(parameters))), parts

    def em_step(self, point: Point) -> Any:
        """Return the parameters of the M-step from a point."""
        return self.model.m_step(point.statistics, point.parameters)

    def score(self, point: Point, chart: ParametersChart, vector: FloatArray) -> FloatArray:
        """Return the gradient of the objective in the coordinates of `chart` at `point`, whose vector is given.

        By Fisher's identity the gradient of the log-likelihood at a point is that of the Q function taken there,
        so it costs no pass over the data.
        """
        if self._score is not None:
            return chart.pull_back(point.parameters, vector, self._score(point.parameters, point.statistics))
        assert self._q is not None, "score asked of a model without expected_loglik"
        q, log_prior, statistics = self._q, self.model.log_prior, point.statistics
        return chart.difference(lambda at: float(q(at, statistics)) + float(log_prior(at)), vector)
