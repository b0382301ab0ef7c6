"""The constructor that estimators share whose family needs no arguments of its own."""

from __future__ import annotations

from typing import Any, Literal

from emkit.core import Solver
from emkit.hmm._base import HiddenMarkovEstimator

__all__ = ["PlainHMM"]


class PlainHMM(HiddenMarkovEstimator):
    """A hidden Markov model with the usual arguments."""

    def __init__(
        self,
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
