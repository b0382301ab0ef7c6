"""Mixtures of one variable known by intervals: grouped, censored and truncated data: the estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import gamma

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.data import Source, as_source
from emkit.errors import DataError, ParameterError
from emkit.families.interval import Interval, IntervalGaussian, IntervalLogNormal, IntervalPoisson
from emkit.families.interval_times import IntervalExponential, IntervalGamma, IntervalWeibull
from emkit.mixture._base import MixtureEstimator
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["BinnedMixture"]

_KINDS: dict[str, type[Interval]] = {
    "gaussian": IntervalGaussian,
    "log-normal": IntervalLogNormal,
    "exponential": IntervalExponential,
    "gamma": IntervalGamma,
    "weibull": IntervalWeibull,
    "poisson": IntervalPoisson,
}


def _weibull_moments(members: Any) -> tuple[FloatArray, FloatArray]:
    first, second = (gamma(1 + m / members.shape) for m in (1, 2))
    return members.scale * first, members.scale * np.sqrt(np.maximum(second - first**2, 0.0))


def _refuse_censored(source: Source) -> None:
    """Raise where no row has a lower limit, or none an upper one: the values could lie anywhere on that side."""
    if source.n_features != 2:
        return  # said elsewhere
    known = np.sum(source.map(lambda block: (~np.isnan(block.X[block.weights > 0])).sum(axis=0)), axis=0)
    for j, (side, way) in enumerate((("lower", "below"), ("upper", "above"))):
        if known[j] == 0:
            message = (
                f"no row has {'an' if j else 'a'} {side} limit: all values are censored {way}, and could lie anywhere "
                f"there. At least one row needs {'an' if j else 'a'} {side} limit (column {j})"
            )
            raise DataError(message)


_MOMENTS: dict[str, Callable[[Any], tuple[FloatArray, FloatArray]]] = {
    "gaussian": lambda members: (members.mean, np.sqrt(members.var)),
    "log-normal": lambda members: (members.mean, np.sqrt(members.var)),
    "exponential": lambda members: (members.mean, members.mean),
    "gamma": lambda members: (members.mean, members.mean / np.sqrt(members.shape)),
    "weibull": _weibull_moments,
    "poisson": lambda members: (members.rate, np.sqrt(members.rate)),
}


class BinnedMixture(MixtureEstimator):
    """Mixture of one variable of which intervals are known, by maximum likelihood.

    A row of `X` is (low, high): the value lies above `low` and up to `high`; NaN is no limit on that side, and equal
    limits are an exact value. `fit_histogram` takes edges and counts. The log-likelihood is that of the intervals.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, k.
    family : {"gaussian", "log-normal", "exponential", "gamma", "weibull", "poisson"}, default "gaussian"
    truncation : (float, float), optional
        Values outside are not recorded at all; None or infinite for no such limit.
    weight_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the mixing proportions; 1 is none.
    tol, max_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    weights_ : array (k,)
        Mixing proportions, falling; of the values before truncation.
    means_ : array (k,)
        Means of the components (of the logarithms for "log-normal").
    sds_ : array (k,)
        Standard deviations (of the logarithms for "log-normal").
    converged_, n_iter_, fit_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import numpy as np, emkit
    >>> x = emkit.load_data("faithful")["waiting"]
    >>> edges = np.arange(40, 101, 5)
    >>> mixture = emkit.BinnedMixture(2, random_state=0).fit_histogram(edges, np.histogram(x, edges)[0])
    >>> mixture.means_.round(1)
    array([80.4, 54.7])
    """

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        n_components: int = 1,
        *,
        family: Literal["gaussian", "log-normal", "exponential", "gamma", "weibull", "poisson"] = "gaussian",
        truncation: tuple[float, float] | None = None,
        weight_concentration: float = 1.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_components = n_components
        self.family = family
        self.truncation = truncation
        self.weight_concentration = weight_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def fit_histogram(self, edges: Any, counts: Any) -> Self:
        """Fit to the counts (m,) of values between edges (m + 1,), rising; the first and last may be infinite.

        Raises
        ------
        DataError
            If the edges do not rise or there is not one more of them than counts.
        """
        limits, numbers = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
        if limits.ndim != 1 or numbers.ndim != 1 or len(limits) != len(numbers) + 1:
            message = f"expected one more edge than counts, got shapes {limits.shape} and {numbers.shape}"
            raise DataError(message)
        if not (np.diff(limits) > 0).all():
            j = int(np.argmin(np.diff(limits) > 0))
            message = f"edges must rise, but edge {j} is {limits[j]:g} and edge {j + 1} is {limits[j + 1]:g}"
            raise DataError(message)
        limits = np.where(np.isinf(limits), np.nan, limits)
        self.fit(np.column_stack([limits[:-1], limits[1:]]), sample_weight=numbers)
        return self

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        source = as_source(X, sample_weight, n_threads=n_threads, min_rows=min_rows, allow_missing_columns=True)
        _refuse_censored(source)
        return super()._fit_source(source, None, n_threads, min_rows)

    def _family(self) -> Interval:
        if self.family not in _KINDS:
            message = f"`family` must be one of {', '.join(map(repr, _KINDS))}, got {self.family!r}"
            raise ParameterError(message)
        low, high = (-np.inf, np.inf) if self.truncation is None else self.truncation
        return _KINDS[self.family]((float(low), float(high)))

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.weights_, members = parameters.mix, parameters.members
        self.means_, self.sds_ = (part[:, 0] for part in _MOMENTS[self.family](members))

    # --- answers ---

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-probability (n,) of each interval, given that its value was recorded."""
        scores = super().score_samples(X)
        family: Any = self.model_.family
        with np.errstate(divide="ignore"):
            return np.asarray(scores - family.log_recorded(np.log(self.weights_), self.parameters_.members))
