"""What raters may be like: from free confusion matrices to one number for each of them.

In all kinds rater j calls an item of class k by label l with probability confusion_jkl, independently of all else. The
statistics are the expected counts (r, k, k) of rater, class and label; what differs is how few numbers the confusion
matrices are made of.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Simplex

__all__ = [
    "FreeParameters",
    "FreeRaters",
    "OneCoinParameters",
    "OneCoinRaters",
    "PooledParameters",
    "PooledRaters",
    "Raters",
    "SpammerParameters",
    "Spammers",
]


class Raters(ABC):
    """A kind of rater: confusion matrices (r, k, k) and their maximum likelihood from expected counts."""

    is_exchangeable: bool = False  # whether renaming the classes leaves the objective as it is

    @abstractmethod
    def start(self, counts: FloatArray) -> Any:
        """Return parameters from expected counts (r, k, k) all above zero."""

    @abstractmethod
    def confusion(self, parameters: Any, k: int) -> FloatArray:
        """Return the probabilities (r, k, k) of k labels by rater and class."""

    @abstractmethod
    def m_step(self, counts: FloatArray, parameters: Any) -> Any:
        """Return the parameters that maximise, or raise, expected log-likelihood plus log prior."""

    @abstractmethod
    def score(self, parameters: Any, slope: FloatArray) -> Any:
        """Return the gradient of the objective by entry, given that with respect to the confusion matrices."""

    def log_prior(self, parameters: Any) -> float:
        """Return the log prior density up to a constant."""
        return 0.0

    def renamed(self, parameters: Any, order: Array) -> Any:
        """Return the parameters with the classes in another order."""
        return parameters


# --- free confusion matrices (Dawid & Skene 1979) ---


@dataclass(frozen=True)
class FreeParameters(Parameters):
    """Confusion matrices (r, k, k): probabilities of the labels, for each rater and class."""

    confusion: Array = space(Simplex())


@dataclass(frozen=True)
class FreeRaters(Raters):
    """A confusion matrix for each rater, with a Dirichlet prior given in imagined answers.

    Parameters
    ----------
    smoothing : float, default 0.0
        Imagined answers of each rater, for each class and label.
    agreement : float, default 0.0
        Further ones that agree with the class.
    """

    smoothing: float = 0.0
    agreement: float = 0.0

    @property
    def is_exchangeable(self) -> bool:  # type: ignore[override]
        """Return whether the prior is blind to the names of the classes."""
        return self.agreement == 0

    def start(self, counts: FloatArray) -> FreeParameters:
        return FreeParameters(counts / counts.sum(axis=2, keepdims=True))

    def confusion(self, parameters: FreeParameters, k: int) -> FloatArray:
        return parameters.confusion

    def m_step(self, counts: FloatArray, parameters: FreeParameters) -> FreeParameters:
        return FreeParameters(_shares(counts + self._imagined(counts.shape[1]), parameters.confusion))

    def score(self, parameters: FreeParameters, slope: FloatArray) -> FreeParameters:
        return FreeParameters(slope + self._imagined(slope.shape[1]) * _inverse(parameters.confusion))

    def log_prior(self, parameters: FreeParameters) -> float:
        if self.smoothing == 0 and self.agreement == 0:
            return 0.0
        return _weighted_logs(self._imagined(parameters.confusion.shape[1]), parameters.confusion)

    def renamed(self, parameters: FreeParameters, order: Array) -> FreeParameters:
        return FreeParameters(parameters.confusion[:, order])

    def _imagined(self, k: int) -> FloatArray:
        return self.smoothing + self.agreement * np.eye(k)


# --- confusion matrices that resemble one another ---


@dataclass(frozen=True)
class PooledParameters(Parameters):
    """Confusion matrices (r, k, k) and that of the population (k, k) which they are drawn towards."""

    confusion: Array = space(Simplex())
    population: Array = space(Simplex())


@dataclass(frozen=True)
class PooledRaters(Raters):
    """A confusion matrix for each rater, each row drawn from Dirichlet(1 + strength * population row).

    The population's matrix is estimated with the others; a single imagined answer for each of its entries keeps it
    off zero.

    Parameters
    ----------
    strength : float
        Imagined answers of each rater and class, spread as the population's row.
    """

    strength: float = 1.0
    is_exchangeable = True

    def start(self, counts: FloatArray) -> PooledParameters:
        total = counts.sum(axis=0)
        return PooledParameters(counts / counts.sum(axis=2, keepdims=True), total / total.sum(axis=1, keepdims=True))

    def confusion(self, parameters: PooledParameters, k: int) -> FloatArray:
        return parameters.confusion

    def m_step(self, counts: FloatArray, parameters: PooledParameters) -> PooledParameters:
        confusion = _shares(counts + self.strength * parameters.population, parameters.confusion)
        return PooledParameters(confusion, self._population(confusion, parameters.population))

    def score(self, parameters: PooledParameters, slope: FloatArray) -> PooledParameters:
        confusion, population = parameters.confusion, parameters.population
        own = self.strength * population * _inverse(confusion)
        return PooledParameters(slope + own, self._slope(np.log(confusion).sum(axis=0), population, len(confusion)))

    def log_prior(self, parameters: PooledParameters) -> float:
        return float(self._objective(np.log(parameters.confusion).sum(axis=0), parameters).sum())

    def renamed(self, parameters: PooledParameters, order: Array) -> PooledParameters:
        return PooledParameters(parameters.confusion[:, order], parameters.population[order])

    def _objective(self, logs: FloatArray, parameters: PooledParameters) -> FloatArray:
        return self._values(logs, parameters.population, len(parameters.confusion))

    def _values(self, logs: FloatArray, population: FloatArray, n_raters: int) -> FloatArray:
        s = self.strength
        return np.asarray((s * population * logs - n_raters * gammaln(1 + s * population) + np.log(population)).sum(1))

    def _slope(self, logs: FloatArray, population: FloatArray, n_raters: int) -> FloatArray:
        s = self.strength
        return np.asarray(s * logs - n_raters * s * digamma(1 + s * population) + 1 / population)

    def _population(self, confusion: FloatArray, population: FloatArray) -> FloatArray:
        """Return the population's rows after some Newton steps on the simplex; the objective is concave."""
        logs, n, s = np.log(confusion).sum(axis=0), len(confusion), self.strength
        for _ in range(_NEWTON_STEPS):
            slope = self._slope(logs, population, n)
            bend = n * s * s * polygamma(1, 1 + s * population) + population**-2
            multiplier = (slope / bend).sum(axis=1, keepdims=True) / (1 / bend).sum(axis=1, keepdims=True)
            population = self._stepped(logs, population, (slope - multiplier) / bend, n)
        return population

    def _stepped(self, logs: FloatArray, population: FloatArray, step: FloatArray, n: int) -> FloatArray:
        """Return each row moved by as much of its step as keeps it positive and does not lower its objective."""
        falling = step < 0
        room = np.where(falling, population / np.where(falling, -step, 1.0), np.inf).min(axis=1)
        length = np.minimum(1.0, 0.9 * room)
        before = self._values(logs, population, n)
        for _ in range(_HALVINGS):
            moved = population + length[:, None] * step
            worse = self._values(logs, moved, n) < before
            if not worse.any():
                return np.asarray(moved / moved.sum(axis=1, keepdims=True))
            length = np.where(worse, length / 4, length)
        return population


