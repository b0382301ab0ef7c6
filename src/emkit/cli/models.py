"""The models that the command line fits: a new one adds an entry to `MODELS`. Imported when used."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emkit.errors import ParameterError

__all__ = ["MODELS", "ModelEntry", "model_named"]

Builder = Callable[[Any, Any, dict[str, Any]], Any]


@dataclass(frozen=True)
class ModelEntry:
    """A model by its name on the command line.

    Parameters
    ----------
    name : str
    help : str
        One line.
    options : mapping of str to str
        The options it takes, each with the argument it becomes.
    build : callable (table, weights, arguments) -> fitted estimator
    """

    name: str
    help: str
    options: Mapping[str, str]
    build: Builder

    def fitted(self, table: Any, weights: Any, given: Mapping[str, Any]) -> Any:
        """Return the estimator fitted to a table with the options given on the command line.

        Raises
        ------
        ParameterError
            If an option does not apply to this model.
        """
        foreign = [f"--{name.replace('_', '-')}" for name in given if name not in self.options]
        if weights is not None and "weights" not in self.options:
            foreign.append("--weights")
        if foreign:
            known = ", ".join(f"--{name.replace('_', '-')}" for name in self.options)
            message = f"{', '.join(foreign)} does not apply to {self.name}, which takes {known}"
            raise ParameterError(message)
        return self.build(table, weights, {self.options[name]: value for name, value in given.items()})


def _estimator(home: str, name: str) -> Builder:
    """Return the builder of an estimator of the usual kind: arguments, then `fit(X, sample_weight=...)`."""

    def build(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
        estimator = getattr(importlib.import_module(home), name)(**arguments)
        return estimator.fit(table, sample_weight=weights)

    return build


def _density(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    if len(table.names) != 1:
        message = (
            f"density is of one column, but there are {len(table.names)}: {', '.join(table.names)}. "
            "Choose one by --columns NAME, or fit gaussian-mixture to all."
        )
        raise ParameterError(message)
    from emkit.mixture import density

    return density(table, sample_weight=weights, **arguments)


_SEARCH = {"starts": "n_init", "seed": "random_state", "threads": "n_threads", "weights": "sample_weight"}
_CLIMB = {"tol": "tol", "max_iter": "max_iter"}

MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        "gaussian-mixture",
        "each row comes from one of K normal distributions",
        {
            "components": "n_components",
            "covariance": "covariance_type",
            "solver": "solver",
            "progress": "on_iteration",
            **_CLIMB,
            **_SEARCH,
        },
        _estimator("emkit.mixture", "GaussianMixture"),
    ),
    ModelEntry(
        "k-means",
        "K clusters, each row in that of the nearest centre",
        {"components": "n_clusters", "progress": "on_iteration", **_CLIMB, **_SEARCH},
        _estimator("emkit.mixture", "KMeans"),
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


def model_named(name: str) -> ModelEntry:
    """Return the model of this name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    found = {entry.name: entry for entry in MODELS}
    if name not in found:
        close = difflib.get_close_matches(name.lower(), found, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        message = f"there is no model {name!r}.{hint} Models are: {', '.join(found)}"
        raise ParameterError(message)
    return found[name]
