"""Missing entries: which are missing together, and how what was filled in compares with what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError
from emkit.plot.canvas import PALE, PALETTE, divide, legend, matplotlib_module, place, tidy, title
from emkit.plot.display import Display
from emkit.plot.shapes import histogram

__all__ = ["ImputationDisplay", "OverimputationDisplay", "PatternDisplay"]

_MOST_PATTERNS = 40
_PER_LINE = 3


@dataclass(eq=False)
class PatternDisplay(Display):
    """Patterns of missing entries, a line for each, the most frequent on top; its rows are counted at the right.

    Parameters
    ----------
    seen : array (g, d) of bool
    weights : array (g,)
    names : tuple of str
    """

    seen: Array
    weights: FloatArray
    names: tuple[str, ...]

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the patterns of a fitted `MultivariateNormal`."""
        seen, weights = estimator.patterns()
        names = getattr(estimator, "feature_names_in_", [str(j) for j in range(seen.shape[1])])
        return cls(seen, weights, tuple(map(str, names))).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        order = np.argsort(-self.weights, kind="stable")[:_MOST_PATTERNS]
        shown = ~self.seen[order]
        self.figure_, self.ax_ = place(ax, (1.5 + 0.7 * len(self.names), 1.4 + 0.32 * len(order)))
        colors = matplotlib_module("colors").ListedColormap([PALE, PALETTE[1]])
        self.ax_.pcolormesh(shown.astype(float), cmap=colors, vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
        self.ax_.invert_yaxis()
        self.ax_.set_xticks(np.arange(len(self.names)) + 0.5, self.names, rotation=35, ha="right")
        self.ax_.set_yticks(np.arange(len(order)) + 0.5, [f"{w:.6g}" for w in self.weights[order]])
        self.ax_.yaxis.tick_right()
        tidy(self.ax_)
        hidden = len(self.weights) - len(order)
        detail = f"{len(self.weights)} patterns; rows at the right" + (
            f"; {hidden} rare ones not shown" if hidden else ""
        )
        title(self.ax_, "Missing entries", detail)
        return self


@dataclass(eq=False)
class ImputationDisplay(Display):
    """Histograms of the observed entries of each column and of those filled in.

    They may differ without fault where entries are missing at random but not completely so; values that cannot be, or a
    heap at one value, are faults.

    Parameters
    ----------
    observed, imputed : sequences of arrays
        Of each column that has missing entries.
    names : tuple of str
    """

    observed: Sequence[FloatArray]
    imputed: Sequence[FloatArray]
    names: tuple[str, ...]

    @classmethod
    def from_arrays(cls, X: Any, completed: Any, *, names: Sequence[str] | None = None, ax: Any = None) -> Self:
        """Draw rows X (n, d) with NaN and one completed copy (n, d) of them, or several."""
        X = np.asarray(X, dtype=np.float64)
        copies = completed if isinstance(completed, (list, tuple)) else [completed]
        copies = [np.asarray(copy, dtype=np.float64) for copy in copies]
        if any(copy.shape != X.shape for copy in copies):
            message = f"`completed` must have the shape of `X`, {X.shape}, got {[copy.shape for copy in copies]}"
            raise ParameterError(message)
        lost = np.isnan(X)
        columns = np.flatnonzero(lost.any(axis=0))
        if not len(columns):
            message = "`X` has no missing entries, so nothing was filled in"
            raise ParameterError(message)
        called = [str(j) for j in range(X.shape[1])] if names is None else list(names)
        observed = [X[~lost[:, j], j] for j in columns]
        imputed = [np.concatenate([copy[lost[:, j], j] for copy in copies]) for j in columns]
        return cls(observed, imputed, tuple(called[j] for j in columns)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        n = len(self.names)
        wide = min(n, _PER_LINE)
        high = -(-n // wide)
        self.figure_, axes = divide(ax, high, wide, (3.1 * wide, 2.5 * high))
        for panel in axes.reshape(-1)[n:]:
            panel.set_axis_off()
        for panel, seen, filled, name in zip(axes.reshape(-1), self.observed, self.imputed, self.names, strict=False):
            for values, color, label in ((seen, PALETTE[0], "observed"), (filled, PALETTE[1], "filled in")):
                found = histogram(values)
                panel.stairs(found.density, found.edges, color=color, label=label, fill=True, alpha=0.25)
                panel.stairs(found.density, found.edges, color=color, linewidth=1.4)
            panel.set_xlabel(name)
            panel.set_yticks([])
            tidy(panel)
        legend(axes.reshape(-1)[0])
        self.ax_ = axes
        return self


@dataclass(eq=False)
class OverimputationDisplay(Display):
    """Each observed entry of a column against the interval in which it would be imputed; the diagonal is truth.

    Parameters
    ----------
    observed, mean, low, high : array (n,)
    level : float
    name : str
    """

    observed: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    name: str = ""

    @classmethod
    def from_overimputed(cls, found: Any, column: int, *, name: str = "", ax: Any = None) -> Self:
        """Draw a column of what `MultipleImputer.overimpute` returns."""
        seen = ~np.isnan(found.observed[:, column])
        observed, mean, low, high = (a[seen, column] for a in (found.observed, found.mean, found.low, found.high))
        return cls(observed, mean, low, high, found.level, name or f"column {column}").plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax)
        inside = (self.observed >= self.low) & (self.observed <= self.high)
        for chosen, color, label in ((inside, PALETTE[0], "holds it"), (~inside, PALETTE[1], "misses it")):
            self.ax_.vlines(self.observed[chosen], self.low[chosen], self.high[chosen], color=color, alpha=0.35)
            self.ax_.plot(self.observed[chosen], self.mean[chosen], "o", color=color, markersize=3.5, label=label)
        ends = [float(self.observed.min()), float(self.observed.max())]
        self.ax_.plot(ends, ends, "-", color="#444444", linewidth=1)
        self.ax_.set_xlabel(f"{self.name}, observed")
        self.ax_.set_ylabel("as it would be imputed")
        legend(self.ax_)
        tidy(self.ax_)
        title(self.ax_, "Overimputation", f"{100 * inside.mean():.0f}% within intervals of {100 * self.level:.0f}%")
        return self
