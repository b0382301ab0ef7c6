"""Factor models: a few common factors explain the covariances of many variables; entries may be missing.

Story: factors f ~ N(0, F) are not seen; a row is x = mean + L f + e with independent errors e_j ~ N(0, psi_j), so
x ~ N(mean, L F L' + diag(psi)). The E-step completes the missing entries: the expected mean and scatter of the
completed rows. The M-step fits mean, loadings and uniquenesses to them by maximum likelihood, to its end: without
missing entries one step is the answer.

References
----------
Lawley & Maxwell 1971, *Factor Analysis as a Statistical Method*, chapters 4 and 7.
Rubin & Thayer 1982, Psychometrika 47:69 (EM with the factors themselves as missing data, which needs far more steps).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core import Model
from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.factor.structure import FLOOR, FactorParameters, Structure
from emkit.families.gaussian_missing import patterns
from emkit.families.normal import Normal, NormalParameters, NormalStatistics

__all__ = ["FactorModel", "expected_factors"]

HEYWOOD = 1e-4  # a uniqueness below this part of its variance is reported
_FLAT = 1e-5  # a correlation matrix with an eigenvalue below this has collapsed; one Heywood case stays above it


@dataclass(frozen=True)
class FactorModel(Model):
    """A factor model of a structure. What it maximises is the log-likelihood of the observed entries.

    Parameters
    ----------
    structure : Structure
    """

    structure: Structure
    unit: Any = field(default=None, compare=False)  # (d,) standard deviations of the observed entries
    weight: float = field(default=0.0, compare=False)  # of all rows
    normal: Normal = field(default_factory=Normal, compare=False)  # completes the missing entries

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> FactorParameters:
        parameters: FactorParameters = self.portfolio(source, rng)(rng, 1)
        return parameters

    def e_step(self, parameters: FactorParameters, block: Any) -> NormalStatistics:
        return self.normal.e_step(NormalParameters(parameters.mean, parameters.cov), block)

    def m_step(self, statistics: NormalStatistics, parameters: FactorParameters) -> FactorParameters:
        mean = statistics.pivot + statistics.first / statistics.weight
        cov = statistics.about(mean).second / statistics.weight
        return self.structure.fitted((cov + cov.T) / 2, parameters, mean, self.unit)

    def log_prior(self, parameters: FactorParameters) -> float:
        """Return the penalty that keeps uniquenesses above zero."""
        return -float((self._floor / parameters.uniqueness).sum())

    def expected_loglik(self, parameters: FactorParameters, statistics: NormalStatistics) -> float:
        return self.normal.expected_loglik(NormalParameters(parameters.mean, parameters.cov), statistics)

    def score(self, parameters: FactorParameters, statistics: NormalStatistics) -> FactorParameters:
        at, loadings = statistics.about(parameters.mean), parameters.loadings
        inverse = np.linalg.inv(parameters.cov)
        gap = (inverse @ at.second @ inverse - at.weight * inverse) / 2
        gap = (gap + gap.T) / 2
        slope = 2 * gap @ loadings @ parameters.factor_cov
        own = np.diag(gap) + self._floor / parameters.uniqueness**2
        own = own if len(parameters.uniqueness) > 1 else own.sum(keepdims=True)
        return type(parameters)(
            inverse @ at.first,
            slope[parameters.mask],
            np.zeros_like(loadings),
            np.zeros_like(loadings),
            loadings.T @ gap @ loadings,
            own,
        )

    @property
    def _floor(self) -> FloatArray:
        floor: FloatArray = 0.5 * self.weight * FLOOR * self.unit**2
        return floor

    # --- what else it offers ---

    def prepare(self, source: Any) -> tuple[FactorModel, Any]:
        """Read off the columns' units, and arrange the rows by their patterns of missing entries."""
        ready, rows = self.normal.prepare(source)
        unit = ready.unit
        if unit is None:
            unit = np.sqrt(np.diag(ready.start(rows, np.random.default_rng(0)).cov))
        return replace(self, unit=unit, weight=rows.total_weight, normal=ready), rows

    def portfolio(self, source: Any, rng: np.random.Generator) -> Callable[[np.random.Generator, int], Any]:
        first = self.normal.start(source, rng)
        var = np.diag(first.cov)

        def draw(own_rng: np.random.Generator, index: int) -> FactorParameters:
            part = np.full(len(var), 0.5) if index == 0 else own_rng.uniform(0.25, 0.75, len(var))
            return self.structure.blank(first.mean, part * var)

        return draw

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree: local optima are rare."""
        return 4

    def canonical(self, parameters: FactorParameters) -> FactorParameters:
        """Return the factors with signs that make the sum of their loadings positive."""
        loadings = parameters.loadings
        is_movable = (parameters.fixed == 0).all(axis=0)
        sign = np.where((loadings.sum(axis=0) < 0) & is_movable, -1.0, 1.0)
        if (sign > 0).all():
            return parameters
        free = (loadings * sign)[parameters.mask]
        return replace(parameters, free=free, factor_cov=parameters.factor_cov * np.outer(sign, sign))

    def posterior(self, parameters: FactorParameters, block: Any) -> FloatArray:
        """Return the expected factors (b, k) of each row given its observed entries."""
        return expected_factors(parameters, block.X)[0]

    def log_density(self, parameters: FactorParameters, block: Any) -> FloatArray:
        """Return the log-density (b,) of the observed entries of each row."""
        cov, density = parameters.cov, np.empty(len(block.X))
        for rows, seen in patterns(block.X):
            density[rows] = _log_normal(block.X[rows][:, seen] - parameters.mean[seen], cov[np.ix_(seen, seen)])
        return density

    def sample(self, parameters: FactorParameters, n: int, rng: np.random.Generator) -> FloatArray:
        """Return `n` complete rows."""
        return self.normal.sample(NormalParameters(parameters.mean, parameters.cov), n, rng)

    def degeneracy(self, parameters: FactorParameters, statistics: Any) -> str:
        """Name the variables that determine one another: the likelihood then has no limit."""
        sd = np.sqrt(np.diag(parameters.cov))
        values, vectors = np.linalg.eigh(parameters.cov / np.outer(sd, sd))
        flat = sd < _FLAT * self.unit if values[0] > _FLAT else np.abs(vectors[:, 0]) > 0.1
        if not flat.any():
            return ""
        which = ", ".join(str(j) for j in np.flatnonzero(flat))
        return f"variables {which} (counted from 0) are constant or determine one another: leave all but one out"

    def remarks(self, parameters: FactorParameters) -> tuple[str, ...]:
        """Name the variables that the factors explain whole (Heywood cases)."""
        part = parameters.uniqueness / np.diag(parameters.cov)
        heywood = np.flatnonzero(part < HEYWOOD)
        if not len(heywood) or len(parameters.uniqueness) == 1:
            return ()
        which = ", ".join(str(j) for j in heywood)
        remark = (
            f"Heywood case: the uniqueness of variable {which} (counted from 0) has gone to zero: the factors explain "
            "it whole. Often there are too many factors, too few rows, or too few variables for a factor."
        )
        return (remark,)

    def describe(self, parameters: FactorParameters, names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return loadings with uniquenesses, and the covariances of the factors where they are not the identity."""
        shown = self.structure.shown(parameters)
        d, k = shown.loadings.shape
        names = [f"x{j + 1}" for j in range(d)] if names is None else names
        factors = tuple(f"factor {m + 1}" for m in range(k))
        psi = np.broadcast_to(parameters.uniqueness, d).tolist()
        rows = tuple((name, *row, u) for name, row, u in zip(names, shown.loadings.tolist(), psi, strict=True))
        tables = [Description("Loadings", ("variable", *factors, "uniqueness"), rows)]
        if not np.allclose(shown.factor_correlation, np.eye(k)):
            cells = zip(factors, shown.factor_correlation.tolist(), strict=True)
            rows = tuple((name, *row) for name, row in cells)
            tables.append(Description("Covariances of the factors", ("factor", *factors), rows))
        return tuple(tables)


def expected_factors(parameters: FactorParameters, X: Array) -> tuple[FloatArray, FloatArray]:
    """Return expected factors (n, k) given the observed entries of each row, and their covariances (n, k, k)."""
    loadings, k = parameters.loadings, parameters.n_factors
    psi = np.broadcast_to(parameters.uniqueness, len(loadings))
    prior = np.linalg.inv(parameters.factor_cov)
    mean, cov = np.empty((len(X), k)), np.empty((len(X), k, k))
    for rows, seen in patterns(X):
        weighted = loadings[seen] / psi[seen, None]
        cov[rows] = np.linalg.inv(prior + weighted.T @ loadings[seen])
        mean[rows] = (X[rows][:, seen] - parameters.mean[seen]) @ weighted @ cov[rows[0]]
    return mean, cov


def _log_normal(gap: FloatArray, cov: FloatArray) -> FloatArray:
    if not cov.size:
        return np.zeros(len(gap))
    factor = np.linalg.cholesky(cov)
    white = np.linalg.solve(factor, gap.T)
    half: FloatArray = -0.5 * ((white**2).sum(axis=0) + len(cov) * np.log(2 * np.pi)) - np.log(np.diag(factor)).sum()
    return half
