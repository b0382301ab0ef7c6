"""A transformer that fills in missing entries from a multivariate normal."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.families.normal import Normal
from emkit.missing.bounds import limits_of
from emkit.missing.conditional import filled
from emkit.missing.normal import NormalEstimator
from emkit.randomness import generator_of

__all__ = ["EMImputer"]


class EMImputer(NormalEstimator):
    """Fill in missing entries by their mean, or a draw, given the entries observed in the same row.

    Mean and covariance are the maximum-likelihood estimates of `missing.MultivariateNormal`.

    Parameters
    ----------
    method : "mean" or "draw", default "mean"
        "mean" predicts best; "draw" keeps the spread of the data.
    prior_rows : float, default 0
        See `missing.MultivariateNormal`; for more columns than rows, or columns that determine one another.
    bounds : mapping of column to (low, high), optional
        Columns by name or number; None is no limit. Means are moved to the limit, draws are repeated.
    tol : float, default 1e-6
    max_iter : int, default 1000
    random_state : int, Generator or None
        Seeds the draws.
    n_threads : int, optional

    Attributes
    ----------
    mean_, covariance_ : arrays (d,), (d, d)
    fit_ : Fit
    n_iter_ : int
    """

    def __init__(
        self,
        *,
        method: Literal["mean", "draw"] = "mean",
        prior_rows: float = 0.0,
        bounds: Any = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.method = method
        self.prior_rows = prior_rows
        self.bounds = bounds
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_threads = n_threads

    def _model(self) -> Normal:
        if self.method not in ("mean", "draw"):
            message = f'`method` must be "mean" or "draw", got {self.method!r}'
            raise ParameterError(message)
        return super()._model()

    def transform(self, X: Any) -> FloatArray:
        """Return a copy of `X` (n, d) without missing entries."""
        source = self._new_source(X, None, self.n_threads)
        rng = None if self.method == "mean" else generator_of(self.random_state)
        limits = limits_of(self.bounds, getattr(self, "feature_names_in_", None), self.n_features_in_)
        return filled(self.parameters_, source, rng, limits)

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> FloatArray:
        """Fit to `X` and return it without missing entries."""
        return self.fit(X, y, sample_weight).transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the columns, which are those of the input."""
        self._check_fitted()
        known = getattr(self, "feature_names_in_", None)
        default = known if known is not None else [f"x{j}" for j in range(self.n_features_in_)]
        names = np.asarray(default if input_features is None else input_features, dtype=object)
        if len(names) != self.n_features_in_ or (known is not None and list(names) != list(known)):
            message = (
                "input_features should have length equal to number of features "
                f"({self.n_features_in_}) and be feature_names_in_"
            )
            raise ParameterError(message)
        return names
