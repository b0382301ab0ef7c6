"""An entry of the command line: a model, the options it takes, and how it is built."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emkit.errors import ParameterError

__all__ = [
    "CLIMB",
    "CONCOMITANT",
    "FACTORS",
    "KEPT",
    "SEARCH",
    "Argument",
    "Builder",
    "ModelEntry",
    "estimator",
    "families_of",
    "parted",
    "words",
]

Builder = Callable[[Any, Any, dict[str, Any]], Any]

SEARCH = {"starts": "n_init", "seed": "random_state", "threads": "n_threads", "weights": "sample_weight"}
CLIMB = {"tol": "tol", "max_iter": "max_iter"}
KEPT = {"checkpoint": "checkpoint"}  # an argument of `fit`, not of the constructor


@dataclass(frozen=True)
class Argument:
    """An option of `emkit fit`: its flags, the name it is parsed to, and argparse's settings."""

    flags: tuple[str, ...]
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


CONCOMITANT = Argument(
    ("--concomitant",),
    "concomitant",
    {"metavar": "COLUMN,...", "help": "columns that say how likely each component is"},
)


FACTORS = Argument(("--factors",), "factors", {"type": int, "metavar": "K", "help": "factors; 1 unless given"})


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
        Where `streams` is true, a source comes in place of the table, and the weights are in it.
    arguments : tuple of Argument
        Options that not all models have: models that share one declare the same `Argument`.
    takes_text : bool
        Whether columns of text are meant too, where none are named.
    streams : bool
        Whether a file that is too large for memory can be read in every pass.
    """

    name: str
    help: str
    options: Mapping[str, str]
    build: Builder
    arguments: tuple[Argument, ...] = ()
    takes_text: bool = False
    streams: bool = False

    def fitted(self, table: Any, weights: Any, given: Mapping[str, Any]) -> Any:
        """Return the estimator fitted to a table with the options given on the command line.

        Raises
        ------
        ParameterError
            If an option does not apply to this model.
        """
        foreign = [_flag(name) for name in given if name not in self.options]
        if weights is not None and "weights" not in self.options:
            foreign.append("--weights")
        if foreign:
            flags = {argument.name: argument.flags[-1] for argument in self.arguments}
            known = ", ".join(flags.get(name, _flag(name)) for name in self.options)
            message = f"{', '.join(foreign)} does not apply to {self.name}, which takes {known}"
            raise ParameterError(message)
        return self.build(table, weights, {self.options[name]: value for name, value in given.items()})


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def parted(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of a constructor, and those of `fit`."""
    own = {name: value for name, value in arguments.items() if name not in KEPT.values()}
    return own, {name: arguments[name] for name in KEPT.values() if name in arguments}


def estimator(home: str, name: str) -> Builder:
    """Return the builder of an estimator of the usual kind: arguments, then `fit(X, sample_weight=...)`."""

    def build(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
        own, of_fit = parted(arguments)
        estimator = getattr(importlib.import_module(home), name)(**own)
        return estimator.fit(table, sample_weight=weights, **of_fit)

    return build


def words(text: str | None) -> list[str]:
    """Return the words of an option that takes several, separated by commas."""
    return [] if text is None else [word.strip() for word in text.split(",")]


def families_of(given: str, flag: str) -> Any:
    """Return the families by column that words such as `age=gaussian,a+b=gaussian-full` ask for."""
    if "=" not in given:
        return given.strip()
    families: dict[Any, str] = {}
    for part in given.split(","):
        columns, sign, family = part.rpartition("=")
        if not sign or not columns.strip() or not family.strip():
            message = f"{flag} takes COLUMN=FAMILY parts separated by commas, got {part!r}"
            raise ParameterError(message)
        names = tuple(name.strip() for name in columns.split("+"))
        families[names[0] if len(names) == 1 else names] = family.strip()
    return families
