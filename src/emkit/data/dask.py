"""Dask: collections of partitions, in this process or on a cluster of workers."""

from __future__ import annotations

import importlib
import itertools
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from numpy.typing import NDArray

from emkit.data.parts import Taste
from emkit.data.readers import unreadable
from emkit.data.sequence_parts import made_part, source_over
from emkit.data.source import Source
from emkit.errors import DataError, EmkitError

__all__ = ["DaskEngine", "dask_source", "is_delayed"]

R = TypeVar("R")
_SMALL = 1 << 17  # bytes of a function that travels with every task: it spares a step
_RETRIES = 3  # of each task; a partition whose worker died is loaded again elsewhere


def dask_source(X: Any, weight: str | None, taste: Taste, n_threads: int) -> Source | None:
    """Return the source of a dask array or data frame, or a list of delayed parts; None if `X` is none of these."""
    if _is_a(X, "dask.array", "Array"):
        return _of_array(X, weight, taste, n_threads)
    if _is_a(X, "dask.dataframe", "DataFrame"):
        own = Taste.among([str(name) for name in X.columns], weight, taste)
        return _of_parts(X.to_delayed(), own, n_threads)
    if isinstance(X, list) and X and all(map(is_delayed, X)):
        return _of_delayed(X, weight, taste, n_threads)
    return None


def is_delayed(X: Any) -> bool:
    """Return whether something is a dask task yet to be done."""
    return _is_a(X, "dask.delayed", "Delayed")


def _is_a(X: Any, module: str, kind: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(X, getattr(loaded, kind, ()))


def _of_array(X: Any, weight: str | None, taste: Taste, n_threads: int) -> Source:
    if weight is not None:
        message = f"`sample_weight` is {weight!r}, but a dask array has no named columns: pass the weights as an array."
        raise DataError(message)
    if taste.keys is not None:
        message = "a dask array has no named columns to tell sequences by: pass a dask data frame."
        raise DataError(message)
    if X.ndim != 2:
        message = f"Expected 2D array, got a dask array of shape {X.shape} instead. Reshape your data."
        raise DataError(message)
    rows = X.rechunk({1: -1}).to_delayed().ravel().tolist()
    sizes = tuple(float(size) for size in X.chunks[0])
    return _of_parts(rows, taste, n_threads, int(X.shape[1]), sizes)


def _of_delayed(parts: list[Any], weight: str | None, taste: Taste, n_threads: int) -> Source:
    """Look at the first part to know the columns."""
    first = parts[0].compute()
    if hasattr(first, "columns"):
        return _of_parts(parts, Taste.among([str(name) for name in first.columns], weight, taste), n_threads)
    return _of_parts(parts, replace(taste, weight=weight), n_threads, int(first.shape[1]))


def _of_parts(
    parts: list[Any],
    taste: Taste,
    n_threads: int,
    n_features: int | None = None,
    sizes: tuple[float, ...] | None = None,
) -> Source:
    delayed = importlib.import_module("dask").delayed
    made = [delayed(made_part, pure=True)(rows, taste, index) for index, rows in enumerate(parts)]
    sizes = (float("nan"),) * len(made) if sizes is None else sizes
    width = len(taste.names or ()) if n_features is None else n_features
    return source_over(DaskEngine(made, _client(), sizes), taste, width, n_threads)


def _client() -> Any:
    """Return the client of the cluster in use; None where dask works in this process."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:  # there is none
        return None


class DaskEngine:
    """Partitions of a dask collection. With a `distributed.Client` they stay with the workers; else with dask's own
    scheduler, which makes them anew in every pass unless the collection is persisted.

    Parameters
    ----------
    made : list of Delayed
        The partitions as numbers.
    client : distributed.Client, or None
    sizes : tuple of float
        Rows of each partition; NaN where that is not known.
    """

    def __init__(self, made: list[Any], client: Any, sizes: tuple[float, ...]) -> None:
        self._made, self._client, self._sizes = made, client, sizes
        # as the cluster keeps them in the memory of its workers
        self._parts = made if client is None else client.compute(made, retries=_RETRIES)
        self._name, self._passes = uuid.uuid4().hex[:12], itertools.count()

    def over(self, g: Callable[[int, Any], R]) -> list[R]:
        """Return ``g(index, part)`` of every partition, in order."""
        try:
            return self._on_workers(g) if self._client is not None else self._here(g)
        except unreadable() as error:
            if isinstance(error, EmkitError):
                raise
            what = str(error).strip().splitlines()[:1] or [type(error).__name__]
            message = (
                f"a partition of the dask collection cannot be read: {what[0]}. Nothing is lost: mend the file, or "
                "leave it out, and fit again; a checkpoint goes on from where it was."
            )
            raise DataError(message) from error

    def _here(self, g: Callable[[int, Any], R]) -> list[R]:
        dask = importlib.import_module("dask")
        return list(dask.compute(*[dask.delayed(g, pure=False)(i, part) for i, part in enumerate(self._parts)]))

    def _on_workers(self, g: Callable[[int, Any], R]) -> list[R]:
        """Send the function to the workers, pickled; the results come back in the order of the partitions."""
        name = f"emkit-{self._name}-{next(self._passes)}"
        packed = importlib.import_module("cloudpickle").dumps(g)
        code: Any = packed
        if len(packed) > _SMALL:  # once to each worker, by a task: of scattered data what a lost worker held is lost
            code = self._client.submit(_same, packed, key=f"{name}-code", retries=_RETRIES)
        n = len(self._parts)  # one message to the scheduler for all of them
        keys = [f"{name}-{index}" for index in range(n)]
        futures = self._client.map(_applied, [code] * n, range(n), self._parts, key=keys, retries=_RETRIES, pure=False)
        return list(self._client.gather(futures))

    def collection(self, g: Callable[[int, Any], Any], like: NDArray[Any], counts: Sequence[int] | None) -> Any:
        """Return ``g(index, part)`` of all partitions as one dask array, made on demand."""
        dask, array = importlib.import_module("dask"), importlib.import_module("dask.array")
        sizes: Sequence[float] = self._sizes if counts is None else counts
        chunks = [
            array.from_delayed(dask.delayed(g, pure=False)(index, part), (size, *like.shape[1:]), meta=like)
            for index, (part, size) in enumerate(zip(self._made, sizes, strict=True))
        ]
        return array.concatenate(chunks, allow_unknown_chunksizes=True)


def _same(packed: bytes) -> bytes:
    return packed


def _applied(packed: bytes, index: int, part: Any) -> Any:
    return importlib.import_module("cloudpickle").loads(packed)(index, part)
