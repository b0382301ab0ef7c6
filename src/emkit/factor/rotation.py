"""Rotations of loadings: gradient projection on a criterion, orthogonal or oblique, from several starts.

Orthogonal: L = A T with T'T = I, minimise Q(A T). Oblique: L = A (T')^-1 with the columns of T of length one, factor
correlations T'T.

References
----------
Jennrich 2001, *A simple general procedure for orthogonal rotation*, Psychometrika 66:289.
Jennrich 2002, *A simple general method for oblique rotation*, Psychometrika 67:7.
Bernaards & Jennrich 2005, *Gradient projection algorithms and software for arbitrary rotation criteria in factor
analysis*, Educational and Psychological Measurement 65:676.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError

__all__ = [
    "ROTATIONS",
    "CrawfordFerguson",
    "Geomin",
    "Oblimin",
    "Promax",
    "Rotated",
    "Rotation",
    "Target",
    "rotation_of",
]

_STARTS = 5  # random starts besides the loadings as they are: geomin and oblimin have local optima
_MAX_ITERATIONS = 1000
_SLOPE = 1e-7


@dataclass(frozen=True, eq=False)
class Rotated:
    """Rotated loadings (d, k), correlations of the factors (k, k), and T (k, k) with loadings = unrotated T'^-1."""

    loadings: FloatArray
    factor_correlation: FloatArray
    matrix: FloatArray


@dataclass(frozen=True)
class Rotation(ABC):
    """A rotation of loadings (d, k)."""

    @abstractmethod
    def rotate(self, loadings: FloatArray) -> Rotated:
        """Return the loadings rotated; signs make the sum of each column positive, columns fall by sum of squares."""


@dataclass(frozen=True)
class _Criterion(Rotation):
    """A rotation that minimises a smooth criterion of the loadings, their rows scaled to length one if `kaiser`."""

    is_oblique: bool = False
    kaiser: bool = True

    @abstractmethod
    def value(self, loadings: FloatArray) -> tuple[float, FloatArray]:
        """Return the criterion and its gradient (d, k)."""

    def rotate(self, loadings: FloatArray) -> Rotated:
        k = loadings.shape[1]
        if k < 2:
            return _ordered(loadings, np.eye(k))
        length = np.sqrt((loadings**2).sum(axis=1)) if self.kaiser else np.ones(len(loadings))
        length = np.where(length > 0, length, 1.0)
        scaled = loadings / length[:, None]
        rng = np.random.default_rng(0)
        starts = [np.eye(k), *(np.linalg.qr(rng.standard_normal((k, k)))[0] for _ in range(_STARTS))]
        climb = self._oblique if self.is_oblique else self._orthogonal
        best = min((climb(scaled, start) for start in starts), key=lambda end: round(end[0], 10))
        return _ordered(loadings, best[1])

    def _orthogonal(self, loadings: FloatArray, turn: FloatArray) -> tuple[float, FloatArray]:
        value, slope = self.value(loadings @ turn)
        length = 1.0
        for _ in range(_MAX_ITERATIONS):
            gradient = loadings.T @ slope
            inner = turn.T @ gradient
            along = gradient - turn @ ((inner + inner.T) / 2)
            size = float(np.sum(along**2))
            if size < _SLOPE**2:
                break
            length *= 2
            for _ in range(20):
                left, _, right = np.linalg.svd(turn - length * along)
                ahead = left @ right
                reached, slope = self.value(loadings @ ahead)
                if reached < value - 0.5 * size * length:
                    break
                length /= 2
            if not reached < value:  # rounding hides any fall
                break
            turn, value = ahead, reached
        return value, turn

    def _oblique(self, loadings: FloatArray, turn: FloatArray) -> tuple[float, FloatArray]:
        rotated = loadings @ np.linalg.inv(turn).T
        value, slope = self.value(rotated)
        length = 1.0
        for _ in range(_MAX_ITERATIONS):
            gradient = -(rotated.T @ slope @ np.linalg.inv(turn)).T
            along = gradient - turn * (turn * gradient).sum(axis=0)
            size = float(np.sum(along**2))
            if size < _SLOPE**2:
                break
            length *= 2
            for _ in range(20):
                ahead = turn - length * along
                ahead /= np.sqrt((ahead**2).sum(axis=0))
                rotated = loadings @ np.linalg.inv(ahead).T
                reached, slope = self.value(rotated)
                if reached < value - 0.5 * size * length:
                    break
                length /= 2
            if not reached < value:  # rounding hides any fall
                break
            turn, value = ahead, reached
        return value, turn


