"""A picture of how an item fits: observed and expected answers of people with the same sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.irt import ItemResponseModel
from emkit.irt.fit_items import sum_score_tables
from emkit.plot.canvas import color, legend, line_style, place, tidy, title
from emkit.plot.display import Display

__all__ = ["ItemFitDisplay"]


@dataclass(eq=False)
class ItemFitDisplay(Display):
    """Shares of answers to an item by the sum of all answers: lines of the model, points with error bars of people.

    What S-X2 tests; bars are 95 percent around what is expected of as many people.

    Parameters
    ----------
    total : array (s,)
        Sums that occur.
    observed, expected : array (s, lines)
    people : array (s,)
    item : str
    names : tuple of str
        Of the lines.
    """

    total: FloatArray
    observed: FloatArray
    expected: FloatArray
    people: FloatArray
    item: str
    names: tuple[str, ...]

    @classmethod
    def from_estimator(
        cls, model: Any, X: Any, item: str, sample_weight: Any = None, *, group: Any = None, ax: Any = None
    ) -> Self:
        """Draw an item, by name, from those who answered everything."""
        if not isinstance(model, ItemResponseModel) or not hasattr(model, "model_"):
            message = f"expected a fitted ItemResponseModel, got {model!r}"
            raise ParameterError(message)
        if item not in model.item_names_:
            message = f"there is no item {item!r}; items are {', '.join(model.item_names_)}"
            raise ParameterError(message)
        j = model.item_names_.index(item)
        observed, expected = (part[j] for part in sum_score_tables(model._fitted(X, sample_weight, group)))
        people = observed.sum(axis=1)
        used = people > 0
        kept = slice(1, None) if observed.shape[1] == 2 else slice(None)
        names = tuple(str(label) for label in model.categories_[item][kept])
        seen, hoped = (np.asarray(part[used, kept] / people[used, None]) for part in (observed, expected))
        total = np.flatnonzero(used).astype(np.float64) + 1  # the sum of zero tells nothing
        return cls(total, seen, hoped, people[used], item, names).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax)
        for i, name in enumerate(self.names):
            share = self.expected[:, i]
            half = 1.96 * np.sqrt(share * (1 - share) / self.people)
            self.ax_.plot(self.total, share, color=color(i), linestyle=line_style(i), linewidth=1.6, label=name)
            self.ax_.errorbar(self.total, share, half, fmt="none", ecolor=color(i), alpha=0.4, linewidth=1.0)
            self.ax_.plot(self.total, self.observed[:, i], "o", color=color(i), markersize=4)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.set_xlabel("sum of answers")
        self.ax_.set_ylabel("share of people")
        self.ax_.set_ylim(-0.05, 1.05)
        title(self.ax_, f"Fit of {self.item}", "lines: expected; points: observed")
        tidy(self.ax_)
        if len(self.names) > 1:
            legend(self.ax_)
        return self
