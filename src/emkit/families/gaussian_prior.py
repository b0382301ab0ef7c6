"""The conjugate prior of a Gaussian, and the small penalty that keeps covariances from collapsing to nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError

__all__ = ["FLOOR", "NormalInverseWishart"]

# The default penalty on a component is -FLOOR / 2 * tr(U^2 Sigma^-1), U the standard deviations of the columns: as if
# each component had seen scatter FLOOR * U^2 more than it did (Chen & Tan 2009, J. Multivariate Analysis 100:1367).
# A covariance of ordinary size moves by one part in 1e12; one that collapses stops at a millionth of the column's
# standard deviation, where the likelihood would otherwise have no upper limit.
FLOOR = 1e-12


@dataclass(frozen=True)
class NormalInverseWishart:
    """Normal-inverse-Wishart prior of each component (Fraley & Raftery 2007, J. Classification 24:155).

    mean_k | Sigma_k ~ N(m, Sigma_k / shrinkage), Sigma_k ~ inverse Wishart(dof, scale). Structures that share entries
    use the matching inverse gamma. Fields left None are read off the data.

    Parameters
    ----------
    shrinkage : float, default 0.01
        Prior observations behind the mean.
    dof : float, optional
        Degrees of freedom of the covariance; d + 2 by default, the smallest integer with a finite prior mean.
    mean : array (d,), optional
        The mean of the data by default.
    scale : array (d, d), optional
        Covariance of the data divided by k^(2/d) by default: each component takes an equal share of the volume.
        The covariance's diagonal alone where columns are collinear or more than the rows.
    """

    shrinkage: float = 0.01
    dof: float | None = None
    mean: Any = field(default=None, compare=False)
    scale: Any = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.shrinkage >= 0:
            message = f"`shrinkage` must be at least 0, got {self.shrinkage!r}"
            raise ParameterError(message)
        if self.dof is not None and not self.dof > 0:
            message = f"`dof` must be positive, got {self.dof!r}"
            raise ParameterError(message)

    def completed(self, mean: FloatArray, cov: FloatArray, n_components: int) -> NormalInverseWishart:
        """Return the prior with its open fields set from the mean (d,) and covariance (d, d) of the data."""
        d = mean.size
        own_mean = mean if self.mean is None else _shaped("mean", self.mean, (d,))
        own_scale = cov / n_components ** (2 / d) if self.scale is None else _shaped("scale", self.scale, (d, d))
        return replace(self, dof=self.dof if self.dof is not None else d + 2.0, mean=own_mean, scale=own_scale)


def _shaped(name: str, value: Any, shape: tuple[int, ...]) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape:
        message = f"`{name}` of the prior has shape {array.shape}; expected {shape}"
        raise ParameterError(message)
    return array
