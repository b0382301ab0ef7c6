"""Transitions of a hidden chain as a graph: a circle for each state, arrows as wide as they are probable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.plot.canvas import INK, color, place, title
from emkit.plot.display import Display

__all__ = ["TransitionGraphDisplay"]

_WIDEST = 4.0
_SMALL, _LARGE = 300.0, 1800.0  # areas of circles, in points squared


@dataclass(eq=False)
class TransitionGraphDisplay(Display):
    """The transitions as a graph; circles grow with the long-run share of their state.

    The probability to stay is written in each circle, that to move beside its arrow.

    Parameters
    ----------
    trans : array (k, k)
    share : array (k,)
    least : float, default 0.01
        Transitions less probable than this are left out.
    """

    trans: FloatArray
    share: FloatArray
    least: float = 0.01

    @classmethod
    def from_estimator(cls, estimator: Any, *, least: float = 0.01, ax: Any = None) -> Self:
        """Draw the transitions of a fitted hidden Markov or semi-Markov model."""
        return cls(np.asarray(estimator.transmat_), np.asarray(estimator.stationary_), least).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax, (5.2, 5.0))
        k = len(self.trans)
        angle = np.pi / 2 - 2 * np.pi * np.arange(k) / k
        at = np.column_stack([np.cos(angle), np.sin(angle)]) if k > 1 else np.zeros((1, 2))
        area = _SMALL + (_LARGE - _SMALL) * np.sqrt(np.clip(self.share, 0, 1))
        for i in range(k):
            for j in range(k):
                if i != j and self.trans[i, j] >= self.least:
                    self._arrow(at[i], at[j], float(self.trans[i, j]), np.sqrt(area[[i, j]]) / 2)
        for i in range(k):
            self.ax_.scatter(*at[i], s=area[i], color=color(i), edgecolor=INK, zorder=3)
            stay = f"\n{self.trans[i, i]:.2f}" if self.trans[i, i] > 0 else ""
            self.ax_.text(*at[i], f"{i + 1}{stay}", ha="center", va="center", fontsize="small", color="white", zorder=4)
        self.ax_.set_xlim(-1.5, 1.5)
        self.ax_.set_ylim(-1.5, 1.5)
        self.ax_.set_aspect("equal")
        self.ax_.axis("off")
        title(self.ax_, "Transitions", f"{self.least:g} and more")
        return self

    def _arrow(self, begin: FloatArray, end: FloatArray, prob: float, radius: FloatArray) -> None:
        width = 0.5 + _WIDEST * prob
        look = {"arrowstyle": "-|>", "color": INK, "alpha": 0.7, "linewidth": width, "mutation_scale": 10 + 2 * width}
        bow = {"connectionstyle": "arc3,rad=0.15", "shrinkA": float(radius[0]), "shrinkB": float(radius[1])}
        self.ax_.annotate("", xy=tuple(end), xytext=tuple(begin), arrowprops={**look, **bow})
        along = end - begin
        middle = (begin + end) / 2 + 0.13 * np.array([along[1], -along[0]])  # on the side of the bow
        self.ax_.text(*middle, f"{prob:.2f}", ha="center", va="center", fontsize="x-small", color=INK)
