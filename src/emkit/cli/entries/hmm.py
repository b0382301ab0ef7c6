"""Hidden Markov models."""

from __future__ import annotations

from typing import Any

from emkit.cli.entries.entry import CLIMB, SEARCH, Argument, ModelEntry

__all__ = ["ENTRIES"]

_STATES = Argument(("--states",), "states", {"type": int, "metavar": "K", "help": "hidden states; 1 unless given"})
_EMISSION = Argument(
    ("--emission",),
    "emission",
    {"metavar": "NAME", "help": "what states emit from: gaussian (unless given), gaussian-full, poisson, student, ..."},
)
_SEQUENCE = Argument(("--sequence",), "sequence", {"metavar": "COL", "help": "column that names the sequence of a row"})
_TIME = Argument(("--time",), "time", {"metavar": "COL", "help": "column of times, by which rows are sorted"})
_TRANSITIONS = Argument(
    ("--transitions",),
    "transitions",
    {"choices": ("ergodic", "left-right", "cyclic", "banded"), "help": "which may happen; all unless given"},
)
_BEGIN = Argument(
    ("--begin",),
    "begin",
    {"choices": ("free", "stationary", "uniform"), "help": "probabilities of the first state; free unless given"},
)


def _fitted(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    from emkit.hmm import HiddenMarkovModel

    keys = [arguments[name] for name in ("sequence", "time") if name in arguments]
    kept = [name for name in table.names if name in keys or name not in table.skipped]
    return HiddenMarkovModel(**arguments).fit(table.select(kept), sample_weight=weights)


ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "hmm",
        "each row comes from one of K states, which follow one another as a Markov chain",
        {
            "states": "n_components",
            "components": "n_components",
            "emission": "emission",
            "sequence": "sequence",
            "time": "time",
            "transitions": "transmat",
            "begin": "startprob",
            "solver": "solver",
            "progress": "on_iteration",
            **CLIMB,
            **SEARCH,
        },
        _fitted,
        (_STATES, _EMISSION, _SEQUENCE, _TIME, _TRANSITIONS, _BEGIN),
        takes_text=True,
    ),
)
