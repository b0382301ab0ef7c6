"""Parameters under constraints: the free coordinates of a layout, and the record they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.layout import Layout
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Chart, Real, Space

__all__ = ["ConstrainedParameters", "Slack"]

_AT_BOUND = 0.1  # a slack within this many of its standard errors of a bound stands for the bound


@dataclass(frozen=True)
class Slack(Space):
    """Coordinates of bounded entries: z = 0 is a bound, and z = pi/2 the other one where there are two."""

    is_two_sided: bool = False

    def chart(self, value: Array) -> Chart:
        return _SlackChart(np.shape(value), self.is_two_sided)

    def violation(self, value: Array) -> str | None:
        return None


class _SlackChart(Chart):
    def __init__(self, shape: tuple[int, ...], is_two_sided: bool) -> None:
        self.shape, self.is_two_sided = shape, is_two_sided
        self.size = int(np.prod(shape, dtype=np.intp))

    def to_vector(self, value: Array, near: FloatArray | None = None) -> FloatArray:
        return np.asarray(value, dtype=np.float64).reshape(-1)

    def from_vector(self, vector: FloatArray) -> FloatArray:
        return vector.reshape(self.shape)

    def pull_back(self, value: Array, vector: FloatArray, gradient: Array) -> FloatArray:
        return gradient.reshape(-1)

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        away = np.abs(vector)
        if self.is_two_sided:
            away = np.minimum(away, np.abs(away - np.pi / 2))
        return np.asarray(away**2 * np.maximum(observed, 0.0) < _AT_BOUND**2)


@dataclass(frozen=True, eq=False)
class ConstrainedParameters(Parameters):
    """The free coordinates of a record under constraints; the record's own attributes can be read from it too.

    Parameters
    ----------
    free : array (f,)
    one_sided, two_sided : array
        Slacks of the entries with one bound and with two.
    layout : Layout

    Attributes
    ----------
    inner : Parameters
        The record: it obeys the constraints.
    """

    free: Array = space(Real())
    one_sided: Array = space(Slack())
    two_sided: Array = space(Slack(is_two_sided=True))
    layout: Any = None

    def __post_init__(self) -> None:
        layout: Layout = self.layout
        full = layout.solved(self.vector)
        vars(self).update(full=full, inner=layout.chart.from_vector(full[: layout.chart.size]))

    @classmethod
    def of(cls, vector: FloatArray, layout: Layout) -> ConstrainedParameters:
        """Return the parameters with these coordinates, slacks last and in the order of the layout."""
        n_own, both = len(layout.independent), layout.is_two_sided
        slacks = vector[n_own:]
        return cls(vector[:n_own], slacks[~both], slacks[both], layout)

    @property
    def vector(self) -> FloatArray:
        """All free coordinates, slacks last and in the order of the layout."""
        both = self.layout.is_two_sided
        slacks = np.empty(len(both))
        slacks[~both], slacks[both] = self.one_sided, self.two_sided
        return np.concatenate([self.free, slacks])

    @cached_property
    def tangent(self) -> FloatArray:
        """Derivatives of the record's coordinates with respect to the free ones."""
        full: FloatArray = vars(self)["full"]
        layout: Layout = self.layout
        return layout.tangent(full, vars(self)["inner"])

    def split(self, gradient: FloatArray) -> ConstrainedParameters:
        """Return slopes by free coordinate as a record."""
        blank = object.__new__(ConstrainedParameters)
        n_own, both = len(self.layout.independent), self.layout.is_two_sided
        slacks = gradient[n_own:]
        vars(blank).update(free=gradient[:n_own], one_sided=slacks[~both], two_sided=slacks[both], layout=self.layout)
        return blank

    def with_edges(self, found: Array, observed: FloatArray, complete: FloatArray) -> Array:
        layout: Layout = self.layout
        p, n_own = layout.chart.size, len(self.free)
        own = [np.ones(p), np.ones(p)]
        for wide, diagonal in zip(own, (observed, complete), strict=True):
            wide[layout.independent] = diagonal[:n_own]
        inside = layout.chart.is_at_boundary(vars(self)["full"][:p], *own)[layout.independent]
        return np.concatenate([found[:n_own] | inside, found[n_own:]])

    def __getattr__(self, name: str) -> Any:
        inner = vars(self).get("inner")
        if inner is None or name.startswith("__"):
            raise AttributeError(name)
        return getattr(inner, name)
