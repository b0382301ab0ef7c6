"""The scale of a density of any shape: mean zero and variance one, by an exact change of the nodes and the items."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from emkit.core import Fit, Problem
from emkit.irt.curves.base import Slopes
from emkit.irt.davidian import Davidian
from emkit.irt.grids import Equispaced
from emkit.irt.latent import Histogram, Latent
from emkit.irt.model import ItemResponseParameters

__all__ = ["standardized"]


def standardized(fit: Fit) -> Fit:
    """Return a fit whose histogram or curve has mean 0 and variance 1 in the first group; other fits as they are.

    With x = mean + sd y the curves of items with free slopes are the same curves in y, at nodes that move along: not a
    digit of the likelihood depends on it, but the slopes then compare with those of a standard normal distribution.
    """
    model, parameters = fit.model, fit.parameters
    if not isinstance(model.latent, Histogram | Davidian) or not isinstance(model.grid, Equispaced):
        return fit
    if any(run.kind.slopes is not Slopes.FREE for run in model.runs):
        return fit
    mean, sd = (float(part[0, 0]) for part in model.latent_moments(parameters))
    grid = replace(model.grid, low=(model.grid.low - mean) / sd, high=(model.grid.high - mean) / sd)
    moved: list[Any] = []
    for run, own in zip(model.runs, parameters.items, strict=True):
        matrix = run.kind.moved(run.matrix(own), mean, sd)
        moved.append(run.kind.record(matrix, run.kind.layout(own), lambda rows: rows[:1]))
    changed = replace(model, grid=grid, latent=_moved(model.latent, mean, sd))
    point = Problem(changed, fit.source).evaluate(ItemResponseParameters(tuple(moved), parameters.latent))
    return replace(
        fit,
        model=changed,
        parameters=point.parameters,
        loglik=point.loglik,
        objective=point.objective,
        n_e_steps=fit.n_e_steps + 1,
    )


def _moved(latent: Latent, mean: float, sd: float) -> Latent:
    """Return the distribution of y where x = mean + sd y: a histogram moves with its nodes, a curve by its scale."""
    if not isinstance(latent, Davidian):
        return latent
    return replace(latent, shift=latent.shift + latent.scale * mean, scale=latent.scale * sd)
