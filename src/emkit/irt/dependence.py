"""Local dependence: what pairs of items share beyond the latent variable.

Q3        correlation of the residuals of two items, answers less expectations at the scores; about -1/(j - 1) where the
          model holds (Yen 1984).
LD-X2     chi-squared of the table of two items against the expected one, N int P_i P_j dG (Chen & Thissen 1997), and
          Cramer's V with the sign of the association that is left over.

References
----------
Yen 1984, Applied Psychological Measurement 8:125. Chen & Thissen 1997, Journal of Educational and Behavioral Statistics
22:265, equation 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.irt.coding import MISSING
from emkit.irt.fitted import Fitted, finite_rows, residuals_of
from emkit.irt.printing import FitTable

__all__ = ["LocalDependence", "local_dependence"]


@dataclass(frozen=True, eq=False, repr=False)
class LocalDependence(FitTable):
    """Dependence between items; NaN on the diagonals, and where nobody answered both.

    Parameters
    ----------
    items : tuple of str
    q3, x2, df, cramer_v : array (j, j)
    """

    title: ClassVar[str] = "Local dependence, strongest pairs first"

    items: tuple[str, ...]
    q3: FloatArray
    x2: FloatArray
    df: FloatArray
    cramer_v: FloatArray

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the pairs of items as columns by name, the strongest dependence first."""
        i, j = np.tril_indices(len(self.items), -1)
        order = np.argsort(-np.nan_to_num(np.abs(self.cramer_v[i, j])), kind="stable")
        i, j = j[order], i[order]
        pairs = [f"{self.items[a]}, {self.items[b]}" for a, b in zip(i, j, strict=True)]
        columns = {name: getattr(self, name)[i, j].tolist() for name in ("q3", "x2", "df", "cramer_v")}
        return {"pair": pairs} | columns


def local_dependence(fitted: Fitted, names: tuple[str, ...], theta: FloatArray) -> LocalDependence:
    """Return the dependence between items, given the scores (n, F) of people."""
    x2, v = np.full((2, fitted.n_items, fitted.n_items), np.nan)
    for i in range(fitted.n_items):
        for j in range(i):
            x2[i, j], v[i, j] = x2[j, i], v[j, i] = _pair(fitted, i, j)
    steps = np.array(fitted.sizes, dtype=np.float64) - 1
    df = np.outer(steps, steps)
    np.fill_diagonal(df, np.nan)
    return LocalDependence(names, _q3(fitted, theta), x2, df, v)


def _q3(fitted: Fitted, theta: FloatArray) -> FloatArray:
    is_finite = finite_rows(theta)
    prob = fitted.prob_of_people(np.where(is_finite[:, None], theta, 0.0))
    residual = np.stack([residuals_of(own, fitted.codes[:, j])[0] for j, own in enumerate(prob)], axis=1)
    seen = np.isfinite(residual) & is_finite[:, None]
    w, r = seen * fitted.weights[:, None], np.where(seen, residual, 0.0)
    m = seen.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = w.T @ m  # pairwise: over those who answered both
        first, square, cross = (w * r).T @ m / n, (w * r**2).T @ m / n, (w * r).T @ r / n
        var = square - first**2
        q3 = (cross - first * first.T) / np.sqrt(var * var.T)
    np.fill_diagonal(q3, np.nan)
    return np.asarray(q3)


def _pair(fitted: Fitted, i: int, j: int) -> tuple[float, float]:
    """Return LD-X2 and the signed V of two items."""
    a, b = fitted.codes[:, i], fitted.codes[:, j]
    both = (a != MISSING) & (b != MISSING)
    observed = np.zeros((fitted.sizes[i], fitted.sizes[j]))
    expected = np.zeros_like(observed)
    for g, test in enumerate(fitted.tests):
        own = both & (fitted.groups == g)
        np.add.at(observed, (a[own].astype(np.intp), b[own].astype(np.intp)), fitted.weights[own])
        weights = fitted.weights_of(g)
        expected += fitted.weights[own].sum() * (fitted.table[test[i]] * weights) @ fitted.table[test[j]].T
    n = observed.sum()
    if not n > 0:
        return float("nan"), float("nan")
    x2 = float(((observed - expected) ** 2 / np.maximum(expected, 1e-300)).sum())
    v = np.sqrt(x2 / n / (min(observed.shape) - 1))
    return x2, float(np.copysign(v, _covariance(observed / n) - _covariance(expected / n)))


def _covariance(share: FloatArray) -> float:
    rows, columns = np.arange(share.shape[0]), np.arange(share.shape[1])
    return float(rows @ share @ columns - (rows @ share.sum(axis=1)) * (share.sum(axis=0) @ columns))
