"""Spaces of shapes: numbers of product one, matrices of determinant one, rotations.

A covariance splits into volume, shape and orientation, Sigma = volume * D diag(shape) D' with product(shape) = 1 and D
orthogonal; each part has a space of its own, so that each may be shared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.spaces import Chart, PositiveDefinite, Space

__all__ = ["Rotation", "UnitDeterminant", "UnitProduct"]

_TOLERANCE = 1e-8  # text files carry eight digits


@dataclass(frozen=True)
class UnitProduct(Space):
    """Positive numbers whose product along the last axis is one: the logarithms of all but the last."""

    def chart(self, value: Array) -> Chart:
        return _UnitProductChart(np.shape(value))

    def violation(self, value: Array) -> str | None:
        if not (value > 0).all():
            return f"must be positive but has {value.min():.6g}"
        off = np.abs(np.log(value).sum(axis=-1)).max()
        return None if off <= _TOLERANCE * value.shape[-1] else f"must have product one but misses it by {off:.3g}"


@dataclass(frozen=True)
class UnitDeterminant(Space):
    """Symmetric positive definite matrices of determinant one in the last two axes, as log-Cholesky factors."""

    def chart(self, value: Array) -> Chart:
        return _UnitDeterminantChart(value)

    def violation(self, value: Array) -> str | None:
        wrong = PositiveDefinite().violation(value)
        if wrong is not None:
            return wrong
        off = np.abs(np.linalg.slogdet(value)[1]).max()
        return None if off <= _TOLERANCE * value.shape[-1] else f"must have determinant one but misses it by {off:.3g}"


@dataclass(frozen=True)
class Rotation(Space):
    """Orthogonal matrices in the last two axes, by Cayley's map about the value at hand.

    D = D0 (I - K/2)^-1 (I + K/2) with K skew-symmetric; the coordinates are the entries of K below the diagonal. It
    reaches every orthogonal matrix of the same determinant but half turns.
    """

    def chart(self, value: Array) -> Chart:
        return _RotationChart(np.asarray(value, dtype=np.float64))

    def violation(self, value: Array) -> str | None:
        off = np.abs(np.swapaxes(value, -1, -2) @ value - np.eye(value.shape[-1])).max()
        return None if off <= _TOLERANCE * value.shape[-1] else f"must be orthogonal but misses it by {off:.3g}"


class _UnitProductChart(Chart):
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.size = int(np.prod(shape[:-1], dtype=np.intp)) * (shape[-1] - 1)

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        return np.log(value[..., :-1]).reshape(-1)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        logs = np.empty(self.shape)
        logs[..., :-1] = vector.reshape(*self.shape[:-1], -1) if self.size else 0.0
        logs[..., -1] = -logs[..., :-1].sum(axis=-1)
        return np.exp(logs)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        slope = value * gradient
        return np.asarray(slope[..., :-1] - slope[..., -1:]).reshape(-1)


class _UnitDeterminantChart(Chart):
    """The log-Cholesky chart without its last logarithm, which is minus the sum of the others."""

    def __init__(self, value: Array) -> None:
        shape = np.shape(value)
        self.inner, d = PositiveDefinite().chart(value), shape[-1]
        self.count = int(np.prod(shape[:-2], dtype=np.intp))
        self.diagonal = (np.arange(d) * (np.arange(d) + 3) // 2)[:-1]
        self.size = self.inner.size - self.count

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        return self.inner.to_vector(value).reshape(self.count, -1)[:, :-1].reshape(-1)

    def _whole(self, vector: FloatArray) -> FloatArray:
        part = vector.reshape(self.count, -1) if self.size else np.empty((self.count, 0))
        last = -part[:, self.diagonal].sum(axis=1, keepdims=True)
        return np.concatenate([part, last], axis=1).reshape(-1)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        return self.inner.from_vector(self._whole(vector))

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        whole = self.inner.pull_back(value, self._whole(vector), gradient).reshape(self.count, -1)
        part = whole[:, :-1].copy()
        part[:, self.diagonal] -= whole[:, -1:]
        return part.reshape(-1)


class _RotationChart(Chart):
    def __init__(self, value: FloatArray) -> None:
        d = value.shape[-1]
        self.value, self.shape = value.reshape(-1, d, d), value.shape
        self.lower = np.tril_indices(d, -1)
        self.identity = np.eye(d)
        self.size = len(self.value) * self.lower[0].size

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        turn = np.swapaxes(self.value, 1, 2) @ value.reshape(self.value.shape)
        skew = 2 * np.linalg.solve(np.swapaxes(turn + self.identity, 1, 2), np.swapaxes(turn - self.identity, 1, 2))
        return np.asarray(-skew[:, self.lower[0], self.lower[1]]).reshape(-1)

    def _skew(self, vector: FloatArray) -> FloatArray:
        skew = np.zeros(self.value.shape)
        skew[:, self.lower[0], self.lower[1]] = vector.reshape(len(skew), -1) if self.size else 0.0
        return skew - np.swapaxes(skew, 1, 2)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        half = 0.5 * self._skew(vector)
        return (self.value @ np.linalg.solve(self.identity - half, self.identity + half)).reshape(self.shape)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        half = 0.5 * self._skew(vector)
        turn = np.linalg.solve(self.identity - half, self.identity + half)
        towards = np.swapaxes(self.value, 1, 2) @ gradient.reshape(self.value.shape)
        slope = np.linalg.solve(self.identity + half, towards) @ np.swapaxes(turn + self.identity, 1, 2) / 2
        return np.asarray((slope - np.swapaxes(slope, 1, 2))[:, self.lower[0], self.lower[1]]).reshape(-1)
