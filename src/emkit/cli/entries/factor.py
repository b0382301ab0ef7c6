"""Factor analysis and principal components."""

from __future__ import annotations

from emkit.cli.entries.entry import CLIMB, FACTORS, KEPT, SEARCH, Argument, ModelEntry, estimator

__all__ = ["ENTRIES"]

_ROTATION = Argument(
    ("--rotation",),
    "rotation",
    {
        "choices": ("varimax", "quartimax", "promax", "oblimin", "geomin"),
        "help": "rotation of the factors; none unless given",
    },
)

ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "factor-analysis",
        "K unseen factors explain how the columns go together",
        {"factors": "n_factors", "rotation": "rotation", **CLIMB, **SEARCH, **KEPT},
        estimator("emkit.factor", "FactorAnalysis"),
        (FACTORS, _ROTATION),
        streams=True,
    ),
    ModelEntry(
        "principal-components",
        "K principal components with a likelihood, missing entries filled in",
        {"components": "n_components", **CLIMB, **SEARCH, **KEPT},
        estimator("emkit.factor", "ProbabilisticPCA"),
        streams=True,
    ),
)
