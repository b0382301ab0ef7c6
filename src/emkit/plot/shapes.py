"""The geometry of pictures: histograms, normal curves, ellipses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError

__all__ = ["Histogram", "component_curves", "curve_grid", "ellipse", "histogram", "weighted_quantile"]

MAX_BINS = 200
_FEW_VALUES = 2


class Histogram(NamedTuple):
    """Densities (b,) over edges (b + 1,); they integrate to one."""

    density: FloatArray
    edges: FloatArray


def weighted_quantile(x: FloatArray, weights: FloatArray, p: FloatArray) -> FloatArray:
    """Return the smallest x at which the weighted share of smaller or equal values reaches `p`."""
    order = np.argsort(x, kind="stable")
    share = np.cumsum(weights[order])
    at = np.searchsorted(share, np.asarray(p) * share[-1] * (1 - 1e-12))
    return np.asarray(x[order][np.minimum(at, len(x) - 1)])


def histogram(x: FloatArray, weights: FloatArray | None = None, bins: int | FloatArray | None = None) -> Histogram:
    """Return a histogram of the observed entries of x (n,).

    Parameters
    ----------
    x : array (n,)
        NaN is left out.
    weights : array (n,), optional
    bins : int, or array of edges, optional
        By Freedman & Diaconis 1981 where None: width 2 IQR n^(-1/3).
    """
    seen = ~np.isnan(x) if weights is None else ~np.isnan(x) & (weights > 0)
    x = np.asarray(x[seen], dtype=np.float64)
    weights = np.ones(len(x)) if weights is None else weights[seen]
    if len(x) == 0:
        message = "there is no observed value to draw a histogram of"
        raise ParameterError(message)
    edges = _edges(x, weights, bins)
    counts, _ = np.histogram(x, edges, weights=weights)
    return Histogram(counts / (weights.sum() * np.diff(edges)), edges)


def _edges(x: FloatArray, weights: FloatArray, bins: int | FloatArray | None) -> FloatArray:
    if bins is not None and np.ndim(bins):
        edges = np.asarray(bins, dtype=np.float64)
        if edges.ndim != 1 or len(edges) < _FEW_VALUES or not (np.diff(edges) > 0).all():
            message = "`bins` must be a number of bins or rising edges (at least two)"
            raise ParameterError(message)
        return edges
    low, high = float(x.min()), float(x.max())
    if low == high:
        half = 0.5 * max(abs(low) * 1e-3, 1e-12) if low else 0.5
        return np.array([low - half, high + half])
    if bins is not None:
        if not isinstance(bins, (int, np.integer)) or isinstance(bins, bool) or bins < 1:
            message = f"`bins` must be a number of bins (at least 1) or rising edges, got {bins!r}"
            raise ParameterError(message)
        return np.linspace(low, high, int(bins) + 1)
    return np.linspace(low, high, _n_bins(x, weights, high - low) + 1)


def _n_bins(x: FloatArray, weights: FloatArray, span: float) -> int:
    n = float(weights.sum())
    lower, upper = weighted_quantile(x, weights, np.array([0.25, 0.75]))
    width = 2 * (upper - lower) * n ** (-1 / 3)
    sturges = int(np.ceil(np.log2(max(n, 1.0)))) + 1
    # ties can make the IQR zero, outliers can make it tiny against the span
    return min(max(int(np.ceil(span / width)), sturges), MAX_BINS) if width > 0 else sturges


def component_curves(grid: FloatArray, mix: FloatArray, mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Return the weighted normal densities (k, g) at grid (g,)."""
    z = (grid - mean[:, None]) / sd[:, None]
    return np.asarray(mix[:, None] / sd[:, None] * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))


def curve_grid(mean: FloatArray, sd: FloatArray, low: float, high: float, n: int = 400) -> FloatArray:
    """Return where to evaluate curves: evenly, and densely about each mean so that no narrow peak is cut."""
    even = np.linspace(low, high, n)
    near = mean[:, None] + sd[:, None] * np.linspace(-5, 5, 101)
    return np.unique(np.concatenate([even, near[(near > low) & (near < high)]]))


def ellipse(mean: FloatArray, cov: FloatArray, n_sd: float, n: int = 121) -> FloatArray:
    """Return the points (n, 2) whose Mahalanobis distance from `mean` is `n_sd`."""
    values, vectors = np.linalg.eigh(cov)
    angle = np.linspace(0, 2 * np.pi, n)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    return np.asarray(mean + n_sd * (vectors @ (np.sqrt(np.maximum(values, 0.0))[:, None] * circle)).T)
