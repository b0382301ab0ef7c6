"""Fits side by side: a criterion by the number of components."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError
from emkit.plot.canvas import PALETTE, legend, place, tidy, title
from emkit.plot.display import Display
from emkit.plot.read import fit_of

__all__ = ["CriterionDisplay"]

_CRITERIA = ("bic", "aic")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@dataclass(eq=False)
class CriterionDisplay(Display):
    """BIC or AIC by the number of components, one line for each kind of model; smaller is better.

    Parameters
    ----------
    n_components : array (m,), int
    value : array (m,)
        The criterion; NaN is left out.
    kind : array (m,) of str
        Which line each belongs to.
    is_proper : array (m,), bool
        False for a fit that has collapsed or not converged: not drawn, never the best, but counted.
    criterion : str
    """

    n_components: Array
    value: FloatArray
    kind: Array
    is_proper: Array
    criterion: str = "bic"

    @classmethod
    def from_fits(
        cls, fits: Iterable[Any], *, criterion: Literal["bic", "aic"] = "bic", kinds: Any = None, ax: Any = None
    ) -> Self:
        """Draw fits of the same data.

        Parameters
        ----------
        fits : fitted estimators, or fits
        criterion : "bic" or "aic"
        kinds : sequence of str, optional
            Which line each belongs to; the estimators' `covariance_type` where None.
        ax : Axes, optional
        """
        subjects = list(fits)
        if criterion not in _CRITERIA:
            message = f"`criterion` must be 'bic' or 'aic', got {criterion!r}"
            raise ParameterError(message)
        if not subjects or (kinds is not None and len(kinds) != len(subjects)):
            message = f"expected at least one fit, and as many `kinds` where given; got {len(subjects)} fits"
            raise ParameterError(message)
        results = [fit_of(subject) for subject in subjects]
        names = [_kind(subject) for subject in subjects] if kinds is None else [str(kind) for kind in kinds]
        return cls(
            np.array([_n_components(fit) for fit in results]),
            np.array([getattr(fit, criterion) for fit in results]),
            np.array(names, dtype=object),
            np.array([fit.is_converged for fit in results]),
            criterion,
        ).plot(ax)

    @classmethod
    def from_selection(cls, selection: Any, *, ax: Any = None) -> Self:
        """Draw the table of `emkit.select`."""
        cells, name = selection.cells, selection.criterion
        return cls(
            np.array([cell.n_components for cell in cells]),
            np.array([getattr(cell, name) for cell in cells]),
            np.array([cell.structure or selection.title for cell in cells], dtype=object),
            np.array([cell.is_proper for cell in cells]),
            name,
        ).plot(ax)

    @classmethod
    def from_density(cls, density: Any, *, ax: Any = None) -> Self:
        """Draw how `emkit.density` chose its number of components."""
        rows = density.selection_.candidates
        return cls(
            np.array([row.n_components for row in rows]),
            np.array([row.bic for row in rows]),
            np.array([f"{row.variances} variances" for row in rows], dtype=object),
            np.array([row.is_proper for row in rows]),
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax)
        kinds = list(dict.fromkeys(self.kind.tolist()))
        for i, kind in enumerate(kinds):
            self._draw_line(kind, PALETTE[i % len(PALETTE)], _MARKERS[i % len(_MARKERS)], len(kinds) > 1)
        self._mark_best()
        self.ax_.set_xlabel("components")
        self.ax_.set_ylabel(f"{self.criterion.upper()}  (smaller is better)")
        self.ax_.grid(axis="y", color="#EEEEEE", zorder=0)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        tidy(self.ax_)
        legend(self.ax_)
        return self

    def _draw_line(self, kind: str, ink: str, marker: str, is_named: bool) -> None:
        order = np.argsort(self.n_components, kind="stable")
        mine = order[self.kind[order] == kind]
        good = mine[self.is_proper[mine]]
        label = kind if is_named else None
        self.ax_.plot(self.n_components[good], self.value[good], "-", color=ink, linewidth=1.6, zorder=2)
        marks = {"color": ink, "markersize": 6, "linestyle": "none", "zorder": 3}
        self.ax_.plot(self.n_components[good], self.value[good], marker, label=label, **marks)

    def _mark_best(self) -> None:
        """Ring the best, and say how many were left out."""
        good = np.flatnonzero(self.is_proper & ~np.isnan(self.value))
        left_out = len(self.value) - len(good)
        tail = f"   ·   {left_out} collapsed or unfinished, not drawn" if left_out else ""
        if len(good) == 0:
            title(self.ax_, "Number of components", f"no proper fit{tail}")
            return
        best = good[self.value[good].argmin()]
        ring = {"markersize": 15, "markerfacecolor": "none", "markeredgecolor": "#222222", "markeredgewidth": 1.4}
        label = f"smallest: {self.n_components[best]} components"
        self.ax_.plot(self.n_components[best], self.value[best], "o", linestyle="none", zorder=4, label=label, **ring)
        title(self.ax_, "Number of components", f"{self.criterion.upper()} {self.value[best]:,.2f}{tail}")


def _kind(subject: Any) -> str:
    return str(getattr(subject, "covariance_type", "fit"))


def _n_components(fit: Any) -> int:
    n = getattr(fit.model, "n_components", None)
    if n is None:
        message = f"{type(fit.model).__name__} has no number of components to draw against"
        raise ParameterError(message)
    return int(n)
