"""Items whose categories are reached step by step: graded responses, their rating scale, and sequential items.

graded       P(x >= k) = s(a'x - t_k), thresholds t rising; intercepts are d_k = -t_k
grsm         t_k = -a (c - b_k), the b shared and rising from b_1 = 0
sequential   P(x >= k | x >= k - 1) = s(a'x + d_k)

with s(z) = 1 / (1 + exp(-z)). The difference of two logistic curves is a product,
s(u) - s(v) = s(u) s(-v) (1 - exp(v - u)), which keeps its digits where both are near 0 or 1.

References
----------
Samejima 1969, *Psychometrika Monograph* 17. Muraki 1990, Applied Psychological Measurement 14:59. Tutz 1990, British
Journal of Mathematical and Statistical Psychology 43:39.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, log_expit

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Ordered, Positive, Real, Sparse
from emkit.irt.curves.base import Field, ItemType, Role, by_slopes, predictor, rebased, slope_times
from emkit.irt.curves.credit import InterceptParameters

__all__ = ["Graded", "GradedParameters", "GradedRating", "GradedRatingParameters", "Sequential"]


@dataclass(frozen=True)
class GradedParameters(Parameters):
    """Slopes (m, F) and thresholds (m, K - 1), rising."""

    slope: Array = space(Sparse())
    threshold: Array = space(Ordered())


@dataclass(frozen=True)
class GradedRatingParameters(Parameters):
    """Slopes (m, F), locations (m, 1), and the distances between thresholds that items share (1, K - 2)."""

    slope: Array = space(Sparse())
    location: Array = space(Real())
    distance: Array = space(Positive())


@dataclass(frozen=True)
class Graded(ItemType):
    """Graded responses; with two categories the two-parameter logistic model."""

    record_type: ClassVar[Any] = GradedParameters

    def n_categories(self, parameters: GradedParameters) -> int:
        return int(parameters.threshold.shape[1] + 1)

    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        return Field("slope", n_factors, self.slopes.role), Field("threshold", n_categories - 1, Role.OWN)

    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        slope, gain, n = rebased(matrix, shift, scale)
        return np.concatenate([slope, matrix[:, n:] - gain], axis=1)

    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        width = np.sqrt(1 + (slope**2).sum(axis=1, keepdims=True) / 2.9)
        return np.concatenate([slope, _logits_below(shares) * width], axis=1)

    def log_prob(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        return _graded(predictor(matrix, nodes), matrix[:, nodes.shape[1] :])

    def jacobian(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        by_z, by_threshold = _graded_slopes(predictor(matrix, nodes), matrix[:, nodes.shape[1] :])
        return np.concatenate([by_slopes(by_z, nodes), by_threshold], axis=1)

    def by_latent(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        by_z, _ = _graded_slopes(predictor(matrix, nodes), matrix[:, nodes.shape[1] :])
        return slope_times(matrix, by_z, nodes.shape[1])


@dataclass(frozen=True)
class GradedRating(ItemType):
    """Graded responses whose thresholds lie at the same distances on every item. One factor."""

    record_type: ClassVar[Any] = GradedRatingParameters
    is_reflectable: ClassVar[bool] = False  # the thresholds would fall

    def n_categories(self, parameters: GradedRatingParameters) -> int:
        return int(parameters.distance.shape[1] + 2)

    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        return (
            Field("slope", n_factors, self.slopes.role),
            Field("location", 1, Role.OWN),
            Field("distance", n_categories - 2, Role.SHARED),
        )

    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        slope, location, distance = matrix[:, :1], matrix[:, 1:2], matrix[:, 2:]
        return np.concatenate([slope * scale, (location + shift) / scale, distance / scale], axis=1)

    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        below = _logits_below(shares)
        distance = np.broadcast_to(np.diff(below, axis=1).mean(axis=0), (len(shares), shares.shape[1] - 2))
        return np.concatenate([np.ones_like(slope), -below[:, :1], distance], axis=1)  # slopes start positive

    def _thresholds(self, matrix: FloatArray) -> FloatArray:
        """Return where the thresholds lie less the location (m, K - 1), before the slope."""
        place = np.cumsum(matrix[:, 2:], axis=1)
        return np.concatenate([np.zeros((len(matrix), 1)), place], axis=1) - matrix[:, 1:2]

    def log_prob(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        return _graded(predictor(matrix, nodes), matrix[:, :1] * self._thresholds(matrix))

    def jacobian(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        slope, place = matrix[:, :1], self._thresholds(matrix)
        by_z, by_threshold = _graded_slopes(predictor(matrix, nodes), slope * place)
        by_slope = by_slopes(by_z, nodes) + (by_threshold * place[:, :, None, None]).sum(axis=1, keepdims=True)
        by_place = slope[:, :, None, None] * by_threshold
        above = np.cumsum(by_place[:, ::-1], axis=1)[:, ::-1]  # a distance moves every threshold above it
        return np.concatenate([by_slope, -above[:, :1], above[:, 1:]], axis=1)

    def by_latent(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        by_z, _ = _graded_slopes(predictor(matrix, nodes), matrix[:, :1] * self._thresholds(matrix))
        return slope_times(matrix, by_z, nodes.shape[1])


@dataclass(frozen=True)
class Sequential(ItemType):
    """Sequential items: each step is a two-parameter logistic item that is met once the one before is done."""

    record_type: ClassVar[Any] = InterceptParameters

    def n_categories(self, parameters: InterceptParameters) -> int:
        return int(parameters.intercept.shape[1] + 1)

    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        return Field("slope", n_factors, self.slopes.role), Field("intercept", n_categories - 1, Role.OWN)

    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        slope, gain, n = rebased(matrix, shift, scale)
        return np.concatenate([slope, matrix[:, n:] + gain], axis=1)

    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        at_least = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1]
        return np.concatenate([slope, np.log(at_least[:, 1:] / shares[:, :-1])], axis=1)

    def log_prob(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        z = predictor(matrix, nodes)[:, None] + matrix[:, nodes.shape[1] :, None]
        passed = np.cumsum(log_expit(z), axis=1)
        zero = np.zeros_like(z[:, :1])
        failed = np.concatenate([log_expit(-z), zero], axis=1)
        return np.asarray(np.concatenate([zero, passed], axis=1) + failed)

    def jacobian(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        by_step = self._by_step(matrix, nodes)
        return np.concatenate([by_slopes(by_step.sum(axis=1), nodes), by_step], axis=1)

    def by_latent(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        return slope_times(matrix, self._by_step(matrix, nodes).sum(axis=1), nodes.shape[1])

    def _by_step(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        """Return the derivatives (m, K - 1, K, q) by the intercepts."""
        z = predictor(matrix, nodes)[:, None] + matrix[:, nodes.shape[1] :, None]
        n_steps = z.shape[1]
        by_step = np.zeros((len(matrix), n_steps, n_steps + 1, len(nodes)))
        for step in range(n_steps):
            by_step[:, step, step] = -expit(z[:, step])
            by_step[:, step, step + 1 :] = expit(-z[:, step])[:, None]
        return by_step


def _logits_below(shares: FloatArray) -> FloatArray:
    """Return the logits (m, K - 1) of lying below each threshold, strictly rising."""
    below = np.cumsum(shares, axis=1)[:, :-1]
    return np.asarray(np.log(below / (1 - below)))


def _graded(z: FloatArray, threshold: FloatArray) -> FloatArray:
    """Return log-probabilities (m, K, q) from predictors (m, q) and thresholds (m, K - 1)."""
    above = z[:, None] - threshold[:, :, None]
    zero = np.zeros_like(above[:, :1])
    result = np.concatenate([zero, log_expit(above)], axis=1) + np.concatenate([log_expit(-above), zero], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        result[:, 1:-1] += np.log(-np.expm1(-np.diff(threshold, axis=1)))[:, :, None]
    return np.asarray(result)


def _graded_slopes(z: FloatArray, threshold: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives (m, K, q) by the predictor and (m, K - 1, K, q) by the thresholds."""
    above = z[:, None] - threshold[:, :, None]
    m, n_steps, q = above.shape
    reached, missed = expit(-above), -expit(above)  # of log s(above) and log s(-above), by the predictor
    by_z = np.zeros((m, n_steps + 1, q))
    by_z[:, 1:] += reached
    by_z[:, :-1] += missed
    by_threshold = np.zeros((m, n_steps, n_steps + 1, q))
    for step in range(n_steps):
        by_threshold[:, step, step + 1] = -reached[:, step]
        by_threshold[:, step, step] = -missed[:, step]
    with np.errstate(over="ignore", divide="ignore"):
        gap = (1 / np.expm1(np.diff(threshold, axis=1)))[:, :, None]
    for step in range(n_steps - 1):  # category step + 1 lies between thresholds step and step + 1
        by_threshold[:, step, step + 1] -= gap[:, step]
        by_threshold[:, step + 1, step + 1] += gap[:, step]
    return by_z, by_threshold
