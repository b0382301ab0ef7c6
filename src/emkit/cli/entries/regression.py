"""Mixtures of regressions."""

from __future__ import annotations

from typing import Any

from emkit.cli.entries.entry import CLIMB, CONCOMITANT, SEARCH, Argument, ModelEntry, words
from emkit.errors import ParameterError

__all__ = ["ENTRIES"]

_ARGUMENTS = (
    Argument(("--response",), "response", {"metavar": "COLUMN,...", "help": "the columns that are explained"}),
    Argument(
        ("--family",),
        "family",
        {"metavar": "FAMILY,...", "help": "of the responses: gaussian (unless given), poisson or binomial"},
    ),
    CONCOMITANT,
    Argument(("--common",), "common", {"metavar": "TERM,...", "help": "terms with one effect for all components"}),
    Argument(("--offset",), "offset", {"metavar": "COLUMN", "help": "a column that is added to the linear predictor"}),
    Argument(("--trials",), "trials", {"metavar": "COLUMN", "help": "a column of numbers of trials (binomial)"}),
)


def _regressions(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    response = words(arguments.pop("response", None))
    if not response:
        message = f"regression-mixture needs --response: one of {', '.join(table.names)}"
        raise ParameterError(message)
    roles = {name: arguments.pop(name, None) for name in ("offset", "trials")}
    roles["concomitant"] = words(arguments.pop("concomitant", None)) or None
    family = words(arguments.pop("family", None)) or ["gaussian"]
    from emkit.mixture import MixtureOfRegressions

    made = MixtureOfRegressions(
        **arguments | {"common": words(arguments.pop("common", None))},
        family=family[0] if len(family) == 1 else family,
    )
    return made.fit(table, response, weights, **roles)


ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "regression-mixture",
        "each row follows one of K regressions of a response on the other columns",
        {
            **{argument.name: argument.name for argument in _ARGUMENTS},
            "components": "n_components",
            "solver": "solver",
            "progress": "on_iteration",
            **CLIMB,
            **SEARCH,
        },
        _regressions,
        _ARGUMENTS,
        takes_text=True,
    ),
)