_NEWTON_STEPS, _HALVINGS = 4, 20


# --- one coin (Dawid-Skene with one number for each rater) ---


@dataclass(frozen=True)
class OneCoinParameters(Parameters):
    """Probabilities (r, 2) of a right and a wrong answer."""

    outcome: Array = space(Simplex())


@dataclass(frozen=True)
class OneCoinRaters(Raters):
    """Each rater is right with one probability, whatever the class; wrong labels are equally probable."""

    def start(self, counts: FloatArray) -> OneCoinParameters:
        return OneCoinParameters(_shares(_outcomes(counts), np.full((len(counts), 2), 0.5)))

    def confusion(self, parameters: OneCoinParameters, k: int) -> FloatArray:
        right, wrong = parameters.outcome[:, :1, None], parameters.outcome[:, 1:, None] / max(1, k - 1)
        return np.where(np.eye(k, dtype=bool), right, wrong)

    def m_step(self, counts: FloatArray, parameters: OneCoinParameters) -> OneCoinParameters:
        return OneCoinParameters(_shares(_outcomes(counts), parameters.outcome))

    def score(self, parameters: OneCoinParameters, slope: FloatArray) -> OneCoinParameters:
        gained = _outcomes(slope)
        gained[:, 1] /= max(1, slope.shape[1] - 1)
        return OneCoinParameters(gained)


