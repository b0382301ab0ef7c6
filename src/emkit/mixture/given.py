"""Starts that the user gives: parameters, labels, responsibilities, or a former fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core import Fit, check_parameters
from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["given_start", "parameters_from", "start_from"]


def given_start(estimator: Any, model: FiniteMixture, source: Any) -> MixtureParameters | None:
    """Return the start that an estimator's arguments ask for, or None if they leave it to the portfolio."""
    wishes = (estimator.weights_init, estimator.means_init, estimator.precisions_init)
    if estimator.start is not None:
        if any(wish is not None for wish in wishes):
            message = "give either `start` or `weights_init`, `means_init` and `precisions_init`, not both"
            raise ParameterError(message)
        return start_from(estimator.start, model, source)
    if all(wish is None for wish in wishes):
        return None
    return _from_inits(model, source, *wishes)


def parameters_from(weights: Any, means: Any, covariances: Any, structure: Any) -> MixtureParameters:
    """Return checked parameters from arrays in the estimator's shapes."""
    mix, mean = np.array(weights, dtype=np.float64), np.array(means, dtype=np.float64)
    if mean.ndim != 2 or mix.shape != (len(mean),):
        message = f"expected `weights` (k,) and `means` (k, d), got shapes {mix.shape} and {mean.shape}"
        raise ParameterError(message)
    parameters = MixtureParameters(mix, structure.parameters(mean, _in_form(covariances, structure, *mean.shape)))
    check_parameters(parameters)
    return parameters


def _in_form(covariances: Any, structure: Any, k: int, d: int) -> FloatArray:
    """Return covariances in the form of the structure from the estimator's shape."""
    cov = np.array(covariances, dtype=np.float64)
    wanted: tuple[int, ...]
    if structure.is_dense:
        wanted = (d, d) if structure.is_shared else (k, d, d)
    else:
        wanted = (1 if structure.is_shared else k,) if structure.is_spherical else (1 if structure.is_shared else k, d)
    if cov.shape != wanted:
        message = f"expected `covariances` of shape {wanted}, got {cov.shape}"
        raise ParameterError(message)
    if structure.is_dense:
        return cov[None] if structure.is_shared else cov
    return cov[:, None] if structure.is_spherical else cov


def start_from(start: Any, model: FiniteMixture, source: Any) -> MixtureParameters:
    """Return the start that a fit, a fitted mixture, labels (n,) or responsibilities (n, k) stand for."""
    parameters = getattr(start, "parameters_", getattr(start, "parameters", None))
    if isinstance(start, Fit) or parameters is not None:
        return _same_kind(parameters, model, source)
    array = np.asarray(start)
    n, k = source.n_rows, model.n_components
    if array.shape == (n,) and np.issubdtype(array.dtype, np.integer):
        if array.min() < 0 or array.max() >= k:
            message = f"labels of `start` must lie between 0 and {k - 1}, got {array.min()} to {array.max()}"
            raise ParameterError(message)
        array = np.eye(k)[array]
    if array.shape != (n, k) or not np.isfinite(array).all() or (array < 0).any():
        message = (
            f"`start` must be a Fit, a fitted mixture, integer labels ({n},) or responsibilities ({n}, {k}) that are "
            f"not negative; got an array of shape {array.shape}, dtype {array.dtype}"
        )
        raise ParameterError(message)
    return _from_responsibilities(array.astype(np.float64), model, source)


def _same_kind(parameters: Any, model: FiniteMixture, source: Any) -> MixtureParameters:
    blank = model.prepare(source)[0]
    wanted = blank.start(source, np.random.default_rng(0))
    mine, theirs = wanted.members, getattr(parameters, "members", None)
    fits = type(mine) is type(theirs) and all(
        np.shape(getattr(mine, name)) == np.shape(getattr(theirs, name)) for name in vars(mine) if name in vars(theirs)
    )
    if not fits:
        message = (
            f"`start` has other components, features or covariances than this mixture: expected {model.n_components} "
            f"components in {source.n_features} features with `{type(mine).__name__}`"
        )
        raise ParameterError(message)
    return MixtureParameters(parameters.mix, parameters.members)


def _from_responsibilities(resp: FloatArray, model: FiniteMixture, source: Any) -> MixtureParameters:
    ready = model.prepare(source)[0]
    blocks = list(source.on_host().blocks())
    X = np.concatenate([block.X for block in blocks])
    weighted = resp * np.concatenate([block.weights for block in blocks])[:, None]
    mix = weighted.sum(axis=0) + 1e-3 * weighted.sum() / resp.shape[1]
    return MixtureParameters(mix / mix.sum(), ready.family.start(X, weighted))


def _from_inits(model: FiniteMixture, source: Any, weights: Any, means: Any, precisions: Any) -> MixtureParameters:
    """Return a start from scikit-learn's three arguments; what is not given follows from the rest."""
    ready = model.prepare(source)[0]
    k, d = model.n_components, source.n_features
    structure: Any = ready.family.structure  # type: ignore[attr-defined]
    block = source.sample(16384, np.random.default_rng(0))
    if means is None:
        guess = ready.start(source, np.random.default_rng(0))
    else:
        guess = _around(np.array(means, dtype=np.float64), ready, block, k, d)
    mix = guess.mix if weights is None else np.array(weights, dtype=np.float64)
    mean = guess.members.mean if means is None else np.array(means, dtype=np.float64)
    if precisions is None:
        members = structure.parameters(mean, structure.cov(guess.members))
    else:
        members = structure.parameters(mean, _in_form(_inverted(precisions, structure), structure, k, d))
    parameters = MixtureParameters(mix, members)
    if mix.shape != (k,):
        message = f"`weights_init` has shape {mix.shape}; expected ({k},)"
        raise ParameterError(message)
    check_parameters(parameters)
    return parameters


def _around(means: FloatArray, ready: FiniteMixture, block: Any, k: int, d: int) -> MixtureParameters:
    """Return the mixture of the rows nearest to each of the given means, in units of the columns."""
    if means.shape != (k, d):
        message = f"`means_init` has shape {means.shape}; expected ({k}, {d})"
        raise ParameterError(message)
    if not np.isfinite(means).all():
        message = "`means_init` must be finite"
        raise ParameterError(message)
    unit = ready.family.unit  # type: ignore[attr-defined]
    gaps = (np.where(np.isnan(block.X), np.nan, block.X)[:, None, :] - means) / unit
    nearest = np.nansum(gaps**2, axis=2).argmin(axis=1)
    resp = np.eye(k)[nearest] * block.weights[:, None]
    mix = resp.sum(axis=0) + 1.0
    return MixtureParameters(mix / mix.sum(), ready.family.start(block.X, resp))


def _inverted(precisions: Any, structure: Any) -> FloatArray:
    array = np.array(precisions, dtype=np.float64)
    if not structure.is_dense:
        if not (array > 0).all():
            message = "`precisions_init` must be positive"
            raise ParameterError(message)
        return 1 / array
    try:
        np.linalg.cholesky(array)
    except np.linalg.LinAlgError:
        message = "`precisions_init` must be symmetric positive definite matrices"
        raise ParameterError(message) from None
    return np.asarray(np.linalg.inv(array))
