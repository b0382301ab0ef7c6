"""Several completed data sets, whose spread says how much the missing entries leave open."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal, Self

import numpy as np

from emkit.core import Fit, QuasiNewton, Status, maximise
from emkit.core.arrays import FloatArray
from emkit.core.parameters import ParametersChart
from emkit.data import MemorySource, Source
from emkit.data.threads import consume_in_order
from emkit.errors import DataError, DegenerateWarning, ParameterError
from emkit.families.normal import Normal, NormalParameters
from emkit.missing.bounds import limits_of
from emkit.missing.conditional import filled
from emkit.missing.normal import NormalEstimator, WholeFitOnly
from emkit.missing.overimputation import Overimputed, overimputed
from emkit.missing.panel import Panel
from emkit.missing.pooling import Pooled, pool
from emkit.randomness import generator_of

__all__ = ["MultipleImputer", "resampled"]

_RESAMPLES = 1000  # bootstrap samples drawn until one observes every column twice


class MultipleImputer(NormalEstimator):
    """Fill in missing entries several times over: the rows are normal, and so unsure is what is not observed.

    Each completed data set comes from parameters of its own, so that the spread between the sets holds the
    uncertainty of the parameters as well as that of the entries. Analyse each and `pool` the answers.

    Parameters
    ----------
    n_imputations : int, default 20
    method : "bootstrap" or "posterior", default "bootstrap"
        How parameters are drawn. "bootstrap" fits each to a sample of the rows with replacement, as Amelia does;
        "posterior" draws from the normal limit of the posterior in log-Cholesky coordinates: quicker for many
        imputations and few columns, good for many rows.
    prior_rows : float, default 0
        See `missing.MultivariateNormal`.
    bounds : mapping of column to (low, high), optional
        Columns by name or number; draws outside are repeated, and moved to the limit after a hundred.
    panel : Panel, optional
        Trends, lags and leads of units observed over time.
    tol : float, default 1e-6
    max_iter : int, default 1000
    random_state : int, Generator or None
        Seeds the draws of the parameters and of the entries.
    n_threads : int, optional
        It changes no digit.

    Attributes
    ----------
    fit_ : Fit
        To all rows.
    draws_ : list of NormalParameters
        Of each imputation.
    seed_ : int
        Of the draws of the entries.
    mean_, covariance_ : arrays (d,), (d, d)
        Of the fit to all rows; with a panel, of its extra columns too.

    References
    ----------
    Honaker & King 2010, American Journal of Political Science 54:561. Rubin 1987, Multiple Imputation.

    Examples
    --------
    >>> import emkit
    >>> from emkit.missing import MultipleImputer
    >>> air = emkit.load_data("airquality")
    >>> imputer = MultipleImputer(n_imputations=3, random_state=0).fit(air)
    >>> [filled.shape for filled in imputer.impute(air)]
    [(153, 6), (153, 6), (153, 6)]
    """

    partial_fit: Any = WholeFitOnly()

    def __init__(
        self,
        *,
        n_imputations: int = 20,
        method: Literal["bootstrap", "posterior"] = "bootstrap",
        prior_rows: float = 0.0,
        bounds: Any = None,
        panel: Panel | None = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_imputations = n_imputations
        self.method = method
        self.prior_rows = prior_rows
        self.bounds = bounds
        self.panel = panel
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_threads = n_threads

    # --- fitting ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, checkpoint: Any = None) -> Self:
        """Fit to rows `X` (n, d), with case weights (n,) if given, and draw the parameters; `y` is ignored."""
        given = self._fit_source(X, sample_weight, self.n_threads)
        limits_of(self.bounds, given.feature_names, given.n_features)
        source = self._extended(given)
        model = self._model()
        self._check_rows(model, source)
        self._fit_made(model, source, checkpoint)
        rng = generator_of(self.random_state)
        seeds = [int(seed) for seed in rng.integers(2**62, size=self.n_imputations)]
        self.seed_ = int(rng.integers(2**62))
        draw = self._bootstrap if self.method == "bootstrap" else self._posterior
        self.draws_ = draw(source, seeds)
        return self

    def _model(self) -> Normal:
        if self.method not in ("bootstrap", "posterior"):
            message = f'`method` must be "bootstrap" or "posterior", got {self.method!r}'
            raise ParameterError(message)
        if not (isinstance(self.n_imputations, (int, np.integer)) and self.n_imputations >= 1):
            message = f"`n_imputations` must be a whole number of at least 1, got {self.n_imputations!r}"
            raise ParameterError(message)
        return super()._model()

    def _extended(self, source: Source) -> Source:
        """Return the rows with the columns of the panel, if there is one."""
        if self.panel is None:
            self._kept = np.arange(source.n_features)
            return source
        blocks = list(source.blocks())
        X = np.concatenate([np.asarray(block.X, dtype=np.float64) for block in blocks])
        wide, self._kept = self.panel.extra(X, source.feature_names)
        weights = np.concatenate([block.weights for block in blocks]) if source.is_weighted else None
        return MemorySource(np.ascontiguousarray(wide), weights, n_threads=source.n_threads)

    def _bootstrap(self, source: Source, seeds: list[int]) -> list[NormalParameters]:
        fits: list[Fit] = []
        consume_in_order(lambda seed: self._refit(source, seed), seeds, fits.append, source.n_threads)
        bad = sum(fit.status is Status.DEGENERATE for fit in fits)
        if bad and self.fit_.status is not Status.DEGENERATE:
            message = (
                f"the covariance of {bad} of {len(fits)} bootstrap samples is singular: set `prior_rows` "
                "(5 is a mild choice), or leave out columns that others determine"
            )
            warnings.warn(message, DegenerateWarning, stacklevel=4)
        return [fit.parameters for fit in fits]

    def _refit(self, source: Source, seed: int) -> Fit:
        sample = resampled(source, np.random.default_rng(seed))
        return maximise(
            self._model(),
            sample,
            start=self.fit_.parameters,  # the answer of all rows is near that of a sample
            solver=QuasiNewton(warm_up=2),
            tol=self.tol,
            max_iter=self.max_iter,
        )

    def _posterior(self, source: Source, seeds: list[int]) -> list[NormalParameters]:
        from scipy.linalg import solve_triangular

        from emkit.core.information import observed_information
        from emkit.core.problem import Problem

        found = observed_information(Problem(self.fit_.model, self.fit_.source), self.fit_.parameters)
        try:
            factor = np.linalg.cholesky(found.observed)
        except np.linalg.LinAlgError as error:
            message = (
                "the information is singular, so the posterior has no normal limit: columns never observed together, "
                'or too few rows? Set `prior_rows`, or use method="bootstrap"'
            )
            raise DataError(message) from error
        chart = ParametersChart(self.fit_.parameters)
        center = chart.to_vector(self.fit_.parameters)
        noise = [np.random.default_rng(seed).standard_normal(len(center)) for seed in seeds]
        return [chart.from_vector(center + solve_triangular(factor.T, e, lower=False)) for e in noise]

    # --- answers ---

    def impute(self, X: Any) -> list[FloatArray]:
        """Return completed copies of `X` (n, d), as many as imputations. Equal calls give equal draws."""
        return list(self.completed(X))

    def completed(self, X: Any) -> Iterator[FloatArray]:
        """Yield the completed copies of `X` one by one: only one is in memory."""
        given = self._new_source(X, None, self.n_threads)
        limits = limits_of(self.bounds, getattr(self, "feature_names_in_", None), self.n_features_in_)
        wide = self._extended(given)
        for number, parameters in enumerate(self.draws_):
            rng = np.random.default_rng([self.seed_, number])
            yield self._filled(parameters, given, wide, rng, limits)

    def _filled(self, parameters: Any, given: Source, wide: Source, rng: Any, limits: FloatArray | None) -> FloatArray:
        if self.panel is None:
            return filled(parameters, wide, rng, limits)
        done = np.concatenate([np.array(block.X, dtype=np.float64) for block in given.blocks()])
        if limits is not None:
            extra = wide.n_features - len(self._kept)
            free = np.array([np.full(extra, -np.inf), np.full(extra, np.inf)])
            limits = np.hstack([limits[:, self._kept], free])
        done[:, self._kept] = filled(parameters, wide, rng, limits)[:, : len(self._kept)]
        return done

    def pool(self, X: Any, estimate: Callable[[FloatArray], tuple[Any, Any]], *, n: float | None = None) -> Pooled:
        """Return an estimate pooled over the completed copies of `X` by Rubin's rules.

        Parameters
        ----------
        X : array (n, d)
        estimate : callable
            Takes a completed copy (n, d); returns estimates (p,) and their covariance (p, p) or squared standard
            errors (p,).
        n : float, optional
            Rows of the data, for the degrees of freedom of Barnard & Rubin.
        """
        answers = [estimate(done) for done in self.completed(X)]
        return pool([a for a, _ in answers], [b for _, b in answers], n)

    def overimpute(self, X: Any, *, level: float = 0.9) -> Overimputed:
        """Return each observed entry as it would be imputed were it missing: how far the model can be trusted.

        About `level` of the intervals should hold the value observed.
        """
        if not 0 < level < 1:
            message = f"`level` must lie between 0 and 1, got {level!r}"
            raise ParameterError(message)
        wide = self._extended(self._new_source(X, None, self.n_threads))
        rows = np.concatenate([np.asarray(block.X, dtype=np.float64) for block in wide.blocks()])
        return overimputed(self.draws_, rows, self._kept, level)


def resampled(source: Source, rng: np.random.Generator) -> Source:
    """Return a bootstrap sample of the rows that observes every column in two of them at least."""
    blocks = list(source.blocks())
    weights = np.concatenate([block.weights for block in blocks])
    share, n = weights / weights.sum(), int(np.count_nonzero(weights))
    for _ in range(_RESAMPLES):
        counts = rng.multinomial(n, share)
        seen = sum((~np.isnan(b.X[counts[b.start : b.start + len(b.X)] > 0])).sum(axis=0) for b in blocks)
        if (seen >= 2).all():
            return source.with_weights(counts * (weights.sum() / n)).with_threads(1)
    message = 'a column is observed in so few rows that samples of the rows miss it: use method="posterior"'
    raise DataError(message)
