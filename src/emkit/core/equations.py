"""Equations: what constraints say of the coordinates of a record.

Where whole blocks are held (a number, a row of probabilities, a matrix), the equation is between coordinates and
linear: v_i = c for a fixed block, v_i = v_j for a tie, v_i = T(b(z)) for a bounded number. Where parts of a block are
held, it is between entries, and solved by Newton's method. A bound is b(z) = low + s z^2, or low + (high - low) sin^2 z
where there are two: a regular point of its slack z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from emkit.core.arrays import FloatArray, IntArray
from emkit.core.constraints import Constraints, broadcast_to, check_tie
from emkit.core.entries import Entries
from emkit.core.spaces import (
    Interval,
    NonNegative,
    Ordered,
    Positive,
    PositiveDefinite,
    Probability,
    Real,
    Simplex,
    Space,
)

__all__ = ["Bounded", "Equations", "equations_of"]

_MARGIN = 1e-3  # slack of an entry that is put on its bound: a little inside, where its slope can be seen


@dataclass(frozen=True)
class Bounded:
    """One bounded entry: its equation, its ends, the unit of its slack, and the space if the equation is explicit."""

    row: int
    is_explicit: bool
    entry: int
    low: float
    high: float
    span: float
    space: Space

    @property
    def is_two_sided(self) -> bool:
        """Whether there are two bounds."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    def target(self, z: float) -> tuple[float, float]:
        """Return what the equation asks for at a slack, and its derivative."""
        if self.is_two_sided:
            value, rate = self.low + (self.high - self.low) * np.sin(z) ** 2, (self.high - self.low) * np.sin(2 * z)
        else:
            sign, end = (1.0, self.low) if np.isfinite(self.low) else (-1.0, self.high)
            value, rate = end + sign * self.span * z * z, sign * self.span * 2 * z
        if not self.is_explicit:
            return float(value), float(rate)
        return _coordinate(self.space, value), float(rate * _coordinate_rate(self.space, value))

    def slack(self, value: float) -> float:
        """Return the slack z >= 0 of a value, put inside its bounds."""
        if self.is_two_sided:
            share = (value - self.low) / (self.high - self.low)
            return float(np.arcsin(np.sqrt(np.clip(share, np.sin(_MARGIN) ** 2, np.cos(_MARGIN) ** 2))))
        room = value - self.low if np.isfinite(self.low) else self.high - value
        return float(max(np.sqrt(max(room, 0.0) / self.span), _MARGIN))


def _coordinate(space: Space, value: float) -> float:
    if isinstance(space, Positive):
        return float(np.log(value)) if value > 0 else -np.inf
    if isinstance(space, Interval):
        return float(logit((value - space.low) / (space.high - space.low)))
    return float(np.sqrt(max(value, 0.0))) if isinstance(space, NonNegative) else value


def _coordinate_rate(space: Space, value: float) -> float:
    if isinstance(space, Positive):
        return 1 / value
    if isinstance(space, Interval):
        return (space.high - space.low) / ((value - space.low) * (space.high - value))
    return 0.5 / float(np.sqrt(value)) if isinstance(space, NonNegative) else 1.0


@dataclass(frozen=True)
class Equations:
    """All equations of a layout.

    Parameters
    ----------
    linear : array (a, p)
        Coefficients of the coordinates in the explicit ones.
    constants : array (a,)
    entries : array (b, e)
        Coefficients of the entries in the others.
    values : array (b,)
    bounded : tuple of Bounded
    guards : tuple of (entry, low, high)
        Bounds that are no equations: points beyond them are refused.
    """

    linear: FloatArray
    constants: FloatArray
    entries: FloatArray
    values: FloatArray
    bounded: tuple[Bounded, ...]
    guards: tuple[tuple[int, float, float], ...] = ()


