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
    """The items of one specific factor: its number from 1 on, or 0 for none; their columns, their rows of the table,
    and where they begin among those."""

    factor: int
    items: Array
    rows: Array
    first: Array


class _Part(NamedTuple):
    """Some rows, integrated."""

    rows: slice
    density: FloatArray  # (n,)
    general: FloatArray  # (n, q): posterior of g
    planes: list[FloatArray]  # for each testlet (n, q, q): posterior of u given g


def bifactor_step(
    model: Any, parameters: Any, codes: Array, group: Array | None, weights: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return the log-likelihood of rows, expected counts (c, q^2) of all categories, and mass (groups, 1 + S, q)."""
    log_prob, log_weights = model.tables(parameters)
    counts, mass, loglik = np.zeros_like(log_prob), np.zeros_like(log_weights), 0.0
    testlets = _testlets(model)
    for part in _parts(log_prob, log_weights, codes, group, testlets):
        w = weights[part.rows]
        loglik += float(w @ np.where(w > 0, part.density, 0.0))
        belongs = np.ones((1, len(w))) if group is None else (group[part.rows] == np.arange(len(mass))[:, None]) * 1.0
        general = part.general * w[:, None]
        mass[:, 0] += belongs @ general
        for testlet, plane in zip(testlets, part.planes, strict=True):
            joint = plane * general[:, :, None]
            if testlet.factor > 0:
                mass[:, testlet.factor] += belongs @ joint.sum(axis=1)
            own = np.ascontiguousarray(codes[part.rows][:, testlet.items])
            counts[testlet.rows] += quadrature_scatter(own, joint.reshape(len(w), -1), testlet.first)
    return loglik, counts, mass


def bifactor_density(model: Any, parameters: Any, codes: Array, group: Array | None) -> FloatArray:
    """Return the log-density (n,) of rows."""
    log_prob, log_weights = model.tables(parameters)
    parts = _parts(log_prob, log_weights, codes, group, _testlets(model))
    return np.concatenate([part.density for part in parts])


def bifactor_eap(model: Any, parameters: Any, codes: Array, group: Array | None) -> tuple[FloatArray, FloatArray]:
    """Return posterior means (n, 1 + S) of the general and the specific factors, and covariances (n, 1 + S, 1 + S)."""
    log_prob, log_weights = model.tables(parameters)
    line = model.grid.nodes(1)[:, 0]
    means, covariances = [], []
    for part in _parts(log_prob, log_weights, codes, group, _testlets(model)):
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


def bifactor_draws(
    model: Any, parameters: Any, codes: Array, group: Array | None, rng: np.random.Generator, n_draws: int
) -> FloatArray:
    """Return draws (n, n_draws, 1 + S) from the posteriors: a node of g, nodes of each u given it, places around."""
    log_prob, log_weights = model.tables(parameters)
    line = model.grid.nodes(1)[:, 0]
    parts = []
    for part in _parts(log_prob, log_weights, codes, group, _testlets(model)):
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
        found.append(_Testlet(s + 1, items, rows, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)))
    return found


def _parts(
    log_prob: FloatArray, log_weights: FloatArray, codes: Array, group: Array | None, testlets: list[_Testlet]
) -> Iterator[_Part]:
    q = log_weights.shape[2]
    tables = [np.ascontiguousarray(log_prob[testlet.rows]) for testlet in testlets]
    priors = [np.ascontiguousarray(np.tile(log_weights[:, testlet.factor], q)) for testlet in testlets]
    step = max(1, _NUMBERS // q**2)
    for start in range(0, len(codes), step):
        rows = slice(start, start + step)
        which = None if group is None else group[rows]
        n = len(codes[rows])
        total = log_weights[np.zeros(n, dtype=np.intp) if which is None else which, 0]
        planes = []
        for testlet, table, prior in zip(testlets, tables, priors, strict=True):
            own = np.ascontiguousarray(codes[rows][:, testlet.items])
            joint = quadrature_joint(own, which, table, testlet.first, prior)
            density, resp = softmax_rows(joint.reshape(-1, q))
            total += density.reshape(-1, q)
            planes.append(resp.reshape(-1, q, q))
        density, general = softmax_rows(total)
        yield _Part(rows, density, general, planes)
