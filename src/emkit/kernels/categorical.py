"""Mixtures of vectors of unordered answers: one fused E-step, log joint densities, and counts by level.

Shapes throughout: `codes` (n, d) uint8, C-contiguous, the level of each answer, or the number of levels of the item
where there is none; `levels` (d,) int32, 0 to 255; `weights` (n,) float64, not negative, or None; `log_mix` (k,);
`log_prob` (sum of levels, k), item after item, where -inf is a level that does not occur; all but `codes` and `levels`
float64. The log joint density of row i and component c is log_mix_c + sum_j log_prob[level of item j, c] over the items
that have an answer.

The compiled code takes arrays of another type or order for a TypeError, as it never copies, and codes beyond their item
for a ValueError.
"""

from __future__ import annotations

from typing import Any

from emkit.kernels._dispatch import native
from emkit.kernels.twins import categorical as twin

__all__ = [
    "MOST_LEVELS",
    "NO_ANSWER",
    "categorical_bytes",
    "categorical_counts",
    "categorical_log_joint",
    "categorical_moments",
]

_code: Any = twin if native is None else native

MOST_LEVELS = 255
"""Levels of one item that a byte can tell apart, with one value left for no answer."""

NO_ANSWER = 255
"""The byte that `categorical_bytes` gives for NaN."""


def categorical_bytes(X: Any) -> tuple[Any, Any] | None:
    """Return whole numbers from 0 to 254 (n, d) as bytes, and which values occur in each column (d, 256), 0 or 1.

    NaN becomes 255; None where there is any other number. `X` is float32 or float64, C-contiguous.
    """
    found: tuple[Any, Any] | None = _code.categorical_bytes(X)
    return found


def categorical_moments(codes: Any, levels: Any, weights: Any, log_mix: Any, log_prob: Any) -> tuple[float, Any, Any]:
    """Return log-likelihood, count (k,) and expected counts (sum of levels, k) of a mixture.

    A row that is impossible under every component has log-density -inf and equal responsibilities; a row of weight zero
    has no effect. Cost 2 n d k additions.
    """
    loglik, count, counts = _code.categorical_moments(codes, levels, weights, log_mix, log_prob)
    return loglik, count, counts


def categorical_log_joint(codes: Any, levels: Any, log_mix: Any, log_prob: Any) -> Any:
    """Return log mix + log probability of each row under each component, (n, k)."""
    return _code.categorical_log_joint(codes, levels, log_mix, log_prob)


def categorical_counts(codes: Any, levels: Any, resp: Any) -> Any:
    """Return the sums (sum of levels, k) of responsibilities (n, k), case weights included, by level of each item."""
    return _code.categorical_counts(codes, levels, resp)
