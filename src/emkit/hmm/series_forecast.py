"""What comes next of an autoregression with hidden states.

Row t + 1 given history c' of states and the last values is normal about shift[c'] + sum_j ar_j y_{t+1-j}, so that one
step ahead the distribution is a mixture of as many normals as there are histories, exactly. Further on, means and
variances are exact: the moments E[1(c)], E[l 1(c)] and E[l l' 1(c)] of the lags l with each history move linearly from
row to row. Whole distributions are mixtures over draws of the rows between, each of which brings the normals of the
step that it leads to: smoother than the draws themselves, and unbiased.

References
----------
Krolzig 1997, *Markov-Switching Vector Autoregressions*, chapter 4. Gelfand & Smith 1990, JASA 85:398 (the mixture).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import logsumexp, ndtr

from emkit.core.arrays import Array, FloatArray, IntArray

__all__ = ["Law", "SeriesForecast"]

_LOG_2PI = float(np.log(2 * np.pi))
_BISECTIONS = 60


@dataclass(frozen=True)
class Law:
    """How a series goes on.

    Parameters
    ----------
    past : array (c, m)
        States of each history, the latest first.
    moves : array (h, k, k)
        Transitions into each row to come.
    shift : array (h, c)
        What is added to the lags in each row to come, by the history it then has.
    ar : array (k, p)
    var : array (k,)
    """

    past: IntArray
    moves: FloatArray
    shift: FloatArray
    ar: FloatArray
    var: FloatArray

    def child(self, new: int) -> IntArray:
        """Return the number (c,) of the history that each becomes when a new state joins it."""
        c, k = len(self.past), len(self.ar)
        return np.asarray(new * (c // k) + np.arange(c) // k)


@dataclass(frozen=True, eq=False)
class SeriesForecast:
    """Distributions 1 to h steps after the end of one series.

    Attributes
    ----------
    states : array (h, k)
        Probability of each state.
    mean, var : array (h, 1)
        Of the observation; exact.
    """

    law: Law = field(repr=False)
    begun: FloatArray = field(repr=False)  # (c,) probabilities of the histories at the last row
    lags: FloatArray = field(repr=False)  # (p,) the last values, the latest first
    n_draws: int = 4000
    random_state: Any = None

    # --- exact ---

    @property
    def states(self) -> FloatArray:
        """Probability (h, k) of each state."""
        return np.array([mass @ np.eye(len(self.law.ar))[self.law.past[:, 0]] for mass, _, _ in self._moments])

    @property
    def mean(self) -> FloatArray:
        """Expected observation (h, 1)."""
        return np.array([[first.sum()] for _, first, _ in self._moments])

    @property
    def var(self) -> FloatArray:
        """Variance of the observation (h, 1)."""
        return np.array([[second.sum() - first.sum() ** 2] for _, first, second in self._moments])

    @cached_property
    def _moments(self) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
        """E[1(c)], E[y 1(c)] and E[y y 1(c)] (c,) at each step."""
        law, p, found = self.law, len(self.lags), []
        mass, lag = self.begun, self.begun[:, None] * self.lags
        square = lag[:, :, None] * self.lags
        now = law.past[:, 0]
        for moves, shift in zip(law.moves, law.shift, strict=True):
            new_mass, new_lag, new_square = np.zeros_like(mass), np.zeros_like(lag), np.zeros_like(square)
            for new in range(len(law.ar)):
                into, share = law.child(new), moves[now, new]
                np.add.at(new_mass, into, share * mass)
                np.add.at(new_lag, into, share[:, None] * lag)
                np.add.at(new_square, into, share[:, None, None] * square)
            ar, var = law.ar[now], law.var[now]
            along = np.einsum("cp,cp->c", ar, new_lag)
            y = shift * new_mass + along
            yy = (
                shift**2 * new_mass + 2 * shift * along + np.einsum("cp,cpq,cq->c", ar, new_square, ar) + var * new_mass
            )
            found.append((new_mass, y, yy))
            y_lag = shift[:, None] * new_lag + np.einsum("cp,cpq->cq", ar, new_square)
            mass, lag, square = new_mass, *_shifted(y, yy, y_lag, new_lag, new_square, p)
        return found

    # --- mixtures of normals ---

    def log_density(self, values: Any) -> FloatArray:
        """Return the log-density (h, m) at each step of each of some values (m,)."""
        x = np.asarray(values, dtype=np.float64).reshape(-1)
        found = []
        for weights, centers, sds in self._mixtures:
            z = (x[:, None] - centers) / sds
            with np.errstate(divide="ignore"):
                found.append(logsumexp(np.log(weights) - np.log(sds) - 0.5 * (z**2 + _LOG_2PI), axis=1))
        return np.array(found)

    def density(self, values: Any) -> FloatArray:
        """Return the density (h, m) at each step of each of some values."""
        return np.exp(self.log_density(values))

    def cdf(self, values: Any) -> FloatArray:
        """Return P(y <= value) (h, m) at each step."""
        x = np.asarray(values, dtype=np.float64).reshape(-1)
        return np.array([ndtr((x[:, None] - centers) / sds) @ weights for weights, centers, sds in self._mixtures])

    def quantile(self, prob: Any) -> FloatArray:
        """Return the values (h, m) below which an observation falls with these probabilities (m,)."""
        wanted = np.asarray(prob, dtype=np.float64).reshape(-1)
        rows = []
        for weights, centers, sds in self._mixtures:
            low = np.full(len(wanted), (centers - 40 * sds).min())
            high = np.full(len(wanted), (centers + 40 * sds).max())
            for _ in range(_BISECTIONS):
                middle = (low + high) / 2
                is_low = ndtr((middle[:, None] - centers) / sds) @ weights < wanted
                low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
            rows.append((low + high) / 2)
        return np.array(rows)

    def sample(self, n: int, random_state: Any = None) -> FloatArray:
        """Return n ways in which the series goes on (h, n, 1)."""
        return self._walk(n, np.random.default_rng(random_state))[0][:, :, None]

    @cached_property
    def _mixtures(self) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
        """Weights, centers and standard deviations (m,) of the normals at each step."""
        first = self._spread(0, np.arange(len(self.begun)), np.tile(self.lags, (len(self.begun), 1)), self.begun)
        if len(self.law.moves) == 1:
            return [first]
        return [first, *self._walk(self.n_draws, np.random.default_rng(self.random_state))[1]]

    def _walk(self, n: int, rng: np.random.Generator) -> tuple[FloatArray, list[Any]]:
        """Return draws (h, n) of the series, and the mixtures of the steps after the first that they lead to."""
        law, values, mixtures = self.law, [], []
        edges = np.cumsum(self.begun)
        code = np.minimum(np.searchsorted(edges, rng.random(n) * edges[-1], side="right"), len(edges) - 1)
        lags = np.tile(self.lags, (n, 1))
        for step, moves in enumerate(law.moves):
            if step:
                mixtures.append(self._spread(step, code, lags, np.full(n, 1 / n)))
            edge = np.cumsum(moves[law.past[code, 0]], axis=1)
            state = np.minimum((edge < rng.random(n)[:, None] * edge[:, -1:]).sum(axis=1), len(law.ar) - 1)
            code = state * (len(law.past) // len(law.ar)) + code // len(law.ar)
            center = law.shift[step][code] + np.einsum("np,np->n", law.ar[state], lags)
            y = center + rng.normal(size=n) * np.sqrt(law.var[state])
            values.append(y)
            lags = np.column_stack([y, lags[:, :-1]]) if lags.shape[1] else lags
        return np.array(values), mixtures

    def _spread(self, step: int, code: Array, lags: FloatArray, weights: FloatArray) -> Any:
        """Return the normals that rows in histories (n,) with lags (n, p) lead to."""
        law, parts = self.law, []
        for new in range(len(law.ar)):
            into = law.child(new)[code]
            center = law.shift[step][into] + lags @ law.ar[new]
            share = weights * law.moves[step][law.past[code, 0], new]
            parts.append((share, center, np.full(len(code), np.sqrt(law.var[new]))))
        shares, centers, sds = (np.concatenate(part) for part in zip(*parts, strict=True))
        kept = shares > 0
        return shares[kept], centers[kept], sds[kept]


def _shifted(
    y: FloatArray, yy: FloatArray, y_lag: FloatArray, lag: FloatArray, square: FloatArray, p: int
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of the lags one row on: the newest joins, the oldest leaves."""
    if not p:
        return lag, square
    moved = np.empty_like(square)
    moved[:, 0, 0] = yy
    moved[:, 0, 1:] = moved[:, 1:, 0] = y_lag[:, :-1]
    moved[:, 1:, 1:] = square[:, :-1, :-1]
    return np.column_stack([y, lag[:, :-1]]), moved
