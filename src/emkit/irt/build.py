"""From names of item types and options to a model of the answers at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import DataError, ParameterError
from emkit.irt.coding import MISSING
from emkit.irt.curves.asymptotes import FourParameters, Guessing, Slipping
from emkit.irt.curves.base import ItemType, Slopes
from emkit.irt.curves.credit import NominalFactors, NominalResponse, PartialCredit, RatingScale
from emkit.irt.curves.steps import Graded, GradedRating, Sequential
from emkit.irt.items import ItemRun
from emkit.irt.priors import LogitNormalPrior, NormalPrior, Prior
from emkit.irt.responses import Responses

__all__ = ["ITEM_TYPES", "check_answers", "item_runs", "kinds_of", "loading_pattern", "specific_factors"]

ITEM_TYPES: Mapping[str, ItemType] = {
    "Rasch": PartialCredit(Slopes.ONE),
    "1PL": PartialCredit(Slopes.COMMON),
    "2PL": PartialCredit(),
    "3PL": Guessing(),
    "3PLu": Slipping(),
    "4PL": FourParameters(),
    "graded": Graded(),
    "grsm": GradedRating(),
    "rsm": RatingScale(Slopes.ONE),
    "pcm": PartialCredit(Slopes.ONE),
    "gpcm": PartialCredit(),
    "nominal": NominalResponse(),
    "sequential": Sequential(),
    "Tutz": Sequential(Slopes.ONE),
}
"""Item types by the names of mirt."""

_ALIASES = {"grm": "graded", "nrm": "nominal", "rating": "rsm", "rating scale": "rsm", "partial credit": "pcm"}
_TWO_ONLY = ("2PL", "3PL", "3PLu", "4PL")
_INSTEAD = {"grsm": "'graded' may have several", "1PL": "'Rasch' may have several, with variances of their own"}

GUESS = LogitNormalPrior(-1.386, 0.5)
"""The default prior of lower asymptotes: about one in five, with a spread from one in thirteen to two in five."""

UPPER = LogitNormalPrior(2.944, 0.5)
"""The default prior of upper asymptotes: about 0.95."""


def kinds_of(item_type: Any, names: Sequence[str]) -> list[str]:
    """Return the name of the type of each item.

    Raises
    ------
    ParameterError
        If a name is not known, or there is none for an item.
    """
    if isinstance(item_type, str):
        return [_known(item_type)] * len(names)
    if isinstance(item_type, Mapping):
        missing = [name for name in names if name not in item_type]
        if missing:
            message = f"`item_type` names no type for item {missing[0]!r}"
            raise ParameterError(message)
        return [_known(item_type[name]) for name in names]
    types = [_known(name) for name in item_type]
    if len(types) != len(names):
        message = f"`item_type` has {len(types)} entries, but there are {len(names)} items"
        raise ParameterError(message)
    return types


def _known(name: Any) -> str:
    known = {key.lower(): key for key in ITEM_TYPES} | _ALIASES
    if not isinstance(name, str) or name.lower() not in known:
        message = f"`item_type` must be one of {', '.join(ITEM_TYPES)}, got {name!r}"
        raise ParameterError(message)
    return known[name.lower()]


def check_answers(responses: Responses, weights: Array | None) -> None:
    """Raise `DataError` where an item tells nothing: no answers, or the same one by everybody."""
    codes = responses.codes if weights is None else responses.codes[weights > 0]
    for j, name in enumerate(responses.names):
        used = np.flatnonzero(np.bincount(codes[:, j], minlength=MISSING + 1)[:MISSING])
        if len(used) == 0:
            message = f"item {name!r} has no answers; drop it"
            raise DataError(message)
        if len(used) == 1:
            value = responses.categories[j][int(used[0])]
            message = (
                f"item {name!r} was answered {value!r} by everybody: it tells nothing about people, and its difficulty "
                "is infinite. Drop it"
            )
            raise DataError(message)


def item_runs(
    kinds: Sequence[str],
    responses: Responses,
    n_factors: int,
    priors: Mapping[str, Prior | None],
    loads: Array | None = None,
) -> tuple[ItemRun, ...]:
    """Return the items in runs of one type and one number of categories.

    `loads` (j, F) says which factors they load on, where that was asked for.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for j, (kind, values) in enumerate(zip(kinds, responses.categories, strict=True)):
        _check_kind(kind, responses.names[j], len(values), n_factors, is_confirmatory=loads is not None)
        groups.setdefault((kind, len(values)), []).append(j)
    return tuple(_run(kind, items, k, n_factors, priors, loads) for (kind, k), items in groups.items())


