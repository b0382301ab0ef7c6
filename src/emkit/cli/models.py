"""The models that `emkit fit` knows. Adding a model is adding a line to `MODELS`."""

from __future__ import annotations

import importlib
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emkit.errors import ParameterError

__all__ = ["MODELS", "ModelCommand", "solver_of"]

SOLVERS = {"em": "EM", "quasi-newton": "QuasiNewton", "squarem": "Squarem", "anderson": "Anderson"}


@dataclass(frozen=True)
class ModelCommand:
    """A model of the command line.

    Parameters
    ----------
    name : str
    help : str
        One line for `emkit fit --help`.
    home, estimator : str
        Module and class, imported when asked for.
    arguments : mapping
        From option of the command (`components`) to argument of the constructor (`n_components`). An option
        that is not named here is refused.
    """

    name: str
    help: str
    home: str
    estimator: str
    arguments: Mapping[str, str] = field(default_factory=dict)

    def build(self, args: Namespace) -> Any:
        """Return the estimator that the options ask for.

        Raises
        ------
        ParameterError
            If an option is given that this model has no use for.
        """
        given = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
        for name in given:
            if name not in self.arguments:
                flags = ", ".join("--" + known.replace("_", "-") for known in self.arguments)
                message = f"{self.name} has no use for --{name.replace('_', '-')}; its options are {flags}"
                raise ParameterError(message)
        if "solver" in given:
            given["solver"] = solver_of(given["solver"])
        cls = getattr(importlib.import_module(self.home), self.estimator)
        return cls(**{self.arguments[name]: value for name, value in given.items()})


_OPTIONS = ("components", "covariance", "starts", "seed", "solver", "tol", "max_iter", "threads")
_COMMON = {
    "starts": "n_init",
    "seed": "random_state",
    "tol": "tol",
    "max_iter": "max_iter",
    "threads": "n_threads",
}


def solver_of(word: str) -> Any:
    """Return the solver with a name of the command line; "auto" stands for itself."""
    return "auto" if word == "auto" else getattr(importlib.import_module("emkit.core"), SOLVERS[word])()


MODELS = {
    command.name: command
    for command in (
        ModelCommand(
            "gaussian-mixture",
            "a mixture of normal distributions (--components, --covariance)",
            "emkit.mixture",
            "GaussianMixture",
            {"components": "n_components", "covariance": "covariance_type", "solver": "solver", **_COMMON},
        ),
        ModelCommand(
            "k-means",
            "clusters around --components centres, by least squares",
            "emkit.mixture",
            "KMeans",
            {"components": "n_clusters", **_COMMON},
        ),
        ModelCommand(
            "density",
            "the density of one column, a mixture with as many components as BIC finds",
            "emkit.mixture",
            "Density",
            {"components": "n_components", "seed": "random_state"},
        ),
    )
}
