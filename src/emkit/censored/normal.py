"""A normal distribution of which intervals are known: the estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from emkit.censored._base import IntervalEstimator
from emkit.censored.regression_model import LinearCensored, LineParameters
from emkit.censored.rows import limits_of
from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.data import Source
from emkit.errors import DataError
from emkit.randomness import generator_of

__all__ = ["CensoredNormal"]


class CensoredNormal(IntervalEstimator):
    """Mean and standard deviation of a normal variable from exact, censored, grouped and truncated values.

    A row of `X` is (low, high): the value lies above `low` and up to `high`; equal limits are an exact value, and
    infinity or NaN is no limit. With four columns, (low, high, from, to), a value outside `from` to `to` would not have
    been recorded at all (truncation).

    Parameters
    ----------
    tol : float, default 1e-6
        Log-likelihood still to be gained at which to stop.
    max_iter : int, default 1000
    solver : Solver or "auto"
    n_threads : int, optional
    on_iteration : callable, optional

    Attributes
    ----------
    mean_, sd_ : float
    fit_ : Fit
    converged_ : bool
    n_iter_ : int

    References
    ----------
    Dempster, Laird & Rubin 1977, JRSS B 39:1, section 4.2.

    Examples
    --------
    Concentrations, three of them below a limit of detection of 0.5:

    >>> import numpy as np, emkit
    >>> rows = [[-np.inf, 0.5]] * 3 + [[x, x] for x in (0.6, 0.8, 0.9, 1.3, 1.7, 2.2)]
    >>> normal = emkit.CensoredNormal().fit(rows)
    >>> round(normal.mean_, 3), round(normal.sd_, 3)
    (0.824, 0.793)
    """

    n_init: int = 1  # every start is the same

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

    def _model(self) -> LinearCensored:
        return LinearCensored()

    def _maximised(self, model: Any, source: Source) -> Any:
        return super()._maximised(replace(model, n_limits=source.n_features), source)

    def _check_rows(self, model: Any, source: Source) -> None:
        check_informative(source, slice(None))

    def _adopt_parameters(self, model: Any, parameters: LineParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.mean_, self.sd_ = float(parameters.intercept[0]), float(parameters.sigma[0])

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-likelihood (n,) of each row: of its interval, or the log density of its exact value."""
        source = self._new_source(X, None, self.n_threads)
        model = replace(self.model_, n_limits=source.n_features)
        return np.concatenate(source.map(lambda block: model.log_density(self.parameters_, block)))

    def expected(self, X: Any) -> FloatArray:
        """Return the expected value (n,) of each row given its interval."""
        source = self._new_source(X, None, self.n_threads)

        def inside(block: Any) -> FloatArray:
            low, high = limits_of(block.X)[:2]
            _, gap, _ = self.model_._moments(low, high, np.full(len(low), self.mean_), self.sd_)
            return np.asarray(self.mean_ + gap)

        return np.concatenate(source.map(inside))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> FloatArray:
        """Return exact values (n,) of the distribution, whether they would be recorded or not."""
        self._check_fitted()
        return generator_of(random_state).normal(self.mean_, self.sd_, int(n_samples))


def check_informative(source: Source, columns: slice) -> None:
    """Raise unless the rows tell of both sides: some lower and some upper limit.

    Raises
    ------
    DataError
        If all rows are censored on one side, or nothing is known of any.
    """

    def counts(block: Any) -> FloatArray:
        used = block.weights > 0
        low, high = limits_of(np.asarray(block.X)[used][:, columns])[:2]
        return np.array([np.isfinite(low).sum(), np.isfinite(high).sum(), used.sum()])

    n_low, n_high, n_rows = source.reduce(counts)
    if n_low and n_high:
        return
    if not n_low and not n_high:
        message = f"no row of {n_rows:g} has a limit: nothing is known of any value"
    else:
        side, other = ("right", "upper") if n_low else ("left", "lower")
        message = (
            f"all {n_rows:g} rows are censored on the {side}: without one {other} limit or exact value the likelihood "
            "grows without end. Add rows that have one."
        )
    raise DataError(message)
