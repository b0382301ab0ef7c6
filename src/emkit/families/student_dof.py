"""Degrees of freedom of t distributions: the space they live in, and the equation of their M-step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, polygamma

from emkit.core.arrays import Array, FloatArray
from emkit.core.spaces import Chart, Space

__all__ = ["HIGHEST", "Capped", "dof_solution"]

HIGHEST = 200.0  # above this a t distribution is a normal one for all that data can tell
_LOWEST = 0.05
_MARGIN = 1e-4  # in the coordinate below: the M-step stops this far from the cap, where the slope is not yet zero
_STEPS = 30


@dataclass(frozen=True)
class Capped(Space):
    """Positive numbers up to `high`, as y with 1 / value = 1 / high + y^2: the cap is the regular point y = 0.

    Log odds would run off to infinity there, and light tails are a common end of a climb.
    """

    high: float = HIGHEST

    def chart(self, value: Array) -> Chart:
        return _CappedChart(np.shape(value), self.high)

    def violation(self, value: Array) -> str | None:
        inside = (value > 0).all() and (value <= self.high).all()
        return None if inside else f"must lie above 0 and not above {self.high:g}"


class _CappedChart(Chart):
    def __init__(self, shape: tuple[int, ...], high: float) -> None:
        self.shape, self.high = shape, high
        self.size = int(np.prod(shape, dtype=np.intp))

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        flat = np.asarray(value, dtype=np.float64).reshape(-1)
        root = np.sqrt(np.maximum((self.high - flat) / (self.high * flat), 0.0))
        return root if near is None else np.copysign(root, near)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        return np.minimum(self.high / (1 + self.high * vector**2), self.high).reshape(self.shape)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        return np.asarray(-2 * vector * (value * value * gradient).reshape(-1))


def dof_solution(excess: FloatArray, before: FloatArray) -> FloatArray:
    """Return the degrees of freedom nu with log(nu/2) - digamma(nu/2) = excess, within limits.

    The left side falls from infinity to zero as nu grows, so that the solution is unique, and the nearer limit is the
    best value where it lies outside. Limits give way to the value `before`, so that no step lowers the objective.
    """
    top = HIGHEST / (1 + HIGHEST * _MARGIN**2)
    low, high = np.minimum(before, _LOWEST), np.maximum(before, top)
    safe = np.maximum(excess, 1e-300)
    half = (1 + np.sqrt(1 + 4 * safe / 3)) / (4 * safe)
    half = np.clip(half, low / 2, high / 2)
    for _ in range(_STEPS):
        gap = np.log(half) - digamma(half) - safe
        slope = 1 - half * polygamma(1, half)  # by log(half); negative everywhere
        change = np.clip(gap / slope, -2.0, 2.0)
        half = np.clip(half * np.exp(-change), low / 2, high / 2)
        if np.abs(change).max() < 1e-12:
            break
    return np.asarray(np.where(excess > 0, 2 * half, high))
