"""Stochastic approximation: what is hidden is drawn by Markov chains, and draws are averaged with falling gains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.model import Model, Offer, offered
from emkit.core.parameters import ParametersChart
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver
from emkit.errors import ParameterError

__all__ = ["RobbinsMonro"]

_TUNED = 0.6  # exponent by which the tuning of the chains fades
_BLUR = 1e-2  # part of the way between two averages over which the score is differenced


@dataclass(frozen=True)
class _Window:
    """A run of steps over which parameters are averaged, and the average of the run before."""

    length: int
    n: int = 0
    total: FloatArray | None = None
    before: FloatArray | None = None


@dataclass(frozen=True)
class _Memory:
    number: int
    hidden: tuple[tuple[int, Any], ...] = ()  # state of the chains by the first row of their block
    past: Any = None
    window: _Window | None = None
    chain: Point | None = None  # where the chain of parameters is, if not at the point shown


@dataclass(frozen=True)
class RobbinsMonro(Solver):
    """Metropolis-Hastings Robbins-Monro: for models whose hidden variables have too many dimensions to integrate.

    The hidden variables of every row follow a Markov chain of their own; each iteration moves the chains at the
    parameters of the moment, and mixes the statistics s of the complete data with those of the past,

        S = g s + (1 - g) S,

    and an M-step on S gives the next parameters. Where the statistics are a score and an information, that is a step
    of g times the inverse of the averaged information times the fresh score. The gain g is one for `n_burn`
    iterations. Then parameters are averaged (in the coordinates of their spaces) over windows, each twice as long as
    the one before and with half its gain: within one the chain of parameters moves as far as EM would in
    `first_window` steps, and around the optimum its average errs by as much as without the gain. A window's average is
    the estimate once it differs from the last so little that what it still lacks of the log-likelihood is below
    `accuracy`, by the complete-data information.

    The objective of the trace is the log-density of the complete data at the draws, which rises and falls. Once there
    is an average the point is that of the last window, so that a climb out of budget ends at an average too. The draws
    depend on `seed`, on the iteration and on the row, and on nothing else. The model must offer `imputing`.

    Parameters
    ----------
    n_burn : int, default 50
        Iterations with full gain.
    first_window : int, default 100
        Iterations of the first average.
    accuracy : float, default 1.0
        Log-likelihood that the estimate may lack, by the complete-data information: where much is hidden that says too
        much (on five factors 0.9 where it was 0.1).
    n_moves : int, default 5
        Moves of the chains in each iteration.
    seed : int, default 0

    References
    ----------
    Cai 2010, Psychometrika 75:33. Delyon, Lavielle & Moulines 1999, Annals of Statistics 27:94. Polyak & Juditsky
    1992, SIAM Journal on Control and Optimization 30:838.
    """

    n_burn: int = 50
    first_window: int = 100
    accuracy: float = 1.0
    n_moves: int = 5
    seed: int = 0
    is_stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, is_right, rule in (
            ("n_burn", self.n_burn >= 0, "at least 0"),
            ("first_window", self.first_window >= 1, "at least 1"),
            ("accuracy", self.accuracy > 0, "above 0"),
            ("n_moves", self.n_moves >= 1, "at least 1"),
        ):
            if not is_right:
                message = f"`{name}` must be {rule}, got {getattr(self, name)!r}"
                raise ParameterError(message)

    def seen(self, model: Model) -> Model:
        imputing = offered(model, Offer.IMPUTING)
        if imputing is None:
            name = type(model).__name__
            message = f"RobbinsMonro draws hidden variables, which `{name}` does not offer: use another solver"
            raise ParameterError(message)
        found: Model = imputing()
        return found

    def begin(self, problem: Problem, point: Point) -> _Memory:
        return _Memory(0)

    def step(self, problem: Problem, point: Point, memory: _Memory) -> Move:
        gain = 1.0 if memory.window is None else self.first_window / memory.window.length
        here = point if memory.chain is None else memory.chain
        fresh = here.statistics
        mixed = fresh if memory.past is None or gain == 1.0 else fresh * gain + memory.past * (1 - gain)
        parameters = problem.model.m_step(mixed, here.parameters)
        later = replace(memory, number=memory.number + 1, past=mixed)
        left = float("inf")
        if memory.number >= self.n_burn:
            window, parameters, left = self._averaged(problem, parameters, later)
            later = replace(later, window=window)
        drawn, hidden = self._drawn(problem, parameters, later)
        window = later.window
        has_average = window is not None and window.before is not None and window.n > 0
        later = replace(later, hidden=hidden, chain=drawn)
        return Move(point if has_average else drawn, later, gain, True, left)

    def _drawn(self, problem: Problem, parameters: Any, memory: _Memory) -> tuple[Point, tuple[tuple[int, Any], ...]]:
        """Move the chains at some parameters; return the point there and the state of the chains."""
        problem.n_e_steps += 1
        model: Any = problem.model
        known, number = dict(memory.hidden), memory.number
        tuning = float((1 + number) ** -_TUNED)

        def moved(block: Any) -> tuple[int, Any, Any]:
            rng = np.random.default_rng([self.seed, number, block.start])
            state, statistics = model.drawn(parameters, block, known.get(block.start), rng, self.n_moves, tuning)
            return block.start, state, statistics

        parts = problem.source.map(moved)
        total = parts[0][2]
        for _, _, statistics in parts[1:]:
            total = total + statistics
        loglik = float(total.loglik)
        point = Point(parameters, total, loglik, loglik + float(model.log_prior(parameters)))
        return point, tuple((start, state) for start, state, _ in parts)

    def _averaged(self, problem: Problem, parameters: Any, memory: _Memory) -> tuple[_Window | None, Any, float]:
        """Take parameters into the average; at the end of a window return it, and what it still lacks."""
        window = memory.window or _Window(self.first_window)
        chart = ParametersChart(parameters)
        vector = chart.to_vector(parameters)
        total = vector if window.total is None else window.total + vector
        window = replace(window, n=window.n + 1, total=total)
        if window.n < window.length:
            return window, parameters, float("inf")
        mean = total / window.n
        left = float("inf") if window.before is None else self._lacking(problem, chart, mean, window.before, memory)
        return _Window(2 * window.length, before=mean), chart.from_vector(mean), 0.0 if left <= self.accuracy else left

    def _lacking(
        self, problem: Problem, chart: ParametersChart, mean: FloatArray, before: FloatArray, memory: _Memory
    ) -> float:
        """Return the log-likelihood that an average still lacks, as its distance d from the last one tells.

        The variance of d is three times that of the average, whose window was twice as long: d'I d / 6, with I the
        complete-data information.
        """
        score = offered(problem.model, Offer.SCORE)
        assert score is not None, "a model that draws what is hidden has a score"
        off, ends = mean - before, []
        for sign in (1.0, -1.0):
            vector = mean + sign * _BLUR * off
            at = chart.from_vector(vector)
            ends.append(chart.pull_back(at, vector, score(at, memory.past)))
        return abs(float(off @ (ends[1] - ends[0]))) / (2 * _BLUR) / 6
