"""What is said of a fit: the latent distributions as tables of a report, and items to worry about."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.describe import Description
from emkit.irt.latent import StandardNormal

__all__ = ["STEEP", "latent_tables", "negative_items", "steep_item"]

STEEP = 12.0  # slopes above this say that an item sorts people without error, which no sample can tell


def steep_item(model: Any, parameters: Any) -> str:
    """Return a sentence on an item whose slope has run off, empty if there is none."""
    for run, own in zip(model.runs, parameters.items, strict=True):
        size = np.abs(own.slope).max(axis=1, initial=0.0)
        if len(size) and size.max() > STEEP:
            at = int(size.argmax())
            return (
                f"Item {model.name_of(run.items[at])} has the slope {size[at]:.3g}: it tells people apart without "
                "error, as with a perfect (Guttman) ordering, an item given twice, or few answers. Remove such "
                "items, or give slopes a prior: priors={'slope': LogNormalPrior()}."
            )
    return ""


def negative_items(model: Any, parameters: Any) -> tuple[str, ...]:
    """Return a sentence that names the items with two categories and negative slopes (one factor)."""
    negative = [
        model.name_of(item)
        for run, own in zip(model.runs, parameters.items, strict=True)
        if len(own.slope) == run.n_items and model.n_factors == 1 and run.kind.n_categories(own) == 2
        for item in np.array(run.items)[own.slope[:, 0] < 0]
    ]
    return (f"Items of negative discrimination: {', '.join(negative)}. Check their keys.",) if negative else ()


def latent_tables(model: Any, parameters: Any) -> tuple[Description, ...]:
    """Return means and standard deviations by group and factor, and correlations, where they are not all fixed."""
    found = model.latent.correlation(parameters.latent)
    mean, sd = model.latent_moments(parameters)
    tables = []
    is_fixed = isinstance(model.latent, StandardNormal) or (bool((mean == 0).all()) and bool((sd == 1).all()))
    if not is_fixed:
        names = ("",) if mean.shape[1] == 1 else tuple(f" {f + 1}" for f in range(mean.shape[1]))
        header = tuple(f"{what}{name}" for name in names for what in ("mean", "s.d."))
        rows = tuple(
            (str(g + 1), *(float(value) for pair in zip(m, s, strict=True) for value in pair))
            for g, (m, s) in enumerate(zip(mean, sd, strict=True))
        )
        tables.append(Description("Latent variable" if len(names) == 1 else "Factors", ("group", *header), rows))
    if found is not None:
        for g, matrix in enumerate(found.reshape(-1, *found.shape[-2:])):
            factors = tuple(f"factor {f + 1}" for f in range(len(matrix)))
            rows = tuple((name, *map(float, row)) for name, row in zip(factors, matrix, strict=True))
            where = f" in group {g + 1}" if found.ndim > 2 else ""
            tables.append(Description(f"Correlations of the factors{where}", ("", *factors), rows))
    return tuple(tables)
