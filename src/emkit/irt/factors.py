"""Several factors: a normal distribution in each group, with means, variances and correlations free or fixed.

The covariance C of a group is D R D, D its standard deviations and R its correlations. With S the second moments about
the mean that the mass of the nodes has beyond the model's, and P the inverse of C,

    d/dC sum_q (mass_q - N w_q) log phi(x_q; m, C) = P S P / 2,

and the M-step is Fisher scoring in the free means and entries of C; its information is N times the covariance of P x
and of the (P x)_f (P x)_g over the nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.special import log_softmax

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Correlation, Positive, Real
from emkit.irt.latent import Latent

__all__ = ["FactorNormal", "FactorNormalParameters", "Spread", "restricted_covariance"]

_STEPS, _HALVINGS = 30, 20
_EXACT = 1e-12
_ROUNDING = 1e-14
_MOST = 0.999  # correlations beyond are not tried in a step: factors that close are one


@dataclass(frozen=True)
class Spread:
    """Which variances are free, as pairs (group, factor), and in which groups correlations are.

    Parameters
    ----------
    n_groups, n_factors : int
    free_var : tuple of (int, int)
        Other variances are one.
    correlated : tuple of int
        Other groups have independent factors.
    """

    n_groups: int
    n_factors: int
    free_var: tuple[tuple[int, int], ...] = ()
    correlated: tuple[int, ...] = ()

    def start(self) -> tuple[FloatArray, FloatArray]:
        """Return variances (v,) and correlations (c, F, F) to begin with."""
        n = self.n_factors
        return np.ones(len(self.free_var)), np.broadcast_to(np.eye(n), (len(self.correlated), n, n)).copy()

    def covariances(self, var: FloatArray, correlation: FloatArray) -> FloatArray:
        """Return the covariances (groups, F, F)."""
        matrix = np.broadcast_to(np.eye(self.n_factors), (self.n_groups, self.n_factors, self.n_factors)).copy()
        matrix[list(self.correlated)] = correlation
        sd = np.ones((self.n_groups, self.n_factors))
        sd[tuple(np.array(self.free_var, dtype=np.intp).reshape(-1, 2).T)] = np.sqrt(var)
        return matrix * sd[:, :, None] * sd[:, None, :]

    def parts(self, covariances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the free variances and correlations of covariances (groups, F, F)."""
        var = np.einsum("gii->gi", covariances)
        own = covariances[list(self.correlated)]
        sd = np.sqrt(var[list(self.correlated)])
        correlation = own / (sd[:, :, None] * sd[:, None, :])
        correlation[:, np.arange(self.n_factors), np.arange(self.n_factors)] = 1.0
        return var[tuple(np.array(self.free_var, dtype=np.intp).reshape(-1, 2).T)], correlation

    def slopes(self, covariances: FloatArray, by_covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the gradient by free variances and correlations from that by covariances, entry by entry."""
        var = np.einsum("gii->gi", covariances)
        by_var = (by_covariance * covariances).sum(axis=2) / var
        sd = np.sqrt(var[list(self.correlated)])
        by_correlation = by_covariance[list(self.correlated)] * sd[:, :, None] * sd[:, None, :]
        return by_var[tuple(np.array(self.free_var, dtype=np.intp).reshape(-1, 2).T)], by_correlation

    def row_slopes(self, covariances: FloatArray, which: Array, off: FloatArray) -> FloatArray:
        """Return the derivatives (n, q, v + c F F) of normal log-densities by free variances and correlations.

        `off` (n, q, F) is how far places lie from the means of their groups `which` (n,).
        """
        precision = np.linalg.inv(covariances)[which]
        turned = np.einsum("nfg,nqg->nqf", precision, off)
        by = 0.5 * (turned[:, :, :, None] * turned[:, :, None, :] - precision[:, None])
        size, n_var = self.n_factors**2, len(self.free_var)
        out = np.zeros((*off.shape[:2], n_var + size * len(self.correlated)))
        for i, (g, f) in enumerate(self.free_var):
            rows = which == g
            out[rows, :, i] = (by[rows][:, :, f] * covariances[g, f]).sum(axis=2) / covariances[g, f, f]
        for i, g in enumerate(self.correlated):
            rows, sd = which == g, np.sqrt(np.diag(covariances[g]))
            own = (by[rows] * np.outer(sd, sd)).reshape(int(rows.sum()), -1, size)
            out[rows, :, n_var + i * size : n_var + (i + 1) * size] = own
        return out

    def free(self, group: int) -> Array:
        """Return which entries (F, F) of the covariance of a group are free."""
        n = self.n_factors
        free = np.full((n, n), group in self.correlated)
        free[np.arange(n), np.arange(n)] = [(group, f) in self.free_var for f in range(n)]
        return free


@dataclass(frozen=True)
class FactorNormalParameters(Parameters):
    """Means (m, F) and correlations (c, F, F) of the groups where they are free, and the free variances (v,)."""

    mean: Array = space(Real())
    var: Array = space(Positive())
    correlation: Array = space(Correlation())


@dataclass(frozen=True)
class FactorNormal(Latent):
    """A normal distribution of several factors in each group.

    Parameters
    ----------
    free_mean : tuple of int
        Groups whose means are free; those of the others are zero.
    spread : Spread
    """

    free_mean: tuple[int, ...] = ()
    spread: Spread = Spread(1, 2, (), (0,))
    is_even: ClassVar[bool] = True

    def start(self, nodes: FloatArray) -> FactorNormalParameters:
        return FactorNormalParameters(np.zeros((len(self.free_mean), self.spread.n_factors)), *self.spread.start())

    def normal(self, parameters: FactorNormalParameters, n_factors: int = 0) -> tuple[FloatArray, FloatArray]:
        mean = np.zeros((self.n_groups, self.spread.n_factors))
        mean[list(self.free_mean)] = parameters.mean
        return mean, self.spread.covariances(parameters.var, parameters.correlation)

    def log_weights(self, parameters: FactorNormalParameters, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        moments = zip(*self.normal(parameters), strict=True)
        return np.stack([_log_weights(mean, cov, nodes, log_width) for mean, cov in moments])

    def m_step(
        self, parameters: FactorNormalParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> FactorNormalParameters:
        means, covariances = self.normal(parameters)
        for g, mass in enumerate(statistics.mass):
            free = _Free(g in self.free_mean, self.spread.free(g))
            if mass.sum() > 0 and free.any:
                share = mass / mass.sum()
                means[g], covariances[g] = _on_grid(share, means[g], covariances[g], free, nodes, log_width)
        return FactorNormalParameters(means[list(self.free_mean)], *self.spread.parts(covariances))

    def score(
        self, parameters: FactorNormalParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> FactorNormalParameters:
        means, covariances = self.normal(parameters)
        log_weights = self.log_weights(parameters, nodes, log_width)
        left = statistics.mass - statistics.mass.sum(axis=1, keepdims=True) * np.exp(log_weights)
        by_mean, by_covariance = np.empty_like(means), np.empty_like(covariances)
        for g, own in enumerate(left):
            turned = np.linalg.solve(covariances[g], (nodes - means[g]).T)
            by_mean[g] = turned @ own
            by_covariance[g] = 0.5 * (turned * own) @ turned.T
        slopes = self.spread.slopes(covariances, by_covariance)
        return FactorNormalParameters(by_mean[list(self.free_mean)], *slopes)

    def of_moments(self, parameters: FactorNormalParameters, moments: Any) -> FactorNormalParameters:
        """Return the parameters of most likelihood for sums over people (`NormalMoments`)."""
        means, covariances = self.normal(parameters)
        for g, weight in enumerate(moments.weight):
            if weight > 0:
                if g in self.free_mean:
                    means[g] = moments.first[g] / weight
                second = _about(means[g], moments, g) / weight
                covariances[g] = restricted_covariance(second, covariances[g], self.spread.free(g))
        return FactorNormalParameters(means[list(self.free_mean)], *self.spread.parts(covariances))

    def row_scores(self, parameters: FactorNormalParameters, off: FloatArray, who: Array) -> FloatArray:
        """Return the derivatives (n, q, e) of the log-density by entry, of people in groups `who` (n,)."""
        _, covariances = self.normal(parameters)
        by_mean = np.zeros((*off.shape[:2], len(self.free_mean), self.spread.n_factors))
        for i, g in enumerate(self.free_mean):
            rows = who == g
            by_mean[rows, :, i] = np.linalg.solve(covariances[g], off[rows].swapaxes(1, 2)).swapaxes(1, 2)
        flat = by_mean.reshape(*off.shape[:2], -1)
        return np.concatenate([flat, self.spread.row_slopes(covariances, who, off)], axis=2)

    def moment_loglik(self, parameters: FactorNormalParameters, moments: Any) -> float:
        """Return the log-likelihood of sums over people, without constants."""
        means, covariances = self.normal(parameters)
        seconds = (_about(means[g], moments, g) for g in range(self.n_groups))
        return sum(
            -0.5 * float(np.trace(np.linalg.solve(cov, second)) + weight * np.linalg.slogdet(cov)[1])
            for cov, second, weight in zip(covariances, seconds, moments.weight, strict=True)
        )

    def moment_score(self, parameters: FactorNormalParameters, moments: Any) -> FactorNormalParameters:
        """Return the gradient of the log-likelihood of sums over people."""
        means, covariances = self.normal(parameters)
        by_mean, by_covariance = np.empty_like(means), np.empty_like(covariances)
        for g, weight in enumerate(moments.weight):
            off = _about(means[g], moments, g) - weight * covariances[g]
            by_mean[g] = np.linalg.solve(covariances[g], moments.first[g] - weight * means[g])
            by_covariance[g] = 0.5 * np.linalg.solve(covariances[g], np.linalg.solve(covariances[g], off).T)
        slopes = self.spread.slopes(covariances, by_covariance)
        return FactorNormalParameters(by_mean[list(self.free_mean)], *slopes)

    def moments(
        self, parameters: FactorNormalParameters, nodes: FloatArray, log_width: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        mean, covariance = self.normal(parameters)
        return mean, np.sqrt(np.einsum("gii->gi", covariance))

    def correlation(self, parameters: FactorNormalParameters) -> FloatArray | None:
        if not self.spread.correlated:
            return None
        _, covariance = self.normal(parameters)
        sd = np.sqrt(np.einsum("gii->gi", covariance))
        correlation = covariance / (sd[:, :, None] * sd[:, None, :])
        return np.asarray(correlation[0] if self.n_groups == 1 else correlation)

    def mixed(self, parameters: FactorNormalParameters, draws: FloatArray) -> FloatArray:
        found = self.correlation(parameters)
        if found is None:
            return draws
        return np.asarray(draws @ np.linalg.cholesky(found if found.ndim == 2 else found[0]).T)

    def turned(self, parameters: FactorNormalParameters, turn: FloatArray) -> FactorNormalParameters:
        both = np.outer(turn, turn)
        return FactorNormalParameters(parameters.mean * turn, parameters.var, parameters.correlation * both)


def _about(mean: FloatArray, moments: Any, g: int) -> FloatArray:
    """Return the sum (F, F) of squares and products about a mean in group g."""
    across = np.outer(moments.first[g], mean)
    return np.asarray(moments.second[g] - across - across.T + moments.weight[g] * np.outer(mean, mean))


class _Free(NamedTuple):
    """Whether the mean is free, and which entries (F, F) of the covariance are."""

    mean: bool
    entries: Array

    @property
    def any(self) -> bool:
        return bool(self.mean or self.entries.any())


def _log_weights(mean: FloatArray, covariance: FloatArray, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
    off = (nodes - mean).T
    square = (off * np.linalg.solve(covariance, off)).sum(axis=0)
    return np.asarray(log_softmax(log_width - 0.5 * square))


def _on_grid(
    share: FloatArray, mean: FloatArray, covariance: FloatArray, free: _Free, nodes: FloatArray, log_width: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the mean and covariance that maximise sum share log w, w the normal density normalized on the nodes."""
    value = float(share @ _log_weights(mean, covariance, nodes, log_width))
    for _ in range(_STEPS):
        by_mean, by_covariance = _step(share, mean, covariance, free, nodes, log_width)
        if max(np.abs(by_mean).max(initial=0.0), np.abs(by_covariance).max(initial=0.0)) < _EXACT:
            break
        for _ in range(_HALVINGS):
            trial = mean + by_mean, covariance + by_covariance
            if _is_proper(trial[1]):
                after = float(share @ _log_weights(*trial, nodes, log_width))
                if after >= value - _ROUNDING:
                    break
            by_mean, by_covariance = by_mean / 2, by_covariance / 2
        else:
            break
        (mean, covariance), value = trial, after
    return mean, covariance


def _step(
    share: FloatArray, mean: FloatArray, covariance: FloatArray, free: _Free, nodes: FloatArray, log_width: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the steps (F,) and (F, F) of Fisher scoring."""
    weights = np.exp(_log_weights(mean, covariance, nodes, log_width))
    turned = np.linalg.solve(covariance, (nodes - mean).T)
    rows, columns = np.nonzero(np.tril(free.entries))
    own = turned if free.mean else turned[:0]
    basis = np.concatenate([own, turned[rows] * turned[columns] * np.where(rows == columns, 0.5, 1.0)[:, None]])
    centred = basis - (basis @ weights)[:, None]
    information = (centred * weights) @ centred.T
    found = np.linalg.solve(information + 1e-12 * np.diag(np.diag(information)), centred @ share)
    by_covariance = np.zeros_like(covariance)
    by_covariance[rows, columns] = by_covariance[columns, rows] = found[len(own) :]
    return (found[: len(own)] if free.mean else np.zeros(len(mean))), by_covariance


def _is_proper(covariance: FloatArray) -> bool:
    """Tell whether a matrix is a covariance whose correlations are not too near one."""
    var = np.diag(covariance)
    if not (var > 1e-6).all():
        return False
    correlation = covariance / np.sqrt(np.outer(var, var))
    size = np.abs(correlation - np.eye(len(var))).max()
    return bool(size < _MOST and np.linalg.eigvalsh(correlation)[0] > 1 - _MOST)


def restricted_covariance(second: FloatArray, covariance: FloatArray, free: Array) -> FloatArray:
    """Return the covariance nearest to second moments (F, F) in likelihood, with some of its entries free.

    The others stay as they are. Fisher scoring on -log |C| - tr(C^-1 S), from `covariance`.
    """
    rows, columns = np.nonzero(np.tril(free))
    if len(rows) == 0:
        return covariance
    if free.all() or (rows == columns).all():
        trial = np.where(free, second, covariance)
        return trial if _is_proper(trial) else covariance
    value = _fit_of(covariance, second)
    for _ in range(_STEPS):
        units = np.zeros((len(rows), *covariance.shape))
        units[np.arange(len(rows)), rows, columns] = units[np.arange(len(rows)), columns, rows] = 1.0
        turned = np.linalg.solve(covariance, units)
        slope = 0.5 * np.einsum("aij,ji->a", turned, np.linalg.solve(covariance, second - covariance))
        found = np.linalg.solve(0.5 * np.einsum("aij,bji->ab", turned, turned), slope)
        step = np.tensordot(found, units, axes=1)
        if np.abs(step).max() < _EXACT:
            break
        for _ in range(_HALVINGS):
            trial = covariance + step
            if _is_proper(trial) and (after := _fit_of(trial, second)) >= value - _ROUNDING:
                break
            step = step / 2
        else:
            break
        covariance, value = trial, after
    return covariance


def _fit_of(covariance: FloatArray, second: FloatArray) -> float:
    return float(-0.5 * (np.linalg.slogdet(covariance)[1] + np.trace(np.linalg.solve(covariance, second))))
