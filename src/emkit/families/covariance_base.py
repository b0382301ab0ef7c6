"""What every covariance structure is, and what full and diagonal ones have in common.

Everything a Gaussian does with its covariances is -1/2 sum_g (n_g log|Sigma_g| + tr(Sigma_g^-1 N_g)) over the g
distinct ones, with counts n and scatter N from the data or from a prior. A structure turns counts and scatter into
parameters, and knows determinant, quadratic form and gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters
from emkit.errors import ParameterError
from emkit.kernels.covariance import Form, Parts, estimate_covariances
from emkit.kernels.gaussian import whiten_factors

__all__ = ["DenseForm", "DenseRecord", "DiagonalForm", "DiagonalRecord", "Structure", "parts_of", "spread"]


@dataclass(frozen=True)
class DenseRecord(Parameters):
    """A record with `mean` (k, d) and `cov` (k, d, d), or (1, d, d) where all share one."""

    @cached_property
    def whiten(self) -> FloatArray:
        """Lower triangular inverse Cholesky factors (k, d, d): Sigma^-1 = W' W."""
        own: Any = self
        factors, _, status = whiten_factors(np.ascontiguousarray(own.cov))
        if status.any():
            g = int(np.flatnonzero(status)[0])
            message = f"`cov[{g}]` is not positive definite"
            raise ParameterError(message)
        k = len(own.mean)
        if len(factors) == k:
            return np.asarray(factors)
        return np.ascontiguousarray(np.broadcast_to(factors, (k, *factors.shape[1:])))

    @cached_property
    def precision(self) -> FloatArray:
        """Inverse covariances (g, d, d) of the g distinct ones."""
        own: Any = self
        whiten = self.whiten[: len(own.cov)]
        return np.swapaxes(whiten, 1, 2) @ whiten


@dataclass(frozen=True)
class DiagonalRecord(Parameters):
    """A record with `mean` (k, d) and variances `var` that broadcast to that shape."""

    @cached_property
    def whiten(self) -> FloatArray:
        """Inverse standard deviations (k, d)."""
        own: Any = self
        return np.asarray(1 / np.sqrt(own.var) + np.zeros(own.mean.shape))


