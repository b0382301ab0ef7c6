"""Hidden Markov models of any family: the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from emkit.core import Solver
from emkit.errors import ParameterError
from emkit.families.base import Family
from emkit.hmm._base import HiddenMarkovEstimator
from emkit.hmm.by_hand import members_by_hand
from emkit.hmm.columns import emission_alone, emission_of

__all__ = ["HiddenMarkovModel"]


class HiddenMarkovModel(HiddenMarkovEstimator):
    """Hidden Markov model whose states emit from any family.

    Parameters
    ----------
    emission : str, Family, or mapping, default "gaussian"
        A family, or its name: "gaussian", "gaussian-full", "student", "poisson", "categorical", "bernoulli", and all
        others that `emkit.families.names` lists. A mapping gives each column, or tuple of columns, by place or name,
        a family of its own; given the state they are independent.
    n_components : int, default 1
        Number of states, k.
    startprob, transmat, startprob_prior, transmat_prior, algorithm, sequence, time, tol, max_iter,
    n_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianHMM`. `start` may also be a fitted model, or a record of parameters.

    Attributes
    ----------
    startprob_, transmat_, stationary_, expected_durations_, fit_, converged_, n_iter_
        As for `GaussianHMM`.
    emissions_ : Parameters
        The record of the family's k members, with the names of the family's own parameters.

    Examples
    --------
    >>> import emkit
    >>> from emkit.hmm import HiddenMarkovModel
    >>> model = HiddenMarkovModel("student", 2, random_state=0).fit(emkit.load_data("faithful")["waiting"])
    >>> model.emissions_.mean.round(0).ravel()
    array([55., 81.])
    """

    _shown = ("emissions_",)
    emissions_: Any

    def __init__(
        self,
        emission: str | Family | Mapping[Any, Any] = "gaussian",
        n_components: int = 1,
        *,
        startprob: Any = "free",
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
        self.emission = emission
        self.n_components = n_components
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

    def _family(self) -> Family:
        return emission_alone(self.emission)

    def _maximised(self, model: Any, source: Any) -> Any:
        family = emission_of(self.emission, source.n_features, source.feature_names)
        return super()._maximised(replace(model, family=family), source)

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        return {"emissions_": members}

    def _members(self, given: Mapping[str, Any]) -> tuple[Family, Any]:
        if "emissions_" not in given:
            message = "`start` needs `emissions`, a record of the family's parameters"
            raise ParameterError(message)
        family = self.model_.family if "model_" in self.__dict__ else self._family()
        return members_by_hand(family, given["emissions_"])
