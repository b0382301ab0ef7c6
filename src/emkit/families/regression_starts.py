"""Starts for mixtures of regressions: kinds in turn, since no single one finds all optima.

What k-means on the rows finds are clouds; components of a regression cross each other. So most starts come from planes
through a few random rows, to which all rows are then assigned by their residuals a few times.

References
----------
Spaeth 1979, Computing 22:367 (clusterwise linear regression).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.families.basis import picked
from emkit.families.starts import kmeans_labels

__all__ = ["RegressionStarts"]

_ROUNDS = 6  # of assignments to the nearest plane


@dataclass(frozen=True)
class RegressionStarts:
    """The rows (n, d) and case weights (n,) that starts are made from."""

    family: Any
    X: Array
    weights: FloatArray

    def responsibilities(self, k: int, rng: np.random.Generator, index: int) -> FloatArray:
        """Return responsibilities (n, k), case weights included, of start number `index`; kinds alternate."""
        if k == 1:
            return np.asarray(self.weights, dtype=np.float64)[:, None].copy()
        labels = _KINDS[index % len(_KINDS)](self, k, rng)
        resp = np.zeros((len(labels), k))
        resp[np.arange(len(labels)), labels] = self.weights
        return resp

    @cached_property
    def residuals(self) -> FloatArray:
        """Residuals (n, v) of one regression for all, on the scale of the predictor."""
        return self.working - self._fitted

    @cached_property
    def working(self) -> FloatArray:
        """The responses (n, v) on the scale of the predictor, offsets taken off; missing ones as fitted."""
        columns = []
        for v, response in enumerate(self.family.responses):
            y, seen = response.observed(self.X)
            value = response.working(self.X, y)
            if response.offset is not None:
                value = value - self.X[:, response.offset]
            columns.append(np.where(seen > 0, value, self._fitted[:, v]))
        return np.column_stack(columns)

    @cached_property
    def _fitted(self) -> FloatArray:
        whole = self.family.start(self.X, np.asarray(self.weights, dtype=np.float64)[:, None])
        pairs = zip(self.family.effects, whole.responses, strict=True)
        return np.column_stack([effects.design(self.X) @ effects.full(own)[0] for effects, own in pairs])

    @cached_property
    def points(self) -> FloatArray:
        """Design and working responses (n, p + v), scaled."""
        design = self.family.basis.rows(picked(self.X, self.family.design))
        return np.ascontiguousarray(_scaled(np.column_stack([design, self.working]), self.weights))


def _scaled(points: FloatArray, weights: FloatArray) -> FloatArray:
    centred = points - np.average(points, axis=0, weights=weights)
    sd = np.sqrt(np.average(centred**2, axis=0, weights=weights))
    return np.asarray(centred / np.where(sd > 0, sd, 1.0))


def _by_residual(rows: RegressionStarts, k: int, rng: np.random.Generator) -> IntArray:
    """Cluster the residuals of one regression for all: parallel planes."""
    return kmeans_labels(np.ascontiguousarray(_scaled(rows.residuals, rows.weights)), rows.weights, k, rng)


def _by_cloud(rows: RegressionStarts, k: int, rng: np.random.Generator) -> IntArray:
    """Cluster design and responses together."""
    return kmeans_labels(rows.points, rows.weights, k, rng)


def _random(rows: RegressionStarts, k: int, rng: np.random.Generator) -> IntArray:
    return rng.integers(0, k, len(rows.weights))


def _by_planes(rows: RegressionStarts, k: int, rng: np.random.Generator) -> IntArray:
    """Lay planes through a few random rows each, and assign all rows to the nearest, some times over."""
    return _assigned(rows, _seeds(rows, k, rng, is_local=False), k, _ROUNDS)


def _by_local_planes(rows: RegressionStarts, k: int, rng: np.random.Generator) -> IntArray:
    """Lay planes through random rows and their neighbours."""
    return _assigned(rows, _seeds(rows, k, rng, is_local=True), k, _ROUNDS)


def _by_rough_planes(rows: RegressionStarts, k: int, rng: np.random.Generator) -> IntArray:
    return _assigned(rows, _seeds(rows, k, rng, is_local=bool(rng.integers(2))), k, 1)


def _seeds(rows: RegressionStarts, k: int, rng: np.random.Generator, *, is_local: bool) -> FloatArray:
    """Return responsibilities (n, k) of the rows through which the first planes go."""
    used = np.flatnonzero(rows.weights > 0)
    size = min(
        max(effects.n_own for effects in rows.family.effects) + 1 + int(rng.integers(0, 3)), max(1, len(used) // k)
    )
    resp = np.zeros((len(rows.weights), k))
    order = rng.permutation(used)
    for j in range(k):
        chosen = order[j * size : (j + 1) * size]
        if is_local:
            gap = ((rows.points[used] - rows.points[order[j]]) ** 2).sum(axis=1)
            chosen = used[np.argsort(gap, kind="stable")[: 3 * size]]
        resp[chosen, j] = 1.0
    return resp


def _assigned(rows: RegressionStarts, resp: FloatArray, k: int, n_rounds: int) -> IntArray:
    """Return labels (n,) after some rounds of fitting planes and assigning each row to the likeliest."""
    family, none = rows.family, np.zeros(k)
    labels = np.zeros(len(rows.weights), dtype=np.intp)
    for _ in range(n_rounds):
        parameters = _with_equal_variances(family.start(rows.X, resp))
        before, labels = labels, family.log_joint(none, parameters, rows.X).argmax(axis=1)
        if (labels == before).all():
            break
        resp = np.zeros_like(resp)
        resp[np.arange(len(labels)), labels] = rows.weights
    return labels


def _with_equal_variances(parameters: Any) -> Any:
    owns = parameters.responses
    parts = (replace(own, var=np.full_like(own.var, own.var.mean())) if own.var.size else own for own in owns)
    return replace(parameters, responses=tuple(parts))


_Kind = Callable[[RegressionStarts, int, np.random.Generator], IntArray]
_KINDS: tuple[_Kind, ...] = (
    _by_residual,
    _by_planes,
    _by_local_planes,
    _by_cloud,
    _by_planes,
    _random,
    _by_rough_planes,
)
