"""Starts that the user gives to a mixture with concomitant variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.mixture.concomitant import ConcomitantMixture, ConcomitantParameters
from emkit.mixture.given import start_from
from emkit.mixture.model import FiniteMixture

__all__ = ["gated_start"]


def gated_start(start: Any, model: ConcomitantMixture, source: Any) -> ConcomitantParameters:
    """Return the start that a fit with or without concomitant variables, labels or responsibilities stand for."""
    known = getattr(start, "parameters_", getattr(start, "parameters", None))
    if isinstance(known, ConcomitantParameters):
        return known
    plain = start_from(start, FiniteMixture(model.family, model.n_components), model.own_source(source))
    odds = np.log(np.maximum(plain.mix, 1e-300))
    gating = np.zeros((model.n_components - 1, 1 + len(model.covariates)))
    gating[:, 0] = odds[1:] - odds[0]
    return ConcomitantParameters(gating, plain.members)
