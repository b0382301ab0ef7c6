"""Parameters and statistics of the skewed families: what `families.skew` estimates and sums."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import PositiveDefinite, Real
from emkit.core.statistics import Additive, shared
from emkit.families.student_dof import Capped

__all__ = ["SkewNormalParameters", "SkewStatistics", "SkewTParameters"]


@dataclass(frozen=True)
class SkewNormalParameters(Parameters):
    """Locations and skews (k, d), and scale matrices (k, d, d)."""

    location: Array = space(Real())
    skew: Array = space(Real())
    scale: Array = space(PositiveDefinite())


@dataclass(frozen=True)
class SkewTParameters(Parameters):
    """Locations and skews (k, d), scale matrices (k, d, d) and degrees of freedom (k,)."""

    location: Array = space(Real())
    skew: Array = space(Real())
    scale: Array = space(PositiveDefinite())
    dof: Array = space(Capped())


@dataclass(frozen=True)
class SkewStatistics(Additive):
    """Expected sums, with tau = |t| / sqrt(u) and z = x - pivot.

    Parameters
    ----------
    count, log_u : array (k,)
        Of r, and of r (log u - u).
    u, ut, utt : array (k,)
        Of r u, r u tau, r u tau^2.
    ux, utx : array (k, d)
        Of r u z, r u tau z.
    uxx : array (k, d, d)
        Of r u z z'.
    pivot : array (k, d)
        The locations of the E-step.
    """

    count: FloatArray
    log_u: FloatArray
    u: FloatArray
    ut: FloatArray
    utt: FloatArray
    ux: FloatArray
    utx: FloatArray
    uxx: FloatArray
    pivot: FloatArray = shared()

    def about(self, origin: FloatArray) -> SkewStatistics:
        """Return the same sums about other points (k, d)."""
        move = self.pivot - origin
        cross = self.ux[:, :, None] * move[:, None, :]
        uxx = self.uxx + cross + np.swapaxes(cross, 1, 2) + self.u[:, None, None] * move[:, :, None] * move[:, None, :]
        ux, utx = self.ux + self.u[:, None] * move, self.utx + self.ut[:, None] * move
        return replace(self, ux=ux, utx=utx, uxx=uxx, pivot=origin)

    def scatter(self, skew: FloatArray) -> FloatArray:
        """Return the expected sum of r u (z - skew tau)(z - skew tau)', (k, d, d)."""
        cross = self.utx[:, :, None] * skew[:, None, :]
        own = self.utt[:, None, None] * skew[:, :, None] * skew[:, None, :]
        return np.asarray(self.uxx - cross - np.swapaxes(cross, 1, 2) + own)
