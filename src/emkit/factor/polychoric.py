"""Polychoric correlations: ordered answers as cut-up normal variables, pair by pair.

Two answers come from a standard bivariate normal with correlation rho, cut at thresholds. Thresholds follow from the
margins, rho maximises the likelihood of the pair's table given them (the two-step estimate), by Fisher scoring with
d Phi2(a, b; rho) / d rho = phi2(a, b; rho).

References
----------
Olsson 1979, *Maximum likelihood estimation of the polychoric correlation coefficient*, Psychometrika 44:443.
Drezner & Wesolowsky 1990, *On the computation of the bivariate normal integral*, J. Stat. Comput. Simul. 35:101.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from emkit.core.arrays import Array, FloatArray
from emkit.data import as_source
from emkit.errors import DataError

__all__ = ["Polychoric", "polychoric"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_BOUND = 0.9999
_MAX_LEVELS = 30
_EMPTY_CELL = 0.5  # rows for an empty cell of a two by two table: else its correlation is one (Brown & Benedetti 1977)


@dataclass(frozen=True, eq=False)
class Polychoric:
    """Correlations of the variables behind ordered answers.

    Parameters
    ----------
    correlation : array (d, d)
        Estimated pair by pair: it need not be positive definite.
    standard_error : array (d, d)
        Of each correlation, thresholds taken as known; zero on the diagonal.
    thresholds : tuple of arrays
        Where each variable is cut, one fewer than its levels.
    levels : tuple of arrays
        The answers of each column, rising.
    n_rows : float
        Weighted number of rows.
    """

    correlation: FloatArray
    standard_error: FloatArray
    thresholds: tuple[FloatArray, ...]
    levels: tuple[Array, ...]
    n_rows: float

    @property
    def nearest(self) -> FloatArray:
        """The correlation matrix, its negative eigenvalues raised to 1e-6 and scaled to a diagonal of ones."""
        values, vectors = np.linalg.eigh(self.correlation)
        if values[0] > 0:
            return self.correlation
        smoothed = (vectors * np.maximum(values, 1e-6)) @ vectors.T
        size = np.sqrt(np.diag(smoothed))
        fixed: FloatArray = smoothed / np.outer(size, size)
        return fixed


def polychoric(X: Any, *, sample_weight: Any = None) -> Polychoric:
    """Return the polychoric (for two levels: tetrachoric) correlations of ordered answers.

    Parameters
    ----------
    X : array (n, d) or data frame
        Ordered answers as numbers; NaN are left out pair by pair.
    sample_weight : array (n,), optional

    Raises
    ------
    DataError
        If a column has one level only, or more than 30 (it is then continuous), or two columns are never seen together.
    """
    source = as_source(X, sample_weight)
    blocks = list(source.blocks())
    rows = np.concatenate([block.X for block in blocks]).astype(np.float64)
    weights = np.concatenate([block.weights for block in blocks])
    names = source.feature_names or tuple(str(j) for j in range(source.n_features))
    coded = [_coded(rows[:, j], weights, names[j]) for j in range(source.n_features)]
    d = len(coded)
    correlation, error = np.eye(d), np.zeros((d, d))
    for i in range(d):
        for j in range(i):
            table = _table(coded[i], coded[j], weights)
            if table.sum() == 0:
                message = f"columns {names[i]!r} and {names[j]!r} are never answered together: no correlation follows"
                raise DataError(message)
            rho, se = _correlation(table, coded[i].cuts, coded[j].cuts)
            correlation[i, j] = correlation[j, i] = rho
            error[i, j] = error[j, i] = se
    thresholds, levels = tuple(column.cuts for column in coded), tuple(column.levels for column in coded)
    return Polychoric(correlation, error, thresholds, levels, source.total_weight)


@dataclass(frozen=True, eq=False)
class _Column:
    levels: Array
    codes: Array  # (n,), -1 where missing
    cuts: FloatArray  # from all answers of the column, also those without a partner


def _coded(column: FloatArray, weights: FloatArray, name: str) -> _Column:
    seen = ~np.isnan(column) & (weights > 0)
    levels = np.unique(column[seen])
    if not 2 <= len(levels) <= _MAX_LEVELS:
        what = "only one answer" if len(levels) < 2 else f"{len(levels)} different values, too many for ordered answers"
        message = f"column {name!r} has {what}; expected 2 to {_MAX_LEVELS} ordered answers"
        raise DataError(message)
    codes = np.where(seen, np.searchsorted(levels, np.where(seen, column, levels[0])), -1)
    counts = np.bincount(codes[seen], weights[seen])
    return _Column(levels, codes, np.asarray(ndtri(np.cumsum(counts)[:-1] / counts.sum())))


def _table(a: _Column, b: _Column, weights: FloatArray) -> FloatArray:
    both = (a.codes >= 0) & (b.codes >= 0)
    shape = (len(a.levels), len(b.levels))
    flat = np.bincount(a.codes[both] * shape[1] + b.codes[both], weights[both], minlength=shape[0] * shape[1])
    return np.asarray(flat, dtype=np.float64).reshape(shape)


def _correlation(table: FloatArray, rows: FloatArray, columns: FloatArray) -> tuple[float, float]:
    """Return the correlation behind a table of counts, cut at these thresholds, and its standard error."""
    if table.shape == (2, 2):
        table = np.where(table == 0, _EMPTY_CELL, table)
    a, b = (np.concatenate([[-np.inf], cuts, [np.inf]]) for cuts in (rows, columns))
    n, rho = table.sum(), 0.0
    for _ in range(100):
        slope, information = _slopes(table, a, b, rho)
        step = slope / (n * information)
        ahead = float(np.clip(rho + np.clip(step, -0.5, 0.5), (rho - _BOUND) / 2, (rho + _BOUND) / 2))
        if abs(ahead - rho) < 1e-10:
            break
        rho = ahead
    return rho, float(1 / np.sqrt(n * information))


def _slopes(table: FloatArray, a: FloatArray, b: FloatArray, rho: float) -> tuple[float, float]:
    """Return the derivative of the log-likelihood by rho and the expected information of one row."""
    prob = _cells(_cdf(a[:, None], b[None, :], rho))
    slope = _cells(_density(a[:, None], b[None, :], rho))
    prob = np.maximum(prob, 1e-300)
    return float((table * slope / prob).sum()), float((slope**2 / prob).sum())


def _cells(corner: FloatArray) -> FloatArray:
    return np.diff(np.diff(corner, axis=0), axis=1)


def _density(a: FloatArray, b: FloatArray, rho: float) -> FloatArray:
    """Return the bivariate normal density on a grid, zero at infinity."""
    is_finite = np.isfinite(a) & np.isfinite(b)
    a, b = np.where(np.isfinite(a), a, 0.0), np.where(np.isfinite(b), b, 0.0)
    rest = 1 - rho * rho
    value = np.exp(-(a * a - 2 * rho * a * b + b * b) / (2 * rest)) / (2 * np.pi * np.sqrt(rest))
    return np.asarray(np.where(is_finite, value, 0.0))


def _cdf(a: FloatArray, b: FloatArray, rho: float) -> FloatArray:
    """Return the bivariate normal distribution function on a grid: the independent one plus an integral over angles."""
    apart = ndtr(a) * ndtr(b)
    angle = np.arcsin(rho) * (_NODES + 1) / 2
    sine, cosine = np.sin(angle), np.cos(angle)
    is_finite = np.isfinite(a) & np.isfinite(b)
    h, k = np.where(np.isfinite(a), a, 0.0)[..., None], np.where(np.isfinite(b), b, 0.0)[..., None]
    inner = np.exp(-(h * h + k * k - 2 * h * k * sine) / (2 * cosine**2)) @ _WEIGHTS
    return np.asarray(apart + np.where(is_finite, inner * np.arcsin(rho) / (4 * np.pi), 0.0))