class _Book:
    """The equations as they are written down, and the blocks of the record: what belongs together in one chart."""

    def __init__(self, entries: Entries, own: IntArray, vector: FloatArray) -> None:
        self.all, self.vector = entries, vector
        self.linear: list[dict[int, float]] = []
        self.constants: list[float] = []
        self.hard: list[dict[int, float]] = []
        self.values: list[float] = []
        self.bounded: list[Bounded] = []
        self.guards: list[tuple[int, float, float]] = []
        self.block = np.empty(entries.size, dtype=np.intp)
        first = 0
        for leaf, part, shape in zip(entries.leaves, entries.slices, entries.shapes, strict=True):
            size = _block_size(leaf.space, shape)
            n = part.stop - part.start
            self.block[part] = first + np.arange(n) // max(size, 1)
            first += -(-n // max(size, 1))
        self.starts = np.searchsorted(self.block, np.arange(first))
        self.sizes = np.bincount(self.block, minlength=first)
        self.own = own
        self.coordinates: dict[int, list[int]] = {}
        for i, entry in enumerate(own):
            self.coordinates.setdefault(int(self.block[entry]), []).append(i)

    def space(self, entry: int) -> Space:
        return self.all.leaves[int(self.all.leaf_of[entry])].space

    def fix(self, places: IntArray, values: FloatArray) -> None:
        for block in np.unique(self.block[places]):
            inside = self.block[places] == block
            spare = 1 if isinstance(self.space(int(places[inside][0])), Simplex) else 0  # the last follows from the sum
            if np.unique(places[inside]).size >= self.sizes[block] - spare:
                for i in self.coordinates.get(int(block), []):
                    self._explicit({i: 1.0}, float(self.vector[i]))
            else:
                for place, value in zip(places[inside], values[inside], strict=True):
                    self._hard({int(place): 1.0}, float(value))

    def tie(self, first: IntArray, other: IntArray) -> None:
        for block in np.unique(self.block[first]):
            inside = self.block[first] == block
            mine, theirs = first[inside], other[inside]
            pairs = self._pairs(int(block), mine, theirs)
            if pairs is None:
                for a, b in zip(mine, theirs, strict=True):
                    self._hard({int(a): 1.0, int(b): -1.0}, 0.0)
            else:
                for i, j in pairs:
                    self._explicit({i: 1.0, j: -1.0}, 0.0)

    def _pairs(self, block: int, mine: IntArray, theirs: IntArray) -> list[tuple[int, int]] | None:
        """Return the pairs of coordinates that are equal if two whole blocks are, or None if they are not whole."""
        others = np.unique(self.block[theirs])
        is_whole = others.size == 1 and mine.size == self.sizes[block] == self.sizes[others[0]]
        if not is_whole:
            return None
        there = int(others[0])
        if not (mine - self.starts[block] == theirs - self.starts[there]).all():
            return None
        left, right = self.coordinates.get(block, []), self.coordinates.get(there, [])
        places = [[int(self.own[i] - self.starts[at]) for i in side] for side, at in ((left, block), (right, there))]
        return list(zip(left, right, strict=True)) if places[0] == places[1] else None

    def bound(self, place: int, low: float, high: float) -> None:
        space = self.space(place)
        is_explicit = isinstance(space, Real | Positive | NonNegative | Interval)
        value = float(self.all.values[place])
        span = max(abs(value), abs(low) if np.isfinite(low) else 0.0, 1e-8)
        row = len(self.linear) if is_explicit else len(self.hard)
        if is_explicit:
            own = self.coordinates.get(int(self.block[place]), [])
            if not own:
                return
            self._explicit({own[0]: 1.0}, 0.0)
        else:
            self._hard({place: 1.0}, 0.0)
        self.bounded.append(Bounded(row, is_explicit, place, low, high, span, space))

    def _explicit(self, row: dict[int, float], constant: float) -> None:
        self.linear.append(row)
        self.constants.append(constant)

    def _hard(self, row: dict[int, float], value: float) -> None:
        self.hard.append(row)
        self.values.append(value)

    def closed(self) -> Equations:
        return Equations(
            _matrix(self.linear, self.vector.size),
            np.array(self.constants),
            _matrix(self.hard, self.all.size),
            np.array(self.values),
            tuple(self.bounded),
            tuple(self.guards),
        )


def _matrix(rows: list[dict[int, float]], width: int) -> FloatArray:
    matrix = np.zeros((len(rows), width))
    for row, factors in zip(matrix, rows, strict=True):
        for place, factor in factors.items():
            row[place] += factor
    return matrix


def _block_size(space: Space, shape: tuple[int, ...]) -> int:
    if isinstance(space, PositiveDefinite):
        return shape[-1] ** 2
    return shape[-1] if isinstance(space, Simplex | Ordered) and shape else 1


def equations_of(entries: Entries, own: IntArray, vector: FloatArray, constraints: Constraints) -> Equations:
    """Return the equations of constraints on a record that obeys them.

    Parameters
    ----------
    entries : Entries
        Of the record.
    own : array (p,)
        The entry that each coordinate is about.
    vector : array (p,)
        Its coordinates.
    constraints : Constraints
    """
    book = _Book(entries, own, vector)
    for name, value in constraints.fix:
        places = entries.find(name)
        book.fix(places.reshape(-1), broadcast_to(name, value, places))
    for group in constraints.tie:
        first = entries.find(group[0])
        for name in group[1:]:
            other = entries.find(name)
            check_tie(entries, group[0], first, name, other)
            book.tie(first.reshape(-1), other.reshape(-1))
    bounds: dict[int, tuple[float, float]] = {}
    for name, low, high in constraints.bounds:
        for place in entries.find(name).reshape(-1).tolist():
            ends = _within(book.space(place), -np.inf if low is None else low, np.inf if high is None else high)
            if ends is not None:
                bounds[place] = ends
    for place, ends in _spared(book, bounds).items():
        book.bound(place, *ends)
    return book.closed()


def _spared(book: _Book, bounds: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    """Return the bounds without those of one entry of each row of probabilities that is bounded throughout.

    It follows from the sum. Of two probabilities the other takes over its bounds; of more, they are guarded.
    """
    kept = dict(bounds)
    for block in {int(book.block[place]) for place in bounds}:
        row = [place for place in bounds if book.block[place] == block]
        if not isinstance(book.space(row[0]), Simplex) or len(row) < book.sizes[block]:
            continue
        last = max(row, key=lambda place: float(book.all.values[place]))
        low, high = kept.pop(last)
        if len(row) == 2:
            other = next(place for place in row if place != last)
            kept[other] = max(kept[other][0], 1 - high), min(kept[other][1], 1 - low)
        else:
            book.guards.append((last, low, high))
    return kept


def _within(space: Space, low: float, high: float) -> tuple[float, float] | None:
    """Return the bounds beside those that the space sets already, or None where both are its own."""
    own = {Positive: (0.0, np.inf), NonNegative: (0.0, np.inf), Simplex: (0.0, 1.0), Probability: (0.0, 1.0)}.get(
        type(space), (-np.inf, np.inf)
    )
    own = (space.low, space.high) if isinstance(space, Interval) else own
    if low <= own[0] and high >= own[1]:
        return None
    return max(low, own[0]), min(high, own[1])
