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

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.irt.grids import Equispaced
from emkit.kernels.gaussian import softmax_rows
from emkit.kernels.quadrature import quadrature_joint, quadrature_scatter

__all__ = ["bifactor_density", "bifactor_draws", "bifactor_eap", "bifactor_step", "picked"]

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
    """Return posterior means (n, 1 + S) of the general and the specific factors, and covariances (n, 1 + S, 1 + S)."""
    log_prob, _ = model.tables(parameters)
    line = model.grid.nodes(1)[:, 0]
    means, covariances = [], []
    for part in _parts(model, log_prob, codes, _testlets(model)):
        planes = part.planes[: model.n_specific]
        given = [np.broadcast_to(line, part.general.shape), *(plane @ line for plane in planes)]  # E (u | g), (n, q)
        at = np.stack(given, axis=1)
        mean = np.einsum("ng,nfg->nf", part.general, at)
        second = np.einsum("ng,nfg,nhg->nfh", part.general, at, at, optimize=True)
        for s, plane in enumerate(planes, 1):  # given g, specific factors are independent
            second[:, s, s] = np.einsum("ng,ng->n", part.general, plane @ line**2)
        means.append(mean)
        covariances.append(second - mean[:, :, None] * mean[:, None, :])
    return np.concatenate(means), np.concatenate(covariances)


def bifactor_draws(model: Any, parameters: Any, codes: Array, rng: np.random.Generator, n_draws: int) -> FloatArray:
    """Return draws (n, n_draws, 1 + S) from the posteriors: a node of g, nodes of each u given it, places around."""
    log_prob, _ = model.tables(parameters)
    line = model.grid.nodes(1)[:, 0]
    parts = []
    for part in _parts(model, log_prob, codes, _testlets(model)):
        people = np.arange(len(part.density))
        picks = np.empty((len(people), n_draws, 1 + model.n_specific), dtype=np.intp)
        for i in range(n_draws):
            picks[:, i, 0] = picked(part.general, rng)
            for s, plane in enumerate(part.planes[: model.n_specific], 1):
                picks[:, i, s] = picked(plane[people, picks[:, i, 0]], rng)
        parts.append(line[picks])
    draws = np.concatenate(parts)
    step = line[1] - line[0] if isinstance(model.grid, Equispaced) else 0.0
    return draws + step * rng.uniform(-0.5, 0.5, draws.shape)


def picked(prob: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return a column (n,) drawn with the probabilities of each row (n, q)."""
    below = np.cumsum(prob, axis=1)
    return np.asarray(np.minimum((rng.random((len(prob), 1)) * below[:, -1:] > below).sum(axis=1), prob.shape[1] - 1))


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
