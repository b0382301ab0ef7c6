"""Hidden Markov models with covariates on their transitions: the estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.errors import DataError, ParameterError
from emkit.families.base import Family
from emkit.families.names import family_named
from emkit.hmm._base import HiddenMarkovEstimator
from emkit.hmm.by_hand import members_by_hand
from emkit.hmm.chain import Chain
from emkit.hmm.guided import GuidedMarkov, GuidedMarkovParameters

__all__ = ["CovariateHMM"]


class CovariateHMM(HiddenMarkovEstimator):
    """Hidden Markov model whose transitions depend on covariates, by a multinomial logit for each state left.

    The covariates of a row drive the move from it to the next row, as in depmixS4. They must be known; missing entries
    of the other columns are as for `HiddenMarkovModel`. For covariates on emissions take a family of regressions.

    Parameters
    ----------
    emission : str or Family, default "gaussian"
        Of the columns that are no covariates, in their order.
    n_components : int, default 1
        Number of states, k.
    transition_covariates : sequence of int or str, default ()
        Columns that drive the transitions, by place or, of a data frame, by name.
    algorithm, sequence, time, tol, max_iter, n_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianHMM`. `start` is a record of parameters.

    Attributes
    ----------
    startprob_ : array (k,)
    transmat_ : array (k, k)
        Where all covariates are zero.
    transition_coefs_ : array (k, k, 1 + q)
        Log odds of the move from the first to the second index against a move to state 0: intercept and slopes.
    emissions_ : Parameters
        The record of the family's k members.
    fit_, converged_, n_iter_
    """

    _shown = ("transition_coefs_", "emissions_")
    transition_coefs_: FloatArray
    emissions_: Any

    def __init__(
        self,
        emission: str | Family = "gaussian",
        n_components: int = 1,
        *,
        transition_covariates: Sequence[int | str] = (),
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
        self.emission = emission
        self.n_components = n_components
        self.transition_covariates = transition_covariates
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
        return GuidedMarkov(self._family(), self._chain().n_states)

    def _maximised(self, model: Any, source: Any) -> Any:
        columns = self._columns(source.n_features, source.feature_names)
        return super()._maximised(GuidedMarkov(model.family, model.n_components, columns), source)

    def _columns(self, d: int, names: Sequence[str] | None) -> tuple[int, ...]:
        found = []
        for given in self.transition_covariates:
            if isinstance(given, str) and given in (names or ()):
                found.append(list(names or ()).index(given))
            elif isinstance(given, (int, np.integer)) and not isinstance(given, bool) and 0 <= given < d:
                found.append(int(given))
            else:
                known = f"0 to {d - 1}" if names is None else ", ".join(map(repr, names))
                message = f"`transition_covariates` names no column by {given!r}: the columns are {known}"
                raise DataError(message)
        if len(set(found)) == d:
            message = f"`transition_covariates` takes all {d} columns: one at least must be left for the states to emit"
            raise DataError(message)
        return tuple(found)

    def _family(self) -> Family:
        return family_named(self.emission)

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        return {"emissions_": members}

    def _shown_of(self, model: Any, parameters: Any) -> dict[str, Any]:
        k, _, q = parameters.gating.shape
        coefs = np.concatenate([np.zeros((k, 1, q)), parameters.gating], axis=1)
        return {"transition_coefs_": coefs, **self._show(model.family, parameters.members)}

    def _members(self, given: Mapping[str, Any]) -> tuple[Family, Any]:
        family = self.model_.family if "model_" in self.__dict__ else family_named(self.emission)
        return members_by_hand(family, given["emissions_"])

    def _record(self, model: Any, chain: Any, given: Mapping[str, Any]) -> Any:
        message = "`start` of CovariateHMM must be a record of its parameters, such as `parameters_` of a fit"
        raise ParameterError(message)

    def _by_hand(self, chain: Chain, record: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
        family, members = self._members(given)
        coefs = np.asarray(given["transition_coefs_"], dtype=np.float64)
        k = chain.n_states
        if coefs.ndim != 3 or coefs.shape[:2] != (k, k):
            message = f"`transition_coefs_` must have shape ({k}, {k}, 1 + q), got {coefs.shape}"
            raise ParameterError(message)
        known = self.model_.covariates if "model_" in self.__dict__ else self.transition_covariates
        columns = tuple(int(column) for column in known)
        gating = coefs[:, 1:] - coefs[:, :1]
        return GuidedMarkov(family, k, columns), GuidedMarkovParameters(record.init, gating, members)

    # --- answers that would need covariates to come ---

    def forecast(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: what comes next depends on covariates to come."""
        raise ParameterError(_UNKNOWN.format("forecast"))

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: the states depend on covariates to come."""
        raise ParameterError(_UNKNOWN.format("sample"))

    def sample_paths(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: posterior paths are drawn for one matrix of transitions only."""
        raise ParameterError(_UNKNOWN.format("sample_paths"))

    def pseudo_residuals(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: pseudo-residuals are worked out for one matrix of transitions only."""
        raise ParameterError(_UNKNOWN.format("pseudo_residuals"))


_UNKNOWN = "{} is for hidden Markov models with one matrix of transitions, not for those with covariates"
