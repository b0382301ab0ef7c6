"""Scores of a mixture row by row, and the information that the labels hide (Louis 1982, JRSS B 44:226).

The score of row i under label k is A_k T_i, a linear map of features of the row, and its covariance given the row is

    sum_k r_k s_k s_k' - (sum_k r_k s_k)(sum_k r_k s_k)' = sum_kl r_k (1[k = l] - r_l) A_k T T' A_l',

so all the rows are needed for is one weighted sum of each product of two features for each pair of components.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.core.parameters import leaves
from emkit.kernels.gaussian import softmax_rows
from emkit.kernels.moments import sum_products

__all__ = ["missing_information", "row_scores"]

_SURE = 1e-8  # rows whose label is that sure hide nothing


def row_scores(model: Any, parameters: Any, block: Any) -> FloatArray | None:
    """Return the slopes (n, e) of the log-density of each row by entry of the parameters; None if not offered."""
    block = block.on_host()
    features = None if block.has_missing else model.family.score_features(parameters.members, block.X)
    if features is None:
        return None
    resp = np.ascontiguousarray(softmax_rows(model.log_joint(parameters, block))[1].T)
    maps, places, size = _maps(model, parameters)
    total = np.zeros((size, resp.shape[1]))
    for k, own in enumerate(maps):
        total[places[k]] += resp[k] * (own @ features)
    return total.T


def missing_information(model: Any, parameters: Any, block: Any) -> FloatArray | None:
    """Return the sum over rows of the covariance (e, e) of the complete-data score given the row; None if not offered.

    Cost n m for the m different products of two features and each pair of components.
    """
    if block.has_missing:  # what is missing besides the labels is not counted here
        return None
    block = block.on_host()
    resp = np.ascontiguousarray(softmax_rows(model.log_joint(parameters, block))[1].T)
    is_unsure = np.maximum.reduce(resp) < 1 - _SURE
    unsure = np.flatnonzero(is_unsure & (block.weights > 0) if block.is_weighted else is_unsure)
    features = model.family.score_features(parameters.members, block.X[unsure])
    if features is None:
        return None
    maps, places, size = _maps(model, parameters)
    own = np.take(resp, unsure, axis=1)
    pairs = list(combinations(range(len(own)), 2))
    shares = np.array([own[a] * own[b] for a, b in pairs]).reshape(len(pairs), len(unsure))
    if block.is_weighted:
        shares *= block.weights[unsure]
    left, right, which = _products(len(features), model.family.score_powers(parameters.members))
    crossed = sum_products(np.ascontiguousarray(features), shares, left, right)[:, which]
    products = np.zeros((len(own), len(own), *which.shape))
    for (a, b), one in zip(pairs, crossed, strict=True):
        products[a, b] = products[b, a] = -one
        products[a, a] += one  # r_k (1 - r_k) is the sum of r_k r_l over the others
        products[b, b] += one
    total = np.zeros((size, size))
    for a in range(len(own)):
        for b in range(len(own)):
            total[np.ix_(places[a], places[b])] += maps[a] @ products[a, b] @ maps[b].T
    return total


def _products(q: int, powers: IntArray | None) -> tuple[IntArray, IntArray, IntArray]:
    """Return two features (m,) of each different product of two of q, and which (q, q) product each pair is."""
    if powers is not None:
        return _monomials(q, np.ascontiguousarray(powers, dtype=np.intp).tobytes())
    left, right = np.triu_indices(q)
    which = np.empty((q, q), dtype=np.intp)
    which[left, right] = which[right, left] = np.arange(left.size)
    return left.astype(np.int32), right.astype(np.int32), which


@lru_cache(maxsize=16)
def _monomials(q: int, powers: bytes) -> tuple[IntArray, IntArray, IntArray]:
    """Products with equal powers are one: in five columns 126 of the 231 pairs differ."""
    own = np.frombuffer(powers, dtype=np.intp).reshape(q, -1)
    both = (own[:, None] + own[None, :]).reshape(q * q, -1)
    _, first, which = np.unique(both, axis=0, return_index=True, return_inverse=True)
    return (first // q).astype(np.int32), (first % q).astype(np.int32), which.reshape(q, q)


def _maps(model: Any, parameters: Any) -> tuple[list[FloatArray], list[IntArray], int]:
    """Return for each component the map from features to its entries' slopes, their places, and how many entries."""
    found = model.family.score_maps(parameters.members)
    k = len(parameters.mix)
    places: list[list[IntArray]] = [[np.array([i])] for i in range(k)]
    size = k
    for leaf in leaves(parameters.members):
        shape = np.shape(leaf.value)
        m = int(np.prod(shape[1:], dtype=np.intp))
        for i in range(k):
            places[i].append(size + (i if shape[0] == k else 0) * m + np.arange(m))
        size += shape[0] * m
    maps = []
    for i in range(k):
        label = np.zeros((1, found[0].shape[-1]))
        label[0, 0] = 1 / parameters.mix[i] if parameters.mix[i] > 0 else 0.0  # the first feature is one
        maps.append(np.concatenate([label, *(part[i] for part in found)], axis=0))
    return maps, [np.concatenate(parts) for parts in places], size
