"""The density of one variable: histogram, fitted curve, components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.plot.canvas import INK, PALE, color, legend, line_style, place, tidy, title
from emkit.plot.display import Display
from emkit.plot.read import groups_of, numbers_of, source_of, values_of
from emkit.plot.shapes import Histogram, component_curves, curve_grid, histogram

__all__ = ["DensityDisplay", "draw_curves"]

_REACH = 3.2  # standard deviations beyond the means that are always shown


@dataclass(eq=False)
class DensityDisplay(Display):
    """Histogram of one variable with the fitted density and its weighted components over it.

    Parameters
    ----------
    mix, mean, sd : arrays (k,)
        Weights, means and standard deviations of the components.
    histogram : Histogram or None
        Densities and edges of the bins.
    name : str
        Of the variable.
    detail : str
        A line of numbers below the title.

    Examples
    --------
    >>> import emkit
    >>> X, names = emkit.load_data("galaxies").numeric()
    >>> mixture = emkit.GaussianMixture(3, random_state=0).fit(X)
    >>> display = emkit.plot.DensityDisplay.from_estimator(mixture, X)
    >>> display.ax_.get_ylabel()
    'density'
    """

    mix: FloatArray
    mean: FloatArray
    sd: FloatArray
    histogram: Histogram | None = None
    name: str = "x"
    detail: str = ""

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, *, sample_weight: Any = None, bins: Any = None, ax: Any = None
    ) -> Self:
        """Draw a fitted Gaussian mixture of one feature, with the histogram of `X` (n, 1) where given.

        Parameters
        ----------
        estimator : GaussianMixture, or Fit of one
        X : array (n, 1), optional
        sample_weight : array (n,), optional
        bins : int or array of edges, optional
            By Freedman & Diaconis where None.
        ax : Axes, optional
        """
        groups = groups_of(estimator)
        if groups is None or groups.cov is None or groups.n_features != 1:
            message = "`DensityDisplay` draws Gaussian mixtures of one feature; take `PairsDisplay` for more"
            raise ParameterError(message)
        bars = None
        if X is not None:
            bars = histogram(*values_of(source_of(estimator, X, sample_weight), 0), bins=bins)
        sd = np.sqrt(groups.cov[:, 0, 0])
        return cls(groups.mix, groups.mean[:, 0], sd, bars, groups.names[0], groups.detail).plot(ax)

    @classmethod
    def from_density(cls, density: Any, *, bins: Any = None, ax: Any = None) -> Self:
        """Draw a `Density` over the histogram of its own values."""
        parts, fit = density.components, density.mixture_.fit_
        bars = histogram(density.x_, density.sample_weight_, bins)
        return cls(parts.mix, parts.mean, parts.sd, bars, density.name, numbers_of(fit)).plot(ax)

    @classmethod
    def from_arrays(
        cls, x: Any, mix: Any, mean: Any, sd: Any, *, bins: Any = None, name: str = "x", ax: Any = None
    ) -> Self:
        """Draw values x (n,) and a mixture given by its weights, means and standard deviations (k,)."""
        mix, mean, sd = (np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in (mix, mean, sd))
        return cls(mix, mean, sd, histogram(np.asarray(x, dtype=np.float64), bins=bins), name).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax)
        draw_curves(self.ax_, self.mix, self.mean, self.sd, self.histogram)
        self.ax_.set_xlabel(self.name)
        self.ax_.set_ylabel("density")
        tidy(self.ax_)
        k = len(self.mix)
        title(self.ax_, f"Mixture of {k} normal distributions" if k > 1 else "Normal distribution", self.detail)
        legend(self.ax_)
        return self


def draw_curves(
    ax: Any, mix: FloatArray, mean: FloatArray, sd: FloatArray, bars: Histogram | None, line: float = 2.0
) -> None:
    """Draw the histogram, the components, and their sum."""
    if bars is not None:
        ax.stairs(bars.density, bars.edges, fill=True, color=PALE, alpha=0.65, label="data", zorder=1)
        ax.stairs(bars.density, bars.edges, color="white", linewidth=0.6, zorder=1.5)
        for edge, height in zip(bars.edges[1:-1], np.minimum(bars.density[1:], bars.density[:-1]), strict=True):
            ax.plot([edge, edge], [0, height], color="white", linewidth=0.6, zorder=1.5)
    grid = curve_grid(mean, sd, *_span(mean, sd, bars))
    curves = component_curves(grid, mix, mean, sd)
    if len(mix) > 1:
        for i, curve in enumerate(curves):
            seen = curve > 1e-3 * curves.sum(axis=0).max()
            label = f"component {i + 1}  ({100 * mix[i]:.0f} %)"
            ax.fill_between(grid, curve, color=color(i), alpha=0.16, linewidth=0, zorder=2)
            ax.plot(
                grid[seen], curve[seen], line_style(i), color=color(i), linewidth=0.75 * line, label=label, zorder=3
            )
    ax.plot(grid, curves.sum(axis=0), color=INK, linewidth=line, label="density", zorder=4)
    ax.set_xlim(grid[0], grid[-1])
    ax.set_ylim(0, 1.06 * max(curves.sum(axis=0).max(), 0 if bars is None else bars.density.max()))


def _span(mean: FloatArray, sd: FloatArray, bars: Histogram | None) -> tuple[float, float]:
    low, high = float((mean - _REACH * sd).min()), float((mean + _REACH * sd).max())
    if bars is None:
        return low, high
    # a broad component must not squeeze the data: go at most a quarter of their range beyond it
    first, last = float(bars.edges[0]), float(bars.edges[-1])
    room = 0.25 * (last - first)
    return min(first, max(low, first - room)), max(last, min(high, last + room))
