"""Arrays of other libraries than NumPy: kernels run as their twins on them, where they are.

What a kernel says of rows stays where the rows are; sums over rows come back as NumPy's, as parameters are small and
M-steps are made on them here.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from emkit.kernels.twins._namespace import is_near, joined, namespace

__all__ = [
    "called",
    "columns_of",
    "given_back",
    "has_double",
    "highest",
    "host",
    "host_rows",
    "is_device_array",
    "is_foreign",
    "is_near",
    "join",
    "like",
    "namespace",
    "rows_of",
    "summed",
]


def highest(table: Any) -> Any:
    """Return the place (n,) of the largest entry of each row (n, k)."""
    return namespace(table).argmax(table, axis=1)


def is_foreign(array: Any) -> bool:
    """Return whether an array is another library's; sparse rows of SciPy count as NumPy's."""
    return not isinstance(array, np.ndarray) and not type(array).__module__.startswith("scipy.")


def called(twin: Any, X: Any, *arguments: Any) -> Any:
    """Run a twin on rows `X` of another library: NumPy arguments go to their device, results stay there."""
    moved = [like(X, argument) if isinstance(argument, np.ndarray) else argument for argument in arguments]
    return twin(X, *moved)


def summed(results: Any) -> tuple[Any, ...]:
    """Return sums over rows as NumPy's."""
    return tuple(host(item) if hasattr(item, "shape") else item for item in results)


def like(X: Any, array: Any) -> Any:
    """Return a NumPy array as one of the library and on the device of `X`; as it is where that is NumPy."""
    if not is_foreign(X):
        return array
    own = np.array(array, order="C")  # a copy: what is read-only, or shared, is no array of theirs
    return namespace(X).asarray(own, device=getattr(X, "device", None))


def is_device_array(X: Any) -> bool:
    """Return whether `X` is an array of another library than NumPy; none is imported to find out."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        return True
    return hasattr(X, "__array_namespace__") and not isinstance(X, np.ndarray | np.generic)


def has_double(X: Any) -> bool:
    """Return whether there are float64 where `X` is: not on Apple's devices, nor in jax without `jax_enable_x64`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # jax warns, and gives float32
            return bool(like(X, np.zeros(1)).dtype == namespace(X).float64)
    except (TypeError, ValueError, RuntimeError):
        return False


def given_back(X: Any, array: Any) -> Any:
    """Return a NumPy array of answers as one of the library and on the device of `X`, in what precision there is."""
    if array.dtype.kind not in "biuf":
        return array
    if not has_double(X) and array.dtype.itemsize > 4:
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
    return like(X, array)


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
    return np.ascontiguousarray(host(rows_of(X, rows)))


def rows_of(X: Any, rows: Any) -> Any:
    """Return the rows with these numbers, where they are."""
    if isinstance(X, np.ndarray):
        return X[rows]
    return namespace(X).take(X, like(X, rows) if isinstance(rows, np.ndarray) else rows, axis=0)


def columns_of(X: Any, columns: Any) -> Any:
    """Return the columns with these numbers, where they are."""
    columns = np.asarray(columns, dtype=np.int64)
    return X[:, columns] if isinstance(X, np.ndarray) else namespace(X).take(X, like(X, columns), axis=1)


def join(parts: Any) -> Any:
    """Return arrays of one library one after another."""
    return joined(namespace(parts[0]), parts)
