"""Linking: two calibrations with items in common are put on one scale.

The scale of a latent variable is a convention of each calibration, y on the base scale = slope x + intercept, and the
items in common tell which:

mean-mean        slope = mean a' / mean a,          intercept = mean b - slope mean b'
mean-sigma       slope = sd b / sd b',              intercept alike
Haebara          least squares between the curves of the anchors
Stocking-Lord    least squares between the expected sums of the anchors' answers

with a, b of the base calibration and a', b' of the other; the squares are averaged over the base's latent distribution.
Where all slopes are one (Rasch models) the scales have the same unit, and only the intercept is sought.

References
----------
Kolen & Brennan 2014, *Test Equating, Scaling, and Linking*, chapter 6. Loyd & Hoover 1980, Marco 1977, both Journal of
Educational Measurement. Haebara 1980, Japanese Psychological Research 22:144. Stocking & Lord 1983, Applied
Psychological Measurement 7:201.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import least_squares

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.irt.curves.base import Slopes
from emkit.irt.forms import ItemTable, item_table, slope_intercept, traditional

__all__ = ["Link", "Method", "link"]

Method = Literal["mean-mean", "mean-sigma", "Haebara", "Stocking-Lord"]
_METHODS = ("mean-mean", "mean-sigma", "Haebara", "Stocking-Lord")


@dataclass(frozen=True, eq=False)
class Link:
    """The way from the scale of one calibration to that of another.

    Parameters
    ----------
    slope, intercept : float
        `y = slope * x + intercept`, x on the scale of the calibration that is linked, y on that of the base.
    method : str
    anchors : tuple of str
    items : ItemTable
        Slopes and intercepts of the linked calibration's items on the base scale.
    loss : float
        Root mean square difference of the expected sums of the anchors' answers: what the scales cannot reconcile.
    """

    slope: float
    intercept: float
    method: str
    anchors: tuple[str, ...]
    items: ItemTable
    loss: float

    def to_base(self, theta: Any) -> FloatArray:
        """Return scores on the base scale."""
        return np.asarray(self.slope * np.asarray(theta, dtype=np.float64) + self.intercept)

    def from_base(self, theta: Any) -> FloatArray:
        """Return scores of the base scale on that of the linked calibration."""
        return np.asarray((np.asarray(theta, dtype=np.float64) - self.intercept) / self.slope)


def link(base: Any, other: Any, anchors: Sequence[str] | None = None, *, method: Method = "Stocking-Lord") -> Link:
    """Return the link from the scale of one calibration to that of a base.

    Parameters
    ----------
    base, other : fitted ItemResponseModel
        Of one factor.
    anchors : sequence of str, optional
        Items in common; all whose names are in both where None.
    method : "Stocking-Lord", "Haebara", "mean-sigma" or "mean-mean"

    Raises
    ------
    ParameterError
        If there is no item in common, an anchor has other answers in one calibration, or a calibration has several
        factors.
    """
    if method not in _METHODS:
        message = f"`method` must be one of {', '.join(map(repr, _METHODS))}, got {method!r}"
        raise ParameterError(message)
    for model in (base, other):
        if model.model_.n_factors > 1:
            message = f"calibrations of one factor can be linked, got one of {model.model_.n_factors}"
            raise ParameterError(message)
    names = _checked_anchors(base, other, anchors)
    has_unit = all(run.kind.slopes is Slopes.ONE for m in (base, other) for run in m.model_.runs)
    slope, intercept = _by_moments(base, other, names, method, has_unit=has_unit)
    if method in ("Haebara", "Stocking-Lord"):
        slope, intercept = _by_curves(base, other, names, method, (slope, intercept), has_unit=has_unit)
    off = _differences(base, other, names, "Stocking-Lord", slope, intercept)
    return Link(slope, intercept, method, names, _moved(other, slope, intercept), float(np.sqrt((off**2).sum())))


def _checked_anchors(base: Any, other: Any, anchors: Sequence[str] | None) -> tuple[str, ...]:
    common = [name for name in base.item_names_ if name in other.item_names_]
    names = tuple(common if anchors is None else anchors)
    strange = [name for name in names if name not in common]
    if strange:
        message = f"{strange[0]!r} is not an item of both calibrations; in common are {', '.join(common) or 'none'}"
        raise ParameterError(message)
    if len(names) < 2:
        message = f"a link takes two items in common at least, got {len(names)}: name them alike in both calibrations"
        raise ParameterError(message)
    for name in names:
        here, there = base.categories_[name], other.categories_[name]
        if here != there:
            message = f"item {name!r} has the answers {here} in the base calibration but {there} in the other"
            raise ParameterError(message)
    return names


def _by_moments(base: Any, other: Any, names: tuple[str, ...], method: str, *, has_unit: bool) -> tuple[float, float]:
    (a, b), (a2, b2) = (_anchor_values(model, names) for model in (base, other))
    slope = 1.0
    if not has_unit and method == "mean-mean":
        slope = float(a2.mean() / a.mean())
    elif not has_unit:
        slope = float(b.std() / b2.std())
    return slope, float(b.mean() - slope * b2.mean())


def _anchor_values(model: Any, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Return discriminations and all difficulties of the anchors."""
    columns, values = item_table(model.model_, model.parameters_, traditional)
    rows = values[[model.item_names_.index(name) for name in names]]
    is_b = np.array([name[0] == "b" for name in columns])
    if not is_b.any():
        message = "nominal items have no difficulties: link them with method='Haebara' or 'Stocking-Lord'"
        raise ParameterError(message)
    b = rows[:, is_b]
    return rows[:, columns.index("a1")], b[np.isfinite(b)]


