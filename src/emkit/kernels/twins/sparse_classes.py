"""Twin of `cpp/kernels/sparse_classes.hpp`, by products of SciPy's sparse arrays: for NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from emkit.kernels.twins.gaussian import softmax_rows

__all__ = ["sparse_classes_moments"]


def sparse_classes_moments(
    first: Any, columns: Any, values: Any, weights: Any, log_mix: Any, table: Any
) -> tuple[float, Any, Any]:
    n, c = len(first) - 1, len(table)
    if len(columns) and not (columns.min() >= 0 and columns.max() < c):
        message = "first must rise within the entries, and columns lie within the table"
        raise ValueError(message)
    X = csr_array((values, columns, first), shape=(n, c))
    density, resp = softmax_rows(np.ascontiguousarray(X @ table + log_mix))
    w = np.ones(n) if weights is None else weights
    resp = np.where(w[:, None] > 0, w[:, None] * resp, 0.0)
    return float(w[w > 0] @ density[w > 0]), resp.sum(axis=0), X.T @ resp
