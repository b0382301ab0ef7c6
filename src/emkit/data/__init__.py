"""The door, where data of any kind become checked blocks, and the sources, which say where data are."""

from __future__ import annotations

from emkit.data.block import BLOCK_ROWS, Block
from emkit.data.door import as_source
from emkit.data.estimator import Estimator
from emkit.data.files import load, read_table
from emkit.data.memory import MemorySource
from emkit.data.moments import ColumnMoments
from emkit.data.scan import scan
from emkit.data.sequence_blocks import SequenceBlock
from emkit.data.sequence_door import as_sequences
from emkit.data.sequences import Sequences, SequenceSource
from emkit.data.shipped import DataSet, data_sets
from emkit.data.source import Source
from emkit.data.streams import FileSource
from emkit.data.table import Table
from emkit.data.threads import resolve_threads

__all__ = [
    "BLOCK_ROWS",
    "Block",
    "ColumnMoments",
    "DataSet",
    "Estimator",
    "FileSource",
    "MemorySource",
    "SequenceBlock",
    "SequenceSource",
    "Sequences",
    "Source",
    "Table",
    "as_sequences",
    "as_source",
    "data_sets",
    "load",
    "read_table",
    "resolve_threads",
    "scan",
]
