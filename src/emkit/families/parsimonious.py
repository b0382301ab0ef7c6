"""Covariances that share volume, shape or orientation in part: eight of the fourteen structures, Sigma = v D A D'.

The other six share a whole covariance or none and pool their scatter (`families.covariance`). A code has three letters,
for volume v, shape A (diagonal, determinant one) and orientation D: E equal in all components, V varying, I identity.

References
----------
Banfield & Raftery 1993, Biometrics 49:803. Celeux & Govaert 1995, Pattern Recognition 28:781. Browne & McNicholas
2014, Advances in Data Analysis and Classification 8:217.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import space
from emkit.core.shape_spaces import Rotation, UnitDeterminant, UnitProduct
from emkit.core.spaces import Positive, Real
from emkit.families.covariance_base import DenseForm, DenseRecord, DiagonalForm, DiagonalRecord, parts_of, spread
from emkit.kernels.covariance import Form, Parts

__all__ = ["Axes", "AxesParameters", "Scaled", "ScaledDiagonal", "ScaledDiagonalParameters", "ScaledParameters"]


@dataclass(frozen=True)
class ScaledDiagonalParameters(DiagonalRecord):
    """Means, volumes and shapes of k Gaussians with independent features: var = volume * shape.

    Parameters
    ----------
    mean : array (k, d)
    volume : array (k, 1) or (1, 1)
    shape : array (k, d) or (1, d)
        Product one along each row.
    """

    mean: Array = space(Real())
    volume: Array = space(Positive())
    shape: Array = space(UnitProduct())

    @cached_property
    def var(self) -> FloatArray:
        """Variances (k, d)."""
        return np.asarray(self.volume * self.shape)


@dataclass(frozen=True)
class ScaledParameters(DenseRecord):
    """Means, volumes and unit-determinant matrices of k Gaussians: cov = volume * form.

    Parameters
    ----------
    mean : array (k, d)
    volume : array (k, 1, 1) or (1, 1, 1)
    form : array (k, d, d) or (1, d, d)
    """

    mean: Array = space(Real())
    volume: Array = space(Positive())
    form: Array = space(UnitDeterminant())

    @cached_property
    def cov(self) -> FloatArray:
        """Covariances (k, d, d)."""
        return np.asarray(self.volume * self.form)


@dataclass(frozen=True)
class AxesParameters(DenseRecord):
    """Means, volumes, shapes and orientations of k Gaussians: cov = volume * axes diag(shape) axes'.

    Parameters
    ----------
    mean : array (k, d)
    volume : array (k, 1) or (1, 1)
    shape : array (k, d) or (1, d)
        Product one along each row.
    axes : array (k, d, d) or (1, d, d)
        Orthogonal; columns are principal axes.
    """

    mean: Array = space(Real())
    volume: Array = space(Positive())
    shape: Array = space(UnitProduct())
    axes: Array = space(Rotation())

    @cached_property
    def cov(self) -> FloatArray:
        """Covariances (k, d, d)."""
        var = self.volume * self.shape
        cov = (self.axes * var[:, None, :]) @ np.swapaxes(self.axes, 1, 2)
        return np.asarray(0.5 * (cov + np.swapaxes(cov, 1, 2)))


@dataclass(frozen=True)
class ScaledDiagonal(DiagonalForm):
    """Diagonal covariances that share the shape and not the volume (VEI), or the volume and not the shape (EVI).

    Parameters
    ----------
    is_volume_shared : bool
    """

    is_volume_shared: bool = False

    def parameters(self, mean: FloatArray, cov: FloatArray) -> ScaledDiagonalParameters:
        return self.estimate(mean, np.ones((len(mean), 1)), cov, None)

    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        return count[:, None], scatter

    def prior_scatter(self, scale: FloatArray) -> FloatArray:
        return np.array(np.diagonal(scale))

    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        return cov  # a column cannot be held apart from the others' volume: the floor alone keeps it from collapsing

    def estimate(
        self, mean: FloatArray, count: FloatArray, scatter: FloatArray, previous: Any
    ) -> ScaledDiagonalParameters:
        volume = None if previous is None else previous.volume.reshape(-1)
        found = parts_of(Form.SCALED_DIAGONAL, count[:, 0], scatter, is_shared=self.is_volume_shared, volume=volume)
        return self.of_parts(mean, found)

    @property
    def form(self) -> tuple[Form, bool]:
        return Form.SCALED_DIAGONAL, self.is_volume_shared

    def of_parts(self, mean: FloatArray, parts: Parts) -> ScaledDiagonalParameters:
        n_volumes, n_shapes = (1, len(mean)) if self.is_volume_shared else (len(mean), 1)
        return ScaledDiagonalParameters(mean, parts.volume[:n_volumes, None], parts.shape[:n_shapes])

    def parts(self, parameters: ScaledDiagonalParameters) -> Parts:
        k = len(parameters.mean)
        volume, shape = parameters.volume[:, 0], parameters.shape
        return Parts(spread(volume, k), spread(shape, k), np.empty((k, 0)))

    def slopes(
        self, parameters: ScaledDiagonalParameters, towards: FloatArray, slope: FloatArray
    ) -> ScaledDiagonalParameters:
        volume, shape = parameters.volume, parameters.shape
        by_volume = (slope * shape).sum(axis=1, keepdims=True)
        by_shape = slope * volume
        return ScaledDiagonalParameters(towards, _summed(by_volume, volume), _summed(by_shape, shape))

    def reordered(self, parameters: ScaledDiagonalParameters, order: Array) -> ScaledDiagonalParameters:
        return ScaledDiagonalParameters(*_taken(parameters, order))


@dataclass(frozen=True)
class Scaled(DenseForm):
    """Full covariances that share shape and orientation (VEE), or the volume alone (EVV).

    Parameters
    ----------
    is_volume_shared : bool
    """

    is_volume_shared: bool = False

    def needed(self, d: int) -> int:
        return d

    def parameters(self, mean: FloatArray, cov: FloatArray) -> ScaledParameters:
        return self.estimate(mean, np.ones((len(mean), 1, 1)), cov, None)

    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        return count[:, None, None], scatter

    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        return cov

    def estimate(self, mean: FloatArray, count: FloatArray, scatter: FloatArray, previous: Any) -> ScaledParameters:
        volume = None if previous is None else previous.volume.reshape(-1)
        found = parts_of(Form.SCALED, count[:, 0, 0], scatter, is_shared=self.is_volume_shared, volume=volume)
        return self.of_parts(mean, found)

    @property
    def form(self) -> tuple[Form, bool]:
        return Form.SCALED, self.is_volume_shared

    def of_parts(self, mean: FloatArray, parts: Parts) -> ScaledParameters:
        n_volumes, n_forms = (1, len(mean)) if self.is_volume_shared else (len(mean), 1)
        return ScaledParameters(mean, parts.volume[:n_volumes, None, None], parts.matrix[:n_forms])

    def parts(self, parameters: ScaledParameters) -> Parts:
        k, d = parameters.mean.shape
        volume, form = parameters.volume[:, 0, 0], parameters.form
        return Parts(spread(volume, k), np.ones((k, d)), spread(form, k))

    def slopes(self, parameters: ScaledParameters, towards: FloatArray, slope: FloatArray) -> ScaledParameters:
        volume, form = parameters.volume, parameters.form
        by_volume = (slope * form).sum(axis=(1, 2), keepdims=True)
        return ScaledParameters(towards, _summed(by_volume, volume), _summed(slope * volume, form))

    def reordered(self, parameters: ScaledParameters, order: Array) -> ScaledParameters:
        return ScaledParameters(*_taken(parameters, order))


@dataclass(frozen=True)
class Axes(DenseForm):
    """Full covariances by their principal axes: EEV, VEV with axes of their own, EVE, VVE with the same axes.

    Parameters
    ----------
    is_volume_shared : bool
    are_axes_shared : bool
        If so shapes are each component's own; if not, all share one.
    """

    is_volume_shared: bool = False
    are_axes_shared: bool = False

    def needed(self, d: int) -> int:
        return d

    def parameters(self, mean: FloatArray, cov: FloatArray) -> AxesParameters:
        return self.estimate(mean, np.ones((len(mean), 1, 1)), cov, None)

    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        return count[:, None, None], scatter

    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        return cov

    def estimate(self, mean: FloatArray, count: FloatArray, scatter: FloatArray, previous: Any) -> AxesParameters:
        form, is_shared = self.form
        volume, axes = (None, None) if previous is None else (previous.volume.reshape(-1), previous.axes[0])
        found = parts_of(form, count[:, 0, 0], scatter, is_shared=is_shared, volume=volume, axes=axes)
        if previous is not None and not self.are_axes_shared:
            found = _continued(found, previous)
        return self.of_parts(mean, found)

    @property
    def form(self) -> tuple[Form, bool]:
        return (Form.SAME_AXES if self.are_axes_shared else Form.OWN_AXES), self.is_volume_shared

    def of_parts(self, mean: FloatArray, parts: Parts) -> AxesParameters:
        k = len(mean)
        n_shapes, n_axes = (k, 1) if self.are_axes_shared else (1, k)
        volume = parts.volume[: 1 if self.is_volume_shared else k, None]
        return AxesParameters(mean, volume, parts.shape[:n_shapes], parts.matrix[:n_axes])

    def parts(self, parameters: AxesParameters) -> Parts:
        k = len(parameters.mean)
        volume, shape, axes = parameters.volume[:, 0], parameters.shape, parameters.axes
        return Parts(spread(volume, k), spread(shape, k), spread(axes, k))

    def slopes(self, parameters: AxesParameters, towards: FloatArray, slope: FloatArray) -> AxesParameters:
        volume, shape, axes = parameters.volume, parameters.shape, parameters.axes
        turned = slope @ axes  # d/dD of <slope, D V D'> is 2 slope D V
        along = (axes * turned).sum(axis=1)
        return AxesParameters(
            towards,
            _summed((along * shape).sum(axis=1, keepdims=True), volume),
            _summed(along * volume, shape),
            _summed(2 * turned * (volume * shape)[:, None, :], axes),
        )

    def reordered(self, parameters: AxesParameters, order: Array) -> AxesParameters:
        return AxesParameters(*_taken(parameters, order))


def _continued(found: Parts, previous: AxesParameters) -> Parts:
    """Return axes with columns in the order and with the signs they had before: coordinates go on smoothly."""
    rank = np.argsort(np.argsort(previous.shape[0], kind="stable"), kind="stable")
    return Parts(found.volume, found.shape[:, rank], _facing(found.matrix[:, :, rank], previous.axes))


def _summed(slope: FloatArray, part: FloatArray) -> FloatArray:
    """Return a slope by component, summed where the part is shared."""
    return slope.sum(axis=0, keepdims=True) if len(part) == 1 else slope


def _taken(parameters: Any, order: Array) -> list[FloatArray]:
    """Return the arrays of a record with components in another order; those that are shared stay."""
    parts = (getattr(parameters, name) for name in parameters.__dataclass_fields__)
    return [part if len(part) == 1 else part[order] for part in parts]


def _facing(axes: FloatArray, previous: FloatArray) -> FloatArray:
    """Return axes (k, d, d) with signs as near to those before as the same determinant allows."""
    agreement = (axes * previous).sum(axis=1)
    turned = axes * np.where(agreement < 0, -1.0, 1.0)[:, None, :]
    is_mirrored = np.linalg.det(np.swapaxes(previous, 1, 2) @ turned) < 0
    if is_mirrored.any():
        turned[is_mirrored, :, np.abs(agreement[is_mirrored]).argmin(axis=1)] *= -1
    return np.asarray(turned)
