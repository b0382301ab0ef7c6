"""Sums and steps of the multinomial logit: log odds of k classes against the first, by covariates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.statistics import Additive, shared
from emkit.families.basis import Basis, safe_length, solved

__all__ = ["LogitStatistics", "log_proportions", "logit_sums"]

_SMALL = 1e-4


@dataclass(frozen=True)
class LogitStatistics(Additive):
    """Sums over rows for the logit, in the coordinates of the basis, at log odds `pivot` (k - 1, q).

    Slope (k - 1, q), bend ((k - 1) q, (k - 1) q), and cross-products (q, q) of the covariates.
    """

    slope: FloatArray
    bend: FloatArray
    cross: FloatArray
    pivot: FloatArray = shared()
    basis: Basis = shared()

    def slope_at(self, move: FloatArray) -> FloatArray:
        """Return the slope after a move (k - 1, q) of the log odds, to first order."""
        return self.slope - (self.bend @ move.reshape(-1)).reshape(move.shape)

    def climbed(self, more: FloatArray | float = 0.0) -> FloatArray:
        """Return the log odds (k - 1, q) after a Newton step that cannot overshoot.

        `more` (k - 1, q) is a slope, in the coordinates of the basis, of what else is to be raised; how it bends is
        not known, so that the caller sees to it that the step is not too long.
        """
        if not self.slope.size:
            return self.pivot
        step = solved(self.bend, (self.slope + more).reshape(-1)).reshape(self.slope.shape)
        return np.asarray(self.pivot + self.basis.raw(step * safe_length(_reach(step, self.basis))))

    def score(self, gating: FloatArray) -> FloatArray:
        """Return the slope by the log odds (k - 1, q) there, exact at the pivot."""
        return self.basis.pull_back(self.slope_at(self.basis.inner(gating - self.pivot)))

    def bound(self, gating: FloatArray) -> float:
        """Return a lower bound of the expected log-likelihood there, that touches it at the pivot, up to a constant."""
        move = self.basis.inner(gating - self.pivot)
        curved = float(move.reshape(-1) @ self.bend @ move.reshape(-1))
        return float((self.slope * move).sum()) - curved * _growth(_reach(move, self.basis))

    def _aligned(self, other: LogitStatistics) -> LogitStatistics:
        if np.array_equal(other.pivot, self.pivot):
            return other
        move = self.basis.inner(self.pivot - other.pivot)
        return replace(other, slope=other.slope_at(move), pivot=self.pivot)


def log_proportions(gating: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the log probabilities (n, k) of the classes at covariates (n, q)."""
    odds = np.zeros((len(rows), len(gating) + 1))
    odds[:, 1:] = rows @ gating.T
    odds -= odds.max(axis=1, keepdims=True)
    odds -= np.log(np.exp(odds).sum(axis=1, keepdims=True))
    return odds


def logit_sums(
    basis: Basis, gating: FloatArray, rows: FloatArray, mix: FloatArray, resp: FloatArray, weights: FloatArray
) -> LogitStatistics:
    """Return the sums of rows with covariates (n, q), probabilities (n, k) and weighted memberships (n, k)."""
    z = basis.rows(rows)
    k, q = mix.shape[1], z.shape[1]
    slope = (resp - mix * weights[:, None])[:, 1:].T @ z
    bend = np.empty((k - 1, q, k - 1, q))
    for a in range(1, k):
        for b in range(a, k):
            share = weights * mix[:, a] * ((a == b) - mix[:, b])
            bend[a - 1, :, b - 1] = bend[b - 1, :, a - 1] = (z * share[:, None]).T @ z
    cross = (z * weights[:, None]).T @ z
    return LogitStatistics(slope, bend.reshape((k - 1) * q, (k - 1) * q), cross, gating, basis)


def _reach(move: FloatArray, basis: Basis) -> float:
    """Return the largest change of a difference of two log odds that a move (k - 1, q) can make."""
    low, high = np.minimum(move.min(axis=0, initial=0.0), 0.0), np.maximum(move.max(axis=0, initial=0.0), 0.0)
    return float((high - low) @ basis.reach)


def _growth(reach: float) -> float:
    """Return (exp(u) - u - 1) / u^2: how fast the bend may grow over a move that reaches u."""
    if reach < _SMALL:
        return 0.5 + reach / 6
    return float((np.expm1(min(reach, 700.0)) - reach) / reach**2)
