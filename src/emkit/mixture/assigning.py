"""A mixture whose E-step assigns rows by a rule: what classification, stochastic and annealed EM ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.assignments import Assignment
from emkit.core.model import Model

__all__ = ["Assigning"]


@dataclass(frozen=True)
class Assigning(Model):
    """A mixture with memberships by a rule; its log-likelihood is the objective of that rule.

    Parameters
    ----------
    model : FiniteMixture or ConcomitantMixture
        Prepared.
    rule : Assignment
    """

    model: Any
    rule: Assignment

    def start(self, source: Any, rng: np.random.Generator) -> Any:
        return self.model.start(source, rng)

    def e_step(self, parameters: Any, block: Any) -> Any:
        value, resp = self.rule.memberships(self.model.log_joint(parameters, block), block.start)
        weights = block.weights
        if block.is_weighted:
            value = np.where(weights > 0, value, 0.0)
            resp = np.where(weights[:, None] > 0, resp * weights[:, None], 0.0)
        return self.model.collected(parameters, block, resp, float(weights @ value))

    def m_step(self, statistics: Any, parameters: Any) -> Any:
        return self.model.m_step(statistics, parameters)

    def log_prior(self, parameters: Any) -> float:
        return float(self.model.log_prior(parameters))

    def expected_loglik(self, parameters: Any, statistics: Any) -> float:
        return float(self.model.expected_loglik(parameters, statistics))

    def score(self, parameters: Any, statistics: Any) -> Any:
        return self.model.score(parameters, statistics)

    @property
    def starts_to_agree(self) -> int:
        """As many as for the mixture itself."""
        return int(self.model.starts_to_agree)

    def portfolio(self, source: Any, rng: np.random.Generator) -> Callable[[np.random.Generator, int], Any]:
        draw: Callable[[np.random.Generator, int], Any] = self.model.portfolio(source, rng)
        return draw

    def degeneracy(self, parameters: Any, statistics: Any) -> str:
        return str(self.model.degeneracy(parameters, statistics))
