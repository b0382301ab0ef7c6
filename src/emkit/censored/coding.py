"""Rows of intervals beside the numbers of the innermost intervals that they hold, found once for all E-steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, IntArray
from emkit.data import MemorySource
from emkit.data.block import Block

__all__ = ["CodedBlock", "CodedSource", "Codes"]

Codes = tuple[IntArray, IntArray, IntArray, IntArray]


@dataclass(frozen=True, slots=True, eq=False)
class CodedBlock(Block):
    """A block with the first and last innermost interval within each row, and within its recorded range."""

    codes: Codes


class CodedSource(MemorySource):
    """Rows in memory whose blocks carry their codes."""

    __slots__ = ()

    def __init__(self, origin: MemorySource, coded: Callable[[Array], Codes]) -> None:
        weights = origin.weights if origin.is_weighted else None
        super().__init__(origin.X, weights, feature_names=origin.feature_names, n_threads=origin.n_threads)
        self._blocks: list[Any] = [
            CodedBlock(b.X, b.weights, b.start, b.is_weighted, b.has_missing, coded(np.asarray(b.X)))
            for b in self._blocks
        ]
