"""The parameters of factor models, and the structures that say which of them are free."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from emkit.core import Parameters
from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import space
from emkit.core.spaces import Constant, Correlation, Positive, PositiveDefinite, Real
from emkit.factor import confirmatory, exploratory
from emkit.factor.rotation import Rotated, Rotation

__all__ = [
    "FLOOR",
    "Confirmatory",
    "CorrelatedFactorParameters",
    "Exploratory",
    "FactorParameters",
    "Isotropic",
    "ScaledFactorParameters",
    "Structure",
    "triangular",
]

FLOOR = 1e-14  # of a variance: the penalty that keeps a uniqueness above zero, see `exploratory`
_NONE = (np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))


@dataclass(frozen=True)
class FactorParameters(Parameters):
    """Uncorrelated factors of variance one.

    Parameters
    ----------
    mean : array (d,)
    free : array (q,)
        The free loadings, row by row.
    is_free : array (d, k) of int
        One where a loading is free, else zero.
    fixed : array (d, k)
        The loadings that are not free; zero where they are.
    factor_cov : array (k, k)
    uniqueness : array (d,), or (1,) for one shared by all variables
        Variances of the errors.
    """

    mean: Array = space(Real())
    free: Array = space(Real())
    is_free: Array = space(Constant())
    fixed: Array = space(Constant())
    factor_cov: Array = space(Constant())
    uniqueness: Array = space(Positive())

    @property
    def n_factors(self) -> int:
        """How many factors there are."""
        return int(self.is_free.shape[1])

    @property
    def mask(self) -> Array:
        """Which loadings are free, (d, k) of bool."""
        return self.is_free.astype(bool)

    @property
    def loadings(self) -> FloatArray:
        """The loadings (d, k)."""
        full = np.array(self.fixed, dtype=np.float64)
        full[self.mask] = self.free
        return full

    @property
    def cov(self) -> FloatArray:
        """The covariance (d, d) of a row."""
        loadings = self.loadings
        common: FloatArray = loadings @ self.factor_cov @ loadings.T
        common[np.diag_indices(len(common))] += self.uniqueness
        return common


@dataclass(frozen=True)
class CorrelatedFactorParameters(FactorParameters):
    """Factors of variance one that correlate."""

    factor_cov: Array = space(Correlation())


@dataclass(frozen=True)
class ScaledFactorParameters(FactorParameters):
    """Factors whose variances and covariances are free: some loadings are fixed to set their units."""

    factor_cov: Array = space(PositiveDefinite())


@dataclass(frozen=True)
class Structure(ABC):
    """What is free in a factor model, and how it is fitted to a covariance matrix."""

    @abstractmethod
    def blank(self, mean: FloatArray, uniqueness: FloatArray) -> FactorParameters:
        """Return parameters to start from, given uniquenesses (d,) and a mean (d,)."""

    @abstractmethod
    def fitted(self, cov: FloatArray, at: FactorParameters, mean: FloatArray, unit: FloatArray) -> FactorParameters:
        """Return the best parameters for a covariance (d, d), found from `at`; `unit` (d,) scales the penalty."""

    def shown(self, parameters: FactorParameters) -> Rotated:
        """Return loadings and correlations of the factors as a reader wants them."""
        return Rotated(parameters.loadings, np.asarray(parameters.factor_cov), np.eye(parameters.n_factors))


@dataclass(frozen=True)
class Exploratory(Structure):
    """All loadings free, up to a rotation: kept as a lower triangle, which any rotation can be turned into.

    Parameters
    ----------
    n_factors : int
    rotation : Rotation or None
        How the loadings are shown; None is the form where L' psi^-1 L is diagonal and falling.
    """

    n_factors: int
    rotation: Rotation | None = None

    def blank(self, mean: FloatArray, uniqueness: FloatArray) -> FactorParameters:
        return triangular(mean, np.zeros((len(mean), self.n_factors)), uniqueness)

    def fitted(self, cov: FloatArray, at: FactorParameters, mean: FloatArray, unit: FloatArray) -> FactorParameters:
        start = np.clip(at.uniqueness / unit**2, 1e-8, 1.0)
        loadings, uniqueness = exploratory.solve(cov / np.outer(unit, unit), self.n_factors, start, FLOOR)
        return triangular(mean, loadings * unit[:, None], uniqueness * unit**2, at)

    def shown(self, parameters: FactorParameters) -> Rotated:
        return _on_axes(parameters, self.rotation)


@dataclass(frozen=True)
class Isotropic(Structure):
    """All loadings free and one error variance for all variables: probabilistic principal components.

    The loadings are the first eigenvectors of the covariance, scaled by sqrt(l_m - v) with v the mean of the other
    eigenvalues (Tipping & Bishop 1999, JRSS B 61:611, equations 7 and 8).
    """

    n_factors: int

    def blank(self, mean: FloatArray, uniqueness: FloatArray) -> FactorParameters:
        return triangular(mean, np.zeros((len(mean), self.n_factors)), uniqueness.mean(keepdims=True))

    def fitted(self, cov: FloatArray, at: FactorParameters, mean: FloatArray, unit: FloatArray) -> FactorParameters:
        values, vectors = np.linalg.eigh(cov)
        rest = len(values) - self.n_factors
        noise = max(float(values[:rest].mean()), FLOOR * float(np.trace(cov)))
        loadings = vectors[:, rest:] * np.sqrt(np.maximum(values[rest:] - noise, 0.0))
        return triangular(mean, loadings[:, ::-1], np.array([noise]), at)

    def shown(self, parameters: FactorParameters) -> Rotated:
        return _on_axes(parameters, None)


@dataclass(frozen=True, eq=False)
class Confirmatory(Structure):
    """Loadings fixed by a pattern.

    Parameters
    ----------
    pattern : array (d, k)
        NaN where a loading is free, else its fixed value.
    is_correlated : bool
        Whether the factors correlate.
    is_scaled : bool
        Whether the variances of the factors are free (each then needs a fixed loading other than zero).
    """

    pattern: FloatArray
    is_correlated: bool = True
    is_scaled: bool = False

    def blank(self, mean: FloatArray, uniqueness: FloatArray) -> FactorParameters:
        kind = FactorParameters
        if self.is_correlated:
            kind = ScaledFactorParameters if self.is_scaled else CorrelatedFactorParameters
        rows = np.nonzero(np.isnan(self.pattern))[0]
        own = np.sqrt(uniqueness)[rows]
        marks = np.where(np.isnan(self.pattern), 0.0, np.abs(self.pattern)) > 0
        spread = np.where(marks, uniqueness[:, None], np.nan)
        var = np.where(marks.any(axis=0), np.nanmean(np.where(marks.any(axis=0), spread, 1.0), axis=0), 1.0)
        factor_cov = np.diag(var) if self.is_scaled else np.eye(self.pattern.shape[1])
        free = own / np.sqrt(np.diag(factor_cov))[np.nonzero(np.isnan(self.pattern))[1]]
        return kind(
            mean, free, np.isnan(self.pattern).astype(np.int64), np.nan_to_num(self.pattern), factor_cov, uniqueness
        )

    def fitted(self, cov: FloatArray, at: FactorParameters, mean: FloatArray, unit: FloatArray) -> FactorParameters:
        k = self.pattern.shape[1]
        entries = np.tril_indices(k, 0 if self.is_scaled else -1) if self.is_correlated else _NONE
        rows, columns = np.nonzero(np.isnan(self.pattern))
        shape = confirmatory.Shape((rows, columns), entries)
        start = confirmatory.Candidate(at.loadings, np.asarray(at.factor_cov), np.asarray(at.uniqueness))
        end = confirmatory.scored(cov, start, shape, FLOOR * unit**2)
        free = end.loadings[np.isnan(self.pattern)]
        return replace(at, mean=mean, free=free, factor_cov=end.factor_cov, uniqueness=end.uniqueness)


def triangular(
    mean: FloatArray, loadings: FloatArray, uniqueness: FloatArray, like: FactorParameters | None = None
) -> FactorParameters:
    """Return parameters with loadings (d, k) rotated to a lower triangle, their signs as in `like`."""
    d, k = loadings.shape
    lower = loadings @ np.linalg.qr(loadings[:k].T)[0]
    along = lower[:k].diagonal() if like is None else (lower * like.loadings).sum(axis=0)
    is_free = np.arange(d)[:, None] >= np.arange(k)
    free = (lower * np.where(along < 0, -1.0, 1.0))[is_free]
    return FactorParameters(mean, free, is_free.astype(np.int64), np.zeros((d, k)), np.eye(k), uniqueness)


def _on_axes(parameters: FactorParameters, rotation: Rotation | None) -> Rotated:
    """Return the loadings in the form where L' psi^-1 L is diagonal and falling, then rotated."""
    loadings, k = parameters.loadings, parameters.n_factors
    weighted = loadings / np.broadcast_to(parameters.uniqueness, len(loadings))[:, None]
    vectors = np.linalg.eigh(weighted.T @ loadings)[1][:, ::-1]
    sign = np.where((loadings @ vectors).sum(axis=0) < 0, -1.0, 1.0)
    axes: FloatArray = vectors * sign
    if rotation is None:
        return Rotated(loadings @ axes, np.eye(k), axes)
    rotated = rotation.rotate(loadings @ axes)
    return Rotated(rotated.loadings, rotated.factor_correlation, axes @ rotated.matrix)
