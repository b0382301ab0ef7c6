"""Missing entries: the multivariate normal by EM over patterns, imputation from it, and multiple imputation."""

from __future__ import annotations

from emkit.missing.imputer import EMImputer
from emkit.missing.mcar import McarTest
from emkit.missing.multiple import MultipleImputer
from emkit.missing.normal import MultivariateNormal
from emkit.missing.overimputation import Overimputed
from emkit.missing.panel import Panel
from emkit.missing.pooling import Pooled, pool

__all__ = [
    "EMImputer",
    "McarTest",
    "MultipleImputer",
    "MultivariateNormal",
    "Overimputed",
    "Panel",
    "Pooled",
    "pool",
]
