"""Missing entries: the multivariate normal by EM over patterns, imputation, and regressions from it."""

from __future__ import annotations

from emkit.inference.coefficients import Coefficients
from emkit.missing.imputer import EMImputer
from emkit.missing.linear import LinearRegression
from emkit.missing.logistic import LogisticRegression
from emkit.missing.mcar import McarTest
from emkit.missing.mixed import MixedImputer
from emkit.missing.multiple import MultipleImputer
from emkit.missing.normal import MultivariateNormal
from emkit.missing.overimputation import Overimputed
from emkit.missing.panel import Panel
from emkit.missing.pooling import Pooled, pool

__all__ = [
    "Coefficients",
    "EMImputer",
    "LinearRegression",
    "LogisticRegression",
    "McarTest",
    "MixedImputer",
    "MultipleImputer",
    "MultivariateNormal",
    "Overimputed",
    "Panel",
    "Pooled",
    "pool",
]
