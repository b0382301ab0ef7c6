"""Weighted moments of rows whose responsibilities are known.

Shapes: `X` (n, d) float32 or float64, complete, C-contiguous; `resp` (n, k) float64, case weights included; `mean`
(k, d) float64. The compiled code takes arrays of another type or order for a TypeError, as it never copies.
"""

from __future__ import annotations

from typing import Any

from emkit.kernels._dispatch import native
from emkit.kernels.foreign import called, is_foreign, summed
from emkit.kernels.twins import moments as twin

__all__ = ["given_moments", "sum_by_code", "sum_products"]

_code: Any = twin if native is None else native


def given_moments(X: Any, resp: Any, mean: Any, *, is_full: bool) -> tuple[Any, Any, Any]:
    """Return count (k,), first (k, d) and second moments about `mean`, (k, d, d) if full and (k, d) otherwise.

    One pass over the rows; cost n k d (d + 1) / 2 multiplications, or n k d. Rows of another library stay where they
    are, with their responsibilities; the sums are NumPy's.
    """
    if is_foreign(X):
        count, first, second = summed(called(twin.given_moments, X, resp, mean, is_full))
        return count, first, second
    if not X.shape[1]:  # rows of which nothing is observed have a count alone
        return twin.given_moments(X, resp, mean, is_full)
    count, first, second = _code.given_moments(X, resp, mean, is_full)
    return count, first, second


def sum_by_code(codes: Any, resp: Any, m: int) -> Any:
    """Return the sums (m, k) of the rows of `resp` (n, k) with equal codes (n,) int32, each from 0 to m - 1."""
    return _code.sum_by_code(codes, resp, m)


def sum_products(features: Any, shares: Any, left: Any, right: Any) -> Any:
    """Return the sums (s, m) over rows of `features[left] * features[right]`, each row by its share.

    `features` (q, n), `shares` (s, n) float64; `left`, `right` (m,) int32.
    """
    return _code.sum_products(features, shares, left, right)
