"""Hidden semi-Markov models of any family: the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.families.base import Family
from emkit.families.names import family_named
from emkit.hmm._base import HiddenMarkovEstimator
from emkit.hmm.by_hand import members_by_hand
from emkit.hmm.chain import Chain
from emkit.hmm.durations import FreeDurations, durations_named
from emkit.hmm.forecast import Forecast
from emkit.hmm.semi_markov import HiddenSemiMarkov, HiddenSemiMarkovParameters

__all__ = ["HiddenSemiMarkovModel"]


class HiddenSemiMarkovModel(HiddenMarkovEstimator):
    """Hidden semi-Markov model: states that last by a distribution of durations instead of a geometric one.

    Parameters
    ----------
    emission : str or Family, default "gaussian"
        As for `HiddenMarkovModel`.
    n_components : int, default 1
        Number of states, k.
    durations : {"nonparametric", "poisson", "negative-binomial", "gamma"}, default "nonparametric"
        A probability for each duration; or a shifted Poisson, a shifted negative binomial, or a gamma density at whole
        numbers, each restricted to 1 to `max_duration`.
    max_duration : int, optional
        Longest duration, d. The length of the longest sequence unless given, at most 200.
    right_censored : bool, default True
        Whether the last stay of a sequence may go on after its last row; if not, it ends there.
    startprob : "free", "uniform", or array (k,), default "free"
        Probabilities of the first stay, which begins with the sequence.
    transmat : str or array (k, k), default "ergodic"
        As for `GaussianHMM`; moves to the same state are left out. A state that nothing may follow follows itself.
    startprob_prior, transmat_prior, algorithm, sequence, time, tol, max_iter, n_iter, n_init, start, solver,
    random_state, n_threads, on_iteration
        As for `GaussianHMM`.

    Attributes
    ----------
    startprob_ : array (k,)
    transmat_ : array (k, k)
        From stay to stay.
    durations_ : array (k, d)
        Probability of each duration 1 to d. `parameters_.durations` has the parameters behind them.
    emissions_ : Parameters
        The record of the family's k members.
    expected_durations_, stationary_ : array (k,)
        Mean duration, and long-run share of the rows.
    fit_, converged_, n_iter_

    All that ends in an underscore may be set by hand, also without a fit.

    Examples
    --------
    >>> import emkit
    >>> waiting = emkit.load_data("faithful")["waiting"]
    >>> model = emkit.HiddenSemiMarkovModel("gaussian", 2, durations="poisson", n_init=4, random_state=0)
    >>> model.fit(waiting).expected_durations_.round(1)
    array([1.1, 1.5])
    """

    _shown = ("durations_", "emissions_")
    durations_: FloatArray
    emissions_: Any

    def __init__(
        self,
        emission: str | Family = "gaussian",
        n_components: int = 1,
        *,
        durations: Literal["nonparametric", "poisson", "negative-binomial", "gamma"] = "nonparametric",
        max_duration: int | None = None,
        right_censored: bool = True,
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
        self.durations = durations
        self.max_duration = max_duration
        self.right_censored = right_censored
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

    def _model(self) -> HiddenSemiMarkov:  # type: ignore[override]
        chain, longest = self._chain(), self.max_duration
        durations_named(self.durations)
        if chain.start == "stationary":
            message = "`startprob` must be 'free', 'uniform' or an array (k,): the first stay begins with its sequence"
            raise ParameterError(message)
        if longest is not None and (isinstance(longest, bool) or not isinstance(longest, (int, np.integer))):
            message = f"`max_duration` must be an integer of at least 1, or None, got {longest!r}"
            raise ParameterError(message)
        if longest is not None and longest < 1:
            message = f"`max_duration` must be an integer of at least 1, or None, got {longest!r}"
            raise ParameterError(message)
        kept = int(longest or 0), bool(self.right_censored)
        return HiddenSemiMarkov(self._family(), _without_diagonal(chain), self.durations, *kept)

    def _family(self) -> Family:
        return family_named(self.emission)

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        return {"emissions_": members}

    def _shown_of(self, model: Any, parameters: Any) -> dict[str, Any]:
        return {"durations_": model.stays(parameters), **self._show(model.family, parameters.members)}

    def _members(self, given: Mapping[str, Any]) -> tuple[Family, Any]:
        if "emissions_" not in given:
            message = "`start` needs `emissions`, a record of the family's parameters"
            raise ParameterError(message)
        family = self.model_.family if "model_" in self.__dict__ else family_named(self.emission)
        return members_by_hand(family, given["emissions_"])

    def _by_hand(self, chain: Chain, record: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
        family, members = self._members(given)
        shares = _duration_shares(given["durations_"], chain.n_states)
        model = HiddenSemiMarkov(family, chain, "nonparametric", shares.shape[1], bool(self.right_censored))
        return model, HiddenSemiMarkovParameters(record, FreeDurations(shares), members)

    def _record(self, model: Any, chain: Any, given: Mapping[str, Any]) -> Any:
        """Return parameters to start from; durations are shares (k, d), or their means (k,)."""
        if "durations" not in given:
            message = "`start` needs `durations`: shares (k, d) of each duration, or mean durations (k,)"
            raise ParameterError(message)
        _, members = self._members({f"{name}_": value for name, value in given.items()})
        value, kind = np.asarray(given["durations"], dtype=np.float64), durations_named(model.durations)
        if kind is FreeDurations and value.ndim == 2:
            own: Any = FreeDurations(_duration_shares(value, model.n_components))
        else:
            mean = value if value.ndim == 1 else value @ np.arange(1, value.shape[1] + 1)
            own = kind.started(mean, model.longest or value.shape[-1])
        return HiddenSemiMarkovParameters(chain, own, members)

    # --- answers ---

    @property
    def stationary_(self) -> FloatArray:
        """Long-run share (k,) of the rows in each state."""
        model, parameters = self._now()
        return model.long_run(parameters)  # type: ignore[attr-defined, no-any-return]

    @property
    def expected_durations_(self) -> FloatArray:
        """Mean number of rows (k,) for which each state lasts."""
        model, parameters = self._now()
        return model.mean_stays(parameters)  # type: ignore[attr-defined, no-any-return]

    def forecast(
        self, X: Any, lengths: Any = None, h: int = 1, *, sequence: Any = None, time: Any = None
    ) -> Forecast | list[Forecast]:
        """Return the distributions of states and observations 1 to `h` steps after the end of the sequence.

        With several sequences, a list of them. How long the last stay has lasted is taken into account.
        """
        if isinstance(h, bool) or not isinstance(h, (int, np.integer)) or h < 1:
            message = f"`h` must be an integer of at least 1, got {h!r}"
            raise ParameterError(message)
        source = self._source(X, lengths, sequence, time)
        model: Any
        model, parameters = self._now()
        going = np.concatenate(source.map(lambda block: model.going(parameters, block)))
        chain = parameters.chain.init, parameters.chain.trans, model.stays(parameters)
        each = [_ahead(last if n else None, *chain, int(h)) for n, last in zip(source.lengths, going, strict=True)]
        found = [Forecast(states, model.family, parameters.members) for states in each]
        return found[0] if len(found) == 1 else found


def _without_diagonal(chain: Chain) -> Chain:
    k = chain.n_states
    inside = np.eye(k, dtype=bool)
    if chain.fixed is not None:
        known = np.where(inside & np.isnan(chain.fixed), 0.0, chain.fixed) if k > 1 else chain.fixed
        return replace(chain, fixed=known)
    return replace(chain, allowed=~inside if chain.allowed is None else chain.allowed & ~inside)


def _duration_shares(value: Any, k: int) -> FloatArray:
    shares = np.ascontiguousarray(value, dtype=np.float64)
    if shares.ndim != 2 or len(shares) != k:
        message = f"`durations_` must have shape ({k}, d), a row of probabilities for each state, got {shares.shape}"
        raise ParameterError(message)
    return shares


def _ahead(going: FloatArray | None, init: FloatArray, trans: FloatArray, stays: FloatArray, h: int) -> FloatArray:
    """Return the probabilities (h, k) of the states 1 to h rows after stays that go on as `going` (k, d)."""
    alive = np.cumsum(stays[:, ::-1], axis=1)[:, ::-1]
    stop = np.divide(stays, alive, out=np.zeros_like(stays), where=alive > 0)
    state, rows = np.zeros_like(stays) if going is None else going, []
    for step in range(h):
        born = init if step == 0 and going is None else (state * stop).sum(axis=1) @ trans
        state = np.column_stack([born, (state * (1 - stop))[:, :-1]])
        rows.append(state.sum(axis=1))
    return np.array(rows)
