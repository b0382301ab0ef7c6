"""Classes behind sparse counts: one fused E-step, as for items with the answers of many raters.

Shapes throughout: rows (n, c) in compressed form, `first` (n + 1,) and `columns` (entries,) int32, `values`
(entries,) float64; `weights` (n,) float64, not negative, or None; `log_mix` (k,) and `table` (c, k) float64, finite.
The log joint of row i and class l is log_mix_l + sum_e values_e table[columns_e, l] over the entries e of the row.

The compiled code takes arrays of another type or order for a TypeError, as it never copies, and entries beyond the
table for a ValueError.
"""

from __future__ import annotations

from typing import Any

from emkit.kernels._dispatch import native
from emkit.kernels.twins import sparse_classes as twin

__all__ = ["sparse_classes_moments"]

_code: Any = twin if native is None else native


def sparse_classes_moments(
    first: Any, columns: Any, values: Any, weights: Any, log_mix: Any, table: Any
) -> tuple[float, Any, Any]:
    """Return log-likelihood, count (k,) and expected counts (c, k): sums of values times posteriors, by column.

    A row of weight zero has no effect. Cost 2 k multiplications for each entry, and n k exponentials.
    """
    loglik, count, counts = _code.sparse_classes_moments(first, columns, values, weights, log_mix, table)
    return loglik, count, counts
