"""Twin of `cpp/kernels/kmeans*.hpp`: the same answers by array calls, a tile of rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.kernels.twins._namespace import joined, namespace, placed_as, tile_numbers

__all__ = [
    "kmeans_assign",
    "kmeans_half_gaps",
    "kmeans_improve",
    "kmeans_line",
    "kmeans_pass",
    "kmeans_seed",
]

_SWEEPS = 50


def kmeans_assign(X: Any, weights: Any, centers: Any) -> tuple[float, Any, Any, Any, Any]:
    xp = namespace(X)
    k = centers.shape[0]
    labels, squared = _nearest(xp, X, centers)
    w = xp.ones_like(squared) if weights is None else weights
    ids = xp.arange(k, **{**placed_as(squared), "dtype": labels.dtype})
    member = _double(xp, labels[:, None] == ids[None, :]) * w[:, None]
    gaps = _double(xp, X) - xp.take(centers, labels, axis=0)
    inertia = float(xp.sum(w * squared))
    return inertia, xp.sum(member, axis=0), member.T @ gaps, xp.asarray(labels, dtype=xp.int32), squared


def kmeans_pass(
    X: Any,
    weights: Any,
    centers: Any,
    reference: Any,
    half_gap: Any,
    own: Any,
    other: Any,
    labels: Any,
    upper: Any,
    lower: Any,
) -> tuple[float, int, Any, Any]:
    """Look at every row: bounds only save work, and this is the plain answer."""
    xp = namespace(X)
    now, squared = _nearest(xp, X, centers)
    moved = xp.asarray(labels, dtype=xp.int64) != now
    rows, w = X[moved, :], xp.ones_like(squared)[moved] if weights is None else weights[moved]
    left, joined = xp.asarray(labels, dtype=xp.int64)[moved], now[moved]
    before = xp.sum((rows - centers[left, :]) ** 2, axis=1)
    ids = xp.arange(centers.shape[0])[:, None]
    leave = _double(xp, ids == left[None, :]) * w[None, :]
    join = _double(xp, ids == joined[None, :]) * w[None, :]
    count = xp.sum(join, axis=1) - xp.sum(leave, axis=1)
    first = join @ (rows - reference[joined, :]) - leave @ (rows - reference[left, :])
    labels[moved] = xp.asarray(joined, dtype=xp.int32)
    return float(xp.sum(w * (before - squared[moved]))), int(xp.sum(moved)), count, first


def kmeans_half_gaps(centers: Any) -> Any:
    xp = namespace(centers)
    ids = xp.arange(centers.shape[0])
    square = xp.sum((centers[:, None, :] - centers[None, :, :]) ** 2, axis=2)
    apart = xp.where(ids[:, None] == ids[None, :], xp.full_like(square, float("inf")), square)
    return 0.5 * xp.sqrt(xp.min(apart, axis=1))


def kmeans_seed(X: Any, weights: Any, k: int, trials: int, uniforms: Any) -> Any:
    xp = namespace(X)
    points = _double(xp, X) - _double(xp, X[:1, :])
    w = xp.ones_like(points[:, 0]) if weights is None else weights
    rows = [_draw(xp, w, uniforms[0])]
    nearest = xp.sum((points - points[rows[0], :]) ** 2, axis=1)
    for found in range(1, k):
        mass = w * nearest
        if not float(xp.sum(mass)) > 0:
            break
        first = 1 + (found - 1) * trials
        tried = [_draw(xp, mass, u) for u in uniforms[first : first + trials]]
        reached = [xp.minimum(nearest, xp.sum((points - points[row, :]) ** 2, axis=1)) for row in tried]
        potentials = [float(xp.sum(w * near)) for near in reached]
        best = potentials.index(min(potentials))
        rows.append(tried[best])
        nearest = reached[best]
    return xp.asarray(rows, dtype=xp.int64)


def kmeans_improve(X: Any, weights: Any, centers: Any, max_iter: int, uniforms: Any) -> tuple[Any, Any, float, int]:
    xp = namespace(X)
    centers, labels, inertia, n_iter = _settle(xp, X, weights, centers, max_iter)
    k = centers.shape[0]
    for u, v in uniforms if k > 1 else ():
        squared = kmeans_assign(X, weights, centers)[4]
        row = _draw(xp, squared if weights is None else weights * squared, u)
        out = min(k - 1, int(v * k))
        tried = xp.where(xp.arange(k)[:, None] == out, _double(xp, X[row, :])[None, :], centers)
        end = _settle(xp, X, weights, tried, max_iter)
        if end[2] < inertia * (1 - 1e-12):
            centers, labels, inertia, _ = end
    return centers, labels, inertia, n_iter


def kmeans_line(x: Any, weights: Any, k: int) -> Any:
    xp = namespace(x)
    zero = xp.zeros_like(x[:1])
    y = x - xp.sum(weights * x) / xp.sum(weights)
    w, s, q = (joined(xp, [zero, _running(xp, v)]) for v in (weights, weights * y, weights * y * y))

    def costs(end: int) -> Any:
        """Return the cost of every run that ends before `end`."""
        mass, first = w[end] - w[:end], s[end] - s[:end]
        return xp.maximum(q[end] - q[:end] - first * first / xp.where(mass > 0, mass, xp.ones_like(mass)), 0.0)

    n = x.shape[0]
    best = [0.0] + [float(costs(end)[0]) for end in range(1, n + 1)]
    cuts = []
    for _ in range(1, k):
        totals = [xp.asarray(best[:end]) + costs(end) for end in range(1, n + 1)]
        cuts.append([0] + [int(xp.argmin(total)) for total in totals])
        best = [0.0] + [float(xp.min(total)) for total in totals]
    starts, end = [0] * k, n
    for level in range(k - 1, 0, -1):
        starts[level] = end = cuts[level - 1][end]
    return xp.asarray(starts, dtype=xp.int64)


def _double(xp: Any, array: Any) -> Any:
    return xp.asarray(array, dtype=xp.float64)


def _running(xp: Any, values: Any) -> Any:
    return np.cumsum(values) if xp is np else xp.cumulative_sum(values)


def _nearest(xp: Any, X: Any, centers: Any) -> tuple[Any, Any]:
    """Return labels and squared distances by differences; ties go to the first centre."""
    k, d = centers.shape
    size = max(1, tile_numbers(X) // (k * d))
    labels, squared = [], []
    for start in range(0, max(X.shape[0], 1), size):
        tile = _double(xp, X[start : min(start + size, X.shape[0]), :])
        distance = xp.sum((tile[:, None, :] - centers[None, :, :]) ** 2, axis=2)
        labels.append(xp.argmin(distance, axis=1))
        squared.append(xp.min(distance, axis=1))
    return joined(xp, labels), joined(xp, squared)


def _draw(xp: Any, mass: Any, uniform: Any) -> int:
    """Return the row at which the running sum passes `uniform` of the total; always one of positive mass."""
    running = _running(xp, mass)
    if not float(running[-1]) > 0:
        return 0
    passed = (running > float(uniform) * float(running[-1])) & (mass > 0)
    return int(xp.argmax(_double(xp, passed)))


def _settle(xp: Any, X: Any, weights: Any, centers: Any, max_iter: int) -> tuple[Any, Any, float, int]:
    """Run Lloyd's algorithm and moves of single rows in turn until neither finds anything."""
    centers, labels, inertia, n_iter = _lloyd(xp, X, weights, centers, max_iter)
    for _ in range(_SWEEPS):
        moved, has_moved = _exchange(xp, X, weights, centers, labels)
        if not has_moved:
            break
        centers, labels, inertia, more = _lloyd(xp, X, weights, moved, max_iter)
        n_iter += more
    return centers, labels, inertia, n_iter


