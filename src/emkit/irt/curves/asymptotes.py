"""Dichotomous items with asymptotes: 3PL, 3PL with an upper asymptote, 4PL.

P(x = 1) = g + (u - g) / (1 + exp(-(a'x + d))), with g the chance of guessing and u that of not slipping.

References
----------
Birnbaum 1968, in Lord & Novick, *Statistical Theories of Mental Test Scores*. Barton & Lord 1981, ETS RR-81-20.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Interval, Real, Sparse
from emkit.irt.curves.base import Field, ItemType, Role, by_slopes, predictor, slope_times

__all__ = ["AsymptoteParameters", "FourParameters", "GuessParameters", "Guessing", "SlipParameters", "Slipping"]


@dataclass(frozen=True)
class GuessParameters(Parameters):
    """Slopes (m, F), intercepts (m, 1), lower asymptotes (m, 1)."""

    slope: Array = space(Sparse())
    intercept: Array = space(Real())
    guess: Array = space(Interval(0.0, 1.0))


@dataclass(frozen=True)
class SlipParameters(Parameters):
    """Slopes (m, F), intercepts (m, 1), upper asymptotes (m, 1)."""

    slope: Array = space(Sparse())
    intercept: Array = space(Real())
    upper: Array = space(Interval(0.0, 1.0))


@dataclass(frozen=True)
class AsymptoteParameters(Parameters):
    """Slopes (m, F), intercepts (m, 1), lower and upper asymptotes (m, 1)."""

    slope: Array = space(Sparse())
    intercept: Array = space(Real())
    guess: Array = space(Interval(0.0, 1.0))
    upper: Array = space(Interval(0.0, 1.0))


_GUESS, _UPPER = 0.15, 0.95  # starts


@dataclass(frozen=True)
class _Asymptotes(ItemType):
    bounded: ClassVar[tuple[str, ...]] = ("guess", "upper")
    free: ClassVar[tuple[str, ...]]

    def n_categories(self, parameters: Any) -> int:
        return 2

    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        own = tuple(Field(name, 1, Role.OWN) for name in ("intercept", *self.free))
        return Field("slope", n_factors, self.slopes.role), *own

    def moved(self, matrix: FloatArray, shift: float, scale: float) -> FloatArray:
        slope, intercept = matrix[:, :1], matrix[:, 1:2]
        return np.concatenate([slope * scale, intercept + shift * slope, matrix[:, 2:]], axis=1)

    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        low, high = (_GUESS if "guess" in self.free else 0.0), (_UPPER if "upper" in self.free else 1.0)
        part = np.clip((shares[:, 1:] - low) / (high - low), 0.05, 0.95)
        width = np.sqrt(1 + (slope**2).sum(axis=1, keepdims=True) / 2.9)
        limits = np.broadcast_to(
            [{"guess": low, "upper": high}[name] for name in self.free], (len(slope), len(self.free))
        )
        return np.concatenate([slope, np.log(part / (1 - part)) * width, limits], axis=1)

    def _limits(self, matrix: FloatArray, n_factors: int) -> tuple[FloatArray | float, FloatArray | float]:
        at = {name: matrix[:, n_factors + 1 + i, None] for i, name in enumerate(self.free)}
        return at.get("guess", 0.0), at.get("upper", 1.0)

    def _parts(self, matrix: FloatArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return the logistic curve, its width u - g, and the probabilities of both answers."""
        n_factors = nodes.shape[1]
        z = predictor(matrix, nodes) + matrix[:, n_factors, None]
        low, high = self._limits(matrix, n_factors)
        rise, width = expit(z), np.asarray(high - low)
        return rise, width, low + width * rise, (1 - high) + width * expit(-z)

    def log_prob(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        _, _, right, wrong = self._parts(matrix, nodes)
        return np.log(np.stack([wrong, right], axis=1))

    def _slopes(self, matrix: FloatArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the logistic curve (m, q), and derivatives (m, 2, q) by the probability of 1 and by z."""
        rise, width, right, wrong = self._parts(matrix, nodes)
        by_prob = np.stack([-1 / wrong, 1 / right], axis=1)
        return rise, by_prob, by_prob * (width * rise * (1 - rise))[:, None]

    def by_latent(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        return slope_times(matrix, self._slopes(matrix, nodes)[2], nodes.shape[1])

    def jacobian(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        rise, by_prob, by_z = self._slopes(matrix, nodes)
        share = {"guess": 1 - rise, "upper": rise}
        rest = [by_z, *(by_prob * share[name][:, None] for name in self.free)]
        return np.concatenate([by_slopes(by_z, nodes), np.stack(rest, axis=1)], axis=1)


@dataclass(frozen=True)
class Guessing(_Asymptotes):
    """3PL: a lower asymptote."""

    record_type: ClassVar[Any] = GuessParameters
    free: ClassVar[tuple[str, ...]] = ("guess",)


@dataclass(frozen=True)
class Slipping(_Asymptotes):
    """3PL with an upper asymptote in place of the lower one."""

    record_type: ClassVar[Any] = SlipParameters
    free: ClassVar[tuple[str, ...]] = ("upper",)


@dataclass(frozen=True)
class FourParameters(_Asymptotes):
    """4PL: both asymptotes."""

    record_type: ClassVar[Any] = AsymptoteParameters
    free: ClassVar[tuple[str, ...]] = ("guess", "upper")
