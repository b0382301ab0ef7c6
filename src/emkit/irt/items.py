"""A run of items of one type: their curves, and the M-step on their expected counts.

The M-step is Fisher scoring, all items at once: with r the expected counts and J the derivatives of the log-
probabilities, the gradient is J'r and the information J' diag(n P) J. For items whose curves are linear in the log odds
that is Newton's method. A step that lowers an item's objective is halved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from emkit.core.arrays import Array, FloatArray
from emkit.irt.curves.base import Field, ItemType
from emkit.irt.priors import Prior

__all__ = ["ItemRun"]

_STEPS = 5
_HALVINGS = 12
_SMALL = 1e-6  # steps below this, relative to 1 + |value|, end the M-step: the next would be about their square
_ROUNDING = 4e-15  # gains below this, relative to the objective, cannot be seen in it
_FAR = 4.0  # no coordinate moves further in one step
_EDGE = 20.0  # log odds of asymptotes end here: what is beyond no sample can tell from zero and one
_FLOOR = -1e300  # a count of zero times minus infinity is nothing
_RIDGE = 1e-10  # of the diagonal of the information: entries without data stay where they are


@dataclass(frozen=True)
class ItemRun:
    """Items of one type and one number of categories.

    Parameters
    ----------
    kind : ItemType
    items : tuple of int
        Columns of the answers.
    n_categories : int
    priors : tuple of (str, Prior)
        By name of the field.
    loads : tuple of tuples of bool, or None
        Which factors (m, F) items with fixed slopes load on, all where None; free slopes are zero elsewhere themselves.
    """

    kind: ItemType
    items: tuple[int, ...]
    n_categories: int
    priors: tuple[tuple[str, Prior], ...] = ()
    loads: tuple[tuple[bool, ...], ...] | None = None

    @property
    def n_items(self) -> int:
        return len(self.items)

    def start(self, shares: FloatArray, slope: FloatArray) -> Any:
        """Return parameters from shares (m, K) and slopes (m, F) to begin with."""
        if any(name == "slope" and np.isneginf(prior.log_density(np.array(-1.0))) for name, prior in self.priors):
            slope = np.abs(slope)
        fields = self.kind.fields(self.n_categories, slope.shape[1])
        return self.kind.record(self.kind.start(shares, slope), fields, _mean_row)

    def matrix(self, parameters: Any) -> FloatArray:
        """Return the matrix (m, p) of a record."""
        matrix = self.kind.matrix(parameters, self.n_items)
        if self.loads is None:
            return matrix
        n_factors = len(self.loads[0])
        return np.concatenate([matrix[:, :n_factors] * np.array(self.loads), matrix[:, n_factors:]], axis=1)

    def log_prob(self, parameters: Any, nodes: FloatArray) -> FloatArray:
        """Return log-probabilities (m, K, q)."""
        return self.kind.log_prob(self.matrix(parameters), nodes)

    def by_latent(self, parameters: Any, nodes: FloatArray) -> FloatArray:
        """Return the derivatives (m, F, K, q) of the log-probabilities by the latent variable."""
        return self.kind.by_latent(self.matrix(parameters), nodes)

    def information(self, parameters: Any, nodes: FloatArray) -> FloatArray:
        """Return the information (m, F, q) of each item on each factor: E (d log P / dx)^2."""
        prob = np.exp(self.log_prob(parameters, nodes))
        return np.asarray((prob[:, None] * self.by_latent(parameters, nodes) ** 2).sum(axis=2))

    def log_prior(self, parameters: Any) -> float:
        values = ((name, prior, getattr(parameters, name)) for name, prior in self.priors)
        return sum(float(_of_free(name, value, prior.log_density).sum()) for name, prior, value in values)

    def score(self, parameters: Any, counts: FloatArray, nodes: FloatArray) -> Any:
        """Return the gradient of the expected log-posterior, entry by entry."""
        slope, _ = self.kind.slope_and_information(self.matrix(parameters), nodes, counts)
        return self.gathered(parameters, slope)

    def gathered(self, parameters: Any, slope: FloatArray) -> Any:
        """Return the gradient of the expected log-posterior from that (m, p) of the likelihood, entry by entry."""
        fields = self.kind.layout(parameters)
        whole = slope + self._spread(fields, parameters, "slope") if self.priors else slope
        return self.kind.record(whole, fields, _sum_rows)

    def scored(self, parameters: Any, slope: FloatArray, information: FloatArray) -> Any:
        """Return the parameters after one step of scoring with a given gradient (m, p) and information (m, p, p)."""
        fields = self.kind.layout(parameters)
        scoring = _Scoring(self, fields, np.zeros((self.n_items, 1, 1)), np.zeros((1, fields[0].width)))
        return self.kind.record(scoring.once(self.matrix(parameters), slope, information), fields, _first_row)

    def m_step(self, parameters: Any, counts: FloatArray, nodes: FloatArray) -> Any:
        """Return parameters that raise the expected log-posterior under counts (m, K, q)."""
        fields = self.kind.layout(parameters)
        scoring = _Scoring(self, fields, counts, nodes)
        matrix = self.matrix(parameters)
        for _ in range(_STEPS):
            matrix, is_over = scoring.stepped(matrix)
            if is_over:
                break
        return self.kind.record(matrix, fields, _first_row)

    def matrix_prior(self, fields: tuple[Field, ...], matrix: FloatArray, what: str) -> FloatArray:
        """Return log-density, slope or bend of the priors, entry by entry (m, p); shared entries count once."""
        return self._spread(fields, self.kind.record(matrix, fields, _first_row), what)

    def _spread(self, fields: tuple[Field, ...], parameters: Any, what: str) -> FloatArray:
        out, given, at = np.zeros((self.n_items, sum(field.width for field in fields))), dict(self.priors), 0
        for field in fields:
            value = getattr(parameters, field.name)
            if field.name in given and len(value):
                spread = _of_free(field.name, value, getattr(given[field.name], what))
                out[: len(spread), at : at + field.width] = spread  # the first row holds what is shared
            at += field.width
        return out


class _Scoring:
    """Fisher scoring of one run of items on fixed counts."""

    def __init__(self, run: ItemRun, fields: tuple[Field, ...], counts: FloatArray, nodes: FloatArray) -> None:
        self.run, self.fields, self.counts, self.nodes = run, fields, counts, nodes
        self.value: FloatArray | None = None  # of the matrix at hand, where it is known
        self.in_unit = run.kind.in_unit(fields)

    def stepped(self, matrix: FloatArray) -> tuple[FloatArray, bool]:
        """Return the matrix after one safeguarded step, and whether that step was small."""
        gradient, information = self.run.kind.slope_and_information(matrix, self.nodes, self.counts)
        step, gain, is_joint = self._direction(matrix, gradient, information)
        moved = self._halved(matrix, step, gain, is_joint=is_joint)
        return moved, bool((np.abs(step) <= _SMALL * (1 + np.abs(matrix))).all())

    def once(self, matrix: FloatArray, gradient: FloatArray, information: FloatArray) -> FloatArray:
        """Return the matrix after a step with a given gradient and information, halved while curves are no numbers."""
        step, _, _ = self._direction(matrix, gradient, information)
        for _ in range(_HALVINGS):
            trial = self._moved(matrix, step)
            with np.errstate(all="ignore"):
                if np.isfinite(self.run.kind.log_prob(trial, self.nodes)).all():
                    return trial
            step = step / 2
        return matrix

    def _direction(
        self, matrix: FloatArray, gradient: FloatArray, information: FloatArray
    ) -> tuple[FloatArray, FloatArray, bool]:
        """Return the steps (m, p), what they promise to gain (m,), and whether items share some of them."""
        free, is_shared = self.run.kind.is_free(matrix, self.fields)
        stretch = np.where(self.in_unit, matrix * (1 - matrix), 1.0)  # derivative by the log odds
        scale = stretch * free
        gradient, information = gradient * scale, information * scale[:, :, None] * scale[:, None, :]
        if self.run.priors:
            gradient += self.run.matrix_prior(self.fields, matrix, "slope") * stretch * free
            information += _diagonal(self.run.matrix_prior(self.fields, matrix, "bend") * free)
        step = _solved(gradient, information, free, is_shared)
        gain = 0.5 * (gradient * step).sum(axis=1)
        size = np.abs(step).max(axis=1, keepdims=True, initial=0.0)
        if is_shared.any():
            size = np.full_like(size, size.max(initial=0.0))
        return step * np.minimum(1.0, _FAR / np.maximum(size, _FAR)), gain, bool(is_shared.any())

    def _value(self, matrix: FloatArray) -> FloatArray:
        log_prob = self.run.kind.log_prob(matrix, self.nodes)
        value = np.einsum("mkq,mkq->m", self.counts, np.maximum(log_prob, _FLOOR))
        if self.run.priors:
            value = value + self.run.matrix_prior(self.fields, matrix, "log_density").sum(axis=1)
        return np.where(np.isnan(value), -np.inf, value)

    def _halved(self, matrix: FloatArray, step: FloatArray, gain: FloatArray, *, is_joint: bool) -> FloatArray:
        """Return the matrix after the steps, halved where they lower the objective by more than rounding."""
        before = self._value(matrix) if self.value is None else self.value
        length = np.ones((len(matrix), 1))
        for _ in range(_HALVINGS):
            trial = self._moved(matrix, step * length)
            with np.errstate(all="ignore"):
                after = self._value(trial)
            worse = ~(after >= before) & ~((gain <= _ROUNDING * np.abs(before)) & np.isfinite(after))
            if is_joint:
                worse = np.full_like(worse, worse.any() and not after.sum() >= before.sum())
            if not worse.any():
                self.value = after
                return trial
            length[worse] /= 2
        length[worse], self.value = 0.0, None
        return self._moved(matrix, step * length)

    def _moved(self, matrix: FloatArray, step: FloatArray) -> FloatArray:
        if not self.in_unit.any():
            return matrix + step
        moved = matrix + step
        value = matrix[:, self.in_unit]
        with np.errstate(divide="ignore"):
            odds = np.clip(np.log(value) - np.log1p(-value), -_EDGE, _EDGE)
        moved[:, self.in_unit] = expit(np.clip(odds + step[:, self.in_unit], -_EDGE, _EDGE))
        return moved


def _solved(gradient: FloatArray, information: FloatArray, free: Array, is_shared: Array) -> FloatArray:
    """Return the steps (m, p): own entries are eliminated first, then what items share is solved for."""
    p = gradient.shape[1]
    diagonal = np.einsum("mii->mi", information)
    information = information + _diagonal(np.where(free, _RIDGE * diagonal + 1e-12, 1.0))
    if not is_shared.any():
        return np.asarray(np.linalg.solve(information, gradient[..., None])[..., 0])
    own, step = ~is_shared, np.empty((len(gradient), p))
    inner, cross = information[:, own][:, :, own], information[:, own][:, :, is_shared]
    by_own = np.linalg.solve(inner, np.concatenate([gradient[:, own, None], cross], axis=2))
    across = cross.transpose(0, 2, 1)
    left = (information[:, is_shared][:, :, is_shared] - across @ by_own[..., 1:]).sum(axis=0)
    right = (gradient[:, is_shared] - (across @ by_own[..., :1])[..., 0]).sum(axis=0)
    common = np.linalg.solve(left, right)
    step[:, is_shared] = common
    step[:, own] = by_own[..., 0] - by_own[..., 1:] @ common
    return step


def _of_free(name: str, value: FloatArray, function: Callable[[Array], FloatArray]) -> FloatArray:
    """Return a function of the entries of a field, zero at slopes of zero: those are none of the prior's."""
    if name != "slope" or (value != 0).all():
        return function(value)
    out = np.zeros_like(value)
    out[value != 0] = function(value[value != 0])
    return out


def _diagonal(values: FloatArray) -> FloatArray:
    """Return diagonal matrices (m, p, p) of rows (m, p)."""
    return values[:, :, None] * np.eye(values.shape[1])


def _first_row(rows: Array) -> Array:
    return rows[:1].copy()


def _mean_row(rows: Array) -> Array:
    return np.asarray(rows.mean(axis=0, keepdims=True))


def _sum_rows(rows: Array) -> Array:
    return np.asarray(rows.sum(axis=0, keepdims=True))