@dataclass(frozen=True)
class Structure(ABC):
    """Which parts of the covariances are shared. `is_shared`: all components have one and the same covariance."""

    is_dense: ClassVar[bool]
    is_spherical: ClassVar[bool] = False
    is_shared: ClassVar[bool] = False

    @abstractmethod
    def needed(self, d: int) -> int:
        """Return how many directions of d a component's own rows must span for its covariance to be determined."""

    def check(self, d: int) -> None:  # noqa: B027
        """Raise `ParameterError` if the structure is not for d features."""

    @abstractmethod
    def parameters(self, mean: FloatArray, cov: FloatArray) -> Any:
        """Return the record of parameters from means (k, d) and covariances in the form `cov` gives them."""

    @abstractmethod
    def estimate(self, mean: FloatArray, count: FloatArray, scatter: FloatArray, previous: Any) -> Any:
        """Return the parameters that maximise `loglik` for counts and scatter as `pooled` gives them.

        What needs iterations begins at the parameters `previous`, or afresh where that is None.
        """

    @property
    def form(self) -> tuple[Form, bool] | None:
        """The structure as kernels know it, and whether it is the shared one; None where they do not."""
        return None

    def parts(self, parameters: Any) -> Parts:
        """Return the parts of the covariances as kernels take them."""
        raise NotImplementedError(type(self).__name__)

    def of_parts(self, mean: FloatArray, parts: Parts) -> Any:
        """Return the record of parameters from means (k, d) and parts."""
        raise NotImplementedError(type(self).__name__)

    @abstractmethod
    def slopes(self, parameters: Any, towards: FloatArray, slope: FloatArray) -> Any:
        """Return the record of slopes by parameter from those by mean (k, d) and by covariance, entry by entry."""

    @abstractmethod
    def reordered(self, parameters: Any, order: Array) -> Any:
        """Return the parameters with the components in another order."""

    @abstractmethod
    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return counts and scatter of the distinct covariances from those of the components, shaped to divide."""

    @abstractmethod
    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        """Return covariances where the pinned columns have the given variances and no correlation, if possible."""

    @abstractmethod
    def cov(self, parameters: Any) -> FloatArray:
        """Return the covariances in this structure's form."""

    @abstractmethod
    def outer(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return the products (k, d, d) or (k, d) of two sets of vectors (k, d) that a scatter is made of."""

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


@dataclass(frozen=True)
class DenseForm(Structure):
    """Covariances as matrices: what all full structures do alike."""

    is_dense: ClassVar[bool] = True

    def cov(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.cov)

    def outer(self, left: FloatArray, right: FloatArray) -> FloatArray:
        return left[:, :, None] * right[:, None, :]

    def prior_scatter(self, scale: FloatArray) -> FloatArray:
        return scale

    def prior_count(self, dof: float, d: int) -> float:
        return dof + d + 1

    def loglik(self, parameters: Any, count: FloatArray, scatter: FloatArray) -> float:
        whiten = parameters.whiten[: len(parameters.cov)]
        log_det = -2 * np.log(whiten.diagonal(axis1=1, axis2=2)).sum(axis=1)
        return -0.5 * float(count.reshape(-1) @ log_det + np.vdot(parameters.precision, scatter))

    def penalty(self, parameters: Any, scatter: FloatArray) -> float:
        whiten = parameters.whiten[: len(parameters.cov)]
        return -0.5 * float(((whiten * whiten) @ scatter.diagonal()).sum())

    def gradient(self, parameters: Any, count: FloatArray, scatter: FloatArray) -> FloatArray:
        precision = parameters.precision
        return np.asarray(-0.5 * (count * precision - precision @ scatter @ precision))

    def precision_times(self, parameters: Any, vectors: FloatArray) -> FloatArray:
        return np.asarray((parameters.precision @ vectors[:, :, None])[:, :, 0])

    def full(self, parameters: Any) -> FloatArray:
        k, d = parameters.mean.shape
        return np.broadcast_to(parameters.cov, (k, d, d))


@dataclass(frozen=True)
class DiagonalForm(Structure):
    """Covariances as variances: what all diagonal structures do alike."""

    is_dense: ClassVar[bool] = False

    def needed(self, d: int) -> int:
        return 1

    def cov(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.var)

    def outer(self, left: FloatArray, right: FloatArray) -> FloatArray:
        return left * right

    def prior_count(self, dof: float, d: int) -> float:
        return dof + 2

    def loglik(self, parameters: Any, count: FloatArray, scatter: FloatArray) -> float:
        return -0.5 * float((count * np.log(parameters.var) + scatter / parameters.var).sum())

    def penalty(self, parameters: Any, scatter: FloatArray) -> float:
        return -0.5 * float((scatter / parameters.var).sum())

    def gradient(self, parameters: Any, count: FloatArray, scatter: FloatArray) -> FloatArray:
        return np.asarray(-0.5 * (count - scatter / parameters.var) / parameters.var)

    def precision_times(self, parameters: Any, vectors: FloatArray) -> FloatArray:
        return np.asarray(vectors / parameters.var)

    def full(self, parameters: Any) -> FloatArray:
        d = parameters.mean.shape[1]
        return np.broadcast_to(parameters.var, parameters.mean.shape)[:, :, None] * np.eye(d)


def spread(part: FloatArray, k: int) -> FloatArray:
    """Return a part (k, ...), or (1, ...) that all components share, for each of them."""
    return part if len(part) == k else part.repeat(k, axis=0)


def parts_of(
    form: Form,
    count: FloatArray,
    scatter: FloatArray,
    *,
    is_shared: bool,
    volume: FloatArray | None = None,
    axes: FloatArray | None = None,
) -> Parts:
    """Return the parts of the likeliest covariances; of NaN where the scatter is flat and there are none.

    Parameters
    ----------
    count : array (k,)
    scatter : array (k, d, d) or (k, d)
    volume : array (k,), or (1,) where all share one, and then of no use
    axes : array (d, d)
    """
    before = volume if volume is not None and len(volume) == len(count) else None
    found = estimate_covariances(form, count, scatter, is_shared=is_shared, volume=before, axes=axes)
    if found is not None:
        return found
    k, d = scatter.shape[:2]
    return Parts(np.full(k, np.nan), np.full((k, d), np.nan), np.full(scatter.shape, np.nan))
