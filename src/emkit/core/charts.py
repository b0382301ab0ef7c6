"""Charts: smooth maps between a value in its space and a plain vector without constraints.

Acceleration and standard errors work on such vectors. A space (`core.spaces`) opens a chart at a value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray

__all__ = [
    "Chart",
    "CholeskyChart",
    "ConstantChart",
    "CorrelationChart",
    "IntervalChart",
    "OrderedChart",
    "PositiveChart",
    "ProbabilityChart",
    "RealChart",
    "RootChart",
    "SimplexChart",
    "SparseChart",
]

_LOST = 0.01  # information in a logarithm below which the number is lost: its relative error is beyond ten
_VANISHED = 0.1  # a root within this many of its standard errors of zero stands for a probability of zero


class Chart(ABC):
    """Coordinates around one value: `size` numbers, each free to take any real value."""

    size: int

    @abstractmethod
    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        """Return the coordinates (size,) of a value; where several serve, those on the side of `near`."""

    @abstractmethod
    def from_vector(self, vector: FloatArray) -> FloatArray:
        """Return the value with these coordinates."""

    @abstractmethod
    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        """Return the gradient (size,) in coordinates from the gradient with respect to the value, entry by entry."""

    def own_entries(self) -> IntArray:
        """Return the place (size,) in the flat value of the entry that each coordinate is about."""
        return np.arange(self.size)

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        """Return which coordinates (size,) have run to the edge of the space, or may as well have.

        Parameters
        ----------
        vector : array (size,)
            Coordinates of an optimum.
        observed, complete : array (size,)
            Diagonals of the observed information and of that of the complete data.
        """
        return np.zeros(self.size, dtype=bool)


class RealChart(Chart):
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.size = int(np.prod(shape, dtype=np.intp))

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        return np.asarray(value, dtype=np.float64).reshape(-1)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        return vector.reshape(self.shape)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        return gradient.reshape(-1)


class SparseChart(Chart):
    def __init__(self, value: Array) -> None:
        self.free = value != 0
        self.size = int(np.count_nonzero(self.free))

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        return np.asarray(np.asarray(value, dtype=np.float64)[self.free])

    def from_vector(self, vector: FloatArray) -> FloatArray:
        value = np.zeros(self.free.shape)
        value[self.free] = vector
        return value

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        return np.asarray(gradient[self.free], dtype=np.float64)


class ConstantChart(Chart):
    def __init__(self, value: Array) -> None:
        self.value = value
        self.size = 0

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        return np.empty(0)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        return self.value

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        return np.empty(0)


class PositiveChart(Chart):
    def __init__(self, value: Array) -> None:
        self.shape = value.shape
        self.free = None if (value > 0).all() else value > 0
        self.size = value.size if self.free is None else int(np.count_nonzero(self.free))

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        return np.log(value.reshape(-1) if self.free is None else value[self.free])

    def from_vector(self, vector: FloatArray) -> FloatArray:
        if self.free is None:
            return np.exp(vector).reshape(self.shape)
        value = np.zeros(self.shape)
        value[self.free] = np.exp(vector)
        return value

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        product = np.asarray(value * gradient)
        return product.reshape(-1) if self.free is None else product[self.free]

    def own_entries(self) -> IntArray:
        return np.arange(self.size) if self.free is None else np.flatnonzero(self.free)

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        return (observed < _LOST) & (complete < _LOST)


class IntervalChart(Chart):
    def __init__(self, shape: tuple[int, ...], low: float, high: float) -> None:
        self.shape, self.low, self.high = shape, low, high
        self.size = int(np.prod(shape, dtype=np.intp))

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        flat = np.asarray(value, dtype=np.float64).reshape(-1)
        return np.log(flat - self.low) - np.log(self.high - flat)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        odds = np.exp(-np.abs(vector))  # the smaller of the two odds: never overflows
        part = np.where(vector >= 0, 1 / (1 + odds), odds / (1 + odds))
        return (self.low + (self.high - self.low) * part).reshape(self.shape)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        slope = (value - self.low) * (self.high - value) / (self.high - self.low)
        return np.asarray(slope * gradient).reshape(-1)

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        return (observed < _LOST) & (complete < _LOST)


class OrderedChart(Chart):
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.size = int(np.prod(shape, dtype=np.intp))

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        steps = np.log(np.diff(value, axis=-1))
        return np.concatenate([value[..., :1], steps], axis=-1).reshape(-1)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        steps = vector.reshape(self.shape).copy()
        steps[..., 1:] = np.exp(steps[..., 1:])
        return np.cumsum(steps, axis=-1)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        above = np.cumsum(gradient[..., ::-1], axis=-1)[..., ::-1].copy()
        above[..., 1:] *= np.diff(value, axis=-1)
        return above.reshape(-1)

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        is_step = np.ones(self.shape, dtype=bool)
        is_step[..., 0] = False
        return is_step.reshape(-1) & (observed < _LOST) & (complete < _LOST)


class SimplexChart(Chart):
    """Ratios of square roots to the largest entry: y_i = sqrt(p_i / p_ref), p = y^2 / sum(y^2).

    A probability that tends to zero is the regular point y = 0 here, where log ratios would run off to minus
    infinity and take the curvature with them; and the Fisher information of a multinomial is nearly constant in
    square roots, so steps are well scaled.
    """

    def __init__(self, value: FloatArray) -> None:
        self.shape = value.shape
        rows = value.reshape(-1, value.shape[-1])
        free = rows > 0
        self.reference = np.arange(rows.shape[0]) * rows.shape[1] + np.argmax(rows, axis=1)  # places in the flat value
        free.reshape(-1)[self.reference] = False
        self.rows = free.shape
        self.places = np.flatnonzero(free)
        self.size = self.places.size

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        flat = value.reshape(-1)
        scaled = value.reshape(self.rows) / flat.take(self.reference)[:, None]
        ratio: FloatArray = np.sqrt(scaled.reshape(-1).take(self.places))
        return ratio if near is None else np.copysign(ratio, near)

    def _roots(self, vector: FloatArray) -> FloatArray:
        roots = np.zeros(self.rows)
        flat = roots.reshape(-1)
        flat[self.places] = vector
        flat[self.reference] = 1.0
        return roots

    def from_vector(self, vector: FloatArray) -> FloatArray:
        squares = self._roots(vector) ** 2
        squares /= squares.sum(axis=1, keepdims=True)
        return squares.reshape(self.shape)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        rows, slopes = value.reshape(self.rows), gradient.reshape(self.rows)
        roots = self._roots(vector)
        inner = (rows * np.where(rows > 0, slopes, 0.0)).sum(axis=1, keepdims=True)
        total = (roots * roots).sum(axis=1, keepdims=True)
        chained = (2 * roots / total * (slopes - inner)).reshape(-1).take(self.places)
        return np.asarray(chained)

    def own_entries(self) -> IntArray:
        return self.places

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        return vector * vector * np.maximum(observed, 0.0) < _VANISHED**2


class RootChart(Chart):
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.size = int(np.prod(shape, dtype=np.intp))

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        root = np.sqrt(np.asarray(value, dtype=np.float64).reshape(-1))
        return root if near is None else np.copysign(root, near)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        return (vector * vector).reshape(self.shape)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        return 2 * vector * gradient.reshape(-1)

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        return vector * vector * np.maximum(observed, 0.0) < _VANISHED**2


class ProbabilityChart(Chart):
    """The chart of the simplex of two shares, value and one minus value."""

    def __init__(self, value: FloatArray) -> None:
        self._simplex = SimplexChart(_shares(value))
        self.size = self._simplex.size

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        return self._simplex.to_vector(_shares(value), near)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        return np.ascontiguousarray(self._simplex.from_vector(vector)[..., 0])

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        slopes = np.stack([gradient, np.zeros_like(gradient)], axis=-1)
        return self._simplex.pull_back(_shares(value), vector, slopes)

    def own_entries(self) -> IntArray:
        return self._simplex.own_entries() // 2

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        return self._simplex.is_at_boundary(vector, observed, complete)


def _shares(value: Array) -> FloatArray:
    return np.stack([value, 1 - value], axis=-1)


class CholeskyChart(Chart):
    """Lower Cholesky factors with the logarithm of their diagonal (Pinheiro & Bates 1996, "log-Cholesky")."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, d = shape, shape[-1]
        self.lower = np.flatnonzero(np.tri(d, dtype=bool))
        self.count = int(np.prod(shape[:-2], dtype=np.intp))
        self.size = self.count * self.lower.size
        self.places = (np.arange(self.count)[:, None] * (d * d) + self.lower).reshape(-1)

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        factor = np.linalg.cholesky(value)
        diagonal = self._diagonal(factor)
        np.log(diagonal, out=diagonal)
        return np.asarray(factor.reshape(-1).take(self.places))

    def _diagonal(self, factor: FloatArray) -> FloatArray:
        """Return a view (count, d) of the diagonals."""
        d = self.shape[-1]
        return factor.reshape(self.count, d * d)[:, :: d + 1]

    def _factor(self, vector: FloatArray) -> FloatArray:
        factor = np.zeros(self.shape)
        factor.reshape(-1)[self.places] = vector
        diagonal = self._diagonal(factor)
        np.exp(diagonal, out=diagonal)
        return factor

    def from_vector(self, vector: FloatArray) -> FloatArray:
        factor = self._factor(vector)
        return factor @ np.swapaxes(factor, -1, -2)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        factor = self._factor(vector)
        slope = 2 * (gradient @ factor)
        diagonal = self._diagonal(slope)
        diagonal *= self._diagonal(factor)
        return np.asarray(slope.reshape(-1).take(self.places))

    def own_entries(self) -> IntArray:
        return self.places


