"""Autoregressive hidden Markov models: the estimator.

Story: y_t is explained by its own lags, and what else is given, with coefficients of the state of its row (switching
regression), or follows an autoregression about a mean of its state (Hamilton's model, `switching_mean`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.errors import DataError, ParameterError
from emkit.families.effects import EffectParameters
from emkit.families.regression import RegressionMembers, Regressions
from emkit.families.responses import GaussianResponse
from emkit.hmm._series import SeriesAnswers
from emkit.hmm.chain import Chain
from emkit.hmm.columns import columns_named
from emkit.hmm.guided import GuidedMarkov
from emkit.hmm.guided_chain import GuidedChain
from emkit.hmm.lags import lagged
from emkit.hmm.model import HiddenMarkov, HiddenMarkovParameters
from emkit.hmm.switching_mean import SwitchingMean, SwitchingMeanParameters

__all__ = ["AutoregressiveHMM"]

_MOST_HISTORIES = 1024
_ONES_COLUMN = 1  # of lagged rows


class AutoregressiveHMM(SeriesAnswers):
    """Autoregression whose coefficients switch with a hidden Markov chain: Markov-switching regression.

    The first column is the series; all others are explaining columns. With `form="intercept"` row t is normal about
    intercept + sum_j ar_j y_{t-j} + what the other columns add, each of its state; with `form="mean"`, Hamilton's
    (1989), the deviations from the mean of each row's own state follow an autoregression. Likelihoods are those of the
    rows given the first p of each sequence. A row of which the series, a lag or an explaining column is missing says
    nothing of the states and is left out of the likelihood.

    Parameters
    ----------
    n_components : int, default 1
        Number of states, k.
    order : int, default 1
        Lags, p; 0 is a regression on the other columns alone.
    form : {"intercept", "mean"}, default "intercept"
    intercept : {"switching", "common", "none"}, default "switching"
        With `form="intercept"`: of each state, the same for all, or none.
    switching_slopes : bool or sequence of bool, optional
        Whether the coefficients of lags and other columns switch; with `form="intercept"` also one by one, the lags
        first. Unless said: yes with `form="intercept"`, no with `form="mean"`.
    switching_variance : bool, optional
        Unless said: yes with `form="intercept"`, no with `form="mean"`.
    transition_covariates : sequence of int or str, default ()
        Columns that drive the transitions, by place or, of a data frame, by name; they explain nothing else.
    driven_by : "to" or "from", default "to"
        Whether a move is driven by the covariates of the row that is entered, as in statsmodels, or of the one left.
    startprob : "stationary", "free", "uniform", or array (k,), default "stationary"
        As econometrics has it: the chain has been running.
    transmat, startprob_prior, transmat_prior, algorithm, sequence, time, tol, max_iter, n_iter, n_init, start, solver,
    random_state, n_threads, on_iteration
        As for `GaussianHMM`. `start` is a fitted model or a record of parameters.

    Attributes
    ----------
    startprob_, transmat_, stationary_, expected_durations_, fit_, converged_, n_iter_
        As for `GaussianHMM`.
    intercepts_ : array (k,)
        With `form="mean"`: the means.
    ar_coefs_ : array (k, p)
    exog_coefs_ : array (k, q)
    variances_ : array (k,)
        Of the residuals.
    transition_coefs_ : array (k, k, 1 + q) or None
        With `transition_covariates`: log odds of moves against a move to state 0; `transmat_` is where all are zero.

    Examples
    --------
    >>> import numpy as np, emkit
    >>> rng = np.random.default_rng(0)
    >>> y = np.where(np.arange(300) // 50 % 2, 4.0, 0.0) + rng.normal(size=300)
    >>> model = emkit.AutoregressiveHMM(2, order=1, random_state=0).fit(y)
    >>> model.intercepts_.round(1)
    array([0. , 4.1])
    """

    _shown = ("intercepts_", "ar_coefs_", "exog_coefs_", "variances_")
    intercepts_: FloatArray
    ar_coefs_: FloatArray
    exog_coefs_: FloatArray
    variances_: FloatArray

    def __init__(
        self,
        n_components: int = 1,
        order: int = 1,
        *,
        form: Literal["intercept", "mean"] = "intercept",
        intercept: Literal["switching", "common", "none"] = "switching",
        switching_slopes: bool | Sequence[bool] | None = None,
        switching_variance: bool | None = None,
        transition_covariates: Sequence[int | str] = (),
        driven_by: Literal["to", "from"] = "to",
        startprob: Any = "stationary",
        transmat: Any = "ergodic",
        startprob_prior: Any = 1.0,
        transmat_prior: Any = 1.0,
        algorithm: Literal["viterbi", "map"] = "viterbi",
        sequence: str | None = None,
        time: str | None = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_iter: int | None = None,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_components = n_components
        self.order = order
        self.form = form
        self.intercept = intercept
        self.switching_slopes = switching_slopes
        self.switching_variance = switching_variance
        self.transition_covariates = transition_covariates
        self.driven_by = driven_by
        self.startprob = startprob
        self.transmat = transmat
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.algorithm = algorithm
        self.sequence = sequence
        self.time = time
        self.tol = tol
        self.max_iter = max_iter
        self.n_iter = n_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- the model ---

    def _model(self) -> Any:
        return self._model_of(None)

    def _model_of(self, width: int | None) -> Any:
        """Return the model of rows of so many columns; before the data are seen, as many as are spoken of."""
        chain, p = self._chain(), self.order
        if isinstance(p, bool) or not isinstance(p, (int, np.integer)) or p < 0:
            message = f"`order` must be an integer of at least 0, got {p!r}"
            raise ParameterError(message)
        if self.form not in ("intercept", "mean"):
            message = f"`form` must be 'intercept' or 'mean', got {self.form!r}"
            raise ParameterError(message)
        if self.intercept not in ("switching", "common", "none"):
            message = f"`intercept` must be 'switching', 'common' or 'none', got {self.intercept!r}"
            raise ParameterError(message)
        guided = self._guided(chain, () if width is None else self._driving_columns())
        if self.form == "intercept":
            family = self._family_of(width)
            return HiddenMarkov(family, chain) if guided is None else self._guided_model(guided, family, width)
        if chain.n_states ** (p + 1) > _MOST_HISTORIES:
            message = (
                f"`form='mean'` follows {chain.n_states}^{p + 1} histories of states, more than {_MOST_HISTORIES}: "
                "use fewer states, a lower order, or `form='intercept'`"
            )
            raise ParameterError(message)
        if self.intercept != "switching" or not isinstance(self.switching_slopes, (bool, type(None))):
            message = (
                "with `form='mean'` means switch and slopes do all or none: `intercept` and lists are for the other"
            )
            raise ParameterError(message)
        own = chain if guided is None else guided
        return SwitchingMean(own, int(p), bool(self.switching_slopes), bool(self.switching_variance))

    def _guided(self, chain: Chain, at: tuple[int, ...]) -> GuidedChain | None:
        """Return the chain with covariates, whose columns are found with the data, or None without."""
        if not len(self.transition_covariates):
            return None
        if self.driven_by not in ("to", "from"):
            message = f"`driven_by` must be 'to' or 'from', got {self.driven_by!r}"
            raise ParameterError(message)
        if chain.allowed is not None or chain.fixed is not None or np.any(np.asarray(chain.trans_prior) != 1):
            message = "`transmat` and `transmat_prior` have no meaning with `transition_covariates`: leave them out"
            raise ParameterError(message)
        return GuidedChain(chain.n_states, at, timing=self.driven_by, start=chain.start, init=chain.init)

    def _guided_model(self, guided: GuidedChain, family: Regressions, width: int | None) -> GuidedMarkov:
        """Return the model of lagged rows, whose columns are response, ones, lags and then all others."""
        p = int(self.order)
        moved = tuple(j + p + 1 for j in guided.covariates)
        columns = tuple(j for j in range((width or 1) + p + 1) if j not in moved)
        return GuidedMarkov(family, replace(guided, covariates=moved), columns)

    def _driving_columns(self) -> tuple[int, ...]:
        """Return the columns of the data that drive the transitions."""
        if "n_features_in_" not in self.__dict__ or not len(self.transition_covariates):
            return ()
        names = self.__dict__.get("feature_names_in_")
        told = None if names is None else list(map(str, names))
        found = columns_named("transition_covariates", self.transition_covariates, self.n_features_in_, told)
        if 0 in found:
            message = "`transition_covariates` names the first column, which is the series"
            raise DataError(message)
        return found

    def _family(self) -> Regressions:
        return self._family_of(None)

    def _family_of(self, width: int | None) -> Regressions:
        slopes = self._do_switch(self.switching_slopes)
        n = int(self.order) if width is None else int(self.order) + width - 1 - len(self._driving_columns())
        each = [slopes] * n if isinstance(slopes, bool) else [bool(own) for own in slopes]
        if width is not None and len(each) != n:
            message = (
                f"`switching_slopes` must say it for each of the {n} slopes, {self.order} lags and then the "
                f"explaining columns, got {len(each)}"
            )
            raise ParameterError(message)
        return _regression(self.intercept, each, has_own_var=bool(self._do_switch(self.switching_variance)))

    def _do_switch(self, said: Any) -> Any:
        return self.form == "intercept" if said is None else said

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        own, p = members.responses[0], int(self.order)
        coef = family.effects[0].full(own)
        if _ONES_COLUMN not in family.design:
            coef = np.column_stack([np.zeros(len(coef)), coef])
        return {
            "intercepts_": coef[:, 0],
            "ar_coefs_": coef[:, 1 : p + 1],
            "exog_coefs_": coef[:, p + 1 :],
            "variances_": np.array(np.broadcast_to(own.var, (len(coef),))),
        }

    def _shown_of(self, model: Any, parameters: Any) -> dict[str, Any]:
        gating = getattr(parameters.chain, "gating", None)
        self.transition_coefs_ = None
        if gating is not None:
            self.transition_coefs_ = np.concatenate([np.zeros_like(gating[:, :1]), gating], axis=1)
        if not isinstance(model, SwitchingMean):
            return self._show(model.family, parameters.members)
        k, p = model.n_components, model.order
        return {
            "intercepts_": np.array(parameters.mean),
            "ar_coefs_": np.array(np.broadcast_to(parameters.ar, (k, p))),
            "exog_coefs_": np.empty((k, 0)),
            "variances_": np.array(np.broadcast_to(parameters.var, (k,))),
        }

    def _members(self, given: Mapping[str, Any]) -> tuple[Regressions, Any]:
        base, ar, exog, var = _arrays(given)
        coef = np.column_stack([base, ar, exog])
        members = RegressionMembers((EffectParameters(coef, np.empty(0), var),))
        return _regression("switching", [True] * (coef.shape[1] - 1), has_own_var=True), members

    def _record(self, model: Any, chain: Any, given: Mapping[str, Any]) -> Any:
        message = "`start` of AutoregressiveHMM must be a fitted model or a record of its parameters"
        raise ParameterError(message)

    def _by_hand(self, chain: Chain, record: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
        if len(self.transition_covariates):
            message = "attributes of an autoregression with `transition_covariates` cannot be set by hand: use `start`"
            raise ParameterError(message)
        if self.form == "intercept":
            family, members = self._members(given)
            return HiddenMarkov(family, chain), HiddenMarkovParameters(record, members)
        base, ar, _, var = _arrays(given)
        model = SwitchingMean(chain, ar.shape[1], switching_slopes=True, switching_variance=True)
        return model, SwitchingMeanParameters(record, base, ar, var)

    # --- rows ---

    def _maximised(self, model: Any, source: Any) -> Any:
        self._check_columns(source)
        return super()._maximised(self._model_of(source.n_features), self._arranged(source))

    def _source(self, X: Any, lengths: Any, sequence: Any, time: Any) -> Any:
        return self._arranged(super()._source(X, lengths, sequence, time))

    def _arranged(self, source: Any) -> Any:
        return lagged(source, int(self.order)) if self.form == "intercept" else source

    def _check_columns(self, source: Any) -> None:
        driving = self._driving_columns()
        if self.form == "mean" and source.n_features > 1 + len(driving):
            message = (
                "`form='mean'` takes one column, the series, besides `transition_covariates`, got "
                f"{source.n_features}; see `form='intercept'`"
            )
            raise DataError(message)
        if driving and source.reduce(lambda block: int(np.isnan(block.X[:, list(driving)]).sum())):
            message = "the columns of `transition_covariates` must be known in every row, but an entry is missing"
            raise DataError(message)
        rest = int(np.maximum(source.lengths - int(self.order), 0).sum())
        if rest < 1:
            message = (
                f"an autoregression of order {self.order} needs sequences of more rows, got {source.lengths.max()}"
            )
            raise DataError(message)


def _regression(intercept: str, switching: Sequence[bool], *, has_own_var: bool) -> Regressions:
    """Return the regression of rows (response, ones, lags and other columns) with slopes that switch or do not."""
    response = GaussianResponse(0, is_var_common=not has_own_var)
    design = tuple(range(_ONES_COLUMN + 1, _ONES_COLUMN + 1 + len(switching)))
    common = [not own for own in switching]
    if intercept != "none":
        design, common = (_ONES_COLUMN, *design), [intercept == "common", *common]
    return Regressions((response,), design, tuple(j for j, is_common in enumerate(common) if is_common))


def _arrays(given: Mapping[str, Any]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    base = np.asarray(given["intercepts_"], dtype=np.float64).reshape(-1)
    k = len(base)
    ar = np.asarray(given["ar_coefs_"], dtype=np.float64).reshape(k, -1)
    exog = np.asarray(given["exog_coefs_"], dtype=np.float64).reshape(k, -1)
    return base, ar, exog, np.asarray(given["variances_"], dtype=np.float64).reshape(-1)
