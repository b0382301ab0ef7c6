"""Several groups of people: which answers belong to which curves.

An item that is alike in all groups is one item. An item that is free is an item for each group, which the people of the
other groups did not answer: so constraints need no machinery of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import DataError, ParameterError
from emkit.irt.coding import MISSING
from emkit.irt.responses import Responses

__all__ = ["GroupLayout"]


@dataclass(frozen=True)
class GroupLayout:
    """Groups by label, the first being the reference, and the items that are free among them.

    Parameters
    ----------
    labels : tuple
    free : tuple of int
        Items that every group has for itself.
    """

    labels: tuple[Any, ...] = ()
    free: tuple[int, ...] = ()

    @classmethod
    def of(cls, group: Any, n: int, free_items: Sequence[str] | str, names: Sequence[str]) -> GroupLayout:
        """Return the layout of group labels (n,); `free_items` are names, or "all"."""
        if group is None:
            if len(free_items):
                message = "`free_items` says which items differ among groups: pass `group` to fit, a label per person"
                raise ParameterError(message)
            return cls()
        labels = np.asarray(group)
        if labels.shape != (n,):
            message = f"`group` must have one label for each of the {n} people, got an array of shape {labels.shape}"
            raise DataError(message)
        if isinstance(free_items, str) and free_items != "all":
            message = f"`free_items` must be names of items or 'all', got {free_items!r}"
            raise ParameterError(message)
        free = list(names) if isinstance(free_items, str) else list(free_items)
        strange = [name for name in free if name not in names]
        if strange:
            message = f"`free_items` has {strange[0]!r}, which is no item; items are {', '.join(names)}"
            raise ParameterError(message)
        distinct = tuple(np.unique(labels).tolist())
        return cls(distinct if len(distinct) > 1 else (), tuple(names.index(name) for name in free))

    @property
    def n_groups(self) -> int:
        return max(1, len(self.labels))

    def codes(self, group: Any, n: int) -> Array | None:
        """Return the numbers (n,) of groups; the reference where None is given."""
        if self.n_groups == 1:
            return None
        if group is None:
            message = f"this model has the groups {', '.join(map(repr, self.labels))}: say with `group` who is in which"
            raise DataError(message)
        labels = np.broadcast_to(np.asarray(group), (n,)).tolist()
        number = {label: i for i, label in enumerate(self.labels)}
        strange = next((label for label in labels if label not in number), None)
        if strange is not None:
            message = f"group {strange!r} is not among {', '.join(map(repr, self.labels))}"
            raise DataError(message)
        return np.array([number[label] for label in labels], dtype=np.uint8)

    def expanded(self, responses: Responses) -> Responses:
        """Return names and categories with the items that groups have for themselves at the end; no answers."""
        names, categories = list(responses.names), list(responses.categories)
        for g in range(1, self.n_groups):
            names += [f"{responses.names[j]} [{self.labels[g]}]" for j in self.free]
            categories += [responses.categories[j] for j in self.free]
        return Responses(responses.codes[:0], tuple(names), tuple(categories), responses.has_names)

    def rows(self, codes: Array, group: Array | None) -> Array:
        """Return the rows of the model: answers, those of free items in the columns of the group, and the group."""
        if group is None:
            return codes
        own = codes[:, list(self.free)]
        parts = [codes.copy()]
        parts[0][:, list(self.free)] = np.where(group[:, None] == 0, own, MISSING)
        parts += [np.where(group[:, None] == g, own, MISSING).astype(np.uint8) for g in range(1, self.n_groups)]
        return np.concatenate([*parts, group[:, None]], axis=1)

    def repeated(self, values: Sequence[Any]) -> list[Any]:
        """Return a choice for each item, repeated for those that groups have for themselves."""
        return [*values, *[values[j] for _ in range(1, self.n_groups) for j in self.free]]

    def items_of(self, group: int, n_items: int) -> list[int]:
        """Return the model's items that make up the test of a group."""
        own = list(range(n_items))
        if group > 0:
            first = n_items + (group - 1) * len(self.free)
            for i, j in enumerate(self.free):
                own[j] = first + i
        return own
