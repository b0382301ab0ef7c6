"""How long stays last: distributions of durations 1..d of the states of a hidden semi-Markov model.

The M-step sees expected counts n_j(u) of stays of each duration, those cut by the end of a sequence shared out over
the durations they may come to. The parametric ones are restricted to 1..d, so that they add up to one whatever d is:

    P_j(u) = w(u; theta_j) / sum_v w(v; theta_j),

    poisson            w(u) = rate^(u-1) / (u-1)!                          a shifted Poisson
    negative-binomial  w(u) = Gamma(u-1+size) / (u-1)! more^(u-1)          shifted negative binomial; size 1: geometric
    gamma              w(u) = u^(shape-1) exp(-rate u)                     a gamma density at whole numbers

and are fitted by Newton's method on the counts, in logarithms and logits.

References
----------
Guedon 2003, J. Computational and Graphical Statistics 12:604. O'Connell & Hojsgaard 2011,
J. Statistical Software 39(4).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Probability, Simplex
from emkit.errors import ParameterError

__all__ = [
    "DURATIONS",
    "Durations",
    "FreeDurations",
    "GammaDurations",
    "NegativeBinomialDurations",
    "PoissonDurations",
    "durations_named",
]

_NEWTON = 12  # steps of an M-step: from the last one's place two or three suffice
_HALVINGS = 8
_LIMITS = (-25.0, 8.0)  # of logarithms: a rate of zero, and a size or shape at which the distribution is its limit
_STEP = 2.0
_FINE = 1e-13
_CURVED = 1e-8  # least curvature per stay: flatter directions get a bounded step


class Durations(Parameters, ABC):
    """Distributions of durations of k states."""

    @classmethod
    @abstractmethod
    def started(cls, mean: FloatArray, longest: int) -> Durations:
        """Return wide distributions of about these means (k,)."""

    @abstractmethod
    def log_prob(self, longest: int) -> FloatArray:
        """Return log P_j(u) (k, d) of the durations 1..d."""

    @abstractmethod
    def stepped(self, counts: FloatArray) -> Durations:
        """Return what maximises sum counts log P, counts (k, d); a state without stays keeps what it has."""

    @abstractmethod
    def slope(self, counts: FloatArray) -> Durations:
        """Return the gradient of sum counts log P, as a record of the same kind."""

    @abstractmethod
    def reordered(self, order: Array) -> Durations:
        """Return the states in another order."""

    def prob(self, longest: int) -> FloatArray:
        """Return P_j(u) (k, d)."""
        return np.asarray(np.exp(self.log_prob(longest)))


@dataclass(frozen=True)
class FreeDurations(Durations):
    """A probability for each duration (k, d)."""

    share: Array = space(Simplex())

    @classmethod
    def started(cls, mean: FloatArray, longest: int) -> FreeDurations:
        u = np.arange(longest)
        share = (1 - 1 / np.maximum(mean, 1.25)[:, None]) ** u
        return cls(0.7 * share / share.sum(axis=1, keepdims=True) + 0.3 / longest)

    def log_prob(self, longest: int) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.share))

    def stepped(self, counts: FloatArray) -> FreeDurations:
        total = counts.sum(axis=1, keepdims=True)
        return FreeDurations(np.divide(counts, total, out=np.array(self.share), where=total > 0))

    def slope(self, counts: FloatArray) -> FreeDurations:
        return FreeDurations(np.divide(counts, self.share, out=np.zeros_like(counts), where=self.share > 0))

    def reordered(self, order: Array) -> FreeDurations:
        return FreeDurations(self.share[order])


class _Tilted(Durations):
    """Durations with weights of one or two parameters, the second perhaps a probability."""

    _is_share: ClassVar[tuple[bool, ...]]

    @abstractmethod
    def _theta(self) -> FloatArray:
        """Return the parameters (m, k)."""

    @abstractmethod
    def _log_weights(self, longest: int) -> FloatArray:
        """Return log w (k, d)."""

    @abstractmethod
    def _slopes(self, longest: int) -> tuple[FloatArray, FloatArray]:
        """Return the slopes (m, k, d) of log w by the parameters, and its second derivatives (m, k, d)."""

    def log_prob(self, longest: int) -> FloatArray:
        return _normalised(self._log_weights(longest))

    def reordered(self, order: Array) -> Durations:
        return type(self)(*self._theta()[:, order])

    def slope(self, counts: FloatArray) -> Durations:
        centred = _centred(self.prob(counts.shape[1]), self._slopes(counts.shape[1])[0])
        return type(self)(*(counts * centred).sum(axis=2))

    def stepped(self, counts: FloatArray) -> Durations:
        here, level = self._coordinates(), _objective(self, counts)
        at: Any = self
        for _ in range(_NEWTON):
            move, promise = at._newton(counts)
            length = np.where(promise > _FINE * (1 + np.abs(level)), 1.0, 0.0)
            if not length.any():
                break
            for _ in range(_HALVINGS):
                trial = np.clip(here + length * move, *_LIMITS)
                there = self._from(trial)
                reached = _objective(there, counts)
                worse = ~(reached >= level) & (length > 0)
                if not worse.any():
                    break
                length = np.where(worse, length / 4, length)
            kept = worse | (length == 0)
            here, level = np.where(kept, here, trial), np.where(kept, level, reached)
            at = self._from(here)
            if (worse | (length == 0)).all():
                break
        return at  # type: ignore[no-any-return]

    def _newton(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the step (m, k) in coordinates, and what it promises to gain (k,)."""
        slopes, second = self._slopes(counts.shape[1])
        prob, total = self.prob(counts.shape[1]), counts.sum(axis=1)
        centred = _centred(prob, slopes)
        gradient = (counts * centred).sum(axis=2)
        info = total * np.einsum("kd,akd,bkd->abk", prob, centred, centred)
        own = (counts * second).sum(axis=2) - total * (prob * second).sum(axis=2)
        first, bend = self._chart()
        gradient_in = first * gradient
        info = first[:, None] * info * first[None] - _diagonal(first**2 * own + bend * gradient)
        values, vectors = np.linalg.eigh(np.moveaxis(info, 2, 0))
        values = np.maximum(np.abs(values), _CURVED * np.maximum(total, 1e-300)[:, None])
        step = np.einsum("kab,kb,kcb,ck->ak", vectors, 1 / values, vectors, gradient_in)
        step = step * np.minimum(1.0, _STEP / np.maximum(np.abs(step).max(axis=0), _STEP))
        step = np.where(total > 0, step, 0.0)
        return step, np.asarray((gradient_in * step).sum(axis=0))

    def _coordinates(self) -> FloatArray:
        pairs = zip(self._theta(), self._is_share, strict=True)
        return np.array([np.log(t / (1 - t)) if share else np.log(t) for t, share in pairs])

    def _from(self, coordinates: FloatArray) -> Durations:
        pairs = zip(coordinates, self._is_share, strict=True)
        return type(self)(*(1 / (1 + np.exp(-c)) if share else np.exp(c) for c, share in pairs))

    def _chart(self) -> tuple[FloatArray, FloatArray]:
        """Return the first and second derivatives (m, k) of the parameters by their coordinates."""
        theta = self._theta()
        first = np.array([t * (1 - t) if share else t for t, share in zip(theta, self._is_share, strict=True)])
        bend = np.array([f * (1 - 2 * t) if s else f for f, t, s in zip(first, theta, self._is_share, strict=True)])
        return first, bend


