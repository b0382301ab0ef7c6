"""Strides: several EM steps of a model made in one call, where it has compiled code for that."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from emkit.core.arrays import FloatArray

__all__ = ["Pace", "Stride", "Strider"]


class Pace(NamedTuple):
    """How far one move of a climb may go; the loop sets it before each.

    Parameters
    ----------
    most : int
        Iterations.
    enough : float
        Objective still to be gained at which the climb will stop.
    """

    most: int = 1
    enough: float = 0.0


class Stride(NamedTuple):
    """Where a stride ended.

    Parameters
    ----------
    point : Point
    memory : array
        What acceleration remembers.
    rows : array (m, 3)
        By iteration: the objective, what was left to gain before it (NaN where nothing tells), and its E-steps.
    """

    point: Any
    memory: FloatArray
    rows: FloatArray


class Strider(Protocol):
    """What `Model.strides(source)` returns. One stride of m steps gives the bits of m strides of one step."""

    def begin(self) -> FloatArray:
        """Return what acceleration remembers before its first step."""

    def rescaled(self, memory: FloatArray, ratio: float) -> FloatArray:
        """Return what acceleration remembers of a climb on a sample, as if the rows had `ratio` times that weight."""

    def go(self, point: Any, memory: FloatArray, *, n_steps: int, is_fast: bool, enough: float) -> Stride | None:
        """Take up to `n_steps` EM steps, accelerated where `is_fast`; None where not one can be made.

        None goes down but the last. It may end early when accelerated steps promise less than `enough`.
        """
