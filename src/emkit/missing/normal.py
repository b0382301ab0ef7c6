"""The estimator of one multivariate normal from rows with missing entries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy.stats import chi2

from emkit.core import Fit, Solver, maximise
from emkit.core.arrays import Array, FloatArray
from emkit.core.problem import Problem
from emkit.data import Estimator, Source
from emkit.errors import DataError, ParameterError
from emkit.estimator import warn_of
from emkit.families.normal import Normal
from emkit.families.normal_patterns import PatternMoments, PatternSource, gain, pattern_moments
from emkit.missing.conditional import filled

__all__ = ["McarTest", "MultivariateNormal", "fit_normal", "rows_of"]


@dataclass(frozen=True)
class McarTest:
    """Little's test that entries are missing completely at random: a small `p_value` speaks against it."""

    statistic: float
    df: int
    p_value: float
    n_patterns: int


class MultivariateNormal(Estimator):
    """Mean and covariance by maximum likelihood from rows with missing entries.

    Rows are N(mean, covariance); NaN entries are missing at random and integrated out exactly. The rows are compressed
    once to the moments of their patterns of missingness, so an iteration costs the same however many rows there are.

    Parameters
    ----------
    prior_rows : float, default 0
        Rows' worth of a prior at uncorrelated columns with the observed variances (the empirical prior of Amelia);
        0 is maximum likelihood.
    tol : float, default 1e-6
        Log-likelihood still to be gained, as predicted, at which to stop.
    max_iter : int, default 1000
    solver : Solver or "auto"
    n_threads : int, optional
        Threads that read the data.

    Attributes
    ----------
    mean_ : array (d,)
    covariance_ : array (d, d)
    fit_ : Fit
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : array (d,) of str, where the data had names

    Examples
    --------
    >>> from emkit.missing import MultivariateNormal
    >>> X = [[1.0, 2.0], [2.0, 3.5], [3.0, 6.5], [4.0, float("nan")]]
    >>> MultivariateNormal().fit(X).mean_.round(3)
    array([2.5  , 5.125])
    """

    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        *,
        prior_rows: float = 0.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        solver: Solver | Literal["auto"] = "auto",
        n_threads: int | None = None,
    ) -> None:
        self.prior_rows = prior_rows
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to rows `X` (n, d), with case weights (n,) if given; `y` is ignored.

        Rows without any observed entry are left out, with a note in `fit_.notes`.
        """
        source = self._fit_source(X, sample_weight, self.n_threads)
        self.fit_ = fit_normal(source, self.prior_rows, self.tol, self.max_iter, self.solver)
        self.mean_, self.covariance_ = self.fit_.parameters.mean, self.fit_.parameters.cov
        self.n_iter_ = self.fit_.n_iter
        self._moments = _moments(source)
        warn_of(self.fit_)
        return self

    def conditional_mean(self, X: Any) -> FloatArray:
        """Return a copy of `X` (n, d) with each missing entry at its mean given those observed in its row."""
        return filled(self._parameters(), rows_of(self._new_source(X, None, self.n_threads))[0])

    def loglik(self, X: Any, sample_weight: Any = None) -> float:
        """Return the log-likelihood of the observed entries of `X`."""
        source = self._new_source(X, sample_weight, self.n_threads)
        return Problem(self.fit_.model, source).evaluate(self._parameters()).loglik

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-likelihood per row; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        return Problem(self.fit_.model, source).evaluate(self._parameters()).loglik / source.total_weight

    def patterns(self) -> tuple[Array, FloatArray]:
        """Return the patterns of the training rows: which columns are observed (g, d), and how many rows (g,)."""
        self._check_fitted()
        return self._moments.seen, self._moments.weights

    def mcar_test(self) -> McarTest:
        """Return Little's test that the training entries are missing completely at random.

        References
        ----------
        Little 1988, JASA 83:1198.
        """
        self._check_fitted()
        moments = self._moments
        deviation = np.where(moments.seen, moments.mean - self.mean_, 0.0)
        inverse = gain(self.covariance_, moments.seen)[0]
        each = np.einsum("gi,gij,gj->g", deviation, inverse, deviation)
        statistic, df = float(moments.weights @ each), int(moments.seen.sum()) - self.n_features_in_
        p_value = float(chi2.sf(statistic, df)) if df > 0 else 1.0
        return McarTest(statistic, df, p_value, len(moments.weights))

    def _parameters(self) -> Any:
        self._check_fitted()
        return self.fit_.parameters


def fit_normal(source: Source, prior_rows: float, tol: float, max_iter: int, solver: Any) -> Fit:
    """Return the fit of a normal distribution to a source of rows with missing entries."""
    if not prior_rows >= 0:
        message = f"`prior_rows` must be at least 0, got {prior_rows!r}"
        raise ParameterError(message)
    X, weights = rows_of(source)
    if np.count_nonzero(weights) < 2:
        message = (
            f"a covariance needs at least 2 samples (rows of positive weight), got {np.count_nonzero(weights)} sample"
        )
        raise DataError(message)
    empty = int((np.isnan(X).all(axis=1) & (weights > 0)).sum())
    notes = [f"{empty} rows have no observed entry and were left out"] if empty else []
    seen = (~np.isnan(X) & (weights > 0)[:, None]).astype(np.float64)
    never = np.argwhere(np.triu(seen.T @ seen == 0, 1))
    if len(never):
        pairs = ", ".join(f"{i} and {j}" for i, j in never[:5]) + (", ..." if len(never) > 5 else "")
        notes.append(f"columns never observed together (counted from 0): {pairs}; their covariance is not identified")
    model, _ = Normal(float(prior_rows)).prepare(source)
    small = PatternSource(pattern_moments(X, weights))
    fit = maximise(model, small, n_starts=1, tol=tol, max_iter=max_iter, solver=solver, rng=0)
    return replace(fit, notes=(*fit.notes, *notes))


def rows_of(source: Source) -> tuple[Array, FloatArray]:
    """Return all rows (n, d) and their case weights (n,)."""
    blocks = list(source.blocks())
    return np.concatenate([b.X for b in blocks]), np.concatenate([b.weights for b in blocks])


def _moments(source: Source) -> PatternMoments:
    return pattern_moments(*rows_of(source))
