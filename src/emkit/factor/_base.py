"""What the factor estimators share: rows or a covariance matrix in, scores and fit indices out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Fit, maximise
from emkit.core.arrays import Array, FloatArray
from emkit.data import Source
from emkit.errors import DataError, ParameterError
from emkit.estimator import ModelEstimator, warn_of
from emkit.factor.indices import FitIndices, Rival, fit_indices
from emkit.factor.model import FactorModel, expected_factors
from emkit.factor.structure import Exploratory, FactorParameters
from emkit.families.gaussian_missing import patterns
from emkit.families.normal_patterns import PatternMoments, PatternSource
from emkit.randomness import generator_of

__all__ = ["FactorEstimator", "FactorScores", "check_rank"]


_SINGULAR = 1e-10  # a correlation matrix with an eigenvalue below this is singular


@dataclass(frozen=True, eq=False)
class FactorScores:
    """Scores (n, k) of the factors and their standard errors (n, k); NaN where a row cannot tell."""

    scores: FloatArray
    standard_errors: FloatArray


class FactorEstimator(ModelEstimator):
    """Base of the estimators of factor models."""

    _takes_missing: ClassVar[bool] = True
    _needs_inverse: ClassVar[bool] = True  # whether the likelihood has no limit where columns determine one another
    rotation_matrix_: FloatArray

    def fit_covariance(self, cov: Any, n_rows: float, *, mean: Any = None) -> Self:
        """Fit to a covariance or correlation matrix (d, d) of `n_rows` rows, divided by `n_rows`.

        Raises
        ------
        DataError
            If it is not square, symmetric and positive definite; `Polychoric.nearest` makes one that is.
        """
        matrix = _checked_cov(cov)
        n_rows = _checked_count(n_rows)
        self.n_features_in_ = len(matrix)
        names = getattr(cov, "columns", None)
        self.__dict__.pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        centre = np.zeros(len(matrix)) if mean is None else np.asarray(mean, dtype=np.float64)
        if centre.shape != (len(matrix),) or not np.isfinite(centre).all():
            message = (
                f"expected `mean` of {len(matrix)} finite numbers, one for each variable, got shape {centre.shape}"
            )
            raise DataError(message)
        seen = np.ones((1, len(matrix)), dtype=bool)
        weights = np.array([float(n_rows)])
        source: Any = PatternSource(PatternMoments(seen, weights, centre[None], n_rows * matrix[None]))
        model = self._model()
        self._check_rows(model, source)
        self._adopt(self._maximised(model, source), source)
        warn_of(self.fit_)
        return self

    def _check_rows(self, model: Any, source: Any) -> None:
        if self.n_features_in_ == 1:
            message = "X has 1 feature(s), and factors explain how several go together: give at least 2 columns"
            raise DataError(message)
        if source.total_weight < 2:
            message = f"a covariance needs at least 2 rows of positive weight, got {source.total_weight:g}"
            if source.total_weight == 1:
                message = f"{message}: 1 sample says nothing of how columns vary"
            raise DataError(message)
        if isinstance(source, Source):
            _check_spread(source, getattr(self, "feature_names_in_", None), at_all=not self._needs_inverse)
        if isinstance(source, Source) and not source.has_missing and self._needs_inverse:
            check_rank(source, getattr(self, "feature_names_in_", None))

    def _adopt(self, fit: Fit, source: Source) -> None:
        super()._adopt(fit, source)
        self.indices_ = self._indices(fit, source)

    # --- answers ---

    def transform(self, X: Any) -> FloatArray:
        """Return the factor scores (n, k) of rows: their mean given the observed entries ("regression" scores)."""
        return self.factor_scores(X).scores

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> FloatArray:
        """Fit, and return the factor scores of the same rows."""
        return self.fit(X, y, sample_weight).transform(X)

    def factor_scores(self, X: Any, *, method: Literal["regression", "bartlett"] = "regression") -> FactorScores:
        """Return the scores of rows with standard errors.

        Parameters
        ----------
        X : array (n, d)
            NaN entries are skipped.
        method : "regression" or "bartlett"
            "regression" (Thomson) has the smallest error; "bartlett" is unbiased given the factors, and NaN where a row
            holds fewer entries than there are factors.
        """
        if method not in ("regression", "bartlett"):
            message = f'`method` must be "regression" or "bartlett", got {method!r}'
            raise ParameterError(message)
        parts = self._new_source(X, None, self.n_threads).map(lambda block: np.asarray(block.X, dtype=np.float64))
        rows = np.concatenate(parts)
        mean, cov = expected_factors(self.parameters_, rows) if method == "regression" else self._bartlett(rows)
        turned = np.swapaxes(self.rotation_matrix_, 0, 1) @ cov @ self.rotation_matrix_
        return FactorScores(mean @ self.rotation_matrix_, np.sqrt(np.diagonal(turned, axis1=1, axis2=2)))

    def _bartlett(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        parameters: FactorParameters = self.parameters_
        loadings, k = parameters.loadings, parameters.n_factors
        psi = np.broadcast_to(parameters.uniqueness, len(loadings))
        mean, cov = np.full((len(X), k), np.nan), np.full((len(X), k, k), np.nan)
        for rows, seen in patterns(X):
            weighted = loadings[seen] / psi[seen, None]
            precision = weighted.T @ loadings[seen]
            if np.linalg.matrix_rank(precision, hermitian=True) < k:
                continue
            cov[rows] = np.linalg.inv(precision)
            mean[rows] = (X[rows][:, seen] - parameters.mean[seen]) @ weighted @ cov[rows[0]]
        return mean, cov

    def get_covariance(self) -> FloatArray:
        """Return the covariance (d, d) that the model implies."""
        self._check_fitted()
        cov: FloatArray = self.parameters_.cov
        return cov

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-density (n,) of each row (of its observed entries)."""
        source = self._new_source(X, None, self.n_threads)
        model, parameters = self.model_, self.parameters_
        rows: FloatArray = source.joined(lambda block: model.log_density(parameters, block))
        return rows

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-density per row; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        return self._loglik(source) / source.total_weight

    def sample(self, n_samples: int = 1, random_state: Any = None) -> FloatArray:
        """Return new rows (n, d)."""
        self._check_fitted()
        rng = generator_of(self.random_state if random_state is None else random_state)
        rows: FloatArray = self.model_.sample(self.parameters_, int(n_samples), rng)
        return rows

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the factors."""
        self._check_fitted()
        return np.asarray([f"factor{m + 1}" for m in range(self.rotation_matrix_.shape[1])], dtype=object)

    # --- fit indices ---

    def _indices(self, fit: Fit, source: Any) -> FitIndices | None:
        """Return the fit indices, or None where there is no unrestricted covariance (fewer rows than columns)."""
        moments = fit.model.prepare(source)[1]
        normal = fit.model.normal
        start = normal.start(moments, np.random.default_rng(0))
        saturated = maximise(normal, moments, n_starts=1, tol=self.tol, rng=0)
        if not saturated.is_converged:
            return None
        d = len(start.mean)
        alone = maximise(FactorModel(Exploratory(0)), moments, n_starts=1, tol=self.tol, rng=0)
        return fit_indices(
            Rival(fit.loglik, fit.n_free),
            Rival(saturated.loglik, saturated.n_free),
            Rival(alone.loglik, 2 * d),
            fit.weight,
            (saturated.parameters.cov, fit.parameters.cov),
            self._corrections(fit.weight, d),
        )

    def _corrections(self, n_rows: float, d: int) -> tuple[float, float]:
        """Return what the statistics of the model and of uncorrelated variables are multiplied by."""
        return 1.0, 1.0


def _check_spread(source: Source, names: Any, *, at_all: bool) -> None:
    """Raise if a column does not vary, or if none does where `at_all` is enough."""
    constant = np.flatnonzero(source.column_moments().var <= 0)
    if at_all and len(constant) == source.n_features:
        message = "no column varies: there is nothing to explain"
        raise DataError(message)
    if len(constant) and not at_all:
        name = str(constant[0]) if names is None else str(names[constant[0]])
        message = f"column {name!r} is constant: a factor model needs columns that vary; leave it out"
        raise DataError(message)


def _checked_count(n_rows: Any) -> float:
    """Return a number of rows."""
    is_number = isinstance(n_rows, (int, float, np.number)) and not isinstance(n_rows, bool)
    if not is_number or not np.isfinite(n_rows):
        message = f"`n_rows` must be the number of rows behind the matrix, got {n_rows!r}"
        raise ParameterError(message)
    return float(n_rows)


def check_rank(source: Source, names: Any) -> None:
    """Raise if complete rows have a singular covariance, naming the columns."""
    d, moments = source.n_features, source.column_moments()
    called = [str(j) for j in range(d)] if names is None else [str(name) for name in names]
    sd = np.sqrt(moments.var)

    def scatter(block: Any) -> FloatArray:
        gap = np.where(block.weights[:, None] > 0, (block.X - moments.mean) / sd, 0.0)
        return np.asarray((gap * block.weights[:, None]).T @ gap)

    values, vectors = np.linalg.eigh(source.reduce(scatter) / source.total_weight)
    if values[0] > _SINGULAR:
        return
    if source.n_rows <= d:
        message = f"{source.n_rows} rows of {d} columns have a singular covariance; use more rows, or ProbabilisticPCA"
        raise DataError(message)
    which = ", ".join(repr(called[j]) for j in np.flatnonzero(np.abs(vectors[:, 0]) > 0.1))
    message = f"columns {which} determine one another: the likelihood has no limit; leave one out"
    raise DataError(message)


def _checked_cov(cov: Any) -> FloatArray:
    try:
        matrix = np.array(cov, dtype=np.float64)
    except (TypeError, ValueError):
        message = "expected a covariance matrix (d, d) of numbers, got something that holds others"
        raise DataError(message) from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        message = f"expected a covariance matrix (d, d), got shape {matrix.shape}"
        raise DataError(message)
    if not np.isfinite(matrix).all():
        i, j = (int(at) for at in np.argwhere(~np.isfinite(matrix))[0])
        message = f"expected a covariance matrix of finite numbers, got {matrix[i, j]} at ({i}, {j})"
        raise DataError(message)
    size = np.sqrt(np.maximum(np.abs(np.diag(matrix)), 1e-300))
    gap = np.abs(matrix - matrix.T) / np.outer(size, size)
    if gap.max() > 1e-6:
        i, j = (int(at) for at in np.argwhere(gap == gap.max())[0])
        message = f"expected a symmetric matrix, got {matrix[i, j]:g} at ({i}, {j}) and {matrix[j, i]:g} at ({j}, {i})"
        raise DataError(message)
    matrix = (matrix + matrix.T) / 2
    smallest = float(np.linalg.eigvalsh(matrix / np.outer(size, size))[0])
    if not smallest > 0 or not (np.diag(matrix) > 0).all():
        message = (
            f"expected a positive definite matrix, got one whose correlations have the eigenvalue {smallest:.3g}. "
            "Correlations estimated pair by pair can be so; `emkit.factor.polychoric(X).nearest` is positive definite."
        )
        raise DataError(message)
    return matrix
