"""Spark: data frames whose partitions stay with the executors; functions go out by `mapInArrow`."""

from __future__ import annotations

import importlib
import pickle
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from emkit.data.parts import Taste
from emkit.data.pieces import Keys
from emkit.data.sequence_parts import made_part, source_over
from emkit.data.source import Source
from emkit.errors import DataError, DataTypeError

__all__ = ["SparkEngine", "spark_source"]

R = TypeVar("R")
_RESULT = "pid bigint, bytes binary"
_NUMERIC = {"tinyint", "smallint", "int", "bigint", "float", "double", "boolean"}


def spark_source(X: Any, weight: str | None, taste: Taste, n_threads: int) -> Source | None:
    """Return the source of a Spark data frame, classic or Connect; None if `X` is none."""
    if not _is_frame(X):
        return None
    own = Taste.among(X.columns, weight, taste)
    assert own.names is not None
    for name, kind in X.dtypes:
        is_number = kind in _NUMERIC or kind.startswith("decimal")
        if not is_number and (name in own.names or name == weight):
            message = f"column {name!r} is of the type {kind}, and not numbers: choose columns by X.select(...)."
            raise DataError(message)
    frame = X if own.keys is None else _by_sequence(X, own.keys)
    return source_over(SparkEngine(frame, own), own, len(own.names), n_threads)


def _by_sequence(X: Any, keys: Keys) -> Any:
    """Return the rows with each sequence in one partition, in order, kept while the source is in use."""
    if keys.time is None:
        message = f"a Spark data frame has no order of rows: name the column of `time` beside {keys.sequence!r}."
        raise DataError(message)
    # As many partitions as there are: Spark's own number, 200, makes tasks of a few rows.
    number = importlib.import_module("pyspark.sql.functions").spark_partition_id()
    n_parts = max(1, X.select(number).distinct().count())
    return X.repartition(n_parts, keys.sequence).sortWithinPartitions(keys.sequence, keys.time).persist()


def _is_frame(X: Any) -> bool:
    for module in ("pyspark.sql.dataframe", "pyspark.sql.connect.dataframe", "pyspark.sql.classic.dataframe"):
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(X, getattr(loaded, "DataFrame", ())):
            return True
    return False


class SparkEngine:
    """Partitions of a Spark data frame. Persist it where it costs much to make: each pass reads it anew.

    The batch size of Arrow changes nothing: rows are cut into blocks inside each partition. Nothing is sent through
    accumulators, which count twice what is done twice, and results are sorted by the number of their partition.
    """

    def __init__(self, frame: Any, taste: Taste) -> None:
        self._frame, self._taste = frame, taste
        if taste.keys is not None:  # the copy of the rows in order is the engine's own
            weakref.finalize(self, frame.unpersist)

    def over(self, g: Callable[[int, Any], R]) -> list[R]:
        """Return ``g(index, part)`` of every partition that has rows, in order."""
        run = _runner(_pickled(g), self._taste)
        rows = self._frame.mapInArrow(run, _RESULT).collect()
        found = {int(row["pid"]): bytes(row["bytes"]) for row in rows}
        results = [pickle.loads(found[pid]) for pid in sorted(found)]  # our own bytes, from our own executors
        for result in results:
            if isinstance(result, _Failed):
                raise result.error
        return results

    def collection(self, g: Callable[[int, Any], Any], like: NDArray[Any], counts: Sequence[int] | None) -> Any:
        """Return the columns of the data frame with the result beside them; an array where it has two dimensions."""
        kind = {"i": "bigint", "f": "double"}.get(like.dtype.kind)
        if kind is None:
            message = f"results of the type {like.dtype} cannot be made a column"
            raise DataTypeError(message)
        result = kind if like.ndim == 1 else f"array<{kind}>"
        own = ", ".join(f"`{name}` {dtype}" for name, dtype in self._frame.dtypes)
        return self._frame.mapInArrow(_adder(_pickled(g), self._taste), f"{own}, result {result}")


@dataclass(frozen=True)
class _Failed:
    """What was raised on an executor: solvers know their own errors by their kinds."""

    error: Exception


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
    """Return the function that puts the result for the rows beside them: of each batch, or of whole sequences."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = importlib.import_module("pyarrow")
        g = pickle.loads(packed)
        for batch in batches if taste.keys is None else _in_one(batches):
            found = np.asarray(g(0, made_part(batch, taste, 0)))
            made = arrow.array(found if found.ndim == 1 else found.tolist())
            fields = [*batch.schema, arrow.field("result", made.type)]
            yield arrow.RecordBatch.from_arrays([*batch.columns, made], schema=arrow.schema(fields))

    return run


def _in_one(batches: Iterator[Any]) -> list[Any]:
    """Return all rows of a partition as one batch, or none."""
    arrow = importlib.import_module("pyarrow")
    filled = [batch for batch in batches if batch.num_rows]
    return arrow.Table.from_batches(filled).combine_chunks().to_batches() if filled else []


def _part(batches: Iterator[Any], taste: Taste, pid: int) -> Any:
    """Return the rows of all batches of a partition as one part."""
    rows = next(iter(_in_one(batches)), None)
    if rows is None:
        names = (*(taste.names or ()), *(() if taste.keys is None else taste.keys.columns))
        rows = {name: np.empty(0) for name in (*names, *([taste.weight] if taste.weight else []))}
    return made_part(rows, taste, pid)
