"""Canonical correlation: the estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy.stats import chi2

from emkit.core import Solver, maximise
from emkit.core.arrays import Array, FloatArray
from emkit.data import MemorySource, Source, as_source
from emkit.errors import DataError, ParameterError
from emkit.estimator import ModelEstimator, WholeFitOnly, warn_of
from emkit.factor._base import check_rank
from emkit.factor.canonical_model import Canonical, CanonicalParameters, canonical_pairs
from emkit.families.gaussian_missing import patterns
from emkit.randomness import generator_of

__all__ = ["CanonicalCorrelation", "CanonicalTests"]


@dataclass(frozen=True, eq=False)
class CanonicalTests:
    """Tests that no more than m pairs are correlated, for m = 0, 1, ...; its text is the table.

    Attributes
    ----------
    correlations : array (t,)
        All canonical correlations, t the smaller number of variables.
    wilks : array (t,)
        Product of 1 - r^2 over the pairs beyond m.
    chi_square, p_value : arrays (t,)
        Bartlett's approximation.
    dof : array (t,) of int
    """

    correlations: FloatArray
    wilks: FloatArray
    chi_square: FloatArray
    dof: Array
    p_value: FloatArray

    def __str__(self) -> str:
        lines = ["at most  next r   Wilks   chi-square  df        p"]
        each = zip(self.correlations, self.wilks, self.chi_square, self.dof, self.p_value, strict=True)
        lines += [f"{m:7d}  {r:.4f}  {w:.4f}  {c:11.3f}  {d:2d}  {p:7.4f}" for m, (r, w, c, d, p) in enumerate(each)]
        return "\n".join(lines)


class CanonicalCorrelation(ModelEstimator):
    """Canonical correlation analysis by maximum likelihood; entries of both sets may be missing.

    A few shared variables z explain all that two sets of variables have in common. NaN entries are missing at random
    and integrated out exactly: rows with nothing but NaN in one set tell of the other. Without any the answer is that
    of canonical correlation analysis.

    Parameters
    ----------
    n_components : int, default 1
        Pairs of variates, k: the rank of the covariance of the two sets.
    tol : float, default 1e-6
        Log-likelihood still to be gained at which to stop.
    max_iter : int, default 1000
    solver : Solver or "auto"
    n_threads : int, optional
    on_iteration : callable, optional

    Attributes
    ----------
    correlations_ : array (k,)
        Canonical correlations, falling.
    x_weights_, y_weights_ : arrays (p, k), (q, k)
        Weights of the variables in the variates, which have variance one.
    x_loadings_, y_loadings_ : arrays (p, k), (q, k)
        Correlations of the variables with the variates of their own set.
    mean_ : array (p + q,)
    covariance_ : array (p + q, p + q)
        That the model implies.
    fit_ : Fit
    converged_ : bool
    n_iter_, n_features_in_ : int

    References
    ----------
    Hotelling 1936, Biometrika 28:321. Bach & Jordan 2005, *A probabilistic interpretation of canonical correlation
    analysis*, technical report 688, Berkeley.

    Examples
    --------
    >>> import emkit
    >>> X = emkit.load_data("iris").numeric()[0]
    >>> emkit.CanonicalCorrelation(2).fit(X[:, :2], X[:, 2:]).correlations_.round(3)
    array([0.941, 0.124])
    """

    _takes_missing: ClassVar[bool] = True
    _needs_target: ClassVar[bool] = True
    partial_fit: Any = WholeFitOnly()
    n_init: int = 1  # every start is the same

    def __init__(
        self,
        n_components: int = 1,
        *,
        tol: float = 1e-6,
        max_iter: int = 1000,
        solver: Solver | Literal["auto"] = "auto",
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def fit(self, X: Any, Y: Any = None, sample_weight: Any = None, *, checkpoint: Any = None) -> Self:
        """Fit to two sets of columns, `X` (n, p) and `Y` (n, q) of the same rows.

        Raises
        ------
        DataError
            If the numbers of rows differ, a column is constant or empty, or columns determine one another.
        ParameterError
            If `n_components` is not between 1 and the smaller number of columns.
        """
        if Y is None:
            message = f"{type(self).__name__} requires y to be passed, but the target y is None"
            raise DataError(message)
        left = self._fit_source(X, sample_weight, self.n_threads)
        right = as_source(_as_columns(Y), n_threads=self.n_threads)
        model = self._checked_model(left.n_features, right.n_features)
        source = _side_by_side(left, right)
        _check_spread(source)
        _check_together(source, left.n_features)
        if not source.has_missing:
            check_rank(source, source.feature_names)
        self._checkpoint = checkpoint
        try:
            fit = self._maximised(model, source)
        finally:
            del self._checkpoint
        self._adopt(fit, source)
        warn_of(self.fit_)
        return self

    def _model(self) -> Canonical:
        return Canonical(int(self.n_components), self.n_features_in_)

    def _checked_model(self, p: int, q: int) -> Canonical:
        k = self.n_components
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= min(p, q):
            message = (
                f"`n_components` must be an integer from 1 to {min(p, q)}, the smaller number of columns, got {k!r}"
            )
            raise ParameterError(message)
        return Canonical(int(k), p)

    def _adopt_parameters(self, model: Canonical, parameters: CanonicalParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        p, k, cov = model.n_left, model.n_components, parameters.cov
        pairs = canonical_pairs(cov, p)
        self.correlations_ = pairs.correlations[:k]
        self.x_weights_, self.y_weights_ = pairs.x_weights[:, :k], pairs.y_weights[:, :k]
        sd = np.sqrt(np.diag(cov))[:, None]
        self.x_loadings_ = cov[:p, :p] @ self.x_weights_ / sd[:p]
        self.y_loadings_ = cov[p:, p:] @ self.y_weights_ / sd[p:]
        self.mean_, self.covariance_ = parameters.mean, cov

    # --- answers ---

    def transform(self, X: Any = None, Y: Any = None) -> Any:
        """Return the variates of each set, (n, k) each: expected given all that is observed of a row.

        Parameters
        ----------
        X : array (n, p), or None where that side is missing altogether
        Y : array (n, q), or None likewise

        Returns
        -------
        x_scores, y_scores : arrays (n, k)
            Only the former where `Y` is not given: of the rows of `X` alone.
        """
        filled = self._completed(X, Y)
        p = self.model_.n_left
        x_scores = (filled[:, :p] - self.mean_[:p]) @ self.x_weights_
        y_scores = (filled[:, p:] - self.mean_[p:]) @ self.y_weights_
        return x_scores if Y is None else (x_scores, y_scores)

    def fit_transform(self, X: Any, Y: Any = None, sample_weight: Any = None) -> Any:
        """Fit, and return the variates of the same rows."""
        return self.fit(X, Y, sample_weight).transform(X, Y)

    def predict(self, X: Any) -> FloatArray:
        """Return the expected `Y` (n, q) given `X` (n, p)."""
        return self._completed(X, None)[:, self.model_.n_left :]

    def latent(self, X: Any = None, Y: Any = None) -> FloatArray:
        """Return the expected shared variables z (n, k) given what is observed of each row, on one side or both.

        With variates a and b of correlation r the mean of z is (a + b) sqrt(r) / (1 + r), from complete rows; a side
        that is missing is filled in.
        """
        self._check_fitted()
        filled, root = self._completed(X, Y), np.sqrt(self.correlations_)
        p = self.model_.n_left
        a = (filled[:, :p] - self.mean_[:p]) @ self.x_weights_
        b = (filled[:, p:] - self.mean_[p:]) @ self.y_weights_
        return np.asarray((a + b) * root / (1 + self.correlations_))

    def _completed(self, X: Any, Y: Any) -> FloatArray:
        """Return rows (n, p + q) with missing entries at their means given the others."""
        self._check_fitted()
        if X is None and Y is None:
            message = "give `X` or `Y`, or both"
            raise DataError(message)
        q = self.covariance_.shape[0] - self.n_features_in_
        left = None if X is None else _rows(self._new_source(X, None, self.n_threads))
        right = None if Y is None else _rows(as_source(_as_columns(Y), allow_missing_columns=True))
        n = len(left) if left is not None else len(right) if right is not None else 0
        left = np.full((n, self.n_features_in_), np.nan) if left is None else left
        right = np.full((n, q), np.nan) if right is None else right
        if right.shape != (n, q):
            message = f"expected `Y` of shape ({n}, {q}), got {right.shape}"
            raise DataError(message)
        return _filled(self.mean_, self.covariance_, np.hstack([left, right]))

    def tests(self) -> CanonicalTests:
        """Return Bartlett's tests of how many pairs are correlated (Bartlett 1947, JRSS 9:176).

        They need all canonical correlations, so a model with all pairs is fitted where this one has fewer. With
        missing entries the number of rows stands for more information than there is: read them with care.

        Raises
        ------
        ParameterError
            If the estimator was loaded from a file, and holds no rows.
        """
        self._check_fitted()
        p, d = self.model_.n_left, len(self.mean_)
        q = d - p
        cov = self.covariance_
        if self.model_.n_components < min(p, q):
            if self.fit_.given is None:
                message = "this fit holds no rows to fit all pairs to: fit once more, then ask"
                raise ParameterError(message)
            cov = maximise(Canonical(min(p, q), p), self.fit_.given, n_starts=1, tol=self.tol).parameters.cov
        r = canonical_pairs(cov, p).correlations
        left = np.cumsum(np.log1p(-(r**2))[::-1])[::-1]
        m = np.arange(len(r))
        statistic = -(self.fit_.weight - 1 - (d + 1) / 2) * left
        dof = (p - m) * (q - m)
        return CanonicalTests(r, np.exp(left), statistic, dof, chi2.sf(statistic, dof))

    def score(self, X: Any, Y: Any, sample_weight: Any = None) -> float:
        """Return the mean log-density per row of what is observed of both sets."""
        left = self._new_source(X, sample_weight, self.n_threads)
        source = _side_by_side(left, as_source(_as_columns(Y), allow_missing_columns=True))
        return self._loglik(source) / source.total_weight

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[FloatArray, FloatArray]:
        """Return new rows of both sets, (n, p) and (n, q)."""
        self._check_fitted()
        rows = self.model_.sample(self.parameters_, int(n_samples), generator_of(random_state))
        return rows[:, : self.n_features_in_], rows[:, self.n_features_in_ :]


def _filled(mean: FloatArray, cov: FloatArray, X: Array) -> FloatArray:
    """Return rows with missing entries at their means given the observed ones."""
    whole = np.array(X, dtype=np.float64)
    for rows, seen in patterns(X):
        if seen.all():
            continue
        slope = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, ~seen)])
        whole[np.ix_(rows, ~seen)] = mean[~seen] + (whole[np.ix_(rows, seen)] - mean[seen]) @ slope
    return whole


def _as_columns(Y: Any) -> Any:
    """Return a single column of responses as a table."""
    if getattr(Y, "ndim", None) == 1:
        return np.asarray(Y.to_numpy() if hasattr(Y, "to_numpy") else Y)[:, None]
    return Y


def _rows(source: Source) -> FloatArray:
    return np.concatenate([np.asarray(block.X, dtype=np.float64) for block in source.blocks()])


def _side_by_side(left: Source, right: Source) -> MemorySource:
    if left.n_rows != right.n_rows:
        message = f"`X` and `Y` must have the same rows, got {left.n_rows} and {right.n_rows}"
        raise DataError(message)
    weights = np.concatenate([block.weights for block in left.blocks()]) if left.is_weighted else None
    names = [
        source.feature_names or tuple(f"{mark}{j}" for j in range(source.n_features))
        for mark, source in (("x", left), ("y", right))
    ]
    both = names[0] + names[1]
    both = (
        both if len(set(both)) == len(both) else tuple(f"X {n}" for n in names[0]) + tuple(f"Y {n}" for n in names[1])
    )
    return MemorySource(
        np.ascontiguousarray(np.hstack([_rows(left), _rows(right)])),
        weights,
        feature_names=both,
        n_threads=left.n_threads,
    )


def _check_together(source: Source, p: int) -> None:
    """Raise if no row holds entries of both sets.

    Raises
    ------
    DataError
    """

    def together(block: Any) -> int:
        seen = ~np.isnan(block.X[block.weights > 0])
        return int((seen[:, :p].any(axis=1) & seen[:, p:].any(axis=1)).sum())

    if source.reduce(together) < 2:
        message = "fewer than 2 rows hold entries of both sets: nothing can be learnt of what they have in common"
        raise DataError(message)


def _check_spread(source: Source) -> None:
    """Raise if a column does not vary.

    Raises
    ------
    DataError
    """
    names = source.feature_names
    assert names is not None, "named above"
    constant = np.flatnonzero(source.column_moments().var <= 0)
    if len(constant):
        message = f"column {names[constant[0]]!r} is constant: it has no correlations; leave it out"
        raise DataError(message)
