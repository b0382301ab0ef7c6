"""Priors on item parameters: with them the fit is maximum a posteriori. They live in `core`, for every model."""

from __future__ import annotations

from emkit.core.priors import BetaPrior, LogitNormalPrior, LogNormalPrior, NormalPrior, Prior

__all__ = ["BetaPrior", "LogNormalPrior", "LogitNormalPrior", "NormalPrior", "Prior"]
