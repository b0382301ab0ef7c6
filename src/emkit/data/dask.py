"""Dask: collections of partitions, in this process or on a cluster of workers."""

from __future__ import annotations

import importlib
import itertools
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from numpy.typing import NDArray

from emkit.data.partitions import Facts, Part, PartitionedSource, Taste, as_part
from emkit.errors import DataError

__all__ = ["DaskSource", "dask_source"]

R = TypeVar("R")
_SMALL = 1 << 17  # bytes of a function that travels with every task: it spares a step
_RETRIES = 3  # of each task; a partition whose worker died is loaded again elsewhere


def dask_source(X: Any, weight: str | None, taste: Taste, n_threads: int) -> DaskSource | None:
    """Return the source of a dask array or data frame, or a list of delayed parts; None if `X` is none of these."""
    if _is_a(X, "dask.array", "Array"):
        return _of_array(X, weight, taste, n_threads)
    if _is_a(X, "dask.dataframe", "DataFrame"):
        names = tuple(str(name) for name in X.columns)
        if weight is not None and weight not in names:
            message = f"`sample_weight` is {weight!r}, but the columns are {', '.join(map(repr, names))}."
            raise DataError(message)
        kept = tuple(name for name in names if name != weight)
        return _of_parts(X.to_delayed(), Taste(kept, weight, *_allowed(taste)), len(kept), n_threads)
    if isinstance(X, list) and X and all(_is_a(item, "dask.delayed", "Delayed") for item in X):
        return _of_delayed(X, weight, taste, n_threads)
    return None


def _is_a(X: Any, module: str, kind: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(X, getattr(loaded, kind, ()))


def _allowed(taste: Taste) -> tuple[bool, bool]:
    return taste.allow_missing, taste.allow_missing_columns


def _of_array(X: Any, weight: str | None, taste: Taste, n_threads: int) -> DaskSource:
    if weight is not None:
        message = f"`sample_weight` is {weight!r}, but a dask array has no named columns: pass the weights as an array."
        raise DataError(message)
    if X.ndim != 2:
        message = f"Expected 2D array, got a dask array of shape {X.shape} instead. Reshape your data."
        raise DataError(message)
    rows = X.rechunk({1: -1}).to_delayed().ravel().tolist()
    sizes = tuple(float(size) for size in X.chunks[0])
    return _of_parts(rows, Taste(None, None, *_allowed(taste)), int(X.shape[1]), n_threads, sizes)


def _of_delayed(parts: list[Any], weight: str | None, taste: Taste, n_threads: int) -> DaskSource:
    """Look at the first part to know the columns."""
    first = parts[0].compute()
    names = None if not hasattr(first, "columns") else tuple(str(name) for name in first.columns)
    kept = None if names is None else tuple(name for name in names if name != weight)
    n_features = int(first.shape[1]) if kept is None else len(kept)
    return _of_parts(parts, Taste(kept, weight, *_allowed(taste)), n_features, n_threads)


def _of_parts(
    parts: list[Any], taste: Taste, n_features: int, n_threads: int, sizes: tuple[float, ...] | None = None
) -> DaskSource:
    delayed = importlib.import_module("dask").delayed
    made = [delayed(as_part, pure=True)(rows, taste, index) for index, rows in enumerate(parts)]
    client = _client()
    sizes = (float("nan"),) * len(made) if sizes is None else sizes
    return DaskSource(made, _held(made, client), client, taste, n_features, n_threads, sizes)


def _client() -> Any:
    """Return the client of the cluster in use; None where dask works in this process."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:  # there is none
        return None


def _held(made: list[Any], client: Any) -> list[Any]:
    """Return the partitions as the cluster keeps them in the memory of its workers."""
    return made if client is None else client.compute(made, retries=_RETRIES)


class DaskSource(PartitionedSource):
    """Partitions of a dask collection. With a `distributed.Client` they stay with the workers; else with dask's own
    scheduler, which makes them anew in every pass unless the collection is persisted.
    """

    __slots__ = ("_client", "_made", "_name", "_parts", "_passes", "_sizes")

    def __init__(
        self,
        made: list[Any],
        parts: list[Any],
        client: Any,
        taste: Taste,
        n_features: int,
        n_threads: int,
        sizes: tuple[float, ...],
        known: Facts | None = None,
    ) -> None:
        super().__init__(taste, n_features, n_threads, known)
        self._made, self._parts, self._client, self._sizes = made, parts, client, sizes
        self._name, self._passes = uuid.uuid4().hex[:12], itertools.count()

    def __reduce__(self) -> Any:
        """A source stays where its client is: what travels to the workers in its place is None."""
        return _nothing, ()

    def _over(self, g: Callable[[int, Part], R]) -> list[R]:
        if self._client is None:
            dask = importlib.import_module("dask")
            tasks = [dask.delayed(g, pure=False)(index, part) for index, part in enumerate(self._parts)]
            return list(dask.compute(*tasks))
        return self._on_workers(g)

    def _on_workers(self, g: Callable[[int, Part], R]) -> list[R]:
        """Send the function to the workers, pickled; the results come back in the order of the partitions."""
        name = f"emkit-{self._name}-{next(self._passes)}"
        packed = importlib.import_module("cloudpickle").dumps(g)
        code: Any = packed
        if len(packed) > _SMALL:  # once to each worker, by a task: of scattered data what a lost worker held is lost
            code = self._client.submit(_same, packed, key=f"{name}-code", retries=_RETRIES)
        futures = [
            self._client.submit(_applied, code, index, part, key=f"{name}-{index}", retries=_RETRIES)
            for index, part in enumerate(self._parts)
        ]
        return list(self._client.gather(futures))

    def _collection(self, g: Callable[[int, Part], Any], like: NDArray[Any]) -> Any:
        dask, array = importlib.import_module("dask"), importlib.import_module("dask.array")
        counts: Sequence[float] = self._sizes if self.is_deferred else self._facts.counts
        chunks = [
            array.from_delayed(dask.delayed(g, pure=False)(index, part), (count, *like.shape[1:]), meta=like)
            for index, (part, count) in enumerate(zip(self._made, counts, strict=True))
        ]
        return array.concatenate(chunks, allow_unknown_chunksizes=True)

    def _with_facts(self, facts: Facts) -> DaskSource:
        kept = (self._made, self._parts, self._client, self._taste, self.n_features, self.n_threads, self._sizes)
        return DaskSource(*kept, facts)


def _nothing() -> None:
    return None


def _same(packed: bytes) -> bytes:
    return packed


def _applied(packed: bytes, index: int, part: Part) -> Any:
    return importlib.import_module("cloudpickle").loads(packed)(index, part)
