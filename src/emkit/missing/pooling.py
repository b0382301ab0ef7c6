"""Rubin's rules: one answer out of the answers to several completed data sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import DataError, ParameterError

__all__ = ["Pooled", "pool"]


@dataclass(frozen=True, eq=False)
class Pooled:
    """Estimates pooled over imputations.

    Attributes
    ----------
    estimate, se, df : array (p,)
        Pooled estimates, their standard errors and degrees of freedom (Barnard & Rubin where `n` is given).
    covariance : array (p, p)
        Total covariance: within imputations, plus (1 + 1/m) times that between them.
    fraction_missing : array (p,)
        Fraction of the information that the missing entries have taken.
    """

    estimate: FloatArray
    covariance: FloatArray
    se: FloatArray
    df: FloatArray
    fraction_missing: FloatArray


def pool(estimates: Any, covariances: Any, n: float | None = None) -> Pooled:
    """Return the answer to several completed data sets, by Rubin's rules.

    Parameters
    ----------
    estimates : array (m, p)
        Of each of m imputations.
    covariances : array (m, p, p), or (m, p) of squared standard errors
    n : float, optional
        Rows of the data, for the degrees of freedom of Barnard & Rubin; those of Rubin without.

    References
    ----------
    Rubin 1987, Multiple Imputation. Barnard & Rubin 1999, Biometrika 86:948.
    """
    q, within = _checked(estimates, covariances)
    m, p = q.shape
    if n is not None and not n > p:
        message = f"`n` must exceed the number of estimates, {p}, got {n!r}"
        raise ParameterError(message)
    between = np.atleast_2d(np.cov(q, rowvar=False))
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * np.diag(between) / np.diag(total)
    df = _degrees_of_freedom(share, m, None if n is None else n - p)
    ratio = share / np.where(share < 1, 1 - share, np.nan)
    fraction = (ratio + 2 / (df + 3)) / (1 + ratio)
    return Pooled(q.mean(axis=0), total, np.sqrt(np.diag(total)), df, fraction)


def _checked(estimates: Any, covariances: Any) -> tuple[FloatArray, FloatArray]:
    """Return the estimates (m, p) and the mean covariance (p, p) within imputations."""
    q, u = np.asarray(estimates, dtype=np.float64), np.asarray(covariances, dtype=np.float64)
    if q.ndim != 2 or len(q) < 2:
        message = f"`estimates` must have shape (m, p) with m of at least 2 imputations, got shape {q.shape}"
        raise DataError(message)
    if u.shape == q.shape:
        return q, np.diag(u.mean(axis=0))
    if u.shape != (*q.shape, q.shape[1]):
        message = f"`covariances` must have shape {(*q.shape, q.shape[1])} or {q.shape}, got {u.shape}"
        raise DataError(message)
    return q, u.mean(axis=0)


def _degrees_of_freedom(share: FloatArray, m: int, complete: float | None) -> FloatArray:
    with np.errstate(divide="ignore"):
        old = (m - 1) / share**2
        if complete is None:
            return np.asarray(old)
        observed = (complete + 1) / (complete + 3) * complete * (1 - share)
        return np.asarray(1 / (1 / old + 1 / observed))
