"""Special functions of arrays of any library."""

from __future__ import annotations

from typing import Any

from scipy.special import gammaln

from emkit.kernels.foreign import is_foreign
from emkit.kernels.twins.special import log_gamma as _log_gamma

__all__ = ["log_gamma"]


def log_gamma(x: Any) -> Any:
    """Return log Gamma(x) for positive float64 `x`: SciPy's for NumPy, the twin where the array is for others."""
    return _log_gamma(x) if is_foreign(x) else gammaln(x)
