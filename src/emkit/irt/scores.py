"""Scores of people: where they lie on the latent variable, with standard errors.

EAP         mean and standard deviation of the posterior
MAP         its mode
ML          the mode of the likelihood; infinite for the lowest and the highest answers
WLE         Warm's: the likelihood times the root of the test information, of its determinant with several factors;
            finite for all who answered enough
sum-EAP     EAP given the sum of the answers alone (Lord & Wingersky 1984)
plausible   draws from the posterior

Standard errors of modes are (-second derivative)^(-1/2) of what is maximised.

References
----------
Bock & Mislevy 1982, Applied Psychological Measurement 6:431. Warm 1989, Psychometrika 54:427, equation 8. Thissen,
Pommerich, Billeaud & Williams 1995, Applied Psychological Measurement 19:39.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.irt import placed
from emkit.irt.bifactor import bifactor_draws, bifactor_eap, picked
from emkit.irt.coding import MISSING
from emkit.irt.grids import Equispaced

__all__ = ["Scores", "eap", "plausible", "sum_distribution", "sum_eap"]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores with standard errors.

    Parameters
    ----------
    theta : array (n,), or (n, F) with several factors
    se : array, in the same shape
    method : str
    covariance : array (n, F, F) or None
        With several factors: of the posterior, or of what was maximised; its diagonal is `se` squared.
    """

    theta: FloatArray
    se: FloatArray
    method: str
    covariance: FloatArray | None = None

    @property
    def reliability(self) -> FloatArray | float:
        """Empirical reliability: var(theta) / (var(theta) + mean(se^2)), of finite scores; of each factor."""
        return self.reliability_of(None)

    def reliability_of(self, weights: Any) -> FloatArray | float:
        """Return the same where each score was observed so often (n,): of patterns with their counts."""
        own = np.ones(len(self.theta)) if weights is None else np.asarray(weights, dtype=np.float64)
        theta, se = np.atleast_2d(self.theta.T), np.atleast_2d(self.se.T)
        found = np.array([_reliability(t, s, own) for t, s in zip(theta, se, strict=True)])
        return float(found[0]) if self.theta.ndim == 1 else found


def _reliability(theta: FloatArray, se: FloatArray, weights: FloatArray) -> float:
    known = np.isfinite(theta) & np.isfinite(se) & (weights > 0)
    theta, se, weights = theta[known], se[known], weights[known]
    total = float(weights.sum())
    if total <= 1:
        return float("nan")
    spread = float(weights @ (theta - weights @ theta / total) ** 2) / (total - 1)
    return spread / (spread + float(weights @ se**2) / total)


def eap(model: Any, parameters: Any, block: Any) -> tuple[FloatArray, FloatArray]:
    """Return posterior means (n, F) and covariances (n, F, F)."""
    if model.specific is not None:
        return bifactor_eap(model, parameters, *model.split(block.X))
    if model.placing is not None:
        return placed.eap(model, parameters, block)
    resp, nodes = model.posterior(parameters, block), model.nodes
    mean = resp @ nodes
    products = (nodes[:, :, None] * nodes[:, None, :]).reshape(len(nodes), -1)
    second = (resp @ products).reshape(len(resp), model.n_factors, model.n_factors)
    return mean, second - mean[:, :, None] * mean[:, None, :]


def plausible(model: Any, parameters: Any, block: Any, rng: np.random.Generator, n_draws: int) -> FloatArray:
    """Return draws (n, n_draws, F) from the posteriors: a node, then a place in the cell around it."""
    if model.specific is not None:
        codes, group = model.split(block.X)
        return bifactor_draws(model, parameters, codes, group, rng, n_draws)
    if model.placing is not None:
        return placed.draws(model, parameters, block, rng, n_draws)
    resp = model.posterior(parameters, block)
    draws = np.empty((len(resp), n_draws, model.n_factors))
    step = model.grid.step if isinstance(model.grid, Equispaced) else 0.0
    for i in range(n_draws):
        at = model.nodes[picked(resp, rng)]
        draws[:, i] = at + rng.uniform(-0.5, 0.5, at.shape) * step
    return draws


def sum_eap(model: Any, parameters: Any, block: Any) -> tuple[FloatArray, FloatArray]:
    """Return means and variances (n, F) given the sums of the codes of the items that were answered."""
    codes, group = model.split(block.X)
    seen = codes != MISSING
    total = np.where(seen, codes, 0).sum(axis=1)
    log_prob, log_weights = model.tables(parameters, block)
    prob = np.exp(log_prob)
    mean, var = np.empty((2, len(codes), model.n_factors))
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    groups = np.zeros(len(codes), dtype=np.int32) if group is None else group
    for p, pattern in enumerate(patterns):
        chance = sum_distribution(prob, model.first, np.flatnonzero(pattern))
        for g in np.unique(groups[which.reshape(-1) == p]):
            joint = chance * np.exp(log_weights[g])
            resp = joint / joint.sum(axis=1, keepdims=True)
            first, second = resp @ model.nodes, resp @ model.nodes**2
            rows = np.flatnonzero((which.reshape(-1) == p) & (groups == g))
            mean[rows] = first[total[rows]]
            var[rows] = np.maximum(second - first**2, 0.0)[total[rows]]
    return mean, var


def sum_distribution(prob: FloatArray, first: Array, items: Array) -> FloatArray:
    """Return the probabilities (sums, q) of each sum of answers at each node (Lord & Wingersky 1984)."""
    chance = np.ones((1, prob.shape[1]))
    for j in items:
        own = prob[first[j] : first[j + 1]]
        longer = np.zeros((len(chance) + len(own) - 1, prob.shape[1]))
        for k, p in enumerate(own):
            longer[k : k + len(chance)] += chance * p
        chance = longer
    return chance
