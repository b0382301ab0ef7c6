"""Members of a family from what a user sets by hand: its record, or plain arrays for the commonest families."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from emkit.core.parameters import Parameters
from emkit.errors import ParameterError
from emkit.families.base import Family
from emkit.families.categorical import Categorical, CategoricalParameters, ItemParameters
from emkit.families.gaussian import Gaussian
from emkit.families.poisson import Poisson, PoissonParameters
from emkit.hmm.gaussian import covariances_in_form, means_in_form

__all__ = ["members_by_hand"]


def members_by_hand(family: Family, value: Any) -> tuple[Family, Any]:
    """Return a family and its members.

    Parameters
    ----------
    value : Parameters, array or mapping
        The family's record of members; or probabilities (k, m) of one categorical column; rates (k, d) of counts;
        a mapping with `means` (k, d) and `covars` of a Gaussian.
    """
    if isinstance(value, Parameters):
        if isinstance(family, Categorical) and family.levels is None and isinstance(value, CategoricalParameters):
            names = tuple(tuple(map(str, range(item.prob.shape[1]))) for item in value.items)
            return replace(family, levels=names), value
        return family, value
    if isinstance(family, Gaussian) and isinstance(value, Mapping) and {"means", "covars"} <= set(value):
        mean = means_in_form(value["means"])
        cov = covariances_in_form(value["covars"], family.structure, mean)
        return family, family.structure.parameters(mean, cov)
    array = np.asarray(value, dtype=np.float64) if not isinstance(value, Mapping) else np.empty(0)
    if array.ndim == 2 and isinstance(family, Categorical):
        return members_by_hand(family, CategoricalParameters((ItemParameters(np.ascontiguousarray(array)),)))
    if array.ndim in (1, 2) and array.size and isinstance(family, Poisson):
        return family, PoissonParameters(np.ascontiguousarray(array.reshape(len(array), -1)))
    message = (
        f"`emissions_` of a {type(family).__name__} family must be the record of its parameters; for "
        "categorical and poisson also an array, for gaussian a mapping with means and covars"
    )
    raise ParameterError(message)
