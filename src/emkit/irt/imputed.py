"""Item response models whose latent variables are drawn, not integrated out: the imputation step of Cai's algorithm.

Each person has latent variables that move by Metropolis steps at the parameters of the moment,

    x' = x + s_i C e,   e standard normal,  C C' the covariance of the latent distribution,

accepted with probability min(1, p(y_i, x') / p(y_i, x)); the scale s_i follows each person's acceptance, less and less.
The statistics are the score and the information of the complete data at the draws. A row that stands for several
people has as many draws, up to a limit.

References
----------
Cai 2010, Psychometrika 75:33, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.model import Model
from emkit.irt import placed

__all__ = ["ImputedItemResponse"]

_WANTED = 0.3  # acceptance rate
_MOST = 32  # draws of one row
_FIRST = 20  # moves at first


class _Chains(NamedTuple):
    """Latent variables (n, r, F) of people, and the logarithms (n, 1) of the scales of their moves."""

    theta: FloatArray
    log_scale: FloatArray


@dataclass(frozen=True)
class ImputedItemResponse(Model):
    """The complete-data model of an item response model.

    Parameters
    ----------
    base : ItemResponse
        Its latent distribution tells its parameters from sums over people (`FactorNormal`, `Regression`).
    """

    base: Any = None

    def start(self, source: Any, rng: np.random.Generator) -> Any:
        return self.base.start(source, rng)

    def e_step(self, parameters: Any, block: Any) -> placed.PlacedStatistics:
        """Return the statistics at fresh draws: those before the first iteration."""
        return self.drawn(parameters, block, None, np.random.default_rng(block.start), _FIRST, 1.0)[1]

    def m_step(self, statistics: placed.PlacedStatistics, parameters: Any) -> Any:
        return placed.m_step(self.base, parameters, statistics)

    def log_prior(self, parameters: Any) -> float:
        return float(self.base.log_prior(parameters))

    def score(self, parameters: Any, statistics: placed.PlacedStatistics) -> Any:
        return placed.score(self.base, parameters, statistics)

    def degeneracy(self, parameters: Any, statistics: Any) -> str:
        return str(self.base.degeneracy(parameters, statistics))

    def drawn(
        self, parameters: Any, block: Any, state: Any, rng: np.random.Generator, n_moves: int, tuning: float
    ) -> tuple[_Chains, placed.PlacedStatistics]:
        """Move the chains of a block; return their state and the statistics at the draws."""
        target = placed.Target(self.base, parameters, block)
        chains = self._begun(parameters, target, block) if state is None else state
        _, covariance = self.base.latent.normal(parameters.latent, self.base.n_factors)
        factor = np.linalg.cholesky(covariance)[target.which]
        theta, log_scale = chains
        height = target(theta)
        for _ in range(n_moves):
            step = np.einsum("nfg,nrg->nrf", factor, rng.standard_normal(theta.shape))
            trial = theta + np.exp(log_scale)[:, :, None] * step
            after = target(trial)
            is_taken = np.log(rng.random(height.shape)) < after - height
            theta = np.where(is_taken[:, :, None], trial, theta)
            height = np.where(is_taken, after, height)
            log_scale = log_scale + tuning * (is_taken.mean(axis=1, keepdims=True) - _WANTED)
        mass = np.repeat(block.weights[:, None] / theta.shape[1], theta.shape[1], axis=1)
        loglik = float((np.where(mass > 0, height, 0.0) * mass).sum())
        return _Chains(theta, log_scale), target.statistics(theta, mass, loglik)

    def _begun(self, parameters: Any, target: Any, block: Any) -> _Chains:
        n = len(block.weights)
        some = block.weights[block.weights > 0]
        n_draws = int(np.clip(round(float(some.mean())), 1, _MOST)) if len(some) else 1
        centre = target.centre[:, None]
        theta = np.broadcast_to(centre, (n, n_draws, self.base.n_factors)).copy()
        return _Chains(theta, np.full((n, 1), np.log(2.4 / np.sqrt(self.base.n_factors)) - 0.7))
