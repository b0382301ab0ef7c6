"""The survival curve of interval-censored data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.plot.canvas import PALETTE, legend, place, tidy, title
from emkit.plot.display import Display

__all__ = ["SurvivalDisplay"]

_POINTS = 200


@dataclass(eq=False)
class SurvivalDisplay(Display):
    """A survival curve: a step where the data say when, a shaded box where they only say between when.

    Parameters
    ----------
    intervals : array (m, 2)
        Innermost intervals.
    mass : array (m,)
    times, low, high : arrays (t,) or None
        Confidence limits by time.
    level : float
    detail : str
        A line below the title.

    Examples
    --------
    >>> import numpy as np, emkit
    >>> curve = emkit.Turnbull().fit([[0, 3], [2, 5], [4, 6], [5, np.inf]])
    >>> emkit.plot.SurvivalDisplay.from_estimator(curve, level=None).ax_.get_ylabel()
    'survival'
    """

    intervals: FloatArray
    mass: FloatArray
    times: FloatArray | None = None
    low: FloatArray | None = None
    high: FloatArray | None = None
    level: float = 0.95
    detail: str = ""

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, level: float | None = 0.95, n: int = 100, random_state: Any = 0, ax: Any = None
    ) -> Self:
        """Draw the curve of a fitted `Turnbull`, with bootstrap limits unless `level` is None.

        Parameters
        ----------
        estimator : Turnbull
        level : float or None
        n : int
            Refits of the bootstrap.
        random_state : int or Generator
        ax : Axes, optional
        """
        if not hasattr(estimator, "survival_interval"):
            message = f"`SurvivalDisplay` draws a fitted `Turnbull`, got {type(estimator).__name__}"
            raise ParameterError(message)
        intervals, detail = estimator.intervals_, f"{estimator.fit_.weight:g} values"
        if level is None or estimator.fit_.given is None:
            return cls(intervals, estimator.mass_, detail=detail).plot(ax)
        times = np.linspace(*_span(intervals), _POINTS)
        low, high = estimator.survival_interval(times, level, n=n, random_state=random_state)
        return cls(intervals, estimator.mass_, times, low, high, level, detail).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax)
        if self.times is not None and self.low is not None and self.high is not None:
            self.ax_.fill_between(
                self.times,
                self.low,
                self.high,
                step="post",
                color=PALETTE[0],
                alpha=0.15,
                linewidth=0,
                label=f"{100 * self.level:g} % limits",
            )
        self._draw_curve()
        self.ax_.set_xlim(*_span(self.intervals))
        self.ax_.set_ylim(0, 1.02)
        self.ax_.set_xlabel("time")
        self.ax_.set_ylabel("survival")
        tidy(self.ax_)
        title(self.ax_, "Survival curve", self.detail)
        legend(self.ax_)
        return self

    def _draw_curve(self) -> None:
        start, end = _span(self.intervals)
        before, at = 1.0, start
        for i, ((low, high), mass) in enumerate(zip(self.intervals.tolist(), self.mass.tolist(), strict=True)):
            low, high, after = max(low, start), min(high, end), before - mass  # noqa: PLW2901
            self.ax_.plot([at, low], [before, before], color=PALETTE[0], linewidth=1.8)
            if high > low:
                label = "between when, not known" if i == 0 else None
                self.ax_.fill_between(
                    [low, high], after, before, color=PALETTE[0], alpha=0.35, linewidth=0, label=label
                )
            else:
                self.ax_.plot([low, low], [before, after], color=PALETTE[0], linewidth=1.8)
            before, at = after, high
        self.ax_.plot([at, end], [before, before], color=PALETTE[0], linewidth=1.8)


def _span(intervals: FloatArray) -> tuple[float, float]:
    """Return the times to show: all finite ends, and zero where all are above."""
    ends = intervals[np.isfinite(intervals)]
    if not len(ends):
        return 0.0, 1.0
    low, high = float(ends.min()), float(ends.max())
    reach = 0.08 * (high - low) or 1.0
    return (0.0 if low >= 0 else low - reach), high + reach
