"""Pictures of hidden Markov models: states over time, transitions, stays, and how well the model holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.data import Table
from emkit.data.frames import frame_columns
from emkit.errors import ParameterError
from emkit.plot.canvas import INK, PALE, color, divide, legend, place, tidy, title
from emkit.plot.display import Display

__all__ = ["ResidualDisplay", "StateDisplay", "StayDisplay", "TransitionDisplay"]

_MOST_ROWS = 4000
_WRITTEN = 12  # states up to which transition probabilities are written out


@dataclass(eq=False)
class StateDisplay(Display):
    """One sequence: its values colored by the most probable path, and below them the probabilities of the states.

    Parameters
    ----------
    values : array (n,)
        One feature.
    states : array (n,)
    prob : array (n, k)
        Smoothed probabilities.
    level : array (k,) or None
        A mean for each state, drawn as steps.
    name : str
    """

    values: FloatArray
    states: IntArray
    prob: FloatArray
    level: FloatArray | None = None
    name: str = "value"

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, column: int = 0, ax: Any = None) -> Self:
        """Draw one sequence `X` (n, d), or its first rows where there are more than 4000.

        Parameters
        ----------
        estimator : fitted hidden Markov model
        X : array (n, d), or a table with the columns of the fit
        column : int, default 0
            The feature to draw.
        """
        rows, values = _rows_of(estimator, X, column)
        path, prob = estimator.predict(rows), estimator.predict_proba(rows)
        means = getattr(estimator, "means_", getattr(estimator, "lambdas_", None))
        level = means[:, column] if means is not None and means.ndim == 2 else None
        names = getattr(estimator, "feature_names_in_", None)
        name = f"x{column + 1}" if names is None else str(names[column])
        keep = slice(0, _MOST_ROWS)
        return cls(values[keep], path[keep], prob[keep], level, name).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, axes = divide(ax, 2, 1, (7.2, 4.6))
        self.ax_ = axes[0, 0]
        below, n, k = axes[1, 0], len(self.values), self.prob.shape[1]
        at = np.arange(n)
        self.ax_.plot(at, self.values, color=PALE, linewidth=0.9, zorder=1)
        for i in range(k):
            own = self.states == i
            label = f"state {i + 1}  ({np.count_nonzero(own):,} rows)"
            self.ax_.plot(at[own], self.values[own], "o", color=color(i), markersize=3.2, label=label, zorder=3)
        if self.level is not None:
            self.ax_.stairs(self.level[self.states], np.arange(n + 1) - 0.5, baseline=None, color=INK, linewidth=1.1)
        bottom = np.zeros(n)
        for i in range(k):
            top = bottom + self.prob[:, i]
            below.stairs(top, np.arange(n + 1) - 0.5, baseline=bottom, fill=True, color=color(i), alpha=0.8)
            bottom = top
        below.set_ylim(0, 1)
        below.set_ylabel("probability")
        below.set_xlabel("row")
        self.ax_.set_ylabel(self.name)
        for part in (self.ax_, below):
            part.set_xlim(-0.5, n - 0.5)
            tidy(part)
        changes = int(np.count_nonzero(np.diff(self.states)))
        title(self.ax_, "States over time", f"{n:,} rows, {changes:,} changes of state on the most probable path")
        legend(self.ax_, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return self


@dataclass(eq=False)
class TransitionDisplay(Display):
    """The transition probabilities as a heat map, a row for each state that is left.

    Parameters
    ----------
    trans : array (k, k)
    """

    trans: FloatArray

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the transitions of a fitted hidden Markov model."""
        return cls(np.asarray(estimator.transmat_)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax, (4.8, 4.2))
        k = len(self.trans)
        self.ax_.imshow(self.trans, cmap="Blues", vmin=0, vmax=1)
        if k <= _WRITTEN:
            for i in range(k):
                for j in range(k):
                    p = self.trans[i, j]
                    text = "0" if p == 0 else f"{p:.3f}" if p >= 5e-4 else "<.001"
                    ink = "white" if p > 0.55 else INK
                    self.ax_.text(j, i, text, ha="center", va="center", color=ink, fontsize="small")
        names = [str(i + 1) for i in range(k)]
        self.ax_.set_xticks(range(k), names)
        self.ax_.set_yticks(range(k), names)
        self.ax_.set_xlabel("to state")
        self.ax_.set_ylabel("from state")
        title(self.ax_, "Transitions")
        return self