class CorrelationChart(Chart):
    """Rows of the Cholesky factor divided by their diagonal entry; the matrix follows by scaling rows to length one."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, d = shape, shape[-1]
        self.rows, self.columns = np.tril_indices(d, -1)
        self.size = int(np.prod(shape[:-2], dtype=np.intp)) * self.rows.size

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        factor = np.linalg.cholesky(value)
        ratio = factor / np.einsum("...ii->...i", factor)[..., :, None]
        return np.asarray(ratio[..., self.rows, self.columns]).reshape(-1)

    def _factor(self, vector: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the Cholesky factor and the lengths by which its rows were divided."""
        factor = np.broadcast_to(np.eye(self.shape[-1]), self.shape).copy()
        factor[..., self.rows, self.columns] = vector.reshape(*self.shape[:-2], self.rows.size)
        length = np.sqrt((factor**2).sum(axis=-1, keepdims=True))
        return factor / length, length

    def from_vector(self, vector: FloatArray) -> FloatArray:
        factor, _ = self._factor(vector)
        value = factor @ np.swapaxes(factor, -1, -2)
        value[..., np.arange(self.shape[-1]), np.arange(self.shape[-1])] = 1.0
        return value

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        factor, length = self._factor(vector)
        slope = 2 * (gradient @ factor)
        across = (slope - (slope * factor).sum(axis=-1, keepdims=True) * factor) / length
        return np.asarray(across[..., self.rows, self.columns]).reshape(-1)

    def own_entries(self) -> IntArray:
        d = self.shape[-1]
        return (np.arange(self.size // max(self.rows.size, 1))[:, None] * d * d + self.rows * d + self.columns).reshape(
            -1
        )
