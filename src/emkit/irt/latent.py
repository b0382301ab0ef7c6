"""The distribution of the latent variable over the nodes: log-weights, M-step and score of each kind.

The density is taken at the nodes, times their widths, and normalized there, so that the objective is exact for the
discrete distribution that is used and no parameter can gain from the grid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_softmax

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real, Simplex
from emkit.errors import ParameterError

__all__ = [
    "BifactorNormal",
    "FreeNormal",
    "FreeNormalParameters",
    "Histogram",
    "HistogramParameters",
    "Latent",
    "StandardNormal",
]


@dataclass(frozen=True)
class Latent(ABC):
    """A distribution over nodes for each group."""

    n_groups: int = 1
    n_covariates: ClassVar[int] = 0
    is_parametric: ClassVar[bool] = True  # whether it means the same on another grid
    is_even: ClassVar[bool] = False  # whether turning a factor round leaves a distribution of the same kind
    is_normal: ClassVar[bool] = True
    n_starts: ClassVar[int] = 1  # starts that compete: more where the likelihood has several optima

    @abstractmethod
    def start(self, nodes: FloatArray) -> Any:
        """Return parameters to begin with."""

    def drawn(self, nodes: FloatArray, rng: np.random.Generator) -> Any:
        """Return other parameters to begin with, drawn at random where there are several optima."""
        return self.start(nodes)

    @abstractmethod
    def log_weights(self, parameters: Any, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        """Return log-probabilities (groups, q) of the nodes."""

    @abstractmethod
    def m_step(self, parameters: Any, statistics: Any, nodes: FloatArray, log_width: FloatArray) -> Any:
        """Return parameters from the expected rows at each node, `statistics.mass` (groups, q)."""

    @abstractmethod
    def score(self, parameters: Any, statistics: Any, nodes: FloatArray, log_width: FloatArray) -> Any:
        """Return the gradient of sum mass * log_weights, entry by entry."""

    def turned(self, parameters: Any, turn: FloatArray) -> Any:
        """Return the parameters of the factors turned round where `turn` (F,) is -1."""
        return parameters

    def mixed(self, parameters: Any, draws: FloatArray) -> FloatArray:
        """Return independent standard normal draws (n, F) with the correlations of the factors."""
        return draws

    def correlation(self, parameters: Any) -> FloatArray | None:
        """Return the correlations (F, F), or (groups, F, F), of the factors where they are estimated."""
        return None

    def normal(self, parameters: Any, n_factors: int) -> tuple[FloatArray, FloatArray]:
        """Return means (groups, F) and covariances (groups, F, F), those around the means of people with covariates.

        Raises
        ------
        ParameterError
            If the distribution is not normal.
        """
        message = f"{type(self).__name__} is no normal distribution, which is what places of one's own for people need"
        raise ParameterError(message)

    def origin(self, parameters: Any) -> FloatArray | float:
        """Return where the origin (F,) of reported item parameters lies on the scale of the nodes."""
        return 0.0

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

    is_even: ClassVar[bool] = True

    def start(self, nodes: FloatArray) -> NoParameters:
        return NoParameters()

    def log_weights(self, parameters: Any, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        own = log_softmax(log_width - 0.5 * (nodes**2).sum(axis=1))
        return np.ascontiguousarray(np.broadcast_to(own, (self.n_groups, len(own))))

    def m_step(self, parameters: Any, statistics: Any, nodes: FloatArray, log_width: FloatArray) -> NoParameters:
        return NoParameters()

    def score(self, parameters: Any, statistics: Any, nodes: FloatArray, log_width: FloatArray) -> NoParameters:
        return NoParameters()

    def moments(self, parameters: Any, nodes: FloatArray, log_width: FloatArray) -> tuple[FloatArray, FloatArray]:
        shape = (self.n_groups, nodes.shape[1])
        return np.zeros(shape), np.ones(shape)

    def normal(self, parameters: Any, n_factors: int) -> tuple[FloatArray, FloatArray]:
        return np.zeros((self.n_groups, n_factors)), np.broadcast_to(
            np.eye(n_factors), (self.n_groups, n_factors, n_factors)
        )


@dataclass(frozen=True)
class FreeNormalParameters(Parameters):
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

    def start(self, nodes: FloatArray) -> FreeNormalParameters:
        return FreeNormalParameters(np.zeros(len(self.free_mean)), np.ones(len(self.free_var)))

    def moments(
        self, parameters: FreeNormalParameters, nodes: FloatArray, log_width: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        mean, var = self.all_moments(parameters)
        return mean[:, None], np.sqrt(var)[:, None]

    def normal(self, parameters: FreeNormalParameters, n_factors: int) -> tuple[FloatArray, FloatArray]:
        mean, var = self.all_moments(parameters)
        return mean[:, None], var[:, None, None]

    def all_moments(self, parameters: FreeNormalParameters) -> tuple[FloatArray, FloatArray]:
        """Return means and variances (groups,) of all groups."""
        mean, var = np.zeros(self.n_groups), np.ones(self.n_groups)
        mean[list(self.free_mean)] = parameters.mean
        var[list(self.free_var)] = parameters.var
        return mean, var

    def log_weights(self, parameters: FreeNormalParameters, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        mean, var = self.all_moments(parameters)
        z2 = (nodes[:, 0] - mean[:, None]) ** 2 / var[:, None]
        return np.asarray(log_softmax(log_width - 0.5 * z2, axis=1))

    def m_step(
        self, parameters: FreeNormalParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> FreeNormalParameters:
        mean, var = self.all_moments(parameters)
        mass = statistics.mass
        for g in range(self.n_groups):
            free = np.array([g in self.free_mean, g in self.free_var])
            if free.any() and mass[g].sum() > 0:
                mean[g], var[g] = _normal_on_grid(mass[g], nodes[:, 0], log_width, (mean[g], var[g]), free)
        return FreeNormalParameters(mean[list(self.free_mean)], var[list(self.free_var)])

    def score(
        self, parameters: FreeNormalParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> FreeNormalParameters:
        mean, var = self.all_moments(parameters)
        mass = statistics.mass
        left = mass - mass.sum(axis=1, keepdims=True) * np.exp(self.log_weights(parameters, nodes, log_width))
        off = nodes[:, 0] - mean[:, None]
        by_mean = (left * off).sum(axis=1) / var
        by_var = (left * off**2).sum(axis=1) / (2 * var**2)
        return FreeNormalParameters(by_mean[list(self.free_mean)], by_var[list(self.free_var)])


@dataclass(frozen=True)
class BifactorNormal(Latent):
    """Independent normal factors, one general and others specific, each over the nodes of a line.

    Parameters
    ----------
    n_specific : int
    free_mean : tuple of int
        Groups whose general mean is free; specific factors have the mean zero.
    free_var : tuple of (int, int)
        Pairs (group, factor) whose variance is free, the general factor being 0; the others are one.
    """

    n_specific: int = 0
    free_mean: tuple[int, ...] = ()
    free_var: tuple[tuple[int, int], ...] = ()
    is_even: ClassVar[bool] = True

    def start(self, nodes: FloatArray) -> FreeNormalParameters:
        return FreeNormalParameters(np.zeros(len(self.free_mean)), np.ones(len(self.free_var)))

    def all_moments(self, parameters: FreeNormalParameters) -> tuple[FloatArray, FloatArray]:
        """Return means and variances (groups, 1 + S)."""
        mean, var = np.zeros((self.n_groups, 1 + self.n_specific)), np.ones((self.n_groups, 1 + self.n_specific))
        mean[list(self.free_mean), 0] = parameters.mean
        var[self._places] = parameters.var
        return mean, var

    @property
    def _places(self) -> tuple[Array, ...]:
        return tuple(np.array(self.free_var, dtype=np.intp).reshape(-1, 2).T)

    def normal(self, parameters: FreeNormalParameters, n_factors: int) -> tuple[FloatArray, FloatArray]:
        mean, var = self.all_moments(parameters)
        return mean, var[:, :, None] * np.eye(mean.shape[1])

    def moments(
        self, parameters: FreeNormalParameters, nodes: FloatArray, log_width: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        mean, var = self.all_moments(parameters)
        return mean, np.sqrt(var)

    def log_weights(self, parameters: FreeNormalParameters, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        """Return log-probabilities (groups, 1 + S, q) of the nodes (q, 1) of a line."""
        mean, var = self.all_moments(parameters)
        z2 = (nodes[:, 0] - mean[:, :, None]) ** 2 / var[:, :, None]
        return np.asarray(log_softmax(log_width - 0.5 * z2, axis=2))

    def m_step(
        self, parameters: FreeNormalParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> FreeNormalParameters:
        mean, var = self.all_moments(parameters)
        for g, f in {*((g, 0) for g in self.free_mean), *self.free_var}:
            free = np.array([f == 0 and g in self.free_mean, (g, f) in self.free_var])
            mass = statistics.mass[g, f]
            if mass.sum() > 0:
                mean[g, f], var[g, f] = _normal_on_grid(mass, nodes[:, 0], log_width, (mean[g, f], var[g, f]), free)
        return FreeNormalParameters(mean[list(self.free_mean), 0], var[self._places])

    def score(
        self, parameters: FreeNormalParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> FreeNormalParameters:
        mean, var = self.all_moments(parameters)
        mass = statistics.mass
        left = mass - mass.sum(axis=2, keepdims=True) * np.exp(self.log_weights(parameters, nodes, log_width))
        off = nodes[:, 0] - mean[:, :, None]
        by_mean, by_var = (left * off).sum(axis=2) / var, (left * off**2).sum(axis=2) / (2 * var**2)
        return FreeNormalParameters(by_mean[list(self.free_mean), 0], by_var[self._places])

    def turned(self, parameters: FreeNormalParameters, turn: FloatArray) -> FreeNormalParameters:
        return FreeNormalParameters(parameters.mean * turn[0], parameters.var)


def _normal_on_grid(
    mass: FloatArray, x: FloatArray, log_width: FloatArray, start: tuple[float, float], free: Array
) -> tuple[float, float]:
    """Return mean and variance that maximise sum mass log w, where w is the normal density normalized on the nodes.

    On a wide and fine grid these are the moments of the mass. They begin Newton's method, which counts where the grid
    cuts the tails off.
    """
    share, (mean, var) = mass / mass.sum(), start
    if free[0]:
        mean = float(share @ x)
    if free[1]:
        var = max(float(share @ (x - mean) ** 2), 1e-6)
    at = _on_grid(share, x, log_width, mean, var)
    for _ in range(_NEWTON):
        tail = np.exp(log_softmax(log_width - 0.5 * (x - mean) ** 2 / var))
        basis = np.stack([(x - mean) / var, (x - mean) ** 2 / (2 * var)])[free]  # by the mean, and by log var
        centred = basis - (basis @ tail)[:, None]
        slope, bend = centred @ share, (centred * tail) @ centred.T
        step = np.zeros(2)
        step[free] = np.clip(np.linalg.solve(bend + 1e-12 * np.eye(len(bend)), slope), -1.0, 1.0)
        if np.abs(step).max() < _EXACT:
            break
        for _ in range(_HALVINGS):
            trial = mean + step[0], min(var * float(np.exp(step[1])), _LARGEST)
            value = _on_grid(share, x, log_width, *trial)
            if value >= at - _ROUNDING:
                break
            step /= 2
        else:
            break
        (mean, var), at = trial, value
    return mean, var


_NEWTON, _HALVINGS, _EXACT = 20, 10, 1e-12
_ROUNDING = 1e-14
_LARGEST = 1e4  # a variance this large on a grid says that the grid is too narrow


def _on_grid(share: FloatArray, x: FloatArray, log_width: FloatArray, mean: float, var: float) -> float:
    return float(share @ log_softmax(log_width - 0.5 * (x - mean) ** 2 / var))


@dataclass(frozen=True)
class HistogramParameters(Parameters):
    """Probabilities (groups, q) of the nodes."""

    prob: Array = space(Simplex())


@dataclass(frozen=True)
class Histogram(Latent):
    """The empirical histogram: the probability of every node is estimated (Bock & Aitkin 1981)."""

    is_parametric: ClassVar[bool] = False
    is_normal: ClassVar[bool] = False

    def start(self, nodes: FloatArray) -> HistogramParameters:
        own = np.exp(log_softmax(-0.5 * (nodes**2).sum(axis=1)))
        return HistogramParameters(np.broadcast_to(own, (self.n_groups, len(own))).copy())

    def log_weights(self, parameters: HistogramParameters, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(parameters.prob), -1e5)  # finite, so that a node without mass stays harmless

    def m_step(
        self, parameters: HistogramParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> HistogramParameters:
        return HistogramParameters(statistics.mass / statistics.mass.sum(axis=1, keepdims=True))

    def score(
        self, parameters: HistogramParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> HistogramParameters:
        prob = parameters.prob
        return HistogramParameters(np.divide(statistics.mass, prob, out=np.zeros_like(prob), where=prob > 0))
