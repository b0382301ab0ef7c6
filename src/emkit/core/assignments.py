"""Ways to turn log mix_k + log f_k(x) into memberships: softened, hardest, drawn. What solvers do to an E-step.

References
----------
Celeux & Govaert 1992, Computational Statistics & Data Analysis 14:315 (classification EM). Celeux & Diebolt 1985,
Computational Statistics Quarterly 2:73 (stochastic EM). Ueda & Nakano 1998, Neural Networks 11:271 (annealing).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["Assignment", "Drawn", "Hardest", "Tempered"]


@dataclass(frozen=True)
class Assignment(ABC):
    """A rule for memberships."""

    @abstractmethod
    def memberships(self, joint: FloatArray, start: int) -> tuple[FloatArray, FloatArray]:
        """Return what each row adds to the objective (n,), and its memberships (n, k).

        `joint` (n, k) holds log mix_k + log f_k(x); `start` is the number of the first row.
        """


@dataclass(frozen=True)
class Hardest(Assignment):
    """All of a row to its most probable component; the objective is the classification log-likelihood."""

    def memberships(self, joint: FloatArray, start: int) -> tuple[FloatArray, FloatArray]:
        label = joint.argmax(axis=1)
        return joint[np.arange(len(joint)), label], np.eye(joint.shape[1])[label]


@dataclass(frozen=True)
class Tempered(Assignment):
    """Memberships proportional to (mix_k f_k)^power; the objective is log(sum_k (mix_k f_k)^power) / power."""

    power: float = 1.0

    def memberships(self, joint: FloatArray, start: int) -> tuple[FloatArray, FloatArray]:
        total, resp = _softmax(self.power * joint)
        return total / self.power, resp


@dataclass(frozen=True)
class Drawn(Assignment):
    """All of a row to one component, drawn with probability proportional to (mix_k f_k)^power.

    The objective is the log-likelihood where the power is one. The draw depends on `seed`, on its number and on the
    row, and on nothing else.
    """

    seed: int = 0
    number: int = 0
    power: float = 1.0

    def memberships(self, joint: FloatArray, start: int) -> tuple[FloatArray, FloatArray]:
        total, resp = _softmax(self.power * joint)
        uniform = np.random.default_rng([self.seed, self.number, start]).random((len(joint), 1))
        edges = np.cumsum(resp, axis=1)
        label = (uniform * edges[:, -1:] > edges).sum(axis=1).clip(0, joint.shape[1] - 1)
        return total / self.power, np.eye(joint.shape[1])[label]


def _softmax(joint: FloatArray) -> tuple[FloatArray, FloatArray]:
    top = joint.max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    each = np.exp(joint - top)
    total = each.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (np.log(total) + top)[:, 0], each / total
