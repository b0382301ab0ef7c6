"""Rows with missing entries, compressed to the moments of each pattern of missingness.

The arrays are padded with zeros where a pattern has no entry, so that many patterns are worked on in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.families.gaussian_missing import patterns

__all__ = ["CHUNK", "PatternMoments", "PatternSource", "gain", "pattern_moments"]

CHUNK = 1024
"""Patterns, or rows, worked on at a time: bounds the memory of the padded matrices."""


@dataclass(frozen=True, eq=False)
class PatternMoments:
    """Moments of the observed columns, pattern by pattern; rows without any entry are left out.

    Attributes
    ----------
    seen : array (g, d) of bool
        Which columns each pattern observes.
    weights : array (g,)
        Sum of the case weights of its rows.
    mean : array (g, d)
        Weighted mean of its rows; zero where not observed.
    scatter : array (g, d, d)
        Weighted scatter about that mean; zero where not observed.
    start : int
        Number of the first pattern.
    """

    seen: Array
    weights: FloatArray
    mean: FloatArray
    scatter: FloatArray
    start: int = 0

    def part(self, first: int) -> PatternMoments:
        """Return the patterns from number `first` on, at most `CHUNK` of them."""
        cut = slice(first, first + CHUNK)
        return PatternMoments(self.seen[cut], self.weights[cut], self.mean[cut], self.scatter[cut], first)

    def parts(self) -> Iterator[PatternMoments]:
        """Yield the patterns in chunks; one empty chunk where there are none."""
        return (self.part(first) for first in range(0, max(1, len(self.weights)), CHUNK))


def pattern_moments(X: Array, weights: FloatArray) -> PatternMoments:
    """Return the moments of rows `X` (n, d) with case weights (n,), two passes per pattern."""
    d = X.shape[1]
    X, weights = np.asarray(X[weights > 0], dtype=np.float64), weights[weights > 0]
    found = [(rows, seen) for rows, seen in patterns(X) if seen.any()] if len(X) else []
    mean, scatter = np.zeros((len(found), d)), np.zeros((len(found), d, d))
    total = np.empty(len(found))
    for g, (rows, seen) in enumerate(found):
        total[g] = weights[rows].sum()
        if len(rows) == 1:
            mean[g, seen] = X[rows[0], seen]
            continue
        part, own = X[rows][:, seen], weights[rows]
        centre = part[0] + own @ (part - part[0]) / total[g]
        part = part - centre
        mean[g, seen] = centre
        scatter[g][np.ix_(seen, seen)] = (part * own[:, None]).T @ part
    seen_all = np.array([seen for _, seen in found], dtype=bool).reshape(len(found), d)
    return PatternMoments(seen_all, total, mean, scatter)


def gain(cov: FloatArray, seen: Array) -> tuple[FloatArray, FloatArray]:
    """Return the inverse (g, d, d) of each pattern's covariance, padded with zeros, and its log determinant (g,).

    Raises
    ------
    numpy.linalg.LinAlgError
        If the covariance is not positive definite.
    """
    unit = np.sqrt(np.diag(cov))
    both = seen[:, :, None] & seen[:, None, :]
    padded = np.where(both, cov / np.outer(unit, unit), np.eye(len(unit)))
    factor = np.linalg.cholesky(padded)
    log_det = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1) + 2 * (seen @ np.log(unit))
    inverse = np.linalg.inv(padded) / np.outer(unit, unit)
    inverse = (inverse + np.swapaxes(inverse, 1, 2)) / 2
    return np.where(both, inverse, 0.0), log_det


class PatternSource:
    """A source whose blocks are chunks of pattern moments: its cost does not depend on the number of rows."""

    n_threads = 1
    has_missing = True
    is_weighted = True

    def __init__(self, moments: PatternMoments) -> None:
        self._parts = list(moments.parts())
        self.n_rows = len(moments.weights)
        self.n_features = moments.mean.shape[1]
        self.total_weight = float(moments.weights.sum())

    def reduce(self, f: Callable[[Any], Any]) -> Any:
        """Return the sum of ``f(block)`` over all blocks."""
        total = f(self._parts[0])
        for part in self._parts[1:]:
            total = total + f(part)
        return total

    def map(self, f: Callable[[Any], Any]) -> list[Any]:
        """Return ``f(block)`` for every block."""
        return [f(part) for part in self._parts]

    def blocks(self) -> Iterator[Any]:
        """Iterate over the blocks."""
        return iter(self._parts)
