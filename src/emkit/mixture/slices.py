"""Marginal and conditional distributions of a Gaussian mixture: Gaussian mixtures again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.errors import ParameterError
from emkit.families.covariance import DenseParameters, DiagonalParameters
from emkit.families.covariance_base import DenseRecord, DiagonalRecord
from emkit.kernels.gaussian import diagonal_log_joint, full_log_joint, softmax_rows
from emkit.mixture.model import MixtureParameters

__all__ = ["conditional_parameters", "marginal_parameters", "resolve_columns"]


def resolve_columns(columns: Sequence[int | str], d: int, names: Array | None) -> IntArray:
    """Return column numbers from numbers or names, in the order given."""
    known = [] if names is None else [str(name) for name in names]
    found = []
    for column in columns:
        if isinstance(column, str):
            if column not in known:
                message = f"no column is called {column!r}; the columns are {known or 'not named, use their numbers'}"
                raise ParameterError(message)
            found.append(known.index(column))
        elif 0 <= int(column) < d:
            found.append(int(column))
        else:
            message = f"there is no column {column!r}: columns are numbered from 0 to {d - 1}"
            raise ParameterError(message)
    if not found or len(set(found)) != len(found):
        message = f"expected at least one column and none twice, got {list(columns)!r}"
        raise ParameterError(message)
    return np.array(found, dtype=np.intp)


def _parts(members: Any, left: IntArray, right: IntArray) -> FloatArray:
    k, d = members.mean.shape
    return np.asarray(np.broadcast_to(members.cov, (k, d, d))[:, left[:, None], right])


def marginal_parameters(parameters: MixtureParameters, keep: IntArray) -> MixtureParameters:
    """Return the mixture of the columns `keep`."""
    members = parameters.members
    mean = np.ascontiguousarray(members.mean[:, keep])
    if isinstance(members, DenseRecord):
        return MixtureParameters(parameters.mix, DenseParameters(mean, _parts(members, keep, keep)))
    return MixtureParameters(parameters.mix, DiagonalParameters(mean, _variances(members, keep)))


def _variances(members: Any, keep: IntArray) -> FloatArray:
    k, d = members.mean.shape
    if members.var.shape == (k, 1):
        return np.asarray(members.var)
    return np.ascontiguousarray(np.broadcast_to(members.var, (k, d))[:, keep])


def conditional_parameters(
    parameters: MixtureParameters, known: IntArray, values: FloatArray
) -> tuple[MixtureParameters, IntArray]:
    """Return the mixture of the other columns given `values` of the columns `known`, and which those others are."""
    d = parameters.members.mean.shape[1]
    rest = np.setdiff1d(np.arange(d), known)
    if rest.size == 0:
        message = "every column is given; leave at least one to have a distribution"
        raise ParameterError(message)
    if not np.isfinite(values).all():
        message = f"given values must be finite numbers, got {values.tolist()}"
        raise ParameterError(message)
    seen = marginal_parameters(parameters, known)
    with np.errstate(divide="ignore"):
        log_mix = np.log(parameters.mix)
    run = full_log_joint if isinstance(seen.members, DenseParameters) else diagonal_log_joint
    row = np.ascontiguousarray(values[None, :])
    mix = softmax_rows(run(row, log_mix, seen.members.mean, seen.members.whiten))[1][0]
    left = marginal_parameters(parameters, rest)
    if isinstance(parameters.members, DiagonalRecord):
        return MixtureParameters(mix, left.members), rest
    half = _parts(parameters.members, rest, known) @ np.swapaxes(seen.members.whiten, 1, 2)
    slope = half @ seen.members.whiten
    mean = left.members.mean + (slope @ (values - seen.members.mean)[:, :, None])[:, :, 0]
    cov = left.members.cov - half @ np.swapaxes(half, 1, 2)
    return MixtureParameters(mix, DenseParameters(mean, 0.5 * (cov + np.swapaxes(cov, 1, 2)))), rest
