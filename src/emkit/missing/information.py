"""How much of the information the missing entries have taken."""

from __future__ import annotations

from typing import Any

from scipy.linalg import eigvalsh

from emkit.core.information import observed_information
from emkit.core.problem import Problem

__all__ = ["worst_fraction"]


def worst_fraction(fit: Any) -> float:
    """Return 1 less the smallest eigenvalue of the observed relative to the complete information of a fit.

    It is also the rate at which plain EM converges (Dempster, Laird & Rubin 1977, JRSS B 39:1, section 3).
    """
    found = observed_information(Problem(fit.model, fit.source), fit.parameters)
    return float(1 - eigvalsh(found.observed, found.complete, subset_by_index=(0, 0))[0])
