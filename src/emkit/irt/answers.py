"""What a fitted item response model can be asked: parameters, scores, information, probabilities, simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import Table
from emkit.errors import ParameterError
from emkit.irt import scores as scoring
from emkit.irt.bank import bank_array, write_bank
from emkit.irt.factor_modes import factor_mode
from emkit.irt.forms import ItemTable, item_table, slope_intercept, traditional
from emkit.irt.modes import mode
from emkit.irt.simulation import answers_at, information_at, log_prob_at
from emkit.randomness import generator_of

__all__ = ["ItemResponseAnswers"]

Method = Literal["EAP", "MAP", "ML", "WLE", "sum-EAP", "plausible"]
_METHODS = ("EAP", "MAP", "ML", "WLE", "sum-EAP", "plausible")


class ItemResponseAnswers:
    """The answers of `ItemResponseModel`."""

    model_: Any
    parameters_: Any
    fit_: Any
    item_names_: tuple[str, ...]
    random_state: Any
    n_threads: int | None

    # --- items ---

    def coef(
        self,
        form: Literal["slope-intercept", "traditional"] = "slope-intercept",
        *,
        standard_errors: bool = False,
        kind: Literal["observed", "scores", "robust"] = "observed",
    ) -> ItemTable:
        """Return the parameters of the items, with standard errors by the delta method if asked for.

        Parameters
        ----------
        form : "slope-intercept" or "traditional"
            Slopes and intercepts, a'x + d; or discriminations and difficulties, a (x - b).
        standard_errors : bool
        kind : "observed", "scores" or "robust"
            Of the standard errors (see `Fit.standard_errors`): Oakes' identity, outer products, or the sandwich.
        """
        self._check_fitted()  # type: ignore[attr-defined]
        if form not in ("slope-intercept", "traditional"):
            message = f"`form` must be 'slope-intercept' or 'traditional', got {form!r}"
            raise ParameterError(message)
        shape = slope_intercept if form == "slope-intercept" else traditional
        names, values = item_table(self.model_, self.parameters_, shape)
        if not standard_errors:
            return ItemTable(self.model_.item_names, names, values)
        seen = np.isfinite(values)
        found = self.fit_.delta(lambda at: item_table(self.model_, at, shape)[1][seen], kind=kind)
        errors = np.full(values.shape, np.nan)
        errors[seen] = found.standard_error
        return ItemTable(self.model_.item_names, names, values, errors)

    @property
    def discrimination_(self) -> FloatArray:
        """Slopes (j,), or (j, F) with several factors."""
        slopes = [name for name in self.coef().columns if name[0] == "a" and name[1:].isdigit()]
        table = np.stack([self.coef()[name] for name in slopes], axis=1)
        return table[:, 0] if table.shape[1] == 1 else table

    @property
    def difficulty_(self) -> FloatArray:
        """Difficulties b (j,), or (j, K - 1) where items have more than two categories (NaN beyond an item's own)."""
        table = self.coef("traditional")
        names = [name for name in table.columns if name[0] == "b"]
        if not names:
            message = f"these items have no difficulties: their traditional form has {', '.join(table.columns)}"
            raise ParameterError(message)
        values = np.stack([table[name] for name in names], axis=1)
        return values[:, 0] if values.shape[1] == 1 else values

    def item_bank(self) -> FloatArray:
        """Return a, b, c, d (j, 4) of two-category items: discrimination, difficulty, both asymptotes (for catsim)."""
        return bank_array(self.coef("traditional"))

    def write_bank(self, path: Any, form: Literal["slope-intercept", "traditional"] = "slope-intercept") -> Path:
        """Write the items as .csv or .json, with the names of mirt, and return the path."""
        return write_bank(self.coef(form), path)

    # --- people ---

    def scores(
        self,
        X: Any,
        method: Method = "EAP",
        *,
        group: Any = None,
        covariates: Any = None,
        n_draws: int = 5,
        random_state: Any = None,
    ) -> scoring.Scores:
        """Return where people lie on the latent variable, with standard errors.

        Parameters
        ----------
        X : answers of people by the calibrated items; NaN is no answer
        method : "EAP", "MAP", "ML", "WLE", "sum-EAP" or "plausible"
            See `emkit.irt.scores`. "sum-EAP" is not for models with specific factors.
        group : array (n,) or one label, optional
            For models of several groups.
        covariates : table (n, p), optional
            For latent regressions.
        n_draws : int, default 5
            Of plausible values: `theta` is then (n, n_draws) or (n, n_draws, F), and `se` the standard deviations of
            each posterior.
        random_state : optional
            For plausible values.

        Returns
        -------
        Scores
            `theta` (n,) or (n, F), `se` alike, `covariance` (n, F, F) with several factors, `reliability`. The factors
            of a bifactor model are the general one and the specific ones, in the order of `specific_labels_`.
        """
        if method not in _METHODS:
            message = f"`method` must be one of {', '.join(map(repr, _METHODS))}, got {method!r}"
            raise ParameterError(message)
        if method == "sum-EAP" and self.model_.specific is not None:
            message = "sum-EAP scores are not for models with specific factors: use 'EAP'"
            raise ParameterError(message)
        source = self._new_source(X, None, self.n_threads, group, covariates)  # type: ignore[attr-defined]
        if method == "plausible":
            return self._plausible(source, n_draws, random_state)
        parts = source.map(self._scored(method))
        theta, spread = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        return _as_scores(theta, spread, method)

    def _scored(self, method: str) -> Any:
        """Return the function that scores a block: places (n, F), and variances (n, F) or covariances (n, F, F)."""
        model, parameters = self.model_, self.parameters_
        if method == "EAP":
            return lambda block: scoring.eap(model, parameters, block)
        if method == "sum-EAP":
            return lambda block: scoring.sum_eap(model, parameters, block)
        if model.n_factors == 1:
            return lambda block: mode(model, parameters, block, method)
        return lambda block: factor_mode(model, parameters, block, method, scoring.eap(model, parameters, block)[0])

    def _plausible(self, source: Any, n_draws: int, random_state: Any) -> scoring.Scores:
        if isinstance(n_draws, bool) or not isinstance(n_draws, (int, np.integer)) or n_draws < 1:
            message = f"`n_draws` must be an integer of at least 1, got {n_draws!r}"
            raise ParameterError(message)
        rng = generator_of(self.random_state if random_state is None else random_state)
        model, parameters = self.model_, self.parameters_
        blocks = list(source.blocks())
        draws = np.concatenate([scoring.plausible(model, parameters, block, rng, n_draws) for block in blocks])
        covariance = np.concatenate([scoring.eap(model, parameters, block)[1] for block in blocks])
        wide = np.broadcast_to(_root_of(covariance)[:, None], draws.shape)
        if model.n_factors == 1:
            return scoring.Scores(draws[..., 0], wide[..., 0], "plausible")
        return scoring.Scores(draws, wide, "plausible", covariance)

    def prediction_table(self, X: Any) -> Table:
        """Return EAP scores of people and their standard errors, as columns of a table."""
        found = self.scores(X)
        theta, se = np.atleast_2d(found.theta.T), np.atleast_2d(found.se.T)
        names = ["theta"] if len(theta) == 1 else [f"theta{f + 1}" for f in range(len(theta))]
        errors = {f"se_{name}": own for name, own in zip(names, se, strict=True)}
        return Table(dict(zip(names, theta, strict=True)) | errors)

    def score_samples(self, X: Any, *, group: Any = None, covariates: Any = None) -> FloatArray:
        """Return the log-likelihood (n,) of the answers of each person."""
        source = self._new_source(X, None, self.n_threads, group, covariates)  # type: ignore[attr-defined]
        return np.concatenate(source.map(lambda block: self.model_.log_density(self.parameters_, block)))

    def score(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, group: Any = None, covariates: Any = None
    ) -> float:
        """Return the mean log-likelihood per person; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads, group, covariates)  # type: ignore[attr-defined]
        return float(self._loglik(source) / source.total_weight)  # type: ignore[attr-defined]

    # --- curves ---

    def probability(self, theta: Any) -> FloatArray:
        """Return the probabilities (n, j, K) of the answers to each item at `theta` (n,) or (n, F); NaN beyond K."""
        at = self._places(theta)
        most = max(run.n_categories for run in self.model_.runs)
        out = np.full((len(at), self.model_.n_items, most), np.nan)
        for run, own in zip(self.model_.runs, self.parameters_.items, strict=True):
            prob = np.exp(log_prob_at(self.model_, run, own, at))
            for i, item in enumerate(run.items):
                out[:, item, : run.n_categories] = prob[i].T
        return out

    def item_information(self, theta: Any, factor: int = 0) -> FloatArray:
        """Return the information (n, j) of each item on a factor at `theta`, (n,) or (n, F)."""
        at = self._places(theta)
        if factor not in range(at.shape[1]):
            message = f"`factor` must be a number from 0 to {at.shape[1] - 1}, got {factor!r}"
            raise ParameterError(message)
        out = np.empty((len(at), self.model_.n_items))
        for run, own in zip(self.model_.runs, self.parameters_.items, strict=True):
            out[:, list(run.items)] = information_at(self.model_, run, own, at, factor).T
        return out

    def information(self, theta: Any, factor: int = 0) -> FloatArray:
        """Return the test information (n,) on a factor at `theta`: the standard error of ML is its root's inverse."""
        return np.asarray(self.item_information(theta, factor)[:, self._test()].sum(axis=1))

    def expected_score(self, theta: Any) -> FloatArray:
        """Return the expected sum (n,) of the codes 0, 1, ... of all items at `theta`."""
        prob = np.nan_to_num(self.probability(theta))[:, self._test()]
        return np.asarray((prob * np.arange(prob.shape[2])).sum(axis=(1, 2)))

    @property
    def marginal_reliability_(self) -> float | FloatArray:
        """Reliability of each factor over the latent distribution: mean of information / (information + 1 / var)."""
        self._check_fitted()  # type: ignore[attr-defined]
        model, parameters = self.model_, self.parameters_
        if model.specific is not None:
            message = "marginal reliability is not for models with specific factors: see `scores(X).reliability`"
            raise ParameterError(message)
        weights = np.exp(model.latent.log_weights(parameters.latent, model.nodes, model.log_width))[0]
        _, sd = model.latent_moments(parameters)
        information = np.zeros(model.nodes.shape[::-1])
        for run, own in zip(model.runs, parameters.items, strict=True):
            mine = np.isin(run.items, self._test())
            information += run.information(own, model.nodes)[mine].sum(axis=0)
        found = np.asarray((information / (information + sd[0][:, None] ** -2)) @ weights)
        return float(found[0]) if model.n_factors == 1 else found

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[Array, FloatArray]:
        """Return answers (n, j) of new people of the (first) group, as codes 0, 1, ..., and their latent variables."""
        self._check_fitted()  # type: ignore[attr-defined]
        rng = generator_of(self.random_state if random_state is None else random_state)
        codes, theta = self.model_.sample(self.parameters_, n_samples, rng)
        return codes[:, self._test()].astype(np.intp), theta[:, 0] if theta.shape[1] == 1 else theta

    def simulate(self, theta: Any, random_state: Any = None) -> Array:
        """Return answers (n, j) of people at `theta` (n,) or (n, F), as codes 0, 1, ...."""
        at = self._places(theta)
        rng = generator_of(self.random_state if random_state is None else random_state)
        codes = answers_at(self.model_, self.parameters_, at, rng)
        return np.asarray(codes[:, self._test()].astype(np.intp))

    # --- helpers ---

    def _test(self) -> list[int]:
        """Return the items of the test, as the first group has them."""
        return list(range(len(self.item_names_)))

    def _places(self, theta: Any) -> FloatArray:
        self._check_fitted()  # type: ignore[attr-defined]
        at = np.asarray(theta, dtype=np.float64)
        n_factors = self.model_.n_factors if self.model_.specific is None else 1 + self.model_.n_specific
        at = at.reshape(-1, 1) if at.ndim < 2 and n_factors == 1 else np.atleast_2d(at)
        if at.shape[1] != n_factors or not np.isfinite(at).all():
            message = f"`theta` must be finite numbers of shape (n, {n_factors}), got shape {np.shape(theta)}"
            raise ParameterError(message)
        return at


def _as_scores(theta: FloatArray, spread: FloatArray, method: str) -> scoring.Scores:
    """Return scores of places (n, F) with their variances (n, F) or covariances (n, F, F)."""
    se = _root_of(spread)
    if theta.shape[1] == 1:
        return scoring.Scores(theta[:, 0], se[:, 0], method)
    return scoring.Scores(theta, se, method, spread if spread.ndim == 3 else None)


def _root_of(spread: FloatArray) -> FloatArray:
    """Return standard deviations (n, F) from variances (n, F) or covariances (n, F, F)."""
    var = np.einsum("nff->nf", spread) if spread.ndim == 3 else spread
    return np.asarray(np.sqrt(np.maximum(var, 0.0)))
