"""Data on engines that spread work over processes: which of them, if any, has what the user gave."""

from __future__ import annotations

import os
import sys
from typing import Any

from emkit.data.dask import dask_source, is_delayed
from emkit.data.parts import Taste
from emkit.data.source import Source
from emkit.data.spark import spark_source
from emkit.data.threads import resolve_threads

__all__ = ["elsewhere", "is_collection"]


def elsewhere(X: Any, weight: str | None, n_threads: int | None, taste: Taste) -> Source | None:
    """Return the source of a collection of Dask or a data frame of Spark; None if `X` is neither."""
    for library, engine in (("dask", dask_source), ("pyspark", spark_source)):
        found = engine(X, weight, taste, resolve_threads(n_threads)) if library in sys.modules else None
        if found is not None:
            return found
    return None


def is_collection(X: Any) -> bool:
    """Return whether a list holds files or delayed partitions, and not rows."""
    return all(isinstance(item, str | os.PathLike) or is_delayed(item) for item in X)
