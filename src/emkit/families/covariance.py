"""Covariance structures that pool scatter, and all structures by their words and codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import space
from emkit.core.spaces import Positive, PositiveDefinite, Real
from emkit.errors import ParameterError
from emkit.families.covariance_base import DenseForm, DenseRecord, DiagonalForm, DiagonalRecord, Structure, spread
from emkit.families.parsimonious import Axes, Scaled, ScaledDiagonal
from emkit.kernels.covariance import Form, Parts

__all__ = [
    "CODES",
    "STRUCTURES",
    "Dense",
    "DenseParameters",
    "Diagonal",
    "DiagonalParameters",
    "Structure",
    "structure_of",
]


@dataclass(frozen=True)
class DenseParameters(DenseRecord):
    """Means and full covariance matrices of k Gaussians.

    Parameters
    ----------
    mean : array (k, d)
    cov : array (k, d, d), or (1, d, d) where all share one
    """

    mean: Array = space(Real())
    cov: Array = space(PositiveDefinite())


@dataclass(frozen=True)
class DiagonalParameters(DiagonalRecord):
    """Means and variances of k Gaussians with independent features.

    Parameters
    ----------
    mean : array (k, d)
    var : array (k, d); (k, 1) where all features of a component share one, (1, d) or (1, 1) where components do
    """

    mean: Array = space(Real())
    var: Array = space(Positive())


@dataclass(frozen=True)
class Dense(DenseForm):
    """Full matrices, one per component or one for all.

    Parameters
    ----------
    is_shared : bool
        Whether all components share one covariance.
    """

    is_shared: bool = False  # type: ignore[misc]

    def needed(self, d: int) -> int:
        return d

    def parameters(self, mean: FloatArray, cov: FloatArray) -> DenseParameters:
        return DenseParameters(mean, cov)

    def estimate(self, mean: FloatArray, count: FloatArray, scatter: FloatArray, previous: Any) -> DenseParameters:
        return DenseParameters(mean, scatter / count)

    @property
    def form(self) -> tuple[Form, bool]:
        return Form.FULL, self.is_shared

    def of_parts(self, mean: FloatArray, parts: Parts) -> DenseParameters:
        return DenseParameters(mean, parts.matrix[: 1 if self.is_shared else len(mean)])

    def parts(self, parameters: DenseParameters) -> Parts:
        k, d = parameters.mean.shape
        return Parts(np.ones(k), np.ones((k, d)), spread(parameters.cov, k))

    def slopes(self, parameters: Any, towards: FloatArray, slope: FloatArray) -> DenseParameters:
        return DenseParameters(towards, slope)

    def reordered(self, parameters: Any, order: Array) -> DenseParameters:
        return DenseParameters(parameters.mean[order], parameters.cov if self.is_shared else parameters.cov[order])

    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.is_shared:
            count, scatter = count.sum(keepdims=True), scatter.sum(axis=0, keepdims=True)
        return count[:, None, None], scatter

    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        pinned = np.where(is_pinned[:, None] | is_pinned[None, :], 0.0, cov)
        where = np.flatnonzero(is_pinned)
        pinned[:, where, where] = var[..., where]
        return pinned


@dataclass(frozen=True)
class Diagonal(DiagonalForm):
    """Variances only.

    Parameters
    ----------
    is_shared : bool
        Whether all components share them.
    is_spherical : bool
        Whether all features of a component share one.
    """

    is_shared: bool = False  # type: ignore[misc]
    is_spherical: bool = False  # type: ignore[misc]

    def parameters(self, mean: FloatArray, cov: FloatArray) -> DiagonalParameters:
        return DiagonalParameters(mean, cov)

    def estimate(self, mean: FloatArray, count: FloatArray, scatter: FloatArray, previous: Any) -> DiagonalParameters:
        return DiagonalParameters(mean, scatter / count)

    @property
    def form(self) -> tuple[Form, bool]:
        return (Form.SPHERICAL if self.is_spherical else Form.DIAGONAL), self.is_shared

    def of_parts(self, mean: FloatArray, parts: Parts) -> DiagonalParameters:
        n_distinct = 1 if self.is_shared else len(mean)
        var = parts.volume[:n_distinct, None] if self.is_spherical else parts.shape[:n_distinct]
        return DiagonalParameters(mean, var)

    def parts(self, parameters: DiagonalParameters) -> Parts:
        k, d = parameters.mean.shape
        if self.is_spherical:
            return Parts(spread(parameters.var[:, 0], k), np.ones((k, d)), np.empty((k, 0)))
        return Parts(np.ones(k), spread(parameters.var, k), np.empty((k, 0)))

    def slopes(self, parameters: Any, towards: FloatArray, slope: FloatArray) -> DiagonalParameters:
        return DiagonalParameters(towards, slope)

    def reordered(self, parameters: Any, order: Array) -> DiagonalParameters:
        return DiagonalParameters(parameters.mean[order], parameters.var if self.is_shared else parameters.var[order])

    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        d = scatter.shape[1]
        if self.is_shared:
            count, scatter = count.sum(keepdims=True), scatter.sum(axis=0, keepdims=True)
        if self.is_spherical:
            return d * count[:, None], scatter.sum(axis=1, keepdims=True)
        return count[:, None], scatter

    def prior_scatter(self, scale: FloatArray) -> FloatArray:
        diagonal = np.diagonal(scale)
        return np.array([diagonal.mean()]) if self.is_spherical else np.array(diagonal)

    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        return cov if self.is_spherical else np.where(is_pinned, var, cov)


# mclust's codes: volume, shape and orientation are E equal or V varying, or I the identity; one feature has E and V
CODES: dict[str, Structure] = {
    "EII": Diagonal(is_shared=True, is_spherical=True),
    "VII": Diagonal(is_spherical=True),
    "EEI": Diagonal(is_shared=True),
    "VEI": ScaledDiagonal(),
    "EVI": ScaledDiagonal(is_volume_shared=True),
    "VVI": Diagonal(),
    "EEE": Dense(is_shared=True),
    "VEE": Scaled(),
    "EVE": Axes(is_volume_shared=True, are_axes_shared=True),
    "VVE": Axes(are_axes_shared=True),
    "EEV": Axes(is_volume_shared=True),
    "VEV": Axes(),
    "EVV": Scaled(is_volume_shared=True),
    "VVV": Dense(),
}

_LINE: dict[str, Structure] = {"E": Diagonal(is_shared=True), "V": Diagonal()}

STRUCTURES: dict[str, Structure] = {
    "full": Dense(),
    "tied": Dense(is_shared=True),
    "diag": Diagonal(),
    "spherical": Diagonal(is_spherical=True),
    **CODES,
    **_LINE,
}


def structure_of(word: Any) -> Structure:
    """Return the structure that a word or code names, or a structure as it is; or raise `ParameterError`."""
    if isinstance(word, Structure):
        return word
    if not isinstance(word, str) or word not in STRUCTURES:
        known = ", ".join(repr(name) for name in STRUCTURES)
        message = f"`covariance_type` must be one of {known} or a `FactorAnalytic`; got {word!r}"
        raise ParameterError(message)
    return STRUCTURES[word]
