"""Principal axes that several groups share, in NumPy: the M-step of EVE and VVE.

They start from where they were, and never go down.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["common_axes", "first_axes"]

_AXES_STEPS = 200
_GAIN = 1e-13  # of the objective, relative to the counts: less than this left to gain is the minimum
_MEMORY = 8  # steps from which the curvature of the axes is learned


class _Axes:
    """Scatter seen along axes D, and what its diagonals cost: the objective of one rotation for all groups.

    Own shapes and volumes: sum_k n_k sum_j log b_kj; a shared volume: N d log sum_k (prod_j b_kj)^(1/d), with b_k the
    diagonal of D' W_k D. Both are -2 log-likelihood once shapes and volumes are solved for.
    """

    def __init__(self, count: Any, scatter: Any, axes: Any, is_volume_shared: bool) -> None:
        self.axes = axes
        self.seen = axes.T @ scatter @ axes
        along = np.einsum("kii->ki", self.seen)
        logs = np.log(along)
        if is_volume_shared:
            total, d = float(count.sum()), along.shape[1]
            sizes = logs.mean(axis=1)
            part = np.exp(sizes - sizes.max())
            self.objective = total * d * (float(sizes.max()) + float(np.log(part.sum())))
            count = total * part / part.sum()
        else:
            self.objective = float(count @ logs.sum(axis=1))
        self.pull = count[:, None] / along
        self.along = along

    def slope(self) -> Any:
        """Return the derivatives by the entries of a small rotation (d, d), skew-symmetric."""
        half = 2 * (self.seen * self.pull[:, None, :]).sum(axis=0)
        return np.asarray(half - half.T)

    def curvature(self) -> Any:
        """Return the second derivative by each entry (d, d) for nearly diagonal groups: positive."""
        cross = self.along.T @ self.pull
        own = (self.along * self.pull).sum(axis=0)
        raw = 2 * (cross + cross.T - own[:, None] - own[None, :])
        return np.asarray(np.abs(raw) + 1e-6 * own.max())


def common_axes(count: Any, scatter: Any, axes: Any, *, is_volume_shared: bool) -> tuple[Any, Any]:
    """Return axes (d, d) that all groups share, and the scatter (k, d) along them.

    Quasi-Newton on the rotations: each step turns by a skew matrix, scaled by the curvature of each pair of axes (as
    in Flury & Gautschi 1986, SIAM J. Sci. Stat. Comput. 7:169, which turns one pair at a time), corrected by the last
    steps (limited-memory BFGS). Never goes up, and starts at `axes`.

    Parameters
    ----------
    count : array (k,)
    scatter : array (k, d, d)
    axes : array (d, d)
    is_volume_shared : bool
    """
    d = len(axes)
    upper = np.triu_indices(d, 1)
    here = _Axes(count, scatter, axes, is_volume_shared)
    slope, pairs = here.slope()[upper], _Pairs()
    for _ in range(_AXES_STEPS if d > 1 else 0):
        step = -pairs.times(slope, here.curvature()[upper])
        if -slope @ step < _GAIN * count.sum():
            break
        there = _further(here, count, scatter, step, slope, upper, is_volume_shared)
        if there is None and pairs.is_empty:
            break
        if there is None:
            pairs = _Pairs()
            continue
        trial, taken = there
        after = trial.slope()[upper]
        pairs.learn(taken, after - slope)
        here, slope = trial, after
    turned = 1.5 * here.axes - 0.5 * here.axes @ (here.axes.T @ here.axes)  # rounding leaves it a little askew
    return turned, np.einsum("kii->ki", turned.T @ scatter @ turned).copy()


def _further(
    here: _Axes,
    count: Any,
    scatter: Any,
    step: Any,
    slope: Any,
    upper: Any,
    is_volume_shared: bool,
) -> tuple[_Axes, Any] | None:
    """Return the axes a step further on, shortened until the objective falls, and the step; None if it never does."""
    d = len(here.axes)
    longest = float(np.abs(step).max())
    length = min(1.0, 1.0 / longest) if longest > 0 else 1.0
    while length > 1e-5:
        half = np.zeros((d, d))
        half[upper] = 0.5 * length * step
        half -= half.T
        turn = np.linalg.solve(np.eye(d) - half, np.eye(d) + half)
        trial = _Axes(count, scatter, here.axes @ turn, is_volume_shared)
        if trial.objective < here.objective + 1e-4 * length * float(slope @ step):
            return trial, length * step
        length /= 2
    return None


class _Pairs:
    """The last steps and the changes of slope they made (Nocedal 1980)."""

    def __init__(self) -> None:
        self.steps: list[tuple[Any, Any, float]] = []

    @property
    def is_empty(self) -> bool:
        return not self.steps

    def learn(self, step: Any, change: Any) -> None:
        bend = float(step @ change)
        if bend > 0:
            self.steps = [*self.steps[1 - _MEMORY :], (step, change, bend)]

    def times(self, slope: Any, curvature: Any) -> Any:
        """Return the inverse curvature times a slope, that of each pair of axes at first."""
        rest, parts = slope.copy(), []
        for step, change, bend in reversed(self.steps):
            part = float(step @ rest) / bend
            rest -= part * change
            parts.append(part)
        rest /= curvature
        for (step, change, bend), part in zip(self.steps, reversed(parts), strict=True):
            rest += (part - float(change @ rest) / bend) * step
        return rest


def first_axes(count: Any, scatter: Any, *, is_volume_shared: bool) -> Any:
    """Return axes (d, d) to start from: the best of those of the pooled scatter and those of each group."""
    pooled = scatter.sum(axis=0)
    unit = np.sqrt(pooled.diagonal())
    scaled = np.concatenate([pooled[None], scatter]) / np.outer(unit, unit)
    tried = [*np.linalg.eigh(np.concatenate([pooled[None], scatter]))[1], *np.linalg.eigh(scaled)[1], np.eye(len(unit))]
    return min(tried, key=lambda axes: _Axes(count, scatter, axes, is_volume_shared).objective)
