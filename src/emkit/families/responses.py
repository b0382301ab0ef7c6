"""Responses of a regression: what a linear predictor says of one column.

Each response brings its log-density and, at a predictor eta, the slope and the bend of it by eta. Both links are
canonical, so that the bend is the expected information too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, gammaln

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError

__all__ = ["BinomialResponse", "GaussianResponse", "PoissonResponse", "Response"]

_LOG_2PI = float(np.log(2 * np.pi))
_HIGHEST = 700.0  # of a log rate: the exponential of more is no number


@dataclass(frozen=True)
class Response(ABC):
    """One column that is explained.

    Parameters
    ----------
    column : int
        Its place in the rows.
    offset : int or None
        The column of what is added to the linear predictor.
    uses : tuple of int or None
        Places in the design of the columns that have effects on this response; None is all.
    """

    column: int
    offset: int | None = None
    uses: tuple[int, ...] | None = None

    name: ClassVar[str]
    has_var: ClassVar[bool] = False

    def observed(self, X: Array) -> tuple[FloatArray, FloatArray]:
        """Return the response (n,), zero where it is missing, and one where it is seen, (n,)."""
        y = np.asarray(X[:, self.column], dtype=np.float64)
        seen = ~np.isnan(y)
        return np.where(seen, y, 0.0), seen.astype(np.float64)

    def predictor(self, X: Array, design: FloatArray, coef: FloatArray) -> FloatArray:
        """Return the linear predictors (k, n) of members with coefficients (k, p)."""
        eta: FloatArray = coef @ design.T
        return eta if self.offset is None else eta + np.asarray(X[:, self.offset], dtype=np.float64)

    @abstractmethod
    def log_density(self, X: Array, y: FloatArray, eta: FloatArray, var: FloatArray) -> FloatArray:
        """Return the log-density (k, n) of responses at predictors (k, n)."""

    @abstractmethod
    def slope_and_bend(self, X: Array, y: FloatArray, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the slope and minus the bend (k, n) of the log-density by the predictor, in units of the variance."""

    @abstractmethod
    def mean(self, X: Array, eta: FloatArray) -> FloatArray:
        """Return the expected response (k, n)."""

    @abstractmethod
    def working(self, X: Array, y: FloatArray) -> FloatArray:
        """Return the response (n,) on the scale of the predictor, for starts."""

    @abstractmethod
    def drawn(self, X: Array, eta: FloatArray, var: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return new responses (n,) at predictors (n,) with variances (n,)."""

    def check(self, block: Any, name: str) -> None:
        """Raise `DataError` if a response is outside its support."""
        self._check_offset(block)

    def _check_offset(self, block: Any) -> None:
        if self.offset is not None:
            wrong = np.isnan(block.X[:, self.offset]) & (block.weights > 0)
            if wrong.any():
                message = f"`offset` is missing in row {block.start + int(np.argmax(wrong))}"
                raise DataError(message)


@dataclass(frozen=True)
class GaussianResponse(Response):
    """y ~ N(eta, var), var of its own for each member, or one for all."""

    is_var_common: bool = False
    name: ClassVar[str] = "gaussian"
    has_var: ClassVar[bool] = True

    def log_density(self, X: Array, y: FloatArray, eta: FloatArray, var: FloatArray) -> FloatArray:
        v = var[:, None]
        density: FloatArray = -0.5 * (_LOG_2PI + np.log(v) + (y - eta) ** 2 / v)
        return density

    def slope_and_bend(self, X: Array, y: FloatArray, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        return y - eta, np.ones_like(eta)

    def mean(self, X: Array, eta: FloatArray) -> FloatArray:
        return eta

    def working(self, X: Array, y: FloatArray) -> FloatArray:
        return y

    def drawn(self, X: Array, eta: FloatArray, var: FloatArray, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.normal(eta, np.sqrt(var)))


@dataclass(frozen=True)
class PoissonResponse(Response):
    """y ~ Poisson(exp(eta))."""

    name: ClassVar[str] = "poisson"

    def log_density(self, X: Array, y: FloatArray, eta: FloatArray, var: FloatArray) -> FloatArray:
        density: FloatArray = y * eta - np.exp(np.minimum(eta, _HIGHEST)) - gammaln(y + 1)
        return density

    def slope_and_bend(self, X: Array, y: FloatArray, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        rate = np.exp(np.minimum(eta, _HIGHEST))
        return y - rate, rate

    def mean(self, X: Array, eta: FloatArray) -> FloatArray:
        return np.asarray(np.exp(np.minimum(eta, _HIGHEST)))

    def working(self, X: Array, y: FloatArray) -> FloatArray:
        return np.asarray(np.log(y + 0.5))

    def drawn(self, X: Array, eta: FloatArray, var: FloatArray, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.poisson(np.exp(eta)), dtype=np.float64)

    def check(self, block: Any, name: str) -> None:
        self._check_offset(block)
        y = np.asarray(block.X[:, self.column])
        wrong = ((y < 0) | ((y != np.floor(y)) & ~np.isnan(y))) & (block.weights > 0)
        if wrong.any():
            i = int(np.argmax(wrong))
            message = f"expected counts (0, 1, 2, ...) in response {name}, got {y[i]!s} in row {block.start + i}"
            raise DataError(message)


@dataclass(frozen=True)
class BinomialResponse(Response):
    """y ~ Binomial(trials, 1 / (1 + exp(-eta))), trials in a column of their own, or one."""

    trials: int | None = None
    name: ClassVar[str] = "binomial"

    def _trials(self, X: Array) -> FloatArray:
        return np.ones(len(X)) if self.trials is None else np.asarray(X[:, self.trials], dtype=np.float64)

    def log_density(self, X: Array, y: FloatArray, eta: FloatArray, var: FloatArray) -> FloatArray:
        n = self._trials(X)
        softplus = np.maximum(eta, 0.0) + np.log1p(np.exp(-np.abs(eta)))
        density: FloatArray = y * eta - n * softplus
        if self.trials is not None:
            density = density + (gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1))
        return density

    def slope_and_bend(self, X: Array, y: FloatArray, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        n, p = self._trials(X), expit(eta)
        return y - n * p, n * p * expit(-eta)

    def mean(self, X: Array, eta: FloatArray) -> FloatArray:
        return np.asarray(self._trials(X) * expit(eta))

    def working(self, X: Array, y: FloatArray) -> FloatArray:
        n = self._trials(X)
        return np.asarray(np.log((y + 0.5) / (n - y + 0.5)))

    def drawn(self, X: Array, eta: FloatArray, var: FloatArray, rng: np.random.Generator) -> FloatArray:
        return np.asarray(rng.binomial(self._trials(X).astype(np.int64), expit(eta)), dtype=np.float64)

    def check(self, block: Any, name: str) -> None:
        self._check_offset(block)
        y, n = np.asarray(block.X[:, self.column]), self._trials(block.X)
        used = block.weights > 0
        bad = (np.isnan(n) | (n < 1) | (n != np.floor(n))) & used
        if bad.any():
            i = int(np.argmax(bad))
            message = f"`trials` must be whole numbers of at least 1, got {n[i]:g} in row {block.start + i}"
            raise DataError(message)
        wrong = ((y < 0) | (y > n) | ((y != np.floor(y)) & ~np.isnan(y))) & used
        if wrong.any():
            i = int(np.argmax(wrong))
            top = "0 or 1 (give `trials` for more)" if self.trials is None else f"whole numbers from 0 to {n[i]:g}"
            message = f"expected {top} in response {name}, got {y[i]!s} in row {block.start + i}"
            raise DataError(message)
