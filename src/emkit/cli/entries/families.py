"""Mixtures of families other than the Gaussian, and of several families over the columns of a table."""

from __future__ import annotations

import importlib
from typing import Any

from emkit.cli.entries.entry import (
    CLIMB,
    CONCOMITANT,
    KEPT,
    SEARCH,
    Argument,
    ModelEntry,
    estimator,
    families_of,
    parted,
    words,
)
from emkit.errors import ParameterError

__all__ = ["ENTRIES"]

_FAMILIES = Argument(
    ("--families",),
    "families",
    {
        "metavar": "COLUMN=FAMILY,...",
        "help": "the family of each column, as in age=gaussian,a+b=gaussian-full; or one for all, as in poisson",
    },
)
_OPTIONS = {"components": "n_components", "solver": "solver", "progress": "on_iteration", **CLIMB, **SEARCH, **KEPT}


def _mixture(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    own, of_fit = parted(arguments)
    given = own.pop("families", None)
    if given is None:
        message = "mixture needs --families, as in --families age=gaussian,visits=poisson (or one name for all columns)"
        raise ParameterError(message)
    concomitant = words(own.pop("concomitant", None)) or None
    made = importlib.import_module("emkit.mixture").MixtureModel(families_of(given, "--families"), **own)
    return made.fit(table, sample_weight=weights, concomitant=concomitant, **of_fit)


def _classes(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    own, of_fit = parted(arguments)
    covariates = words(own.pop("concomitant", None)) or None
    made = importlib.import_module("emkit.mixture").LatentClassAnalysis(**own)
    return made.fit(table, sample_weight=weights, covariates=covariates, **of_fit)


ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "mixture",
        "each row comes from one of K groups, with a family of its own for every column",
        {"families": "families", "concomitant": "concomitant", **_OPTIONS},
        _mixture,
        (_FAMILIES, CONCOMITANT),
        takes_text=True,
    ),
    ModelEntry(
        "student-mixture",
        "each row comes from one of K t distributions: far rows get little weight",
        _OPTIONS,
        estimator("emkit.mixture", "StudentMixture"),
        streams=True,
    ),
    ModelEntry(
        "poisson-mixture",
        "each row of counts comes from one of K groups of rates",
        _OPTIONS,
        estimator("emkit.mixture", "PoissonMixture"),
        streams=True,
    ),
    ModelEntry(
        "bernoulli-mixture",
        "each row of zeros and ones comes from one of K groups of probabilities",
        _OPTIONS,
        estimator("emkit.mixture", "BernoulliMixture"),
        streams=True,
    ),
    ModelEntry(
        "latent-class",
        "people in K classes that are not seen, from answers to several questions",
        {"concomitant": "concomitant", **_OPTIONS, "components": "n_classes"},
        _classes,
        (CONCOMITANT,),
        takes_text=True,
    ),
    ModelEntry(
        "direction-mixture",
        "each row, whose length does not matter, points near one of K directions",
        _OPTIONS,
        estimator("emkit.mixture", "VonMisesFisherMixture"),
        streams=True,
    ),
    ModelEntry(
        "binned-mixture",
        "one variable known by intervals, columns low and high, from K normal distributions",
        _OPTIONS,
        estimator("emkit.mixture", "BinnedMixture"),
    ),
)