@dataclass(frozen=True)
class PoissonDurations(_Tilted):
    """One row and a Poisson number (k,) more."""

    rate: Array = space(Positive())
    _is_share: ClassVar[tuple[bool, ...]] = (False,)

    @classmethod
    def started(cls, mean: FloatArray, longest: int) -> PoissonDurations:  # noqa: ARG003
        return cls(np.maximum(mean - 1, 0.25))

    def _theta(self) -> FloatArray:
        return np.asarray(self.rate)[None]

    def _log_weights(self, longest: int) -> FloatArray:
        u = np.arange(longest, dtype=np.float64)
        return np.asarray(u * np.log(self.rate[:, None]) - gammaln(u + 1))

    def _slopes(self, longest: int) -> tuple[FloatArray, FloatArray]:
        u, rate = np.arange(longest, dtype=np.float64), self.rate[:, None]
        return (u / rate)[None], (-u / rate**2)[None]


@dataclass(frozen=True)
class NegativeBinomialDurations(_Tilted):
    """One row and a negative binomial number more, of size (k,) and chance of each to go on `more` (k,)."""

    size: Array = space(Positive())
    more: Array = space(Probability())
    _is_share: ClassVar[tuple[bool, ...]] = (False, True)

    @classmethod
    def started(cls, mean: FloatArray, longest: int) -> NegativeBinomialDurations:  # noqa: ARG003
        size = np.full(len(mean), 1.5)
        return cls(size, np.maximum(mean - 1, 0.25) / (np.maximum(mean - 1, 0.25) + size))

    def _theta(self) -> FloatArray:
        return np.stack([self.size, self.more])

    def _log_weights(self, longest: int) -> FloatArray:
        u, size = np.arange(longest, dtype=np.float64), self.size[:, None]
        return np.asarray(gammaln(u + size) - gammaln(size) - gammaln(u + 1) + u * np.log(self.more[:, None]))

    def _slopes(self, longest: int) -> tuple[FloatArray, FloatArray]:
        """Return what `_Tilted` says; differences of digamma and trigamma functions are sums over 0..u-1."""
        u, size, more = np.arange(longest, dtype=np.float64), self.size[:, None], self.more[:, None]
        before = np.zeros((len(self.size), 1))
        first = np.concatenate([before, np.cumsum(1 / (size + u[:-1]), axis=1)], axis=1)
        second = np.concatenate([before, -np.cumsum(1 / (size + u[:-1]) ** 2, axis=1)], axis=1)
        return np.stack([first, u / more]), np.stack([second, -u / more**2])


