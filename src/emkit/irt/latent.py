"""The distribution of the latent variable over the nodes: log-weights, M-step and score of each kind.

The density is taken at the nodes, times their widths, and normalized there, so that the objective is exact for the
discrete distribution that is used and no parameter can gain from the grid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import log_softmax

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real, Simplex

__all__ = ["FreeNormal", "Histogram", "HistogramParameters", "Latent", "NormalParameters1D", "StandardNormal"]


@dataclass(frozen=True)
class Latent(ABC):
    """A distribution over nodes for each group."""

    n_groups: int = 1

    @abstractmethod
    def start(self, nodes: FloatArray) -> Any:
        """Return parameters to begin with."""

    @abstractmethod
    def log_weights(self, parameters: Any, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        """Return log-probabilities (groups, q) of the nodes."""

    @abstractmethod
    def m_step(self, parameters: Any, mass: FloatArray, nodes: FloatArray) -> Any:
        """Return parameters from the expected rows (groups, q) at each node."""

    @abstractmethod
    def score(self, parameters: Any, mass: FloatArray, nodes: FloatArray, log_width: FloatArray) -> Any:
        """Return the gradient of sum mass * log_weights, entry by entry."""

    def moments(self, parameters: Any, nodes: FloatArray, log_width: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return means (groups, F) and standard deviations (groups, F)."""
        weights = np.exp(self.log_weights(parameters, nodes, log_width))
        mean = weights @ nodes
        return mean, np.sqrt(np.maximum(weights @ nodes**2 - mean**2, 0.0))


@dataclass(frozen=True)
class NoParameters(Parameters):
    """Nothing to be estimated."""


@dataclass(frozen=True)
class StandardNormal(Latent):
    """Independent standard normal factors."""

    def start(self, nodes: FloatArray) -> NoParameters:
        return NoParameters()

    def log_weights(self, parameters: Any, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        own = log_softmax(log_width - 0.5 * (nodes**2).sum(axis=1))
        return np.ascontiguousarray(np.broadcast_to(own, (self.n_groups, len(own))))

    def m_step(self, parameters: Any, mass: FloatArray, nodes: FloatArray) -> NoParameters:
        return NoParameters()

    def score(self, parameters: Any, mass: FloatArray, nodes: FloatArray, log_width: FloatArray) -> NoParameters:
        return NoParameters()


@dataclass(frozen=True)
class NormalParameters1D(Parameters):
    """Means and variances of the groups where they are free."""

    mean: Array = space(Real())
    var: Array = space(Positive())


@dataclass(frozen=True)
class FreeNormal(Latent):
    """A normal distribution of one factor in each group.

    Parameters
    ----------
    free_mean, free_var : tuple of int
        Groups whose mean, or variance, is free; that of the others is 0, or 1.
    """

    free_mean: tuple[int, ...] = ()
    free_var: tuple[int, ...] = field(default=(0,))

    def start(self, nodes: FloatArray) -> NormalParameters1D:
        return NormalParameters1D(np.zeros(len(self.free_mean)), np.ones(len(self.free_var)))

    def all_moments(self, parameters: NormalParameters1D) -> tuple[FloatArray, FloatArray]:
        """Return means and variances (groups,) of all groups."""
        mean, var = np.zeros(self.n_groups), np.ones(self.n_groups)
        mean[list(self.free_mean)] = parameters.mean
        var[list(self.free_var)] = parameters.var
        return mean, var

    def log_weights(self, parameters: NormalParameters1D, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        mean, var = self.all_moments(parameters)
        z2 = (nodes[:, 0] - mean[:, None]) ** 2 / var[:, None]
        return np.asarray(log_softmax(log_width - 0.5 * z2, axis=1))

    def m_step(self, parameters: NormalParameters1D, mass: FloatArray, nodes: FloatArray) -> NormalParameters1D:
        mean, var = self.all_moments(parameters)
        total = mass.sum(axis=1)
        seen = total > 0
        own = np.divide(mass @ nodes[:, 0], total, out=mean.copy(), where=seen)
        mean = np.where(np.isin(np.arange(self.n_groups), self.free_mean), own, mean)
        spread = (mass * (nodes[:, 0] - mean[:, None]) ** 2).sum(axis=1)
        var = np.divide(spread, total, out=var, where=seen)
        return NormalParameters1D(mean[list(self.free_mean)], np.maximum(var[list(self.free_var)], 1e-8))

    def score(
        self, parameters: NormalParameters1D, mass: FloatArray, nodes: FloatArray, log_width: FloatArray
    ) -> NormalParameters1D:
        mean, var = self.all_moments(parameters)
        left = mass - mass.sum(axis=1, keepdims=True) * np.exp(self.log_weights(parameters, nodes, log_width))
        off = nodes[:, 0] - mean[:, None]
        by_mean = (left * off).sum(axis=1) / var
        by_var = (left * off**2).sum(axis=1) / (2 * var**2)
        return NormalParameters1D(by_mean[list(self.free_mean)], by_var[list(self.free_var)])


@dataclass(frozen=True)
class HistogramParameters(Parameters):
    """Probabilities (groups, q) of the nodes."""

    prob: Array = space(Simplex())


@dataclass(frozen=True)
class Histogram(Latent):
    """The empirical histogram: the probability of every node is estimated (Bock & Aitkin 1981)."""

    def start(self, nodes: FloatArray) -> HistogramParameters:
        own = np.exp(log_softmax(-0.5 * (nodes**2).sum(axis=1)))
        return HistogramParameters(np.broadcast_to(own, (self.n_groups, len(own))).copy())

    def log_weights(self, parameters: HistogramParameters, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(parameters.prob), -1e5)  # finite, so that a node without mass stays harmless

    def m_step(self, parameters: HistogramParameters, mass: FloatArray, nodes: FloatArray) -> HistogramParameters:
        return HistogramParameters(mass / mass.sum(axis=1, keepdims=True))

    def score(
        self, parameters: HistogramParameters, mass: FloatArray, nodes: FloatArray, log_width: FloatArray
    ) -> HistogramParameters:
        prob = parameters.prob
        return HistogramParameters(np.divide(mass, prob, out=np.zeros_like(mass), where=prob > 0))
