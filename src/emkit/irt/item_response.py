"""Item response models: the estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Fit, QuasiNewton, RobbinsMonro, Solver, maximise
from emkit.core.constrained import constrain, entered
from emkit.data import Source, as_source
from emkit.data.checks import checked_weights
from emkit.data.threads import resolve_threads
from emkit.errors import ParameterError
from emkit.estimator import ModelEstimator, warn_of
from emkit.irt import build
from emkit.irt.answers import ItemResponseAnswers
from emkit.irt.checking import check_identified, warn_of_separate_forms
from emkit.irt.choices import LatentChoice
from emkit.irt.climbing import on_draws, on_grids, on_own_places
from emkit.irt.coding import MISSING, coded_source
from emkit.irt.covariates import CovariateLayout
from emkit.irt.fit_answers import ItemResponseFit
from emkit.irt.forms import ItemTable, item_table, slope_intercept
from emkit.irt.grids import Grid, QuasiMonteCarlo, default_grid
from emkit.irt.groups import GroupLayout
from emkit.irt.model import ItemResponse, ItemResponseParameters
from emkit.irt.placed import Adaptive
from emkit.irt.responses import Responses, read_responses
from emkit.irt.standard import standardized
from emkit.randomness import generator_of

__all__ = ["ItemResponseModel"]


class ItemResponseModel(ItemResponseAnswers, ItemResponseFit, ModelEstimator):
    """Item response model by marginal maximum likelihood.

    Each person has a latent variable (ability, attitude); each item has curves that say how likely its answers are at
    each value of it. Items may be of different types in one test; answers may be missing, which is exact; answers are
    whole numbers in rising order, from any number on, or words whose order (`levels`) or key is given.

    Parameters
    ----------
    item_type : str, sequence or mapping by item, default "2PL"
        "Rasch", "1PL", "2PL", "3PL", "3PLu" (an upper asymptote), "4PL", "graded", "grsm" (graded with common
        distances), "rsm" (rating scale), "pcm", "gpcm", "nominal", "sequential", "Tutz". With "Rasch", "rsm", "pcm" and
        "Tutz" slopes are one and the latent variance is free; with the others it is one.
    n_factors : int, default 1
    loadings : array (j, F) of bool, optional
        Which factors each item loads on (confirmatory). Exploratory where None. "Rasch", "pcm", "rsm" and "Tutz" items
        have slopes of one on the factors they load on, whose variances are then free.
    specific : sequence or mapping by item, optional
        Bifactor and testlet models: the label of the specific factor of each item, None for an item without one. All
        items load on a general factor besides, factors are independent, and integrals over specific factors are taken
        one by one, so that there may be many. Leave `n_factors` at 1.
    key : sequence or mapping by item, optional
        The right answers to multiple-choice items, which are then scored 1 and 0.
    levels : sequence or mapping by item, optional
        Possible answers in rising order.
    priors : mapping of "slope", "intercept", "guess", "upper" to `Prior`, optional
        Maximum a posteriori. Asymptotes have priors of their own, `LogitNormalPrior(-1.386, 0.5)` for "guess" and
        `LogitNormalPrior(2.944, 0.5)` for "upper": their likelihoods are so flat that estimates without one run off.
        None in place of a prior is none.
    density : "normal", "histogram" or "davidian-k", default "normal"
        The latent distribution: normal, a probability at each node (the empirical histogram), or a Davidian curve, a
        normal density times the square of a polynomial of degree k from 1 to 10. The likelihood of a histogram is so
        flat, and its maximum so rough, that `tol` is then 1e-3 at least. The mean of both is zero and the variance one
        (in the first group).
    factor_correlation : "none" or "free", default "none"
        Of several factors, whose `loadings` are then to be given: their correlations are in `latent_correlation_`.
        In an exploratory model of several groups those of all groups but the first are free.
    free_items : sequence of str, or "all", default ()
        With groups: items whose parameters differ among them; all others are anchors. The first group (in sorted order)
        has mean 0 (and variance 1), the others' are free unless all items are.
    quadrature : Grid or Adaptive, optional
        `Equispaced()` where None: nodes 0.2 apart on -7.5 to 7.5 (further apart with several factors), widened and
        refined as the latent distribution and the posteriors ask for. Or `GaussHermite(n_points)`, or your own points.
        `Adaptive()` places nodes around the mode of each person's posterior, which needs few of them (normal latent
        variables).
    tol : float, default 1e-8
        Log-likelihood still to be gained at which the climb ends.
    max_iter, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`; "auto" is `QuasiNewton(warm_up=1)`, as the likelihood has one optimum in most cases.

    Attributes
    ----------
    coef_ : ItemTable
        Slopes `a1` ..., intercepts `d` or `d1` ..., asymptotes `g` and `u` of each item; `coef_["a1"]` is a column.
    latent_mean_, latent_var_ : array (groups,), or (groups, F)
    latent_correlation_ : array (F, F), or (groups, F, F)
        Where it is free.
    latent_coef_ : array (p,), or (p, F)
        Of the covariates, whose names are `covariate_names_`; `latent_var_` is then what they leave.
    categories_ : dict of item name to tuple
        The answers that an item's categories stand for.
    item_names_, groups_ : tuple
    fit_, converged_, n_iter_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import emkit
    >>> table = emkit.load_data("lsat7")
    >>> answers = {name: table[name] for name in ("q1", "q2", "q3", "q4", "q5")}
    >>> model = emkit.ItemResponseModel("2PL").fit(answers, sample_weight=table["freq"])
    >>> model.coef_["d"].round(3)
    array([1.856, 0.808, 1.805, 0.486, 1.854])
    >>> model.scores([[1, 1, 1, 1, 1], [0, 1, 0, 1, 1]]).theta.round(3)
    array([ 0.727, -0.703])
    """

    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        item_type: str | Sequence[str] | Mapping[str, str] = "2PL",
        n_factors: int = 1,
        *,
        loadings: Any = None,
        specific: Any = None,
        key: Any = None,
        levels: Any = None,
        priors: Mapping[str, Any] | None = None,
        density: str = "normal",
        factor_correlation: Literal["none", "free"] = "none",
        free_items: Sequence[str] | str = (),
        quadrature: Grid | Adaptive | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.item_type = item_type
        self.n_factors = n_factors
        self.loadings = loadings
        self.specific = specific
        self.key = key
        self.levels = levels
        self.priors = priors
        self.density = density
        self.factor_correlation = factor_correlation
        self.free_items = free_items
        self.quadrature = quadrature
        self.tol = tol
        self.max_iter = max_iter
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        group: Any = None,
        covariates: Any = None,
        checkpoint: Any = None,
    ) -> Self:
        """Fit to answers `X` of people by items; `y` is ignored.

        Parameters
        ----------
        X : array (n, j), data frame, or `Responses` (see `from_long`)
        sample_weight : array (n,), optional
            How often each row was observed: response patterns with their counts.
        group : array (n,), optional
            A label for each person.
        covariates : table (n, p), optional
            Of people: the mean of the latent variable is a linear function of them (latent regression). Words become
            indicators of all levels but the first. Item parameters are those at covariates of zero.
        checkpoint : path or emkit.Checkpoint, optional
            As for `GaussianMixture`.

        Raises
        ------
        DataError
            If `X` is no table of answers, or an item tells nothing; it names the item.
        ParameterError
            If an argument is out of range, or the model has more parameters than the answers can tell.

        Warns
        -----
        ConvergenceWarning, DegenerateWarning
            If the fit did not converge, or slopes ran off to infinity.
        DataWarning
            If nobody links two sets of items.
        """
        responses = read_responses(X, key=self.key, levels=self.levels)
        weights = checked_weights(sample_weight, len(responses.codes))
        build.check_answers(responses, weights)
        layout = GroupLayout.of(group, len(responses.codes), self.free_items, responses.names)
        explained = CovariateLayout() if covariates is None else CovariateLayout.of(covariates, weights)
        model = self._built(responses, layout, explained)
        check_identified(model, responses)
        warn_of_separate_forms(responses, stacklevel=2)
        self._remember(responses, layout, explained)
        source = self._source(responses, weights, group, covariates, self.n_threads)
        self._checkpoint = checkpoint
        try:
            self._adopt(self._maximised(model, source), source)
        finally:
            del self._checkpoint
        warn_of(self.fit_, stacklevel=2)
        return self

    def _model(self) -> ItemResponse:  # pragma: no cover
        message = "an item response model is built from its answers: call 'fit'"
        raise ParameterError(message)

    def _remember(self, responses: Responses, layout: GroupLayout, explained: CovariateLayout) -> None:
        self.item_names_ = responses.names
        self.categories_ = dict(zip(responses.names, responses.categories, strict=True))
        self.groups_, self.layout_ = layout.labels, layout
        self.explained_, self.covariate_names_ = explained, explained.labels
        self.n_features_in_ = responses.n_items
        self.__dict__.pop("feature_names_in_", None)
        if responses.has_names:
            self.feature_names_in_ = np.asarray(responses.names, dtype=object)

    def _built(self, responses: Responses, layout: GroupLayout, explained: CovariateLayout) -> ItemResponse:
        if isinstance(self.n_factors, bool) or not isinstance(self.n_factors, (int, np.integer)) or self.n_factors < 1:
            message = f"`n_factors` must be an integer of at least 1, got {self.n_factors!r}"
            raise ParameterError(message)
        n_factors, n_items = int(self.n_factors), responses.n_items
        options = (self.density, self.factor_correlation, n_factors, self.loadings is not None)
        is_placed = isinstance(self.quadrature, Adaptive) or isinstance(self.solver, RobbinsMonro)
        choice = LatentChoice(*options, layout, explained, n_items, is_placed)
        kinds, every = layout.repeated(build.kinds_of(self.item_type, responses.names)), layout.expanded(responses)
        if self.specific is not None:
            return self._bifactor(kinds, every, responses, choice)
        pattern = build.loading_pattern(self.loadings, n_items, n_factors)
        loads = np.array(layout.repeated(pattern)) if pattern is not None else np.ones((len(kinds), 1), dtype=bool)
        given = loads if choice.is_confirmatory and n_factors > 1 else None
        runs = build.item_runs(kinds, every, n_factors, self._checked_priors(), given)
        latent = choice.latent(runs, loads)
        grid = self._grid(n_factors)
        shown = None if pattern is None else tuple(layout.repeated(pattern))
        return ItemResponse(runs, n_factors, grid, latent, shown, None, every.names, responses.notes)

    def _bifactor(self, kinds: list[str], every: Responses, responses: Responses, choice: LatentChoice) -> ItemResponse:
        numbers, labels = build.specific_factors(self.specific, responses.names)
        self.specific_labels_ = labels
        numbers = tuple(choice.layout.repeated(numbers))
        loads = np.array([(True, s >= 0) for s in numbers])
        runs = build.item_runs(kinds, every, 2, self._checked_priors(), loads)
        latent, grid = choice.bifactor(runs, numbers), self._grid(2)
        pattern = tuple((True, s >= 0) for s in numbers)
        return ItemResponse(runs, 2, grid, latent, pattern, numbers, every.names, responses.notes)

    def _grid(self, n_factors: int) -> Grid:
        given = self.quadrature
        return default_grid(n_factors) if given is None or isinstance(given, Adaptive) else given

    def _checked_priors(self) -> dict[str, Any]:
        priors = dict(self.priors or {})
        strange = [name for name in priors if name not in ("slope", "intercept", "guess", "upper")]
        if strange:
            message = f"`priors` are for 'slope', 'intercept', 'guess' and 'upper', got {strange[0]!r}"
            raise ParameterError(message)
        return priors

    def _solver(self) -> Solver | Literal["auto"]:
        return QuasiNewton(warm_up=1) if isinstance(self.solver, str) and self.solver == "auto" else self.solver

    def _maximised(self, model: ItemResponse, source: Source) -> Fit:
        if isinstance(self.solver, RobbinsMonro):
            rule = self.quadrature if isinstance(self.quadrature, Adaptive) else Adaptive(QuasiMonteCarlo(_MANY))
            return on_draws(model, source, self.start, self._climb, rule)
        if isinstance(self.quadrature, Adaptive):
            return on_own_places(model, source, self.start, self._climb, self.quadrature)
        whole = on_grids(model, source, self.start, self._climb)
        return whole if self._held else standardized(whole)  # moving the scale would undo what is held

    def _climb(
        self,
        model: ItemResponse,
        source: Any,
        begin: Any,
        *,
        tol: float | None,
        is_first: bool,
        solver: Solver | None = None,
    ) -> Fit:
        held = constrain(model, **self._held)
        least = _FLAT if self.density == "histogram" else 0.0
        fit: Fit = maximise(
            held,
            source,
            start=entered(held, begin),
            solver=self._solver() if solver is None else solver,
            n_starts=model.latent.n_starts,
            n_ends=_ENDS,
            tol=max(self.tol if tol is None else tol, least),
            max_iter=self.max_iter,
            rng=None if self.random_state is None else generator_of(self.random_state),
            on_iteration=self.on_iteration,
            checkpoint=self._checkpoint if is_first else None,
        )
        return fit

    def _adopt_parameters(self, model: ItemResponse, parameters: ItemResponseParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        names, values = item_table(model, parameters, slope_intercept)
        self.coef_ = ItemTable(model.item_names, names, values)
        for name in ("latent_correlation_", "latent_coef_"):
            self.__dict__.pop(name, None)
        if model.latent.n_covariates:
            self.latent_coef_ = parameters.latent.coefficient
        correlation = model.latent.correlation(parameters.latent)
        if correlation is not None:
            self.latent_correlation_ = correlation
        mean, sd = model.latent_moments(parameters)
        one = model.n_factors == 1
        self.latent_mean_, self.latent_var_ = (mean[:, 0], sd[:, 0] ** 2) if one else (mean, sd**2)

    # --- rows ---

    def _new_source(
        self, X: Any, sample_weight: Any, n_threads: int | None, group: Any = None, covariates: Any = None
    ) -> Source:
        self._check_fitted()
        responses = self._read(X)
        weights = checked_weights(sample_weight, len(responses.codes))
        return self._source(responses, weights, group, covariates, n_threads)

    def _source(self, responses: Responses, weights: Any, group: Any, covariates: Any, n_threads: Any) -> Source:
        n = len(responses.codes)
        if self.explained_.names:
            answers = np.where(responses.codes == MISSING, np.nan, responses.codes)
            rows = np.concatenate([answers, self.explained_.rows(covariates, n)], axis=1)
            return as_source(rows, weights, n_threads=n_threads, allow_missing_columns=True)
        rows = self.layout_.rows(responses.codes, self.layout_.codes(group, n))
        return coded_source(rows, weights, None, resolve_threads(n_threads))

    def _read(self, X: Any) -> Responses:
        key = None if isinstance(X, Responses) else self.key
        blank, has_names = np.zeros((0, len(self.item_names_)), np.uint8), hasattr(self, "feature_names_in_")
        known = Responses(blank, self.item_names_, tuple(self.categories_.values()), has_names)
        return read_responses(X, key=key, known=known, unseen="error")


_ENDS = 4  # of eight starts, where several compete
_FLAT = 1e-3
_MANY = 2000  # random points for the log-likelihood of a fit by draws
