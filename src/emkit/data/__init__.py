"""The door: arrays, data frames and files become checked blocks, once; and where the data are: the sources."""

from __future__ import annotations

from emkit.data.block import BLOCK_ROWS, Block
from emkit.data.door import as_source
from emkit.data.memory import MemorySource
from emkit.data.moments import ColumnMoments
from emkit.data.source import Source
from emkit.data.threads import resolve_threads

__all__ = [
    "BLOCK_ROWS",
    "Block",
    "ColumnMoments",
    "MemorySource",
    "Source",
    "as_source",
    "resolve_threads",
]
