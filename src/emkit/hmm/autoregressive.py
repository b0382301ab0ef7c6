"""Autoregressive hidden Markov models: the estimator.

Story: y_t is explained by its own lags, and what else is given, with coefficients of the state of its row (switching
regression), or follows an autoregression about a mean of its state (Hamilton's model, `switching_mean`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray, IntArray
from emkit.data.estimator import generator_of
from emkit.errors import DataError, ParameterError
from emkit.families.effects import EffectParameters
from emkit.families.regression import RegressionMembers, Regressions
from emkit.families.responses import GaussianResponse
from emkit.hmm._base import HiddenMarkovEstimator
from emkit.hmm.chain import Chain
from emkit.hmm.lags import lagged
from emkit.hmm.model import HiddenMarkov, HiddenMarkovParameters
from emkit.hmm.switching_mean import SwitchingMean, SwitchingMeanParameters

__all__ = ["AutoregressiveHMM"]

_MOST_HISTORIES = 1024


class AutoregressiveHMM(HiddenMarkovEstimator):
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
    switching_slopes, switching_variance : bool, optional
        Whether the coefficients of lags and other columns, and the variance, switch. Unless said: yes with
        `form="intercept"`, no with `form="mean"`.
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
        switching_slopes: bool | None = None,
        switching_variance: bool | None = None,
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
        self.switching_slopes = switching_slopes
        self.switching_variance = switching_variance
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
        chain, p = self._chain(), self.order
        if isinstance(p, bool) or not isinstance(p, (int, np.integer)) or p < 0:
            message = f"`order` must be an integer of at least 0, got {p!r}"
            raise ParameterError(message)
        if self.form not in ("intercept", "mean"):
            message = f"`form` must be 'intercept' or 'mean', got {self.form!r}"
            raise ParameterError(message)
        if self.form == "intercept":
            return HiddenMarkov(self._family(), chain)
        if chain.n_states ** (p + 1) > _MOST_HISTORIES:
            message = (
                f"`form='mean'` follows {chain.n_states}^{p + 1} histories of states, more than {_MOST_HISTORIES}: "
                "use fewer states, a lower order, or `form='intercept'`"
            )
            raise ParameterError(message)
        return SwitchingMean(chain, int(p), bool(self.switching_slopes), bool(self.switching_variance))

    def _family(self) -> Regressions:
        width = self.__dict__.get("n_features_in_", 1) + int(self.order)
        return _regression(width, self._do_switch(self.switching_slopes), self._do_switch(self.switching_variance))

    def _do_switch(self, said: bool | None) -> bool:
        return self.form == "intercept" if said is None else bool(said)

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        own, p = members.responses[0], int(self.order)
        k = len(own.coef)
        coef = np.column_stack([own.coef, np.tile(own.common, (k, 1))])
        return {
            "intercepts_": coef[:, 0],
            "ar_coefs_": coef[:, 1 : p + 1],
            "exog_coefs_": coef[:, p + 1 :],
            "variances_": np.array(np.broadcast_to(own.var, (k,))),
        }

    def _shown_of(self, model: Any, parameters: Any) -> dict[str, Any]:
        if isinstance(model, HiddenMarkov):
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
        return _regression(coef.shape[1], is_own=True, has_own_var=True), members

    def _record(self, model: Any, chain: Any, given: Mapping[str, Any]) -> Any:
        message = "`start` of AutoregressiveHMM must be a fitted model or a record of its parameters"
        raise ParameterError(message)

    def _by_hand(self, chain: Chain, record: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
        if self.form == "intercept":
            family, members = self._members(given)
            return HiddenMarkov(family, chain), HiddenMarkovParameters(record, members)
        base, ar, _, var = _arrays(given)
        model = SwitchingMean(chain, ar.shape[1], switching_slopes=True, switching_variance=True)
        return model, SwitchingMeanParameters(record, base, ar, var)

    # --- rows ---

    def _maximised(self, model: Any, source: Any) -> Any:
        self._check_columns(source)
        return super()._maximised(self._model(), self._arranged(source))

    def _source(self, X: Any, lengths: Any, sequence: Any, time: Any) -> Any:
        return self._arranged(super()._source(X, lengths, sequence, time))

    def _arranged(self, source: Any) -> Any:
        return lagged(source, int(self.order)) if self.form == "intercept" else source

    def _check_columns(self, source: Any) -> None:
        if self.form == "mean" and source.n_features > 1:
            message = f"`form='mean'` takes one column, the series, got {source.n_features}; see `form='intercept'`"
            raise DataError(message)
        rest = int(np.maximum(source.lengths - int(self.order), 0).sum())
        if rest < 1:
            message = (
                f"an autoregression of order {self.order} needs sequences of more rows, got {source.lengths.max()}"
            )
            raise DataError(message)

    # --- answers ---

    def sample(
        self, n_samples: int = 1, random_state: Any = None, currstate: int | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Return one new series (n, 1) and its states (n,); of a series without explaining columns."""
        model, parameters = self._now()
        if not isinstance(model, HiddenMarkov):
            return super().sample(n_samples, random_state, currstate)
        self._refuse_columns("sample")
        rng = generator_of(self.random_state if random_state is None else random_state)
        shown = self._shown_of(model, parameters)
        chain, p, burn = parameters.chain, int(self.order), 0 if currstate is not None else 200
        y, states = np.zeros(n_samples + burn), np.empty(n_samples + burn, dtype=np.intp)
        for t in range(n_samples + burn):
            prob = chain.init if t == 0 else chain.trans[states[t - 1]]
            s = currstate if t == 0 and currstate is not None else int(rng.choice(len(prob), p=prob))
            past = y[max(0, t - p) : t][::-1]
            mean = shown["intercepts_"][s] + shown["ar_coefs_"][s, : len(past)] @ past
            states[t], y[t] = s, mean + rng.normal() * np.sqrt(shown["variances_"][s])
        return y[burn:, None], states[burn:]

    def predict_mean(self, X: Any, lengths: Any = None, h: int = 1, *, sequence: Any = None, time: Any = None) -> Any:
        """Return the expected series (h,) after the end of a sequence, over all paths of the states.

        With several sequences, a list of them. For `form="intercept"` without explaining columns.
        """
        model, parameters = self._now()
        if not isinstance(model, HiddenMarkov):
            message = "predict_mean is for `form='intercept'`"
            raise ParameterError(message)
        self._refuse_columns("predict_mean")
        given = super()._source(X, lengths, sequence, time)
        source, series, p = self._arranged(given), given.X[:, 0], int(self.order)
        filtered = self._filtered(source)
        shown, found = self._shown_of(model, parameters), []
        coef = np.column_stack([shown["intercepts_"], shown["ar_coefs_"]])
        for n, end in zip(source.lengths.tolist(), source.ends.tolist(), strict=True):
            if n < max(p, 1):
                message = f"a forecast of order {p} needs as many rows, got a sequence of {n}"
                raise DataError(message)
            past = np.asarray(series[end - p : end], dtype=np.float64)[::-1]
            if np.isnan(past).any():
                message = "a forecast needs the last rows of the series, and one of them is missing"
                raise DataError(message)
            found.append(_expected(coef, parameters.chain.trans, filtered[end - 1], past, h))
        return found[0] if len(found) == 1 else found

    def forecast(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: what comes next depends on the past of the series too."""
        message = "the forecast of an autoregression depends on its past: use `predict_mean`, or `sample`"
        raise ParameterError(message)

    def pseudo_residuals(
        self,
        X: Any,
        lengths: Any = None,
        kind: Literal["ordinary", "forecast"] = "ordinary",
        *,
        sequence: Any = None,
        time: Any = None,
    ) -> FloatArray:
        """Return normal pseudo-residuals (n,), with `form="intercept"`: standard normal where the model holds.

        NaN where a row says nothing of the states.
        """
        if self.form == "mean":
            message = "pseudo_residuals is for `form='intercept'`"
            raise ParameterError(message)
        return super().pseudo_residuals(X, lengths, kind, sequence=sequence, time=time)

    def sample_paths(
        self,
        X: Any,
        lengths: Any = None,
        n_paths: int = 1,
        random_state: Any = None,
        *,
        sequence: Any = None,
        time: Any = None,
    ) -> IntArray:
        """Return paths (n_paths, n) drawn from the posterior, with `form="intercept"`."""
        if self.form == "mean":
            message = "sample_paths is for `form='intercept'`"
            raise ParameterError(message)
        return super().sample_paths(X, lengths, n_paths, random_state, sequence=sequence, time=time)

    def _refuse_columns(self, name: str) -> None:
        n_more = np.shape(self.exog_coefs_)[-1]
        if n_more:
            message = f"{name} knows nothing of explaining columns to come; this model has {n_more}"
            raise ParameterError(message)


def _regression(width: int, is_own: bool, has_own_var: bool) -> Regressions:
    response = GaussianResponse(0, is_var_common=not has_own_var)
    common = () if is_own else tuple(range(1, width))
    return Regressions((response,), tuple(range(1, width + 1)), common)


def _arrays(given: Mapping[str, Any]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    base = np.asarray(given["intercepts_"], dtype=np.float64).reshape(-1)
    k = len(base)
    ar = np.asarray(given["ar_coefs_"], dtype=np.float64).reshape(k, -1)
    exog = np.asarray(given["exog_coefs_"], dtype=np.float64).reshape(k, -1)
    return base, ar, exog, np.asarray(given["variances_"], dtype=np.float64).reshape(-1)


def _expected(coef: FloatArray, trans: FloatArray, states: FloatArray, past: FloatArray, h: int) -> FloatArray:
    """Return E[y] (h,): moments E[(1, lags) 1(state)] move linearly from row to row."""
    k, p = len(states), len(past)
    held = states[:, None] * np.concatenate([[1.0], past])
    found = []
    for _ in range(h):
        held = trans.T @ held
        y = (held * coef).sum(axis=1)
        found.append(float(y.sum()))
        held = np.column_stack([held[:, :1], y.reshape(k, 1), held[:, 1:p]]) if p else held
    return np.array(found)
