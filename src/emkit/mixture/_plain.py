"""The constructor of mixtures that have no options of their own family."""

from __future__ import annotations

from typing import Any, Literal

from emkit.core import Solver
from emkit.mixture._base import MixtureEstimator

__all__ = ["PlainMixture"]


class PlainMixture(MixtureEstimator):
    """Base of mixtures whose family has nothing to choose."""

    def __init__(
        self,
        n_components: int = 1,
        *,
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
        self.weight_concentration = weight_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration
