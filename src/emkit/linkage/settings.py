"""What the estimator's arguments say of fields: their levels, their groups, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError

__all__ = ["field_groups", "field_sizes", "known_groups", "notes_on"]


def field_sizes(source: Any, fields: tuple[str, ...], given: Mapping[str, int]) -> tuple[int, ...]:
    """Return the number of levels of each field: those that occur, or those given."""
    highest = _highest_levels(source)
    for name in given:
        if name not in fields:
            message = f"`levels` names {name!r}; the fields are {list(fields)}"
            raise ParameterError(message)
    return tuple(
        int(given[name]) if name in given else max(1, int(np.floor(top)) + 1)
        for name, top in zip(fields, highest, strict=True)
    )


def _highest_levels(source: Any) -> FloatArray:
    """Return the highest level (d,) of each field that occurs, -1 for a field that was never compared."""
    return np.asarray(np.max(source.map(_highest), axis=0))


def notes_on(source: Any, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return sentences on fields that were never compared, and on those that are the same for all pairs."""
    highest, lowest = _highest_levels(source), np.min(source.map(_lowest), axis=0)
    names = np.array(fields, dtype=object)
    absent, constant = names[highest < 0], names[(highest >= 0) & (highest == lowest)]
    notes = []
    if len(absent):
        notes.append(f"Never compared, and so without a say: {', '.join(absent)}.")
    if len(constant):
        notes.append(f"The same for all pairs, and so without a say: {', '.join(constant)}.")
    return tuple(notes)


def _highest(block: Any) -> FloatArray:
    X = np.asarray(block.X)
    return np.asarray(np.where(np.isnan(X), -1.0, X).max(axis=0, initial=-1.0))


def _lowest(block: Any) -> FloatArray:
    X = np.asarray(block.X)
    return np.asarray(np.where(np.isnan(X), np.inf, X).min(axis=0, initial=np.inf))


def field_groups(fields: tuple[str, ...], dependence: Sequence[Sequence[str]]) -> tuple[tuple[int, ...], ...]:
    """Return the groups of fields, in the order of their first ones."""
    together: dict[int, tuple[int, ...]] = {}
    for group in dependence:
        names = tuple(group)
        strange = [name for name in names if name not in fields]
        if strange or isinstance(group, str):
            message = f"`dependence` must hold groups of fields; {strange or group!r} is none of {list(fields)}"
            raise ParameterError(message)
        columns = tuple(sorted(fields.index(name) for name in names))
        if len(set(columns)) < len(columns) or any(column in together for column in columns):
            message = f"`dependence` may name each field once, got {[tuple(g) for g in dependence]}"
            raise ParameterError(message)
        together |= dict.fromkeys(columns, columns)
    groups = [together.get(column, (column,)) for column in range(len(fields))]
    return tuple(dict.fromkeys(groups))


def known_groups(
    given: Mapping[str, Sequence[float]],
    argument: str,
    fields: tuple[str, ...],
    sizes: tuple[int, ...],
    groups: tuple[tuple[int, ...], ...],
) -> tuple[tuple[int, tuple[float, ...]], ...]:
    """Return known probabilities by number of group."""
    known = []
    for name, values in given.items():
        if name not in fields or (fields.index(name),) not in groups:
            message = f"`{argument}` names {name!r}, which is no field of its own; fields are {list(fields)}"
            raise ParameterError(message)
        prob = np.asarray(values, dtype=np.float64)
        size = sizes[fields.index(name)]
        if prob.shape != (size,) or (prob < 0).any() or abs(prob.sum() - 1) > 1e-6:
            message = f"`{argument}` of {name!r} must be {size} probabilities that sum to one, got {prob.tolist()}"
            raise ParameterError(message)
        known.append((groups.index((fields.index(name),)), tuple((prob / prob.sum()).tolist())))
    return tuple(known)
