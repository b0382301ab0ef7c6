"""What the estimators of one variable known by intervals share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from emkit.censored.rows import check_limits, interval_source
from emkit.core.arrays import FloatArray
from emkit.data import Source
from emkit.estimator import ModelEstimator

__all__ = ["IntervalEstimator"]


class IntervalEstimator(ModelEstimator):
    """Base of the estimators whose rows are (low, high), or (low, high, from, to)."""

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_missing: ClassVar[bool] = True

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        source = interval_source(X, sample_weight, n_threads)
        source.map(lambda block: check_limits(block, slice(None)))
        self.n_features_in_ = source.n_features
        return source

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        self._check_fitted()
        source = interval_source(X, sample_weight, n_threads)
        source.map(lambda block: check_limits(block, slice(None)))
        return source

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-likelihood (n,) of each row: of its interval, or the log density of its exact value."""
        source = self._new_source(X, None, self.n_threads)
        return np.concatenate(source.map(lambda block: self.model_.log_density(self.parameters_, block)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-likelihood per row; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        weights = np.concatenate([block.weights for block in source.blocks()])
        used = weights > 0
        return float(np.average(self.score_samples(X)[used], weights=weights[used]))