@dataclass(eq=False)
class StayDisplay(Display):
    """How long stays in each state last on the most probable path, beside the law of the model.

    Stays that the ends of the sequence cut off are left out.

    Parameters
    ----------
    states : array (n,)
    trans : array (k, k)
    law : array (k, d) or None
        Probability of each duration; geometric by `trans` where None.
    """

    states: IntArray
    trans: FloatArray
    law: FloatArray | None = None

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, ax: Any = None) -> Self:
        """Draw the stays of one sequence `X` (n, d)."""
        law = getattr(estimator, "durations_", None)
        return cls(estimator.predict(X), np.asarray(estimator.transmat_), law).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        k = len(self.trans)
        self.figure_, axes = divide(ax, 1, k, (2.6 * k + 1.0, 3.2))
        self.ax_ = axes[0, 0]
        change = np.flatnonzero(np.diff(self.states)) + 1
        begins, ends = change[:-1], change[1:]
        for i in range(k):
            part = axes[0, i]
            stays = (ends - begins)[self.states[begins] == i]
            longest = int(max(stays.max(initial=1), 5))
            at = np.arange(1, longest + 1)
            if len(stays):
                heights = np.bincount(stays, minlength=longest + 1)[1:] / len(stays)
                part.bar(at, heights, width=0.9, color=color(i), alpha=0.6)
            stay = self.trans[i, i]
            law = (
                (1 - stay) * stay ** (at - 1)
                if self.law is None
                else np.append(self.law[i], np.zeros(longest))[:longest]
            )
            part.plot(at, law, ".-", color=INK, linewidth=1.0, markersize=4)
            part.set_xlabel("rows")
            tidy(part)
            title(part, f"State {i + 1}", f"{len(stays)} whole stays")
        self.ax_.set_ylabel("share of stays")
        return self


@dataclass(eq=False)
class ResidualDisplay(Display):
    """Ordered pseudo-residuals against normal quantiles: on the line where the model holds.

    Parameters
    ----------
    residuals : array (n,)
        NaN are left out.
    """

    residuals: FloatArray

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, kind: str = "ordinary", ax: Any = None) -> Self:
        """Draw the pseudo-residuals of sequences `X` (n, d), against all other rows or against those before."""
        return cls.from_arrays(estimator.pseudo_residuals(X, kind=kind), ax=ax)

    @classmethod
    def from_arrays(cls, residuals: Any, *, ax: Any = None) -> Self:
        """Draw residuals (n,)."""
        values = np.asarray(residuals, dtype=np.float64)
        if values.ndim != 1 or not np.isfinite(values).any():
            message = f"`residuals` must be numbers, one for each row, got shape {values.shape}"
            raise ParameterError(message)
        return cls(values).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        from scipy.special import ndtri

        self.figure_, self.ax_ = place(ax, (4.6, 4.4))
        ordered = np.sort(self.residuals[np.isfinite(self.residuals)])
        n = len(ordered)
        normal = ndtri((np.arange(n) + 0.5) / n)
        span = np.array([min(normal[0], ordered[0]), max(normal[-1], ordered[-1])])
        self.ax_.plot(span, span, color=PALE, linewidth=1.4, zorder=1)
        self.ax_.plot(normal, ordered, "o", color=color(0), markersize=3.2, zorder=3)
        self.ax_.set_xlabel("normal quantile")
        self.ax_.set_ylabel("pseudo-residual")
        tidy(self.ax_)
        title(self.ax_, "Pseudo-residuals", f"mean {ordered.mean():.2f}, standard deviation {ordered.std():.2f}")
        return self


def _rows_of(estimator: Any, X: Any, column: int) -> tuple[Any, FloatArray]:
    """Return what the estimator is asked about, and the values (n,) of the feature to draw."""
    frame = frame_columns(X.columns if isinstance(X, Table) else X)
    names = getattr(estimator, "feature_names_in_", None)
    if frame is None or names is None:
        rows = np.asarray(X, dtype=np.float64)
        rows = rows[:, None] if rows.ndim == 1 else rows
        return rows, rows[:, column]
    columns = dict(zip(map(str, frame[0]), frame[1], strict=True))
    return X, np.asarray(columns[str(names[column])], dtype=np.float64)
