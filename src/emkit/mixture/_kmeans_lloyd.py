"""Lloyd's algorithm as a solver: bounds on distances spare the rows that stay, and empty clusters are filled again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.problem import Point, Problem
from emkit.core.solvers.base import Move, Solver
from emkit.kernels import kmeans as kernel
from emkit.kernels.foreign import host_rows
from emkit.mixture._kmeans_model import KMeansParameters

__all__ = ["Lloyd"]

_BOUNDS_WORK = 160  # centres times (features + 5): below, looking at every row is quicker than keeping bounds
_SMALL = 1e-3  # once the inertia falls by no larger part, centres are weighed against far rows
_FRESH = 1e-4  # when the inertia has fallen to this part of that of the last whole pass, it is summed anew


@dataclass(frozen=True)
class _Memory:
    """Where each row is and what is known of its distances; the arrays over rows are written in place."""

    labels: Array  # (n,) int32
    upper: Array | None  # (n,) float32
    lower: Array | None
    reference: FloatArray  # (k, d) centres of the last whole pass, about which `first` is summed
    count: FloatArray  # (k,)
    first: FloatArray  # (k, d)
    own: FloatArray  # (k,) way of each centre since the last whole pass
    other: FloatArray  # (k,) the longest ways of any other
    whole: float  # inertia at the last whole pass
    is_weighed: bool = False  # whether no centre is worth less than a far row


@dataclass(frozen=True)
class _Elsewhere:
    """The memory where rows are in files or in other processes: nothing is kept of them."""

    is_weighed: bool = False


@dataclass(frozen=True)
class Lloyd(Solver):
    """Means, then nearest centres, in turn; the same labels as by looking at every distance, for less.

    A row is read only if the ways that centres have gone since it was last looked at could change its nearest centre
    (Hamerly 2010). Sums are changed by the rows that move alone. A cluster that has lost its last row takes the row
    that lies farthest from its centre; and so do, near the end, centres that would be missed less than such a row.
    """

    def begin(self, problem: Problem, point: Point) -> None:
        return None

    def kept(self, memory: _Memory | _Elsewhere | None, *, is_torn: bool) -> _Memory | _Elsewhere | None:
        if memory is None or isinstance(memory, _Elsewhere):
            return memory
        if is_torn:
            return None
        upper, lower = (None if x is None else x.copy() for x in (memory.upper, memory.lower))
        return replace(memory, labels=memory.labels.copy(), upper=upper, lower=lower)

    def step(self, problem: Problem, point: Point, memory: Any) -> Move:
        parameters = problem.em_step(point)
        if (point.statistics.count == 0).any():
            parameters = _refilled(problem, parameters, point)
        if memory is None:
            return _whole_pass(problem, parameters)
        if isinstance(memory, _Elsewhere):
            move = _pass_elsewhere(problem, parameters, memory)
        else:
            move = _bounded_pass(problem, parameters, point, memory)
        if isinstance(memory, _Memory) and move.point.statistics.inertia < move.memory.whole * _FRESH:
            return _whole_pass(problem, parameters)
        is_slow = point.statistics.inertia - move.point.statistics.inertia <= _SMALL * point.statistics.inertia
        return _weighed(problem, move) if is_slow and not move.memory.is_weighed else move


def _move(problem: Problem, parameters: KMeansParameters, inertia: float, memory: _Memory, gain_left: float) -> Move:
    problem.n_e_steps += 1
    model: Any = problem.model
    count = memory.count
    first = memory.first + count[:, None] * (memory.reference - parameters.centers)
    statistics = model.statistics(parameters, float(problem.source.total_weight), inertia, count, first)
    return Move(Point(parameters, statistics, statistics.loglik, statistics.loglik), memory, 1.0, True, gain_left)


def _pass_elsewhere(problem: Problem, parameters: KMeansParameters, memory: _Elsewhere) -> Move:
    return Move(problem.evaluate(parameters), memory, 1.0, True, float("nan"))


def _whole_pass(problem: Problem, parameters: KMeansParameters) -> Move:
    """Give every row to its nearest centre, and begin bounds where they can be kept."""
    source: Any = problem.source
    if not (source.is_local and source.is_in_memory):
        return _pass_elsewhere(problem, parameters, _Elsewhere())
    k, d = parameters.centers.shape
    n = problem.source.n_rows
    labels = np.empty(n, dtype=np.int32)
    sums = problem.source.reduce(lambda block: _assigned(block, parameters.centers, labels))
    upper, lower = _no_bounds(n) if k * (d + 5) > _BOUNDS_WORK else (None, None)
    memory = _Memory(
        labels=labels,
        upper=upper,
        lower=lower,
        reference=parameters.centers,
        count=sums.count,
        first=sums.first,
        own=np.zeros(k),
        other=np.zeros(k),
        whole=sums.amount,
    )
    return _move(problem, parameters, sums.amount, memory, float("nan"))


def _bounded_pass(problem: Problem, parameters: KMeansParameters, point: Point, memory: _Memory) -> Move:
    """Give the rows that may have a new nearest centre to it."""
    centers, before = parameters.centers, point.statistics
    shift = centers - point.parameters.centers
    own, other = _ways(shift, memory)
    gaps = kernel.half_gaps(centers) if memory.upper is not None else np.zeros(len(centers))
    bounds = kernel.Bounds(gaps, own, other)
    sums = problem.source.reduce(lambda block: _changed(block, centers, memory, bounds))
    # The fall of the inertia is a sum of what the centres' and the rows' moves gained: nothing cancels.
    moved = float((shift * (2 * before.first - before.count[:, None] * shift)).sum())
    inertia = max(before.inertia - moved - sums.amount, 0.0)
    later = replace(memory, count=memory.count + sums.count, first=memory.first + sums.first, own=own, other=other)
    is_still = sums.n_moved == 0 and not (memory.count == 0).any()
    return _move(problem, parameters, inertia, later, 0.0 if is_still else float("nan"))


def _no_bounds(n: int) -> tuple[Array, Array]:
    """Return bounds that say nothing yet; they are relative to the ways that the centres have gone."""
    return np.full(n, np.inf, dtype=np.float32), np.full(n, -np.inf, dtype=np.float32)


def _ways(shift: FloatArray, memory: _Memory) -> tuple[FloatArray, FloatArray]:
    """Return the ways of the centres and the longest ways of others, this move included."""
    way = np.sqrt((shift**2).sum(axis=1)) * (1 + 1e-12)
    if len(way) == 1:
        return memory.own + way, memory.other
    longest = np.argmax(way)
    other = np.full(len(way), way[longest])
    other[longest] = np.partition(way, -2)[-2]
    return memory.own + way, memory.other + other


@dataclass(frozen=True)
class _Sums:
    """What a pass over a block adds: inertia or its fall, counts, sums and moves."""

    amount: float
    count: FloatArray
    first: FloatArray
    n_moved: int

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.amount + other.amount,
            self.count + other.count,
            self.first + other.first,
            self.n_moved + other.n_moved,
        )


def _rows(block: Any) -> slice:
    return slice(block.start, block.start + block.n_rows)


def _assigned(block: Any, centers: FloatArray, labels: Array) -> _Sums:
    done = kernel.assign(block.X, block.kernel_weights, centers)
    labels[_rows(block)] = done.labels
    return _Sums(done.inertia, done.count, done.first, block.n_rows)


def _changed(block: Any, centers: FloatArray, memory: _Memory, bounds: kernel.Bounds) -> _Sums:
    rows = _rows(block)
    upper, lower = (None if bound is None else bound[rows] for bound in (memory.upper, memory.lower))
    change = kernel.bounded_pass(
        block.X, block.kernel_weights, centers, memory.reference, bounds, memory.labels[rows], upper, lower
    )
    return _Sums(change.gain, change.count, change.first, change.n_moved)


def _refilled(problem: Problem, parameters: KMeansParameters, point: Point) -> KMeansParameters:
    """Return the parameters with the centres of empty clusters on the rows farthest from any centre."""
    empty = np.flatnonzero(point.statistics.count == 0)
    gain, rows = _far_rows(problem, parameters.centers, len(empty))
    n_found = np.count_nonzero(gain > 0)
    return _with_centers(parameters, empty[:n_found], rows[:n_found])


def _weighed(problem: Problem, move: Move) -> Move:
    """Move centres that are worth less than a far row to that row, where there are any.

    Without centre j its rows can go to the centre nearest to it, which raises the inertia by no more than its count
    times the squared gap, and twice the product of gap and sum about the centre. A centre of its own for a row lowers
    it by the row's part. So each move pays.
    """
    parameters, statistics = move.point.parameters, move.point.statistics
    k = len(statistics.count)
    if k < 2:
        return move
    nearest = np.array([_nearest_other(parameters.centers, j) for j in range(k)])
    gap = parameters.centers - parameters.centers[nearest]
    cost = statistics.count * (gap**2).sum(axis=1) + 2 * (gap * statistics.first).sum(axis=1)
    gain, rows = _far_rows(problem, parameters.centers, k // 2)
    free: list[int] = []
    kept: set[int] = set()
    for j in np.argsort(cost, kind="stable").tolist():
        if len(free) == len(gain) or not gain[len(free)] > cost[j]:
            break
        if j not in kept and nearest[j] not in free:
            free.append(j)
            kept.add(int(nearest[j]))
    if not free:
        return replace(move, memory=replace(move.memory, is_weighed=True))
    return _whole_pass(problem, _with_centers(parameters, np.array(free), rows[: len(free)]))


def _nearest_other(centers: FloatArray, j: int) -> int:
    square = ((centers - centers[j]) ** 2).sum(axis=1)
    square[j] = np.inf
    return int(square.argmin())


def _with_centers(parameters: KMeansParameters, which: Array, rows: FloatArray) -> KMeansParameters:
    centers = parameters.centers.copy()
    centers[which] = rows
    return replace(parameters, centers=centers)


def _far_rows(problem: Problem, centers: FloatArray, m: int) -> tuple[FloatArray, FloatArray]:
    """Return the largest parts (up to m) of single rows in the inertia, falling, and those rows."""
    problem.n_e_steps += 1
    found = problem.source.map(lambda block: _far_of_block(block, centers, m))
    part = np.concatenate([far[0] for far in found])
    rows = np.concatenate([far[1] for far in found])
    order = np.argsort(-part, kind="stable")[:m]
    return part[order], rows[order]


def _far_of_block(block: Any, centers: FloatArray, m: int) -> tuple[FloatArray, FloatArray]:
    squared = kernel.assign(block.X, None, centers).squared
    part = block.weights * np.where(block.weights > 0, squared, 0.0)
    order = np.argpartition(-part, m)[:m] if m < len(part) else np.arange(len(part))
    return part[order], np.asarray(host_rows(block.X, order), dtype=np.float64)
