"""Coefficients of a regression with their standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError

__all__ = ["Coefficients"]


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Estimates with standard errors by full-information likelihood; its text is the table.

    Attributes
    ----------
    names : tuple of str
        "(intercept)" first.
    estimate : array (p,)
    covariance : array (p, p)
    """

    names: tuple[str, ...]
    estimate: FloatArray
    covariance: FloatArray

    @property
    def se(self) -> FloatArray:
        """Standard errors (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def z(self) -> FloatArray:
        """Estimates in standard errors (p,)."""
        return np.asarray(self.estimate / self.se)

    @property
    def p_value(self) -> FloatArray:
        """Two-sided probabilities (p,) of as large a ratio where the coefficient is zero."""
        return np.asarray(2 * ndtr(-np.abs(self.z)))

    def interval(self, level: float = 0.95) -> FloatArray:
        """Return lower and upper ends (p, 2)."""
        if not 0 < level < 1:
            message = f"`level` must lie between 0 and 1, got {level!r}"
            raise ParameterError(message)
        half = ndtri(0.5 + level / 2) * self.se
        return np.column_stack([self.estimate - half, self.estimate + half])

    def __str__(self) -> str:
        wide = max(len(name) for name in self.names)
        lines = [f"{'':{wide}}  {'estimate':>10}  {'s.e.':>9}  {'z':>7}  {'p':>7}"]
        each = zip(self.names, self.estimate, self.se, self.z, self.p_value, strict=True)
        lines += [f"{name:{wide}}  {b:10.4g}  {se:9.4g}  {z:7.2f}  {p:7.3f}" for name, b, se, z, p in each]
        return "\n".join(lines)
