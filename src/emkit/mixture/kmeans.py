"""k-means: the estimator. See `mixture._kmeans_model` for what it maximises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.spatial.distance import cdist

from emkit.core import Fit, Solver, Status
from emkit.core.arrays import Array, FloatArray
from emkit.data import Source
from emkit.errors import ParameterError, warn_convergence
from emkit.estimator import ModelEstimator, warn_of
from emkit.kernels import kmeans as kernel
from emkit.kernels.foreign import is_foreign, like, namespace
from emkit.mixture._kmeans_lloyd import Lloyd
from emkit.mixture._kmeans_model import KMeansModel, KMeansParameters

__all__ = ["KMeans"]


_STARTS = 8  # each finds the proven optimum of iris (k <= 10) or faithful (k <= 10) in four cases of ten or more
_FEW_ROWS = 4096  # of more, optima are fewer and a start costs more


class _LabelsOnDemand:
    """In place of labels that are not kept, as the rows are not in memory: they are found when asked for."""

    def __get__(self, instance: Any, owner: type) -> Any:
        source = None if instance is None else getattr(vars(instance).get("fit_"), "given", None)
        if source is None:
            message = f"{owner.__name__} has no labels_: it has no rows. `predict` finds those of any"
            raise AttributeError(message)
        return instance.predict(source)


class KMeans(ModelEstimator):
    """k-means: k centres that make the sum of squared distances from each row to its nearest centre small.

    Parameters
    ----------
    n_clusters : int, default 8
        Number of centres, k.
    init : "k-means++" or array (k, d)
        Where to start: greedy k-means++, or these centres alone.
    n_init : int or "auto"
        Starts. Each is a k-means run on (a sample of at most 16384 of) the rows, improved by moves of single rows and,
        where rows are few, by swaps of centres; the best climbs on all rows. "auto" makes eight, four of more than 4096
        rows, and one where there is one cluster or one variable, which is solved exactly.
    max_iter : int, default 300
        Iterations of each climb.
    tol : float, default 1e-6
        Log-likelihood still to be gained, as predicted, at which to stop (see Notes).
    random_state : int, Generator or None
        Seeds the starts.
    n_threads : int, optional
        Threads; all by default. Changes no bit of the result.
    on_iteration : callable, optional
        Called after each step; returning True stops the fit.

    Attributes
    ----------
    cluster_centers_ : array (k, d)
        By falling weight of their rows.
    labels_ : array (n,), int32
        Nearest centre of each row of the training data; of rows in files or on a cluster, found when asked for.
    inertia_ : float
        Weighted sum of squared distances of the rows to their centres.
    n_iter_ : int
        Iterations of the last climb.
    converged_ : bool
    fit_ : Fit
        The whole result; `fit_.starts` says what the starts found.
    n_features_in_ : int
    feature_names_in_ : array (d,) of str, where the data had names

    Notes
    -----
    What climbs is the classification log-likelihood of k spherical normal clusters of one variance, which is a falling
    function of the inertia I: -(n d / 2) log I up to constants. A gain of `tol` is a fall of the inertia by its part
    2 tol / (n d). Columns in large units count for more: scale them first if they should not. Missing entries are not
    taken; `GaussianMixture(covariance_type="spherical")` takes them.

    `partial_fit` follows batches: the centres of the first batch move to the weighted means of what came since, old
    batches fading; `labels_` and `inertia_` are then those of the last batch. There is no Q function, so neither
    `emkit.constrained` nor standard errors: fixed centres are a `GaussianMixture` of equal spherical covariances.

    Rows cost n k d per iteration at first and far less later: a row whose nearest centre cannot have changed is not
    looked at. Memory beyond the data is 12 bytes per row, and 4 where n_clusters * (d + 5) <= 160; of rows in files or
    on a cluster nothing is kept, and every pass looks at all of them.

    References
    ----------
    Lloyd 1982, *Least squares quantization in PCM*, IEEE Transactions on Information Theory 28:129.
    Hamerly 2010, *Making k-means even faster*, SIAM SDM.

    Examples
    --------
    >>> import emkit
    >>> X, names = emkit.load_data("iris").numeric()
    >>> kmeans = emkit.KMeans(n_clusters=3, random_state=0).fit(X)
    >>> round(kmeans.inertia_, 3)
    78.851
    """

    _kind: ClassVar[str | None] = "clusterer"
    _takes_missing: ClassVar[bool] = False
    labels_: Any = _LabelsOnDemand()

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: int | Literal["auto"] = "auto",
        max_iter: int = 300,
        tol: float = 1e-6,
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Find the centres, and return the nearest one (n,) of each row."""
        self._run(X, sample_weight)
        labels: Array = self.labels_
        return labels

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> FloatArray:
        """Find the centres, and return the distance (n, k) of each row to each of them."""
        return self._distances(self._run(X, sample_weight))

    def _model(self) -> KMeansModel:
        k = self.n_clusters
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            message = f"`n_clusters` must be an integer of at least 1, got {k!r}"
            raise ParameterError(message)
        return KMeansModel(int(k))

    def _check_rows(self, model: KMeansModel, source: Source) -> None:
        n_rows = source.n_used
        if n_rows < model.n_clusters:
            message = (
                f"`X` has n_samples={n_rows} rows (of positive weight) but `n_clusters` is {model.n_clusters}; "
                f"use at most {n_rows} clusters or more rows"
            )
            raise ParameterError(message)

    def _takes_device(self) -> bool:
        return True

    def _solver(self) -> Solver:
        return Lloyd()

    def _n_starts(self, model: KMeansModel, source: Source) -> Any:
        if self.n_init != "auto":
            return self.n_init
        if model.n_clusters == 1 or source.n_features == 1:
            return 1
        return _STARTS if source.n_rows <= _FEW_ROWS else _STARTS // 2

    def _start(self, model: KMeansModel, source: Source) -> KMeansParameters | None:
        if isinstance(self.init, str):
            if self.init != "k-means++":
                message = f'`init` must be "k-means++" or an array of centres (k, d), got {self.init!r}'
                raise ParameterError(message)
            return None
        centers = np.array(self.init, dtype=np.float64)
        expected = (model.n_clusters, source.n_features)
        if centers.shape != expected or not np.isfinite(centers).all():
            message = f"`init` must hold finite centres of shape (k, d) = {expected}, got shape {centers.shape}"
            raise ParameterError(message)
        spread = float(np.sum(source.column_moments().var)) * source.total_weight
        return model.parameters(centers, spread, source.total_weight)

    def _adopt(self, fit: Fit, source: Source) -> None:
        """Take over the centres in single or double precision as the data are, by falling weight of their rows."""
        found = fit.parameters.centers.astype(source.dtype, copy=False)
        done = source.map(_assigning(found, keeps_rows=source.is_in_memory))
        count = np.asarray(sum(part.count for part in done))
        order = np.lexsort((*found.T[::-1], -count))
        if fit.status is Status.PARTIAL:  # the centres of a stream keep their places
            order = np.arange(len(found))
        ordered = replace(fit, parameters=replace(fit.parameters, centers=fit.parameters.centers[order]))
        super()._adopt(ordered, source)
        self.cluster_centers_ = found[order]
        self.__dict__.pop("labels_", None)
        if source.is_in_memory:
            self.labels_ = np.argsort(order).astype(np.int32)[np.concatenate([part.labels for part in done])]
        self.inertia_ = float(sum(part.inertia for part in done))
        self._n_filled = int(np.count_nonzero(count))

    def _adopt_parameters(self, model: KMeansModel, parameters: KMeansParameters) -> None:
        self.model_, self.parameters_ = model, parameters

    def _warn(self) -> None:
        if self._n_filled < self.fit_.model.n_clusters:
            warn_convergence(
                f"Number of distinct clusters ({self._n_filled}) found smaller than n_clusters "
                f"({self.fit_.model.n_clusters}): there are only so many distinct rows. Use fewer clusters.",
                stacklevel=4,
            )
        else:
            warn_of(self.fit_, stacklevel=4)

    @property
    def _centers(self) -> FloatArray:
        return np.asarray(self.cluster_centers_, dtype=np.float64)

    # --- answers ---

    def predict(self, X: Any) -> Array:
        """Return the nearest centre (n,), int32, of each row."""
        source = self._new_source(X, None, self.n_threads)
        centers = self._centers
        labels: Array = source.joined(lambda block: kernel.assign(block.X, None, centers).labels)
        return labels

    def transform(self, X: Any) -> FloatArray:
        """Return the distance (n, k) of each row to each centre."""
        return self._distances(self._new_source(X, None, self.n_threads))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return minus the inertia of rows `X` at the centres found; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        centers = self._centers
        return -float(sum(source.map(lambda block: kernel.assign(block.X, block.kernel_weights, centers).inertia)))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names (k,) of what `transform` returns."""
        self._check_fitted()
        return np.asarray([f"kmeans{j}" for j in range(len(self.cluster_centers_))], dtype=object)

    def _distances(self, source: Source) -> FloatArray:
        centers, kind = self._centers, source.dtype
        distances: FloatArray = source.joined(lambda block: _gaps(block.X, centers, kind))
        return distances


def _gaps(X: Any, centers: FloatArray, kind: Any) -> Any:
    """Return the distance (n, k) of each row to each centre, in the precision of the data."""
    if not is_foreign(X):
        return cdist(np.asarray(X, dtype=np.float64), centers).astype(kind, copy=False)
    xp = namespace(X)
    rows = xp.asarray(X, dtype=xp.float64)
    gaps = [xp.sqrt(xp.sum((rows - like(X, center)) ** 2, axis=1)) for center in centers]
    return xp.asarray(xp.stack(gaps, axis=1), dtype=X.dtype)


def _assigning(centers: Array, *, keeps_rows: bool) -> Callable[[Any], kernel.Assignment]:
    """Return the function from a block to what its rows have nearest; sums alone where rows are too many to keep."""
    double = np.asarray(centers, dtype=np.float64)

    def assigned(block: Any) -> kernel.Assignment:
        done = kernel.assign(block.X, block.kernel_weights, double)
        return done if keeps_rows else done._replace(labels=None, squared=None)

    return assigned
