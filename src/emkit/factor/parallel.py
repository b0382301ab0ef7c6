"""How many factors: parallel analysis, eigenvalues beside those of uncorrelated data of the same size.

References
----------
Horn 1965, *A rationale and test for the number of factors in factor analysis*, Psychometrika 30:179.
Humphreys & Montanelli 1975, Multivariate Behavioral Research 10:193 (on the reduced correlation matrix).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from emkit.core import maximise
from emkit.core.arrays import FloatArray
from emkit.data import as_source
from emkit.errors import DataError, ParameterError
from emkit.families.normal import Normal
from emkit.randomness import generator_of

__all__ = ["ParallelAnalysis", "parallel_analysis"]


@dataclass(frozen=True, eq=False)
class ParallelAnalysis:
    """Eigenvalues of the data beside what chance gives.

    Parameters
    ----------
    eigenvalues : array (d,)
        Of the correlation matrix (or the reduced one), falling.
    thresholds : array (d,)
        Quantiles of the same eigenvalues of uncorrelated normal data of the same size.
    n_factors : int
        How many eigenvalues in a row lie above their thresholds.
    """

    eigenvalues: FloatArray
    thresholds: FloatArray
    n_factors: int


def parallel_analysis(
    X: Any,
    *,
    kind: Literal["components", "factors"] = "components",
    quantile: float = 0.95,
    n_sets: int = 200,
    sample_weight: Any = None,
    rng: Any = None,
) -> ParallelAnalysis:
    """Return how many components or factors stand out from chance.

    Parameters
    ----------
    X : array (n, d) or data frame
        NaN entries are missing at random: the correlations are maximum-likelihood estimates.
    kind : "components" or "factors"
        Eigenvalues of the correlation matrix, or of the one with squared multiple correlations on its diagonal.
    quantile : float, default 0.95
    n_sets : int, default 200
        Simulated data sets.
    sample_weight : array (n,), optional
    rng : Generator, int or None

    Raises
    ------
    DataError
        If there are no more rows than columns.
    """
    if kind not in ("components", "factors"):
        message = f'`kind` must be "components" or "factors", got {kind!r}'
        raise ParameterError(message)
    if not 0 < quantile < 1:
        message = f"`quantile` must lie between 0 and 1, got {quantile!r}"
        raise ParameterError(message)
    source = as_source(X, sample_weight)
    n, d = int(source.total_weight), source.n_features
    if n <= d + 1:
        message = f"parallel analysis needs more rows than columns, got {n} rows and {d} columns"
        raise DataError(message)
    found = maximise(Normal(), source, n_starts=1, rng=0)
    eigenvalues = _eigenvalues(found.parameters.cov, kind)
    generator = generator_of(rng, "rng")
    chance = np.array([_eigenvalues(_random_cov(n, d, generator), kind) for _ in range(n_sets)])
    thresholds = np.quantile(chance, quantile, axis=0)
    above = eigenvalues > thresholds
    return ParallelAnalysis(eigenvalues, thresholds, int(d if above.all() else np.argmin(above)))


def _eigenvalues(cov: FloatArray, kind: str) -> FloatArray:
    sd = np.sqrt(np.diag(cov))
    corr = cov / np.outer(sd, sd)
    if kind == "factors":
        corr[np.diag_indices(len(corr))] = 1 - 1 / np.diag(np.linalg.inv(corr))
    values: FloatArray = np.linalg.eigvalsh(corr)[::-1]
    return values


def _random_cov(n: int, d: int, rng: np.random.Generator) -> FloatArray:
    """Return a covariance of n rows of uncorrelated normal data, by Bartlett's decomposition of a Wishart matrix."""
    lower = np.tril(rng.standard_normal((d, d)), -1)
    lower[np.diag_indices(d)] = np.sqrt(rng.chisquare(n - 1 - np.arange(d)))
    return np.asarray(lower @ lower.T / n)
