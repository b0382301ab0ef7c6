"""The beta family: k vectors of independent shares between zero and one.

x_j | member k ~ Beta(alpha_kj, beta_kj). The M-step solves digamma(alpha) - digamma(alpha + beta) = mean log x and its
mirror image by Newton's method on the log-parameters, in which it is safe to halve a step. A penalty of a trillionth
of an observation keeps a member that sits on one value finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import betaln, digamma, polygamma

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive
from emkit.families.columns import FLOOR, ColumnFamily, ColumnStatistics, check_entries, worst_member
from emkit.kernels.foreign import namespace

__all__ = ["Beta", "BetaParameters"]

_SHARP = 1e9  # alpha + beta above: the standard deviation is below a thirty-thousandth
_STEPS = 60
_LONGEST = 2.0  # of a step in the logarithms of alpha and beta


@dataclass(frozen=True)
class BetaParameters(Parameters):
    """Shapes alpha and beta (k, d)."""

    alpha: Array = space(Positive())
    beta: Array = space(Positive())


@dataclass(frozen=True)
class Beta(ColumnFamily):
    """Independent beta variables."""

    _neutral: ClassVar[float] = 0.5
    _tables = {"alpha": "Shapes alpha", "beta": "Shapes beta"}  # noqa: RUF012

    def _check(self, block: Any, names: Sequence[str] | None) -> None:
        rows = np.asarray(block.X)
        advice = "shares above 0 and below 1 (move zeros and ones inwards, or model them apart)"
        check_entries(block, ((rows <= 0) | (rows >= 1)) & ~np.isnan(rows), advice, names)

    def _features(self, rows: FloatArray, seen: FloatArray) -> tuple[FloatArray, ...]:
        xp: Any = namespace(rows)
        return xp.log(rows) * seen, xp.log1p(-rows) * seen

    def _carrier(self, rows: FloatArray, seen: FloatArray) -> FloatArray:
        xp: Any = namespace(rows)
        total: FloatArray = xp.sum((xp.log(rows) + xp.log1p(-rows)) * seen, axis=1, keepdims=True)
        return -total

    def _points(self, rows: FloatArray) -> FloatArray:
        return np.asarray(np.log(rows) - np.log1p(-rows))

    def _natural(self, parameters: Any) -> tuple[tuple[FloatArray, ...], FloatArray]:
        return (parameters.alpha, parameters.beta), np.asarray(betaln(parameters.alpha, parameters.beta))

    def _solved(self, means: tuple[FloatArray, ...], exposure: FloatArray, before: Any) -> BetaParameters:
        targets = [part - FLOOR / exposure for part in means]
        if before is None:
            centre = np.exp(means[0]) / (np.exp(means[0]) + np.exp(means[1]))
            excess = np.maximum(-means[0] * centre - means[1] * (1 - centre) + _entropy(centre), 1e-12)
            size = np.maximum(0.5 / excess, 1e-3)
            before = BetaParameters(centre * size, (1 - centre) * size)
        return _newton(targets, before)

    def _slope(self, parameters: Any, statistics: ColumnStatistics) -> BetaParameters:
        alpha, beta, n = parameters.alpha, parameters.beta, statistics.exposure
        both = digamma(alpha + beta)
        up, down = statistics.totals
        return BetaParameters(
            up - n * (digamma(alpha) - both) - FLOOR,
            down - n * (digamma(beta) - both) - FLOOR,
        )

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on shapes that run off to infinity."""
        return -FLOOR * float((parameters.alpha + parameters.beta).sum())

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        advice = "it sits on one value. Use fewer components, or look for values that occur too often."
        return worst_member(parameters.alpha + parameters.beta > _SHARP, advice)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        drawn = rng.beta(parameters.alpha[labels], parameters.beta[labels])
        return np.asarray(np.clip(drawn, 1e-300, 1 - 2**-53))


def _entropy(p: FloatArray) -> FloatArray:
    return np.asarray(p * np.log(p) + (1 - p) * np.log1p(-p))


def _objective(a: FloatArray, b: FloatArray, targets: Sequence[FloatArray]) -> FloatArray:
    return np.asarray(a * targets[0] + b * targets[1] - betaln(a, b))


def _newton(targets: Sequence[FloatArray], before: BetaParameters) -> BetaParameters:
    """Return the maximum of a t0 + b t1 - log B(a, b), which is concave in (a, b)."""
    a, b = before.alpha, before.beta
    top = _objective(a, b, targets)
    for _ in range(_STEPS):
        both, bend = digamma(a + b), polygamma(1, a + b)
        # Gradient and Hessian in the logarithms; the Hessian's gradient terms are kept where they help definiteness.
        g0, g1 = a * (targets[0] - digamma(a) + both), b * (targets[1] - digamma(b) + both)
        h00 = -(a * a) * (polygamma(1, a) - bend) + np.minimum(g0, 0)
        h11 = -(b * b) * (polygamma(1, b) - bend) + np.minimum(g1, 0)
        h01 = a * b * bend
        det = h00 * h11 - h01 * h01
        det = np.where(det > 0, det, np.inf)
        s0, s1 = -(h11 * g0 - h01 * g1) / det, -(h00 * g1 - h01 * g0) / det
        longest = np.maximum(np.abs(s0), np.abs(s1))
        shrink = np.minimum(1.0, _LONGEST / np.maximum(longest, 1e-300))
        for _ in range(30):
            new_a, new_b = a * np.exp(shrink * s0), b * np.exp(shrink * s1)
            value = _objective(new_a, new_b, targets)
            worse = ~(value >= top - 1e-13 * np.abs(top))
            if not worse.any():
                break
            shrink = np.where(worse, shrink / 2, shrink)
        a, b, top = np.where(worse, a, new_a), np.where(worse, b, new_b), np.where(worse, top, value)
        if (longest < 1e-12).all():
            break
    return BetaParameters(a, b)
