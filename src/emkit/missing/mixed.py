"""Filling in tables of numbers and categories."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np

from emkit.core import QuasiNewton, Solver, maximise
from emkit.core.arrays import FloatArray
from emkit.data import MemorySource, Source, Table
from emkit.data.checks import checked_weights
from emkit.data.threads import consume_in_order, resolve_threads
from emkit.errors import ParameterError
from emkit.estimator import ModelEstimator, warn_of
from emkit.missing.bounds import limits_of
from emkit.missing.coding import Coding, coding_of, columns_of
from emkit.missing.location import GeneralLocation, LocationParameters
from emkit.missing.multiple import resampled
from emkit.missing.normal import WholeFitOnly
from emkit.randomness import generator_of

__all__ = ["MixedImputer"]


class MixedImputer(ModelEstimator):
    """Fill in missing numbers and categories of a table, each given all that is observed in its row.

    Categories and normal columns have the general location model (`missing.location`): any dependence among the
    categories, means that follow their main effects, one covariance.

    Parameters
    ----------
    categorical : sequence of columns, optional
        Columns of numbers that are categories, by name or number. Columns of text always are.
    ordered : mapping of column to its categories from low to high, optional
        Ordered categories act on the means by an even score: fewer parameters.
    method : "mean" or "draw", default "mean"
        What `transform` fills in: means and most probable categories, or draws.
    n_imputations : int, default 0
        Copies that `impute` returns, each drawn from parameters fitted to a bootstrap sample of the rows.
    spread_rows : float, default 1
        Rows that are spread evenly over all combinations of the categories, so that one not seen is not impossible.
    bounds : mapping of column to (low, high), optional
        Of continuous columns; what is outside is moved to the limit.
    tol : float, default 1e-6
    max_iter : int, default 1000
    random_state : int, Generator or None
    n_threads : int, optional

    Attributes
    ----------
    coding_ : Coding
        Continuous columns, and the categories of the others.
    fit_ : Fit
    draws_ : list of LocationParameters

    Notes
    -----
    The cost grows with rows times combinations of categories, of which 4096 are the most. Continuous columns that are
    far from normal within the categories are better transformed first.

    Examples
    --------
    >>> from emkit.missing import MixedImputer
    >>> table = {"height": [1.7, 1.8, 1.6, None, 1.9, 1.5], "sex": ["f", "m", "f", "m", None, "f"]}
    >>> MixedImputer().fit(table).transform(table)["sex"].tolist()
    ['f', 'm', 'f', 'm', 'm', 'f']
    """

    partial_fit: Any = WholeFitOnly()

    def __init__(
        self,
        *,
        categorical: Any = None,
        ordered: Any = None,
        method: Literal["mean", "draw"] = "mean",
        n_imputations: int = 0,
        spread_rows: float = 1.0,
        bounds: Any = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.categorical = categorical
        self.ordered = ordered
        self.method = method
        self.n_imputations = n_imputations
        self.spread_rows = spread_rows
        self.bounds = bounds
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_threads = n_threads

    # --- fitting ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, checkpoint: Any = None) -> Self:
        """Fit to a table `X`: a data frame, `Table`, mapping of columns, or matrix; `y` is ignored."""
        columns = columns_of(X)
        self.coding_ = coding_of(columns, self.categorical, self.ordered)
        self.n_features_in_ = len(columns)
        self.feature_names_in_ = np.asarray(self.coding_.names, dtype=object)
        model, rows = self._model(), self.coding_.rows(X)
        limits_of(self.bounds, self.coding_.continuous, len(self.coding_.continuous))
        weights = None if sample_weight is None else checked_weights(sample_weight, len(rows))
        source = MemorySource(rows, weights, n_threads=resolve_threads(self.n_threads))
        self._checkpoint = checkpoint
        try:
            self._adopt(self._maximised(model, source), source)
        finally:
            del self._checkpoint
        warn_of(self.fit_)
        self._draw_parameters(source)
        return self

    def _model(self) -> GeneralLocation:
        if self.method not in ("mean", "draw"):
            message = f'`method` must be "mean" or "draw", got {self.method!r}'
            raise ParameterError(message)
        if not self.spread_rows >= 0:
            message = f"`spread_rows` must be at least 0, got {self.spread_rows!r}"
            raise ParameterError(message)
        return GeneralLocation(self.coding_.levels, self.coding_.ordered, float(self.spread_rows))

    def _n_starts(self, model: Any, source: Source) -> int:
        return 1

    def _solver(self) -> Solver | Literal["auto"]:
        return QuasiNewton(warm_up=4)

    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        self.model_, self.parameters_ = model, parameters

    def _draw_parameters(self, source: Source) -> None:
        rng = generator_of(self.random_state)
        seeds = [int(seed) for seed in rng.integers(2**62, size=self.n_imputations)]
        self.seed_ = int(rng.integers(2**62))
        self.draws_: list[LocationParameters] = []

        def refit(seed: int) -> Any:
            sample, start = resampled(source, np.random.default_rng(seed)), self.parameters_
            return maximise(
                self._model(), sample, start=start, solver=self._solver(), tol=self.tol, max_iter=self.max_iter
            ).parameters

        consume_in_order(refit, seeds, self.draws_.append, source.n_threads)

    # --- answers ---

    def transform(self, X: Any) -> Table:
        """Return the table without missing entries: means and most probable categories, or draws."""
        self._check_fitted()
        rng = None if self.method == "mean" else np.random.default_rng(self.seed_)
        return self._filled(self.coding_.rows(X), self.parameters_, rng)

    def impute(self, X: Any) -> list[Table]:
        """Return completed copies of the table, as many as `n_imputations`."""
        self._check_fitted()
        if not self.draws_:
            message = "set `n_imputations` before the fit to have copies that differ as the truth may"
            raise ParameterError(message)
        rows = self.coding_.rows(X)
        draws = enumerate(self.draws_)
        return [self._filled(rows, p, np.random.default_rng([self.seed_, number])) for number, p in draws]

    def uncertainty(self, X: Any) -> dict[str, FloatArray]:
        """Return how unsure each missing entry is, (n,) for each column; 0 where observed.

        The standard deviation of a number; the probability of another category than the most probable one.
        """
        self._check_fitted()
        rows = self.coding_.rows(X)
        found = {name: np.zeros(len(rows)) for name in self.coding_.names}
        mean, d = self.model_.design() @ self.parameters_.coef, len(self.coding_.continuous)
        for part in self.model_.parts(self.parameters_, rows, with_empty=True):
            moved = mean @ part.fill
            var = part.resp @ moved**2 - (part.resp @ moved) ** 2 + np.diag(part.left)
            sd = np.where(np.isnan(rows[part.rows, :d]), np.sqrt(np.maximum(var, 0.0)) * self.model_.unit, 0.0)
            for j, name in enumerate(self.coding_.continuous):
                found[name][part.rows] = sd[:, j]
            for name, prob in zip(self.coding_.categories, _marginals(part.resp, self.coding_), strict=True):
                found[name][part.rows] = 1 - prob.max(axis=1)
        return found

    def _filled(self, rows: FloatArray, parameters: LocationParameters, rng: np.random.Generator | None) -> Table:
        d, model, done = len(self.coding_.continuous), self.model_, rows.copy()
        mean, cells = model.design() @ parameters.coef, model.cells()
        for part in model.parts(parameters, rows, with_empty=True):
            moved = mean @ part.fill
            if rng is None:
                z = part.known + part.resp @ moved
                codes = np.stack([prob.argmax(axis=1) for prob in _marginals(part.resp, self.coding_)], axis=1)
            else:
                cell = (part.resp.cumsum(axis=1) < rng.random((len(part.rows), 1))).sum(axis=1)
                cell = np.minimum(cell, len(cells) - 1)
                z = part.known + moved[cell] + rng.standard_normal((len(part.rows), d)) @ _root(part.left)
                codes = cells[cell]
            done[part.rows] = np.hstack([model.center + model.unit * z, codes])
        limits = limits_of(self.bounds, self.coding_.continuous, d)
        if limits is not None:
            done[:, :d] = np.clip(done[:, :d], limits[0], limits[1])
        return self.coding_.table(np.where(np.isnan(rows), done, rows))


def _marginals(resp: FloatArray, coding: Coding) -> list[FloatArray]:
    """Return the probabilities (b, k) of the categories of each categorical column."""
    whole = resp.reshape(len(resp), *coding.levels)
    axes = range(1, whole.ndim)
    return [whole.sum(axis=tuple(a for a in axes if a != j)) for j in axes]


def _root(left: FloatArray) -> FloatArray:
    """Return a symmetric root (d, d) of a covariance that may be singular."""
    values, vectors = np.linalg.eigh(left)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
