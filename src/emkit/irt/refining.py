"""Whether a grid is wide enough for the latent distributions and fine enough for the posteriors."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.irt.grids import REACH, Grid

__all__ = ["fitting_grid"]

_LOOK = 601
_NEAR = 5.0  # standard deviations that grids of several factors reach at least
_SOME = 1000  # nodes of several factors at which information is worked out
_COARSER = 1.8  # grids of several factors have steps of 1.2 posterior standard deviations: 1e-6 of a peak is lost
_MOST = {2: 121, 3: 41}  # nodes in each direction


def fitting_grid(model: Any, parameters: Any, source: Any) -> Grid:
    """Return a grid that suits the parameters, or that of the model."""
    if not model.latent.is_parametric or model.placing is not None or model.n_factors > max(_MOST):
        grid: Grid = model.grid
        return grid
    mean, sd = model.latent_moments(parameters)
    if model.latent.n_covariates:
        latent = parameters.latent
        means = source.map(lambda block: model.latent.predicted(latent, model.covariates_of(block)))
        mean = np.concatenate([[f(part, axis=0) for part in means] for f in (np.min, np.max)])
    reach = REACH if model.n_factors == 1 else _NEAR
    low, high = float((mean - reach * sd).min()), float((mean + reach * sd).max())
    narrowest = float((_most_information(model, parameters) + sd.max() ** -2) ** -0.5)
    if model.n_factors == 1:
        return model.grid.fitting(low, high, narrowest)  # type: ignore[no-any-return]
    return model.grid.fitting(low, high, _COARSER * narrowest, _MOST[model.n_factors])  # type: ignore[no-any-return]


def _most_information(model: Any, parameters: Any) -> float:
    """Return the largest information of all items together, in any direction and at any place."""
    nodes: FloatArray = model.nodes
    if model.n_factors == 1:
        at = np.linspace(nodes.min(), nodes.max(), _LOOK)[:, None]
    else:
        at = nodes[:: -(-len(nodes) // _SOME)]
    information = np.zeros((len(at), model.n_factors, model.n_factors))
    for run, own in zip(model.runs, parameters.items, strict=True):
        rise = run.by_latent(own, at)
        information += np.einsum("mkq,mfkq,mgkq->qfg", np.exp(run.log_prob(own, at)), rise, rise, optimize=True)
    return float(np.linalg.eigvalsh(information)[:, -1].max())
