"""Pictures of item response models: curves of items, information, people beside items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.irt import ItemResponseModel
from emkit.plot.canvas import INK, PALE, color, legend, line_style, place, tidy, title
from emkit.plot.display import Display

__all__ = ["InformationDisplay", "ItemCurvesDisplay", "WrightMapDisplay"]

_PLACES = 121


@dataclass(eq=False)
class ItemCurvesDisplay(Display):
    """Probabilities of answers by the latent variable: one line for an item of two categories, else one for each.

    Parameters
    ----------
    theta : array (q,)
    prob : array (q, lines)
    names : tuple of str
        Of the lines.
    axis : str
        What the latent variable is called.
    """

    theta: FloatArray
    prob: FloatArray
    names: tuple[str, ...]
    axis: str = "latent variable"

    @classmethod
    def from_estimator(cls, model: Any, items: Sequence[str] | None = None, *, factor: int = 0, ax: Any = None) -> Self:
        """Draw items by name; the first eight where None.

        Items that differ among groups have names such as "x4 [B]" in all groups but the first. With several factors
        curves are along one of them, the others being at zero.
        """
        at = _places(model, factor)
        prob, lines, names = model.probability(at), [], []
        for j in _chosen(model, items):
            name, own = model.coef_.items[j], prob[:, j, ~np.isnan(prob[0, j])]
            labels = model.categories_[name if name in model.categories_ else name.rsplit(" [", 1)[0]]
            lines += [own[:, 1]] if own.shape[1] == 2 else list(own.T)
            names += [name] if own.shape[1] == 2 else [f"{name}: {label}" for label in labels]
        return cls(at[:, factor], np.stack(lines, axis=1), tuple(names), _axis(model, factor)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax)
        for i, (name, line) in enumerate(zip(self.names, self.prob.T, strict=True)):
            self.ax_.plot(self.theta, line, color=color(i), linestyle=line_style(i), linewidth=1.6, label=name)
        self.ax_.set_xlabel(self.axis)
        self.ax_.set_ylabel("probability")
        self.ax_.set_ylim(-0.02, 1.02)
        title(self.ax_, "Item characteristic curves")
        tidy(self.ax_)
        legend(self.ax_)
        return self


@dataclass(eq=False)
class InformationDisplay(Display):
    """Information of the test, and the standard error of a score, by the latent variable.

    Parameters
    ----------
    theta : array (q,)
    information : array (q,)
    items : array (q, j)
        Of each item, drawn pale.
    axis : str
        What the latent variable is called.
    """

    theta: FloatArray
    information: FloatArray
    items: FloatArray
    axis: str = "latent variable"

    @classmethod
    def from_estimator(cls, model: Any, *, factor: int = 0, ax: Any = None) -> Self:
        """Draw a fitted model; of several factors, along one of them with the others at zero."""
        at = _places(model, factor)
        items = model.item_information(at, factor)[:, : len(model.item_names_)]
        return cls(at[:, factor], model.information(at, factor), items, _axis(model, factor)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax)
        self.ax_.plot(self.theta, self.items, color=PALE, linewidth=0.9, zorder=1)
        self.ax_.plot(self.theta, self.information, color=color(0), linewidth=1.8, zorder=3, label="test information")
        error = 1 / np.sqrt(np.maximum(self.information, 1e-12))
        seen = error <= 2 * max(float(self.information.max()), 1.0)
        self.ax_.plot(self.theta[seen], error[seen], "--", color=color(1), linewidth=1.6, label="s.e. of a score")
        self.ax_.set_xlabel(self.axis)
        self.ax_.set_ylim(bottom=0)
        title(self.ax_, "Test information", "pale: each item")
        tidy(self.ax_)
        legend(self.ax_)
        return self


@dataclass(eq=False)
class WrightMapDisplay(Display):
    """People and items on one line: how many people score where, and where the items are difficult.

    Parameters
    ----------
    scores : array (n,)
    difficulty : array (j, K - 1)
        NaN where an item has fewer categories.
    names : tuple of str
    weights : array (n,), optional
        How often each score was observed.
    """

    scores: FloatArray
    difficulty: FloatArray
    names: tuple[str, ...]
    weights: FloatArray | None = None

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        sample_weight: Any = None,
        *,
        group: Any = None,
        covariates: Any = None,
        ax: Any = None,
    ) -> Self:
        """Draw a fitted model of one factor with the EAP scores of the people in `X`."""
        _check(model)
        if model.model_.n_factors > 1:
            message = f"a Wright map is of one factor, but the model has {_n_factors(model)}"
            raise ParameterError(message)
        if not any(name[0] == "b" for name in model.coef("traditional").columns):
            message = "a Wright map is of difficulties, which nominal items do not have"
            raise ParameterError(message)
        difficulty = model.difficulty_[: len(model.item_names_)]
        difficulty = difficulty[:, None] if difficulty.ndim == 1 else difficulty
        scores = model.scores(X, group=group, covariates=covariates).theta
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return cls(scores, difficulty, model.item_names_, weights).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        self.figure_, self.ax_ = place(ax, (6.4, 5.2))
        count, edges = np.histogram(self.scores, bins=30, weights=self.weights)
        self.ax_.barh(edges[:-1], -count / count.max(), np.diff(edges), align="edge", color=color(0), alpha=0.75)
        for j, (name, steps) in enumerate(zip(self.names, self.difficulty, strict=True)):
            across, own = 0.15 + 0.85 * (j + 0.5) / len(self.names), steps[np.isfinite(steps)]
            self.ax_.plot(np.full(len(own), across), own, "_", color=color(1), markersize=9, markeredgewidth=2)
            if len(own) and len(self.names) <= _NAMED:
                spot = {"textcoords": "offset points", "ha": "center", "fontsize": 7}
                self.ax_.annotate(name, (across, own.max()), (0, 4), **spot)
        self.ax_.axvline(0.08, color=INK, linewidth=0.8)
        self.ax_.set_xticks([-0.5, 0.6], ["people", "items"])
        self.ax_.set_ylabel("latent variable")
        title(self.ax_, "Wright map", "difficulties of items beside scores of people")
        tidy(self.ax_)
        return self


_NAMED = 40  # names of more items would lie on one another


def _check(model: Any) -> None:
    if not isinstance(model, ItemResponseModel) or not hasattr(model, "model_"):
        message = f"expected a fitted ItemResponseModel, got {model!r}"
        raise ParameterError(message)


def _n_factors(model: Any) -> int:
    own = model.model_
    return int(own.n_factors if own.specific is None else 1 + own.n_specific)


def _places(model: Any, factor: int) -> FloatArray:
    """Return places (q, F) along a factor, the others being at zero."""
    _check(model)
    n_factors = _n_factors(model)
    if isinstance(factor, bool) or factor not in range(n_factors):
        message = f"`factor` must be a number from 0 to {n_factors - 1}, got {factor!r}"
        raise ParameterError(message)
    low, high = -4.0, 4.0  # of specific factors
    if model.model_.specific is None:
        mean, sd = (part[:, factor] for part in model.model_.latent_moments(model.parameters_))
        low, high = float((mean - 4 * sd).min()), float((mean + 4 * sd).max())
    at = np.zeros((_PLACES, n_factors))
    at[:, factor] = np.linspace(low, high, _PLACES)
    return at


def _axis(model: Any, factor: int) -> str:
    if _n_factors(model) == 1:
        return "latent variable"
    if model.model_.specific is None:
        return f"factor {factor + 1}"
    return "general factor" if factor == 0 else f"specific factor {model.specific_labels_[factor - 1]}"


def _chosen(model: Any, items: Sequence[str] | None) -> list[int]:
    names = list(model.coef_.items)
    if items is None:
        return list(range(min(8, len(model.item_names_))))
    strange = [name for name in items if name not in names]
    if strange:
        message = f"there is no item {strange[0]!r}; items are {', '.join(names)}"
        raise ParameterError(message)
    return [names.index(name) for name in items]
