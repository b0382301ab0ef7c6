"""Smoothing and filtering of hidden Markov chains for devices: many rows at a time, by array-API calls.

All sequences one after another are one chain, as a first row forgets what came before it. It is cut into pieces of
equal length. The rows of all pieces at the same place are worked on at once: a step for each place, not for each row.

1. Of each piece the products of its transfer matrices, trans_ij b_j(x_t), where a first row has init_j b_j(x_t);
2. by products of pairs, and of pairs of pairs, what enters each piece from before and from after it;
3. forward and backward in each piece, from there.

Vectors and rows of products are scaled to sum to one, and products keep the logarithms of their scales. What that loses
to underflow shows as a sum of zero, and is reported, not repaired: `is_sound` is then False.

References
----------
Blelloch 1990, *Prefix sums and their applications*, CMU-CS-90-190. Sarkka & Garcia-Fernandez 2021, IEEE Transactions on
Automatic Control 66:299 (temporal parallelization).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from emkit.kernels.twins._namespace import joined, namespace, placed_as, turned

__all__ = ["Forward", "scan_filter", "scan_smooth"]

_SHORTEST, _LONGEST = 16, 256  # steps of a piece
_ALIGNED = 512  # sequences of equal length, up to this, are pieces as they are


class Forward(NamedTuple):
    """What forward gives: row by row the logarithm of its density given those before, and filtered probabilities."""

    loglik: Any  # (n,)
    filtered: Any  # (n, k)
    is_sound: bool


class _Cut(NamedTuple):
    """The rows of the pieces, place by place."""

    b: Any  # (pieces, steps, k) emission densities, scaled by the largest of their row
    top: Any  # (n,) logarithm of that
    is_first: Any  # (pieces, steps, 1)
    is_aligned: bool  # whether every piece begins a sequence


class _Products(NamedTuple):
    """Products of transfer matrices: rows (pieces, k, k) that sum to one, and the logarithms (pieces, k) of scales."""

    rows: Any
    log_scale: Any


def scan_filter(log_emit: Any, lengths: Any, is_first: Any, init: Any, trans: Any) -> Forward:
    """Return the forward pass. `lengths` (s,) is NumPy's; `is_first` (n,) says where sequences begin."""
    xp = namespace(log_emit)
    cut = _cut(xp, log_emit, lengths, is_first)
    products = None if cut.is_aligned else _products(xp, cut, init, trans)
    filtered, scale, _ = _forward(xp, cut, _entries(xp, products, cut), init, trans)
    return _as_forward(xp, filtered, scale, cut.top, xp.ones_like(cut.top))


def scan_smooth(
    log_emit: Any, lengths: Any, is_first: Any, weights: Any, init: Any, trans: Any
) -> tuple[Forward, Any, Any, Any]:
    """Return the forward pass, posterior (n, k), first (k,) and expected transitions (k, k).

    `weights` (n,) are those of the rows, each that of its sequence, or None; the last three are weighted by them.
    """
    xp = namespace(log_emit)
    cut = _cut(xp, log_emit, lengths, is_first)
    products = None if cut.is_aligned else _products(xp, cut, init, trans)
    filtered, scale, before = _forward(xp, cut, _entries(xp, products, cut), init, trans)
    after = _backward(xp, cut, _exits(xp, products, cut), trans)
    n, k = log_emit.shape
    filtered, before, after, b = (xp.reshape(part, (-1, k))[:n, :] for part in (filtered, before, after, cut.b))
    resp = filtered * after
    total = xp.sum(resp, axis=1)
    towards = b * after
    through = xp.sum((before @ trans) * towards, axis=1)
    own = xp.ones_like(total) if weights is None else weights
    is_sound = bool(xp.all(((total > 0) & ((through > 0) | is_first)) | (own == 0)))
    is_first = is_first[:, None]
    resp = resp * (own / xp.where(total > 0, total, xp.ones_like(total)))[:, None]
    share = own / xp.where(through > 0, through, xp.ones_like(through))
    share = xp.where(is_first, xp.zeros_like(before), before * share[:, None])
    moves = trans * (share.T @ towards)
    first = xp.sum(xp.where(is_first, resp, xp.zeros_like(resp)), axis=0)
    done = _as_forward(xp, filtered, scale, cut.top, own)
    return done._replace(is_sound=done.is_sound and is_sound), resp, first, moves


