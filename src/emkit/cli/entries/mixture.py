"""Mixtures, k-means and density."""

from __future__ import annotations

from typing import Any

from emkit.cli.entries.entry import CLIMB, KEPT, SEARCH, Argument, ModelEntry, estimator
from emkit.errors import ParameterError

__all__ = ["ENTRIES"]

_STRUCTURES = (
    *("full", "tied", "diag", "spherical", "EII", "VII", "EEI", "VEI", "EVI", "VVI"),
    *("EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV", "E", "V"),
)
_COVARIANCE = Argument(
    ("--covariance",),
    "covariance",
    {
        "choices": _STRUCTURES,
        "metavar": "STRUCTURE",
        "help": "full, tied, diag, spherical or a code of mclust, EII to VVV; full unless given",
    },
)

_NOISE = Argument(
    ("--noise",),
    "noise",
    {
        "nargs": "?",
        "const": True,
        "type": float,
        "metavar": "VOLUME",
        "help": "one more component of uniform noise, over the box of the rows or of this volume",
    },
)


def _density(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    if len(table.names) != 1:
        message = (
            f"density is of one column, but there are {len(table.names)}: {', '.join(table.names)}. "
            "Choose one by --columns NAME, or fit gaussian-mixture to all."
        )
        raise ParameterError(message)
    from emkit.mixture import density

    return density(table, sample_weight=weights, **arguments)


ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "gaussian-mixture",
        "each row comes from one of K normal distributions",
        {
            "components": "n_components",
            "covariance": "covariance_type",
            "noise": "noise",
            "solver": "solver",
            "progress": "on_iteration",
            **CLIMB,
            **SEARCH,
            **KEPT,
        },
        estimator("emkit.mixture", "GaussianMixture"),
        (_COVARIANCE, _NOISE),
        streams=True,
    ),
    ModelEntry(
        "k-means",
        "K clusters, each row in that of the nearest centre",
        {"components": "n_clusters", "progress": "on_iteration", **CLIMB, **SEARCH, **KEPT},
        estimator("emkit.mixture", "KMeans"),
        streams=True,
    ),
    ModelEntry(
        "density",
        "the density of one column; as many normal distributions as BIC asks for",
        {
            "components": "n_components",
            "seed": "random_state",
            "threads": "n_threads",
            "weights": "sample_weight",
        },
        _density,
    ),
)
