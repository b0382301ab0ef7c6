"""Raters side by side: how each calls the items of each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from emkit.core.arrays import FloatArray
from emkit.plot.canvas import INK, divide
from emkit.plot.display import Display

__all__ = ["ConfusionDisplay"]

_MOST, _ACROSS = 12, 4  # raters drawn, and how many in a row


@dataclass(eq=False)
class ConfusionDisplay(Display):
    """Confusion matrices of raters: a panel for each, classes down, labels across.

    Parameters
    ----------
    confusion : array (r, k, k)
    raters, labels : sequence of str
    """

    confusion: FloatArray
    raters: Sequence[str]
    labels: Sequence[str]

    @classmethod
    def from_estimator(cls, estimator: Any, *, raters: Sequence[Any] | None = None, ax: Any = None) -> Self:
        """Draw the raters of a fitted `DawidSkene` or its kin.

        Parameters
        ----------
        estimator : fitted estimator
        raters : sequence, optional
            Which; the twelve most informative where None.
        ax : Axes, optional
        """
        chosen = list(estimator.ranking_[:_MOST] if raters is None else raters)
        places = [estimator.raters_.index(rater) for rater in chosen]
        words = [str(label) for label in estimator.labels_]
        return cls(estimator.confusion_[places], [str(rater) for rater in chosen], words).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        n, k = len(self.raters), len(self.labels)
        across = min(n, _ACROSS)
        down = math.ceil(n / across)
        self.figure_, axes = divide(ax, down, across, (1.9 * across + 0.4, 2.1 * down))
        self.ax_ = axes
        for at, panel in enumerate(axes.reshape(-1)):
            if at >= n:
                panel.set_axis_off()
                continue
            panel.imshow(self.confusion[at], cmap="Blues", vmin=0, vmax=1)
            for i in range(k):
                for j in range(k):
                    prob = float(self.confusion[at, i, j])
                    ink = "white" if prob > 0.6 else INK
                    panel.text(j, i, f"{prob:.2f}", ha="center", va="center", fontsize="x-small", color=ink)
            panel.set_xticks(range(k), self.labels, fontsize="x-small")
            panel.set_yticks(range(k), self.labels, fontsize="x-small")
            panel.set_title(self.raters[at], fontsize="small", color=INK)
        self.figure_.supxlabel("label given", fontsize="small", color=INK)
        self.figure_.supylabel("class", fontsize="small", color=INK)
        return self
