"""Latent regression: the mean of the latent variable depends on covariates of the person.

x_i ~ N(beta'z_i, var) with covariates z centred, so that items are as for the average person. The rows' densities are
normalized at the nodes; on a grid that reaches 7.5 standard deviations beyond every mean their moments are those of the
normal distribution, and so the M-step is least squares on posterior means.

References
----------
Mislevy 1984, Psychometrika 49:359.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_softmax

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real
from emkit.core.statistics import Additive
from emkit.irt.latent import Latent

__all__ = ["PeopleStatistics", "Regression", "RegressionParameters"]


@dataclass(frozen=True)
class RegressionParameters(Parameters):
    """Coefficients (p,) of the covariates, and the residual variance (1,), or (0,) where it is one."""

    coefficient: Array = space(Real())
    var: Array = space(Positive())


@dataclass(frozen=True)
class PeopleStatistics(Additive):
    """Sums over people: z z' (p, p), z E[x] (p,), E[x^2], and their weight."""

    cross: FloatArray
    along: FloatArray
    square: float
    weight: float


@dataclass(frozen=True)
class Regression(Latent):
    """A normal distribution around a linear predictor.

    Parameters
    ----------
    n_columns : int
        Number of covariates, p: the last columns of the rows.
    is_var_free : bool
    centre : tuple of float
        Means that were taken off the covariates.
    """

    n_columns: int = 1
    is_var_free: bool = False
    centre: tuple[float, ...] = ()

    @property
    def n_covariates(self) -> int:  # type: ignore[override]
        return self.n_columns

    def start(self, nodes: FloatArray) -> RegressionParameters:
        return RegressionParameters(np.zeros(self.n_columns), np.ones(int(self.is_var_free)))

    def var(self, parameters: RegressionParameters) -> float:
        """Return the residual variance."""
        return float(parameters.var[0]) if self.is_var_free else 1.0

    def row_log_weights(
        self, parameters: RegressionParameters, nodes: FloatArray, log_width: FloatArray, covariates: FloatArray
    ) -> FloatArray:
        """Return log-probabilities (n, q) of the nodes for each person."""
        mean = covariates @ parameters.coefficient
        z2 = (nodes[:, 0] - mean[:, None]) ** 2 / self.var(parameters)
        return np.asarray(log_softmax(log_width - 0.5 * z2, axis=1))

    def origin(self, parameters: RegressionParameters) -> float:
        """Return where people lie whose covariates are all zero, before centring."""
        return -float(np.asarray(self.centre) @ parameters.coefficient)

    def people(self, mass: FloatArray, nodes: FloatArray, covariates: FloatArray) -> PeopleStatistics:
        """Return the sums over people from weighted posteriors (n, q)."""
        weight, first = mass.sum(axis=1), mass @ nodes[:, 0]
        cross = (covariates * weight[:, None]).T @ covariates
        square = float((mass @ nodes[:, 0] ** 2).sum())
        return PeopleStatistics(cross, covariates.T @ first, square, float(weight.sum()))

    def log_weights(self, parameters: RegressionParameters, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        """Return those (1, q) of the average person."""
        return self.row_log_weights(parameters, nodes, log_width, np.zeros((1, self.n_columns)))

    def m_step(
        self, parameters: RegressionParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> RegressionParameters:
        people = statistics.people
        coefficient = np.linalg.solve(people.cross, people.along)
        left = self._residual(coefficient, people)
        return RegressionParameters(coefficient, np.full(int(self.is_var_free), max(left / people.weight, 1e-8)))

    def score(
        self, parameters: RegressionParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> RegressionParameters:
        people, var = statistics.people, self.var(parameters)
        by_coefficient = (people.along - people.cross @ parameters.coefficient) / var
        left = self._residual(parameters.coefficient, people)
        by_var = 0.5 * (left / var - people.weight) / var
        return RegressionParameters(by_coefficient, np.full(int(self.is_var_free), by_var))

    def expected_log_density(self, parameters: RegressionParameters, statistics: Any) -> float:
        """Return the expected log-density of the latent variables, without constants."""
        people, var = statistics.people, self.var(parameters)
        return float(-0.5 * (self._residual(parameters.coefficient, people) / var + people.weight * np.log(var)))

    @staticmethod
    def _residual(coefficient: FloatArray, people: PeopleStatistics) -> float:
        return float(people.square - 2 * coefficient @ people.along + coefficient @ people.cross @ coefficient)

    def moments(
        self, parameters: RegressionParameters, nodes: FloatArray, log_width: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        return np.zeros((1, 1)), np.full((1, 1), np.sqrt(self.var(parameters)))
