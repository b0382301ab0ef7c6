"""Information: how sharply the data bend the log-likelihood, in the coordinates of the spaces.

The score at any parameters comes from the statistics of one E-step there (Fisher's identity), so differences of the
score over nearby parameters give the observed information with no formula of the model's own:

    I = -d/dt [ dQ(t'|t)/dt' at t' = t ]                                             (Oakes 1999, its two terms in one)

Where a model offers `missing_information`, what the unobserved labels hide is summed over the rows in one pass:

    I = -d2Q(t'|t)/dt'dt' - Var(complete-data score | observed)                      (Louis 1982)

References
----------
Oakes 1999, JRSS B 61:479. Louis 1982, JRSS B 44:226.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.model import Offer, offered
from emkit.core.parameters import ParametersChart
from emkit.core.problem import Point, Problem
from emkit.core.starts import PARALLEL_ROWS
from emkit.errors import ParameterError

__all__ = ["Information", "complete_information", "observed_information"]

CENTRAL = 1e-3  # steps in units of the complete data's standard errors: far above rounding, far below curvature
ONE_SIDED = 1e-4
LARGE_ROWS = 20000  # from here on one-sided differences are exact enough: their error falls with n
_TRUSTED = (0.03, 30.0)  # a step that far from the wanted one still differences well
_ROUNDS = 6
_KINK = 0.1  # disagreement of the two sides, in units of the complete information, that no smooth function shows


@dataclass(frozen=True)
class Information:
    """Observed information at some parameters.

    Parameters
    ----------
    chart : ParametersChart
    vector : array (p,)
        The parameters in its coordinates.
    observed : array (p, p)
        Minus the second derivatives of the objective.
    complete : array (p, p)
        Those of the expected complete-data objective: what would be known if nothing were hidden.
    score : array (p,)
        Gradient of the objective; zero at an optimum.
    point : Point
    n_e_steps : int
        Passes over the data spent.
    has_kink : array (p,), bool
        Coordinates along which the score jumps at these parameters, so that no second derivative exists.
    """

    chart: ParametersChart
    vector: FloatArray
    observed: FloatArray
    complete: FloatArray
    score: FloatArray
    point: Point
    n_e_steps: int
    has_kink: Array


class _Slope:
    """The gradient of Q plus log prior in coordinates, at any vector and for any statistics."""

    def __init__(self, problem: Problem, chart: ParametersChart) -> None:
        self._model, self._chart = problem.model, chart
        self._score = offered(problem.model, Offer.SCORE)
        self._q = offered(problem.model, Offer.EXPECTED_LOGLIK)
        self.is_exact = self._score is not None

    def __call__(self, vector: FloatArray, statistics: Any, steps: FloatArray | None = None) -> FloatArray:
        if self._score is not None:
            at = self._chart.from_vector(vector)
            return self._chart.pull_back(at, vector, self._score(at, statistics))
        q, log_prior = self._q, self._model.log_prior
        assert q is not None
        return self._chart.difference(lambda at: float(q(at, statistics)) + float(log_prior(at)), vector, steps)


def observed_information(problem: Problem, parameters: Any, n_threads: int = 1) -> Information:
    """Return the observed information at parameters, by Louis' form where the model offers it, else by Oakes'.

    Costs one E-step and one pass for Louis' form; otherwise one E-step per free parameter from 20000 rows on, and two
    for fewer.

    Raises
    ------
    ParameterError
        If the model states no `expected_loglik` or `score`, or the parameters are outside its chart.
    """
    if not problem.has_score:
        name = type(problem.model).__name__
        message = f"standard errors need a score: give `{name}` an `expected_loglik` or a `score`"
        raise ParameterError(message)
    chart = ParametersChart(parameters)
    vector = chart.to_vector(parameters)
    if not np.isfinite(vector).all():
        message = "these parameters lie on the edge of their spaces, where no information can be worked out"
        raise ParameterError(message)
    point = problem.evaluate(parameters)
    slope = _Slope(problem, chart)
    is_one_sided = problem.source.n_rows >= LARGE_ROWS and slope.is_exact
    complete, steps = complete_information(slope, vector, point.statistics, is_one_sided=is_one_sided)
    score = slope(vector, point.statistics, steps)
    missing = _missing(problem, parameters)
    if missing is not None:
        jacobian = chart.jacobian(vector)
        observed = complete - jacobian.T @ missing @ jacobian
        return Information(chart, vector, observed, complete, score, point, 2, np.zeros(chart.size, dtype=bool))
    observed, jumps, spent = _differenced(problem, slope, vector, score, steps, n_threads)
    diagonal = np.where(complete.diagonal() > 0, complete.diagonal(), np.inf)
    has_kink = (np.abs(jumps) / np.sqrt(np.outer(diagonal, diagonal))).max(axis=1, initial=0.0) > _KINK
    if not is_one_sided:
        has_kink |= _has_jump(slope, vector, point.statistics, steps, complete.diagonal())
    return Information(chart, vector, observed, complete, score, point, 1 + spent, has_kink)


def _has_jump(slope: _Slope, vector: FloatArray, statistics: Any, steps: FloatArray, diagonal: FloatArray) -> Array:
    """Return where (p,) the bend of Q grows as the step shrinks: its slope jumps there, as at a weighted median."""
    closer = [_column(slope, vector, statistics, steps / 4, i, None)[i] for i in range(vector.size)]
    return np.asarray((np.array(closer) > 2 * diagonal) & (diagonal > 0))


def _missing(problem: Problem, parameters: Any) -> FloatArray | None:
    offer = offered(problem.model, Offer.MISSING_INFORMATION)
    if offer is None:
        return None
    found: FloatArray | None = problem.source.reduce(lambda block: _Sum.of(offer(parameters, block))).value
    return found


@dataclass(frozen=True)
class _Sum:
    """A sum over blocks that is None as soon as one block has no answer."""

    value: FloatArray | None

    @classmethod
    def of(cls, value: FloatArray | None) -> _Sum:
        return cls(value)

    def __add__(self, other: _Sum) -> _Sum:
        return _Sum(None if self.value is None or other.value is None else self.value + other.value)


def complete_information(
    slope: Callable[..., FloatArray], vector: FloatArray, statistics: Any, *, is_one_sided: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Return minus the second derivatives (p, p) of Q plus log prior, and steps (p,) that suit each coordinate.

    No data are needed. Steps start at a guess and are set to a small part of the standard error that the complete
    data would give, so that a change of units changes nothing.
    """
    is_exact = getattr(slope, "is_exact", True)
    steps = (1e-6 if is_exact else 1e-4) * np.maximum(1.0, np.abs(vector))
    here = slope(vector, statistics, steps) if is_one_sided else None
    matrix, todo = np.zeros((vector.size, vector.size)), list(range(vector.size))
    wanted = steps
    for _ in range(_ROUNDS):
        for i in todo:
            matrix[i] = _column(slope, vector, statistics, steps, i, here)
        diagonal = matrix.diagonal()
        is_known = np.isfinite(diagonal) & (diagonal > 0)
        wanted = np.where(is_known, CENTRAL / np.sqrt(np.where(is_known, diagonal, 1.0)), steps)
        wanted = np.maximum(wanted, 1e-13 * np.abs(vector))
        ratio = wanted / steps
        is_off = (ratio < _TRUSTED[0]) | (ratio > _TRUSTED[1])
        todo = np.flatnonzero(is_off).tolist()
        if not todo:
            break
        steps = np.where(is_off, steps * np.clip(ratio, 1e-6, 1e3), steps)
    return (matrix + matrix.T) / 2, wanted


