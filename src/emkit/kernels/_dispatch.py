"""The one place that decides between the compiled kernels and their Python twins."""

from __future__ import annotations

import importlib
import os
from typing import Any

__all__ = ["instruction_set", "is_compiled", "native"]


def _load() -> Any:
    wish = os.environ.get("EMKIT_KERNELS", "")
    if wish == "python":
        return None
    try:
        module = importlib.import_module("emkit.kernels._native")
    except ImportError as error:
        if wish == "native":
            error.add_note("Without compiled kernels: reinstall emkit where a C++ compiler is.")
            raise
        return None
    return module


native: Any = _load()


def is_compiled() -> bool:
    """Return whether the compiled kernels are in use."""
    return native is not None


def instruction_set() -> str:
    """Return the instruction set in use: "avx512", "avx2", "baseline", or "python" for the twins."""
    return "python" if native is None else str(native.isa())