@dataclass(frozen=True)
class GammaDurations(_Tilted):
    """A gamma density, of shape (k,) and rate (k,), at whole numbers."""

    shape: Array = space(Positive())
    rate: Array = space(Positive())
    _is_share: ClassVar[tuple[bool, ...]] = (False, False)

    @classmethod
    def started(cls, mean: FloatArray, longest: int) -> GammaDurations:  # noqa: ARG003
        shape = np.full(len(mean), 1.5)
        return cls(shape, shape / mean)

    def _theta(self) -> FloatArray:
        return np.stack([self.shape, self.rate])

    def _log_weights(self, longest: int) -> FloatArray:
        u = np.arange(1, longest + 1, dtype=np.float64)
        return np.asarray((self.shape[:, None] - 1) * np.log(u) - self.rate[:, None] * u)

    def _slopes(self, longest: int) -> tuple[FloatArray, FloatArray]:
        u, k = np.arange(1, longest + 1, dtype=np.float64), len(self.shape)
        slopes = np.stack([np.tile(np.log(u), (k, 1)), np.tile(-u, (k, 1))])
        return slopes, np.zeros_like(slopes)


DURATIONS: dict[str, type[Durations]] = {
    "nonparametric": FreeDurations,
    "poisson": PoissonDurations,
    "negative-binomial": NegativeBinomialDurations,
    "gamma": GammaDurations,
}


def durations_named(name: Any) -> type[Durations]:
    """Return the kind of durations of this name."""
    if isinstance(name, str) and name in DURATIONS:
        return DURATIONS[name]
    message = f"`durations` must be one of {', '.join(map(repr, DURATIONS))}, got {name!r}"
    raise ParameterError(message)


def _normalised(log_w: FloatArray) -> FloatArray:
    top = log_w.max(axis=1, keepdims=True)
    return np.asarray(log_w - top - np.log(np.exp(log_w - top).sum(axis=1, keepdims=True)))


def _centred(prob: FloatArray, slopes: FloatArray) -> FloatArray:
    return np.asarray(slopes - (prob * slopes).sum(axis=2, keepdims=True))


def _diagonal(values: FloatArray) -> FloatArray:
    """Return (m, k) as diagonal matrices (m, m, k)."""
    return np.asarray(np.eye(len(values))[:, :, None] * values[None])


def _objective(durations: Durations, counts: FloatArray) -> FloatArray:
    """Return sum counts log P (k,) of each state."""
    return np.asarray((counts * durations.log_prob(counts.shape[1])).sum(axis=1))
