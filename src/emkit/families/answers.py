"""Rows of answers to unordered items, as the passes over them take them: a byte each, or a sparse matrix of ones."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array

from emkit.core.arrays import Array, FloatArray
from emkit.errors import DataError
from emkit.kernels.categorical import (
    MOST_LEVELS,
    NO_ANSWER,
    categorical_bytes,
    categorical_counts,
    categorical_log_joint,
    categorical_moments,
)
from emkit.kernels.foreign import host, is_foreign, like, namespace
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
    """Codes (n, g) of a byte each for groups of items: few items of few levels are one of more levels."""

    codes: Array
    groups: _Groups

    def log_joint(self, log_mix: FloatArray, log_prob: FloatArray) -> FloatArray:
        table = self.groups.log_table(log_prob)
        return np.asarray(categorical_log_joint(self.codes, self.groups.levels, log_mix, table))

    def counts(self, resp: FloatArray) -> FloatArray:
        share = np.ascontiguousarray(resp, dtype=np.float64)
        return self.groups.apart(categorical_counts(self.codes, self.groups.levels, share))

    def moments(
        self, weights: FloatArray | None, log_mix: FloatArray, log_prob: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        table = self.groups.log_table(log_prob)
        loglik, count, counts = categorical_moments(self.codes, self.groups.levels, weights, log_mix, table)
        return loglik, count, self.groups.apart(counts)


@dataclass(frozen=True, eq=False)
class _Groups:
    """Which items are looked up together, and what each value of a group stands for.

    Parameters
    ----------
    levels : array (g,), int32
        Values of each group.
    members : array (values of all groups, most items of a group)
        The levels, counted over all items, that a value stands for; their total number where there is no answer.
    n_levels : int
        Of all items.
    """

    levels: Array
    members: Array
    n_levels: int

    def log_table(self, log_prob: FloatArray) -> FloatArray:
        """Return log probabilities of the values of all groups, (values, k)."""
        known = np.concatenate([log_prob, np.zeros((1, log_prob.shape[1]))])
        return np.asarray(known[self.members].sum(axis=1))

    def apart(self, counts: FloatArray) -> FloatArray:
        """Return counts of the values of groups as counts of levels."""
        return np.asarray(self._map @ counts)[:-1]

    @cached_property
    def _map(self) -> csr_array:
        """The sums from values to levels, the last of which is no answer."""
        n_values, width = self.members.shape
        ones, values = np.ones(n_values * width), np.repeat(np.arange(n_values), width)
        return csr_array((ones, (self.members.reshape(-1), values)), shape=(self.n_levels + 1, n_values))


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


@dataclass(frozen=True, eq=False)
class _There:
    """Codes of another library, (n,) for each item, the number of its levels where there is no answer."""

    codes: tuple[Any, ...]
    levels: Array

    def log_joint(self, log_mix: FloatArray, log_prob: FloatArray) -> Any:
        joint = like(self.codes[0], log_mix)[None, :]
        for codes, part in zip(self.codes, np.split(log_prob, np.cumsum(self.levels)[:-1]), strict=True):
            table = like(codes, np.concatenate([part, np.zeros((1, part.shape[1]))]))
            joint = joint + namespace(codes).take(table, codes, axis=0)
        return joint

    def counts(self, resp: Any) -> FloatArray:
        parts = []
        for codes, size in zip(self.codes, self.levels, strict=True):
            is_level = codes[:, None] == like(codes, np.arange(size))[None, :]
            parts.append(host(namespace(resp).asarray(is_level, dtype=resp.dtype).T @ resp))
        return np.concatenate(parts)

    def moments(self, weights: Any, log_mix: FloatArray, log_prob: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        density, resp = softmax_rows(self.log_joint(log_mix, log_prob))
        xp = namespace(resp)
        if weights is not None:
            density = xp.where(weights > 0, weights * density, xp.zeros_like(density))
            resp = resp * weights[:, None]
        return float(xp.sum(density)), host(xp.sum(resp, axis=0)), self.counts(resp)


def _there(X: Any, levels: Array) -> _There:
    xp = namespace(X)
    unseen = xp.isnan(X)
    codes = []
    for j, size in enumerate(levels.tolist()):
        outside = ~unseen[:, j] & ((X[:, j] < 0) | (X[:, j] >= size))
        if bool(xp.any(outside)):
            i = int(host(xp.argmax(xp.asarray(outside, dtype=xp.int64))))
            message = f"item {j} has levels 0 to {size - 1}, got {float(X[i, j]):g} in row {i} of the block"
            raise DataError(message)
        own = xp.where(unseen[:, j], xp.full_like(X[:, j], size), X[:, j])
        codes.append(xp.asarray(own, dtype=xp.int64))
    return _There(tuple(codes), levels)


def answers(X: Array, levels: Array) -> Answers:
    """Return rows (n, d) of codes, NaN where there is no answer, for items of `levels` (d,) levels."""
    if is_foreign(X):
        return _there(X, levels)
    if levels.max(initial=0) >= MOST_LEVELS:  # one more than the levels is no answer
        return _Ones(expanded(X, levels))
    codes, occurs = _as_bytes(X, levels)
    has_missing = bool(occurs[:, NO_ANSWER].any())
    if has_missing:
        codes = np.where(codes == NO_ANSWER, levels.astype(np.uint8), codes)
    return _grouped(codes, levels, has_missing=has_missing)


def _as_bytes(X: Array, levels: Array) -> tuple[Array, Array]:
    """Return codes (n, d), a byte each, and which values occur (d, 256), or raise where a code is none of its item."""
    rows = np.ascontiguousarray(X, dtype=None if X.dtype == np.float32 else np.float64)
    coded = categorical_bytes(rows)
    is_beyond = np.arange(NO_ANSWER) >= levels[:, None]
    if coded is None or (coded[1][:, :NO_ANSWER] & is_beyond).any():
        _checked(X, levels)  # says which; a fraction within the levels is left
        i, j = (int(part[0]) for part in np.nonzero(np.floor(rows) != rows))
        message = f"item {j} has levels 0 to {levels[j] - 1}, got {rows[i, j]:g} in row {i} of the block"
        raise DataError(message)
    return coded


_MOST_VALUES = 32  # of a group: tables of log probabilities and counts then stay in the fastest cache


def _grouped(codes: Array, levels: Array, *, has_missing: bool) -> _Bytes:
    """Return answers with items side by side put together while their combinations are few."""
    sizes = levels + int(has_missing)
    columns, parts, item = [], [], 0
    first = np.cumsum(levels) - levels
    while item < len(levels):
        value, part = codes[:, item], _own_levels(item, levels, first, sizes)
        item += 1
        while item < len(levels) and len(part) * sizes[item] <= _MOST_VALUES:
            own = _own_levels(item, levels, first, sizes)
            part = np.hstack([part.repeat(len(own), axis=0), np.tile(own, (len(part), 1))])
            value = value * np.uint8(sizes[item]) + codes[:, item]
            item += 1
        columns.append(value)
        parts.append(part)
    width, none = max((part.shape[1] for part in parts), default=1), int(levels.sum())
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=none) for part in parts]
    members = np.concatenate([*padded, np.empty((0, width), dtype=np.int64)])
    table = np.column_stack(columns) if columns else codes
    groups = _Groups(np.array([len(part) for part in parts], dtype=np.int32), members, none)
    return _Bytes(np.ascontiguousarray(table, dtype=np.uint8), groups)


def _own_levels(item: int, levels: Array, first: Array, sizes: Array) -> Array:
    """Return the levels (values, 1) of one item, counted over all items, and their total number for no answer."""
    own = first[item] + np.arange(sizes[item])
    own[levels[item] :] = levels.sum()
    return np.asarray(own)[:, None]


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
