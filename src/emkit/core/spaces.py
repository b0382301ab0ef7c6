"""Spaces: where a parameter lives, and coordinates in which any step is allowed.

A field of `Parameters` declares its space. A space checks a value and opens a *chart* at it: a smooth map between
the value and a plain vector without constraints. Acceleration and standard errors work on such vectors; the number of
coordinates is the number of free parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from emkit.core.arrays import Array
from emkit.core.charts import (
    Chart,
    CholeskyChart,
    ConstantChart,
    CorrelationChart,
    IntervalChart,
    OrderedChart,
    PositiveChart,
    ProbabilityChart,
    RealChart,
    RootChart,
    SimplexChart,
    SparseChart,
)
from emkit.errors import ParameterError

__all__ = [
    "Chart",
    "Constant",
    "Correlation",
    "Interval",
    "NonNegative",
    "Ordered",
    "Positive",
    "PositiveDefinite",
    "Probability",
    "Real",
    "RowStochastic",
    "Simplex",
    "Space",
    "Sparse",
]

_SUM_TOLERANCE = 1e-8  # a probability vector may miss the sum one by this much (text files carry eight digits)


class Space(ABC):
    """A set of values of one parameter."""

    @abstractmethod
    def chart(self, value: Array) -> Chart:
        """Open coordinates around a value."""

    @abstractmethod
    def violation(self, value: Array) -> str | None:
        """Say in words what is wrong with a value, or return None."""

    def check(self, name: str, value: Array) -> None:
        """Raise `ParameterError` if the value is not in this space."""
        array = np.asarray(value, dtype=np.float64)
        wrong = "has entries that are not finite" if not np.isfinite(array).all() else self.violation(array)
        if wrong is not None:
            message = f"`{name}` {wrong}; expected {self} with shape {array.shape}"
            raise ParameterError(message)


@dataclass(frozen=True)
class Real(Space):
    """All real numbers."""

    def chart(self, value: Array) -> Chart:
        return RealChart(np.shape(value))

    def violation(self, value: Array) -> str | None:
        return None


@dataclass(frozen=True)
class Sparse(Space):
    """All real numbers. An exact zero is structural: it stays zero and is not free."""

    def chart(self, value: Array) -> Chart:
        return SparseChart(np.asarray(value))

    def violation(self, value: Array) -> str | None:
        return None


@dataclass(frozen=True)
class Constant(Space):
    """A value that is carried along and never estimated."""

    def chart(self, value: Array) -> Chart:
        return ConstantChart(np.array(value))

    def violation(self, value: Array) -> str | None:
        return None


@dataclass(frozen=True)
class Positive(Space):
    """Numbers above zero, in logarithms. An exact zero is structural: it stays zero and is not free."""

    def chart(self, value: Array) -> Chart:
        return PositiveChart(np.asarray(value))

    def violation(self, value: Array) -> str | None:
        return None if (value >= 0).all() else f"must not be negative but has {value.min():.6g}"


@dataclass(frozen=True)
class NonNegative(Space):
    """Numbers of at least zero, as y with value = y^2: zero is a regular point and stays free.

    For parameters whose estimates lie at zero often, where a logarithm would run off to minus infinity.
    """

    def chart(self, value: Array) -> Chart:
        return RootChart(np.shape(value))

    def violation(self, value: Array) -> str | None:
        return None if (value >= 0).all() else f"must not be negative but has {value.min():.6g}"


@dataclass(frozen=True)
class Probability(Space):
    """Numbers from zero to one, each the first of the two shares of a simplex. Exact zeros and ones are structural."""

    def chart(self, value: Array) -> Chart:
        return ProbabilityChart(np.asarray(value, dtype=np.float64))

    def violation(self, value: Array) -> str | None:
        inside = (value >= 0).all() and (value <= 1).all()
        return None if inside else f"must lie between 0 and 1 but has {value.min():.6g} to {value.max():.6g}"


@dataclass(frozen=True)
class Interval(Space):
    """Numbers strictly between `low` and `high`, in log odds."""

    low: float
    high: float

    def chart(self, value: Array) -> Chart:
        return IntervalChart(np.shape(value), self.low, self.high)

    def violation(self, value: Array) -> str | None:
        inside = (value > self.low).all() and (value < self.high).all()
        return None if inside else f"must lie strictly between {self.low} and {self.high}"


@dataclass(frozen=True)
class Ordered(Space):
    """Numbers that rise along the last axis: the first as it is, then the logarithms of the steps."""

    def chart(self, value: Array) -> Chart:
        return OrderedChart(np.shape(value))

    def violation(self, value: Array) -> str | None:
        return None if (np.diff(value, axis=-1) > 0).all() else "must rise strictly along its last axis"


@dataclass(frozen=True)
class Simplex(Space):
    """Probabilities that sum to one along the last axis. Exact zeros are structural: they stay, and are not free."""

    def chart(self, value: Array) -> Chart:
        return SimplexChart(np.asarray(value, dtype=np.float64))

    def violation(self, value: Array) -> str | None:
        if (value < 0).any():
            return f"must not be negative but has {value.min():.6g}"
        off = np.abs(value.sum(axis=-1) - 1).max()
        return None if off <= _SUM_TOLERANCE else f"must sum to one along its last axis but misses it by {off:.3g}"


RowStochastic = Simplex  # a matrix whose rows are probabilities is a simplex per row


@dataclass(frozen=True)
class PositiveDefinite(Space):
    """Symmetric positive definite matrices in the last two axes, as log-Cholesky factors."""

    def chart(self, value: Array) -> Chart:
        return CholeskyChart(np.shape(value))

    def violation(self, value: Array) -> str | None:
        scale = np.sqrt(np.abs(np.einsum("...ii->...i", value)))
        asymmetry = np.abs(value - np.swapaxes(value, -1, -2)) > 1e-8 * scale[..., :, None] * scale[..., None, :]
        if asymmetry.any():
            return "must be symmetric"
        try:
            np.linalg.cholesky(value)
        except np.linalg.LinAlgError:
            return "must be positive definite"
        return None


@dataclass(frozen=True)
class Correlation(Space):
    """Correlation matrices in the last two axes: Cholesky factors whose rows are scaled to length one."""

    def chart(self, value: Array) -> Chart:
        return CorrelationChart(np.shape(value))

    def violation(self, value: Array) -> str | None:
        if (np.abs(np.einsum("...ii->...i", value) - 1) > 1e-8).any():
            return "must have a diagonal of ones"
        return PositiveDefinite().violation(value)
