"""Covariance structures: which entries the components' covariances share, and what follows from it.

A structure turns pooled scatter into covariances, and knows determinant, quadratic form and gradient. Everything a
Gaussian does with its covariances is -1/2 sum_g (n_g log|Sigma_g| + tr(Sigma_g^-1 N_g)) over the g distinct ones, with
counts n and scatter N from the data or from a prior.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, PositiveDefinite, Real
from emkit.errors import ParameterError
from emkit.kernels.gaussian import whiten_factors

__all__ = ["STRUCTURES", "Dense", "DenseParameters", "Diagonal", "DiagonalParameters", "Structure", "structure_of"]


@dataclass(frozen=True)
class DenseParameters(Parameters):
    """Means and full covariance matrices of k Gaussians.

    Parameters
    ----------
    mean : array (k, d)
    cov : array (k, d, d), or (1, d, d) where all share one
    """

    mean: Array = space(Real())
    cov: Array = space(PositiveDefinite())

    @cached_property
    def whiten(self) -> FloatArray:
        """Lower triangular inverse Cholesky factors (k, d, d): Sigma^-1 = W' W."""
        factors, _, status = whiten_factors(np.ascontiguousarray(self.cov))
        if status.any():
            g = int(np.flatnonzero(status)[0])
            message = f"`cov[{g}]` is not positive definite"
            raise ParameterError(message)
        k = len(self.mean)
        return factors if len(factors) == k else np.ascontiguousarray(np.broadcast_to(factors, (k, *factors.shape[1:])))

    @cached_property
    def precision(self) -> FloatArray:
        """Inverse covariances (g, d, d) of the g distinct ones."""
        whiten = self.whiten[: len(self.cov)]
        return np.swapaxes(whiten, 1, 2) @ whiten


@dataclass(frozen=True)
class DiagonalParameters(Parameters):
    """Means and variances of k Gaussians with independent features.

    Parameters
    ----------
    mean : array (k, d)
    var : array (k, d); (k, 1) where all features of a component share one, (1, d) or (1, 1) where components do
    """

    mean: Array = space(Real())
    var: Array = space(Positive())

    @cached_property
    def whiten(self) -> FloatArray:
        """Inverse standard deviations (k, d)."""
        return np.ascontiguousarray(np.broadcast_to(1 / np.sqrt(self.var), self.mean.shape))


