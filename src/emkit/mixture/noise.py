"""Gaussian mixtures with noise: the model that keeps the noise last, and the starts a user gives for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.problem import Problem
from emkit.errors import ParameterError
from emkit.families.base import Family
from emkit.families.gaussian_noise import GaussianNoise
from emkit.mixture.given import start_from
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["NoisyMixture", "noise_labelled", "noisy_start", "with_noise"]

_TRIED = 8  # clusterings of the rows that are not noise, of which the likeliest is climbed from
_SURE = 0.98  # responsibility of what a guess says: a row may turn out otherwise


@dataclass(frozen=True)
class NoisyMixture(FiniteMixture):
    """A mixture of which component `n_components` is noise. The others go by falling weight."""

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree, as for a mixture without the noise."""
        return max(8, 8 * (self.n_components - 2))

    def canonical(self, parameters: MixtureParameters) -> MixtureParameters:
        """Return the components by falling weight, equal ones by the family's key, and the noise last."""
        place = int(parameters.members.place)
        is_noise = np.arange(self.n_components) == place
        key = self.family.sort_key(parameters.members)
        order = np.lexsort((key, -np.round(parameters.mix, 9), is_noise))
        if (order == np.arange(self.n_components)).all():
            return parameters
        return MixtureParameters(parameters.mix[order], self.family.reordered(parameters.members, order))


def with_noise(family: Family, noise: Any) -> GaussianNoise:
    """Return a family with noise of the volume that the argument `noise` asks for."""
    is_number = isinstance(noise, (int, float, np.integer, np.floating)) and not isinstance(noise, bool)
    if noise is not True and not (is_number and np.isfinite(noise) and noise > 0):
        message = f"`noise` must be True, False or the volume of the noise, a positive number; got {noise!r}"
        raise ParameterError(message)
    return GaussianNoise(family, volume=float(noise) if is_number else None)


def noise_labelled(labels: Array, n_components: int) -> Array:
    """Return labels with -1 for the noise, component `n_components`."""
    return np.where(labels == n_components - 1, -1, labels)


def noisy_start(estimator: Any, model: NoisyMixture, source: Any) -> MixtureParameters | None:
    """Return the start that an estimator's arguments ask for, or None if they leave it to the portfolio."""
    inits = (estimator.weights_init, estimator.means_init, estimator.precisions_init)
    if any(wish is not None for wish in inits):
        message = "with `noise` give `start` or `noise_init`, not `weights_init`, `means_init` or `precisions_init`"
        raise ParameterError(message)
    if estimator.start is not None and estimator.noise_init is not None:
        message = "give either `start` or `noise_init`, not both"
        raise ParameterError(message)
    if estimator.start is not None:
        start = estimator.start
        is_labels = isinstance(start, np.ndarray) and start.ndim == 1 and np.issubdtype(start.dtype, np.integer)
        return start_from(np.where(start == -1, model.n_components - 1, start) if is_labels else start, model, source)
    return None if estimator.noise_init is None else _around(estimator.noise_init, model, source)


def _around(guess: Any, model: NoisyMixture, source: Any) -> MixtureParameters:
    """Return the likeliest start in which the rows of the guess are noise."""
    is_noise = np.asarray(guess)
    if is_noise.dtype != bool or is_noise.shape != (source.n_rows,) or is_noise.all():
        message = (
            f"`noise_init` must say for each row whether it is noise, booleans ({source.n_rows},) that are not all "
            f"True; got {is_noise.dtype} of shape {is_noise.shape}"
        )
        raise ParameterError(message)
    ready = model.prepare(source)[0]
    X = np.concatenate([block.X for block in source.blocks()]).astype(np.float64)
    weights = np.concatenate([block.weights for block in source.blocks()])
    problem = Problem(ready, source)
    points = [problem.evaluate(start) for start in _clustered(ready, X, weights, is_noise)]
    return max(points, key=lambda point: point.objective).parameters  # type: ignore[no-any-return]


def _clustered(ready: FiniteMixture, X: FloatArray, weights: FloatArray, is_noise: Array) -> list[MixtureParameters]:
    """Return starts from clusterings of the rows that are not noise."""
    family: Any = ready.family
    rows = family.family.starting_rows(_Rows(X[~is_noise], weights[~is_noise]))
    rng, found = np.random.default_rng(0), []
    for index in range(_TRIED):
        own = rows.responsibilities(ready.n_components - 1, rng, index)
        resp = np.zeros((len(X), ready.n_components))
        resp[~is_noise, :-1] = _SURE * own
        resp[:, -1] = weights - resp[:, :-1].sum(axis=1)
        resp[is_noise, :-1] = (1 - _SURE) * weights[is_noise, None] / own.shape[1]
        resp[is_noise, -1] *= _SURE
        mix = resp.sum(axis=0)
        found.append(MixtureParameters(mix / mix.sum(), family.start(X, resp)))
    return found


@dataclass(frozen=True)
class _Rows:
    """Rows and their weights."""

    X: FloatArray
    weights: FloatArray
