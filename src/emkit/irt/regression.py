"""Latent regression: the means of the latent variables depend on covariates of the person.

x_i ~ N(B'z_i, C) with covariates z centred, so that items are as for the average person. The density is taken at the
nodes times their widths, as it is: then the M-step is least squares on posterior means, exactly so on any grid.

References
----------
Mislevy 1984, Psychometrika 49:359.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Correlation, Positive, Real
from emkit.core.statistics import Additive
from emkit.irt.factors import Spread, restricted_covariance
from emkit.irt.latent import Latent

__all__ = ["PeopleStatistics", "Regression", "RegressionParameters"]


@dataclass(frozen=True)
class RegressionParameters(Parameters):
    """Coefficients (p,) or (p, F) of the covariates; free variances (v,) they leave, and correlations (c, F, F)."""

    coefficient: Array = space(Real())
    var: Array = space(Positive())
    correlation: Array = space(Correlation())


@dataclass(frozen=True)
class PeopleStatistics(Additive):
    """Sums over people: z z' (p, p), z E[x'] (p, F), E[x x'] (F, F), and their weight."""

    cross: FloatArray
    along: FloatArray
    square: FloatArray
    weight: float

    @classmethod
    def of(cls, mass: FloatArray, nodes: FloatArray, covariates: FloatArray) -> PeopleStatistics:
        """Return the sums over people from weighted posteriors (n, q)."""
        weight = mass.sum(axis=1)
        cross = (covariates * weight[:, None]).T @ covariates
        square = (nodes * mass.sum(axis=0)[:, None]).T @ nodes
        return cls(cross, covariates.T @ (mass @ nodes), square, float(weight.sum()))

    @classmethod
    def at(cls, mass: FloatArray, places: FloatArray, covariates: FloatArray) -> PeopleStatistics:
        """Return the sums over people from weighted posteriors (n, q) of places of their own (n, q, F)."""
        weight = mass.sum(axis=1)
        cross = (covariates * weight[:, None]).T @ covariates
        square = np.einsum("nq,nqf,nqg->fg", mass, places, places, optimize=True)
        return cls(cross, covariates.T @ np.einsum("nq,nqf->nf", mass, places), square, float(weight.sum()))


@dataclass(frozen=True)
class Regression(Latent):
    """A normal distribution around linear predictors.

    Parameters
    ----------
    n_columns : int
        Number of covariates, p: the last columns of the rows.
    spread : Spread
        Of what the covariates leave; one group.
    centre : tuple of float
        Means that were taken off the covariates.
    """

    n_columns: int = 1
    spread: Spread = Spread(1, 1)
    centre: tuple[float, ...] = ()

    @property
    def n_covariates(self) -> int:  # type: ignore[override]
        return self.n_columns

    @property
    def _shape(self) -> tuple[int, ...]:
        return (self.n_columns,) if self.spread.n_factors == 1 else (self.n_columns, self.spread.n_factors)

    def start(self, nodes: FloatArray) -> RegressionParameters:
        return RegressionParameters(np.zeros(self._shape), *self.spread.start())

    def covariance(self, parameters: RegressionParameters) -> FloatArray:
        """Return the covariance (F, F) of what the covariates leave."""
        return np.asarray(self.spread.covariances(parameters.var, parameters.correlation)[0])

    def predicted(self, parameters: RegressionParameters, covariates: FloatArray) -> FloatArray:
        """Return the means (n, F) of people."""
        return np.asarray(covariates @ parameters.coefficient.reshape(self.n_columns, -1))

    def normal(self, parameters: RegressionParameters, n_factors: int) -> tuple[FloatArray, FloatArray]:
        return np.zeros((1, self.spread.n_factors)), self.covariance(parameters)[None]

    def row_log_weights(
        self, parameters: RegressionParameters, nodes: FloatArray, log_width: FloatArray, covariates: FloatArray
    ) -> FloatArray:
        """Return log-probabilities (n, q) of the nodes for each person."""
        factor = np.linalg.cholesky(self.covariance(parameters))
        places = np.linalg.solve(factor, nodes.T)
        means = np.linalg.solve(factor, self.predicted(parameters, covariates).T).T
        square = sum((place - mean[:, None]) ** 2 for place, mean in zip(places, means.T, strict=True))
        constant = np.log(np.diag(factor)).sum() + 0.5 * len(factor) * np.log(2 * np.pi)
        return np.ascontiguousarray(log_width - constant - 0.5 * square)

    def origin(self, parameters: RegressionParameters) -> FloatArray:
        return np.asarray(-(np.asarray(self.centre) @ parameters.coefficient.reshape(self.n_columns, -1)))

    def log_weights(self, parameters: RegressionParameters, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        """Return those (1, q) of the average person."""
        return self.row_log_weights(parameters, nodes, log_width, np.zeros((1, self.n_columns)))

    def m_step(
        self, parameters: RegressionParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> RegressionParameters:
        return self.of_moments(parameters, statistics.people)

    def of_moments(self, parameters: RegressionParameters, people: PeopleStatistics) -> RegressionParameters:
        """Return the parameters of most likelihood for sums over people."""
        coefficient = np.asarray(np.linalg.solve(people.cross, people.along), dtype=np.float64)
        left = self._residual(coefficient, people) / people.weight
        covariance = restricted_covariance(left, self.covariance(parameters), self.spread.free(0))
        return RegressionParameters(coefficient.reshape(self._shape), *self.spread.parts(covariance[None]))

    def score(
        self, parameters: RegressionParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> RegressionParameters:
        return self.moment_score(parameters, statistics.people)

    def moment_score(self, parameters: RegressionParameters, people: PeopleStatistics) -> RegressionParameters:
        """Return the gradient of the log-likelihood of sums over people."""
        covariance = self.covariance(parameters)
        coefficient = parameters.coefficient.reshape(self.n_columns, -1)
        by_coefficient = np.linalg.solve(covariance, (people.along - people.cross @ coefficient).T).T
        off = self._residual(coefficient, people) - people.weight * covariance
        by_covariance = np.asarray(0.5 * np.linalg.solve(covariance, np.linalg.solve(covariance, off).T), np.float64)
        slopes = self.spread.slopes(covariance[None], by_covariance[None])
        return RegressionParameters(by_coefficient.reshape(self._shape), *slopes)

    def expected_log_density(self, parameters: RegressionParameters, statistics: Any) -> float:
        """Return the expected log-density of the latent variables, without constants."""
        return self.moment_loglik(parameters, statistics.people)

    def row_scores(self, parameters: RegressionParameters, off: FloatArray, who: FloatArray) -> FloatArray:
        """Return the derivatives (n, q, e) of the log-density by entry, of people with covariates `who` (n, p)."""
        covariance = self.covariance(parameters)
        turned = np.linalg.solve(covariance, off.swapaxes(1, 2)).swapaxes(1, 2)
        flat = (who[:, None, :, None] * turned[:, :, None]).reshape(*off.shape[:2], -1)
        rest = self.spread.row_slopes(covariance[None], np.zeros(len(off), dtype=np.intp), off)
        return np.concatenate([flat, rest], axis=2)

    def moment_loglik(self, parameters: RegressionParameters, people: PeopleStatistics) -> float:
        """Return the log-likelihood of sums over people, without constants."""
        covariance = self.covariance(parameters)
        left = self._residual(parameters.coefficient.reshape(self.n_columns, -1), people)
        inside = np.trace(np.linalg.solve(covariance, left)) + people.weight * np.linalg.slogdet(covariance)[1]
        return float(-0.5 * inside)

    @staticmethod
    def _residual(coefficient: FloatArray, people: PeopleStatistics) -> FloatArray:
        across = coefficient.T @ people.along
        return np.asarray(people.square - across - across.T + coefficient.T @ people.cross @ coefficient)

    def moments(
        self, parameters: RegressionParameters, nodes: FloatArray, log_width: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        return np.zeros((1, self.spread.n_factors)), np.sqrt(np.diag(self.covariance(parameters)))[None]

    def correlation(self, parameters: RegressionParameters) -> FloatArray | None:
        return np.asarray(parameters.correlation[0]) if self.spread.correlated else None

    def mixed(self, parameters: RegressionParameters, draws: FloatArray) -> FloatArray:
        found = self.correlation(parameters)
        return draws if found is None else np.asarray(draws @ np.linalg.cholesky(found).T)
