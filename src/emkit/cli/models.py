"""The models that the command line fits: each room of models has its own list. Imported when used."""

from __future__ import annotations

import difflib

from emkit.cli.entries import censored, factor, families, hmm, irt, labels, mixture, regression
from emkit.cli.entries.entry import Argument, ModelEntry
from emkit.errors import ParameterError

__all__ = ["MODELS", "arguments_of", "model_named"]

MODELS: tuple[ModelEntry, ...] = (
    *mixture.ENTRIES,
    *families.ENTRIES,
    *regression.ENTRIES,
    *hmm.ENTRIES,
    *factor.ENTRIES,
    *censored.ENTRIES,
    *labels.ENTRIES,
    *irt.ENTRIES,
)


def arguments_of(entries: tuple[ModelEntry, ...] = MODELS) -> tuple[Argument, ...]:
    """Return the arguments that models bring along besides those that all share, each once."""
    return tuple({argument.name: argument for entry in entries for argument in entry.arguments}.values())


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
