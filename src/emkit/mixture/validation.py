"""Cross-validated log-likelihood: how probable rows are that a mixture has not seen.

References
----------
Smyth 2000, Statistics and Computing 10:63.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import EmkitWarning, ParameterError
from emkit.randomness import generator_of

__all__ = ["CrossValidation", "cross_validate"]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Log-likelihood of rows left out; made by `cross_validate`.

    Parameters
    ----------
    loglik : array (f,)
        Of the rows of each fold, under the mixture fitted to the others.
    weight : array (f,)
        Rows of each fold, or the sum of their weights.
    """

    loglik: FloatArray
    weight: FloatArray

    @property
    def total(self) -> float:
        """Log-likelihood of all rows, each left out once; larger is better."""
        return float(self.loglik.sum())

    @property
    def mean(self) -> float:
        """The same per row."""
        return self.total / float(self.weight.sum())

    @property
    def standard_error(self) -> float:
        """Standard error of `mean`, from the spread of the folds."""
        per_row = self.loglik / self.weight
        return float(per_row.std(ddof=1) / np.sqrt(len(per_row)))


def cross_validate(
    estimator: Any, X: Any, *, sample_weight: Any = None, n_folds: int = 10, random_state: Any = 0
) -> CrossValidation:
    """Fit a mixture to all rows but those of one fold, in turn, and see how probable it makes the rows left out.

    Parameters
    ----------
    estimator : mixture
        Its arguments are used; it is not fitted itself.
    X : array (n, d), data frame or Arrow table
    sample_weight : array (n,), optional
    n_folds : int, default 10
    random_state : int or Generator
        Deals the rows out to the folds.

    Raises
    ------
    ParameterError
        If there are fewer rows than folds, or less than two folds.

    Examples
    --------
    >>> import emkit
    >>> X, _ = emkit.load_data("faithful").numeric()
    >>> two = emkit.GaussianMixture(2, random_state=0)
    >>> round(emkit.mixture.cross_validate(two, X, n_folds=5).mean, 1)
    -4.2
    """
    maker, arguments = type(estimator), estimator.get_params()
    source = maker(**arguments)._fit_source(X, sample_weight, None)
    if isinstance(n_folds, bool) or not isinstance(n_folds, (int, np.integer)) or not 2 <= n_folds <= source.n_rows:
        message = f"`n_folds` must be an integer from 2 to the number of rows, {source.n_rows}; got {n_folds!r}"
        raise ParameterError(message)
    fold = generator_of(random_state).permutation(source.n_rows) % n_folds
    loglik, weight = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmkitWarning)
        for f in range(n_folds):
            fitted = maker(**arguments).fit(source.take(np.flatnonzero(fold != f)))
            left_out = source.take(np.flatnonzero(fold == f))
            loglik.append(fitted._loglik(left_out))
            weight.append(left_out.total_weight)
    return CrossValidation(np.array(loglik), np.array(weight))
