"""The climb: the objective from step to step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError
from emkit.plot.canvas import PALETTE, legend, place, tidy, title
from emkit.plot.display import Display
from emkit.plot.read import fit_of

__all__ = ["TraceDisplay"]

By = Literal["e_step", "iteration"]
Scale = Literal["objective", "gap"]


@dataclass(eq=False)
class TraceDisplay(Display):
    """The objective by E-step or iteration, with the extrapolations that were refused.

    Parameters
    ----------
    step : array (m,)
        E-steps or iterations so far.
    objective : array (m,)
        Log-likelihood plus log prior.
    is_accepted : array (m,), bool
        False where an extrapolation was refused.
    by : "e_step" or "iteration"
    scale : "objective" or "gap"
        "gap" is the distance to the last value, on a logarithmic axis: linear convergence is a straight line.
    detail : str
        A line below the title.
    """

    step: Array
    objective: FloatArray
    is_accepted: Array
    by: By = "e_step"
    scale: Scale = "objective"
    detail: str = ""

    def __post_init__(self) -> None:
        _check("by", self.by, ("e_step", "iteration"))
        _check("scale", self.scale, ("objective", "gap"))

    @classmethod
    def from_fit(cls, fit: Any, *, by: By = "e_step", scale: Scale = "objective", ax: Any = None) -> Self:
        """Draw the climb of a fit, or of a fitted estimator.

        Parameters
        ----------
        fit : Fit or estimator
        by : "e_step" or "iteration"
            "e_step" is the fair measure of work: an accelerated iteration may take several.
        scale : "objective" or "gap"
        ax : Axes, optional
        """
        fit = fit_of(fit)
        trace = fit.trace
        _check("by", by, ("e_step", "iteration"))
        step = trace.n_e_steps if by == "e_step" else trace.iteration
        detail = f"{fit.status.value}   ·   {fit.starts.sentence}" if fit.starts.n_starts > 1 else fit.status.value
        return cls(step, trace.objective, trace.is_accepted, by, scale, detail).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, *, by: By = "e_step", scale: Scale = "objective", ax: Any = None) -> Self:
        """Draw the climb of a fitted estimator."""
        return cls.from_fit(estimator, by=by, scale=scale, ax=ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax)
        step, height = np.asarray(self.step), np.asarray(self.objective)
        if self.scale == "gap":
            step, height, is_accepted = self._gaps()
            self.ax_.set_yscale("log")
        else:
            is_accepted = np.asarray(self.is_accepted)
        self.ax_.plot(step, height, "-", color=PALETTE[0], linewidth=1.6, zorder=2)
        self.ax_.plot(
            step,
            height,
            "o",
            color=PALETTE[0],
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.6,
            zorder=3,
        )
        refused = ~is_accepted
        if refused.any():
            marks = {"color": PALETTE[1], "markersize": 7, "markeredgewidth": 1.8, "linestyle": "none"}
            self.ax_.plot(
                step[refused],
                height[refused],
                "x",
                label="extrapolation refused, plain EM step",
                zorder=4,
                **marks,
            )
            legend(self.ax_)
        self._describe()
        return self

    def _gaps(self) -> tuple[Array, FloatArray, Array]:
        """Return the steps before the end and how far below it they are; what rounding hides is left out."""
        height = np.asarray(self.objective)
        gap = height[-1] - height
        shown = gap > 4 * np.finfo(float).eps * max(abs(float(height[-1])), 1e-300)
        return np.asarray(self.step)[shown], gap[shown], np.asarray(self.is_accepted)[shown]

    def _describe(self) -> None:
        self.ax_.set_xlabel("E-steps" if self.by == "e_step" else "iteration")
        self.ax_.set_ylabel("below the end" if self.scale == "gap" else "objective")
        self.ax_.grid(axis="y", color="#EEEEEE", zorder=0)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        tidy(self.ax_)
        title(self.ax_, "Climb of the objective", self.detail)


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        message = f"`{name}` must be one of {', '.join(map(repr, allowed))}; got {value!r}"
        raise ParameterError(message)
