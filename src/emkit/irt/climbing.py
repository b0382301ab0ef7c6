"""One climb after another: on finer and wider grids, or with the nodes of people placed anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from emkit.core import Fit, QuasiNewton, Solver
from emkit.irt.grids import Equispaced, Grid, QuasiMonteCarlo
from emkit.irt.model import ItemResponse
from emkit.irt.placed import Adaptive, Placing
from emkit.irt.refining import fitting_grid

__all__ = ["Climb", "on_draws", "on_grids", "on_own_places"]

_GRIDS = 4
_MISLED = 0.6
_ROUNDS = 4
_SETTLED = 1e-6  # of the log-likelihood: less than this is changed by placing the nodes anew
_UNSETTLED = 0.1
_ROUGH = {1: (31, 6.0), 2: (13, 5.0), 3: (9, 4.5)}
_ROUGH_TOL = 1e-2
_FEW = 500


class Climb(Protocol):
    """What fits a model to a source from a start; a tolerance of None is the user's own, as is a solver of None."""

    def __call__(
        self,
        model: ItemResponse,
        source: Any,
        begin: Any,
        *,
        tol: float | None,
        is_first: bool,
        solver: Solver | None = None,
    ) -> Fit: ...


def on_grids(model: ItemResponse, source: Any, begin: Any, climb: Climb) -> Fit:
    """Fit on the grid, and again from there while the grid turns out too coarse or too narrow."""
    way = _Way(climb(model, source, begin, tol=None, is_first=True))
    for _ in range(_GRIDS - 1):
        grid = fitting_grid(model, inner(way.fit), way.fit.source) if way.fit.is_converged else model.grid
        if grid is model.grid:
            break
        # On a grid much too coarse steep items hide people between the nodes: from there the climb ends elsewhere.
        is_misled = grid.finest < _MISLED * model.grid.finest
        model = replace(model, grid=grid)
        begin = begin if is_misled else way.fit.parameters
        way = way.further(climb(model, way.fit.source, begin, tol=None, is_first=False))
    return way.whole


def on_own_places(model: ItemResponse, source: Any, begin: Any, climb: Climb, rule: Adaptive) -> Fit:
    """Fit on a rough grid, then with the nodes of each person placed by the last fit, until that changes nothing."""
    rough = replace(model, grid=_rough(model.n_factors))
    way = _Way(climb(rough, source, begin, tol=_ROUGH_TOL, is_first=True))
    for _ in range(_ROUNDS):
        placed = replace(model, placing=Placing(rule.of(model.n_factors), inner(way.fit)))
        before = way.fit
        way = way.further(climb(placed, before.source, before.parameters, tol=None, is_first=False))
        change = abs(way.fit.loglik - before.loglik)
        if change < _SETTLED * max(1.0, np.sqrt(way.fit.weight)):
            break
    whole = way.whole
    if change < _UNSETTLED:
        return whole
    note = (
        f"Placing the nodes anew still changed the log-likelihood by {change:.2g}: people have answered little, or the "
        "nodes are too few. Give more, as in Adaptive(GaussHermite(31))."
    )
    return replace(whole, notes=(*whole.notes, note))


def on_draws(model: ItemResponse, source: Any, begin: Any, climb: Climb, rule: Adaptive) -> Fit:
    """Fit by draws of the latent variables, after a fit on a rough grid where no start is given.

    The log-likelihood is then integrated around the modes of the posteriors. Its standard error is that of as many
    random points in independent parts.
    """
    rough = replace(model, grid=_rough(model.n_factors))
    if begin is None:
        begin = climb(rough, source, None, tol=_ROUGH_TOL, is_first=False, solver=QuasiNewton(warm_up=1)).parameters
    fit = climb(rough, source, begin, tol=None, is_first=True)
    own = rule.of(model.n_factors)
    placing = Placing(own, fit.parameters)
    placed = replace(model, placing=placing)
    loglik = _loglik(placed, fit)
    notes = fit.notes
    if isinstance(own, QuasiMonteCarlo):
        parts = [QuasiMonteCarlo(own.n_points // _PARTS, own.seed + 1 + part) for part in range(_PARTS)]
        found = [_loglik(replace(model, placing=replace(placing, rule=part)), fit) for part in parts]
        error = float(np.std(found, ddof=1) / np.sqrt(_PARTS))
        notes = (*notes, f"The log-likelihood was integrated by random points, with the standard error {error:.2g}.")
    objective = loglik + model.log_prior(fit.parameters)
    return replace(fit, model=placed, loglik=loglik, objective=objective, notes=notes)


_PARTS = 4


def _loglik(model: ItemResponse, fit: Fit) -> float:
    def of(block: Any) -> float:
        return float(block.weights @ model.log_density(fit.parameters, block))

    return float(sum(fit.source.map(of)))


def inner(fit: Fit) -> Any:
    """Return the parameters of the model itself, inside any constraints."""
    return getattr(fit.parameters, "inner", fit.parameters)


def _rough(n_factors: int) -> Grid:
    if n_factors not in _ROUGH:
        return QuasiMonteCarlo(_FEW)
    n_points, reach = _ROUGH[n_factors]
    return Equispaced(n_points, -reach, reach)


@dataclass(frozen=True)
class _Way:
    """The last of several climbs, with what all of them took."""

    fit: Fit
    n_e_steps: int = 0
    seconds: float = 0.0

    def further(self, later: Fit) -> _Way:
        """Return the way with one more climb, whose trace goes on from the last."""
        joined = replace(later, trace=self.fit.trace.joined(later.trace), starts=self.fit.starts)
        return _Way(joined, self.n_e_steps + self.fit.n_e_steps, self.seconds + self.fit.seconds)

    @property
    def whole(self) -> Fit:
        spent, seconds = self.n_e_steps + self.fit.n_e_steps, self.seconds + self.fit.seconds
        return replace(self.fit, n_e_steps=spent, seconds=seconds)
