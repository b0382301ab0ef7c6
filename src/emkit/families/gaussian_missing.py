"""The E-step of Gaussians on rows with missing entries, one pattern of missingness at a time.

With o the observed and m the missing columns, x_m given x_o is normal with mean mu_m + B (x_o - mu_o) and covariance
C = Sigma_mm - B Sigma_om, B = Sigma_mo Sigma_oo^-1. The filled-in row is linear in x_o, so the moments of the filled-in
rows follow from those of the observed columns: no row is ever filled in (Little & Rubin 2019, section 11.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.kernels.foreign import columns_of, host, is_foreign, join, like, namespace, rows_of
from emkit.kernels.gaussian import (
    diagonal_log_joint,
    diagonal_moments,
    full_log_joint,
    full_moments,
    whiten_factors,
)
from emkit.kernels.moments import given_moments

__all__ = [
    "complete_dense",
    "has_missing",
    "in_order",
    "missing_log_joint",
    "missing_statistics",
    "missing_step",
    "part_of",
    "pattern_order",
    "patterns",
]

_BITS = 62  # columns whose pattern is one whole number


def patterns(X: Array) -> Iterator[tuple[IntArray, Array]]:
    """Yield (rows, is_observed (d,)) for each distinct pattern of missing entries, in order of first appearance.

    Where `X` is another library's the numbers of the rows are, too, and the patterns come in an order of their own.
    """
    if is_foreign(X):
        yield from _patterns_there(X)
        return
    codes = np.packbits(np.isnan(X), axis=1)
    _, first, inverse = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(inverse.reshape(-1), minlength=len(first)))
    groups = np.split(order, ends[:-1])
    for g in np.argsort(first, kind="stable"):
        yield groups[g], ~np.isnan(X[groups[g][0]])


def _patterns_there(X: Any) -> Iterator[tuple[Any, Array]]:
    xp = namespace(X)
    missing = xp.isnan(X)
    code = xp.zeros_like(X[:, 0], dtype=xp.int64)
    for j in range(X.shape[1]):
        if j and j % _BITS == 0:
            code = xp.unique_inverse(code)[1]
        code = 2 * code + xp.asarray(missing[:, j], dtype=xp.int64)
    order = xp.argsort(code)
    ranked = xp.take(code, order, axis=0)
    edges = host(xp.nonzero(ranked[1:] != ranked[:-1])[0]) + 1
    for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), X.shape[0]], strict=True):
        rows = order[start:stop]
        yield rows, ~host(rows_of(missing, rows[:1]))[0]


def has_missing(X: Array) -> bool:
    """Return whether any entry is missing. Infinity does not occur, so squares add up to NaN for no other reason."""
    if not is_foreign(X) and X.flags.c_contiguous:
        flat = X.reshape(-1)
        with np.errstate(over="ignore"):
            return bool(np.isnan(np.dot(flat, flat)))  # a fifth of the time of a look at each entry
    xp = namespace(X)
    return bool(xp.any(xp.isnan(X)))


def part_of(X: Array, rows: Any, seen: Array) -> Array:
    """Return the observed columns of some rows, where they are; `slice(None)` are all rows of a complete block."""
    if isinstance(rows, slice):
        return X
    if is_foreign(X):
        part: Array = rows_of(X, rows) if seen.all() else columns_of(rows_of(X, rows), np.flatnonzero(seen))
        return part
    return np.ascontiguousarray(X[np.ix_(rows, np.flatnonzero(seen))])


def in_order(X: Array, parts: list[tuple[Any, Any]]) -> Any:
    """Return values (n, ...) of all rows of `X` from those of the rows of each pattern."""
    if is_foreign(X):
        return rows_of(join([values for _, values in parts]), namespace(X).argsort(join([rows for rows, _ in parts])))
    values = np.empty((len(X), *parts[0][1].shape[1:]))
    for rows, own in parts:
        values[rows] = own
    return values


def pattern_order(X: Array) -> IntArray:
    """Return the order of rows that puts equal patterns side by side: fewer patterns in each block."""
    return np.concatenate([rows for rows, _ in patterns(X)])


def missing_log_joint(log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
    """Return log mix_k + log density of the observed entries of each row, (n, k)."""
    parts: list[tuple[Any, Any]] = []
    for rows, seen in patterns(X):
        if not seen.any():
            parts.append((rows, like(X, np.tile(log_mix, (rows.shape[0], 1)))))
            continue
        mean = np.ascontiguousarray(parameters.mean[:, seen])
        run, whiten = _observed(parameters, seen, full_log_joint, diagonal_log_joint)
        parts.append((rows, run(part_of(X, rows, seen), log_mix, mean, whiten)))
    joint: FloatArray = in_order(X, parts)
    return joint


def missing_step(
    log_mix: FloatArray, parameters: Any, X: Array, weights: FloatArray | None
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """Return log-likelihood and expected count (k,), first (k, d) and second moments about the means.

    `weights` are where the rows are; None is one for each.
    """
    k, d = parameters.mean.shape
    is_dense = parameters.whiten.ndim == 3
    loglik, count, first = 0.0, np.zeros(k), np.zeros((k, d))
    second = np.zeros((k, d, d) if is_dense else (k, d))
    for rows, seen in patterns(X):
        own_weights = None if weights is None else rows_of(weights, rows)
        own_loglik, *own = _pattern_step(log_mix, parameters, part_of(X, rows, seen), own_weights, seen)
        loglik += own_loglik
        count += own[0]
        first += own[1]
        second += own[2]
    return loglik, count, first, second


def _pattern_step(
    log_mix: FloatArray, parameters: Any, X: Array, weights: FloatArray | None, seen: Array
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    k = len(parameters.mean)
    if seen.any():
        run, whiten = _observed(parameters, seen, full_moments, diagonal_moments)
        mean = np.ascontiguousarray(parameters.mean[:, seen])
        loglik, count, seen_first, seen_second = run(X, weights, log_mix, mean, whiten)
    else:  # nothing is known of these rows: they follow the mixing proportions
        total = X.shape[0] if weights is None else float(namespace(weights).sum(weights))
        loglik, count = 0.0, total * np.exp(log_mix)
        seen_first, seen_second = np.zeros((k, 0)), np.zeros((k, 0, 0) if parameters.whiten.ndim == 3 else (k, 0))
    return loglik, count, *_completed(parameters, seen, count, seen_first, seen_second)


def missing_statistics(parameters: Any, X: Array, resp: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return count (k,), first (k, d) and second moments about the means, given responsibilities (n, k)."""
    k, d = parameters.mean.shape
    is_dense = parameters.whiten.ndim == 3
    count, first = np.zeros(k), np.zeros((k, d))
    second = np.zeros((k, d, d) if is_dense else (k, d))
    for rows, seen in patterns(X):
        part, share, mean = part_of(X, rows, seen), rows_of(resp, rows), np.ascontiguousarray(parameters.mean[:, seen])
        own = given_moments(part, share, mean, is_full=is_dense)
        count += own[0]
        more = _completed(parameters, seen, *own)
        first += more[0]
        second += more[1]
    return count, first, second


