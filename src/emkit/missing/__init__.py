"""Missing entries: the multivariate normal by EM over patterns, and imputation from it."""

from __future__ import annotations

from emkit.missing.imputer import EMImputer
from emkit.missing.normal import MultivariateNormal
from emkit.missing.pooling import Pooled, pool

__all__ = ["EMImputer", "MultivariateNormal", "Pooled", "pool"]
