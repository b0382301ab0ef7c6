"""Priors on single parameters: log-densities, without constants, and their slopes, entry by entry.

A prior is on the parameter as it stands in the record, whatever coordinates the solver uses: the posterior mode then
does not depend on them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError

__all__ = ["BetaPrior", "DirichletPrior", "GammaPrior", "LogNormalPrior", "NormalPrior", "Prior"]


@dataclass(frozen=True)
class Prior(ABC):
    """A prior density of the entries of one parameter, independent of each other."""

    @abstractmethod
    def log_density(self, value: FloatArray) -> float:
        """Return the log-density of all entries together, without constants."""

    @abstractmethod
    def slope(self, value: FloatArray) -> FloatArray:
        """Return the derivative of the log-density with respect to each entry."""


def _demand_positive(name: str, value: Any) -> None:
    if not np.all(np.asarray(value) > 0):
        message = f"`{name}` of a prior must be positive, got {value!r}"
        raise ParameterError(message)


@dataclass(frozen=True)
class NormalPrior(Prior):
    """Normal with a mean and a standard deviation: pulls towards the mean.

    Parameters
    ----------
    mean, sd : float, or array in the shape of the parameter
    """

    mean: Any = 0.0
    sd: Any = 1.0

    def __post_init__(self) -> None:
        _demand_positive("sd", self.sd)

    def log_density(self, value: FloatArray) -> float:
        return -0.5 * float((((value - self.mean) / self.sd) ** 2).sum())

    def slope(self, value: FloatArray) -> FloatArray:
        return np.asarray((self.mean - value) / np.square(self.sd))


@dataclass(frozen=True)
class GammaPrior(Prior):
    """Gamma with a shape and a rate: as much as `shape - 1` events seen in `rate` units of exposure.

    Parameters
    ----------
    shape, rate : float, or array in the shape of the parameter
    """

    shape: Any
    rate: Any

    def __post_init__(self) -> None:
        _demand_positive("shape", self.shape)
        _demand_positive("rate", self.rate)

    def log_density(self, value: FloatArray) -> float:
        return float((xlogy(np.asarray(self.shape) - 1.0, value) - self.rate * value).sum())

    def slope(self, value: FloatArray) -> FloatArray:
        return np.asarray((np.asarray(self.shape) - 1.0) / value - self.rate)


@dataclass(frozen=True)
class LogNormalPrior(Prior):
    """Log-normal: the logarithm has a mean and a standard deviation.

    Parameters
    ----------
    mean, sd : float, or array in the shape of the parameter
        Of the logarithm.
    """

    mean: Any = 0.0
    sd: Any = 1.0

    def __post_init__(self) -> None:
        _demand_positive("sd", self.sd)

    def log_density(self, value: FloatArray) -> float:
        log = np.log(value)
        return float((-log - 0.5 * ((log - self.mean) / self.sd) ** 2).sum())

    def slope(self, value: FloatArray) -> FloatArray:
        return np.asarray(-(1.0 + (np.log(value) - self.mean) / np.square(self.sd)) / value)


@dataclass(frozen=True)
class BetaPrior(Prior):
    """Beta of a probability: as much as `a - 1` successes and `b - 1` failures.

    Parameters
    ----------
    a, b : float, or array in the shape of the parameter
    """

    a: Any
    b: Any

    def __post_init__(self) -> None:
        _demand_positive("a", self.a)
        _demand_positive("b", self.b)

    def log_density(self, value: FloatArray) -> float:
        return float((xlogy(np.asarray(self.a) - 1.0, value) + xlogy(np.asarray(self.b) - 1.0, 1.0 - value)).sum())

    def slope(self, value: FloatArray) -> FloatArray:
        return np.asarray((np.asarray(self.a) - 1.0) / value - (np.asarray(self.b) - 1.0) / (1.0 - value))


@dataclass(frozen=True)
class DirichletPrior(Prior):
    """Dirichlet of probabilities that sum to one: as much as `concentration - 1` cases seen of each kind.

    Parameters
    ----------
    concentration : float, or array in the shape of the parameter
    """

    concentration: Any

    def __post_init__(self) -> None:
        _demand_positive("concentration", self.concentration)

    def log_density(self, value: FloatArray) -> float:
        return float(xlogy(np.asarray(self.concentration) - 1.0, value).sum())

    def slope(self, value: FloatArray) -> FloatArray:
        return np.asarray((np.asarray(self.concentration) - 1.0) / value)
