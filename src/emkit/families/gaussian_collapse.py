"""Which Gaussian components have collapsed onto too few points for their likelihood to mean anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray

__all__ = ["collapse_of"]

_FLOOR_MARGIN = 1e3  # scatter within this factor of the floor is held up by the floor, not by data
_EXTRA_POINTS = 1.5  # d + 1 points lie exactly on some ellipsoid; a little more is asked for
_FEW = 5.0  # components of up to this many times d + 1 points ...
_TINY = (1e-4, 5e-4)  # ... whose smallest variance is below this part of the data's (one feature, more) sit on a chance


def collapse_of(family: Any, parameters: Any, count: FloatArray) -> str:
    """Return a sentence naming the collapsed components, or an empty string.

    Parameters
    ----------
    family : Gaussian
    parameters : DenseParameters or DiagonalParameters
    count : array (k,)
        Expected number of rows per component.
    """
    if family.unit is None or family.prior is not None:
        return ""
    if not family.has_pinned and _are_plainly_wide(family, parameters, count):
        return ""
    free = ~family.is_pinned
    if not free.any():
        return ""
    smallest = _smallest(family, parameters, free)
    held = count.sum() if family.structure.is_shared else np.maximum(count, 1e-300)
    is_floored = smallest * held < _FLOOR_MARGIN * max(family.floor, 1e-16)
    if is_floored.all() and _are_flat_alike(family, parameters, free):
        return "All components are flat: some columns are linear functions of others. Leave those out, or set a prior."
    is_few = np.zeros(len(count), dtype=bool)
    if not family.structure.is_shared:
        needed = family.structure.needed(int(free.sum()))
        is_thin = (count < _FEW * (needed + 1)) & (smallest < _TINY[int(free.sum() > 1)])
        is_few = (count < needed + _EXTRA_POINTS) | is_thin
    return _sentence(np.flatnonzero(is_floored | is_few), count)


def _are_plainly_wide(family: Any, parameters: Any, count: FloatArray) -> bool:
    """Tell whether no component is near a collapse, by the trace of its precision, which bounds the largest one."""
    d = len(family.unit)
    if not family.structure.is_shared and not count.min() > family.structure.needed(d) + _EXTRA_POINTS:
        return False
    squares = (parameters.whiten * family.unit) ** 2
    most = squares.sum(axis=(1, 2)) if family.is_dense else squares.max(axis=1)
    return bool(1.0 / most.max() > 2 * _TINY[0 if d == 1 else 1] > _FLOOR_MARGIN * family.floor)


def _smallest(family: Any, parameters: Any, free: Array) -> FloatArray:
    """Return the smallest variance (k,) in any direction, in units of the data."""
    unit, k = family.unit[free], len(parameters.mean)
    if not family.is_dense:
        var = np.broadcast_to(parameters.var, parameters.mean.shape)[:, free] / unit**2
        return np.asarray(var.min(axis=1))
    return np.broadcast_to(np.linalg.eigvalsh(_in_units(parameters, free, unit))[:, 0], (k,))


def _are_flat_alike(family: Any, parameters: Any, free: Array) -> bool:
    """Tell whether all covariances are flat in the same direction."""
    if not family.is_dense:
        return False
    cov = _in_units(parameters, free, family.unit[free])
    return cov.shape[1] > 1 and bool(np.linalg.eigvalsh(cov.mean(axis=0))[0] < 1e-10)


def _in_units(parameters: Any, free: Array, unit: FloatArray) -> FloatArray:
    return np.asarray(parameters.cov[:, free][:, :, free] / np.outer(unit, unit))


def _sentence(where: Any, count: FloatArray) -> str:
    if where.size == 0:
        return ""
    named = ", ".join(f"{k + 1} ({count[k]:.3g} rows)" for k in where)
    noun = "Component" if where.size == 1 else "Components"
    verb = "has" if where.size == 1 else "have"
    return (
        f"{noun} {named} {verb} collapsed onto too few points to determine a covariance. "
        "Use fewer components, a tied or simpler covariance, or a prior."
    )
