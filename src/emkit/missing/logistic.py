"""Logistic regression whose covariates, and response, may be missing, by full-information likelihood."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError
from emkit.inference.answers import Kind
from emkit.inference.coefficients import Coefficients
from emkit.missing.linear import joined
from emkit.missing.logistic_model import Logistic, success_probability
from emkit.missing.normal import NormalEstimator, WholeFitOnly

__all__ = ["LogisticRegression"]


class LogisticRegression(NormalEstimator):
    """Logistic regression that uses every observed entry: covariates and response may be missing at random.

    The covariates are jointly normal, the response is one of two classes. Covariates that are always observed are best
    roughly normal too where others depend on them; their coefficients do not rest on it otherwise.

    Parameters
    ----------
    prior_rows : float, default 0
        See `missing.MultivariateNormal`; of the covariates.
    tol : float, default 1e-6
    max_iter : int, default 1000
    solver : Solver or "auto"
    n_threads : int, optional

    Attributes
    ----------
    classes_ : array (2,)
    coef_ : array (1, d)
        Change of the log odds of the second class.
    intercept_ : array (1,)
    mean_, covariance_ : arrays (d,), (d, d)
        Of the covariates.
    fit_ : Fit

    References
    ----------
    Ibrahim 1990, JASA 85:765.

    Examples
    --------
    >>> import emkit
    >>> from emkit.missing import LogisticRegression
    >>> table = emkit.load_data("airquality")
    >>> model = LogisticRegression().fit(table.select(["Ozone", "Solar.R", "Wind"]), table["Temp"] > 80)
    >>> model.coef_.round(3)
    array([[ 0.066,  0.   , -0.001]])
    """

    _kind: ClassVar[str | None] = "classifier"
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
        """Fit to covariates `X` (n, d), NaN where missing, and classes `y` (n,), NaN or None where missing."""
        normal = self._model()
        covariates = self._fit_source(X, sample_weight, self.n_threads)
        self._check_rows(normal, covariates)
        self.classes_, codes = _coded(y, type(self).__name__)
        source = joined(covariates, codes)
        return self._fit_made(Logistic(normal), source, checkpoint)

    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        super()._adopt_parameters(model, parameters)
        self.intercept_, self.coef_ = parameters.coef[:1], parameters.coef[None, 1:]

    def coefficients(self, *, kind: Kind = "observed", clusters: Any = None) -> Coefficients:
        """Return intercept and coefficients with standard errors (see `Fit.covariance` for `kind` and `clusters`)."""
        self._check_fitted()
        value, cov = self.fit_.covariance(kind=kind, clusters=clusters).delta(lambda p: p.coef)
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])
        return Coefficients(("(intercept)", *map(str, names)), np.asarray(value), np.asarray(cov))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities (n, 2) of the classes given the observed covariates of each row."""
        source = self._new_source(X, None, self.n_threads)
        prob = np.concatenate(source.map(lambda block: success_probability(self.parameters_, block.X)))
        return np.column_stack([1 - prob, prob])

    def predict(self, X: Any) -> Array:
        """Return the more probable class (n,) of each row."""
        is_second = self.predict_proba(X)[:, 1] > 0.5
        return np.asarray(self.classes_[is_second.astype(int)])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of the rows whose class is predicted."""
        weights = np.ones(len(np.asarray(y))) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return float(weights @ (self.predict(X) == np.asarray(y)) / weights.sum())


def _coded(y: Any, name: str) -> tuple[Array, FloatArray]:
    """Return the two classes and the code of each response: 0 or 1, NaN where missing."""
    if y is None:
        message = f"{name} requires y to be passed, but the target y is None"
        raise DataError(message)
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        message = f"`y` must be one column, (n,), got shape {values.shape}"
        raise DataError(message)
    lost = np.array([value is None or value != value for value in values.tolist()], dtype=bool)  # noqa: PLR0124
    if values.dtype.kind == "f" and np.isinf(values).any():
        message = f"Input y contains infinity: row {int(np.flatnonzero(np.isinf(values))[0])}; NaN means missing"
        raise DataError(message)
    classes = np.unique(values[~lost])
    if len(classes) != 2:
        is_continuous = values.dtype.kind == "f" and (classes % 1 != 0).any()
        found = "a continuous target" if is_continuous else f"{len(classes)} class{'es' * (len(classes) != 1)}"
        message = f"Only binary classification is supported. {name} tells two classes apart, but `y` has {found}"
        raise DataError(message)
    codes = np.full(len(values), np.nan)
    codes[~lost] = (values[~lost] == classes[1]).astype(np.float64)
    return classes, codes
