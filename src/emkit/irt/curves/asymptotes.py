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
from scipy.special import log_expit

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Interval, Real, Sparse
from emkit.irt.curves.base import Field, ItemType, Role, by_slopes, predictor, rebased, slope_times

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

    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        slope, gain, n = rebased(matrix, shift, scale)
        return np.concatenate([slope, matrix[:, n : n + 1] + gain, matrix[:, n + 1 :]], axis=1)

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

    def _logs(self, matrix: FloatArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return log s(z), log s(-z), and the logarithms of the probabilities of 0 and 1, all (m, q)."""
        n_factors = nodes.shape[1]
        z = predictor(matrix, nodes) + matrix[:, n_factors, None]
        low, high = self._limits(matrix, n_factors)
        rise, fall = log_expit(z), log_expit(-z)
        with np.errstate(divide="ignore"):
            log_low, log_miss, log_width = np.log(low), np.log1p(-np.asarray(high)), np.log(high - low)
        return rise, fall, np.logaddexp(log_miss, log_width + fall), np.logaddexp(log_low, log_width + rise)

    def log_prob(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        _, _, wrong, right = self._logs(matrix, nodes)
        return np.stack([wrong, right], axis=1)

    def _by_prob(self, matrix: FloatArray, nodes: FloatArray, log_step: str) -> FloatArray:
        """Return derivatives (m, 2, q) of the log-probabilities by z ("both"), the upper ("rise"), the lower ("fall").

        Each is plus or minus exp(log step - log P), which has its digits where P vanishes with the step.
        """
        rise, fall, wrong, right = self._logs(matrix, nodes)
        step = {"both": rise + fall, "rise": rise, "fall": fall}[log_step]
        if log_step == "both":
            low, high = self._limits(matrix, nodes.shape[1])
            step = step + np.log(high - low)
        return np.stack([-np.exp(step - wrong), np.exp(step - right)], axis=1)

    def by_latent(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        return slope_times(matrix, self._by_prob(matrix, nodes, "both"), nodes.shape[1])

    def jacobian(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        by_z = self._by_prob(matrix, nodes, "both")
        steps = {"guess": "fall", "upper": "rise"}
        rest = [by_z, *(self._by_prob(matrix, nodes, steps[name]) for name in self.free)]
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