@dataclass(frozen=True)
class CrawfordFerguson(_Criterion):
    """The Crawford-Ferguson family: `kappa` = 0 quartimax, 1 / d varimax, k / (2 d) equamax, 1 factor parsimony.

    `kappa` None is 1 / d: varimax where orthogonal.
    """

    kappa: float | None = None

    def value(self, loadings: FloatArray) -> tuple[float, FloatArray]:
        d, k = loadings.shape
        kappa = 1 / d if self.kappa is None else self.kappa
        squares = loadings**2
        across = squares @ (np.ones((k, k)) - np.eye(k))
        down = squares.sum(axis=0) - squares
        value = (1 - kappa) * np.sum(squares * across) / 4 + kappa * np.sum(squares * down) / 4
        return float(value), (1 - kappa) * loadings * across + kappa * loadings * down


@dataclass(frozen=True)
class Oblimin(_Criterion):
    """Direct oblimin; `gamma` 0 is direct quartimin, the usual choice."""

    is_oblique: bool = True
    kaiser: bool = False
    gamma: float = 0.0

    def value(self, loadings: FloatArray) -> tuple[float, FloatArray]:
        k = loadings.shape[1]
        squares = loadings**2
        across = squares @ (np.ones((k, k)) - np.eye(k))
        if self.gamma:
            across = across - self.gamma * across.mean(axis=0)
        return float(np.sum(squares * across) / 4), loadings * across


@dataclass(frozen=True)
class Geomin(_Criterion):
    """Geomin: the sum over rows of the geometric mean of squared loadings plus `epsilon` (Yates 1987)."""

    is_oblique: bool = True
    kaiser: bool = False
    epsilon: float = 0.01

    def value(self, loadings: FloatArray) -> tuple[float, FloatArray]:
        k = loadings.shape[1]
        squares = loadings**2 + self.epsilon
        mean = np.exp(np.log(squares).sum(axis=1) / k)
        return float(mean.sum()), (2 / k) * (loadings / squares) * mean[:, None]


@dataclass(frozen=True)
class Target(_Criterion):
    """Rotation towards a pattern (d, k) of wished loadings; NaN entries are free."""

    is_oblique: bool = True
    kaiser: bool = False
    pattern: FloatArray | None = field(default=None)

    def value(self, loadings: FloatArray) -> tuple[float, FloatArray]:
        shape = () if self.pattern is None else self.pattern.shape
        if self.pattern is None or shape != loadings.shape:
            message = f"`pattern` must be an array of shape {loadings.shape}, got {shape}"
            raise ParameterError(message)
        gap = np.where(np.isnan(self.pattern), 0.0, loadings - self.pattern)
        return float(np.sum(gap**2)), 2 * gap


@dataclass(frozen=True)
class Promax(Rotation):
    """Varimax, then oblique towards its loadings raised to `power` (Hendrickson & White 1964)."""

    power: float = 4.0

    def rotate(self, loadings: FloatArray) -> Rotated:
        k = loadings.shape[1]
        if k < 2:
            return _ordered(loadings, np.eye(k))
        first = CrawfordFerguson().rotate(loadings)
        goal = np.sign(first.loadings) * np.abs(first.loadings) ** self.power
        turn = np.linalg.lstsq(first.loadings, goal, rcond=None)[0]
        turn = turn * np.sqrt(np.diag(np.linalg.inv(turn.T @ turn)))
        # loadings = unrotated T'^-1, so T = (first.matrix turn)'^-1 for the orthogonal first.matrix
        return _ordered(loadings, np.linalg.inv(first.matrix @ turn).T)


def _ordered(loadings: FloatArray, matrix: FloatArray) -> Rotated:
    """Return the loadings rotated by T, with signs and order of the factors fixed."""
    rotated = loadings @ np.linalg.inv(matrix).T
    sign = np.where(rotated.sum(axis=0) < 0, -1.0, 1.0)
    order = np.argsort(-(rotated**2).sum(axis=0), kind="stable")
    matrix = (matrix * sign)[:, order]
    return Rotated((rotated * sign)[:, order], matrix.T @ matrix, matrix)


ROTATIONS: dict[str, Rotation] = {
    "varimax": CrawfordFerguson(),
    "quartimax": CrawfordFerguson(kappa=0.0),
    "promax": Promax(),
    "oblimin": Oblimin(),
    "quartimin": Oblimin(),
    "geomin": Geomin(),
    "geomin-orthogonal": Geomin(is_oblique=False),
}
"""Rotations by the names of the literature."""


def rotation_of(wish: str | Rotation | None) -> Rotation | None:
    """Return the rotation that a name or an object stands for; None is none.

    Raises
    ------
    ParameterError
        If the name is not one of `ROTATIONS`.
    """
    if wish is None or isinstance(wish, Rotation):
        return wish
    if wish not in ROTATIONS:
        message = f"`rotation` must be None, one of {', '.join(ROTATIONS)}, or a Rotation, got {wish!r}"
        raise ParameterError(message)
    return ROTATIONS[wish]
