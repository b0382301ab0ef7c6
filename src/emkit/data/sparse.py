"""Sparse matrices: recognised without importing scipy.sparse, kept as compressed rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["is_sparse", "row_slice", "to_csr"]


def is_sparse(X: Any) -> bool:
    """Return whether `X` is a scipy.sparse array or matrix."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(X))


def to_csr(X: Any, dtype: np.dtype[Any]) -> Any:
    """Return `X` as a csr_array of `dtype` with sorted, unique indices; a copy only where that needs one."""
    csr_array = sys.modules["scipy.sparse"].csr_array
    X = csr_array(X).astype(dtype, copy=False)
    if not X.has_canonical_format:
        X = X.copy()  # the user's matrix stays as it is
        X.sum_duplicates()
    return X


def row_slice(X: Any, start: int, stop: int) -> Any:
    """Return rows ``start .. stop - 1`` of a csr_array, its entries as views."""
    low, high = X.indptr[start], X.indptr[stop]
    part = type(X)((stop - start, X.shape[1]), dtype=X.dtype)
    # The constructor would copy what is a small part of a larger array, and so hold the data twice.
    part.data, part.indices = X.data[low:high], X.indices[low:high]
    part.indptr = X.indptr[start : stop + 1] - low
    part.has_canonical_format = True
    return part
