"""Quadrature: nodes of the latent variable, and when they are fine and wide enough.

An equispaced grid integrates smooth peaks with an error of about exp(-2 pi^2 s^2 / h^2), s the standard deviation of
the narrowest posterior and h the step, so that h = 2 s / 3 leaves 1e-19 of a peak; Gauss-Hermite nodes spread towards
the tails, where there are no peaks. Measured on the optimum of four steep items: 61 equispaced nodes on +-6 err by
7e-6 in the log-likelihood, 61 Gauss-Hermite nodes by 0.05.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtri
from scipy.stats import qmc

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError

__all__ = ["REACH", "Equispaced", "GaussHermite", "Grid", "Points", "QuasiMonteCarlo", "default_grid"]

REACH = 7.5  # standard deviations of the latent variable on either side


@dataclass(frozen=True)
class Grid(ABC):
    """Nodes (q, F) and the logarithm of what each stands for, up to a constant."""

    @abstractmethod
    def nodes(self, n_factors: int) -> FloatArray:
        """Return the nodes (q, F)."""

    @abstractmethod
    def log_width(self, n_factors: int) -> FloatArray:
        """Return the logarithm (q,) of the width of each node: the density of the latent variable is times this."""

    def fitting(self, low: float, high: float, sd: float, most: int = 2001) -> Grid:
        """Return a grid wide enough for [low, high] and fine enough for posteriors of this `sd`, or itself.

        It has at most so many nodes in each direction, unless it had more.
        """
        return self

    @property
    def finest(self) -> float:
        """Return the distance of neighbouring nodes where they are closest."""
        return float(np.diff(np.sort(self.nodes(1)[:, 0])).min())


@dataclass(frozen=True)
class Equispaced(Grid):
    """Nodes at equal distances between `low` and `high` in every direction; the default.

    Parameters
    ----------
    n_points : int, default 76
        In each direction.
    low, high : float, default -7.5 and 7.5
        On -6 to 6 the log-likelihood of 600 people lacks 3e-6: few people at the ends, but their answers are likely
        beyond.
    is_adaptive : bool, default True
        Whether a fit may widen and refine it once the latent distribution and the posteriors are known.
    """

    n_points: int = 76
    low: float = -REACH
    high: float = REACH
    is_adaptive: bool = True

    def __post_init__(self) -> None:
        if self.n_points < 3 or not self.low < self.high:
            message = f"expected at least 3 nodes and low < high, got {self.n_points} on [{self.low}, {self.high}]"
            raise ParameterError(message)

    @property
    def step(self) -> float:
        return (self.high - self.low) / (self.n_points - 1)

    def nodes(self, n_factors: int) -> FloatArray:
        return _product(np.linspace(self.low, self.high, self.n_points), n_factors)

    def log_width(self, n_factors: int) -> FloatArray:
        return np.zeros(self.n_points**n_factors)

    def fitting(self, low: float, high: float, sd: float, most: int = 2001) -> Grid:
        is_wide = low >= self.low - 1e-6 and high <= self.high + 1e-6
        is_fine = self.step <= sd * _STEP_OF_SD * 1.05
        if not self.is_adaptive or (is_wide and is_fine):
            return self
        low, high = (self.low, self.high) if is_wide else (min(low, self.low), max(high, self.high))
        step = self.step if is_fine else sd * _STEP_OF_SD
        n_points = max(min(int(np.ceil((high - low) / step)) + 1, most), self.n_points)
        is_same = (n_points, low, high) == (self.n_points, self.low, self.high)
        return self if is_same else replace(self, n_points=n_points, low=low, high=high)


_STEP_OF_SD = 2 / 3


@dataclass(frozen=True)
class GaussHermite(Grid):
    """Gauss-Hermite nodes of the standard normal distribution, `n_points` in each direction."""

    n_points: int = 61

    def nodes(self, n_factors: int) -> FloatArray:
        return _product(hermegauss(self.n_points)[0], n_factors)

    def log_width(self, n_factors: int) -> FloatArray:
        nodes, weights = hermegauss(self.n_points)
        with np.errstate(divide="ignore"):
            log_width = np.log(weights) + 0.5 * nodes**2
        return np.asarray(_product(np.maximum(log_width, -700.0), n_factors).sum(axis=1))


@dataclass(frozen=True)
class QuasiMonteCarlo(Grid):
    """Points of a Halton sequence that fill a normal distribution evenly: for more factors than a grid can hold.

    Half of the points are of the sequence and half are their mirror images, and all are turned and stretched to have
    the covariance of the distribution, so that polynomials up to the third degree are integrated exactly. The points
    depend on nothing but `seed`, so that fits are deterministic. Their error falls with nearly 1 / n_points whatever
    the number of factors; it is that of the posteriors' width to a power: refine them and compare.

    Parameters
    ----------
    n_points : int, default 4000
        Rounded up to an even number.
    seed : int, default 0
        Of the random scramble of the sequence.
    """

    n_points: int = 4000
    seed: int = 0

    def nodes(self, n_factors: int) -> FloatArray:
        sequence = qmc.Halton(n_factors, scramble=True, rng=self.seed)
        half = ndtri(sequence.random(max(-(-self.n_points // 2), n_factors + 1)))
        factor = np.linalg.cholesky(half.T @ half / len(half))
        half = np.linalg.solve(factor, half.T).T
        return np.concatenate([half, -half[::-1]])

    def log_width(self, n_factors: int) -> FloatArray:
        return np.asarray(0.5 * (self.nodes(n_factors) ** 2).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Points(Grid):
    """Given points (q, F) with the logarithm of their widths (q,): quasi-Monte-Carlo nodes, say."""

    points: FloatArray
    widths: FloatArray

    def nodes(self, n_factors: int) -> FloatArray:
        return self.points

    def log_width(self, n_factors: int) -> FloatArray:
        return self.widths


def default_grid(n_factors: int) -> Grid:
    """Return the grid of models that were given none: coarser the more factors there are, points from four on."""
    if n_factors > 3:
        return QuasiMonteCarlo()
    points, reach = {1: (76, REACH), 2: (31, 6.0), 3: (21, 5.0)}[n_factors]
    return Equispaced(points, -reach, reach)


def _product(line: FloatArray, n_factors: int) -> FloatArray:
    """Return all combinations (q^F, F) of the nodes of a line."""
    axes = np.meshgrid(*[line] * n_factors, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)
