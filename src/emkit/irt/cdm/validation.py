"""Whether a Q-matrix asks for the right attributes, and how sure the classification of people is.

The discrimination of an item under a set of attributes v is the variance of its chances between the groups that v
makes, sum_l w_l (P_l - P)^2. It grows with the set and is largest for all attributes; the share of that which a set
reaches is the proportion of variance accounted for. The smallest set that reaches nearly all of it is what the item
asks for.

References
----------
de la Torre & Chiu 2016, *A general method of empirical Q-matrix validation*, Psychometrika 81:253, equations 8-11.
Wang, Song, Chen, Meng & Ding 2015, Journal of Educational Measurement 52:457 (accuracy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.irt.printing import FitTable

__all__ = ["ClassificationAccuracy", "QMatrixValidation", "accuracy_of", "q_matrix_validation"]


@dataclass(frozen=True, eq=False, repr=False)
class QMatrixValidation(FitTable):
    """What the answers say of a Q-matrix.

    Parameters
    ----------
    items, attributes : tuple of str
    given, suggested : array (d, a) of 0 and 1
    pvaf_given, pvaf_suggested : array (d,)
        Proportions of variance accounted for.
    """

    title: ClassVar[str] = "Q-matrix, given and suggested"

    items: tuple[str, ...]
    attributes: tuple[str, ...]
    given: IntArray
    suggested: IntArray
    pvaf_given: FloatArray
    pvaf_suggested: FloatArray

    @property
    def changed(self) -> tuple[str, ...]:
        """Items of which something else is suggested."""
        differs = (self.given != self.suggested).any(axis=1)
        return tuple(item for item, is_other in zip(self.items, differs, strict=True) if is_other)

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        asked = {
            name: [" ".join(self.attributes[a] for a in np.flatnonzero(row)) for row in matrix]
            for name, matrix in (("given", self.given), ("suggested", self.suggested))
        }
        shares = {name: getattr(self, name).tolist() for name in ("pvaf_given", "pvaf_suggested")}
        return {"item": list(self.items)} | asked | shares


@dataclass(frozen=True, eq=False, repr=False)
class ClassificationAccuracy(FitTable):
    """How probable it is, by the model, that people are classified right.

    Parameters
    ----------
    profile : float
        That the whole profile of a person, the most probable one, is right.
    attributes : tuple of str
    attribute : array (a,)
        That a single attribute is, by the more probable state.
    """

    title: ClassVar[str] = "Accuracy of the classification"

    profile: float
    attributes: tuple[str, ...]
    attribute: FloatArray

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        return {"what": ["profile", *self.attributes], "accuracy": [self.profile, *self.attribute.tolist()]}


def accuracy_of(
    prob: FloatArray, weights: FloatArray, profiles: IntArray, attributes: tuple[str, ...]
) -> ClassificationAccuracy:
    """Return the accuracy from the probabilities (n, p) of profiles for people with weights (n,)."""
    share = weights / weights.sum()
    each = prob @ profiles
    return ClassificationAccuracy(
        float(share @ prob.max(axis=1)), attributes, np.asarray(share @ np.maximum(each, 1 - each))
    )


def q_matrix_validation(
    names: tuple[tuple[str, ...], tuple[str, ...]],
    given: IntArray,
    profiles: IntArray,
    counts: tuple[FloatArray, FloatArray],
    threshold: float,
) -> QMatrixValidation:
    """Return the smallest sets of attributes that account for a share `threshold` of the variance, item by item.

    `names` are those of items and attributes, `counts` the expected answers and right answers (p, d) by profile.
    """
    n_attributes = profiles.shape[1]
    every = np.array(list(np.ndindex(*(2,) * n_attributes)), dtype=np.intp)[1:]
    every = every[np.argsort(every.sum(axis=1), kind="stable")]
    share = np.stack([_variance(profiles[:, row == 1], *counts) for row in every])  # (sets, d)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = share / share[-1]
    place = {tuple(row): i for i, row in enumerate(every.tolist())}
    size, items = every.sum(axis=1), np.arange(len(given))
    now = np.array([place.get(tuple(row), -1) for row in given.tolist()])
    chosen = np.array([_smallest(share[:, j], size, threshold, now[j]) for j in items])
    suggested = np.where(chosen[:, None] < 0, given, every[chosen])
    pvaf = [np.where(at < 0, 0.0, share[at, items]) for at in (now, chosen)]
    return QMatrixValidation(*names, given, suggested, *pvaf)


def _smallest(share: FloatArray, size: IntArray, threshold: float, now: int) -> int:
    """Return the set of fewest attributes that reaches the threshold, the best of its size; the given one if it can."""
    reaching = share >= threshold
    if not reaching.any():
        return int(now)
    least = size[reaching].min()
    among = np.flatnonzero(reaching & (size == least))
    return int(now) if now in among else int(among[np.argmax(share[among])])


def _variance(asked: IntArray, total: FloatArray, right: FloatArray) -> FloatArray:
    """Return the variance (d,) of the chances between the groups that attributes (p, m) make."""
    _, group = np.unique(asked, axis=0, return_inverse=True)
    member = group.reshape(-1) == np.arange(group.max() + 1)[:, None]
    n, r = member @ total, member @ right
    chance = np.divide(r, n, out=np.zeros_like(r), where=n > 0)
    weight = n / n.sum(axis=0)
    return np.asarray((weight * (chance - (weight * chance).sum(axis=0)) ** 2).sum(axis=0))
