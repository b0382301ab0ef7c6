"""What is looked at before a fit: whether the answers can tell the parameters, and whether anybody links the items."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.sparse.csgraph import connected_components

from emkit.core.parameters import n_free
from emkit.data import as_source
from emkit.errors import DataWarning, ParameterError
from emkit.irt.coding import MISSING
from emkit.irt.model import ItemResponse
from emkit.irt.responses import Responses

__all__ = ["check_identified", "warn_of_separate_forms"]

_FEW = 1 << 12
_ROWS = 4096


def check_identified(model: ItemResponse, responses: Responses) -> None:
    """Raise `ParameterError` if there are more parameters than distinct patterns of answers could tell."""
    log_cells = sum(np.log(len(values)) for values in responses.categories)
    if log_cells > np.log(_FEW):
        return
    cells = round(float(np.exp(log_cells))) * model.latent.n_groups
    if model.latent.n_covariates or _has_strong_prior(model):
        return
    start = model.start(as_source(np.zeros((2, model.n_items))), np.random.default_rng(0))
    n, most = n_free(start), int(cells) - model.latent.n_groups
    if n > most:
        noun = "item" if responses.n_items == 1 else "items"
        message = (
            f"{responses.n_items} {noun} can tell at most {most} parameters apart, but the model has {n}: it is not "
            "identified. Give more items, or a simpler type such as 'Rasch'"
        )
        raise ParameterError(message)


def _has_strong_prior(model: ItemResponse) -> bool:
    return any(name not in {"guess", "upper"} for run in model.runs for name, _ in run.priors)


def warn_of_separate_forms(responses: Responses, stacklevel: int) -> None:
    """Warn if the items fall into sets of which nobody answered two."""
    codes = responses.codes
    if responses.n_items < 2 or not (codes == MISSING).any():
        return
    together = np.zeros((responses.n_items, responses.n_items))
    for start in range(0, len(codes), _ROWS):
        seen = (codes[start : start + _ROWS] != MISSING).astype(np.float32)
        together += seen.T @ seen
    n_sets, which = connected_components(together > 0, directed=False)
    if n_sets == 1:
        return
    some = ["; ".join(responses.names[j] for j in np.flatnonzero(which == s)[:3]) for s in range(min(n_sets, 3))]
    message = (
        f"the items fall into {n_sets} sets that no person links (one has {some[0]}; another {some[1]}): their "
        "parameters can be compared only as far as the people of each set are alike. Give some people items of both"
    )
    warnings.warn(message, DataWarning, stacklevel=stacklevel + 1)
