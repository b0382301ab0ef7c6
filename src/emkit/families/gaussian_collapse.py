"""Which Gaussian components have collapsed onto too few points for their likelihood to mean anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray

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
    free = ~family.is_pinned
    if not free.any():
        return ""
    full = family.structure.full(parameters)[:, free][:, :, free] / np.outer(family.unit[free], family.unit[free])
    smallest = np.linalg.eigvalsh(full)[:, 0]
    held = count.sum() if family.structure.is_shared else np.maximum(count, 1e-300)
    is_floored = smallest * held < _FLOOR_MARGIN * max(family.floor, 1e-16)
    if is_floored.all() and len(count) > 0 and _is_collinear(full):
        return "All components are flat: some columns are linear functions of others. Leave those out, or set a prior."
    is_few = np.zeros(len(count), dtype=bool)
    if not family.structure.is_shared:
        needed = int(free.sum()) if family.is_dense else 1
        is_thin = (count < _FEW * (needed + 1)) & (smallest < _TINY[full.shape[1] > 1])
        is_few = (count < needed + _EXTRA_POINTS) | is_thin
    return _sentence(np.flatnonzero(is_floored | is_few), count)


def _is_collinear(full: FloatArray) -> bool:
    """Tell whether all components are flat in the same direction."""
    return full.shape[1] > 1 and bool(np.linalg.eigvalsh(full.mean(axis=0))[0] < 1e-10)


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
