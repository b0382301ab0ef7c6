"""Effects of the columns of a design on one response: parameters, statistics, and which of them members share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real
from emkit.core.statistics import Additive, shared
from emkit.families.basis import Basis, picked

__all__ = ["EffectParameters", "Effects", "ResponseStatistics", "spread"]


@dataclass(frozen=True)
class EffectParameters(Parameters):
    """Of one response: own coefficients (k, q), common ones (c,), and residual variances (k,), (1,) or (0,)."""

    coef: Array = space(Real())
    common: Array = space(Real())
    var: Array = space(Positive())


@dataclass(frozen=True)
class ResponseStatistics(Additive):
    """Sums over rows in the coordinates of the basis, at coefficients `pivot` (k, p).

    Expected number of rows (k,), slope (k, p), bend (k, p, p), cross-products of the design (k, p, p), and squared
    residuals (k,).
    """

    count: FloatArray
    slope: FloatArray
    bend: FloatArray
    cross: FloatArray
    square: FloatArray
    pivot: FloatArray = shared()
    basis: Basis = shared()

    def slope_at(self, move: FloatArray) -> FloatArray:
        """Return the slope (k, p) after a move (k, p) of the coefficients, exact for the normal."""
        return np.asarray(self.slope - np.einsum("kij,kj->ki", self.bend, move))

    def square_at(self, move: FloatArray) -> FloatArray:
        """Return the squared residuals (k,) after a move (k, p) of the coefficients, for the normal."""
        return np.asarray(self.square - (move * (self.slope + self.slope_at(move))).sum(axis=1))

    def _aligned(self, other: ResponseStatistics) -> ResponseStatistics:
        if np.array_equal(other.pivot, self.pivot):
            return other
        move = self.basis.inner(self.pivot - other.pivot)
        return replace(other, slope=other.slope_at(move), square=other.square_at(move), pivot=self.pivot)


@dataclass(frozen=True)
class Effects:
    """The columns of one response's design.

    Parameters
    ----------
    columns : tuple of int
        Their places in the rows; `basis.ONES` is a column of ones.
    own, common : tuple of int
        Places in `columns` of those with coefficients of each member's own, and of those that all members share.
    basis : Basis
    """

    columns: tuple[int, ...]
    own: tuple[int, ...]
    common: tuple[int, ...]
    basis: Basis

    @property
    def n_own(self) -> int:
        """How many coefficients each member has of its own."""
        return len(self.own)

    def blank(self, k: int) -> EffectParameters:
        """Return parameters that say nothing."""
        return EffectParameters(np.zeros((k, len(self.own))), np.zeros(len(self.common)), np.ones(k))

    def design(self, X: Array) -> FloatArray:
        """Return the design (n, p) in the rows (n, d)."""
        return picked(X, self.columns)

    def full(self, own: EffectParameters) -> FloatArray:
        """Return all coefficients (k, p) of each member, in the order of the columns."""
        coef = np.empty((len(own.coef), len(self.columns)))
        coef[:, list(self.own)] = own.coef
        coef[:, list(self.common)] = own.common
        return coef

    def move(self, own: EffectParameters, stats: ResponseStatistics) -> FloatArray:
        """Return how far (k, p) parameters lie from those of the statistics, in the coordinates of the basis."""
        return self.basis.inner(self.full(own) - stats.pivot)

    def moved(self, own: EffectParameters, stats: ResponseStatistics, move: FloatArray) -> EffectParameters:
        """Return the parameters that lie that far from those of the statistics."""
        raw = stats.pivot + self.basis.raw(move)
        return replace(own, coef=raw[:, list(self.own)], common=raw[0, list(self.common)])


def spread(var: FloatArray, k: int) -> FloatArray:
    """Return variances (k,) of the members; ones where there are none."""
    return np.broadcast_to(var, (k,)) if var.size else np.ones(k)
