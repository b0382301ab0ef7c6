"""Starts from the votes: their shares first, then votes that trust some raters more, or that are shaken."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["VoteStarts"]


class VoteStarts:
    """Responsibilities (n, k) of items from counts (n, (r + 1) k) of their answers; known classes are kept."""

    def __init__(self, X: Any, weights: FloatArray, n_raters: int, n_classes: int) -> None:
        self._X, self._weights = X, weights
        self._r, self._k = n_raters, n_classes
        self.shares = self._voted(np.ones(n_raters))

    def responsibilities(self, rng: np.random.Generator, index: int) -> FloatArray:
        """Return responsibilities, case weights included, of start number `index`: the votes themselves for zero."""
        kinds = (self._trusting, self._shaken, self._random)
        resp = self.shares if index == 0 else kinds[(index - 1) % len(kinds)](rng)
        return resp * self._weights[:, None]

    def _voted(self, trust: FloatArray) -> FloatArray:
        """Return the shares of the votes where rater j has trust_j votes; equal shares where there is no vote."""
        say = np.concatenate([trust, [1e6 * max(1.0, float(trust.max(initial=1.0)))]])
        votes = np.asarray(self._X @ np.kron(say[:, None], np.eye(self._k)))
        total = votes.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(votes, total, out=np.full(votes.shape, 1 / self._k), where=total > 0))

    def _trusting(self, rng: np.random.Generator) -> FloatArray:
        return self._voted(rng.gamma(0.5, size=self._r) + 1e-3)

    def _shaken(self, rng: np.random.Generator) -> FloatArray:
        shaken = (self.shares + 0.05) * rng.gamma(1.0, size=self.shares.shape)
        return self._kept(shaken / shaken.sum(axis=1, keepdims=True))

    def _random(self, rng: np.random.Generator) -> FloatArray:
        return self._kept(0.5 * self.shares + 0.5 * rng.dirichlet(np.full(self._k, 0.5), len(self.shares)))

    def _kept(self, resp: FloatArray) -> FloatArray:
        """Return the responsibilities with those of known classes as they are known."""
        known = np.asarray(self._X[:, self._r * self._k :].sum(axis=1)).reshape(-1) > 0
        return np.where(known[:, None], self.shares, resp)
