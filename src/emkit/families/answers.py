"""Rows of answers to unordered items, as the passes over them take them: a byte each, or a sparse matrix of ones."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError
from emkit.kernels.categorical import (
    MOST_LEVELS,
    categorical_counts,
    categorical_log_joint,
    categorical_moments,
)
from emkit.kernels.gaussian import softmax_rows

__all__ = ["Answers", "Remembered", "answers", "expanded"]


class Answers(Protocol):
    """The three passes over rows of answers; `log_prob` and counts are (sum of levels, k)."""

    def log_joint(self, log_mix: FloatArray, log_prob: FloatArray) -> FloatArray:
        """Return log mix_k + log probability of each row under each member, (n, k)."""

    def counts(self, resp: FloatArray) -> FloatArray:
        """Return the sums of responsibilities (n, k) by level."""

    def moments(
        self, weights: FloatArray | None, log_mix: FloatArray, log_prob: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        """Return log-likelihood, expected counts (k,) of the members and expected counts of the levels."""


@dataclass(frozen=True, eq=False)
class _Bytes:
    """Codes (n, d) of a byte each, the number of levels where there is no answer."""

    codes: Array
    levels: Array

    def log_joint(self, log_mix: FloatArray, log_prob: FloatArray) -> FloatArray:
        return np.asarray(categorical_log_joint(self.codes, self.levels, log_mix, log_prob))

    def counts(self, resp: FloatArray) -> FloatArray:
        return np.asarray(categorical_counts(self.codes, self.levels, np.ascontiguousarray(resp, dtype=np.float64)))

    def moments(
        self, weights: FloatArray | None, log_mix: FloatArray, log_prob: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        return categorical_moments(self.codes, self.levels, weights, log_mix, log_prob)


@dataclass(frozen=True, eq=False)
class _Ones:
    """A column for each level of each item, one where it is the answer: for items of more levels than a byte tells."""

    rows: csr_array

    def log_joint(self, log_mix: FloatArray, log_prob: FloatArray) -> FloatArray:
        return np.asarray(self.rows @ log_prob + log_mix)

    def counts(self, resp: FloatArray) -> FloatArray:
        return np.asarray(self.rows.T @ resp)

    def moments(
        self, weights: FloatArray | None, log_mix: FloatArray, log_prob: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        density, resp = softmax_rows(self.log_joint(log_mix, log_prob))
        if weights is not None:
            density = np.where(weights > 0, weights * np.where(weights > 0, density, 0.0), 0.0)
            resp *= weights[:, None]
        return float(density.sum()), resp.sum(axis=0), self.counts(resp)


def answers(X: Array, levels: Array) -> Answers:
    """Return rows (n, d) of codes, NaN where there is no answer, for items of `levels` (d,) levels."""
    if levels.max(initial=0) > MOST_LEVELS:
        return _Ones(expanded(X, levels))
    codes, seen = _checked(X, levels)
    return _Bytes(np.where(seen, codes, levels).astype(np.uint8), levels.astype(np.int32))


def expanded(X: Array, levels: Array) -> csr_array:
    """Return the rows with a column for each level of each item, one where it is the answer (n, sum of levels)."""
    codes, seen = _checked(X, levels)
    first = np.cumsum(levels) - levels
    where = (np.where(seen, codes, 0).astype(np.int32) + first.astype(np.int32))[seen]
    ends = np.concatenate([[0], np.cumsum(seen.sum(axis=1))]).astype(np.int32)
    return csr_array((np.ones(len(where)), where, ends), shape=(len(codes), int(levels.sum())))


def _checked(X: Array, levels: Array) -> tuple[FloatArray, Array]:
    """Return codes and where there is one."""
    codes = np.asarray(X, dtype=np.float64)
    seen = ~np.isnan(codes)
    outside = seen & ~((codes >= 0) & (codes < levels))
    if outside.any():
        i, j = (int(part[0]) for part in np.nonzero(outside))
        message = f"item {j} has levels 0 to {levels[j] - 1}, got {codes[i, j]:g} in row {i} of the block"
        raise DataError(message)
    return codes, seen


class Remembered:
    """What was made of the blocks in use: each is forgotten with its block, and none is sent or saved."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[Array], Any]] = {}

    def of(self, X: Array, make: Callable[[Array], Answers]) -> Answers:
        """Return what `make` makes of an array, remembered while the array lives."""
        key = id(X)
        found = self._kept.get(key)
        if found is not None and found[0]() is X:
            kept: Answers = found[1]
            return kept
        made = make(X)
        self._kept[key] = (weakref.ref(X, lambda _: self._kept.pop(key, None)), made)
        return made

    def __reduce__(self) -> tuple[type[Remembered], tuple[()]]:
        return Remembered, ()
