"""Item response models."""

from __future__ import annotations

from typing import Any

from emkit.cli.entries.entry import CLIMB, SEARCH, Argument, ModelEntry

__all__ = ["ENTRIES"]

_MODEL = Argument(
    ("--model",),
    "item_type",
    {"metavar": "TYPE", "help": "type of the items: rasch, 1pl, 2pl, 3pl, 4pl, graded, pcm, gpcm, rsm, nominal, ..."},
)
_KEY = Argument(("--key",), "key", {"metavar": "A,B,...", "help": "right answers of multiple-choice items, in order"})


def _item_response(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    from emkit.irt import ItemResponseModel

    key = arguments.pop("key", None)
    return ItemResponseModel(**arguments, key=None if key is None else _key_of(key)).fit(table, sample_weight=weights)


def _key_of(text: str) -> list[Any]:
    """Return the right answers in a text, whole numbers as such."""
    return [int(part) if part.strip().lstrip("-").isdigit() else part.strip() for part in text.split(",")]


ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "irt",
        "items of a test or questionnaire, and where people lie on what they measure",
        {
            "item_type": "item_type",
            "key": "key",
            "solver": "solver",
            "progress": "on_iteration",
            **CLIMB,
            **{name: argument for name, argument in SEARCH.items() if name != "starts"},
        },
        _item_response,
        (_MODEL, _KEY),
        takes_text=True,
    ),
)
