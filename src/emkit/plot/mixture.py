"""Two features: points, the most probable component of each, ellipses, means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.plot.canvas import color, halo, legend, line_style, marker_face, matplotlib_module, note, place, tidy, title
from emkit.plot.display import Display
from emkit.plot.read import Groups, Points, groups_of, points_of, source_of
from emkit.plot.shapes import ellipse

__all__ = ["MixtureDisplay", "draw_groups", "draw_points", "is_dense"]

_RINGS = (1, 2)  # standard deviations
_LEGEND_ROWS = 9
_DENSE = 1500  # rows


@dataclass(eq=False)
class MixtureDisplay(Display):
    """Points of two features in the color of their most probable component, fainter the less certain it is.

    Ellipses are at one and two standard deviations: 39 % and 86 % of a component lie inside.

    Parameters
    ----------
    groups : Groups
        The components: weights, means, covariances.
    points : Points or None
        Rows and probabilities.

    Examples
    --------
    >>> import emkit
    >>> X, names = emkit.load_data("faithful").numeric()
    >>> mixture = emkit.GaussianMixture(2, random_state=0).fit(X)
    >>> display = emkit.plot.MixtureDisplay.from_estimator(mixture, X)
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['component 1  (64 %)', 'component 2  (36 %)']
    """

    groups: Groups
    points: Points | None = None

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any = None, *, ax: Any = None) -> Self:
        """Draw a fitted mixture or k-means of two features, with the rows of `X` (n, 2) where given.

        Parameters
        ----------
        estimator : GaussianMixture, KMeans, or Fit of a Gaussian mixture
        X : array (n, 2), optional
        ax : Axes, optional
        """
        groups = groups_of(estimator)
        if groups is None or groups.n_features != 2:
            message = "`MixtureDisplay` draws two features; take `DensityDisplay` for one, `PairsDisplay` for more"
            raise ParameterError(message)
        points = None if X is None else points_of(groups, source_of(estimator, X))
        return cls(groups, points).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax, (6.4, 4.8))
        if self.points is not None:
            draw_points(self.ax_, self.points, (0, 1))
            note(self.ax_, _remarks(self.points))
        draw_groups(self.ax_, self.groups, (0, 1), is_dense(self.points))
        if self.groups.cov is None:
            self.ax_.margins(0.04)
            _draw_regions(self.ax_, self.groups.mean)
        else:
            self.ax_.margins(0.04)
        self.ax_.set_xlabel(self.groups.names[0])
        self.ax_.set_ylabel(self.groups.names[1])
        tidy(self.ax_)
        self._entitle()
        return self

    def _entitle(self) -> None:
        k = len(self.groups.mix)
        if self.groups.cov is None:
            title(self.ax_, f"{k} clusters")
        else:
            title(
                self.ax_,
                f"Mixture of {k} normal distributions" if k > 1 else "Normal distribution",
                self.groups.detail,
            )
        if k <= _LEGEND_ROWS:
            legend(self.ax_)
        else:  # beside the picture, where many rows hide nothing
            legend(self.ax_, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _draw_regions(ax: Any, centre: FloatArray) -> None:
    """Shade what is nearest to each centre, behind the points."""
    limits = (ax.get_xlim(), ax.get_ylim())
    x, y = (np.linspace(low, high, 401) for low, high in limits)
    gaps = [(x[None, :] - at[0]) ** 2 + (y[:, None] - at[1]) ** 2 for at in centre]
    colors = matplotlib_module("colors").ListedColormap([color(i) for i in range(len(centre))])
    nearest, edge = np.argmin(gaps, axis=0), (-0.5, len(centre) - 0.5)
    shade = {"cmap": colors, "vmin": edge[0], "vmax": edge[1], "alpha": 0.1, "zorder": 0, "interpolation": "nearest"}
    ax.imshow(nearest, extent=(*limits[0], *limits[1]), origin="lower", aspect="auto", **shade)
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])


def _remarks(points: Points) -> str:
    seen = ~np.isnan(points.X)
    partial = int((seen.any(axis=1) & ~seen.all(axis=1)).sum())
    hidden = f"{partial:,} rows with one missing entry are ticks on the axis of the other" if partial else ""
    return "; ".join(text for text in (points.remark, hidden) if text)


def is_dense(points: Points | None) -> bool:
    """Tell whether points overlap so much that they are drawn fainter, and lines over them need a halo."""
    return points is not None and len(points.X) >= _DENSE


def draw_points(ax: Any, points: Points, pair: tuple[int, int], size: float = 16.0) -> None:
    """Draw the rows in two columns; where only one is observed, a tick on its axis."""
    x, y = points.X[:, pair[0]], points.X[:, pair[1]]
    label, certain = points.resp.argmax(axis=1), points.resp.max(axis=1)
    colors = _faded(label, certain, points.resp.shape[1])
    shrink = size * min(1.0, (600 / max(len(x), 1)) ** 0.5)
    seen_x, seen_y = ~np.isnan(x), ~np.isnan(y)
    both = seen_x & seen_y
    ax.scatter(x[both], y[both], s=max(shrink, 3.0), c=colors[both], linewidths=0, zorder=2)
    for value, seen, transform in (
        (x, seen_x & ~seen_y, ax.get_xaxis_transform()),
        (y, seen_y & ~seen_x, ax.get_yaxis_transform()),
    ):
        edge = np.full(int(seen.sum()), 0.012)
        across = (value[seen], edge) if value is x else (edge, value[seen])
        marker = "|" if value is x else "_"
        if seen.any():
            ax.scatter(*across, marker=marker, s=40, c=colors[seen], linewidths=1.0, transform=transform, zorder=2)


def _faded(label: Any, certain: FloatArray, k: int) -> FloatArray:
    """Return colors (n, 4): opaque where the component is certain, faint where it might be any."""
    rgba = matplotlib_module("colors").to_rgba_array([color(i) for i in range(k)])[label]
    floor = 1 / k if k > 1 else 0.0
    solid = 0.4 if len(label) >= _DENSE else 0.7
    rgba[:, 3] = solid * (0.3 + 0.7 * (certain - floor) / (1 - floor))
    return np.asarray(rgba)


def draw_groups(ax: Any, groups: Groups, pair: tuple[int, int], has_halo: bool, line: float = 1.8) -> None:
    """Draw ellipses and means in two columns."""
    columns = np.array(pair)
    for i, mean in enumerate(groups.mean[:, columns]):
        if groups.cov is not None:
            cov = groups.cov[i][np.ix_(columns, columns)]
            for ring, width in zip(_RINGS, (line, 0.65 * line), strict=True):
                effects = halo(width) if has_halo else []
                style = {"color": color(i), "linewidth": width, "path_effects": effects, "zorder": 4}
                ax.plot(*ellipse(mean, cov, ring).T, line_style(i), **style)
            ax.fill(*ellipse(mean, cov, _RINGS[0]).T, color=color(i), alpha=0.13, linewidth=0, zorder=3)
        label = groups.labelled(i)
        edges = {"markeredgecolor": "white", "markeredgewidth": 1.2} if marker_face(i) != "white" else {}
        size = (4.4 if groups.cov is not None else 6.0) * line
        style = {"markersize": size, "markerfacecolor": marker_face(i), **edges}
        ax.plot(*mean, groups.marker, color=color(i), linestyle="none", label=label, zorder=5, **style)