# --- spammers (MACE; Hovy et al. 2013) ---


@dataclass(frozen=True)
class SpammerParameters(Parameters):
    """Probabilities (r, 2) of knowing and of guessing, and of the labels (r, k) where a rater guesses."""

    trust: Array = space(Simplex())
    strategy: Array = space(Simplex())


@dataclass(frozen=True)
class Spammers(Raters):
    """A rater either knows the class or guesses from a habit that has nothing to do with the item.

    confusion_jkl = trust_j [k = l] + (1 - trust_j) strategy_jl.

    Parameters
    ----------
    smoothing : float, default 0.0
        Imagined answers: known, guessed, and by each label of the habit.
    """

    smoothing: float = 0.0

    def start(self, counts: FloatArray) -> SpammerParameters:
        by_label = counts.sum(axis=1)
        return SpammerParameters(
            _shares(_outcomes(counts) + 1.0, np.empty((len(counts), 2))), _shares(by_label, by_label)
        )

    def confusion(self, parameters: SpammerParameters, k: int) -> FloatArray:
        known, guessed = parameters.trust[:, :1, None], parameters.trust[:, 1:, None]
        return np.asarray(known * np.eye(k) + guessed * parameters.strategy[:, None, :])

    def m_step(self, counts: FloatArray, parameters: SpammerParameters) -> SpammerParameters:
        right = np.einsum("jkk->jk", counts)
        known, guessed = parameters.trust[:, :1], parameters.trust[:, 1:] * parameters.strategy
        # Hovy et al. 2013, section 3.1: whether an answer that is right was known, given the parameters before
        knew = right * np.divide(known, known + guessed, out=np.zeros_like(right), where=known + guessed > 0)
        habit = np.maximum(counts.sum(axis=1) - knew, 0.0)
        trust = np.column_stack([knew.sum(axis=1), habit.sum(axis=1)]) + self.smoothing
        return SpammerParameters(_shares(trust, parameters.trust), _shares(habit + self.smoothing, parameters.strategy))

    def score(self, parameters: SpammerParameters, slope: FloatArray) -> SpammerParameters:
        by_label = slope.sum(axis=1)
        known = np.einsum("jkk->j", slope)
        trust = np.column_stack([known, (by_label * parameters.strategy).sum(axis=1)])
        return SpammerParameters(
            trust + self.smoothing * _inverse(parameters.trust),
            parameters.trust[:, 1:] * by_label + self.smoothing * _inverse(parameters.strategy),
        )

    def log_prior(self, parameters: SpammerParameters) -> float:
        if self.smoothing == 0:
            return 0.0
        parts = (parameters.trust, parameters.strategy)
        return sum(_weighted_logs(np.full(part.shape, self.smoothing), part) for part in parts)


# --- what they share ---


def _shares(counts: FloatArray, before: FloatArray) -> FloatArray:
    """Return counts as probabilities along the last axis; where there is none at all, those before."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=before.copy(), where=total > 0))


def _outcomes(counts: FloatArray) -> FloatArray:
    """Return the counts (r, 2) of right and wrong answers."""
    right = np.trace(counts, axis1=1, axis2=2)
    return np.column_stack([right, np.maximum(counts.sum(axis=(1, 2)) - right, 0.0)])


def _inverse(prob: FloatArray) -> FloatArray:
    return np.divide(1.0, prob, out=np.zeros_like(prob), where=prob > 0)


def _weighted_logs(weights: FloatArray, prob: FloatArray) -> float:
    """Return the sum of weights times log prob, where zero times log zero is zero."""
    with np.errstate(divide="ignore"):
        logs = np.log(prob)
    return float(np.where(weights > 0, weights * logs, 0.0).sum())
