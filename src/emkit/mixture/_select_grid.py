"""A cell of a selection's grid: how it is scouted, helped, finished and searched."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from emkit.core import Fit, QuasiNewton, maximise
from emkit.data import as_source
from emkit.data.threads import resolve_threads
from emkit.errors import ParameterError
from emkit.mixture._base import MixtureEstimator
from emkit.mixture.gaussian import GaussianMixture
from emkit.mixture.selection import Cell, ModelSelection
from emkit.randomness import generator_of

__all__ = ["Grid", "Key"]

Key = tuple[int, Any]  # number of components, structure

SCOUTS = 4  # own starts of each cell; the fits of neighbors are further ones
SCOUT_ENDS = 2  # of those, how many climb on when the first steps are done
SCOUT_TOL = 0.05  # log-likelihood; cells are compared in units of BIC
SCREEN_ROWS = 4096  # cells of many rows are scouted on so many; then each climbs on all
LARGE = (
    20_000  # rows from which the best cell too has no more starts than its rivals: optima are fewer, each costs more
)
RIVAL_STARTS = 24
_NEAR_WARM_UP = 3  # plain steps before acceleration where a climb begins near its end


@dataclass(frozen=True)
class Grid:
    """What all cells share: the data, the arguments, and how a cell is fitted."""

    template: Any
    source: Any
    screen: Any  # the rows that cells are scouted on: a sample where there are many
    criterion: str
    n_init: int | Literal["auto"]
    tol: float
    random_state: Any
    n_threads: int

    @classmethod
    def of(
        cls,
        estimator: Any,
        X: Any,
        sample_weight: Any,
        criterion: str,
        n_init: Any,
        tol: float,
        random_state: Any,
        n_threads: int | None,
    ) -> Grid:
        made: Any = GaussianMixture if estimator is None else estimator
        template: Any = made() if inspect.isclass(made) else made
        if not isinstance(template, MixtureEstimator):
            message = f"`estimator` must be a mixture of emkit, got {made!r}"
            raise ParameterError(message)
        ModelSelection((), criterion)  # raises if there is no such criterion
        source = template._fit_source(X, sample_weight, n_threads)
        rng = generator_of(random_state)
        screen = source if source.n_rows <= 2 * SCREEN_ROWS else _sampled(source, rng)
        return cls(template, source, screen, criterion, n_init, tol, random_state, resolve_threads(n_threads))

    @property
    def has_structures(self) -> bool:
        """Whether the estimator takes a structure of covariances."""
        return "covariance_type" in self.template.get_params()

    @property
    def title(self) -> str:
        """What is fitted."""
        return type(self.template).__name__

    def estimator(self, key: Key, n_init: Any, tol: float) -> Any:
        """Return an estimator for a cell, not fitted."""
        template, params = self.template, self.template.get_params()
        own = {template._count_name: key[0], "n_init": n_init, "tol": tol, "random_state": self.random_state}
        if self.has_structures:
            own["covariance_type"] = key[1]
        made = type(template)(**{**params, **own})
        read = {
            name: value for name, value in vars(template).items() if name not in params
        }  # off the data: names, levels
        vars(made).update(read)
        return made

    @property
    def is_screened(self) -> bool:
        """Whether cells are scouted on a sample."""
        return self.screen is not self.source

    def scouted(self, key: Key) -> Fit:
        """Climb from a few own starts on the screen, not to the end."""
        n_init = SCOUTS if self.n_init == "auto" else self.n_init
        made = self.estimator(key, n_init, SCOUT_TOL)
        model = made._model()
        made._check_rows(model, self.source)
        made._n_ends = SCOUT_ENDS if self.n_init == "auto" else None
        fit: Fit = made._maximised(model, self.screen)
        return fit

    def searched(self, key: Key, *, is_best: bool) -> Fit:
        """Climb from many starts: the best cell of few rows as an estimator does by itself."""
        n_init: int | Literal["auto"] = "auto" if is_best and self.source.n_rows < LARGE else RIVAL_STARTS
        made = self.estimator(key, n_init, self.tol)
        fit: Fit = made._maximised(made._model(), self.source)
        return fit

    def helped(self, key: Key, start: Any) -> Fit:
        """Climb on the screen from parameters that a neighbor offers."""
        made = self.estimator(key, 1, SCOUT_TOL)
        return maximise(
            made._model(), self.screen, start=start, solver=made.solver, tol=SCOUT_TOL, max_iter=made.max_iter
        )

    def finished(self, key: Key, fit: Fit) -> Fit:
        """Go on from a scout to the end, on all rows."""
        made = self.estimator(key, 1, self.tol)
        is_near = made.solver == "auto" and isinstance(made, GaussianMixture)
        solver = QuasiNewton(warm_up=_NEAR_WARM_UP) if is_near else made.solver
        done = maximise(
            made._model(), self.source, start=fit.parameters, solver=solver, tol=self.tol, max_iter=made.max_iter
        )
        return replace(done, starts=fit.starts, n_e_steps=done.n_e_steps + fit.n_e_steps)

    def cell(self, key: Key, fit: Fit) -> Cell:
        """Return the cell of a fit, with what only the rows can tell."""
        made = self.estimator(key, self.n_init, self.tol)
        made._adopt(fit, self.source)
        entropy = sum(self.source.map(lambda block: _entropy(fit.model, fit.parameters, block)))
        return Cell(key[0], str(key[1]), made, float(entropy), "" if fit.is_converged else fit.status.value)


def _sampled(source: Any, rng: np.random.Generator) -> Any:
    block = source.sample(SCREEN_ROWS, rng)
    return as_source(block.X, block.weights if block.is_weighted else None, allow_missing_columns=True, n_threads=1)


def _entropy(model: Any, parameters: Any, block: Any) -> float:
    resp = model.posterior(parameters, block)
    return float(-(block.weights @ (resp * np.log(np.where(resp > 0, resp, 1.0))).sum(axis=1)))
