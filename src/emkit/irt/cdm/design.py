"""Which attribute profiles there are, and which of them an item cannot tell apart: Q-matrices and their rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, IntArray
from emkit.data import Table
from emkit.data.frames import frame_columns
from emkit.errors import ParameterError

__all__ = ["RULES", "Design", "all_profiles", "design_of", "follows", "read_q_matrix"]

RULES = ("DINA", "DINO", "ACDM", "LLM", "RRUM", "GDINA")
_MOST = 15  # attributes: 32768 profiles


@dataclass(frozen=True, eq=False)
class Design:
    """Profiles, merged where no item tells them apart, and the groups of profiles of each item.

    Attributes
    ----------
    profiles : array (p, a) of 0 and 1
        All profiles allowed.
    kind : array (p,), int
        The class of each profile: profiles of one class have the same probabilities for every item.
    group : array (k, d), int
        The group of each class for each item; groups are numbered through all items.
    item_of : array (g,), int
        The item of each group.
    patterns : tuple of tuples of int
        The attributes that an item asks for, as they are in each group; for DINA and DINO (0,) and (1,).
    """

    profiles: IntArray
    kind: IntArray
    group: IntArray
    item_of: IntArray
    patterns: tuple[tuple[int, ...], ...]


def read_q_matrix(q_matrix: Any) -> tuple[IntArray, tuple[str, ...]]:
    """Return the Q-matrix (d, a) and the names of its attributes.

    Raises
    ------
    ParameterError
        If it is no matrix of zeros and ones, or has an attribute that no item asks for.
    """
    found = frame_columns(q_matrix.columns if isinstance(q_matrix, Table) else q_matrix)
    names = None if found is None else [str(name) for name in found[0]]
    matrix = np.asarray(q_matrix) if found is None else np.column_stack(found[1])
    if matrix.ndim != 2 or not np.isin(matrix, (0, 1)).all():
        message = f"`q_matrix` must hold 0 and 1, items down and attributes across, got {np.shape(matrix)}: {matrix!r}"
        raise ParameterError(message)
    own = tuple(names or (f"attribute {a + 1}" for a in range(matrix.shape[1])))
    if matrix.shape[1] > _MOST:
        message = f"`q_matrix` has {matrix.shape[1]} attributes; at most {_MOST} can be told apart (2^{_MOST} profiles)"
        raise ParameterError(message)
    unused = [name for name, column in zip(own, matrix.T, strict=True) if not column.any()]
    if unused:
        message = f"no item asks for {unused[0]!r}: leave it out of `q_matrix`"
        raise ParameterError(message)
    return matrix.astype(np.intp), own


def all_profiles(n_attributes: int) -> IntArray:
    """Return all profiles (2^a, a), the last attribute changing fastest."""
    return np.array(list(np.ndindex(*(2,) * n_attributes)), dtype=np.intp)


def follows(profiles: IntArray, order: Sequence[tuple[int, int]]) -> IntArray:
    """Return the profiles in which whoever has the second of a pair of attributes has the first too."""
    is_allowed = np.ones(len(profiles), dtype=bool)
    for first, second in order:
        is_allowed &= profiles[:, first] >= profiles[:, second]
    return profiles[is_allowed]


def design_of(q_matrix: IntArray, rules: Sequence[str], profiles: IntArray) -> Design:
    """Return the classes and groups of a Q-matrix (d, a), with a rule for each item."""
    columns: list[IntArray] = []
    item_of: list[int] = []
    patterns: list[tuple[int, ...]] = []
    for j, (row, rule) in enumerate(zip(q_matrix, rules, strict=True)):
        known = _known(profiles[:, row == 1], rule)
        distinct, index = np.unique(known, axis=0, return_inverse=True)
        columns.append(index.reshape(-1) + len(item_of))
        item_of += [j] * len(distinct)
        patterns += [tuple(pattern) for pattern in distinct.tolist()]
    group: Array = np.column_stack(columns)
    _, first, kind = np.unique(group, axis=0, return_index=True, return_inverse=True)
    return Design(profiles, kind.reshape(-1), group[first], np.array(item_of), tuple(patterns))


def _known(asked: IntArray, rule: str) -> IntArray:
    """Return what an item sees of each profile, given the attributes (p, m) that it asks for."""
    if rule == "DINA":
        return np.asarray(asked.all(axis=1, keepdims=True), dtype=np.intp)
    if rule == "DINO":
        return np.asarray(asked.any(axis=1, keepdims=True), dtype=np.intp)
    return asked
