"""A cell of a selection's grid: how it is scouted, helped, finished and searched."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import Any, Literal

import numpy as np

from emkit.core import Fit, QuasiNewton, maximise
from emkit.core.arrays import FloatArray
from emkit.core.solvers import Strides
from emkit.data import as_source
from emkit.data.memory import MemorySource
from emkit.data.threads import resolve_threads
from emkit.errors import ParameterError
from emkit.families.gaussian import Gaussian, GaussianStatistics
from emkit.mixture._base import MixtureEstimator
from emkit.mixture.gaussian import GaussianMixture
from emkit.mixture.model import MixtureParameters
from emkit.mixture.selection import Cell, ModelSelection
from emkit.randomness import generator_of

__all__ = ["Grid", "Key"]

Key = tuple[int, Any]  # number of components, structure

SCOUTS = 4  # own starts of each cell; the fits of neighbors are further ones
SCOUT_ENDS = 2  # of those, how many climb on when the first steps are done
SCOUT_TOL = 0.05  # log-likelihood; cells are compared in units of BIC
FAR, FAR_TOL = 50.0, 0.01  # on many rows cells so far from the best, in units of the criterion, climb to this alone
SCREEN_ROWS = 4096  # cells of many rows are scouted on so many; then each climbs on all
LARGE = (
    20_000  # rows from which the best cell too has no more starts than its rivals: optima are fewer, each costs more
)
RIVAL_STARTS = 24
_NEAR_WARM_UP = 3  # plain steps before acceleration where a climb begins near its end
_FEW, _MANY = 40, 300  # accelerated steps in a kernel, before `QuasiNewton`: where each is long, and where it is not
_UNUSED = np.random.default_rng(0)  # climbs from given starts draw nothing


class Starts:
    """Starts of Gaussian mixtures by number of components, the same for all structures, made when first asked for."""

    def __init__(self, template: Any, screen: Any, random_state: Any) -> None:
        self._template, self._screen, self._seed = template, screen, random_state
        self._made: dict[int, list[tuple[FloatArray, GaussianStatistics]]] = {}
        self._lock = Lock()

    def of(self, k: int, n_starts: int) -> list[tuple[FloatArray, GaussianStatistics]]:
        """Return proportions (k,) and full moments of the first `n_starts` starts."""
        with self._lock:
            made = self._made.setdefault(k, [])
            while len(made) < n_starts:
                made.append(self._drawn(k, len(made)))
            return made[:n_starts]

    def _drawn(self, k: int, index: int) -> tuple[FloatArray, GaussianStatistics]:
        block, rows, family = self._seen
        seed = None if self._seed is None else (*np.random.SeedSequence(self._seed).generate_state(2), k, index)
        resp = rows.responsibilities(k, np.random.default_rng(seed), index)
        mix = resp.sum(axis=0) + 1.0
        return mix / mix.sum(), family.starting_moments(block.X, resp)

    @cached_property
    def _seen(self) -> tuple[Any, Any, Gaussian]:
        block = self._screen.sample(self._screen.n_rows, np.random.default_rng(0))
        family = Gaussian().prepared(self._screen, 1)
        return block, family.starting_rows(block), family


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
    whole: Any  # the rows of `source` for cells fitted side by side, each in a thread of its own
    starts: Starts

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
        n_threads = resolve_threads(n_threads)
        whole = source.with_threads(1) if n_threads > 1 and isinstance(source, MemorySource) else source
        starts = Starts(template, screen, random_state)
        return cls(template, source, screen, criterion, n_init, tol, random_state, n_threads, whole, starts)

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

    @property
    def is_gaussian(self) -> bool:
        """Whether cells are Gaussian mixtures and nothing else: starts and fits of one cell then serve others."""
        made = self.template
        return type(made) is GaussianMixture and made.noise is False and made.solver == "auto"

    @property
    def offers(self) -> bool:
        """Whether the fit of a cell is a start for its neighbors."""
        return isinstance(self.template, GaussianMixture) and self.template.noise is False

    def scouted(self, key: Key) -> Fit:
        """Climb from a few own starts on the screen, not to the end."""
        n_init = SCOUTS if self.n_init == "auto" else self.n_init
        made = self.estimator(key, n_init, SCOUT_TOL)
        model = made._model()
        made._check_rows(model, self.source)
        return self._rough(made, model, SCOUTS) if self._shares(key) else self._own(made, model)

    def _shares(self, key: Key) -> bool:
        return self.is_gaussian and self.n_init == "auto" and key[0] > 1

    def _own(self, made: Any, model: Any) -> Fit:
        """Climb from starts of its own."""
        made._n_ends = SCOUT_ENDS if self.n_init == "auto" else None
        fit: Fit = made._maximised(model, self.screen)
        return fit

    def _rough(self, made: Any, model: Any, n_starts: int) -> Fit:
        """Climb on the screen, not to the end, from the starts that all structures share."""
        family = model.family.prepared(self.screen, model.n_components)
        starts = tuple(
            MixtureParameters(mix, family.start_from(moments))
            for mix, moments in self.starts.of(model.n_components, n_starts)
        )
        return self._from_starts(made, model, starts)

    def _from_starts(self, made: Any, model: Any, starts: Any) -> Fit:
        return maximise(
            model,
            self.screen,
            start=starts,
            n_ends=SCOUT_ENDS,
            tol=SCOUT_TOL,
            solver=made.solver,
            max_iter=made.max_iter,
            rng=_UNUSED,
        )

    def searched(self, key: Key, *, is_best: bool) -> Fit | None:
        """Climb from many starts: the best cell of few rows as an estimator does by itself."""
        is_large = self.source.n_rows >= LARGE
        if is_large and is_best:
            return None  # as a rival it had all the starts there are
        n_init: int | Literal["auto"] = "auto" if is_best else RIVAL_STARTS
        made = self.estimator(key, n_init, self.tol)
        model = made._model()
        if is_large and self._shares(key):
            return self.finished(key, self._rough(made, model, RIVAL_STARTS))
        fit: Fit = made._maximised(model, self.source)
        return fit

    def helped(self, key: Key, start: Any) -> Fit:
        """Climb on the screen from parameters that a neighbor offers."""
        made = self.estimator(key, 1, SCOUT_TOL)
        return self._from_starts(made, made._model(), start)

    def finished(self, key: Key, fit: Fit, tol: float | None = None) -> Fit:
        """Go on from a scout, or an earlier end, to the end on all rows."""
        tol = self.tol if tol is None else tol
        made = self.estimator(key, 1, tol)
        start, solver = fit.parameters, made.solver
        if self.is_gaussian:
            start, later = fit.ending.point.parameters, QuasiNewton(warm_up=_NEAR_WARM_UP)
            n_fast, learned = (
                _FEW if self.is_screened else _MANY,
                (fit.ending.memory, self.source.total_weight / fit.weight),
            )
            solver = Strides(warm_up=_NEAR_WARM_UP, n_fast=n_fast, otherwise=later, learned=learned)
        done = maximise(
            made._model(),
            self.whole if self.is_gaussian else self.source,
            start=start,
            solver=solver,
            tol=tol,
            max_iter=made.max_iter,
            rng=_UNUSED,
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
