"""What one climb from one start left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emkit.core.problem import Point
from emkit.core.status import Status
from emkit.core.trace import Trace

__all__ = ["Climb"]


@dataclass(frozen=True)
class Climb:
    """Where one climb ended, how, the way there, and the memory with which its solver would go on."""

    point: Point
    status: Status
    trace: Trace
    n_iter: int
    memory: Any = None
    collapse: str = ""

    @property
    def is_degenerate(self) -> bool:
        """Return whether a part of the model has collapsed."""
        return bool(self.collapse)
