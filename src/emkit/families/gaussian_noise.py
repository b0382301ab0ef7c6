"""Normal distributions beside uniform noise of a given or observed volume, the noise last.

The noise has the density 1 / V over the box that the rows span, V the volume of that box or one that is given, as in
mclust. Of a row with missing entries, the marginal density of the observed ones counts.

References
----------
Banfield & Raftery 1993, Biometrics 49:803. Fraley & Raftery 2002, JASA 97:611, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.families.noise import WithNoise

__all__ = ["GaussianNoise"]


@dataclass(frozen=True)
class GaussianNoise(WithNoise):
    """A Gaussian family of k - 1 members with uniform noise as member k.

    Parameters
    ----------
    family : Gaussian
    volume : float, optional
        None is that of the box the rows span.
    """

    volume: float | None = None

    @property
    def structure(self) -> Any:
        """The structure of the covariances."""
        return self.family.structure

    def arranged(self, source: Any) -> Any:
        return self.family.arranged(super().arranged(source))

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        joint = super().log_joint(log_mix, parameters, X)
        if self.volume is not None:  # each observed column takes its part of the difference
            log_range = np.log(self.high - self.low)
            part = (np.log(self.volume) - log_range.sum()) / len(log_range)
            joint[:, int(parameters.place)] -= part * (~np.isnan(X)).sum(axis=1)
        return joint
