"""The two M-steps of covariances that have no closed form: volumes with a common shape, and common principal axes.

Both work on the scatter W_k of k groups and their counts n_k, start from where they were, and never go down.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["common_axes", "first_axes", "volumes"]

_VOLUME_STEPS = 60
_AXES_STEPS = 200
_GAIN = 1e-13  # of the objective, relative to the counts: less than this left to gain is the minimum
_MEMORY = 8  # steps from which the curvature of the axes is learned


def volumes(count: FloatArray, scatter: FloatArray, log_volume: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return log-volumes l (k,) up to a constant, the smallest 0, and the common part S = sum_k exp(-l_k) W_k.

    Minimises d sum_k n_k l_k + N log |S(l)|, what is left of -2 log-likelihood of Sigma_k = exp(l_k) C once C is
    solved for: a convex function of l, by Newton's method (the fixed point of Celeux & Govaert 1995, sections 4.3 and
    4.6, model [lambda_k C], takes many more steps).

    Parameters
    ----------
    count : array (k,)
    scatter : array (k, d, d), or (k, d) for diagonal matrices
    log_volume : array (k,)
        Where to start.
    """
    total, d = float(count.sum()), scatter.shape[1]
    objective, mass, whitened = _common(count, scatter, log_volume)
    for _ in range(_VOLUME_STEPS):
        share = _trace(whitened)
        slope = d * count - total * share
        flat = whitened.reshape(len(count), -1)
        curvature = total * (np.diag(share) - flat @ flat.T) + total / len(count)
        step = -np.linalg.solve(curvature + 1e-14 * total * np.eye(len(count)), slope)
        if -slope @ step < _GAIN * total:
            break
        length = 1.0
        while length > 1e-6:
            trial = _common(count, scatter, log_volume + length * step)
            if trial[0] < objective:
                break
            length /= 2
        else:
            break
        log_volume = log_volume + length * step
        objective, mass, whitened = trial
    return log_volume - log_volume.min(), mass


def _common(count: FloatArray, scatter: FloatArray, log_volume: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Return the objective at log-volumes, S, and the summands of S whitened by it."""
    d, is_diagonal = scatter.shape[1], scatter.ndim == 2
    parts = scatter * np.exp(log_volume.min() - log_volume).reshape(-1, *[1] * (scatter.ndim - 1))
    mass = parts.sum(axis=0)
    if is_diagonal:
        log_det, whitened = float(np.log(mass).sum()), parts / mass
    else:
        factor = np.linalg.inv(np.linalg.cholesky(mass))
        log_det, whitened = -2 * float(np.log(factor.diagonal()).sum()), factor @ parts @ factor.T
    log_det -= d * float(log_volume.min())
    objective = d * float(count @ log_volume) + float(count.sum()) * log_det
    return objective, mass, whitened


def _trace(whitened: FloatArray) -> FloatArray:
    return np.asarray(whitened.sum(axis=1) if whitened.ndim == 2 else np.einsum("kii->k", whitened))


class _Axes:
    """Scatter seen along axes D, and what its diagonals cost: the objective of one rotation for all groups.

    Own shapes and volumes: sum_k n_k sum_j log b_kj; a shared volume: N d log sum_k (prod_j b_kj)^(1/d), with b_k the
    diagonal of D' W_k D. Both are -2 log-likelihood once shapes and volumes are solved for.
    """

    def __init__(self, count: FloatArray, scatter: FloatArray, axes: FloatArray, is_volume_shared: bool) -> None:
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

    def slope(self) -> FloatArray:
        """Return the derivatives by the entries of a small rotation (d, d), skew-symmetric."""
        half = 2 * (self.seen * self.pull[:, None, :]).sum(axis=0)
        return np.asarray(half - half.T)

    def curvature(self) -> FloatArray:
        """Return the second derivative by each entry (d, d) for nearly diagonal groups: positive."""
        cross = self.along.T @ self.pull
        own = (self.along * self.pull).sum(axis=0)
        raw = 2 * (cross + cross.T - own[:, None] - own[None, :])
        return np.asarray(np.abs(raw) + 1e-6 * own.max())


def common_axes(
    count: FloatArray, scatter: FloatArray, axes: FloatArray, *, is_volume_shared: bool
) -> tuple[FloatArray, FloatArray]:
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
    count: FloatArray,
    scatter: FloatArray,
    step: FloatArray,
    slope: FloatArray,
    upper: Any,
    is_volume_shared: bool,
) -> tuple[_Axes, FloatArray] | None:
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
        self.steps: list[tuple[FloatArray, FloatArray, float]] = []

    @property
    def is_empty(self) -> bool:
        return not self.steps

    def learn(self, step: FloatArray, change: FloatArray) -> None:
        bend = float(step @ change)
        if bend > 0:
            self.steps = [*self.steps[1 - _MEMORY :], (step, change, bend)]

    def times(self, slope: FloatArray, curvature: FloatArray) -> FloatArray:
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


def first_axes(count: FloatArray, scatter: FloatArray, *, is_volume_shared: bool) -> FloatArray:
    """Return axes (d, d) to start from: the best of those of the pooled scatter and those of each group."""
    pooled = scatter.sum(axis=0)
    unit = np.sqrt(pooled.diagonal())
    scaled = np.concatenate([pooled[None], scatter]) / np.outer(unit, unit)
    tried = [*np.linalg.eigh(np.concatenate([pooled[None], scatter]))[1], *np.linalg.eigh(scaled)[1], np.eye(len(unit))]
    return min(tried, key=lambda axes: _Axes(count, scatter, axes, is_volume_shared).objective)
