"""How certain the components of the rows are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.plot.canvas import INK, color, legend, note, place, tidy, title
from emkit.plot.display import Display
from emkit.plot.read import groups_of, points_of, source_of

__all__ = ["ResponsibilityDisplay"]

_LEGEND_ROWS = 9


@dataclass(eq=False)
class ResponsibilityDisplay(Display):
    """One thin column per row of the data, divided by the probabilities of the components.

    Rows are sorted by their most probable component, and within it from certain to doubtful: a column of one color is
    a certain row. The white line is the share of the most probable component.

    Parameters
    ----------
    resp : array (n, k)
        Probabilities of the components.
    n_rows : int
        Rows in all, of which `resp` may be a sample.
    """

    resp: FloatArray
    n_rows: int

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, ax: Any = None) -> Self:
        """Draw the probabilities of the components for the rows of `X` (n, d).

        Parameters
        ----------
        estimator : GaussianMixture, or Fit of one
        X : array (n, d)
        ax : Axes, optional
        """
        groups = groups_of(estimator)
        if groups is None or groups.cov is None:
            message = "`ResponsibilityDisplay.from_estimator` draws Gaussian mixtures; take `from_arrays` for others"
            raise ParameterError(message)
        points = points_of(groups, source_of(estimator, X))
        return cls(points.resp, points.n_rows).plot(ax)

    @classmethod
    def from_arrays(cls, resp: Any, *, ax: Any = None) -> Self:
        """Draw probabilities (n, k), as `predict_proba` of any model returns them."""
        array = np.asarray(resp, dtype=np.float64)
        if array.ndim != 2 or array.size == 0:
            message = f"`resp` must have a row for each unit and a column for each component, got shape {array.shape}"
            raise ParameterError(message)
        if not (array >= 0).all() or not np.allclose(array.sum(axis=1), 1, atol=1e-6):
            message = "`resp` must hold probabilities: none negative, each row adding up to 1"
            raise ParameterError(message)
        return cls(array, len(array)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax, (6.4, 3.4))
        resp = self.resp[_order(self.resp)]
        n, k = resp.shape
        own = resp.argmax(axis=1)
        # the row's own component at the bottom, so that the boundary reads as its certainty
        bottom = resp.max(axis=1)
        edges = np.arange(n + 1)
        for i in range(k):
            self.ax_.stairs(np.where(own == i, bottom, 0.0), edges, fill=True, color=color(i), zorder=1)
        for i in range(k):
            rest = np.where(own == i, 0.0, resp[:, i])
            self.ax_.stairs(bottom + rest, edges, baseline=bottom, fill=True, color=color(i), alpha=0.45, zorder=1)
            bottom = bottom + rest
        self.ax_.stairs(resp.max(axis=1), edges, color="white", linewidth=1.0, baseline=None, zorder=3)
        self._describe(own, n, k)
        return self

    def _describe(self, own: Any, n: int, k: int) -> None:
        counts = np.bincount(own, minlength=k)
        for i, count in enumerate(counts):
            self.ax_.plot([], [], "s", color=color(i), markersize=8, label=f"component {i + 1}  ({count:,} rows)")
        for edge in np.cumsum(counts)[:-1]:
            self.ax_.axvline(edge, color=INK, linewidth=0.8, zorder=4)
        self.ax_.set_xlim(0, n)
        self.ax_.set_ylim(0, 1)
        self.ax_.set_xlabel("rows, by component and certainty")
        self.ax_.set_ylabel("probability")
        tidy(self.ax_)
        doubtful = float((self.resp.max(axis=1) < 0.9).mean())
        title(self.ax_, "Probabilities of the components", f"{100 * doubtful:.0f} % of the rows are below 90 % certain")
        note(self.ax_, f"{n:,} of {self.n_rows:,} rows drawn" if n < self.n_rows else "")
        if k <= _LEGEND_ROWS:
            legend(self.ax_, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _order(resp: FloatArray) -> Any:
    return np.lexsort((-resp.max(axis=1), resp.argmax(axis=1)))
