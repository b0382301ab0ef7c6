"""Mixtures of regressions: the estimator.

Story: each row belongs to one of k components that is not seen; each component has a regression of its own of the
responses on the covariates. See `families.regression`, and `concomitant` where covariates tell of the component.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Fit, Solver
from emkit.core.arrays import FloatArray, IntArray
from emkit.core.constrained import Constrained
from emkit.data import Source, Table, as_source
from emkit.errors import ParameterError
from emkit.estimator import ModelEstimator, warn_of
from emkit.mixture._covariates import as_columns, only_column
from emkit.mixture._effects_table import Coefficients, coefficients_of
from emkit.mixture._gated_start import gated_start
from emkit.mixture._known_door import Known
from emkit.mixture._regression_choice import family_of
from emkit.mixture._regression_door import Parts, RegressionDoor, read_parts
from emkit.mixture.concomitant import ConcomitantMixture
from emkit.mixture.given import start_from
from emkit.mixture.known import KnownMixture
from emkit.mixture.model import FiniteMixture
from emkit.randomness import generator_of

__all__ = ["MixtureOfRegressions"]


class MixtureOfRegressions(ModelEstimator):
    """Mixture of regressions, by maximum likelihood.

    Parameters
    ----------
    n_components : int, default 2
        Number of components, k.
    family : str, sequence or mapping, default "gaussian"
        Of the response: "gaussian", "poisson" (log link) or "binomial" (logit link); one for each response, in order or
        by name, where there are several.
    fit_intercept : bool, default True
    common : sequence of str or int, default ()
        Terms whose coefficients all components share, by name ("intercept" too) or place among the predictors.
    equal_variances : bool, default False
        Whether all components share the residual variance of a Gaussian response.
    predictors : sequence of str or int, or mapping, optional
        Columns of the table that explain; all that have no other role unless given. A mapping from responses to columns
        explains each response by columns of its own.
    weight_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the mixing proportions; 1 is none. Without concomitant variables only.
    tol, max_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    weights_ : array (k,)
        Mixing proportions; their mean over the rows where they depend on concomitant variables.
    coefficients_ : array (k, p), or dict of response to array
        In the order of `terms_`.
    residual_sd_ : array (k,), dict of response to array, or None
        Residual standard deviations of Gaussian responses.
    log_odds_ : array (k - 1, q) or None
        Log odds of each component against the first, by `concomitant_terms_`.
    terms_, concomitant_terms_, responses_ : tuple of str
    layout_ : RegressionDoor
        What of a table is what.
    aic_, bic_, icl_ : float
        Smaller is better.
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import numpy as np
    >>> import emkit
    >>> rng = np.random.default_rng(0)
    >>> x, first = rng.uniform(0, 10, 200), rng.random(200) < 0.4
    >>> y = np.where(first, 1 + 2 * x, 15 - x) + rng.normal(size=200)
    >>> lines = emkit.MixtureOfRegressions(2, random_state=0).fit(x[:, None], y)
    >>> lines.coefficients_.round(1)
    array([[15.2, -1. ],
           [ 0.9,  2. ]])
    """

    _kind: ClassVar[str | None] = "regressor"
    _needs_target: ClassVar[bool] = True

    def __init__(
        self,
        n_components: int = 2,
        *,
        family: Any = "gaussian",
        fit_intercept: bool = True,
        common: Sequence[Any] = (),
        equal_variances: bool = False,
        predictors: Any = None,
        weight_concentration: float = 1.0,
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
        self.family = family
        self.fit_intercept = fit_intercept
        self.common = common
        self.equal_variances = equal_variances
        self.predictors = predictors
        self.weight_concentration = weight_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
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
        concomitant: Any = None,
        offset: Any = None,
        trials: Any = None,
        labels: Any = None,
        groups: Any = None,
        checkpoint: Any = None,
    ) -> Self:
        """Fit the regressions of `y` on `X`.

        Parameters
        ----------
        X : array (n, p), or table
            Covariates. Words are coded as indicators of their levels, the first being the reference.
        y : array (n,) or (n, v), table, or names of columns of `X`
            Responses; a missing one is skipped.
        sample_weight : array (n,), or the name of a column
        concomitant : array (n,) or (n, q), table, or names of columns of `X`, optional
            Covariates on which the mixing proportions depend, by a multinomial logit.
        offset : array (n,), or the name of a column, optional
            Added to the linear predictors.
        trials : array (n,), or the name of a column, optional
            Numbers of trials of binomial responses.
        labels : array (n,), optional
            Components that are known, numbered from 0; -1, NaN or None where they are not.
        groups : array (n,), or the name of a column, optional
            Rows of one group, such as repeated measurements of one person, belong to one component, whichever.
        checkpoint : path or emkit.Checkpoint, optional
            See `GaussianMixture.fit`.

        Raises
        ------
        DataError, DataTypeError
            If a part is not what was expected, a covariate is missing or constant, or others determine it.
        ParameterError
            If a constructor argument is out of range.

        Warns
        -----
        ConvergenceWarning, DegenerateWarning
            If the fit did not converge, or a component collapsed or was separated.
        """
        roles = {"y": y, "sample_weight": sample_weight, "offset": offset, "trials": trials, "concomitant": concomitant}
        roles["groups"] = groups
        parts = read_parts(X, self._chosen(), roles)
        door = RegressionDoor.of(parts, self._chosen(), has_intercept=self.fit_intercept)
        self.n_features_in_ = len(parts.predictors)
        self.__dict__.pop("feature_names_in_", None)
        if parts.has_names:
            self.feature_names_in_ = np.asarray(list(parts.predictors), dtype=object)
        self.layout_ = door
        model, source = self._model(), self._source(parts)
        self._check_rows(model, source)
        self._checkpoint = checkpoint
        try:
            start, known = self._start(model, source), Known(labels, only_column(parts.columns.get("groups")))
            if known:
                fit = known.fitted(model, source, lambda told, rows: self._climbed(told, rows, start))
            else:
                fit = self._climbed(model, source, start)
            self._adopt(fit, source)
        finally:
            del self._checkpoint
        warn_of(self.fit_, stacklevel=2)
        return self

    def _next_batch(self, X: Any, y: Any, sample_weight: Any) -> Source:
        parts = read_parts(X, self._chosen(), {"y": y, "sample_weight": sample_weight})
        return self._source(parts, is_new=True)

    def _source(self, parts: Parts, *, is_new: bool = False) -> Source:
        weights = parts.columns.get("sample_weight")
        return as_source(
            self.layout_.matrix(parts),
            only_column(weights),
            feature_names=self.layout_.names,
            n_threads=self.n_threads,
            allow_missing_columns=is_new,
        )

    def _chosen(self) -> list[Any] | None:
        if isinstance(self.predictors, Mapping):
            return list(dict.fromkeys(name for names in self.predictors.values() for name in names))
        return None if self.predictors is None else list(self.predictors)

    def _model(self) -> Any:
        k = self.n_components
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            message = f"`n_components` must be an integer of at least 1, got {k!r}"
            raise ParameterError(message)
        if not self.weight_concentration > 0:
            message = f"`weight_concentration` must be positive, got {self.weight_concentration!r}"
            raise ParameterError(message)
        door = self.layout_
        if not door.terms:
            message = "there is nothing to explain the response by: give a column of `X`, or set `fit_intercept=True`"
            raise ParameterError(message)
        family = family_of(door, self.family, self.common, self.predictors, is_var_common=bool(self.equal_variances))
        if door.gate and k > 1:
            if self.weight_concentration != 1:
                message = "`weight_concentration` is of mixing proportions that do not depend on concomitant variables"
                raise ParameterError(message)
            return ConcomitantMixture(family, int(k), door.gate)
        return FiniteMixture(family, int(k), float(self.weight_concentration))

    def _check_rows(self, model: Any, source: Source) -> None:
        if source.n_used < model.n_components:
            message = (
                f"there are {source.n_used} rows (of positive weight) but `n_components` is {model.n_components}; use "
                "at most as many components as rows"
            )
            raise ParameterError(message)

    def _n_starts(self, model: Any, source: Source) -> int | Literal["auto"]:
        return 1 if model.n_components == 1 else self.n_init

    def _start(self, model: Any, source: Source) -> Any:
        if self.start is None:
            return None
        given = start_from if isinstance(model, FiniteMixture) else gated_start
        return given(self.start, model, source)

    def _adopt(self, fit: Fit, source: Source) -> None:
        super()._adopt(fit, source)
        n = fit.n_free
        parameters, resp = self.parameters_, self._memberships(fit, source)
        entropy = -sum(float(w @ (r * np.log(np.where(r > 0, r, 1.0))).sum(axis=1)) for w, r in resp)
        total = np.sum([w @ r for w, r in resp], axis=0)
        self.weights_ = parameters.mix if self.log_odds_ is None else total / total.sum()
        self.aic_, self.bic_ = -2 * fit.loglik + 2 * n, fit.bic
        self.icl_ = self.bic_ + 2 * entropy

    def _memberships(self, fit: Fit, source: Source) -> list[tuple[FloatArray, FloatArray]]:
        """Return case weights and probabilities of the components, by group where there are groups."""
        model = fit.model.model if isinstance(fit.model, Constrained) else fit.model
        if isinstance(model, KnownMixture):
            return [model.unit_memberships(self.parameters_, block) for block in fit.source.blocks()]
        return [(block.weights, model.posterior(self.parameters_, block)) for block in source.blocks()]

    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        self.model_, self.parameters_ = model, parameters
        door, family = self.layout_, model.family
        self.terms_, self.responses_ = door.terms, door.responses
        self.log_odds_ = getattr(parameters, "gating", None)
        self.concomitant_terms_ = ("intercept", *door.concomitant.labels) if self.log_odds_ is not None else ()
        owns = parameters.members.responses
        coef = {
            name: door.widened(effects.columns, effects.full(own))
            for name, effects, own in zip(door.responses, family.effects, owns, strict=True)
        }
        k = model.n_components
        sd = {
            name: np.sqrt(np.broadcast_to(own.var, (k,)))
            for name, own in zip(door.responses, owns, strict=True)
            if own.var.size
        }
        is_single = len(door.responses) == 1
        self.coefficients_: Any = coef[door.responses[0]] if is_single else coef
        self.residual_sd_: Any = (next(iter(sd.values())) if is_single else sd) if sd else None

    # --- answers ---

    def predict(self, X: Any, *, concomitant: Any = None, offset: Any = None, trials: Any = None) -> FloatArray:
        """Return the expected response (n,), or responses (n, v): component means weighted by mixing proportions."""
        means, mix = self._means(X, concomitant=concomitant, offset=offset, trials=trials)
        found: FloatArray = np.einsum("vnk,nk->nv", means, mix)
        return found[:, 0] if found.shape[1] == 1 else found

    def predict_components(
        self, X: Any, *, concomitant: Any = None, offset: Any = None, trials: Any = None
    ) -> FloatArray:
        """Return the expected response (n, k), or responses (n, v, k), in each component."""
        means, _ = self._means(X, concomitant=concomitant, offset=offset, trials=trials)
        return np.asarray(means[0] if len(means) == 1 else np.moveaxis(means, 0, 1))

    def proportions(self, X: Any, *, concomitant: Any = None) -> FloatArray:
        """Return the mixing proportions (n, k) at the concomitant variables of the rows."""
        source = self._new({"concomitant": concomitant, "offset": 0, "trials": 0}, X)
        return np.asarray(np.exp(np.concatenate([self._log_mix(block.X) for block in source.blocks()])))

    def posterior(
        self, X: Any, y: Any = None, *, concomitant: Any = None, offset: Any = None, trials: Any = None
    ) -> FloatArray:
        """Return the probability (n, k) of each component for each row; `y` as for `fit`."""
        source = self._new({"y": y, "concomitant": concomitant, "offset": offset, "trials": trials}, X)
        return np.concatenate([self.model_.posterior(self.parameters_, block) for block in source.blocks()])

    def clusters(
        self, X: Any, y: Any = None, *, concomitant: Any = None, offset: Any = None, trials: Any = None
    ) -> IntArray:
        """Return the most probable component (n,) of each row; `y` as for `fit`."""
        found = self.posterior(X, y, concomitant=concomitant, offset=offset, trials=trials)
        return np.asarray(found.argmax(axis=1), dtype=np.intp)

    def score_samples(
        self, X: Any, y: Any = None, *, concomitant: Any = None, offset: Any = None, trials: Any = None
    ) -> FloatArray:
        """Return the log-density (n,) of the responses of each row given its covariates."""
        source = self._new({"y": y, "concomitant": concomitant, "offset": offset, "trials": trials}, X)
        return np.concatenate([self.model_.log_density(self.parameters_, block) for block in source.blocks()])

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, **parts: Any) -> float:
        """Return the mean log-density per row; other parts as for `fit`."""
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return float(np.average(self.score_samples(X, y, **parts), weights=weights))

    def sample(
        self, X: Any, *, concomitant: Any = None, offset: Any = None, trials: Any = None, random_state: Any = None
    ) -> tuple[FloatArray, IntArray]:
        """Return new responses (n,) or (n, v) at the covariates of the rows, and their components (n,)."""
        source = self._new({"concomitant": concomitant, "offset": offset, "trials": trials}, X)
        rng = generator_of(self.random_state if random_state is None else random_state)
        rows = np.concatenate([block.X for block in source.blocks()])
        edges = np.cumsum(np.exp(self._log_mix(rows)), axis=1)
        labels = (rng.random((len(rows), 1)) * edges[:, -1:] > edges).sum(axis=1).clip(0, self.n_components - 1)
        drawn = self.model_.family.drawn(self.parameters_.members, rows, labels, rng)[:, : len(self.responses_)]
        return drawn[:, 0] if drawn.shape[1] == 1 else drawn, np.asarray(labels, dtype=np.intp)

    def prediction_table(self, X: Any) -> Table:
        """Return the expected responses of the rows of a table, and the probability of each component.

        The components are those that the responses tell of, where they are among the columns of the table.
        """
        means = self.predict(X).reshape(-1, len(self.responses_))
        columns = {f"expected_{name}": own for name, own in zip(self.responses_, means.T, strict=True)}
        prob = self.posterior(X)
        columns |= {"component": prob.argmax(axis=1) + 1} | {f"prob_{i + 1}": own for i, own in enumerate(prob.T)}
        return Table(columns)

    def coefficients(self, *, kind: Literal["observed", "scores", "robust"] = "observed") -> Coefficients:
        """Return the table of coefficients with standard errors, z and p; `kind` as for `standard_errors`."""
        self._check_fitted()
        errors = self.fit_.standard_errors(kind=kind)
        gate = None
        if self.log_odds_ is not None:
            gate = (self.concomitant_terms_, self.log_odds_, errors.record.gating)
        members, names = self.parameters_.members, self.layout_.names
        return coefficients_of(self.model_.family, members, errors.record.members, names, gate, errors.notes)

    # --- helpers ---

    def _new(self, roles: dict[str, Any], X: Any) -> Source:
        self._check_fitted()
        roles = {role: value for role, value in roles.items() if role not in ("offset", "trials") or self._has(role)}
        for role in ("offset", "trials"):
            if isinstance(roles.get(role), int):
                n = len(next(iter(as_columns(X, "x", "`X`")[0].values())))
                roles[role] = np.full(n, float(roles[role]))
        return self._source(self.layout_.read(X, roles), is_new=True)

    def _has(self, role: str) -> bool:
        return self.layout_.has_offset if role == "offset" else self.layout_.has_trials

    def _means(self, X: Any, **roles: Any) -> tuple[FloatArray, FloatArray]:
        source = self._new(roles, X)
        family, members = self.model_.family, self.parameters_.members
        blocks = list(source.blocks())
        means = np.concatenate([family.means(members, block.X) for block in blocks], axis=1)
        return means, np.exp(np.concatenate([self._log_mix(block.X) for block in blocks]))

    def _log_mix(self, X: Any) -> FloatArray:
        if isinstance(self.model_, ConcomitantMixture):
            return self.model_.log_mix(self.parameters_, X)
        with np.errstate(divide="ignore"):
            return np.broadcast_to(np.log(self.parameters_.mix), (len(X), self.n_components))
