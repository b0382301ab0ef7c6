"""Labels of many raters, and record linkage."""

from __future__ import annotations

from typing import Any

from emkit.cli.entries.entry import CLIMB, KEPT, SEARCH, Argument, ModelEntry, estimator

__all__ = ["ENTRIES"]

_CHOICES = {"solver": "solver", "progress": "on_iteration", **CLIMB}
_SEARCH = {name: argument for name, argument in SEARCH.items() if name != "weights"}
_ITEM = Argument(("--item",), "item", {"metavar": "COL", "help": "column of items, in a long table of answers"})
_RATER = Argument(("--rater",), "rater", {"metavar": "COL", "help": "column of raters"})
_LABEL = Argument(("--label",), "label", {"metavar": "COL", "help": "column of labels"})
_COUNTS = Argument(("--counts",), "counts", {"metavar": "COL", "help": "column that counts the pairs of each pattern"})


def _raters(name: str, help_text: str, home: str) -> ModelEntry:
    columns = {"item": "item", "rater": "rater", "label": "label"}
    options = {**columns, **_CHOICES, **_SEARCH, **KEPT, "weights": "sample_weight"}
    return ModelEntry(
        name, help_text, options, estimator("emkit.labels", home), (_ITEM, _RATER, _LABEL), takes_text=True
    )


def _linkage(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    from emkit.linkage import FellegiSunter

    return FellegiSunter(**arguments).fit(table, sample_weight=weights)


ENTRIES: tuple[ModelEntry, ...] = (
    _raters("dawid-skene", "classes of items and error rates of raters, from answers alone", "DawidSkene"),
    _raters("one-coin", "the same with one number for each rater", "OneCoin"),
    _raters("mace", "the same for raters who know or guess", "MACE"),
    _raters("glad", "raters of different ability, items of different difficulty", "GLAD"),
    ModelEntry(
        "linkage",
        "pairs of records that match, from patterns of agreement",
        {"counts": "counts", **_CHOICES, **_SEARCH, "weights": "sample_weight"},
        _linkage,
        (_COUNTS,),
    ),
)
