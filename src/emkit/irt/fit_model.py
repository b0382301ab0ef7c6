"""How well a whole model fits: M2 and what is made of it.

The first and second moments of the answers, in which the table of all patterns is never sparse, against those of the
model. With e their differences, Xi their covariance in one person's answers and D the derivatives of the moments by
the parameters,

    M2 = N e' C (C' Xi C)^-1 C' e,   C an orthonormal basis of what is orthogonal to the columns of D,

is chi-squared with as many degrees of freedom as C has columns. Statistics differ in the moments:

M2    means of codes and of products of the codes of pairs (M2* of items with more than two categories)
C2    shares of all categories, and means of products; for short tests of many categories, where M2 has nothing left

References
----------
Maydeu-Olivares & Joe 2006, Psychometrika 71:713, equation 15. Cai & Hansen 2013, British Journal of Mathematical and
Statistical Psychology 66:245 (M2*). Cai & Monroe 2014, CRESST report 839 (C2). Maydeu-Olivares & Joe 2014, Multivariate
Behavioral Research 49:305 (RMSEA2, SRMSR).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from emkit.core.arrays import FloatArray
from emkit.errors import DataError, ParameterError
from emkit.irt.fitted import Fitted
from emkit.irt.moments import Moments, independence_slopes, moment_slopes
from emkit.irt.printing import FitTable, rmsea

__all__ = ["ModelFit", "Statistic", "model_fit"]

Statistic = Literal["auto", "M2", "C2"]


@dataclass(frozen=True, eq=False, repr=False)
class ModelFit(FitTable):
    """How well a model fits.

    Parameters
    ----------
    statistic : "M2" or "C2"
    value, df, p : float
    rmsea, rmsea_low, rmsea_high : float
        Root mean square error of approximation, with an interval of 90 percent.
    srmsr : float
        Root mean square of the residual correlations.
    cfi, tli : float
        Against independent items.
    n : float
        People who answered everything: all is about them.
    residuals : array (j, j)
        Residual correlations (of the first group).
    """

    title: ClassVar[str] = "Fit of the model"

    statistic: str
    value: float
    df: int
    p: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    srmsr: float
    cfi: float
    tli: float
    n: float
    residuals: FloatArray

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        names = ("value", "df", "p", "rmsea", "rmsea_low", "rmsea_high", "srmsr", "cfi", "tli", "n")
        return {"statistic": [self.statistic]} | {name: [getattr(self, name)] for name in names}


def model_fit(fitted: Fitted, statistic: Statistic = "auto") -> ModelFit:
    """Return M2 or C2 of a model; "auto" is M2 unless that has no degrees of freedom.

    Raises
    ------
    DataError
        If nobody answered everything.
    ParameterError
        If the moments are no more than the parameters, or `statistic` is none.
    """
    if statistic not in ("auto", "M2", "C2"):
        message = f"`statistic` must be 'auto', 'M2' or 'C2', got {statistic!r}"
        raise ParameterError(message)
    moments = [Moments.of(fitted, g) for g in range(len(fitted.tests)) if _n_of(fitted, g) > 0]
    if not moments:
        message = "nobody answered every item, and the fit of a model is judged by those who did: leave items out"
        raise DataError(message)
    slopes = moment_slopes(fitted, [m.group for m in moments])
    for kind in ("M2", "C2") if statistic == "auto" else (statistic,):
        value, df = _chi_squared(moments, slopes, kind)
        if df > 0:
            return _finished(moments, kind, value, df)
    message = (
        f"there are no more moments than parameters ({len(fitted.sizes)} items), so that nothing is left to test by "
        f"{'M2 or C2' if statistic == 'auto' else statistic}: it takes more items, or fewer parameters"
    )
    raise ParameterError(message)


def _n_of(fitted: Fitted, g: int) -> float:
    return float(fitted.weights[fitted.is_complete & (fitted.groups == g)].sum())


def _finished(moments: list[Moments], kind: str, value: float, df: int) -> ModelFit:
    n = sum(m.n for m in moments)
    base, base_df = _chi_squared([m.independent() for m in moments], independence_slopes(moments), kind)
    low, high = _rmsea_interval(value, df, n)
    cfi = float(np.clip(1 - (value - df) / (base - base_df), 0.0, 1.0))
    tli = (base / base_df - value / df) / (base / base_df - 1)
    left = [m.residual_correlations() for m in moments]
    below = np.tril_indices(len(left[0]), -1)
    srmsr = float(np.sqrt(np.mean([r[below] ** 2 for r in left])))
    p = float(chi2.sf(value, df))
    return ModelFit(
        kind, value, df, p, float(rmsea(np.array(value), np.array(df), n)), low, high, srmsr, cfi, tli, n, left[0]
    )


def _chi_squared(moments: list[Moments], slopes: list[FloatArray], kind: str) -> tuple[float, int]:
    """Return the statistic and its degrees of freedom, all groups taken together."""
    change = [m.change(kind) for m in moments]
    off = np.concatenate([np.sqrt(m.n) * (t @ m.off) for m, t in zip(moments, change, strict=True)])
    slope = np.concatenate([np.sqrt(m.n) * (t @ s) for m, t, s in zip(moments, change, slopes, strict=True)])
    xi = _blocks([t @ m.covariance @ t.T for m, t in zip(moments, change, strict=True)])
    basis, size, _ = np.linalg.svd(slope, full_matrices=True)
    rank = int((size > size.max(initial=0.0) * _RANK).sum())
    rest = basis[:, rank:]
    if rest.shape[1] == 0:
        return float("nan"), 0
    own = rest.T @ off
    return float(own @ np.linalg.solve(rest.T @ xi @ rest, own)), rest.shape[1]


_RANK = 1e-9


def _blocks(parts: list[FloatArray]) -> FloatArray:
    out = np.zeros((sum(len(part) for part in parts),) * 2)
    at = 0
    for part in parts:
        out[at : at + len(part), at : at + len(part)] = part
        at += len(part)
    return out


def _rmsea_interval(value: float, df: int, n: float, level: float = 0.9) -> tuple[float, float]:
    """Return the ends of an interval from the noncentral chi-squared distribution."""

    def end(share: float) -> float:
        if chi2.cdf(value, df) <= share:
            return 0.0
        high = value + 10.0
        while ncx2.cdf(value, df, high) > share:
            high *= 2
        found = brentq(lambda shift: ncx2.cdf(value, df, shift) - share, 1e-10, high, xtol=1e-10)
        return float(np.sqrt(found / (df * (n - 1))))

    return end((1 + level) / 2), end((1 - level) / 2)
