"""Statistics: frozen records of expected sufficient statistics that add and scale."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

__all__ = ["Additive", "Statistics", "shared"]


def shared(**options: Any) -> Any:
    """Declare a field that both summands hold alike (an origin, say): it is neither added nor scaled."""
    return dataclasses.field(metadata={"shared": True}, **options)


@dataclasses.dataclass(frozen=True)
class Additive:
    """A record of arrays, numbers, tuples of them and other such records, that adds and scales field by field."""

    def __add__(self, other: Self) -> Self:
        """Return the statistics of both sets of rows together."""
        right = self._aligned(other)
        mine, theirs = self.__dict__, right.__dict__
        return type(self)(
            **{name: mine[name] if keep else _add(mine[name], theirs[name]) for name, keep in _fields(type(self))}
        )

    def __mul__(self, factor: float) -> Self:
        """Return the statistics as if every row were repeated `factor` times."""
        mine = self.__dict__
        return type(self)(
            **{name: mine[name] if keep else _scale(mine[name], factor) for name, keep in _fields(type(self))}
        )

    __rmul__ = __mul__

    def _aligned(self, other: Self) -> Self:
        """Return `other` with its shared fields moved to those of `self`: the place for a change of origin."""
        return other


@dataclasses.dataclass(frozen=True)
class Statistics(Additive):
    """Expected sufficient statistics of some rows: what an E-step returns and an M-step sees.

    Parameters
    ----------
    loglik : float
        Log-likelihood of the rows at the parameters of the E-step.
    weight : float
        Sum of the case weights of the rows.
    """

    loglik: float
    weight: float


_FIELDS: dict[type, tuple[tuple[str, bool], ...]] = {}


def _fields(cls: type) -> tuple[tuple[str, bool], ...]:
    if cls not in _FIELDS:
        _FIELDS[cls] = tuple((f.name, bool(f.metadata.get("shared"))) for f in dataclasses.fields(cls))
    return _FIELDS[cls]


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, tuple):
        return tuple(_add(a, b) for a, b in zip(left, right, strict=True))
    return left + right


def _scale(value: Any, factor: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_scale(item, factor) for item in value)
    return value * factor
