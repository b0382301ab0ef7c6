"""Covariances of few factors: Sigma_k = L_k L_k' + Psi_k, for many features.

x given member k is mean_k + L_k f + e with q standard normal factors f and independent noise e of variances Psi_k: a
mixture of factor analyzers; with one noise variance for all features, of probabilistic principal components. The M-step
works on the scatter (k, d, d) of the members: some hundred features.

References
----------
Ghahramani & Hinton 1996, CRG-TR-96-1. Tipping & Bishop 1999, Neural Computation 11:443. McNicholas & Murphy 2008,
Statistics and Computing 18:285 (the codes).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import space
from emkit.core.spaces import Positive, Real, Sparse
from emkit.errors import ParameterError
from emkit.families.covariance_base import DenseForm, DenseRecord

__all__ = ["FactorAnalytic", "FactorAnalyticParameters"]

_CYCLES = 10  # of an M-step that has no closed form; the climb goes on with what they leave
_LEAST = 1e-9  # of a feature's variance: noise that vanishes (a Heywood case) stops here


@dataclass(frozen=True)
class FactorAnalyticParameters(DenseRecord):
    """Means, loadings and noise variances of k Gaussians.

    Parameters
    ----------
    mean : array (k, d)
    loadings : array (k, d, q) or (1, d, q)
        Zero above the diagonal: that fixes the rotation of the factors, which no data can tell.
    noise : array (k, d) or (1, d); (k, 1) or (1, 1) where all features have the same
    """

    mean: Array = space(Real())
    loadings: Array = space(Sparse())
    noise: Array = space(Positive())

    @cached_property
    def cov(self) -> FloatArray:
        """Covariances (k, d, d)."""
        k, d = self.mean.shape
        cov = np.array(np.broadcast_to(self.loadings @ np.swapaxes(self.loadings, 1, 2), (k, d, d)))
        where = np.arange(d)
        cov[:, where, where] += np.broadcast_to(self.noise, (k, d))
        return cov


@dataclass(frozen=True)
class FactorAnalytic(DenseForm):
    """Covariances of few factors, for `GaussianMixture(covariance_type=FactorAnalytic(n_factors=2))`.

    Parameters
    ----------
    n_factors : int
        q, at least 1 and below the number of features.
    loadings : "own" or "common"
        Whether each component has its own loadings.
    noise : "own" or "common"
        Whether each component has its own noise variances.
    is_isotropic : bool
        Whether all features have the same noise variance: probabilistic principal components.

    Examples
    --------
    >>> import emkit
    >>> from emkit.families import FactorAnalytic
    >>> X, _ = emkit.load_data("iris").numeric()
    >>> mixture = emkit.GaussianMixture(2, covariance_type=FactorAnalytic(1), random_state=0).fit(X)
    >>> mixture.fit_.n_free
    25
    """

    n_factors: int = 1
    loadings: Literal["own", "common"] = "own"
    noise: Literal["own", "common"] = "own"
    is_isotropic: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.n_factors, bool) or not isinstance(self.n_factors, int | np.integer) or self.n_factors < 1:
            message = f"`n_factors` must be an integer of at least 1, got {self.n_factors!r}"
            raise ParameterError(message)
        for name in ("loadings", "noise"):
            if getattr(self, name) not in ("own", "common"):
                message = f"`{name}` must be 'own' or 'common', got {getattr(self, name)!r}"
                raise ParameterError(message)

    def __str__(self) -> str:
        code = "".join("C" if is_same else "U" for is_same in (*self._is_common, self.is_isotropic))
        return f"{code}-{self.n_factors}"

    @property
    def _is_common(self) -> tuple[bool, bool]:
        return self.loadings == "common", self.noise == "common"

    def needed(self, d: int) -> int:
        return min(self.n_factors, d)

    def check(self, d: int) -> None:
        """Raise `ParameterError` if d features are too few: loadings and noise must not outnumber a covariance."""
        most = max((q for q in range(1, d) if self._n_free(q, d) <= d * (d + 1) // 2), default=0)
        if self.n_factors > most:
            message = f"`n_factors` is {self.n_factors}, but {d} features determine at most {most}"
            raise ParameterError(message)

    def _n_free(self, q: int, d: int) -> int:
        return d * q - q * (q - 1) // 2 + (1 if self.is_isotropic else d)

    def parameters(self, mean: FloatArray, cov: FloatArray) -> FactorAnalyticParameters:
        return self.estimate(mean, np.ones((len(mean), 1, 1)), cov, None)

    def pooled(self, count: FloatArray, scatter: FloatArray) -> tuple[FloatArray, FloatArray]:
        return count[:, None, None], scatter

    def pin(self, cov: FloatArray, is_pinned: Array, var: FloatArray) -> FloatArray:
        return cov

    def estimate(
        self, mean: FloatArray, count: FloatArray, scatter: FloatArray, previous: Any
    ) -> FactorAnalyticParameters:
        """Return better parameters: the maximum where it is closed, else ten cycles of EM for the factors."""
        self.check(mean.shape[1])
        numbers = count[:, 0, 0]
        if all(self._is_common):
            numbers, scatter = numbers.sum(keepdims=True), scatter.sum(axis=0, keepdims=True)
        moments = scatter / numbers[:, None, None]
        is_closed = self.is_isotropic and self._is_common in ((False, False), (True, True))
        if is_closed or previous is None:
            loadings, noise = self._principal(numbers, moments)
        else:
            loadings, noise = previous.loadings, previous.noise
        for _ in range(0 if is_closed else _CYCLES):
            loadings, noise = self._cycle(numbers, moments, loadings, noise)
        return FactorAnalyticParameters(mean, _lower(loadings), noise)

    def _principal(self, numbers: FloatArray, moments: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return principal components: the maximum for isotropic noise, else a start (Tipping & Bishop 1999, eq. 7)."""
        q, is_same = self.n_factors, self._is_common[0]
        pooled = np.tensordot(numbers / numbers.sum(), moments, 1)[None]
        values, vectors = np.linalg.eigh(pooled if is_same else moments)
        left = values[:, :-q].mean(axis=1, keepdims=True)
        noise = np.maximum(left, 1e-12 * values[:, -1:])
        loadings = vectors[:, :, -q:] * np.sqrt(np.maximum(values[:, -q:] - noise, 0.0))[:, None, :]
        if not self.is_isotropic:
            rest = moments - loadings @ np.swapaxes(loadings, 1, 2)
            diagonal = np.einsum("kii->ki", moments)
            noise = np.maximum(np.einsum("kii->ki", rest), 1e-3 * diagonal)
        return loadings, self._shared_noise(numbers, np.broadcast_to(noise, (len(numbers), noise.shape[1])))

    def _shared_noise(self, numbers: FloatArray, noise: FloatArray) -> FloatArray:
        if self.is_isotropic:
            noise = noise.mean(axis=1, keepdims=True)
        return (numbers[None] / numbers.sum()) @ noise if self._is_common[1] else noise

    def _cycle(
        self, numbers: FloatArray, moments: FloatArray, loadings: FloatArray, noise: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Take one step of EM for the factors on moments S_k (Rubin & Thayer 1982, Psychometrika 47:69)."""
        k, d = moments.shape[:2]
        var = np.broadcast_to(noise, (k, d))
        scaled = np.broadcast_to(loadings, (k, d, self.n_factors)) / var[:, :, None]
        identity = np.eye(self.n_factors)
        gram = identity + np.swapaxes(loadings, 1, 2) @ scaled
        back = scaled @ np.linalg.inv(gram)  # Sigma^-1 L
        cross = moments @ back  # E[x f']
        second = identity - np.swapaxes(back, 1, 2) @ loadings + np.swapaxes(back, 1, 2) @ cross  # E[f f']
        if self._is_common[0]:
            weight = numbers[:, None] / var
            left = np.einsum("kj,kjq->jq", weight, cross)
            right = np.einsum("kj,kpq->jpq", weight, second)
            loadings = np.linalg.solve(right, left[:, :, None])[None, :, :, 0]
        else:
            loadings = np.swapaxes(np.linalg.solve(second, np.swapaxes(cross, 1, 2)), 1, 2)
        left_over = np.einsum("kii->ki", moments) - 2 * (loadings * cross).sum(axis=2)
        left_over = left_over + ((loadings @ second) * loadings).sum(axis=2)
        least = _LEAST * np.einsum("kii->ki", moments)
        return loadings, self._shared_noise(numbers, np.maximum(left_over, least))

    def slopes(
        self, parameters: FactorAnalyticParameters, towards: FloatArray, slope: FloatArray
    ) -> FactorAnalyticParameters:
        by_loading = 2 * slope @ parameters.loadings
        by_noise = np.array(np.einsum("kii->ki", slope))
        if self.is_isotropic:
            by_noise = by_noise.sum(axis=1, keepdims=True)
        return FactorAnalyticParameters(
            towards,
            by_loading.sum(axis=0, keepdims=True) if len(parameters.loadings) == 1 else by_loading,
            by_noise.sum(axis=0, keepdims=True) if len(parameters.noise) == 1 else by_noise,
        )

    def reordered(self, parameters: FactorAnalyticParameters, order: Array) -> FactorAnalyticParameters:
        loadings, noise = parameters.loadings, parameters.noise
        return FactorAnalyticParameters(
            parameters.mean[order],
            loadings if len(loadings) == 1 else loadings[order],
            noise if len(noise) == 1 else noise[order],
        )


def _lower(loadings: FloatArray) -> FloatArray:
    """Return the same loadings with the factors rotated so that they are zero above the diagonal."""
    q = loadings.shape[2]
    turn = np.linalg.qr(np.swapaxes(loadings[:, :q], 1, 2))[0]
    lower = loadings @ turn
    facing = np.where(np.einsum("kii->ki", lower[:, :q]) < 0, -1.0, 1.0)
    lower = lower * facing[:, None, :]
    above = np.triu_indices(q, 1)
    lower[:, above[0], above[1]] = 0.0
    return np.asarray(lower)