def _column(
    slope: Callable[..., FloatArray],
    vector: FloatArray,
    statistics: Any,
    steps: FloatArray,
    i: int,
    here: FloatArray | None,
) -> FloatArray:
    """Return minus the derivatives of the slope along one coordinate; one-sided where its value `here` is given."""
    ends = []
    for sign in (1.0, -1.0) if here is None else (1.0,):
        moved = vector.copy()
        moved[i] += sign * steps[i]
        ends.append((moved[i], slope(moved, statistics, steps)))
    (high, ahead), (low, behind) = ends if here is None else (ends[0], (vector[i], here))
    return np.asarray(-(ahead - behind) / (high - low))


def _differenced(
    problem: Problem, slope: _Slope, vector: FloatArray, score: FloatArray, steps: FloatArray, n_threads: int
) -> tuple[FloatArray, FloatArray, int]:
    """Return the observed information (p, p) by differences of the score over nearby E-steps, and how many.

    In between: by how much the differences to the two sides disagree (p, p); zero where only one is taken.
    """
    is_one_sided = problem.source.n_rows >= LARGE_ROWS and slope.is_exact
    lengths = steps * (ONE_SIDED / CENTRAL if is_one_sided else 1.0)
    lengths = lengths * (1.0 if slope.is_exact else 10.0)

    def moved(i: int, sign: float) -> tuple[float, FloatArray]:
        there = vector.copy()
        there[i] += sign * lengths[i]
        point = problem.evaluate(slope._chart.from_vector(there))
        return float(there[i]), slope(there, point.statistics, steps)

    def row(i: int) -> FloatArray:
        high, ahead = moved(i, 1.0)
        low, behind = (float(vector[i]), score) if is_one_sided else moved(i, -1.0)
        bend = -(ahead - behind) / (high - low)
        return np.stack([bend, bend * 0 if is_one_sided else 4 * (ahead + behind - 2 * score) / (high - low)])

    is_parallel = n_threads > 1 and PARALLEL_ROWS <= problem.source.n_rows < LARGE_ROWS
    if is_parallel:  # many small passes: threads over the parameters; threads over the blocks serve larger data
        with ThreadPoolExecutor(n_threads) as pool:
            rows = list(pool.map(row, range(vector.size)))
    else:
        rows = [row(i) for i in range(vector.size)]
    matrix, jumps = np.array(rows).reshape(vector.size, 2, vector.size).swapaxes(0, 1)
    return (matrix + matrix.T) / 2, jumps / 2, vector.size * (1 if is_one_sided else 2)
