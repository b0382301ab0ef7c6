"""Priors on single parameters: log-densities, their slopes and their bends, entry by entry.

A prior is on the parameter as it stands in the record, whatever coordinates the solver uses: the posterior mode then
does not depend on them. The bend is minus the second derivative, in log odds where the parameter lies between 0 and 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, xlogy

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError

__all__ = ["BetaPrior", "DirichletPrior", "GammaPrior", "LogNormalPrior", "LogitNormalPrior", "NormalPrior", "Prior"]

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Prior(ABC):
    """A density for each entry of a parameter, independent of the others."""

    @abstractmethod
    def log_density(self, value: Array) -> FloatArray:
        """Return the log-density of each entry."""

    @abstractmethod
    def slope(self, value: Array) -> FloatArray:
        """Return the derivative of the log-density of each entry."""

    @abstractmethod
    def bend(self, value: Array) -> FloatArray:
        """Return minus the second derivative of each entry, not negative."""


@dataclass(frozen=True)
class NormalPrior(Prior):
    """Normal with `mean` and `sd`, numbers or arrays in the shape of the parameter."""

    mean: Any = 0.0
    sd: Any = 1.0

    def __post_init__(self) -> None:
        _require_positive(self, "sd")

    def log_density(self, value: Array) -> FloatArray:
        z = (value - self.mean) / self.sd
        return np.asarray(-0.5 * z**2 - np.log(self.sd) - _LOG_ROOT_TWO_PI)

    def slope(self, value: Array) -> FloatArray:
        return np.asarray((self.mean - value) / np.square(self.sd))

    def bend(self, value: Array) -> FloatArray:
        return np.asarray(np.zeros(np.shape(value)) + 1 / np.square(self.sd))


@dataclass(frozen=True)
class LogNormalPrior(Prior):
    """The logarithm is normal with `mean` and `sd`: for what is known to be positive."""

    mean: Any = 0.0
    sd: Any = 0.5

    def __post_init__(self) -> None:
        _require_positive(self, "sd")

    def log_density(self, value: Array) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            log = np.log(value)
            density = -0.5 * ((log - self.mean) / self.sd) ** 2 - log - np.log(self.sd) - _LOG_ROOT_TWO_PI
        return np.where(value > 0, density, -np.inf)

    def slope(self, value: Array) -> FloatArray:
        return np.asarray(-(1 + (np.log(value) - self.mean) / np.square(self.sd)) / value)

    def bend(self, value: Array) -> FloatArray:
        return np.asarray(np.maximum((1 - np.log(value) + self.mean) / np.square(self.sd) - 1, 0.0) / value**2)


@dataclass(frozen=True)
class GammaPrior(Prior):
    """Gamma with `shape` and `rate`: as much as `shape - 1` events seen in `rate` units of exposure."""

    shape: Any
    rate: Any

    def __post_init__(self) -> None:
        _require_positive(self, "shape", "rate")

    def log_density(self, value: Array) -> FloatArray:
        shape = np.asarray(self.shape, dtype=np.float64)
        constant = shape * np.log(self.rate) - gammaln(shape)
        return np.asarray(constant + xlogy(shape - 1, value) - self.rate * value)

    def slope(self, value: Array) -> FloatArray:
        return np.asarray((np.asarray(self.shape) - 1.0) / value - self.rate)

    def bend(self, value: Array) -> FloatArray:
        return np.asarray(np.maximum(np.asarray(self.shape) - 1.0, 0.0) / value**2)


@dataclass(frozen=True)
class BetaPrior(Prior):
    """Beta of a probability: as much as `a - 1` successes and `b - 1` failures.

    Beta(5, 17) is customary for guessing among five answers.
    """

    a: Any = 5.0
    b: Any = 17.0

    def __post_init__(self) -> None:
        _require_positive(self, "a", "b")

    def log_density(self, value: Array) -> FloatArray:
        a, b = (np.asarray(number, dtype=np.float64) for number in (self.a, self.b))
        return np.asarray(xlogy(a - 1, value) + (b - 1) * np.log1p(-value) - betaln(a, b))

    def slope(self, value: Array) -> FloatArray:
        return np.asarray((np.asarray(self.a) - 1.0) / value - (np.asarray(self.b) - 1.0) / (1 - value))

    def bend(self, value: Array) -> FloatArray:
        return np.asarray(np.maximum(np.asarray(self.a) + self.b - 2.0, 0.0) * value * (1 - value))


@dataclass(frozen=True)
class DirichletPrior(Prior):
    """Dirichlet of probabilities that sum to one: as much as `concentration - 1` cases seen of each kind.

    Its normalising constant is left out.
    """

    concentration: Any

    def __post_init__(self) -> None:
        _require_positive(self, "concentration")

    def log_density(self, value: Array) -> FloatArray:
        return np.asarray(xlogy(np.asarray(self.concentration) - 1.0, value))

    def slope(self, value: Array) -> FloatArray:
        return np.asarray((np.asarray(self.concentration) - 1.0) / value)

    def bend(self, value: Array) -> FloatArray:
        return np.asarray(np.maximum(np.asarray(self.concentration) - 1.0, 0.0) * value * (1 - value))


@dataclass(frozen=True)
class LogitNormalPrior(Prior):
    """Normal on the log odds of a probability, as a density of the log odds (so its mode is that of mirt's `norm`)."""

    mean: Any = -1.386
    sd: Any = 0.5

    def __post_init__(self) -> None:
        _require_positive(self, "sd")

    def log_density(self, value: Array) -> FloatArray:
        z = (np.log(value) - np.log1p(-value) - self.mean) / self.sd
        return np.asarray(-0.5 * z**2 - np.log(self.sd) - _LOG_ROOT_TWO_PI)

    def slope(self, value: Array) -> FloatArray:
        logit = np.log(value) - np.log1p(-value)
        return np.asarray((self.mean - logit) / np.square(self.sd) / (value * (1 - value)))

    def bend(self, value: Array) -> FloatArray:
        return np.asarray(np.zeros(np.shape(value)) + 1 / np.square(self.sd))


def _require_positive(prior: Prior, *names: str) -> None:
    for name in names:
        value = np.asarray(getattr(prior, name))
        if not (np.isfinite(value) & (value > 0)).all():
            message = f"`{name}` of {type(prior).__name__} must be positive, got {getattr(prior, name)!r}"
            raise ParameterError(message)
