"""More than two features: every pair below the diagonal, every feature on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.errors import ParameterError
from emkit.plot.canvas import color, divide, matplotlib_module, tidy
from emkit.plot.density import draw_curves
from emkit.plot.display import Display
from emkit.plot.mixture import draw_groups, draw_points, is_dense
from emkit.plot.read import Groups, Points, groups_of, points_of, source_of, values_of
from emkit.plot.shapes import Histogram, histogram

__all__ = ["MAX_FEATURES", "PairsDisplay"]

MAX_FEATURES = 8


@dataclass(eq=False)
class PairsDisplay(Display):
    """Scatter matrix: pairs of features with ellipses below the diagonal, each feature's density on it.

    Parameters
    ----------
    groups : Groups
        The components, in the features drawn.
    points : Points or None
        Rows and probabilities; the probabilities are those under all features of the model.
    histograms : tuple of Histogram, or None
    remark : str
        What is left out.

    Attributes
    ----------
    axes_ : array (d, d) of Axes
        Those above the diagonal are empty.
    """

    groups: Groups
    points: Points | None = None
    histograms: tuple[Histogram, ...] | None = None
    remark: str = ""
    axes_: Any = field(default=None, init=False, repr=False)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, *, columns: Sequence[int | str] | None = None, ax: Any = None
    ) -> Self:
        """Draw a fitted mixture or k-means of several features, with the rows of `X` (n, d) where given.

        Parameters
        ----------
        estimator : GaussianMixture, KMeans, or Fit of a Gaussian mixture
        X : array (n, d), optional
        columns : sequence of numbers or names, optional
            Which features to draw, at most eight; the first eight where None.
        ax : Axes, optional
            Its place is divided into panels.
        """
        groups = groups_of(estimator)
        if groups is None:
            message = "`PairsDisplay` draws Gaussian mixtures and k-means; take `TraceDisplay` for other models"
            raise ParameterError(message)
        keep = _columns(groups, columns)
        points, bars = None, None
        if X is not None:
            source = source_of(estimator, X)
            whole = points_of(groups, source)
            points = Points(whole.X[:, keep], whole.resp, whole.n_rows)
            bars = tuple(histogram(*values_of(source, j)) for j in keep)
        return cls(groups.sliced(keep), points, bars, _remark(groups, keep, points)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        d = self.groups.n_features
        side = min(2.1 * d + 0.6, 13.0)
        self.figure_, axes = divide(ax, d, d, (side, 0.9 * side) if d > 1 else (6.4, 4.0))
        self.axes_, self.ax_ = axes, axes[0, 0] if ax is None else ax
        for row, column in np.ndindex(d, d):
            panel = axes[row, column]
            if column > row:
                panel.set_axis_off()
                continue
            self._draw_panel(panel, row, column)
            self._label(panel, row, column)
        for column in range(d):
            for row in range(column + 1, d):
                axes[row, column].set_xlim(axes[column, column].get_xlim())
                axes[row, column].set_ylim(axes[row, row].get_xlim())
        self._legend(d)
        return self

    def _draw_panel(self, panel: Any, row: int, column: int) -> None:
        if row == column:
            self._draw_margin(panel, row)
            return
        if self.points is not None:
            draw_points(panel, self.points, (column, row), size=9.0)
        draw_groups(panel, self.groups, (column, row), is_dense(self.points), line=1.2)

    def _draw_margin(self, panel: Any, j: int) -> None:
        bars = None if self.histograms is None else self.histograms[j]
        if self.groups.cov is not None:
            sd = np.sqrt(self.groups.cov[:, j, j])
            draw_curves(panel, self.groups.mix, self.groups.mean[:, j], sd, bars, line=1.3)
        elif bars is not None and self.points is not None:
            _draw_stack(panel, bars, self.points.X[:, j], self.points.resp)
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)

    def _label(self, panel: Any, row: int, column: int) -> None:
        last = self.groups.n_features - 1
        tidy(panel)
        panel.tick_params(labelbottom=row == last, labelleft=column == 0)
        if row == last:
            panel.set_xlabel(self.groups.names[column], fontsize="small")
        if column == 0 and row > 0:
            panel.set_ylabel(self.groups.names[row], fontsize="small")

    def _legend(self, d: int) -> None:
        """Put the legend and the numbers into the empty corner."""
        line = matplotlib_module("lines").Line2D
        handles = [
            line(
                [],
                [],
                marker="o",
                linestyle="none",
                color=color(i),
                markersize=7,
                label=self.groups.labelled(i),
            )
            for i in range(len(self.groups.mix))
        ]
        where: dict[str, Any] = {"loc": "upper right", "borderaxespad": 0.0}
        if d == 1:  # there is no empty corner
            where = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        made = self.axes_[0, d - 1].legend(
            handles=handles,
            frameon=False,
            fontsize="small",
            title=self._title(),
            alignment="left",
            title_fontproperties={"size": "small"},
            **where,
        )
        made.set_in_layout(d == 1)

    def _title(self) -> str:
        parts = self.groups.detail.split("   ·   ") if self.groups.detail else []
        return "\n".join([*parts, *([self.remark] if self.remark else [])])


def _draw_stack(panel: Any, bars: Histogram, x: FloatArray, resp: FloatArray) -> None:
    """Draw a histogram divided by cluster, with the heights of all rows and the shares of those drawn."""
    own, seen = resp.argmax(axis=1), ~np.isnan(x)
    counts = [np.histogram(x[seen & (own == i)], bars.edges)[0] for i in range(resp.shape[1])]
    shares = np.array(counts) / np.maximum(np.sum(counts, axis=0), 1)
    tops = np.cumsum(shares, axis=0) * bars.density
    for i, (low, high) in enumerate(zip(np.vstack([np.zeros(len(bars.density)), tops]), tops, strict=False)):
        panel.stairs(high, bars.edges, baseline=low, fill=True, color=color(i), alpha=0.55)
    panel.set_ylim(0, 1.06 * bars.density.max())


def _columns(groups: Groups, columns: Sequence[int | str] | None) -> IntArray:
    from emkit.mixture.slices import resolve_columns

    if columns is None:
        return np.arange(min(groups.n_features, MAX_FEATURES))
    keep = resolve_columns(columns, groups.n_features, np.array(groups.names, dtype=object))
    if len(keep) > MAX_FEATURES:
        message = f"at most {MAX_FEATURES} features fit into one picture, got {len(keep)}; name fewer in `columns`"
        raise ParameterError(message)
    return keep


def _remark(groups: Groups, keep: FloatArray | IntArray, points: Points | None) -> str:
    parts = [] if points is None or not points.remark else [points.remark]
    if len(keep) < groups.n_features:
        parts.append(f"{len(keep)} of {groups.n_features} features drawn")
    return "\n".join(parts)
