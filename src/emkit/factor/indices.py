"""How well a factor model fits: the likelihood-ratio test against any covariance matrix, and the usual indices.

References
----------
Bartlett 1951, Biometrika 38:337 (the correction). Browne & Cudeck 1993 (RMSEA and its interval).
Bentler 1990, Psychological Bulletin 107:238 (CFI). Tucker & Lewis 1973, Psychometrika 38:1 (TLI).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from emkit.core.arrays import FloatArray

__all__ = ["FitIndices", "Rival", "fit_indices"]


@dataclass(frozen=True)
class Rival:
    """A model to compare with: its log-likelihood and number of free parameters."""

    loglik: float
    n_free: int


@dataclass(frozen=True)
class FitIndices:
    """How well a factor model fits.

    Parameters
    ----------
    chi_square, df, p_value : float, int, float
        Twice the log-likelihood by which the saturated model is better (times Bartlett's correction where that was
        asked for), its degrees of freedom and p-value: a small one speaks against the model.
    rmsea, rmsea_low, rmsea_high : float
        Root mean square error of approximation with its 90 % interval: below 0.05 is close, above 0.1 poor.
    cfi, tli : float
        Comparative fit index and Tucker-Lewis index, against uncorrelated variables: above 0.95 is good.
    srmr : float
        Standardised root mean square residual: below 0.08 is good.
    """

    chi_square: float
    df: int
    p_value: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    cfi: float
    tli: float
    srmr: float


def fit_indices(
    fitted: Rival,
    saturated: Rival,
    independent: Rival,
    n_rows: float,
    covs: tuple[FloatArray, FloatArray],
    corrections: tuple[float, float] = (1.0, 1.0),
) -> FitIndices:
    """Return the indices of a fit.

    Parameters
    ----------
    fitted, saturated, independent : Rival
        The model, the unrestricted normal, and the normal with uncorrelated variables.
    n_rows : float
    covs : tuple of arrays (d, d)
        The unrestricted covariance and the model's.
    corrections : tuple of float
        What the statistics of the model and of the independent one are multiplied by.
    """
    df, null_df = saturated.n_free - fitted.n_free, saturated.n_free - independent.n_free
    statistic = max(2 * (saturated.loglik - fitted.loglik), 0.0) * corrections[0]
    null = max(2 * (saturated.loglik - independent.loglik), 0.0) * corrections[1]
    gap, null_gap = max(statistic - df, 0.0), max(null - null_df, 0.0)
    low, high = _interval(statistic, df)
    scale = max(df, 1) * n_rows
    return FitIndices(
        chi_square=statistic,
        df=df,
        p_value=float(chi2.sf(statistic, df)) if df > 0 else float("nan"),
        rmsea=float(np.sqrt(gap / scale)),
        rmsea_low=float(np.sqrt(low / scale)),
        rmsea_high=float(np.sqrt(high / scale)),
        cfi=1.0 - gap / max(gap, null_gap) if max(gap, null_gap) > 0 else 1.0,
        tli=_tucker_lewis(statistic, df, null, null_df),
        srmr=_residual(*covs),
    )


def _tucker_lewis(statistic: float, df: int, null: float, null_df: int) -> float:
    if df <= 0 or null_df <= 0 or null == null_df:
        return 1.0
    return (null / null_df - statistic / df) / (null / null_df - 1)


def _interval(statistic: float, df: int) -> tuple[float, float]:
    """Return the 90 % interval of the non-centrality of a chi-square statistic."""
    if df <= 0:
        return 0.0, 0.0
    return tuple(_noncentrality(statistic, df, tail) for tail in (0.95, 0.05))  # type: ignore[return-value]


def _noncentrality(statistic: float, df: int, below: float) -> float:
    excess: Callable[[float], float] = lambda nc: float(ncx2.cdf(statistic, df, nc)) - below  # noqa: E731
    if float(chi2.cdf(statistic, df)) <= below:
        return 0.0
    high = max(statistic, 1.0)
    while excess(high) > 0:
        high *= 2
    return float(brentq(excess, 1e-12, high))


def _residual(cov: FloatArray, implied: FloatArray) -> float:
    sd, own = np.sqrt(np.diag(cov)), np.sqrt(np.diag(implied))
    gap = cov / np.outer(sd, sd) - implied / np.outer(sd, sd)
    gap[np.diag_indices(len(gap))] = (sd**2 - own**2) / sd**2
    lower = gap[np.tril_indices(len(gap))]
    return float(np.sqrt((lower**2).mean()))
