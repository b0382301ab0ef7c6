"""Divide-by-total items: Rasch, 1PL and 2PL, partial credit, its generalization, the rating scale, nominal responses.

P(x = k) = exp(z_k) / sum_l exp(z_l), z_0 = 0, with

    generalized partial credit   z_k = k a'x + d_k        (two categories: 2PL)
    rating scale                 z_k = k (x + c) + d_k, the d shared, d_1 ... d_(K-2) free and d_(K-1) = 0
    nominal responses            z_k = s_k x + d_k
      on several factors         z_k = s_k a'x + d_k, s_(K-1) = K - 1

References
----------
Muraki 1992, Applied Psychological Measurement 16:159, equation 10. Masters 1982, Psychometrika 47:149. Andrich 1978,
Psychometrika 43:561. Bock 1972, Psychometrika 37:29. Thissen, Cai & Bock 2010, in Nering & Ostini (eds), *Handbook of
Polytomous Item Response Theory Models*, 43.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, log_softmax

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Real, Sparse
from emkit.irt.curves.base import Field, ItemType, Role, rebased

__all__ = [
    "InterceptParameters",
    "NominalFactors",
    "NominalResponse",
    "PartialCredit",
    "RatingParameters",
    "RatingScale",
    "ScoredParameters",
]


@dataclass(frozen=True)
class InterceptParameters(Parameters):
    """Slopes (m, F) and intercepts (m, K - 1)."""

    slope: Array = space(Sparse())
    intercept: Array = space(Real())


@dataclass(frozen=True)
class ScoredParameters(Parameters):
    """Slopes (m, F), scores of the categories between the first and the last (m, K - 2), intercepts (m, K - 1)."""

    slope: Array = space(Sparse())
    score: Array = space(Real())
    intercept: Array = space(Real())


@dataclass(frozen=True)
class RatingParameters(Parameters):
    """Slopes (m, F), locations (m, 1) and the steps that items share (1, K - 2)."""

    slope: Array = space(Sparse())
    location: Array = space(Real())
    step: Array = space(Real())


@dataclass(frozen=True)
class _DivideByTotal(ItemType):
    """Items whose z are linear in their parameters."""

    @abstractmethod
    def _design(self, matrix: FloatArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return z (m, K, q) and its derivatives (m or 1, p, K, q or 1)."""

    def log_prob(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        return np.asarray(log_softmax(self._design(matrix, nodes)[0], axis=1))

    def jacobian(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        z, slope = self._design(matrix, nodes)
        prob = np.exp(log_softmax(z, axis=1))
        return np.asarray(slope - (prob[:, None] * slope).sum(axis=2, keepdims=True))

    def by_latent(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        prob = np.exp(self.log_prob(matrix, nodes))
        rise = self._rise(matrix, nodes.shape[1])[..., None]
        return np.asarray(rise - (prob[:, None] * rise).sum(axis=2, keepdims=True))

    def _rise(self, matrix: FloatArray, n_factors: int) -> FloatArray:
        """Return the derivatives (m, F, K) of z by the latent variables."""
        k = matrix.shape[1] - n_factors + 1
        return matrix[:, :n_factors, None] * np.arange(k)


@dataclass(frozen=True)
class PartialCredit(_DivideByTotal):
    """Generalized partial credit; with two categories the two-parameter logistic model."""

    record_type: ClassVar[Any] = InterceptParameters
    is_linear: ClassVar[bool] = True

    def n_categories(self, parameters: InterceptParameters) -> int:
        return int(parameters.intercept.shape[1] + 1)

    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        return Field("slope", n_factors, self.slopes.role), Field("intercept", n_categories - 1, Role.OWN)

    def log_prob(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        if matrix.shape[1] > nodes.shape[1] + 1:
            return super().log_prob(matrix, nodes)
        z = matrix @ _with_one(nodes).T
        out = np.empty((len(z), 2, z.shape[1]))
        np.logaddexp(0.0, z, out=out[:, 0])
        np.subtract(z, out[:, 0], out=out[:, 1])
        np.negative(out[:, 0], out=out[:, 0])
        return out

    def slope_and_information(
        self, matrix: FloatArray, nodes: FloatArray, counts: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return both as matrix products where there are two categories: logistic regression on the nodes."""
        if matrix.shape[1] > nodes.shape[1] + 1:
            return super().slope_and_information(matrix, nodes, counts)
        basis, total = _with_one(nodes), counts[:, 0] + counts[:, 1]
        prob = expit(matrix @ basis.T)
        squares = (basis[:, :, None] * basis[:, None, :]).reshape(len(nodes), -1)
        information = (total * prob * (1 - prob)) @ squares
        return (counts[:, 1] - total * prob) @ basis, information.reshape(len(matrix), *(2 * (basis.shape[1],)))

    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        slope, gain, n = rebased(matrix, shift, scale)
        return np.concatenate([slope, matrix[:, n:] + gain * np.arange(1, matrix.shape[1] - n + 1)], axis=1)

    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        width = np.sqrt(1 + (slope**2).sum(axis=1, keepdims=True) / 2.9)
        intercept = np.log(shares[:, 1:] / shares[:, :1])
        scale = 1.0 if shares.shape[1] == 2 else 1 / (shares.shape[1] - 1)
        return np.concatenate([slope * scale, intercept * width], axis=1)

    def _design(self, matrix: FloatArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray]:
        m, n_factors = len(matrix), nodes.shape[1]
        k = matrix.shape[1] - n_factors + 1
        level = np.arange(k)[:, None]
        z = level * (matrix[:, :n_factors] @ nodes.T)[:, None, :]
        z[:, 1:] += matrix[:, n_factors:, None]
        slope = np.zeros((1, matrix.shape[1], k, len(nodes)))
        slope[0, :n_factors] = level * nodes.T[:, None, :]
        slope[0, np.arange(n_factors, matrix.shape[1]), np.arange(1, k)] = 1.0
        assert z.shape == (m, k, len(nodes))
        return z, slope


def _with_one(nodes: FloatArray) -> FloatArray:
    return np.concatenate([nodes, np.ones((len(nodes), 1))], axis=1)


@dataclass(frozen=True)
class NominalResponse(_DivideByTotal):
    """Nominal responses on one factor: a slope and an intercept for every category but the first."""

    record_type: ClassVar[Any] = InterceptParameters
    is_linear: ClassVar[bool] = True

    def n_categories(self, parameters: InterceptParameters) -> int:
        return int(parameters.intercept.shape[1] + 1)

    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        return Field("slope", n_categories - 1, Role.OWN), Field("intercept", n_categories - 1, Role.OWN)

    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        slope, intercept = np.split(matrix, 2, axis=1)
        return np.concatenate([slope * scale, intercept + shift * slope], axis=1)

    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        k = shares.shape[1]
        rising = np.arange(1, k) / (k - 1)
        return np.concatenate([slope[:, :1] * rising, np.log(shares[:, 1:] / shares[:, :1])], axis=1)

    def _design(self, matrix: FloatArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray]:
        k = matrix.shape[1] // 2 + 1
        z = np.zeros((len(matrix), k, len(nodes)))
        z[:, 1:] = matrix[:, : k - 1, None] * nodes[:, 0] + matrix[:, k - 1 :, None]
        slope = np.zeros((1, 2 * (k - 1), k, len(nodes)))
        slope[0, np.arange(k - 1), np.arange(1, k)] = nodes[:, 0]
        slope[0, np.arange(k - 1, 2 * (k - 1)), np.arange(1, k)] = 1.0
        return z, slope

    def _rise(self, matrix: FloatArray, n_factors: int) -> FloatArray:
        slopes = matrix[:, : matrix.shape[1] // 2]
        return np.concatenate([np.zeros((len(matrix), 1)), slopes], axis=1)[:, None]


@dataclass(frozen=True)
class NominalFactors(_DivideByTotal):
    """Nominal responses on several factors: categories have scores along the one direction of the slopes."""

    record_type: ClassVar[Any] = ScoredParameters

    def n_categories(self, parameters: ScoredParameters) -> int:
        return int(parameters.intercept.shape[1] + 1)

    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        widths = {"score": n_categories - 2, "intercept": n_categories - 1}
        own = tuple(Field(name, width, Role.OWN) for name, width in widths.items())
        return (Field("slope", n_factors, self.slopes.role), *own)

    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        slope, gain, n = rebased(matrix, shift, scale)
        score = self._scores(matrix, n)[:, 1:]
        steps = score.shape[1]
        return np.concatenate([slope, matrix[:, n:-steps], matrix[:, -steps:] + gain * score], axis=1)

    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        k = shares.shape[1]
        score = np.broadcast_to(np.arange(1.0, k - 1), (len(shares), k - 2))
        return np.concatenate([slope / (k - 1), score, np.log(shares[:, 1:] / shares[:, :1])], axis=1)

    @staticmethod
    def _scores(matrix: FloatArray, n_factors: int) -> FloatArray:
        """Return the scores (m, K) of all categories."""
        k = (matrix.shape[1] - n_factors + 3) // 2
        inner = matrix[:, n_factors : n_factors + k - 2]
        ends = np.broadcast_to([0.0, k - 1.0], (len(matrix), 2))
        return np.concatenate([ends[:, :1], inner, ends[:, 1:]], axis=1)

    def _design(self, matrix: FloatArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray]:
        n = nodes.shape[1]
        score, along = self._scores(matrix, n), matrix[:, :n] @ nodes.T
        k = score.shape[1]
        z = score[:, :, None] * along[:, None]
        z[:, 1:] += matrix[:, n + k - 2 :, None]
        slope = np.zeros((len(matrix), matrix.shape[1], k, len(nodes)))
        slope[:, :n] = score[:, None, :, None] * nodes.T[:, None, :]
        inner, last = np.arange(1, k - 1), np.arange(1, k)
        slope[:, n + inner - 1, inner] = along[:, None]
        slope[:, n + k - 3 + last, last] = 1.0
        return z, slope

    def _rise(self, matrix: FloatArray, n_factors: int) -> FloatArray:
        return matrix[:, :n_factors, None] * self._scores(matrix, n_factors)[:, None]


@dataclass(frozen=True)
class RatingScale(_DivideByTotal):
    """Rating scale: items differ in location alone and share their steps."""

    record_type: ClassVar[Any] = RatingParameters
    is_linear: ClassVar[bool] = True

    def n_categories(self, parameters: RatingParameters) -> int:
        return int(parameters.step.shape[1] + 2)

    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        return (
            Field("slope", n_factors, self.slopes.role),
            Field("location", 1, Role.OWN),
            Field("step", n_categories - 2, Role.SHARED),
        )

    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        slope, gain, n = rebased(matrix, shift, scale)
        return np.concatenate([slope, matrix[:, n : n + 1] + gain, matrix[:, n + 1 :]], axis=1)

    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        k = shares.shape[1]
        intercept = np.log(shares[:, 1:] / shares[:, :1])
        location = intercept[:, -1:] / (k - 1)
        step = (intercept[:, :-1] - location * np.arange(1, k - 1)).mean(axis=0)
        return np.concatenate([slope / (k - 1), location, np.broadcast_to(step, (len(shares), k - 2))], axis=1)

    def _design(self, matrix: FloatArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray]:
        n_factors = nodes.shape[1]
        k = matrix.shape[1] - n_factors + 1
        level = np.arange(k)[:, None]
        z = level * ((matrix[:, :n_factors] @ nodes.T) + matrix[:, n_factors, None])[:, None, :]
        z[:, 1:-1] += matrix[:, n_factors + 1 :, None]
        slope = np.zeros((1, matrix.shape[1], k, len(nodes)))
        slope[0, :n_factors] = level * nodes.T[:, None, :]
        slope[0, n_factors] = level
        slope[0, np.arange(n_factors + 1, matrix.shape[1]), np.arange(1, k - 1)] = 1.0
        return z, slope
