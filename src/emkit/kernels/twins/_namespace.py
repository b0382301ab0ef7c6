"""The array namespace of an array: numpy for numpy's, array-api-compat's or its own for others."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

__all__ = ["namespace", "placed_as"]

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
