"""Bifactor and testlet models by dimension reduction (Gibbons & Hedeker 1992).

Every item loads on a general factor g and on at most one specific factor u_s. Given g the specific factors are
independent, so that their integrals are taken one by one,

    p(y_i) = sum_g A_g prod_s E_is(g),   E_is(g) = sum_u A_u prod_(j in s) P_j(y_ij | g, u),

at the cost of S q^2 nodes instead of q^(S + 1). Items are on the nodes (g, u) of a plane, whatever S.

References
----------
Gibbons & Hedeker 1992, Psychometrika 57:423, equations 8-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.kernels.gaussian import softmax_rows
from emkit.kernels.quadrature import quadrature_joint, quadrature_scatter

__all__ = ["bifactor_density", "bifactor_eap", "bifactor_step"]

_NUMBERS = 1 << 21  # of one temporary: rows taken together follow


class _Testlet(NamedTuple):
    """The items of one specific factor: their columns, their rows of the table, and where they begin among those."""

    items: Array
    rows: Array
    first: Array


class _Part(NamedTuple):
    """Some rows, integrated."""

    rows: slice
    density: FloatArray  # (n,)
    general: FloatArray  # (n, q): posterior of g
    planes: list[FloatArray]  # for each testlet (n, q, q): posterior of u given g


def bifactor_step(model: Any, parameters: Any, codes: Array, weights: FloatArray) -> tuple[float, FloatArray]:
    """Return the log-likelihood of rows, and the expected counts (c, q^2) of all categories."""
    log_prob, _ = model.tables(parameters)
    counts, loglik = np.zeros_like(log_prob), 0.0
    testlets = _testlets(model)
    for part in _parts(model, log_prob, codes, testlets):
        w = weights[part.rows]
        loglik += float(w @ np.where(w > 0, part.density, 0.0))
        for testlet, plane in zip(testlets, part.planes, strict=True):
            joint = (plane * (part.general * w[:, None])[:, :, None]).reshape(len(w), -1)
            own = np.ascontiguousarray(codes[part.rows][:, testlet.items])
            counts[testlet.rows] += quadrature_scatter(own, joint, testlet.first)
    return loglik, counts


def bifactor_density(model: Any, parameters: Any, codes: Array) -> FloatArray:
    """Return the log-density (n,) of rows."""
    log_prob, _ = model.tables(parameters)
    parts = [part.density for part in _parts(model, log_prob, codes, _testlets(model))]
    return np.concatenate(parts)


def bifactor_eap(model: Any, parameters: Any, codes: Array) -> tuple[FloatArray, FloatArray]:
    """Return posterior means and standard deviations (n, 1 + S) of the general and the specific factors."""
    log_prob, _ = model.tables(parameters)
    line = model.grid.nodes(1)[:, 0]
    means, sds = [], []
    for part in _parts(model, log_prob, codes, _testlets(model)):
        marginals = [part.general]
        marginals += [
            np.einsum("ng,ngu->nu", part.general, plane) for s, plane in enumerate(part.planes) if s < model.n_specific
        ]
        mean = np.stack([resp @ line for resp in marginals], axis=1)
        square = np.stack([resp @ line**2 for resp in marginals], axis=1)
        means.append(mean)
        sds.append(np.sqrt(np.maximum(square - mean**2, 0.0)))
    return np.concatenate(means), np.concatenate(sds)


def _testlets(model: Any) -> list[_Testlet]:
    """Return the testlets in order, and the items without a specific factor last."""
    found = []
    for s in [*range(model.n_specific), -1]:
        items = np.flatnonzero(np.asarray(model.specific) == s)
        if len(items) == 0:
            continue
        sizes = np.diff(model.first)[items]
        rows = np.concatenate([model.first[j] + np.arange(k) for j, k in zip(items, sizes, strict=True)])
        found.append(_Testlet(items, rows, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)))
    return found


def _parts(model: Any, log_prob: FloatArray, codes: Array, testlets: list[_Testlet]) -> Iterator[_Part]:
    line = model.grid.nodes(1)[:, 0]
    q = len(line)
    log_a = model.grid.log_width(1) - 0.5 * line**2
    log_a = log_a - np.logaddexp.reduce(log_a)
    prior = np.ascontiguousarray(np.tile(log_a, q)[None])
    tables = [np.ascontiguousarray(log_prob[testlet.rows]) for testlet in testlets]
    step = max(1, _NUMBERS // q**2)
    for start in range(0, len(codes), step):
        rows = slice(start, start + step)
        total = np.broadcast_to(log_a, (len(codes[rows]), q)).copy()
        planes = []
        for testlet, table in zip(testlets, tables, strict=True):
            own = np.ascontiguousarray(codes[rows][:, testlet.items])
            joint = quadrature_joint(own, None, table, testlet.first, prior)
            density, resp = softmax_rows(joint.reshape(-1, q))
            total += density.reshape(-1, q)
            planes.append(resp.reshape(-1, q, q))
        density, general = softmax_rows(total)
        yield _Part(rows, density, general, planes)
