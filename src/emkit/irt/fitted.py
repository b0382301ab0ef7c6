"""What statistics of fit need of a calibration: the answers of a test, and the curves behind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtri
from scipy.stats import qmc

from emkit.core.arrays import Array, FloatArray
from emkit.irt.coding import MISSING
from emkit.irt.simulation import log_prob_at

__all__ = ["Fitted", "finite_rows", "residuals_of"]

_HERMITE = {2: 31, 3: 15, 4: 11}  # nodes per dimension where a bifactor model has few specific factors
_SOBOL = 13  # log2 of the quasi-random places where it has many


@dataclass(frozen=True, eq=False)
class Fitted:
    """Answers to one test by people of the groups of a model.

    Parameters
    ----------
    model, parameters
        An `ItemResponse` and its parameters.
    tests : tuple of tuples of int
        For each group, the model's items that make up its test.
    codes : array (n, j), uint8
    weights : array (n,)
    groups : array (n,), int
    """

    model: Any
    parameters: Any
    tests: tuple[tuple[int, ...], ...]
    codes: Array
    weights: FloatArray
    groups: Array

    @property
    def n_items(self) -> int:
        return int(self.codes.shape[1])

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of categories of the items."""
        width = np.diff(self.model.first)
        return tuple(int(width[item]) for item in self.tests[0])

    @cached_property
    def is_complete(self) -> Array:
        """Which people (n,) answered every item, and count."""
        return np.asarray((self.codes != MISSING).all(axis=1) & (self.weights > 0))

    @cached_property
    def places(self) -> tuple[FloatArray, FloatArray]:
        """Latent places (q, F), all factors of a bifactor model among them, and their weights (groups, q)."""
        nodes = self.model.nodes if self.model.specific is None else _bifactor_places(1 + self.model.n_specific)[0]
        return nodes, self.place_weights(self.parameters.latent)

    def place_weights(self, latent: Any) -> FloatArray:
        """Return the weights (groups, q) of the places for parameters of the latent distribution."""
        if self.model.specific is None:
            return np.asarray(np.exp(self.model.latent.log_weights(latent, *self.model.places)))
        nodes, weight = _bifactor_places(1 + self.model.n_specific)
        mean, var = self.model.latent.all_moments(latent)
        off = (nodes - mean[:, None]) ** 2 / var[:, None] - nodes**2
        changed = weight * np.exp(-0.5 * off.sum(axis=2))
        return np.asarray(changed / changed.sum(axis=1, keepdims=True))

    @cached_property
    def table(self) -> list[FloatArray]:
        """Probabilities (K, q) of the answers to each of the model's items at `places`."""
        return self.prob_at(self.places[0])

    def prob_at(self, theta: FloatArray) -> list[FloatArray]:
        """Return the probabilities (K, n) of the answers to each of the model's items at places (n, F)."""
        out: list[Any] = [None] * self.model.n_items
        for run, own in zip(self.model.runs, self.parameters.items, strict=True):
            prob = np.exp(log_prob_at(self.model, run, own, theta))
            for i, item in enumerate(run.items):
                out[item] = prob[i]
        return out

    def prob_of_people(self, theta: FloatArray) -> list[FloatArray]:
        """Return the probabilities (K, n) of the answers to each item of the test, each person at her own place."""
        out = [np.empty((k, len(theta))) for k in self.sizes]
        for g, test in enumerate(self.tests):
            own = self.groups == g
            if own.any():
                prob = self.prob_at(theta[own])
                for j, item in enumerate(test):
                    out[j][:, own] = prob[item]
        return out

    def weights_of(self, g: int) -> FloatArray:
        """Return the weights (q,) of the places in a group."""
        weights = self.places[1]
        return np.asarray(weights[min(g, len(weights) - 1)])

    def prob_slope(self, run: Any, row: FloatArray, item: int) -> FloatArray:
        """Return the derivatives (p, K, q) of the probabilities at `places` by the numbers (1, p) of an item."""
        theta, specific = self.places[0], self.model.specific
        if specific is not None:
            own = theta[:, 1 + specific[item]] if specific[item] >= 0 else np.zeros(len(theta))
            theta = np.stack([theta[:, 0], own], axis=1)
        return np.asarray(self.table[item] * run.kind.jacobian(row, theta)[0])

    def moments(self, g: int) -> tuple[FloatArray, FloatArray]:
        """Return the expected codes (j, q) of group g at `places`, and the expected squares."""
        prob = [self.table[item] for item in self.tests[g]]
        first = np.stack([np.arange(len(p)) @ p for p in prob])
        return first, np.stack([np.arange(len(p)) ** 2 @ p for p in prob])


def finite_rows(theta: FloatArray) -> Array:
    """Return which rows (n,) are finite."""
    return np.asarray(np.isfinite(theta).all(axis=1))


def residuals_of(prob: FloatArray, code: Array) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return residuals (n,) of codes from what is expected, their variances and their fourth moments.

    The residuals of answers that were not given are NaN.
    """
    level = np.arange(len(prob))[:, None]
    expected = (level * prob).sum(axis=0)
    off = (level - expected) ** 2
    return np.where(code == MISSING, np.nan, code - expected), (off * prob).sum(axis=0), (off**2 * prob).sum(axis=0)


def _bifactor_places(n: int) -> tuple[FloatArray, FloatArray]:
    if n in _HERMITE:
        x, w = hermegauss(_HERMITE[n])
        grid = np.stack(np.meshgrid(*[x] * n, indexing="ij"), axis=-1).reshape(-1, n)
        weight = np.prod(np.stack(np.meshgrid(*[w / w.sum()] * n, indexing="ij"), axis=-1).reshape(-1, n), axis=1)
        return grid, weight[None]
    points = ndtri(qmc.Sobol(n, scramble=True, rng=0).random_base2(_SOBOL))
    return points, np.full((1, len(points)), 1 / len(points))
