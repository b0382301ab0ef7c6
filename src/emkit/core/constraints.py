"""Constraints: parameters fixed, tied or bounded by name, and the nearest record that obeys them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.core.entries import Entries
from emkit.core.parameters import check_parameters, rebuild
from emkit.core.spaces import PositiveDefinite, Simplex, Space
from emkit.errors import ParameterError

__all__ = ["Constraints", "broadcast_to", "brought_in", "check_tie", "constraints_of"]


@dataclass(frozen=True)
class Constraints:
    """What is held, by name.

    Parameters
    ----------
    fix : tuple of (name, value)
    tie : tuple of tuples of names
        The entries of each are equal, place by place.
    bounds : tuple of (name, low, high)
        None is no bound.
    """

    fix: tuple[tuple[str, Any], ...] = ()
    tie: tuple[tuple[str, ...], ...] = ()
    bounds: tuple[tuple[str, float | None, float | None], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is held."""
        return not (self.fix or self.tie or self.bounds)


def constraints_of(
    fix: Mapping[str, Any] | None, tie: Sequence[Sequence[str]] | None, bounds: Mapping[str, Any] | None
) -> Constraints:
    """Return the record of what a user asks for, checked as far as can be without the model.

    Raises
    ------
    ParameterError
        If a value is not finite, a tie names fewer than two parameters, or a bound is empty.
    """
    fixed = tuple((name, np.array(value, dtype=np.float64)) for name, value in (fix or {}).items())
    for name, value in fixed:
        if not np.isfinite(value).all():
            message = f"`fix` must hold finite values, got {value!r} for {name!r}"
            raise ParameterError(message)
    tied = tuple((group,) if isinstance(group, str) else tuple(group) for group in tie or ())
    for group in tied:
        if len(group) < 2:
            message = f"each item of `tie` must name at least two parameters, as ('a[0]', 'a[1]') does; got {group!r}"
            raise ParameterError(message)
    return Constraints(fixed, tied, tuple(_bound(name, ends) for name, ends in (bounds or {}).items()))


def _bound(name: str, ends: Any) -> tuple[str, float, float]:
    try:
        low, high = (
            default if end is None else float(end) for end, default in zip(ends, (-np.inf, np.inf), strict=True)
        )
    except (TypeError, ValueError):
        message = f"`bounds` must give (low, high) for {name!r}, with None for no bound; got {ends!r}"
        raise ParameterError(message) from None
    if low is not None and high is not None and not low < high:
        message = f"`bounds` of {name!r} must be a lower and a higher number, got {ends!r}"
        raise ParameterError(message)
    return name, low, high


def brought_in(record: Any, constraints: Constraints) -> Any:
    """Return a record near the given one that obeys the constraints, or nearly; probabilities are rescaled.

    Raises
    ------
    ParameterError
        If none is found: the constraints contradict each other or their spaces.
    """
    entries = Entries(record)
    values = entries.values.copy()
    is_held = np.zeros(entries.size, dtype=bool)
    for group in constraints.tie:
        found = [entries.find(name) for name in group]
        for name, other in zip(group[1:], found[1:], strict=True):
            check_tie(entries, group[0], found[0], name, other)
        places = np.stack([own.reshape(-1) for own in found])
        values[places] = values[places].mean(axis=0)
        is_held[places] = True
    for name, low, high in constraints.bounds:
        places = entries.find(name).reshape(-1)
        clipped = np.clip(values[places], low, high) if low is not None or high is not None else values[places]
        is_held[places] |= clipped != values[places]
        values[places] = clipped
    for name, value in constraints.fix:
        places = entries.find(name)
        values[places.reshape(-1)] = broadcast_to(name, value, places)
        is_held[places] = True
    arrays = [
        _in_space(leaf.space, values[part].reshape(shape), is_held[part].reshape(shape), leaf.name)
        for leaf, part, shape in zip(entries.leaves, entries.slices, entries.shapes, strict=True)
    ]
    near = rebuild(record, iter(arrays))
    try:
        check_parameters(near)
    except ParameterError as error:
        message = f"the constraints leave no room: {error}"
        raise ParameterError(message) from None
    return near


def _in_space(space: Space, value: FloatArray, is_held: Any, name: str) -> FloatArray:
    if isinstance(space, Simplex) and is_held.any():
        return _rescaled(value, is_held, name)
    if isinstance(space, PositiveDefinite) and is_held.any():
        return _made_definite(value, is_held | np.swapaxes(is_held, -1, -2), is_held)
    return value


def _rescaled(value: FloatArray, is_held: Any, name: str) -> FloatArray:
    """Return probabilities where those not held share what the held ones leave."""
    room = 1 - np.where(is_held, value, 0.0).sum(axis=-1, keepdims=True)
    if (room < -1e-9).any():
        message = f"the constraints leave no room: the fixed entries of `{name}` add up to more than one"
        raise ParameterError(message)
    rest = np.where(is_held, 0.0, value)
    total = rest.sum(axis=-1, keepdims=True)
    n_rest = (~is_held).sum(axis=-1, keepdims=True)
    even = np.where(is_held, 0.0, np.maximum(room, 0.0) / np.maximum(n_rest, 1))
    shared = np.where(total > 0, rest * np.maximum(room, 0.0) / np.where(total > 0, total, 1.0), even)
    whole = np.where(is_held, value, shared)
    return np.asarray(whole / whole.sum(axis=-1, keepdims=True))


def _made_definite(value: FloatArray, is_held: Any, told: Any) -> FloatArray:
    """Return symmetric matrices with the held entries, the others drawn to the diagonal until all is definite."""
    flipped = np.swapaxes(value, -1, -2)
    both = np.where(told, value, np.where(np.swapaxes(told, -1, -2), flipped, (value + flipped) / 2))
    is_diagonal = np.eye(value.shape[-1], dtype=bool)
    for share in (1.0, 0.9, 0.7, 0.4, 0.1, 0.0):
        tried = np.where(is_diagonal | is_held, both, share * both)
        if np.linalg.eigvalsh(tried)[..., 0].min() > 0:
            return np.asarray(tried)
    return np.asarray(both)


def broadcast_to(name: str, value: Any, places: IntArray) -> FloatArray:
    """Return the value of a fixed parameter in the shape of its places, flat."""
    try:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), places.shape).reshape(-1)
    except ValueError:
        message = f"`fix` of {name!r} must have the shape {places.shape} of the parameter, got {np.shape(value)}"
        raise ParameterError(message) from None


def check_tie(entries: Entries, left: str, first: IntArray, right: str, other: IntArray) -> None:
    """Raise `ParameterError` unless two parameters can be equal, place by place."""
    if other.shape != first.shape:
        message = f"tied parameters must have equal shapes: {left!r} has {first.shape}, {right!r} {other.shape}"
        raise ParameterError(message)
    spaces = [entries.leaves[int(entries.leaf_of[places.reshape(-1)[0]])].space for places in (first, other)]
    if spaces[0] != spaces[1]:
        message = f"only parameters of one space can be tied: {left!r} lives in {spaces[0]}, {right!r} in {spaces[1]}"
        raise ParameterError(message)
