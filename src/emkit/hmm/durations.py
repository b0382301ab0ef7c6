"""How long stays last: distributions of durations 1..d of the states of a hidden semi-Markov model.

The M-step sees expected counts n_j(u) of stays of each duration, those cut by the end of a sequence shared out over
the durations they may come to. The parametric ones are restricted to 1..d, so that they add up to one whatever d is:

    P_j(u) = w(u; theta_j) / sum_v w(v; theta_j),

    poisson            w(u) = rate^(u-1) / (u-1)!                          a shifted Poisson
    negative-binomial  w(u) = Gamma(u-1+size) / (u-1)! more^(u-1)          a shifted negative binomial; size 1: geometric
    gamma              w(u) = u^(shape-1) exp(-rate u)                     a gamma density at whole numbers

and are fitted by Newton's method on the counts, in logarithms and logits.

References
----------
Guedon 2003, J. Computational and Graphical Statistics 12:604. O'Connell & Hojsgaard 2011, J. Statistical Software 39(4).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import digamma, gammaln, polygamma

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

_NEWTON = 50
_LIMITS = (-25.0, 12.0)  # of logarithms: a rate of zero, and a size or shape at which the distribution is its limit
_STEP = 2.0
_FINE = 1e-12
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
    def _weights(self, longest: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return log w (k, d), its slopes (m, k, d) by the parameters, and its second derivatives (m, k, d)."""

    def log_prob(self, longest: int) -> FloatArray:
        return _normalised(self._weights(longest)[0])

    def reordered(self, order: Array) -> Durations:
        return type(self)(*self._theta()[:, order])

    def slope(self, counts: FloatArray) -> Durations:
        log_w, slopes, _ = self._weights(counts.shape[1])
        centred = _centred(np.exp(_normalised(log_w)), slopes)
        return type(self)(*(counts * centred).sum(axis=2))

    def stepped(self, counts: FloatArray) -> Durations:
        here = self._coordinates()
        level = _objective(self, counts)
        at: Durations = self
        for _ in range(_NEWTON):
            move = at._newton(counts)  # type: ignore[attr-defined]
            length = np.ones(counts.shape[0])
            for _ in range(30):
                trial = np.clip(here + length * move, *_LIMITS)
                there = self._from(trial)
                reached = _objective(there, counts)
                worse = ~(reached >= level)
                if not worse.any():
                    break
                length = np.where(worse, length / 2, length)
            else:
                trial = np.where(worse, here, trial)
                there = self._from(trial)
                reached = _objective(there, counts)
            gain, here, at, level = float((reached - level).sum()), trial, there, reached
            if not gain > _FINE * (1.0 + abs(float(level.sum()))):
                break
        return at

    def _newton(self, counts: FloatArray) -> FloatArray:
        """Return the step (m, k) in coordinates."""
        log_w, slopes, second = self._weights(counts.shape[1])
        prob, total = np.exp(_normalised(log_w)), counts.sum(axis=1)
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
        return np.asarray(np.where(total > 0, step, 0.0))

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
    def started(cls, mean: FloatArray, longest: int) -> PoissonDurations:
        return cls(np.maximum(mean - 1, 0.25))

    def _theta(self) -> FloatArray:
        return np.asarray(self.rate)[None]

    def _weights(self, longest: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        u, rate = np.arange(longest, dtype=np.float64), self.rate[:, None]
        return u * np.log(rate) - gammaln(u + 1), (u / rate)[None], (-u / rate**2)[None]


@dataclass(frozen=True)
class NegativeBinomialDurations(_Tilted):
    """One row and a negative binomial number more, of size (k,) and chance of each to go on `more` (k,)."""

    size: Array = space(Positive())
    more: Array = space(Probability())
    _is_share: ClassVar[tuple[bool, ...]] = (False, True)

    @classmethod
    def started(cls, mean: FloatArray, longest: int) -> NegativeBinomialDurations:
        size = np.full(len(mean), 1.5)
        return cls(size, np.maximum(mean - 1, 0.25) / (np.maximum(mean - 1, 0.25) + size))

    def _theta(self) -> FloatArray:
        return np.stack([self.size, self.more])

    def _weights(self, longest: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        u, size, more = np.arange(longest, dtype=np.float64), self.size[:, None], self.more[:, None]
        log_w = gammaln(u + size) - gammaln(size) - gammaln(u + 1) + u * np.log(more)
        slopes = np.stack([digamma(u + size) - digamma(size), u / more])
        second = np.stack([polygamma(1, u + size) - polygamma(1, size), -u / more**2])
        return log_w, slopes, second


@dataclass(frozen=True)
class GammaDurations(_Tilted):
    """A gamma density, of shape (k,) and rate (k,), at whole numbers."""

    shape: Array = space(Positive())
    rate: Array = space(Positive())
    _is_share: ClassVar[tuple[bool, ...]] = (False, False)

    @classmethod
    def started(cls, mean: FloatArray, longest: int) -> GammaDurations:
        shape = np.full(len(mean), 1.5)
        return cls(shape, shape / mean)

    def _theta(self) -> FloatArray:
        return np.stack([self.shape, self.rate])

    def _weights(self, longest: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        u = np.arange(1, longest + 1, dtype=np.float64)
        log_w = (self.shape[:, None] - 1) * np.log(u) - self.rate[:, None] * u
        slopes = np.stack([np.broadcast_to(np.log(u), log_w.shape), np.broadcast_to(-u, log_w.shape)])
        return log_w, slopes, np.zeros_like(slopes)


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