def _as_forward(xp: Any, filtered: Any, scale: Any, top: Any, weights: Any) -> Forward:
    n, k = top.shape[0], filtered.shape[-1]
    scale = xp.reshape(scale, (-1,))[:n]
    is_sound = bool(xp.all(((scale > 0) & xp.isfinite(top)) | (weights == 0)))
    with np.errstate(divide="ignore"):
        return Forward(xp.log(scale) + top, xp.reshape(filtered, (-1, k))[:n, :], is_sound)


def _cut(xp: Any, log_emit: Any, lengths: Any, is_first: Any) -> _Cut:
    """Return the pieces; rows put in at the end are sequences of their own, of which nothing is known."""
    n, k = log_emit.shape
    length = int(lengths[0])
    is_aligned = len(lengths) > 1 and length <= _ALIGNED and bool((lengths == length).all())
    steps = length if is_aligned else max(_SHORTEST, min(_LONGEST, math.isqrt(n) // 8))
    top = xp.max(log_emit, axis=1)
    b = xp.exp(log_emit - xp.where(xp.isfinite(top), top, xp.zeros_like(top))[:, None])
    spare = -n % steps
    if spare:
        b = joined(xp, [b, xp.ones((spare, k), **placed_as(b))])
        is_first = joined(xp, [is_first, xp.ones(spare, **{**placed_as(b), "dtype": xp.bool})])
    return _Cut(xp.reshape(b, (-1, steps, k)), top, xp.reshape(is_first, (-1, steps, 1)), is_aligned)


def _safe(xp: Any, total: Any) -> Any:
    """Return divisors: one in place of zero."""
    return xp.where(total > 0, total, xp.ones_like(total))


# --- the products of the pieces, and what enters them ---


def _products(xp: Any, cut: _Cut, init: Any, trans: Any) -> _Products:
    n_pieces, steps, k = cut.b.shape
    rows = xp.zeros((n_pieces, k, k), **placed_as(trans)) + xp.eye(k, **placed_as(trans))
    log_scale = xp.zeros((n_pieces, k), **placed_as(trans))
    for step in range(steps):
        prior = xp.where(cut.is_first[:, step, :][:, :, None], init[None, None, :], xp.matmul(rows, trans))
        rows, log_scale = _scaled(xp, prior * cut.b[:, step, :][:, None, :], log_scale)
    return _Products(rows, log_scale)


def _scaled(xp: Any, rows: Any, log_scale: Any) -> tuple[Any, Any]:
    total = xp.sum(rows, axis=2)
    with np.errstate(divide="ignore"):
        return rows / _safe(xp, total)[:, :, None], log_scale + xp.log(total)


def _pairs(xp: Any, products: _Products) -> _Products:
    """Return the products of pairs of neighbours, and the last one as it is where it has none."""
    rows, log_scale = products
    m = rows.shape[0] // 2
    first, second = rows[0 : 2 * m : 2, :, :], rows[1 : 2 * m : 2, :, :]
    with np.errstate(divide="ignore"):
        weight = xp.log(first) + log_scale[1 : 2 * m : 2, :][:, None, :]
    top = _finite_max(xp, weight)
    product, scale = _scaled(xp, xp.matmul(xp.exp(weight - top), second), log_scale[0 : 2 * m : 2, :] + top[:, :, 0])
    if rows.shape[0] == 2 * m:
        return _Products(product, scale)
    return _Products(joined(xp, [product, rows[2 * m :, :, :]]), joined(xp, [scale, log_scale[2 * m :, :]]))


def _finite_max(xp: Any, weight: Any) -> Any:
    """Return the largest entry along the last axis, which is kept; zero where all are minus infinity."""
    top = xp.max(weight, axis=-1, keepdims=True)
    return xp.where(xp.isfinite(top), top, xp.zeros_like(top))


def _entries(xp: Any, products: _Products | None, cut: _Cut) -> Any:
    """Return the filtered probabilities (pieces, k) of the row before each piece; nothing is before the first."""
    n_pieces, _, k = cut.b.shape
    if products is None:
        return xp.ones((n_pieces, k), **placed_as(cut.b)) / k
    return _enter(xp, products)


def _enter(xp: Any, products: _Products) -> Any:
    rows, log_scale = products
    n_pieces, k, _ = rows.shape
    if n_pieces == 1:
        return xp.ones((1, k), **placed_as(rows)) / k
    whole = _enter(xp, _pairs(xp, products))
    m = n_pieces // 2
    with np.errstate(divide="ignore"):
        weight = xp.log(whole[:m, :]) + log_scale[0 : 2 * m : 2, :]
    share = xp.exp(weight - _finite_max(xp, weight))
    half = xp.matmul(share[:, None, :], rows[0 : 2 * m : 2, :, :])[:, 0, :]
    half = half / _safe(xp, xp.sum(half, axis=1))[:, None]
    return _interleaved(xp, whole, half)


def _exits(xp: Any, products: _Products | None, cut: _Cut) -> Any:
    """Return the backward factors (pieces, k) after each piece, the largest of them one."""
    if products is None:
        return xp.ones((cut.b.shape[0], cut.b.shape[2]), **placed_as(cut.b))
    return _leave(xp, products)


def _leave(xp: Any, products: _Products) -> Any:
    rows, log_scale = products
    n_pieces, k, _ = rows.shape
    if n_pieces == 1:
        return xp.ones((1, k), **placed_as(rows))
    whole = _leave(xp, _pairs(xp, products))
    m = n_pieces // 2
    with np.errstate(divide="ignore"):
        weight = xp.log(xp.matmul(rows[1 : 2 * m : 2, :, :], whole[:m, :, None])[:, :, 0])
    weight = weight + log_scale[1 : 2 * m : 2, :]
    half = xp.exp(weight - _finite_max(xp, weight))
    if n_pieces == 2 * m:
        return _interleaved(xp, half, whole)
    return joined(xp, [_interleaved(xp, half, whole[:m, :]), whole[m:, :]])


def _interleaved(xp: Any, even: Any, odd: Any) -> Any:
    """Return rows in turn, one of the first, one of the second; the first may have one more."""
    m, k = odd.shape
    turns = xp.reshape(xp.stack([even[:m, :], odd], axis=1), (2 * m, k))
    return turns if even.shape[0] == m else joined(xp, [turns, even[m:, :]])


# --- forward and backward in the pieces ---


def _forward(xp: Any, cut: _Cut, entry: Any, init: Any, trans: Any) -> tuple[Any, Any, Any]:
    """Return filtered probabilities, their scales (pieces, steps), and the probabilities of the row before."""
    before, scales = [entry], []
    for step in range(cut.b.shape[1]):
        prior = xp.where(cut.is_first[:, step, :], init[None, :], before[-1] @ trans)
        joint = prior * cut.b[:, step, :]
        scales.append(xp.sum(joint, axis=1))
        before.append(joint / _safe(xp, scales[-1])[:, None])
    return xp.stack(before[1:], axis=1), xp.stack(scales, axis=1), xp.stack(before[:-1], axis=1)


def _backward(xp: Any, cut: _Cut, leave: Any, trans: Any) -> Any:
    """Return the backward factors (pieces, steps, k), each row to its own scale."""
    after, back = [leave], turned(xp, trans)
    for step in range(cut.b.shape[1] - 1, 0, -1):
        past = (after[-1] * cut.b[:, step, :]) @ back
        past = past / _safe(xp, xp.max(past, axis=1))[:, None]
        after.append(xp.where(cut.is_first[:, step, :], xp.ones_like(past), past))
    return xp.stack(after[::-1], axis=1)
