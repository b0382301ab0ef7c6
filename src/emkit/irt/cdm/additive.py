"""Items whose attributes add up: the chance of a right answer, through a link, is a sum of effects.

    g(P_l) = delta_0 + sum_k delta_k a_lk,    a_lk whether people of group l have attribute k that the item asks for

with the identity (ACDM), the log odds (LLM) or the logarithm (R-RUM) as g. The M-step is Fisher scoring of binomial
counts, all items at once, on steps that keep every P_l between 0 and 1; a hair of imagined answers keeps it off both,
so that the objective has no edge.

References
----------
de la Torre 2011, Psychometrika 76:179, equations 1-4 and section 2.3. Maris 1999, Psychometrika 64:187 (LLM). DiBello,
Roussos & Stout 2007, *Handbook of Statistics* 26:979 (R-RUM).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from emkit.core.arrays import Array, FloatArray, IntArray

__all__ = ["HAIR", "LINKS", "Additive", "AdditiveItem", "additive_items"]

AdditiveItem = tuple[str, tuple[int, ...], tuple[tuple[int, ...], ...]]
"""Link, groups, and for each group which of the attributes that the item asks for it has."""

LINKS = {"ACDM": "identity", "LLM": "logit", "RRUM": "log"}
HAIR = 1e-7  # imagined wrong and right answers of each group: 1e-5 of log-likelihood where a probability is 0 or 1

_KINDS = ("identity", "logit", "log")
_STEPS, _HALVINGS = 4, 30
_SMALL = 1e-10  # steps below this end the M-step
_ROOM = 0.9  # of the way to an edge
_FAR = 5.0  # no log odds move further in one step
_RIDGE = 1e-12
_ROUNDING = 4e-15


@dataclass(frozen=True, eq=False)
class Additive:
    """Additive items in arrays: J items with at most L groups and p effects each.

    Attributes
    ----------
    kind : array (J, 1), int
        0 is the identity, 1 the log odds, 2 the logarithm.
    group : array (J, L), int
    seen : array (J, L), bool
        Which groups an item has.
    design : array (J, L, p)
    free : array (J, p), bool
        Which effects an item has.
    """

    kind: IntArray
    group: IntArray
    seen: Array
    design: FloatArray
    free: Array

    @classmethod
    def of(cls, items: tuple[AdditiveItem, ...]) -> Additive:
        """Return the arrays of items."""
        n_groups = max(len(groups) for _, groups, _ in items)
        n_effects = max(1 + len(patterns[0]) for _, _, patterns in items)
        group = np.zeros((len(items), n_groups), dtype=np.intp)
        seen = np.zeros(group.shape, dtype=bool)
        design = np.zeros((*group.shape, n_effects))
        free = np.zeros((len(items), n_effects), dtype=bool)
        for j, (_, groups, patterns) in enumerate(items):
            n, p = len(groups), 1 + len(patterns[0])
            group[j, :n], seen[j, :n], free[j, :p] = groups, True, True
            design[j, :n, :p] = np.column_stack([np.ones(n), np.array(patterns)])
        return cls(np.array([[_KINDS.index(link)] for link, _, _ in items]), group, seen, design, free)

    def start(self, right: FloatArray) -> FloatArray:
        """Return effects (e,) between the chances (g,) of the groups with nothing and with everything."""
        have = np.where(self.seen, self.design[:, :, 1:].sum(axis=2), np.nan)
        ends = [np.take_along_axis(self.group, f(have, axis=1)[:, None], axis=1) for f in (np.nanargmin, np.nanargmax)]
        low, high = (self._linked(right[end])[:, 0] for end in ends)
        step = (high - low) / (self.free.sum(axis=1) - 1)
        effects = np.where(np.arange(self.free.shape[1]) == 0, low[:, None], step[:, None])
        return np.asarray(effects[self.free])

    def right(self, effect: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the groups of the items and their chances of a right answer, both flat; within 0 and 1 in any case."""
        return self.group[self.seen], np.clip(self._prob(self._at(self._matrix(effect)))[self.seen], 0.0, 1.0)

    def is_inside(self, effect: FloatArray) -> bool:
        """Return whether all chances lie between 0 and 1."""
        prob = self._prob(self._at(self._matrix(effect)))[self.seen]
        return bool(((prob >= 0) & (prob <= 1)).all())

    def m_step(self, effect: FloatArray, answers: FloatArray) -> FloatArray:
        """Return effects that raise the expected log-likelihood of wrong and right answers (g, 2)."""
        wrong, right = self._counts(answers)
        matrix, value = self._matrix(effect), None
        for _ in range(_STEPS):
            step = self._step(matrix, wrong, right)
            matrix, value = self._moved(matrix, step, wrong, right, value)
            if np.abs(step).max(initial=0.0) < _SMALL:
                break
        return np.asarray(matrix[self.free])

    def slope(self, effect: FloatArray, answers: FloatArray) -> FloatArray:
        """Return the gradient (e,) of the expected log-likelihood."""
        residual, _ = self._working(self._matrix(effect), *self._counts(answers))
        return np.asarray((residual[:, None] @ self.design)[:, 0][self.free])

    # --- helpers ---

    def _matrix(self, effect: FloatArray) -> FloatArray:
        matrix = np.zeros(self.free.shape)
        matrix[self.free] = effect
        return matrix

    def _at(self, matrix: FloatArray) -> FloatArray:
        """Return the sums of effects (J, L)."""
        return np.asarray((self.design @ matrix[:, :, None])[..., 0])

    def _prob(self, at: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.where(self.kind == 0, at, np.where(self.kind == 1, expit(at), np.exp(np.minimum(at, 50.0))))

    def _linked(self, prob: FloatArray) -> FloatArray:
        return np.where(self.kind == 0, prob, np.log(prob) - np.where(self.kind == 1, np.log1p(-prob), 0.0))

    def _counts(self, answers: FloatArray) -> tuple[FloatArray, FloatArray]:
        wrong, right = (np.where(self.seen, answers[:, i][self.group], 0.0) for i in (0, 1))
        return wrong, right

    def _working(self, matrix: FloatArray, wrong: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return residuals and weights (J, L) by the sums of effects."""
        at = self._at(matrix)
        prob = np.where(self.seen, self._prob(at), 0.5)
        rest = np.where((self.kind == 1) & self.seen, expit(-at), 1 - prob)
        with np.errstate(divide="ignore", invalid="ignore"):
            by = np.where(self.kind == 0, 1.0, np.where(self.kind == 1, prob * rest, prob))
            residual = (right / prob - wrong / rest) * by
            weight = (right + wrong) * by**2 / (prob * rest)
        return np.where(self.seen, residual, 0.0), np.where(self.seen, weight, 0.0)

    def _step(self, matrix: FloatArray, wrong: FloatArray, right: FloatArray) -> FloatArray:
        residual, weight = self._working(matrix, wrong, right)
        slope = (residual[:, None] @ self.design)[:, 0]
        information = self.design.transpose(0, 2, 1) @ (weight[:, :, None] * self.design)
        p = matrix.shape[1]
        diagonal = information[:, range(p), range(p)]
        information[:, range(p), range(p)] += np.where(self.free, _RIDGE * diagonal, 1.0)
        return np.asarray(np.linalg.solve(information, slope[:, :, None])[..., 0])

    def _moved(
        self, matrix: FloatArray, step: FloatArray, wrong: FloatArray, right: FloatArray, before: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the effects after the steps, shortened where they lead out or down, and the value there."""
        if before is None:
            before = self._value(matrix, wrong, right)
        length = self._longest(matrix, step)[:, None]
        least = before - _ROUNDING * np.abs(before)
        for _ in range(_HALVINGS):
            moved = matrix + length * step
            value = self._value(moved, wrong, right)
            is_worse = ~(value >= least)
            if not is_worse.any():
                return moved, value
            length = np.where(is_worse[:, None], length / 2, length)
        length[is_worse] = 0.0
        moved = matrix + length * step
        return moved, self._value(moved, wrong, right)

    def _longest(self, matrix: FloatArray, step: FloatArray) -> FloatArray:
        """Return how much of each step may be taken (J,)."""
        at, by = self._at(matrix), self._at(step)
        upper = np.where(self.kind == 0, 1.0, 0.0) - at  # of probabilities and of their logarithms
        with np.errstate(divide="ignore", invalid="ignore"):
            up = np.where((by > 0) & self.seen, _ROOM * upper / by, np.inf)
            down = np.where((by < 0) & self.seen & (self.kind == 0), -_ROOM * at / by, np.inf)
            odds = np.where(self.seen, _FAR / np.abs(by), np.inf)
        room = np.where(self.kind == 1, odds, np.minimum(up, down))
        return np.asarray(np.minimum(1.0, room.min(axis=1)))

    def _value(self, matrix: FloatArray, wrong: FloatArray, right: FloatArray) -> FloatArray:
        at = self._at(matrix)
        with np.errstate(divide="ignore", invalid="ignore"):
            prob = self._prob(at)
            log_right = np.where(self.kind == 0, np.log(prob), np.where(self.kind == 1, -np.logaddexp(0, -at), at))
            log_wrong = np.where(self.kind == 1, -np.logaddexp(0, at), np.log1p(-prob))
            parts = np.where(right > 0, right * log_right, 0.0) + np.where(wrong > 0, wrong * log_wrong, 0.0)
        return np.asarray(np.where(self.seen, parts, 0.0).sum(axis=1))


def additive_items(rules: Any, item_of: IntArray, patterns: tuple[tuple[int, ...], ...]) -> tuple[AdditiveItem, ...]:
    """Return the additive items among those of a design; an item of a single attribute is saturated in any case."""
    found = []
    for j, rule in enumerate(rules):
        groups = np.flatnonzero(item_of == j).tolist()
        own = tuple(patterns[group] for group in groups)
        if rule in LINKS and len(own[0]) > 1:
            found.append((LINKS[rule], tuple(groups), own))
    return tuple(found)
