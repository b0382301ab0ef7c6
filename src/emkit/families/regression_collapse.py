"""Which members of a regression have collapsed, or have coefficients without a finite maximum."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.families.basis import is_lost

__all__ = ["collapse_of"]

_FLOOR_MARGIN = 1e3  # squared residuals within this factor of the floor are held up by the floor, not by data
_EXTRA_ROWS = 1.5  # rows beyond the coefficients that a variance needs
_FEW = 5.0  # members of up to this many rows per coefficient ...
_TINY = 1e-4  # ... whose variance is below this part of the pooled one sit on a chance


def collapse_of(family: Any, parameters: Any, statistics: Any, count: FloatArray) -> str:
    """Return a sentence naming the members that have collapsed, or an empty string."""
    triples = zip(family.responses, parameters.responses, statistics.responses, strict=True)
    for v, (response, own, stats) in enumerate(triples):
        if response.has_var:
            where = np.flatnonzero(_variance(family, v, own, stats))
            if where.size:
                return _too_few(where, stats.count, family.effects[v].n_own)
        else:
            parts = zip(stats.bend, stats.cross, stats.count, strict=True)
            where = np.flatnonzero([is_lost(bend, cross, n) for bend, cross, n in parts])
            if where.size:
                return _separated(where, stats.count, response.name)
    return ""


def _variance(family: Any, v: int, own: Any, stats: Any) -> Any:
    k, n_own = len(stats.count), family.effects[v].n_own
    var = np.broadcast_to(own.var, (k,))
    if family.unit is None:
        return np.zeros(k, dtype=bool)
    n = stats.count * family.rows_per_weight
    is_common = own.var.size < k
    held = np.full(k, stats.count.sum()) if is_common else stats.count
    is_floored = var * held < _FLOOR_MARGIN * max(family.floor_scatter(v), 1e-300)
    if is_common:
        return is_floored
    is_few = n < n_own + _EXTRA_ROWS if k > 1 else np.zeros(k, dtype=bool)
    is_thin = (n < _FEW * (n_own + 1)) & (var < _TINY * family.unit[v] ** 2)
    return is_floored | is_few | is_thin


def _named(where: Any, count: FloatArray) -> tuple[str, str, str]:
    named = ", ".join(f"{k + 1} ({count[k]:.3g} rows)" for k in where)
    return named, *(("Component", "has") if where.size == 1 else ("Components", "have"))


def _too_few(where: Any, count: FloatArray, n_own: int) -> str:
    named, noun, verb = _named(where, count)
    return (
        f"{noun} {named} {verb} collapsed: too few rows, or rows exactly on one plane, for {n_own} coefficients and "
        "a variance. Use fewer components or covariates, or equal variances."
    )


def _separated(where: Any, count: FloatArray, name: str) -> str:
    named, noun, verb = _named(where, count)
    kind = "the covariates separate ones from zeros" if name == "binomial" else "counts are all zero where they lead"
    return (
        f"{noun} {named} {verb} coefficients without a finite maximum: {kind}, so their estimates and standard errors "
        "mean nothing. Use fewer components or covariates, or make their effects common."
    )
