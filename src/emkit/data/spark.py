"""Spark: data frames whose partitions stay with the executors; functions go out by `mapInArrow`."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from emkit.data.partitions import Facts, Part, PartitionedSource, Taste, as_part
from emkit.errors import DataError, DataTypeError

__all__ = ["SparkSource", "spark_source"]

R = TypeVar("R")
_RESULT = "pid bigint, bytes binary"
_NUMERIC = {"tinyint", "smallint", "int", "bigint", "float", "double", "boolean"}


def spark_source(X: Any, weight: str | None, taste: Taste, n_threads: int) -> SparkSource | None:
    """Return the source of a Spark data frame, classic or Connect; None if `X` is none."""
    if not _is_frame(X):
        return None
    names = tuple(X.columns)
    if weight is not None and weight not in names:
        message = f"`sample_weight` is {weight!r}, but the columns are {', '.join(map(repr, names))}."
        raise DataError(message)
    kept = tuple(name for name in names if name != weight)
    for name, kind in X.dtypes:
        if kind not in _NUMERIC and not kind.startswith("decimal"):
            message = f"column {name!r} is of the type {kind}, and not numbers: choose columns by X.select(...)."
            raise DataError(message)
    own = Taste(kept, weight, taste.allow_missing, taste.allow_missing_columns)
    return SparkSource(X, own, n_threads)


def _is_frame(X: Any) -> bool:
    for module in ("pyspark.sql.dataframe", "pyspark.sql.connect.dataframe", "pyspark.sql.classic.dataframe"):
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(X, getattr(loaded, "DataFrame", ())):
            return True
    return False


class SparkSource(PartitionedSource):
    """Partitions of a Spark data frame. Persist it where it costs much to make: each pass reads it anew.

    The batch size of Arrow changes nothing: rows are cut into blocks inside each partition. Nothing is sent through
    accumulators, which count twice what is done twice, and results are sorted by the number of their partition.
    """

    __slots__ = ("_frame",)

    def __init__(self, frame: Any, taste: Taste, n_threads: int, known: Facts | None = None) -> None:
        assert taste.names is not None, "the columns of a Spark data frame have names"
        super().__init__(taste, len(taste.names), n_threads, known)
        self._frame = frame

    def __reduce__(self) -> Any:
        """A source stays where its session is: what travels to the executors in its place is None."""
        return _nothing, ()

    def _over(self, g: Callable[[int, Part], R]) -> list[R]:
        run = _runner(_pickled(g), self._taste)
        rows = self._frame.mapInArrow(run, _RESULT).collect()
        found = {int(row["pid"]): bytes(row["bytes"]) for row in rows}
        results = [pickle.loads(found[pid]) for pid in sorted(found)]  # our own bytes, from our own executors
        for result in results:
            if isinstance(result, _Failed):
                raise result.error
        return results

    def _collection(self, g: Callable[[int, Part], Any], like: NDArray[Any]) -> Any:
        """Return the columns of the data frame with the result beside them; an array where it has two dimensions."""
        kind = {"i": "bigint", "f": "double"}.get(like.dtype.kind)
        if kind is None:
            message = f"results of the type {like.dtype} cannot be made a column"
            raise DataTypeError(message)
        result = kind if like.ndim == 1 else f"array<{kind}>"
        own = ", ".join(f"`{name}` {dtype}" for name, dtype in self._frame.dtypes)
        return self._frame.mapInArrow(_adder(_pickled(g), self._taste), f"{own}, result {result}")

    def _with_facts(self, facts: Facts) -> SparkSource:
        return SparkSource(self._frame, self._taste, self.n_threads, facts)


@dataclass(frozen=True)
class _Failed:
    """What was raised on an executor: solvers know their own errors by their kinds."""

    error: Exception


def _nothing() -> None:
    return None


def _pickled(g: Any) -> bytes:
    return bytes(importlib.import_module("pyspark.cloudpickle").dumps(g))


def _runner(packed: bytes, taste: Taste) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Return the function that an executor calls with the batches of one partition."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = importlib.import_module("pyarrow")
        pid = importlib.import_module("pyspark").TaskContext.get().partitionId()
        try:
            result = pickle.loads(packed)(pid, _part(batches, taste, pid))
        except Exception as error:
            result = _Failed(error)
        data = importlib.import_module("pyspark.cloudpickle").dumps(result)
        columns = [arrow.array([pid], arrow.int64()), arrow.array([data], arrow.binary())]
        yield arrow.RecordBatch.from_arrays(columns, names=["pid", "bytes"])

    return run


def _adder(packed: bytes, taste: Taste) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Return the function that puts the result for the rows of each batch beside them."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = importlib.import_module("pyarrow")
        g = pickle.loads(packed)
        for batch in batches:
            found = np.asarray(g(0, as_part(batch, taste, 0)))
            made = arrow.array(found if found.ndim == 1 else found.tolist())
            fields = [*batch.schema, arrow.field("result", made.type)]
            yield arrow.RecordBatch.from_arrays([*batch.columns, made], schema=arrow.schema(fields))

    return run


def _part(batches: Iterator[Any], taste: Taste, pid: int) -> Part:
    """Return the rows of all batches of a partition as one part."""
    parts = [as_part(batch, taste, pid) for batch in batches if batch.num_rows]
    if not parts:
        assert taste.names is not None
        return Part(np.empty((0, len(taste.names))), np.empty(0) if taste.weight else None)
    X = np.concatenate([part.X for part in parts])
    weights = [part.weights for part in parts if part.weights is not None]
    return Part(X, np.concatenate(weights) if weights else None)
