"""The latent distributions of a fit as tables of a report."""

from __future__ import annotations

from typing import Any

from emkit.core.describe import Description
from emkit.irt.latent import StandardNormal

__all__ = ["latent_tables"]


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