def _lloyd(xp: Any, X: Any, weights: Any, centers: Any, max_iter: int) -> tuple[Any, Any, float, int]:
    before = None
    for n_iter in range(max_iter + 1):
        inertia, count, first, labels, squared = kmeans_assign(X, weights, centers)
        if n_iter == max_iter or (before is not None and bool(xp.all(before == labels))):
            break
        before = labels
        centers = centers + first / xp.where(count > 0, count, xp.ones_like(count))[:, None]
        centers = _refilled(xp, X, weights, centers, count, squared)
    return centers, labels, inertia, n_iter


def _refilled(xp: Any, X: Any, weights: Any, centers: Any, count: Any, squared: Any) -> Any:
    """Put the centres of empty clusters on the rows farthest from their centres."""
    left = squared if weights is None else xp.where(weights > 0, squared, xp.zeros_like(squared))
    for j in range(centers.shape[0]):
        if float(count[j]) == 0 and float(xp.max(left)) > 0:
            far = int(xp.argmax(left))
            is_j = xp.arange(centers.shape[0])[:, None] == j
            centers = xp.where(is_j, _double(xp, X[far, :])[None, :], centers)
            left = xp.where(xp.arange(left.shape[0]) == far, xp.zeros_like(left), left)
    return centers


def _exchange(xp: Any, X: Any, weights: Any, centers: Any, labels: Any) -> tuple[Any, bool]:
    """Move single rows while that lowers the inertia, one sweep over the rows."""
    k, n = centers.shape[0], X.shape[0]
    ids, labels, has_moved = xp.arange(k), xp.asarray(labels, copy=True), False
    w = xp.ones(n, dtype=xp.float64) if weights is None else weights
    count = xp.sum(_double(xp, labels[:, None] == ids[None, :]) * w[:, None], axis=0)
    for row in range(n):
        own, weight = int(labels[row]), float(w[row])
        if not weight > 0 or not float(count[own]) > weight:
            continue
        x = _double(xp, X[row, :])
        sign = xp.where(ids == own, -xp.ones_like(count), xp.ones_like(count))
        cost = xp.sum((centers - x[None, :]) ** 2, axis=1) * count / (count + sign * weight)
        to = int(xp.argmin(xp.where(ids == own, xp.full_like(cost, float("inf")), cost)))
        if not (k > 1 and float(cost[to]) < float(cost[own]) * (1 - 1e-10)):
            continue
        for j, part in ((own, -weight), (to, weight)):
            count = xp.where(ids == j, count + part, count)
            step = xp.where((ids == j)[:, None], x[None, :] - centers, xp.zeros_like(centers))
            centers = centers + step * (part / float(count[j]))
        labels[row], has_moved = to, True
    return centers, has_moved
