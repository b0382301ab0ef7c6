"""Kernels: compiled inner loops with a typed Python face each, and twins in array-API Python.

`EMKIT_KERNELS=python` runs the twins instead of the compiled code; `EMKIT_SIMD=baseline|avx2|avx512` lowers
the instruction set (never above what the processor has). Both are read once, at import.
"""

from emkit.kernels._dispatch import instruction_set, is_compiled

__all__ = ["instruction_set", "is_compiled"]
