"""Rows and the lines of a mixture of regressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.errors import ParameterError
from emkit.plot.canvas import color, legend, place, tidy, title
from emkit.plot.display import Display

__all__ = ["RegressionDisplay"]

_MOST_POINTS = 2000
_CURVE = 200


@dataclass(eq=False)
class RegressionDisplay(Display):
    """A response by one covariate, rows in the color of their most probable component, with the expected responses.

    Parameters
    ----------
    x, y : array (n,)
    labels : array (n,), int
        Components of the rows.
    grid : array (g,)
    curves : array (g, k)
        Expected responses along the grid, other covariates at their means.
    names : tuple of str
        Of covariate and response.
    """

    x: FloatArray
    y: FloatArray
    labels: IntArray
    grid: FloatArray
    curves: FloatArray
    names: tuple[str, str]

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, term: str | None = None, response: str | None = None, ax: Any = None
    ) -> Self:
        """Draw a fitted `MixtureOfRegressions` with the rows it was fitted to.

        Parameters
        ----------
        estimator : MixtureOfRegressions
        term : str, optional
            Of `estimator.terms_`; the first that is not the intercept where None. Other terms stay at their means, so
            that a polynomial is better drawn from arrays.
        response : str, optional
            The first where None.
        ax : Axes, optional

        Raises
        ------
        ParameterError
            If a name is unknown, there is no covariate, or the fit has no data.
        """
        terms, names = [name for name in estimator.terms_ if name != "intercept"], estimator.responses_
        term, response = term or (terms[0] if terms else ""), response or names[0]
        if term not in terms or response not in names:
            message = f"`term` must be one of {', '.join(terms)} and `response` one of {', '.join(names)}"
            raise ParameterError(message)
        source = getattr(estimator.fit_, "given", None)
        if source is None:
            message = "a saved fit holds no data: draw `RegressionDisplay.from_arrays`"
            raise ParameterError(message)
        layout, model = estimator.layout_, estimator.model_
        column, row = layout.design[estimator.terms_.index(term)], names.index(response)
        X = np.concatenate([block.X for block in source.blocks()])[:, : len(layout.names)]
        resp = np.concatenate([estimator.fit_.model.posterior(estimator.parameters_, b) for b in source.blocks()])
        grid = np.linspace(X[:, column].min(), X[:, column].max(), _CURVE)
        rows = np.repeat(np.nanmean(X, axis=0, keepdims=True), _CURVE, axis=0)
        rows[:, column] = grid
        curves = model.family.means(estimator.parameters_.members, rows)[row]
        return cls(X[:, column], X[:, row], resp.argmax(axis=1), grid, curves, (term, response)).plot(ax)

    @classmethod
    def from_arrays(
        cls, x: Any, y: Any, labels: Any, grid: Any, curves: Any, *, names: tuple[str, str] = ("x", "y"), ax: Any = None
    ) -> Self:
        """Draw rows (n,) with labels (n,), and curves (g, k) along a grid (g,)."""
        parts = (np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), np.asarray(labels, dtype=np.intp))
        lines = (np.asarray(grid, dtype=np.float64), np.asarray(curves, dtype=np.float64))
        if len({len(part) for part in parts}) > 1 or len(lines[0]) != len(lines[1]):
            message = "`x`, `y` and `labels` must have a row for each unit, and `curves` one for each entry of `grid`"
            raise ParameterError(message)
        return cls(*parts, *lines, names).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax, (6.4, 4.0))
        step = max(1, len(self.x) // _MOST_POINTS)
        for i in range(self.curves.shape[1]):
            own = np.flatnonzero(self.labels == i)[::step]
            self.ax_.scatter(self.x[own], self.y[own], s=12, color=color(i), alpha=0.6, linewidths=0)
            self.ax_.plot(self.grid, self.curves[:, i], color=color(i), linewidth=2, label=f"component {i + 1}")
        self.ax_.set_xlabel(self.names[0])
        self.ax_.set_ylabel(self.names[1])
        title(self.ax_, f"{self.names[1]} by component")
        legend(self.ax_)
        tidy(self.ax_)
        return self
