"""Confirmatory factor analysis: the estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.data import Source
from emkit.errors import ParameterError
from emkit.factor._base import FactorEstimator
from emkit.factor.model import FactorModel
from emkit.factor.structure import Confirmatory, FactorParameters

__all__ = ["ConfirmatoryFactorAnalysis"]


class ConfirmatoryFactorAnalysis(FactorEstimator):
    """Factor analysis with a given pattern of loadings, by maximum likelihood; entries may be missing.

    Each row is x = mean + L f + e with factors f ~ N(0, F) and independent errors. Loadings that the pattern does not
    name are zero. NaN entries are missing at random and integrated out exactly (full-information likelihood).

    Parameters
    ----------
    factors : mapping of str to sequence, or array (d, k)
        The variables (names, or column numbers) that each factor loads on: `{"visual": ["x1", "x2", "x3"], ...}`. Or
        the pattern itself: NaN where a loading is free, else its fixed value.
    correlated : bool, default True
        Whether the factors correlate.
    identification : "variance" or "marker", default "variance"
        What sets the unit of a factor: its variance is one, or the loading of its first variable is one and its
        variance free (the habit of lavaan). The fit is the same.
    n_init, tol, max_iter, start, solver, random_state, n_threads, on_iteration
        As for `FactorAnalysis`.

    Attributes
    ----------
    loadings_ : array (d, k)
    factor_covariance_ : array (k, k)
    uniquenesses_ : array (d,)
    indices_ : FitIndices or None
        Chi-square and its p-value, RMSEA, CFI, TLI, SRMR, without Bartlett's correction.
    factor_names_ : array (k,) of str
    mean_, converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `FactorAnalysis`.

    References
    ----------
    Joreskog 1969, *A general approach to confirmatory maximum likelihood factor analysis*, Psychometrika 34:183.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.factor import ConfirmatoryFactorAnalysis
    >>> rng = np.random.default_rng(0)
    >>> f = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 1000)
    >>> X = np.repeat(f, 3, axis=1) + rng.standard_normal((1000, 6))
    >>> analysis = ConfirmatoryFactorAnalysis({"a": [0, 1, 2], "b": [3, 4, 5]}).fit(X)
    >>> analysis.factor_covariance_.round(2)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """

    _kind: ClassVar[str | None] = "transformer"

    def __init__(
        self,
        factors: Any,
        *,
        correlated: bool = True,
        identification: Literal["variance", "marker"] = "variance",
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.factors = factors
        self.correlated = correlated
        self.identification = identification
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    def _model(self) -> FactorModel:
        if self.identification not in ("variance", "marker"):
            message = f'`identification` must be "variance" or "marker", got {self.identification!r}'
            raise ParameterError(message)
        names = getattr(self, "feature_names_in_", None)
        d = getattr(self, "n_features_in_", None)
        pattern = _pattern(self.factors, d, None if names is None else list(names))
        is_scaled = self.identification == "marker"
        return FactorModel(Confirmatory(_marked(pattern) if is_scaled else pattern, self.correlated, is_scaled))

    def _run(self, X: Any, sample_weight: Any) -> Source:
        self._fit_source(X, sample_weight, self.n_threads)  # the pattern needs the names of the columns
        return super()._run(X, sample_weight)

    def _check_rows(self, model: FactorModel, source: Any) -> None:
        super()._check_rows(model, source)
        pattern: FloatArray = model.structure.pattern  # type: ignore[attr-defined]
        d, k = pattern.shape
        n_free = int(np.isnan(pattern).sum()) + d + (k * (k - 1) // 2 if self.correlated else 0)
        n_free += k if self.identification == "marker" else 0
        if n_free > d * (d + 1) // 2:
            message = f"the pattern has {n_free} free parameters, but {d} variables have {d * (d + 1) // 2} covariances"
            raise ParameterError(message)

    def _adopt_parameters(self, model: FactorModel, parameters: FactorParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.rotation_matrix_ = np.eye(parameters.n_factors)
        self.loadings_, self.factor_covariance_ = parameters.loadings, np.array(parameters.factor_cov)
        self.uniquenesses_, self.mean_ = np.array(parameters.uniqueness), parameters.mean
        known = list(self.factors) if isinstance(self.factors, Mapping) else range(1, len(self.rotation_matrix_) + 1)
        self.factor_names_ = np.asarray([str(name) for name in known], dtype=object)


def _pattern(factors: Any, d: int | None, names: Sequence[str] | None) -> FloatArray:
    """Return the pattern (d, k) that a mapping or an array stands for."""
    if not isinstance(factors, Mapping):
        try:
            pattern = np.array(factors, dtype=np.float64)
        except (TypeError, ValueError):
            message = "`factors` must map names to variables, such as {'verbal': ['x1', 'x2', 'x3']}, or be an array"
            raise ParameterError(message) from None
        if pattern.ndim != 2 or (d is not None and len(pattern) != d):
            message = f"`factors` must map names to variables or be an array ({d}, k), got shape {pattern.shape}"
            raise ParameterError(message)
        return pattern
    if d is None:
        message = "`factors` by name needs data with as many columns"
        raise ParameterError(message)
    pattern = np.zeros((d, len(factors)))
    for m, (factor, variables) in enumerate(factors.items()):
        for variable in variables:
            pattern[_column(variable, factor, d, names), m] = np.nan
    empty = [str(factor) for factor, variables in factors.items() if not len(variables)]
    if empty:
        message = f"factor {empty[0]!r} has no variable"
        raise ParameterError(message)
    return pattern


def _column(variable: Any, factor: Any, d: int, names: Sequence[str] | None) -> int:
    if isinstance(variable, (int, np.integer)) and 0 <= variable < d:
        return int(variable)
    if names is not None and variable in names:
        return list(names).index(variable)
    known = f"columns are {', '.join(names)}" if names is not None else f"columns have no names and number 0 to {d - 1}"
    message = f"factor {factor!r} names the variable {variable!r}, which the data do not have; {known}"
    raise ParameterError(message)


def _marked(pattern: FloatArray) -> FloatArray:
    """Return the pattern with the first free loading of each factor fixed to one."""
    marked = pattern.copy()
    for m in range(pattern.shape[1]):
        free = np.flatnonzero(np.isnan(pattern[:, m]))
        if not (np.nan_to_num(pattern[:, m]) != 0).any() and len(free):
            marked[free[0], m] = 1.0
    return marked