def _run(
    name: str, items: list[int], k: int, n_factors: int, priors: Mapping[str, Prior | None], loads: Array | None
) -> ItemRun:
    kind = NominalFactors() if name == "nominal" and n_factors > 1 else ITEM_TYPES[name]
    fixed = None
    if loads is not None and kind.slopes is Slopes.ONE:
        fixed = tuple(tuple(bool(entry) for entry in loads[j]) for j in items)
    return ItemRun(kind, tuple(items), k, _priors_of(kind, k, n_factors, priors), fixed)


def _check_kind(kind: str, name: str, n_categories: int, n_factors: int, *, is_confirmatory: bool) -> None:
    if kind in _TWO_ONLY and n_categories > 2:
        message = (
            f"item {name!r} has {n_categories} categories, but {kind} is for two: use 'graded', 'gpcm' or 'nominal', "
            "or score the answers with `key`"
        )
        raise ParameterError(message)
    if kind in _INSTEAD and n_factors > 1:
        message = f"{kind} items have one factor, got n_factors={n_factors}; {_INSTEAD[kind]}"
        raise ParameterError(message)
    if n_factors > 1 and ITEM_TYPES[kind].slopes is Slopes.ONE and not is_confirmatory:
        message = (
            f"the slopes of {kind} items are one on the factors they measure: say with `loadings` which of the "
            f"{n_factors} those are"
        )
        raise ParameterError(message)


def _priors_of(
    kind: ItemType, k: int, n_factors: int, priors: Mapping[str, Prior | None]
) -> tuple[tuple[str, Prior], ...]:
    """Return the priors of the fields of a type; asymptotes have a default."""
    chosen = {"guess": GUESS, "upper": UPPER, **priors}
    found: list[tuple[str, Prior]] = []
    for field in kind.fields(k, n_factors):
        prior = chosen.get("intercept" if field.name == "threshold" else field.name)
        if prior is None:
            continue
        if field.name == "threshold":  # thresholds are intercepts with the sign turned
            if not isinstance(prior, NormalPrior):
                message = f"intercepts of graded items take a NormalPrior, got {prior!r}"
                raise ParameterError(message)
            prior = NormalPrior(-prior.mean, prior.sd)
        found.append((field.name, prior))
    return tuple(found)


def specific_factors(given: Any, names: Sequence[str]) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Return the number of the specific factor of each item, -1 for none, and the labels of the factors."""
    if isinstance(given, Mapping):
        given = [given.get(name) for name in names]
    entries = [None if value is None or value != value else value for value in list(given)]  # noqa: PLR0124 (NaN)
    if len(entries) != len(names):
        message = f"`specific` has {len(entries)} entries, but there are {len(names)} items"
        raise ParameterError(message)
    labels = tuple(sorted({value for value in entries if value is not None}, key=lambda v: (str(type(v)), v)))
    lone = [label for label in labels if entries.count(label) < 2]
    if not labels or lone:
        what = f"factor {lone[0]!r} has one item" if lone else "there is none"
        message = f"`specific` must name factors of at least two items each, but {what}"
        raise ParameterError(message)
    number = {label: s for s, label in enumerate(labels)}
    return tuple(-1 if value is None else number[value] for value in entries), labels


def loading_pattern(loadings: Any, n_items: int, n_factors: int) -> tuple[tuple[bool, ...], ...] | None:
    """Return which factors (j, F) items load on: as given, or the first F - 1 items on the first factors alone.

    Without a pattern several factors can be turned at will; zeros above the diagonal hold them.
    """
    if loadings is None:
        if n_factors == 1:
            return None
        pattern = np.tril(np.ones((n_items, n_factors), dtype=bool))
    else:
        pattern = np.asarray(loadings).astype(bool)
    if pattern.shape != (n_items, n_factors):
        message = f"`loadings` must have the shape ({n_items}, {n_factors}), items by factors, got {pattern.shape}"
        raise ParameterError(message)
    if not pattern.any(axis=1).all() or not pattern.any(axis=0).all():
        message = "`loadings` must give each item a factor, and each factor an item"
        raise ParameterError(message)
    return tuple(tuple(bool(entry) for entry in row) for row in pattern)
