"""Parameters of record linkage: groups of fields, of which parts may be known."""

from __future__ import annotations

from dataclasses import dataclass

from emkit.core.arrays import Array
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Constant, Simplex

__all__ = [
    "FixedMatchParameters",
    "FixedOthersParameters",
    "FixedShareParameters",
    "GroupParameters",
    "KnownGroupParameters",
    "LinkageParameters",
]


@dataclass(frozen=True)
class GroupParameters(Parameters):
    """Probabilities of the cells of a group: `match` (cells,) in matches, `others` (k - 1, cells) in other pairs."""

    match: Array = space(Simplex())
    others: Array = space(Simplex())


@dataclass(frozen=True)
class FixedMatchParameters(GroupParameters):
    """A group whose probabilities in matches are known."""

    match: Array = space(Constant())


@dataclass(frozen=True)
class FixedOthersParameters(GroupParameters):
    """A group whose probabilities in other pairs are known, from random pairs for example."""

    others: Array = space(Constant())


@dataclass(frozen=True)
class KnownGroupParameters(GroupParameters):
    """A group of which both are known."""

    match: Array = space(Constant())
    others: Array = space(Constant())


@dataclass(frozen=True)
class LinkageParameters(Parameters):
    """Shares (k,) of the classes, matches first, and the groups of fields."""

    share: Array = space(Simplex())
    groups: tuple[GroupParameters, ...] = ()


@dataclass(frozen=True)
class FixedShareParameters(LinkageParameters):
    """Parameters of pairs whose share of matches is known."""

    share: Array = space(Constant())
