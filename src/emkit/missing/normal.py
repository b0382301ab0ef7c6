"""The estimator of one multivariate normal from rows with missing entries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Fit, QuasiNewton, Solver
from emkit.core.arrays import Array, FloatArray
from emkit.data import Source
from emkit.errors import DataError, ParameterError
from emkit.estimator import ModelEstimator, WholeFitOnly, warn_of
from emkit.families.normal import Normal
from emkit.families.patterns import PatternTable, pattern_table
from emkit.missing.conditional import conditional_sd, filled
from emkit.missing.information import worst_fraction
from emkit.missing.mcar import McarTest, mcar_test

__all__ = ["MultivariateNormal", "NormalEstimator", "WholeFitOnly"]

_LOOKED_AT, _FEW_VALUES, _MANY_ROWS = 1000, 5, 50  # a column of so few values in so many rows may hold codes
_LARGEST_TABLE = 1 << 22  # numbers in the table of patterns that a fitted estimator keeps


class NormalEstimator(ModelEstimator):
    """Base of the estimators that are made of one normal distribution fitted to rows with missing entries."""

    _takes_missing: ClassVar[bool] = True
    prior_rows: float = 0.0

    def _model(self) -> Normal:
        if not self.prior_rows >= 0:
            message = f"`prior_rows` must be at least 0, got {self.prior_rows!r}"
            raise ParameterError(message)
        return Normal(float(self.prior_rows))

    def _n_starts(self, model: Any, source: Source) -> int:
        return 1  # the start is worked out from the data, and the way from it is always the same

    def _solver(self) -> Solver | Literal["auto"]:
        # there is no other basin to jump into by an early extrapolation: a short warm-up (43 E-steps against 91)
        return QuasiNewton(warm_up=4) if self.solver == "auto" else self.solver

    def _check_rows(self, model: Any, source: Source) -> None:
        n_rows, n_seen = 0, np.zeros(source.n_features)
        for block in source.blocks():
            kept = block.X[block.weights > 0] if block.is_weighted else block.X
            n_rows, n_seen = n_rows + len(kept), n_seen + (~np.isnan(kept)).sum(axis=0)
        if n_rows < 2:
            message = f"a covariance needs at least 2 samples (rows of positive weight), got {n_rows} sample"
            raise DataError(message)
        rare = np.flatnonzero(n_seen < 2)
        if len(rare) and self.prior_rows == 0:
            name = f"{rare[0]} (counted from 0)" if source.feature_names is None else source.feature_names[rare[0]]
            message = (
                f"column {name} has {int(n_seen[rare[0]])} observed entry, but its variance needs at least 2: leave "
                "the column out, or set `prior_rows`"
            )
            raise DataError(message)

    def _fit_made(self, model: Any, source: Source, checkpoint: Any) -> Self:
        """Fit a model to a source that is made of more than `X`, and adopt the fit."""
        self._checkpoint = checkpoint
        try:
            self._adopt(self._maximised(model, source), source)
        finally:
            del self._checkpoint
        warn_of(self.fit_, stacklevel=3)
        return self

    def _adopt(self, fit: Fit, source: Source) -> None:
        super()._adopt(replace(fit, notes=(*fit.notes, *_remarks(source))), source)

    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        self.model_, self.parameters_ = model, parameters
        normal = getattr(parameters, "covariates", parameters)
        self.mean_, self.covariance_ = normal.mean, normal.cov

    def conditional_sd(self, X: Any) -> FloatArray:
        """Return how uncertain each missing entry is (n, d): its standard deviation given its row; 0 if observed."""
        source = self._new_source(X, None, self.n_threads)
        return conditional_sd(self.parameters_, source)


class MultivariateNormal(NormalEstimator):
    """Mean and covariance by maximum likelihood from rows with missing entries.

    Rows are N(mean, covariance); NaN entries are missing at random and integrated out exactly. Where many rows share a
    pattern of missing entries they are compressed once to its moments; where the patterns are nested (monotone) the
    start is already the answer.

    Parameters
    ----------
    prior_rows : float, default 0
        Strength of a prior that pulls the columns towards being uncorrelated with their observed variances, in rows
        (the empirical prior of Amelia, whose formula it is); 0 is maximum likelihood.
    tol : float, default 1e-6
        Log-likelihood still to be gained, as predicted, at which to stop.
    max_iter : int, default 1000
    solver : Solver or "auto"
    n_threads : int, optional

    Attributes
    ----------
    mean_ : array (d,)
    covariance_ : array (d, d)
    fit_ : Fit
    n_iter_ : int
    pattern_table_ : PatternTable, or None where the patterns are too many to keep
    n_features_in_ : int
    feature_names_in_ : array (d,) of str, where the data had names

    Notes
    -----
    The climb starts from the means and variances of the observed entries, uncorrelated, or from the answer where
    patterns are nested. A step costs, per row, d^2 multiplications and a factor of the missing entries; rows that share
    a pattern with many others cost nothing. The likelihood has no maximum where there are as few rows as columns or
    columns determine one another: then the status is `degenerate`, and `prior_rows` helps.

    References
    ----------
    Little & Rubin 2019, Statistical Analysis with Missing Data, section 11.2.

    Examples
    --------
    >>> from emkit.missing import MultivariateNormal
    >>> X = [[1.0, 2.0], [2.0, 3.5], [3.0, 6.5], [4.0, float("nan")]]
    >>> MultivariateNormal().fit(X).mean_.round(3)
    array([2.5  , 5.125])
    """

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

    def _adopt(self, fit: Fit, source: Source) -> None:
        super()._adopt(fit, source)
        self.pattern_table_ = pattern_table(source, _LARGEST_TABLE // source.n_features)

    def fit_groups(self, X: Any, groups: Any, sample_weight: Any = None) -> dict[Any, MultivariateNormal]:
        """Return an estimator like this one fitted to the rows of each group, by its label in `groups` (n,).

        Raises
        ------
        DataError
            If a label is missing, or there is not one for each row; or a group has too few rows for a covariance.
        """
        source = self._fit_source(X, sample_weight, self.n_threads)
        labels = np.asarray(groups)
        if labels.shape != (source.n_rows,):
            message = f"`groups` must hold a label for each of the {source.n_rows} rows, got shape {labels.shape}"
            raise DataError(message)
        lost = [row for row, label in enumerate(labels.tolist()) if label is None or label != label]  # noqa: PLR0124
        if lost:
            message = f"`groups` has no label in row {lost[0]}: leave that row out"
            raise DataError(message)
        each = {label: np.flatnonzero(labels == label) for label in dict.fromkeys(labels.tolist())}
        return {label: type(self)(**self.get_params()).fit(source.take(rows)) for label, rows in each.items()}

    def conditional_mean(self, X: Any) -> FloatArray:
        """Return a copy of `X` (n, d) with each missing entry at its mean given those observed in its row."""
        source = self._new_source(X, None, self.n_threads)
        return filled(self.parameters_, source)

    def conditional_covariance(self, row: Any) -> FloatArray:
        """Return the covariance (d, d) of the missing entries of a row (d,) given the observed; zero where observed."""
        source = self._new_source([np.asarray(row, dtype=np.float64)], None, 1)
        seen = ~np.isnan(next(iter(source.blocks())).X[0])
        cov = self.covariance_
        left = np.zeros(cov.shape)
        lost = np.ix_(~seen, ~seen)
        slope = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, ~seen)]) if seen.any() else np.zeros((0, 0))
        left[lost] = cov[lost] - cov[np.ix_(~seen, seen)] @ slope if seen.any() else cov[lost]
        return left

    def loglik(self, X: Any, sample_weight: Any = None) -> float:
        """Return the log-likelihood of the observed entries of `X`."""
        return self._loglik(self._new_source(X, sample_weight, self.n_threads))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-likelihood per row; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        return self._loglik(source) / source.total_weight

    def log_density(self, X: Any) -> FloatArray:
        """Return the log density (n,) of the observed entries of each row; 0 where a row has none."""
        source = self._new_source(X, None, self.n_threads)
        parts: list[FloatArray] = source.map(lambda block: self.model_.log_density(self.parameters_, block))
        density: FloatArray = np.concatenate(parts)
        return density

    def fraction_missing(self) -> float:
        """Return the largest fraction of missing information of any function of the parameters: the rate of EM.

        Costs an E-step for each parameter.
        """
        self._check_fitted()
        return worst_fraction(self.fit_)

    def patterns(self) -> tuple[Array, FloatArray]:
        """Return the patterns of the training rows: which columns are observed (g, d), and how many rows (g,)."""
        table = self._patterns()
        return table.seen, table.weights

    def mcar_test(self, X: Any = None) -> McarTest:
        """Return Little's test that the entries of the training rows, or of `X`, are missing completely at random.

        References
        ----------
        Little 1988, JASA 83:1198.
        """
        self._check_fitted()
        table = self._patterns() if X is None else pattern_table(self._new_source(X, None, self.n_threads))
        assert table is not None, "without a limit there is a table"
        return mcar_test(self.parameters_, table)

    def _patterns(self) -> PatternTable:
        self._check_fitted()
        if self.pattern_table_ is None:
            message = "the patterns of the training rows were too many to keep: pass the rows, as in `mcar_test(X)`"
            raise DataError(message)
        return self.pattern_table_


def _remarks(source: Source) -> list[str]:
    """Say which rows hold nothing, and which columns were never observed together."""
    empty, together = 0, np.zeros((source.n_features, source.n_features))
    for n_empty, pairs in source.map(_block_counts):
        empty, together = empty + n_empty, together + pairs
    notes = [f"{empty} rows have no observed entry and were left out"] if empty else []
    never = np.argwhere(np.triu(together == 0, 1))
    if len(never):
        name = source.feature_names or [str(j) for j in range(source.n_features)]
        named = ", ".join(f"{name[i]} and {name[j]}" for i, j in never[:5]) + (", ..." if len(never) > 5 else "")
        counted = "" if source.feature_names else " (counted from 0)"
        notes.append(f"columns never observed together{counted}: {named}; their covariance is not identified")
    coded = _coded(next(iter(source.blocks())).X)
    if coded:
        names = source.feature_names or [f"{j} (counted from 0)" for j in range(source.n_features)]
        listed = ", ".join(names[j] for j in coded)
        notes.append(f"only a few whole numbers are in {listed}: taken as measurements; for codes see MixedImputer")
    return notes


def _coded(X: Array) -> list[int]:
    """Return the columns with missing entries whose observed ones are few distinct whole numbers, as codes are."""
    found = []
    for j in np.flatnonzero(np.isnan(X[:_LOOKED_AT]).any(axis=0)):
        values = np.unique(X[:_LOOKED_AT, j])
        values = values[~np.isnan(values)]
        if len(values) <= _FEW_VALUES and (values % 1 == 0).all() and len(X) >= _MANY_ROWS:
            found.append(int(j))
    return found


def _block_counts(block: Any) -> tuple[int, FloatArray]:
    seen = ~np.isnan(block.X[block.weights > 0])
    ones = seen.astype(np.float32)
    return int((~seen.any(axis=1)).sum()), (ones.T @ ones).astype(np.float64)
