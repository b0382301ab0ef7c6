"""Mixtures of item response models: the estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray, IntArray
from emkit.data import Source
from emkit.data.checks import checked_weights
from emkit.data.threads import resolve_threads
from emkit.errors import ParameterError
from emkit.estimator import ModelEstimator, warn_of
from emkit.irt import build
from emkit.irt.coding import coded_source
from emkit.irt.curves.base import Slopes
from emkit.irt.forms import ItemTable, item_table, slope_intercept
from emkit.irt.grids import Grid, default_grid
from emkit.irt.latent import FreeNormal, StandardNormal
from emkit.irt.mixture import ItemResponseClasses, ItemResponseClassesParameters
from emkit.irt.model import ItemResponse
from emkit.irt.responses import Responses, read_responses

__all__ = ["ItemResponseMixture"]


class ItemResponseMixture(ModelEstimator):
    """Classes of people, each with an item response model of its own, by maximum likelihood.

    Parameters
    ----------
    item_type : str, sequence or mapping by item, default "Rasch"
        As for `ItemResponseModel`.
    n_classes : int, default 2
    key, levels, priors, quadrature : optional
        As for `ItemResponseModel`.
    n_init : int, default 8
        Starts that compete; each moves the difficulties of one class at random.
    tol, max_iter, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    class_shares_ : array (k,)
        Falling.
    class_coef_ : tuple of ItemTable
        Parameters of the items in each class.
    latent_mean_, latent_var_ : array (k,)
    """

    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        item_type: str | Sequence[str] | Mapping[str, str] = "Rasch",
        n_classes: int = 2,
        *,
        key: Any = None,
        levels: Any = None,
        priors: Mapping[str, Any] | None = None,
        quadrature: Grid | None = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int = 8,
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.item_type = item_type
        self.n_classes = n_classes
        self.key = key
        self.levels = levels
        self.priors = priors
        self.quadrature = quadrature
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, checkpoint: Any = None) -> Self:
        """Fit to answers `X` of people by items, with counts (n,) of the rows if given; `y` is ignored.

        Raises
        ------
        DataError, ParameterError
            As for `ItemResponseModel`.
        """
        responses = read_responses(X, key=self.key, levels=self.levels)
        weights = checked_weights(sample_weight, len(responses.codes))
        build.check_answers(responses, weights)
        model = self._built(responses)
        self.item_names_ = responses.names
        self.categories_ = dict(zip(responses.names, responses.categories, strict=True))
        self.n_features_in_ = responses.n_items
        self._checkpoint = checkpoint
        try:
            source = coded_source(responses.codes, weights, None, resolve_threads(self.n_threads))
            self._adopt(self._maximised(model, source), source)
        finally:
            del self._checkpoint
        warn_of(self.fit_, stacklevel=2)
        return self

    def _model(self) -> ItemResponseClasses:  # pragma: no cover
        message = "a mixture of item response models is built from its answers: call 'fit'"
        raise ParameterError(message)

    def _built(self, responses: Responses) -> ItemResponseClasses:
        if isinstance(self.n_classes, bool) or not isinstance(self.n_classes, (int, np.integer)) or self.n_classes < 1:
            message = f"`n_classes` must be an integer of at least 1, got {self.n_classes!r}"
            raise ParameterError(message)
        kinds = build.kinds_of(self.item_type, responses.names)
        runs = build.item_runs(kinds, responses, 1, dict(self.priors or {}))
        is_rasch = all(run.kind.slopes is Slopes.ONE for run in runs)
        latent = FreeNormal() if is_rasch else StandardNormal()
        grid = self.quadrature or default_grid(1)
        base = ItemResponse(runs, grid=grid, latent=latent, item_names=responses.names, notes=responses.notes)
        return ItemResponseClasses(base, int(self.n_classes))

    def _adopt_parameters(self, model: ItemResponseClasses, parameters: ItemResponseClassesParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.class_shares_ = parameters.mix
        tables = [item_table(model.base, member, slope_intercept) for member in parameters.members]
        self.class_coef_ = tuple(ItemTable(self.item_names_, names, values) for names, values in tables)
        moments = [model.base.latent_moments(member) for member in parameters.members]
        self.latent_mean_ = np.array([mean[0, 0] for mean, _ in moments])
        self.latent_var_ = np.array([sd[0, 0] ** 2 for _, sd in moments])

    # --- answers ---

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability (n, k) of each class for each person."""
        source = self._new_source(X, None, self.n_threads)
        model, parameters = self.model_, self.parameters_
        rows: FloatArray = source.joined(lambda block: model.posterior(parameters, block))
        return rows

    def predict(self, X: Any) -> IntArray:
        """Return the most probable class (n,) of each person."""
        return np.asarray(self.predict_proba(X).argmax(axis=1), dtype=np.intp)

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-likelihood (n,) of the answers of each person."""
        source = self._new_source(X, None, self.n_threads)
        model, parameters = self.model_, self.parameters_
        rows: FloatArray = source.joined(lambda block: model.log_density(parameters, block))
        return rows

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        self._check_fitted()
        blank = np.zeros((0, len(self.item_names_)), np.uint8)
        known = Responses(blank, self.item_names_, tuple(self.categories_.values()), False)
        responses = read_responses(X, key=None if isinstance(X, Responses) else self.key, known=known)
        weights = checked_weights(sample_weight, len(responses.codes))
        return coded_source(responses.codes, weights, None, resolve_threads(n_threads))
