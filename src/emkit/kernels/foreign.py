"""Arrays of other libraries than NumPy: kernels run as their twins on them, where they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.kernels.twins._namespace import namespace

__all__ = ["called", "host", "host_rows", "is_foreign", "like", "namespace"]


def is_foreign(array: Any) -> bool:
    """Return whether an array is another library's."""
    return not isinstance(array, np.ndarray)


def called(twin: Any, X: Any, *arguments: Any) -> tuple[Any, ...]:
    """Run a twin on rows `X` of another library: NumPy arguments go to their device, results come back as NumPy's."""
    moved = [like(X, argument) if isinstance(argument, np.ndarray) else argument for argument in arguments]
    results = twin(X, *moved)
    several = results if isinstance(results, tuple) else (results,)
    return tuple(host(item) if hasattr(item, "shape") else item for item in several)


def like(X: Any, array: Any) -> Any:
    """Return a NumPy array as one of the library and on the device of `X`."""
    own = np.array(array, order="C")  # a copy: what is read-only, or shared, is no array of theirs
    return namespace(X).asarray(own, device=getattr(X, "device", None))


def host(array: Any) -> Any:
    """Return an array of any library as NumPy's."""
    if isinstance(array, np.ndarray):
        return array
    for method in ("detach", "cpu"):  # torch
        array = getattr(array, method)() if hasattr(array, method) else array
    if hasattr(array, "get"):  # cupy
        return array.get()
    return np.asarray(array)


def host_rows(X: Any, rows: Any) -> Any:
    """Return the rows with these numbers as a NumPy array."""
    if isinstance(X, np.ndarray):
        return X[rows]
    return np.ascontiguousarray(host(namespace(X).take(X, like(X, rows), axis=0)))