def _completed(
    parameters: Any, seen: Array, count: FloatArray, seen_first: FloatArray, seen_second: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of the filled-in rows from those of their observed columns, for either form."""
    if seen.all():
        return seen_first, seen_second
    if parameters.whiten.ndim == 3:
        return complete_dense(parameters, seen, count, seen_first, seen_second)
    k, d = parameters.mean.shape
    first, second = np.zeros((k, d)), np.empty((k, d))
    first[:, seen], second[:, seen] = seen_first, seen_second
    second[:, ~seen] = count[:, None] * np.broadcast_to(parameters.var, (k, d))[:, ~seen]
    return first, second


def complete_dense(
    parameters: Any, seen: Array, count: FloatArray, seen_first: FloatArray, seen_second: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of the filled-in rows from those of their observed columns."""
    k, d = parameters.mean.shape
    o, m = np.flatnonzero(seen), np.flatnonzero(~seen)
    cov = np.broadcast_to(parameters.cov, (k, d, d))
    between = cov[:, m[:, None], o]
    _, whiten = _observed(parameters, seen, full_moments, diagonal_moments)
    half = between @ np.swapaxes(whiten, 1, 2)  # Sigma_mo W', so that B = half W and B Sigma_om = half half'
    slope = half @ whiten
    left = cov[:, m[:, None], m] - half @ np.swapaxes(half, 1, 2)
    first, second = np.zeros((k, d)), np.zeros((k, d, d))
    first[:, o], first[:, m] = seen_first, (slope @ seen_first[:, :, None])[:, :, 0]
    crossed = slope @ seen_second
    second[:, o[:, None], o] = seen_second
    second[:, m[:, None], o] = crossed
    second[:, o[:, None], m] = np.swapaxes(crossed, 1, 2)
    second[:, m[:, None], m] = crossed @ np.swapaxes(slope, 1, 2) + count[:, None, None] * left
    return first, second


def _observed(parameters: Any, seen: Array, dense: Any, diagonal: Any) -> tuple[Any, FloatArray]:
    """Return the kernel for this form and the whitening factors of the observed columns."""
    if parameters.whiten.ndim == 2:
        return diagonal, np.ascontiguousarray(parameters.whiten[:, seen])
    if seen.all():
        return dense, parameters.whiten
    k, d = parameters.mean.shape
    where = np.flatnonzero(seen)
    cov = np.broadcast_to(parameters.cov, (k, d, d))[:, where[:, None], where]
    factors, _, _ = whiten_factors(np.ascontiguousarray(cov))
    return dense, factors
