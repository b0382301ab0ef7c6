"""Item response models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emkit.cli.entries.entry import CLIMB, FACTORS, SEARCH, Argument, ModelEntry
from emkit.cli.places import check_picture_tools, writable

__all__ = ["ENTRIES"]

_MODEL = Argument(
    ("--model",),
    "item_type",
    {"metavar": "TYPE", "help": "type of the items: rasch, 1pl, 2pl, 3pl, 4pl, graded, pcm, gpcm, rsm, nominal, ..."},
)
_KEY = Argument(("--key",), "key", {"metavar": "A,B,...", "help": "right answers of multiple-choice items, in order"})

_DENSITY = Argument(
    ("--density",),
    "density",
    {"metavar": "NAME", "help": "latent distribution: normal, histogram or davidian-K, a curve of degree K"},
)
_REPORT = Argument(
    ("--report",), "report", {"metavar": "FILE", "help": "write a report of items and fit as one page of HTML"}
)


def _item_response(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    from emkit.irt import ItemResponseModel

    key, report = arguments.pop("key", None), arguments.pop("report", None)
    if report is not None:
        _check_report(report)
    model = ItemResponseModel(**arguments, key=None if key is None else _key_of(key)).fit(table, sample_weight=weights)
    if report is not None:
        model.report(report, table, weights)
    return model


def _check_report(path: str) -> None:
    """Raise before the work begins if a report could not be written in the end."""
    writable(Path(path))
    check_picture_tools()


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
            "factors": "n_factors",
            "density": "density",
            "report": "report",
            "solver": "solver",
            "progress": "on_iteration",
            **CLIMB,
            **{name: argument for name, argument in SEARCH.items() if name != "starts"},
        },
        _item_response,
        (_MODEL, _KEY, FACTORS, _DENSITY, _REPORT),
        takes_text=True,
    ),
)
