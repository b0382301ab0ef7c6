"""The sums and steps of Hamilton's model: what its M-step needs of counts, sums and products by history of states.

With w = (y_t, ..., y_{t-p}), history c = (s_t, ..., s_{t-p}) and the filter (1, -ar), the residual is that filter on w
less the means of the states of c.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.model import Model
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real
from emkit.core.statistics import Statistics
from emkit.hmm.chain import Chain
from emkit.hmm.guided_chain import GuidedChain, GuidedChainStatistics
from emkit.hmm.histories import grouped, histories_of, solved_near

__all__ = ["VARIANCE_FLOOR", "SwitchingMeanParameters", "SwitchingMeanStatistics", "SwitchingMeanSums"]

VARIANCE_FLOOR = 1e-12  # of one row's share of the variance of the series: where the likelihood has no limit, it stops


@dataclass(frozen=True)
class SwitchingMeanParameters(Parameters):
    """The chain; means (k,); coefficients (k, p) or (1, p) for all; residual variances (k,) or (1,) for all."""

    chain: Any
    mean: Array = space(Real())
    ar: Array = space(Real())
    var: Array = space(Positive())


@dataclass(frozen=True)
class SwitchingMeanStatistics(Statistics):
    """Counts of oldest states (k,) and moves (k, k); by history (c,), sums (c, m) and products (c, m, m) of w.

    Where covariates drive the moves, the sums for their logits take the place of their counts.
    """

    first: FloatArray
    moves: Any
    count: FloatArray
    total: FloatArray
    square: FloatArray


@dataclass(frozen=True)
class SwitchingMeanSums(Model):
    """The choices of an autoregression about a switching mean, and the algebra of its sums.

    Parameters
    ----------
    chain : Chain or GuidedChain
    order : int
        Lags, p.
    switching_slopes, switching_variance : bool
        Whether coefficients and variance have values for each state.
    """

    chain: Any = field(default_factory=lambda: Chain(1))
    order: int = 1
    switching_slopes: bool = False
    switching_variance: bool = False
    center: float = 0.0
    unit: float = 1.0

    @property
    def n_components(self) -> int:
        """Number of states."""
        return int(self.chain.n_states)

    @cached_property
    def histories(self) -> IntArray:
        """States (c, p + 1) of each history, the latest first."""
        return histories_of(self.n_components, self.order)

    @property
    def _is_guided(self) -> bool:
        return isinstance(self.chain, GuidedChain)

    def _of_chain(self, statistics: SwitchingMeanStatistics) -> tuple[Any, ...]:
        if self._is_guided:
            return (GuidedChainStatistics(statistics.first, (), statistics.moves),)
        return statistics.first, statistics.moves

    # --- the M-step ---

    def _round(self, at: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> SwitchingMeanParameters:
        """Return coefficients given means, means given coefficients, then variances."""
        now, var, k = self.histories[:, 0], self._var(at), self.n_components
        if self.order:
            about = self._about(self._levels(at), statistics) / var[:, None, None]
            group = now if self.switching_slopes else np.zeros_like(now)
            pooled = grouped(about, group, len(at.ar))
            ar = np.stack([solved_near(v[1:, 1:], v[1:, 0], own) for v, own in zip(pooled, at.ar, strict=True)])
            at = replace(at, ar=ar)
        filters = self._filters(at)
        share = self._shares(filters)
        system = np.einsum("c,ci,cj->ij", statistics.count / var, share, share)
        aim = share.T @ (np.einsum("cm,cm->c", filters, statistics.total) / var)
        at = replace(at, mean=solved_near(system, aim, at.mean - self.center) + self.center)
        scatter = self._residual(at, statistics)
        group = now if self.switching_variance else np.zeros_like(now)
        n = grouped(statistics.count[:, None], group, len(at.var))[:, 0]
        square = grouped(scatter[:, None], group, len(at.var))[:, 0] + VARIANCE_FLOOR * self.unit**2
        return replace(at, var=np.where(n > 1e-9 * k, square / np.maximum(n, 1e-300), at.var))

    def _emitted(self, at: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> float:
        n, scatter, var = statistics.count, self._residual(at, statistics), self._var(at)
        own = -0.5 * float((n * np.log(var) + scatter / var).sum())
        return own - 0.5 * VARIANCE_FLOOR * self.unit**2 * float((1 / at.var).sum())

    def _filters(self, at: SwitchingMeanParameters) -> FloatArray:
        """Return (1, -ar) (c, m) of each history."""
        ar = np.broadcast_to(at.ar, (self.n_components, self.order))[self.histories[:, 0]]
        return np.concatenate([np.ones((len(ar), 1)), -ar], axis=1)

    def _var(self, at: SwitchingMeanParameters) -> FloatArray:
        return np.asarray(np.broadcast_to(at.var, (self.n_components,))[self.histories[:, 0]])

    def _levels(self, at: SwitchingMeanParameters) -> FloatArray:
        return np.asarray((at.mean - self.center)[self.histories])

    def _shares(self, filters: FloatArray) -> FloatArray:
        """Return what each state's mean takes part (c, k) in the level of each history's residual."""
        share = np.zeros((len(filters), self.n_components))
        for j in range(self.order + 1):
            share[np.arange(len(share)), self.histories[:, j]] += filters[:, j]
        return share

    def _about(self, levels: FloatArray, statistics: SwitchingMeanStatistics) -> FloatArray:
        """Return cross-products (c, m, m) of w about the means of each history."""
        cross = levels[:, :, None] * statistics.total[:, None, :]
        both = cross + np.swapaxes(cross, 1, 2)
        outer = levels[:, :, None] * levels[:, None, :]
        return np.asarray(statistics.square - both + statistics.count[:, None, None] * outer)

    def _residual(self, at: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> FloatArray:
        filters = self._filters(at)
        scatter = np.einsum("ci,cij,cj->c", filters, self._about(self._levels(at), statistics), filters)
        return np.asarray(np.maximum(scatter, 0.0))

    def _no_sums(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        c, m = len(self.histories), self.order + 1
        return np.zeros(c), np.zeros((c, m)), np.zeros((c, m, m))
