"""Observed entries imputed as if they were missing: a check of the model that fills in (Honaker & King 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.families.normal import NormalParameters
from emkit.families.patterns import pattern_codes, pattern_groups
from emkit.missing.conditional import usable_cov

__all__ = ["Overimputed", "overimputed"]


@dataclass(frozen=True, eq=False)
class Overimputed:
    """Observed entries and the intervals in which they would be imputed; NaN where nothing was observed.

    Attributes
    ----------
    observed, mean, low, high : array (n, d)
    level : float
    """

    observed: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    level: float

    @property
    def coverage(self) -> FloatArray:
        """Share (d,) of the observed entries of each column within their intervals."""
        seen = ~np.isnan(self.observed)
        inside = seen & (self.observed >= self.low) & (self.observed <= self.high)
        share: FloatArray = inside.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        return share


def overimputed(draws: Sequence[NormalParameters], X: Array, columns: IntArray, level: float) -> Overimputed:
    """Return the imputation of each observed entry of `columns` of rows X (n, d) given the others of its row."""
    means, variances = zip(*(_left_out(parameters, X) for parameters in draws), strict=True)
    center = np.mean(means, axis=0)
    between = np.var(means, axis=0, ddof=1) if len(means) > 1 else np.zeros_like(center)
    sd = np.sqrt(np.mean(variances, axis=0) + between)
    half = float(ndtri(0.5 + level / 2)) * sd
    observed = np.asarray(X, dtype=np.float64)
    low, high = center - half, center + half
    return Overimputed(observed[:, columns], center[:, columns], low[:, columns], high[:, columns], level)


def _left_out(parameters: NormalParameters, X: Array) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance (n, d) of each observed entry given the others of its row, pattern by pattern.

    With K the inverse covariance of the observed columns: variance 1 / K_jj, mean x_j - (K (x - mu))_j / K_jj.
    """
    X, cov = np.asarray(X, dtype=np.float64), usable_cov(parameters.cov)
    mean, var = np.full(X.shape, np.nan), np.full(X.shape, np.nan)
    order, starts = pattern_groups(pattern_codes(X))
    for rows in np.split(order, starts[1:]):
        seen = np.flatnonzero(~np.isnan(X[rows[0]]))
        if not len(seen):
            continue
        inverse = np.linalg.inv(cov[np.ix_(seen, seen)])
        spread = 1 / np.diag(inverse)
        at = np.ix_(rows, seen)
        mean[at] = X[at] - (X[at] - parameters.mean[seen]) @ inverse * spread
        var[at] = spread
    return mean, var
