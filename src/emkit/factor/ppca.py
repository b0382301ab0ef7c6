"""Probabilistic principal components: the estimator."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from emkit.core import Fit, Solver
from emkit.core.arrays import FloatArray
from emkit.data import Source
from emkit.errors import DataError, ParameterError
from emkit.factor._base import FactorEstimator
from emkit.factor.indices import FitIndices
from emkit.factor.low_rank import LowRank
from emkit.factor.model import FactorModel
from emkit.factor.structure import FactorParameters, Isotropic

__all__ = ["ProbabilisticPCA"]

_COLUMNS = 256  # up to so many columns complete rows are compressed to their covariance


class ProbabilisticPCA(FactorEstimator):
    """Principal components by maximum likelihood, with missing entries: also a completer of large matrices.

    Each row is x = mean + W z + e with z ~ N(0, I_k) and e_j ~ N(0, v). NaN entries are missing at random and
    integrated out exactly. Without any the answer is that of principal component analysis, in closed form.

    Parameters
    ----------
    n_components : int, default 1
    n_init, tol, max_iter, start, solver, random_state, n_threads, on_iteration
        As for `FactorAnalysis`.

    Attributes
    ----------
    components_ : array (k, d)
        Principal axes of length one.
    explained_variance_ : array (k,)
        Variance along each axis, noise included: the eigenvalues of the model's covariance.
    explained_variance_ratio_ : array (k,)
    noise_variance_ : float
    loadings_ : array (d, k)
        W, its columns orthogonal and falling in length.
    mean_, converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `FactorAnalysis`.

    Notes
    -----
    Complete rows of up to 256 columns are solved from their covariance. Otherwise an iteration costs n d k^2
    multiplications and memory for d k^2 numbers, so that 1e5 columns are no obstacle.

    References
    ----------
    Tipping & Bishop 1999, *Probabilistic principal component analysis*, JRSS B 61:611.

    Examples
    --------
    >>> import emkit
    >>> X, names = emkit.load_data("iris").numeric()
    >>> pca = emkit.ProbabilisticPCA(n_components=2).fit(X)
    >>> pca.explained_variance_.round(3)
    array([4.2  , 0.241])
    """

    _kind: ClassVar[str | None] = "transformer"
    _needs_inverse: ClassVar[bool] = False

    def __init__(
        self,
        n_components: int = 1,
        *,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    def _model(self) -> Any:
        k = self.n_components
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            message = f"`n_components` must be an integer of at least 1, got {k!r}"
            raise ParameterError(message)
        return LowRank(int(k))

    def _maximised(self, model: Any, source: Source) -> Fit:
        if not source.has_missing and source.n_features <= _COLUMNS:
            model = FactorModel(Isotropic(model.n_components))
        return super()._maximised(model, source)

    def _check_rows(self, model: Any, source: Source) -> None:
        super()._check_rows(model, source)
        if not self.n_components < source.n_features:
            message = (
                f"`n_components` is {self.n_components} but `X` has {source.n_features} features; "
                f"use at most {source.n_features - 1}"
            )
            raise ParameterError(message)

    def _n_starts(self, model: Any, source: Any) -> int | Literal["auto"]:
        return 1 if self.n_init == "auto" else self.n_init

    def _adopt_parameters(self, model: Any, parameters: FactorParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        shown = Isotropic(self.n_components).shown(parameters)
        length = np.sqrt((shown.loadings**2).sum(axis=0))
        self.rotation_matrix_, self.loadings_, self.mean_ = shown.matrix, shown.loadings, parameters.mean
        self.components_ = (shown.loadings / np.where(length > 0, length, 1.0)).T
        self.noise_variance_ = float(parameters.uniqueness[0])
        self.explained_variance_ = length**2 + self.noise_variance_
        total = (length**2).sum() + len(self.mean_) * self.noise_variance_
        self.explained_variance_ratio_ = self.explained_variance_ / total

    def _indices(self, fit: Fit, source: Any) -> FitIndices | None:
        return None

    def inverse_transform(self, scores: Any) -> FloatArray:
        """Return the rows (n, d) expected for component scores (n, k)."""
        self._check_fitted()
        given, k = np.asarray(scores, dtype=np.float64), self.loadings_.shape[1]
        if given.ndim != 2 or given.shape[1] != k:
            message = f"expected component scores (n, {k}), got shape {given.shape}"
            raise DataError(message)
        rows: FloatArray = self.mean_ + given @ self.loadings_.T
        return rows

    def impute(self, X: Any) -> FloatArray:
        """Return a copy of `X` (n, d) with each missing entry at its mean given those observed in its row."""
        source = self._new_source(X, None, self.n_threads)
        model = LowRank(self.n_components)
        return np.concatenate(source.map(lambda block: model.filled(self.parameters_, block)))
