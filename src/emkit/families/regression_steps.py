"""The M-step of one response: least squares, or a Newton step that cannot overshoot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.families.basis import safe_length, solved
from emkit.families.effects import EffectParameters, Effects, ResponseStatistics, spread

__all__ = ["stepped"]

_SWEEPS = 3  # of coefficients given variances, where members share coefficients and not variances


def stepped(
    effects: Effects,
    response: Any,
    own: EffectParameters,
    stats: ResponseStatistics,
    *,
    floor: float = 0.0,
    blend: float = 0.0,
) -> EffectParameters:
    """Return the parameters of one response after its M-step.

    Parameters
    ----------
    own : EffectParameters
        Those at which the statistics were collected.
    floor : float
        Added to the squared residuals of each member.
    blend : float
        For starts: rows' worth of all the data in each member.
    """
    if not response.has_var:
        return effects.moved(own, stats, _newton(effects, _blended(stats, blend) if blend else stats))
    k = len(own.coef)
    var = spread(own.var, k)
    is_common = own.var.size < k
    for _ in range(1 if is_common or not effects.common else _SWEEPS):
        move = _least_squares(effects, stats, var)
        square = np.maximum(stats.square_at(move), 0.0)
        var = _variances(stats.count, square, floor, blend, var, is_common=is_common)
    return replace(effects.moved(own, stats, move), var=np.array(var[: own.var.size]))


def _variances(
    count: FloatArray, square: FloatArray, floor: float, blend: float, old: FloatArray, *, is_common: bool
) -> FloatArray:
    total, n = float(square.sum()), float(count.sum())
    pooled = (total + floor * len(count)) / n if n > 0 else float(old[0])
    if is_common:
        return np.full(len(count), pooled)
    weight = count + blend
    var = (square + blend * pooled + floor) / np.where(weight > 0, weight, 1.0)
    return np.maximum(np.where(weight > 0, var, old), 1e-300)


def _blended(stats: ResponseStatistics, blend: float) -> ResponseStatistics:
    """Return statistics in which each member has some rows' worth of the bend of all, so that none runs off."""
    n = max(float(stats.count.sum()), 1e-300)
    return replace(stats, bend=stats.bend + blend / n * stats.bend.sum(axis=0))


def _least_squares(effects: Effects, stats: ResponseStatistics, var: FloatArray) -> FloatArray:
    """Return the move (k, p) to the weighted least squares solution, given the variances."""
    if not effects.common:
        return np.stack([solved(cross, slope) for cross, slope in zip(stats.cross, stats.slope, strict=True)])
    return _joint(effects, stats.cross / var[:, None, None], stats.slope / var[:, None])


def _newton(effects: Effects, stats: ResponseStatistics) -> FloatArray:
    """Return the share of the Newton step (k, p) that surely raises the log-likelihood."""
    reach = effects.basis.reach
    if effects.common:
        step = _joint(effects, stats.bend, stats.slope)
        return step * safe_length(float((np.abs(step) @ reach).max()))
    steps = [solved(bend, slope) for bend, slope in zip(stats.bend, stats.slope, strict=True)]
    return np.stack([step * safe_length(float(np.abs(step) @ reach)) for step in steps])


def _joint(effects: Effects, bend: FloatArray, slope: FloatArray) -> FloatArray:
    """Return the solution (k, p) where the members share the coefficients of some columns.

    A coefficient of the basis is one of the design times a scale, so what is shared there is shared here; only that of
    the ones takes up the centres. Where the ones are shared and other columns are not, the system is solved for the
    coefficients of the design itself.
    """
    basis, own, common = effects.basis, list(effects.own), list(effects.common)
    is_mixed = basis.ones in common and bool(own)
    if is_mixed:
        slope = basis.pull_back(slope)
        bend = basis.pull_back(np.swapaxes(basis.pull_back(bend), 1, 2))
    k, q = len(slope), len(own)
    size = k * q + len(common)
    matrix, right = np.zeros((size, size)), np.zeros(size)
    tail = slice(k * q, size)
    for i in range(k):
        part = slice(i * q, (i + 1) * q)
        matrix[part, part] = bend[i][np.ix_(own, own)]
        matrix[part, tail] = bend[i][np.ix_(own, common)]
        matrix[tail, part] = matrix[part, tail].T
        matrix[tail, tail] += bend[i][np.ix_(common, common)]
        right[part] = slope[i, own]
        right[tail] += slope[i, common]
    found = solved(matrix, right)
    step = np.empty_like(slope)
    step[:, own] = found[: k * q].reshape(k, q)
    step[:, common] = found[tail]
    return basis.inner(step) if is_mixed else step
