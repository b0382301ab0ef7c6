"""Linear regression whose covariates, and response, may be missing, by full-information likelihood."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import Array, FloatArray
from emkit.data import MemorySource, Source
from emkit.errors import DataError
from emkit.inference.answers import Kind
from emkit.inference.coefficients import Coefficients
from emkit.missing.conditional import filled_rows
from emkit.missing.normal import NormalEstimator, WholeFitOnly

__all__ = ["LinearRegression", "checked_response", "joined"]


class LinearRegression(NormalEstimator):
    """Linear regression that uses every observed entry: covariates and response may be missing at random.

    Covariates and response are jointly normal; the coefficients are those of the response given the covariates at the
    maximum of the likelihood of all that is observed, and no row is left out or filled in.

    Parameters
    ----------
    prior_rows : float, default 0
        See `missing.MultivariateNormal`.
    tol : float, default 1e-6
    max_iter : int, default 1000
    solver : Solver or "auto"
    n_threads : int, optional

    Attributes
    ----------
    coef_ : array (d,)
    intercept_ : float
    residual_variance_ : float
        By maximum likelihood (no degrees of freedom taken off).
    fit_ : Fit
        Of the normal distribution of the covariates and, last, the response.

    References
    ----------
    Little 1992, JASA 87:1227.

    Examples
    --------
    >>> import emkit
    >>> from emkit.missing import LinearRegression
    >>> table = emkit.load_data("airquality")
    >>> model = LinearRegression().fit(table.select(["Solar.R", "Wind", "Temp"]), table["Ozone"])
    >>> model.coef_.round(3)
    array([ 0.061, -3.113,  1.661])
    """

    _kind: ClassVar[str | None] = "regressor"
    _needs_target: ClassVar[bool] = True

    partial_fit: Any = WholeFitOnly()

    def __init__(
        self,
        *,
        prior_rows: float = 0.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        solver: Solver | Literal["auto"] = "auto",
        n_threads: int | None = None,
    ) -> None:
        self.prior_rows = prior_rows
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, checkpoint: Any = None) -> Self:
        """Fit to covariates `X` (n, d) and responses `y` (n,), both with NaN where missing; case weights (n,)."""
        model = self._model()
        source = joined(self._fit_source(X, sample_weight, self.n_threads), checked_response(y, type(self).__name__))
        self._check_rows(model, source)
        return self._fit_made(model, source, checkpoint)

    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        super()._adopt_parameters(model, parameters)
        values = _regression(parameters)
        self.intercept_, self.coef_, self.residual_variance_ = float(values[0]), values[1:-1], float(values[-1])

    def coefficients(self, *, kind: Kind = "observed", clusters: Any = None) -> Coefficients:
        """Return intercept and coefficients with standard errors (see `Fit.covariance` for `kind` and `clusters`)."""
        self._check_fitted()
        value, cov = self.fit_.covariance(kind=kind, clusters=clusters).delta(lambda p: _regression(p)[:-1])
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])
        return Coefficients(("(intercept)", *map(str, names)), np.asarray(value), np.asarray(cov))

    def predict(self, X: Any) -> FloatArray:
        """Return the mean of the response (n,) given the observed covariates of each row."""
        source = self._new_source(X, None, self.n_threads)
        parts = source.map(lambda block: filled_rows(self.parameters_, _with_column(block.X, np.nan), None)[:, -1])
        return np.concatenate(parts)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of the variance of the observed responses that the predictions explain, R squared."""
        y = checked_response(y, type(self).__name__)
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        weights = np.where(np.isnan(y), 0.0, weights)
        seen = np.nan_to_num(y)
        left = weights @ (seen - self.predict(X)) ** 2
        return float(1 - left / (weights @ (seen - weights @ seen / weights.sum()) ** 2))


def _regression(parameters: Any) -> FloatArray:
    """Return intercept, coefficients and residual variance (d + 2,) of the last column on the others."""
    mean, cov = parameters.mean, parameters.cov
    slope = np.linalg.solve(cov[:-1, :-1], cov[:-1, -1])
    return np.concatenate([[mean[-1] - slope @ mean[:-1]], slope, [cov[-1, -1] - slope @ cov[:-1, -1]]])


def checked_response(y: Any, name: str) -> FloatArray:
    """Return responses (n,) as floats, NaN where missing.

    Raises
    ------
    DataError
        If there are none, or they are not one column of finite numbers.
    """
    if y is None:
        message = f"{name} requires y to be passed, but the target y is None"
        raise DataError(message)
    try:
        values = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"`y` must hold numbers, NaN where missing: {error}"
        raise DataError(message) from error
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        message = f"`y` must be one column, (n,), got shape {values.shape}"
        raise DataError(message)
    if np.isinf(values).any():
        message = f"Input y contains infinity: row {int(np.flatnonzero(np.isinf(values))[0])}; NaN means missing"
        raise DataError(message)
    return values


def joined(source: Source, y: FloatArray) -> Source:
    """Return a source of the covariates with the response as last column."""
    if len(y) != source.n_rows:
        message = f"`y` must have one entry for each of the {source.n_rows} rows of `X`, got {len(y)}"
        raise DataError(message)
    blocks = list(source.blocks())
    X = np.concatenate([_with_column(block.X, y[block.start : block.start + len(block.X)]) for block in blocks])
    weights = np.concatenate([block.weights for block in blocks]) if source.is_weighted else None
    names = None if source.feature_names is None else (*source.feature_names, "(response)")
    return MemorySource(X, weights, feature_names=names, n_threads=source.n_threads)


def _with_column(X: Array, column: Any) -> FloatArray:
    wide = np.empty((len(X), X.shape[1] + 1))
    wide[:, :-1], wide[:, -1] = X, column
    return wide
