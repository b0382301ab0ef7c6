"""Starts of a Gaussian mixture from the fit of its neighbors: another structure, or one component fewer."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["are_neighbors", "merges", "recast", "splits"]

_PAIRS = 3  # of components, that lose least when they become one


def are_neighbors(one: Any, other: Any) -> bool:
    """Tell whether two codes of structures differ in one letter: one shares what the other lets vary."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    return len(one) == len(other) == 3 and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def recast(parameters: MixtureParameters, structure: Any, model: FiniteMixture) -> MixtureParameters:
    """Return a mixture in the structure of `model` whose moments are nearest to those of a fitted one.

    The covariances of a structure that allows more are kept as they are, so its likelihood is where the climb begins.

    Parameters
    ----------
    parameters : MixtureParameters
        In `structure`.
    """
    return _projected(parameters.mix, parameters.members.mean, structure.full(parameters.members), model)


def splits(parameters: MixtureParameters, structure: Any, model: FiniteMixture) -> list[MixtureParameters]:
    """Return mixtures of one component more, each with one component cut in two across its longest axis."""
    cov = np.asarray(structure.full(parameters.members))
    values, vectors = np.linalg.eigh(cov)
    found = []
    for j in range(len(parameters.mix)):
        reach = vectors[j, :, -1] * np.sqrt(values[j, -1])
        found.append(_split(parameters, cov, j, reach, model))
    return found


def merges(parameters: MixtureParameters, structure: Any, model: FiniteMixture) -> list[MixtureParameters]:
    """Return mixtures of one component less, each with two components made one that keeps their moments.

    Those pairs are tried that lose least: (p_i + p_j) log|S| - p_i log|S_i| - p_j log|S_j|, S the covariance of both.
    """
    mix, mean = parameters.mix, parameters.members.mean
    cov = np.asarray(structure.full(parameters.members))
    i, j = np.triu_indices(len(mix), 1)
    share = (mix[i] + mix[j])[:, None]
    part = np.divide(mix[i][:, None], share, out=np.full_like(share, 0.5), where=share > 0)
    centre, gap = part * mean[i] + (1 - part) * mean[j], mean[i] - mean[j]
    weight = part[:, :, None]
    whole = weight * cov[i] + (1 - weight) * cov[j] + weight * (1 - weight) * gap[:, :, None] * gap[:, None, :]
    size = np.linalg.slogdet(cov)[1]
    loss = share[:, 0] * np.linalg.slogdet(whole)[1] - mix[i] * size[i] - mix[j] * size[j]
    found = []
    for pair in np.argsort(loss, kind="stable")[:_PAIRS]:
        rest = np.delete(np.arange(len(mix)), [i[pair], j[pair]])
        merged = _joined(mix, rest, share[pair, 0]), _joined(mean, rest, centre[pair]), _joined(cov, rest, whole[pair])
        found.append(_projected(*merged, model))
    return found


def _joined(old: FloatArray, rest: IntArray, new: Any) -> FloatArray:
    return np.concatenate([old[rest], np.asarray(new)[None]])


def _split(
    parameters: MixtureParameters, cov: FloatArray, j: int, reach: FloatArray, model: FiniteMixture
) -> MixtureParameters:
    """Return the mixture with component j cut in halves at a distance of 0.8 sd, each narrower by as much."""
    mean = np.concatenate([parameters.members.mean, parameters.members.mean[j : j + 1] - 0.8 * reach])
    mean[j] += 0.8 * reach
    mix = np.concatenate([parameters.mix, parameters.mix[j : j + 1] / 2])
    mix[j] /= 2
    narrower = cov[j] - 0.64 * np.outer(reach, reach)
    whole = np.concatenate([cov, narrower[None]])
    whole[j] = narrower
    return _projected(mix, mean, whole, model)


def _projected(mix: FloatArray, mean: FloatArray, cov: FloatArray, model: FiniteMixture) -> MixtureParameters:
    wanted: Any = model.family.structure  # type: ignore[attr-defined]
    own = cov if wanted.is_dense else np.diagonal(cov, axis1=1, axis2=2)
    share = np.maximum(mix, 1e-9)
    scatter = own * share.reshape(-1, *[1] * (own.ndim - 1))
    return MixtureParameters(mix, wanted.estimate(mean, *wanted.pooled(share, scatter), None))
