"""Turnbull's estimate of a distribution from intervals: the estimator."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from emkit.censored._base import IntervalEstimator
from emkit.censored.icm import ConvexMinorant
from emkit.censored.turnbull_model import IntervalMasses, MassParameters
from emkit.core import Fit, Solver, maximise
from emkit.core.arrays import FloatArray
from emkit.core.problem import Problem
from emkit.data import Source
from emkit.errors import ParameterError
from emkit.estimator import WholeFitOnly
from emkit.randomness import generator_of

__all__ = ["Turnbull"]

Within = Literal["right", "left", "linear"]


class Turnbull(IntervalEstimator):
    """Distribution and survival curve of a variable, of no given form, from values known by intervals.

    A row of `X` is (low, high): the value lies above `low` and up to `high`. Equal limits are an exact value, infinity
    or NaN is no limit: (t, inf) is censored on the right at t, (-inf, t) on the left. With four columns, (low, high,
    from, to), a value outside `from` to `to` would not have been recorded (truncation). With exact and right-censored
    values alone this is the Kaplan-Meier estimate.

    Parameters
    ----------
    tol : float, default 1e-6
        Log-likelihood still to be gained at which to stop.
    max_iter : int, default 1000
    solver : Solver or "auto"
        "auto" is `censored.ConvexMinorant`.
    n_threads : int, optional
    on_iteration : callable, optional

    Attributes
    ----------
    intervals_ : array (m, 2)
        The innermost intervals that carry mass, as rows (low, high) are.
    mass_ : array (m,)
        Their masses. Where inside an interval its mass lies the data cannot tell.
    gap_ : float
        No distribution has a log-likelihood larger by more than this (without truncation).
    fit_ : Fit
    converged_ : bool
    n_iter_ : int

    References
    ----------
    Turnbull 1976, JRSS B 38:290. Wellner & Zhan 1997, JASA 92:945.

    Examples
    --------
    >>> import numpy as np, emkit
    >>> rows = [[0, 7], [0, 8], [5, 11], [7, 16], [10, np.inf], [8, 12], [15, np.inf]]
    >>> curve = emkit.Turnbull().fit(rows)
    >>> curve.survival([7, 12, 20]).round(3)
    array([0.646, 0.256, 0.   ])
    """

    n_init: int = 1  # every start is the same
    partial_fit: Any = WholeFitOnly()

    def __init__(
        self,
        *,
        tol: float = 1e-6,
        max_iter: int = 1000,
        solver: Solver | Literal["auto"] = "auto",
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    def _model(self) -> IntervalMasses:
        return IntervalMasses()

    def _solver(self) -> Solver | Literal["auto"]:
        return ConvexMinorant() if isinstance(self.solver, str) and self.solver == "auto" else self.solver

    def _adopt_parameters(self, model: IntervalMasses, parameters: MassParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        some = parameters.mass > 0
        self.intervals_ = np.column_stack([model.low, model.high])[some]
        self.mass_ = parameters.mass[some]

    def _adopt(self, fit: Fit, source: Source) -> None:
        super()._adopt(fit, source)
        point = Problem(fit.model, fit.source).evaluate(fit.parameters)
        self.gap_ = max(float(point.statistics.slope.max()), 0.0)

    # --- answers ---

    def survival(self, times: Any, *, within: Within = "right") -> FloatArray:
        """Return the probability of a value above each time, of any shape.

        Parameters
        ----------
        times : array
        within : "right", "left" or "linear"
            Where the mass of an interval is taken to lie: at its right end (the largest survival curve), at its left
            end (the smallest), or spread evenly over it.
        """
        self._check_fitted()
        return _survival(self.intervals_, self.mass_, _times(times), within)

    def cdf(self, times: Any, *, within: Within = "right") -> FloatArray:
        """Return the probability of a value up to each time; arguments as for `survival`."""
        return np.asarray(1 - self.survival(times, within=within))

    def quantile(self, p: Any, *, within: Within = "right") -> FloatArray:
        """Return the smallest time up to which a share `p`, of any shape, has come; infinite where it never has.

        Raises
        ------
        ParameterError
            If a share is not between 0 and 1.
        """
        self._check_fitted()
        _check_within(within)
        share = np.asarray(p, dtype=np.float64)
        if not ((share >= 0) & (share <= 1)).all():
            message = f"`p` must hold shares between 0 and 1, got {p!r}"
            raise ParameterError(message)
        low, high = self.intervals_.T
        sums = np.cumsum(self.mass_)
        at = np.minimum(np.searchsorted(sums, share - 1e-12, side="left"), len(sums) - 1)
        if within == "right":
            return np.asarray(high[at])
        if within == "left" or not np.isfinite(self.intervals_).all():
            return np.asarray(low[at])
        part = np.clip(1 - (sums[at] - share) / self.mass_[at], 0.0, 1.0)
        return np.asarray(low[at] + part * (high[at] - low[at]))

    def survival_interval(
        self, times: Any, level: float = 0.95, *, n: int = 200, random_state: Any = None, within: Within = "right"
    ) -> tuple[FloatArray, FloatArray]:
        """Return pointwise confidence limits of the survival curve at `times`, by the Bayesian bootstrap.

        Parameters
        ----------
        times : array (t,)
        level : float
        n : int, default 200
            Refits, each with case weights from the exponential distribution.
        random_state : int or Generator, optional
        within : "right", "left" or "linear"

        Raises
        ------
        ParameterError
            If there are no rows to fit again (the estimator was loaded from a file), or an argument is out of range.

        References
        ----------
        Rubin 1981, Annals of Statistics 9:130.
        """
        self._check_fitted()
        if not 0 < level < 1 or int(n) < 2:
            message = f"`level` must lie between 0 and 1 and `n` be at least 2, got {level!r} and {n!r}"
            raise ParameterError(message)
        source = self.fit_.given
        if source is None:
            message = "this fit holds no rows to fit again: fit once more, then ask"
            raise ParameterError(message)
        at, rng = _times(times), generator_of(random_state)
        before = np.concatenate([block.weights for block in source.blocks()])
        curves = np.array([self._redrawn(source, before, at, within, rng) for _ in range(int(n))])
        low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def _redrawn(
        self, source: Any, weights: FloatArray, at: FloatArray, within: Within, rng: np.random.Generator
    ) -> FloatArray:
        drawn = source.with_weights(weights * rng.exponential(size=len(weights)))
        fit = maximise(IntervalMasses(), drawn, n_starts=1, solver=self._solver(), tol=1e-3, max_iter=self.max_iter)
        limits = np.column_stack([fit.model.low, fit.model.high])
        return _survival(limits, fit.parameters.mass, at, within)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> FloatArray:
        """Return intervals (n, 2), drawn by their masses."""
        self._check_fitted()
        drawn = generator_of(random_state).choice(len(self.mass_), int(n_samples), p=self.mass_ / self.mass_.sum())
        return np.asarray(self.intervals_[drawn])

    def plot(self, ax: Any = None, *, level: float | None = 0.95, random_state: Any = 0) -> Any:
        """Draw the survival curve, with its confidence limits unless `level` is None (`plot.SurvivalDisplay`)."""
        from emkit.plot import SurvivalDisplay

        return SurvivalDisplay.from_estimator(self, level=level, random_state=random_state, ax=ax)


def _times(times: Any) -> FloatArray:
    at = np.asarray(times, dtype=np.float64)
    if np.isnan(at).any():
        message = "times must be numbers, got NaN"
        raise ParameterError(message)
    return at


def _check_within(within: str) -> None:
    if within not in ("right", "left", "linear"):
        message = f'`within` must be "right", "left" or "linear", got {within!r}'
        raise ParameterError(message)


def _survival(intervals: FloatArray, mass: FloatArray, times: FloatArray, within: Within) -> FloatArray:
    """Return the probability of a value above each time."""
    _check_within(within)
    low, high = intervals.T
    left = np.concatenate([np.cumsum(mass[::-1])[::-1], [0.0]])  # mass of each interval and those after
    by_right = np.asarray(left[np.searchsorted(high, times, side="right")])
    if within == "right":
        return by_right
    n_begun = np.searchsorted(low, times, side="left")  # intervals (low, high] with low < t
    at = np.minimum(np.searchsorted(low, times, side="left"), len(low) - 1)
    is_point = (low[at] == times) & (high[at] == times)
    by_left = np.asarray(left[np.where(is_point, at + 1, n_begun)])
    if within == "left":
        return by_left
    inside = by_right - by_left
    j = np.clip(n_begun - 1, 0, len(low) - 1)
    width = high[j] - low[j]
    share = np.where(np.isfinite(width) & (width > 0), (times - low[j]) / np.where(width > 0, width, 1.0), 0.0)
    return np.asarray(by_right - inside * np.clip(np.nan_to_num(share), 0.0, 1.0))
