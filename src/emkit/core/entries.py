"""Entries: the single numbers of a record of parameters, by name: `mix[0]`, `members.mean[1, 2]`."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.core.parameters import Leaf, leaves
from emkit.errors import ParameterError

__all__ = ["Entries"]

_INDEX = re.compile(r"\[([^\[\]]*)\]$")


class Entries:
    """All entries of a record, array by array in field order, each array in C order.

    Parameters
    ----------
    record : Parameters
    """

    def __init__(self, record: Any) -> None:
        self.leaves: list[Leaf] = list(leaves(record))
        self.shapes = [np.shape(leaf.value) for leaf in self.leaves]
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes]).tolist()
        self.size: int = int(ends[-1]) if ends else 0
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        self.slices = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each entry, its place in the array counted from 0."""
        return tuple(
            leaf.name + (f"[{', '.join(map(str, at))}]" if at else "")
            for leaf, shape in zip(self.leaves, self.shapes, strict=True)
            for at in np.ndindex(shape)
        )

    @cached_property
    def values(self) -> FloatArray:
        """Value of each entry, (size,)."""
        parts = [np.asarray(leaf.value, dtype=np.float64).reshape(-1) for leaf in self.leaves]
        return np.concatenate(parts) if parts else np.empty(0)

    @cached_property
    def leaf_of(self) -> IntArray:
        """Number of the array that each entry belongs to, (size,)."""
        return np.repeat(np.arange(len(self.leaves)), [part.stop - part.start for part in self.slices])

    def find(self, name: str) -> IntArray:
        """Return the positions of an array, a part of it or one entry, in the shape of what is named.

        Raises
        ------
        ParameterError
            If there is no such array or entry.
        """
        for i, leaf in enumerate(self.leaves):
            if leaf.name == name:
                return self._positions(i)
        for i, leaf in enumerate(self.leaves):
            index = _INDEX.search(name)
            if index is not None and name[: index.start()] == leaf.name:
                try:
                    return np.asarray(self._positions(i)[_parsed(index.group(1))])
                except (IndexError, ValueError):
                    message = f"`{leaf.name}` has shape {self.shapes[i]} and no entry [{index.group(1)}]"
                    raise ParameterError(message) from None
        known = ", ".join(f"{leaf.name} {shape}" for leaf, shape in zip(self.leaves, self.shapes, strict=True))
        message = f"there is no parameter {name!r}; expected one of {known}, or an entry as in {self.names[0]!r}"
        raise ParameterError(message)

    def _positions(self, i: int) -> IntArray:
        return np.arange(self.slices[i].start, self.slices[i].stop).reshape(self.shapes[i])


def _parsed(index: str) -> tuple[int | slice, ...]:
    """Return what stands between brackets as an index: numbers and lone colons."""
    parts = [part.strip() for part in index.split(",")]
    return tuple(slice(None) if part == ":" else int(part) for part in parts)
