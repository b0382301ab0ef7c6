"""Priors on item parameters: with them the fit is maximum a posteriori.

A prior gives its log-density, the slope of it, and its bend: minus the second derivative, in log odds where the
parameter lies between 0 and 1, which is where the M-step steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError

__all__ = ["BetaPrior", "LogNormalPrior", "LogitNormalPrior", "NormalPrior", "Prior"]

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Prior(ABC):
    """A density for each entry of a field, independent of the others."""

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
    """Normal with `mean` and `sd`."""

    mean: float = 0.0
    sd: float = 1.0

    def __post_init__(self) -> None:
        _require_positive(self, "sd")

    def log_density(self, value: Array) -> FloatArray:
        z = (value - self.mean) / self.sd
        return np.asarray(-0.5 * z**2 - np.log(self.sd) - _LOG_ROOT_TWO_PI)

    def slope(self, value: Array) -> FloatArray:
        return np.asarray((self.mean - value) / self.sd**2)

    def bend(self, value: Array) -> FloatArray:
        return np.full(np.shape(value), self.sd**-2.0)


@dataclass(frozen=True)
class LogNormalPrior(Prior):
    """The logarithm is normal with `mean` and `sd`: for slopes that are known to be positive."""

    mean: float = 0.0
    sd: float = 0.5

    def __post_init__(self) -> None:
        _require_positive(self, "sd")

    def log_density(self, value: Array) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            log = np.log(value)
            density = -0.5 * ((log - self.mean) / self.sd) ** 2 - log - np.log(self.sd) - _LOG_ROOT_TWO_PI
        return np.where(value > 0, density, -np.inf)

    def slope(self, value: Array) -> FloatArray:
        return np.asarray(-(1 + (np.log(value) - self.mean) / self.sd**2) / value)

    def bend(self, value: Array) -> FloatArray:
        return np.asarray(np.maximum((1 - np.log(value) + self.mean) / self.sd**2 - 1, 0.0) / value**2)


@dataclass(frozen=True)
class BetaPrior(Prior):
    """Beta with parameters `a` and `b`: for asymptotes. Beta(5, 17) is customary for guessing among five answers."""

    a: float = 5.0
    b: float = 17.0

    def __post_init__(self) -> None:
        _require_positive(self, "a", "b")

    def log_density(self, value: Array) -> FloatArray:
        return np.asarray((self.a - 1) * np.log(value) + (self.b - 1) * np.log1p(-value) - betaln(self.a, self.b))

    def slope(self, value: Array) -> FloatArray:
        return np.asarray((self.a - 1) / value - (self.b - 1) / (1 - value))

    def bend(self, value: Array) -> FloatArray:
        return np.asarray(max(self.a + self.b - 2, 0.0) * value * (1 - value))


@dataclass(frozen=True)
class LogitNormalPrior(Prior):
    """Normal on the log odds of an asymptote, as a density of the log odds (so its mode is that of mirt's `norm`)."""

    mean: float = -1.386
    sd: float = 0.5

    def __post_init__(self) -> None:
        _require_positive(self, "sd")

    def log_density(self, value: Array) -> FloatArray:
        z = (np.log(value) - np.log1p(-value) - self.mean) / self.sd
        return np.asarray(-0.5 * z**2 - np.log(self.sd) - _LOG_ROOT_TWO_PI)

    def slope(self, value: Array) -> FloatArray:
        logit = np.log(value) - np.log1p(-value)
        return np.asarray((self.mean - logit) / self.sd**2 / (value * (1 - value)))

    def bend(self, value: Array) -> FloatArray:
        return np.full(np.shape(value), self.sd**-2.0)


def _require_positive(prior: Prior, *names: str) -> None:
    for name in names:
        value = getattr(prior, name)
        if not (np.isfinite(value) and value > 0):
            message = f"`{name}` of {type(prior).__name__} must be positive, got {value!r}"
            raise ParameterError(message)