@dataclass(frozen=True)
class Structure(ABC):
    """Which entries are shared.

    Parameters
    ----------
    is_shared : bool
        Whether all components share one covariance.
    """

    is_shared: bool = False

    @abstractmethod
    def parameters(self, mean: FloatArray, cov: FloatArray) -> Any:
        """Return the record of parameters from means (k, d) and covariances in this structure's form."""

    @abstractmethod
    def cov(self, parameters: Any) -> FloatArray:
        """Return the covariances in this structure's form."""

    @abstractmethod
    def outer(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return the products (k, d, d) or (k, d) of two sets of vectors (k, d) that a scatter is made of."""

    @abstractmethod
    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return counts and scatter of the distinct covariances from those of the components, shaped to divide."""

    @abstractmethod
    def prior_scatter(self, scale: FloatArray) -> FloatArray:
        """Return a prior scale (d, d) in the shape of pooled scatter, for one distinct covariance."""

    @abstractmethod
    def prior_count(self, dof: float, d: int) -> float:
        """Return the exponent of the determinant in the prior of one distinct covariance."""

    @abstractmethod
    def loglik(self, parameters: Any, count: FloatArray, scatter: FloatArray) -> float:
        """Return -1/2 sum (count log|Sigma| + tr(Sigma^-1 scatter)) over the distinct covariances."""

    @abstractmethod
    def penalty(self, parameters: Any, scatter: FloatArray) -> float:
        """Return -1/2 sum tr(Sigma^-1 scatter) over the distinct covariances for one diagonal scatter."""

    @abstractmethod
    def gradient(self, parameters: Any, count: FloatArray, scatter: FloatArray) -> FloatArray:
        """Return the gradient of `loglik` with respect to the covariances, entry by entry."""

    @abstractmethod
    def precision_times(self, parameters: Any, vectors: FloatArray) -> FloatArray:
        """Return Sigma_k^-1 v_k for vectors (k, d)."""

    @abstractmethod
    def full(self, parameters: Any) -> FloatArray:
        """Return the covariances as matrices (k, d, d)."""

    @abstractmethod
    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        """Return covariances where the pinned columns have the given variances and no correlation."""


@dataclass(frozen=True)
class Dense(Structure):
    """Full matrices, one per component or one for all."""

    def parameters(self, mean: FloatArray, cov: FloatArray) -> DenseParameters:
        return DenseParameters(mean, cov)

    def cov(self, parameters: DenseParameters) -> FloatArray:
        return parameters.cov

    def outer(self, left: FloatArray, right: FloatArray) -> FloatArray:
        return left[:, :, None] * right[:, None, :]

    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.is_shared:
            count, scatter = count.sum(keepdims=True), scatter.sum(axis=0, keepdims=True)
        return count[:, None, None], scatter

    def prior_scatter(self, scale: FloatArray) -> FloatArray:
        return scale

    def prior_count(self, dof: float, d: int) -> float:
        return dof + d + 1

    def loglik(self, parameters: DenseParameters, count: FloatArray, scatter: FloatArray) -> float:
        whiten = parameters.whiten[: len(parameters.cov)]
        log_det = -2 * np.log(whiten.diagonal(axis1=1, axis2=2)).sum(axis=1)
        return -0.5 * float(count.reshape(-1) @ log_det + np.vdot(parameters.precision, scatter))

    def penalty(self, parameters: DenseParameters, scatter: FloatArray) -> float:
        whiten = parameters.whiten[: len(parameters.cov)]
        return -0.5 * float(((whiten * whiten) @ scatter.diagonal()).sum())

    def gradient(self, parameters: DenseParameters, count: FloatArray, scatter: FloatArray) -> FloatArray:
        precision = parameters.precision
        return -0.5 * (count * precision - precision @ scatter @ precision)

    def precision_times(self, parameters: DenseParameters, vectors: FloatArray) -> FloatArray:
        return np.asarray((parameters.precision @ vectors[:, :, None])[:, :, 0])

    def full(self, parameters: DenseParameters) -> FloatArray:
        k, d = parameters.mean.shape
        return np.broadcast_to(parameters.cov, (k, d, d))

    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        pinned = np.where(is_pinned[:, None] | is_pinned[None, :], 0.0, cov)
        where = np.flatnonzero(is_pinned)
        pinned[:, where, where] = var[where]
        return pinned


@dataclass(frozen=True)
class Diagonal(Structure):
    """Variances only.

    Parameters
    ----------
    is_shared : bool
        Whether all components share them.
    is_spherical : bool
        Whether all features of a component share one.
    """

    is_spherical: bool = False

    def parameters(self, mean: FloatArray, cov: FloatArray) -> DiagonalParameters:
        return DiagonalParameters(mean, cov)

    def cov(self, parameters: DiagonalParameters) -> FloatArray:
        return parameters.var

    def outer(self, left: FloatArray, right: FloatArray) -> FloatArray:
        return left * right

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

    def prior_count(self, dof: float, d: int) -> float:
        return dof + 2

    def loglik(self, parameters: DiagonalParameters, count: FloatArray, scatter: FloatArray) -> float:
        return -0.5 * float((count * np.log(parameters.var) + scatter / parameters.var).sum())

    def penalty(self, parameters: DiagonalParameters, scatter: FloatArray) -> float:
        return -0.5 * float((scatter / parameters.var).sum())

    def gradient(self, parameters: DiagonalParameters, count: FloatArray, scatter: FloatArray) -> FloatArray:
        return -0.5 * (count - scatter / parameters.var) / parameters.var

    def precision_times(self, parameters: DiagonalParameters, vectors: FloatArray) -> FloatArray:
        return vectors / parameters.var

    def full(self, parameters: DiagonalParameters) -> FloatArray:
        d = parameters.mean.shape[1]
        return np.broadcast_to(parameters.var, parameters.mean.shape)[:, :, None] * np.eye(d)

    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        return cov if self.is_spherical else np.where(is_pinned, var, cov)


# scikit-learn's four words and the codes of mclust that pool in the same way (volume, shape, orientation)
STRUCTURES: dict[str, Structure] = {
    "full": Dense(),
    "tied": Dense(is_shared=True),
    "diag": Diagonal(),
    "spherical": Diagonal(is_spherical=True),
    "VVV": Dense(),
    "EEE": Dense(is_shared=True),
    "VVI": Diagonal(),
    "EEI": Diagonal(is_shared=True),
    "VII": Diagonal(is_spherical=True),
    "EII": Diagonal(is_shared=True, is_spherical=True),
}


def structure_of(word: str) -> Structure:
    """Return the structure that a word or code names, or raise `ParameterError`."""
    if not isinstance(word, str) or word not in STRUCTURES:
        known = ", ".join(repr(name) for name in STRUCTURES)
        message = f"`covariance_type` must be one of {known}; got {word!r}"
        raise ParameterError(message)
    return STRUCTURES[word]
