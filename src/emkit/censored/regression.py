"""Censored regression: the estimator."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import ndtr

from emkit.censored.normal import check_informative
from emkit.censored.regression_model import LinearCensored, LineParameters
from emkit.censored.rows import as_limits, check_limits
from emkit.core import Solver
from emkit.core.arrays import Array, FloatArray
from emkit.data import MemorySource, Source
from emkit.errors import DataError, ParameterError
from emkit.estimator import ModelEstimator, WholeFitOnly, warn_of
from emkit.inference.answers import Kind
from emkit.inference.coefficients import Coefficients

__all__ = ["CensoredRegression"]

_SINGULAR = 1e-10  # covariates with an eigenvalue of their correlations below this determine one another
_LOG_2PI = float(np.log(2 * np.pi))


class CensoredRegression(ModelEstimator):
    """Linear regression whose responses are censored, known by intervals, or recorded only within a range.

    The response is y = intercept + coef x + sigma e with normal e (its logarithm for "log-normal", an accelerated
    failure time model). Fitted by EM to the likelihood of what is known of y.

    Parameters
    ----------
    low, high : float, optional
        Where the responses are censored (tobit): a value at or below `low` is only known to be so, likewise at or
        above `high`. None where the limits of each row come with `y`.
    truncation : (float, float), optional
        Responses outside are not recorded at all; infinite for no limit.
    family : "gaussian" or "log-normal", default "gaussian"
    fit_intercept : bool, default True
    tol : float, default 1e-6
        Log-likelihood still to be gained at which to stop.
    max_iter : int, default 1000
    solver : Solver or "auto"
    n_threads : int, optional
    on_iteration : callable, optional

    Attributes
    ----------
    coef_ : array (p,)
    intercept_ : float
    sigma_ : float
        Standard deviation of the errors, by maximum likelihood.
    fit_ : Fit
    converged_ : bool
    n_iter_ : int
    n_features_in_, feature_names_in_

    Notes
    -----
    `y` is (n,) values; or (n, 2) limits (low, high) of each, with the value above `low` and up to `high`, equal for an
    exact value, infinite or NaN for no limit; or (n, 4) with (from, to) besides, where a value outside would not have
    been recorded.

    References
    ----------
    Tobin 1958, Econometrica 26:24. Amemiya 1984, Journal of Econometrics 24:3.

    Examples
    --------
    >>> import numpy as np, emkit
    >>> x = np.linspace(0, 1, 9)[:, None]
    >>> y = np.array([0, 0, 0, 0.4, 0.3, 0.9, 1.2, 1.1, 1.6])
    >>> tobit = emkit.CensoredRegression(low=0).fit(x, y)
    >>> tobit.coef_.round(2), round(tobit.intercept_, 2)
    (array([2.16]), -0.59)
    """

    _kind: ClassVar[str | None] = "regressor"
    _needs_target: ClassVar[bool] = True
    partial_fit: Any = WholeFitOnly()
    n_init: int = 1  # every start is the same

    def __init__(
        self,
        low: float | None = None,
        high: float | None = None,
        *,
        truncation: tuple[float, float] | None = None,
        family: Literal["gaussian", "log-normal"] = "gaussian",
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 1000,
        solver: Solver | Literal["auto"] = "auto",
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.low = low
        self.high = high
        self.truncation = truncation
        self.family = family
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, checkpoint: Any = None) -> Self:
        """Fit to covariates `X` (n, p) and responses `y`: (n,), (n, 2) limits, or (n, 4) limits and recorded range.

        Raises
        ------
        DataError
            If `X` has missing entries or columns that determine one another, limits are in the wrong order or outside
            the recorded range, or all responses are censored on one side.
        ParameterError
            If a constructor argument is out of range.
        """
        self._check_arguments()
        if y is None:
            message = f"{type(self).__name__} requires y to be passed, but the target y is None"
            raise DataError(message)
        covariates = self._fit_source(X, sample_weight, self.n_threads)
        _check_design(covariates, bool(self.fit_intercept), getattr(self, "feature_names_in_", None))
        limits = self._limits(y, covariates.n_rows)
        source = _beside(covariates, limits)
        ends = slice(covariates.n_features, None)
        source.map(lambda block: check_limits(block, ends))
        check_informative(source, ends)
        self._checkpoint = checkpoint
        try:
            fit = self._maximised(LinearCensored(bool(self.fit_intercept), limits.shape[1]), source)
        finally:
            del self._checkpoint
        self._adopt(fit, source)
        warn_of(self.fit_)
        return self

    def _model(self) -> LinearCensored:
        return LinearCensored(bool(self.fit_intercept))

    def _check_arguments(self) -> None:
        if self.family not in ("gaussian", "log-normal"):
            message = f'`family` must be "gaussian" or "log-normal", got {self.family!r}'
            raise ParameterError(message)
        recorded = (None, None) if self.truncation is None else self.truncation
        for name, pair in (("low and high", (self.low, self.high)), ("truncation", recorded)):
            if not _is_range(pair):
                message = f"`{name}` must be a range (low, high) with low < high, got {pair!r}"
                raise ParameterError(message)

    def _limits(self, y: Any, n_rows: int) -> FloatArray:
        """Return the limits (n, 2) or (n, 4) of the responses, on the scale of the line."""
        limits = _column_checked(y, n_rows)
        exact = limits[:, 0] == limits[:, 1]
        if self.low is not None:
            limits[exact & (limits[:, 1] <= self.low), :2] = np.nan, self.low
        if self.high is not None:
            limits[(limits[:, 0] == limits[:, 1]) & (limits[:, 0] >= self.high), :2] = self.high, np.nan
        if self.truncation is not None:
            if limits.shape[1] == 4:
                message = "give the range of recorded values by `truncation` or by columns of `y`, not both"
                raise DataError(message)
            limits = np.column_stack([limits, np.tile(as_limits([self.truncation]), (n_rows, 1))])
        return self._on_scale(limits)

    def _on_scale(self, limits: FloatArray) -> FloatArray:
        if self.family == "gaussian":
            return limits
        wrong = np.flatnonzero((limits[:, 1] <= 0) | (limits[:, 0] < 0))
        if len(wrong):
            i = int(wrong[0])
            message = (
                f"a log-normal response lies above zero, got ({limits[i, 0]:g}, {limits[i, 1]:g}) in row {i}; "
                'leave it out, or use family="gaussian"'
            )
            raise DataError(message)
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(limits, 0.0))
        return np.where(np.isinf(logs), np.nan, logs)

    def _adopt_parameters(self, model: Any, parameters: LineParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.coef_, self.intercept_ = parameters.coef, float(parameters.intercept[0])
        self.sigma_ = float(parameters.sigma[0])

    # --- answers ---

    def predict(self, X: Any, *, kind: Literal["latent", "observed"] = "latent") -> FloatArray:
        """Return a prediction (n,) for each row.

        Parameters
        ----------
        X : array (n, p)
        kind : "latent" or "observed"
            The mean of the uncensored response; or of what would be seen of it, with values beyond `low` and `high` at
            these limits. For "log-normal": its median and, likewise, the mean of what would be seen.
        """
        if kind not in ("latent", "observed"):
            message = f'`kind` must be "latent" or "observed", got {kind!r}'
            raise ParameterError(message)
        source = self._new_source(X, None, self.n_threads)
        line = np.concatenate(source.map(lambda block: np.asarray(block.X, dtype=np.float64) @ self.coef_))
        line = line + self.intercept_
        if kind == "observed":
            return self._seen_mean(line)
        return np.asarray(line if self.family == "gaussian" else np.exp(line))

    def _seen_mean(self, line: FloatArray) -> FloatArray:
        low, high = (-np.inf if self.low is None else self.low), (np.inf if self.high is None else self.high)
        is_log, sigma = self.family == "log-normal", self.sigma_
        with np.errstate(divide="ignore"):
            ends = np.array([max(low, 0.0), high]) if is_log else np.array([low, high])
            a, b = ((np.log(end) if is_log else end) - line for end in ends)
        a, b = a / sigma, b / sigma
        below, above = ndtr(a), ndtr(-b)
        if is_log:
            inside = np.exp(line + sigma**2 / 2) * (ndtr(b - sigma) - ndtr(a - sigma))
        else:
            inside = line * (1 - below - above) + sigma * (_normal(a) - _normal(b))
        seen = inside + np.where(below > 0, ends[0] if np.isfinite(ends[0]) else 0.0, 0.0) * below
        return np.asarray(seen + (ends[1] if np.isfinite(ends[1]) else 0.0) * above)

    def coefficients(self, *, kind: Kind = "observed", clusters: Any = None) -> Coefficients:
        """Return intercept, coefficients and sigma with standard errors (see `Fit.covariance` for the arguments)."""
        self._check_fitted()
        lead = bool(self.fit_intercept)

        def shown(p: LineParameters) -> FloatArray:
            return np.concatenate([p.intercept if lead else [], p.coef, p.sigma])

        value, cov = self.fit_.covariance(kind=kind, clusters=clusters).delta(shown)
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])
        called = (*(("(intercept)",) if lead else ()), *map(str, names), "sigma")
        return Coefficients(called, np.asarray(value), np.asarray(cov))

    def loglik(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the log-likelihood of rows with responses as for `fit`."""
        covariates = self._new_source(X, sample_weight, self.n_threads)
        limits = self._limits(y, covariates.n_rows)
        source = _beside(covariates, limits)
        model = LinearCensored(self.model_.has_intercept, limits.shape[1], *_constants(self.model_))
        parts = source.map(lambda b: (model.log_density(self.parameters_, b), b.weights))
        return float(sum(density[w > 0] @ w[w > 0] for density, w in parts))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R squared of the expected observed values, for values `y` (n,) seen as in `fit`.

        Raises
        ------
        DataError
            If `y` is given by limits: compare `loglik` there.
        """
        limits = _column_checked(y, len(np.asarray(y)))
        if limits.shape[1] != 2 or (limits[:, 0] != limits[:, 1]).any():
            message = "R squared needs one value for each row; for limits compare `loglik(X, y)`"
            raise DataError(message)
        seen = np.clip(
            limits[:, 0], *((self.low, self.high) if (self.low, self.high) != (None, None) else (None, np.inf))
        )
        weights = np.ones(len(seen)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        rest = weights @ (seen - self.predict(X, kind="observed")) ** 2
        return float(1 - rest / (weights @ (seen - np.average(seen, weights=weights)) ** 2))


def _is_range(pair: Any) -> bool:
    """Tell whether a pair is (low, high) with low < high, None for no limit."""
    try:
        low, high = pair
        return bool((-np.inf if low is None else low) < (np.inf if high is None else high))
    except (TypeError, ValueError):
        return False


def _column_checked(y: Any, n_rows: int) -> FloatArray:
    """Return limits of responses: one column is values, and a value cannot be missing or infinite."""
    array = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            array = np.where(np.isinf(array), np.nan, array)  # refused below, as a value
        limits = as_limits(array, n_rows) if array.dtype.kind != "c" else as_limits(array.astype(object), n_rows)
        bad = np.flatnonzero(np.isnan(limits[:, 0]))
        if len(bad):
            message = (
                f"Input y contains NaN or infinity, first in row {bad[0]}: a value must be finite. For a censored one "
                "pass its limits: `y` (n, 2)"
            )
            raise DataError(message)
        return limits
    return as_limits(array, n_rows)


def _beside(covariates: Source, limits: FloatArray) -> MemorySource:
    blocks = list(covariates.blocks())
    X = np.concatenate([np.asarray(block.X, dtype=np.float64) for block in blocks])
    weights = np.concatenate([block.weights for block in blocks]) if covariates.is_weighted else None
    names = covariates.feature_names
    called = None if names is None else (*names, *("(low)", "(high)", "(from)", "(to)")[: limits.shape[1]])
    return MemorySource(
        np.ascontiguousarray(np.hstack([X, limits])), weights, feature_names=called, n_threads=covariates.n_threads
    )


def _constants(model: LinearCensored) -> tuple[Any, Any, float, float]:
    return model.center, model.scale, model.reference, model.unit


def _normal(z: FloatArray) -> FloatArray:
    return np.where(np.isfinite(z), np.exp(-0.5 * np.where(np.isfinite(z), z, 0.0) ** 2 - 0.5 * _LOG_2PI), 0.0)


def _check_design(source: Source, has_intercept: bool, names: Array | None) -> None:
    """Raise if columns of the design determine one another, naming them.

    Raises
    ------
    DataError
    """
    called = [str(j) for j in range(source.n_features)] if names is None else [str(name) for name in names]
    if source.n_used == 1:
        message = "1 sample does not tell a line: give more rows of positive weight than coefficients"
        raise DataError(message)
    moments = source.column_moments()
    constant = (
        np.flatnonzero(moments.var <= 0) if has_intercept else np.flatnonzero((moments.low == 0) & (moments.high == 0))
    )
    if len(constant):
        message = f"column {called[constant[0]]!r} is constant, as the intercept is: leave it out"
        raise DataError(message)
    center = moments.mean if has_intercept else np.zeros(source.n_features)
    size = np.sqrt(moments.var + (moments.mean - center) ** 2)

    def products(block: Any) -> FloatArray:
        gap = (np.asarray(block.X, dtype=np.float64) - center) / size
        return np.asarray((gap * block.weights[:, None]).T @ gap)

    values, vectors = np.linalg.eigh(source.reduce(products) / source.total_weight)
    if values[0] > _SINGULAR:
        return
    which = ", ".join(repr(called[j]) for j in np.flatnonzero(np.abs(vectors[:, 0]) > 0.1))
    n_needed = source.n_features + int(has_intercept)
    few = f"; there are {source.n_rows} rows for {n_needed} coefficients" if source.n_rows < n_needed else ""
    message = f"columns {which} determine one another: leave one out{few}"
    raise DataError(message)