def _by_curves(
    base: Any, other: Any, names: tuple[str, ...], method: str, start: tuple[float, float], *, has_unit: bool
) -> tuple[float, float]:
    def off(at: FloatArray) -> FloatArray:
        slope = 1.0 if has_unit else float(np.exp(at[1]))
        return _differences(base, other, names, method, slope, float(at[0])).ravel()

    first = [start[1]] if has_unit else [start[1], float(np.log(max(start[0], 1e-3)))]
    found = least_squares(off, first, xtol=1e-12, ftol=1e-14, gtol=1e-12).x
    return (1.0 if has_unit else float(np.exp(found[1]))), float(found[0])


def _differences(
    base: Any, other: Any, names: tuple[str, ...], method: str, slope: float, intercept: float
) -> FloatArray:
    """Return what the curves, or the expected sums, of the anchors differ by, weighted by the root of the density."""
    nodes, weights = _density(base)
    here = _curves(base, names, nodes)
    there = _curves(other, names, (nodes - intercept) / slope)
    root = np.sqrt(weights)
    if method == "Haebara":
        return np.asarray((here - there)[..., 1:] * root[:, None, None])
    level = np.arange(here.shape[2])
    return np.asarray(((here - there) @ level).sum(axis=1) * root)


def _density(model: Any) -> tuple[FloatArray, FloatArray]:
    own = model.model_
    return own.nodes[:, 0], np.exp(own.latent.log_weights(model.parameters_.latent, own.nodes, own.log_width))[0]


def _curves(model: Any, names: tuple[str, ...], theta: FloatArray) -> FloatArray:
    prob = np.nan_to_num(model.probability(theta)[:, [model.item_names_.index(name) for name in names]])
    return np.asarray(prob)


def _moved(model: Any, slope: float, intercept: float) -> ItemTable:
    def form(kind: Any, matrix: FloatArray, n_factors: int) -> Any:
        return slope_intercept(kind, kind.moved(matrix, -intercept / slope, 1 / slope), n_factors)

    return ItemTable(model.model_.item_names, *item_table(model.model_, model.parameters_, form))
