"""The array namespace of an array: numpy for numpy's, array-api-compat's or its own for others."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

__all__ = ["namespace"]


def namespace(array: Any) -> Any:
    """Return the module whose functions work on `array` by the array-API standard."""
    if isinstance(array, np.ndarray):
        return np
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    kind = type(array).__module__.split(".", maxsplit=1)[0]
    return importlib.import_module(f"array_api_compat.{kind}")
