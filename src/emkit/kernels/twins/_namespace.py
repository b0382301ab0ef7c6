"""The array namespace of an array: numpy for numpy's, array-api-compat's or its own for others."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["is_near", "joined", "namespace", "placed_as", "tile_numbers", "turned"]

_TILE_NUMBERS = 1 << 20  # numbers in the largest temporary of a pass in tiles
_TILE_NUMBERS_AFAR = 1 << 25  # the same on a device: each call there costs microseconds, whatever its size
_COPY_OF_SCIPY = "scipy._lib.array_api_compat"  # where the package itself is not installed


def namespace(array: Any) -> Any:
    """Return the module whose functions work on `array` by the array-API standard."""
    if isinstance(array, np.ndarray):
        return np
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    library = type(array).__module__.split(".", maxsplit=1)[0]
    for home in ("array_api_compat", _COPY_OF_SCIPY):
        try:
            return importlib.import_module(f"{home}.{library}")
        except ImportError:
            continue
    message = f"arrays of {library} need the package array-api-compat and its support for {library}"
    raise ImportError(message)


def placed_as(array: Any) -> dict[str, Any]:
    """Return the keywords that create an array of the type and on the device of `array`."""
    place = {"device": array.device} if hasattr(array, "device") else {}  # NumPy before 2.0 knows no devices
    return {"dtype": array.dtype, **place}


def joined(xp: Any, parts: Sequence[Any]) -> Any:
    """Return arrays one after another: `concat` of the standard, which NumPy before 2.0 knows by another name."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if xp is np else xp.concat(parts, axis=0)


def turned(xp: Any, array: Any) -> Any:
    """Return an array with its last two axes exchanged."""
    return xp.swapaxes(array, -1, -2) if xp is np else xp.matrix_transpose(array)


def tile_numbers(array: Any) -> int:
    """Return how many numbers the largest temporary may have where `array` is."""
    return _TILE_NUMBERS if is_near(array) else _TILE_NUMBERS_AFAR


def is_near(array: Any) -> bool:
    """Return whether an array is in the memory of this machine's processor."""
    return isinstance(array, np.ndarray) or "cpu" in str(getattr(array, "device", "cpu")).lower()
