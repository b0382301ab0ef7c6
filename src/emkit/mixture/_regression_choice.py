"""From the words of an estimator to the family of regressions that they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emkit.errors import ParameterError
from emkit.families.regression import Regressions
from emkit.families.responses import BinomialResponse, GaussianResponse, PoissonResponse, Response
from emkit.mixture._regression_door import RegressionDoor

__all__ = ["family_of"]

_FAMILIES = {
    "gaussian": "gaussian",
    "normal": "gaussian",
    "poisson": "poisson",
    "binomial": "binomial",
    "bernoulli": "binomial",
    "logistic": "binomial",
    "logit": "binomial",
}


def family_of(
    door: RegressionDoor, families: Any, common: str | Sequence[Any], predictors: Any, *, is_var_common: bool
) -> Regressions:
    """Return the family of regressions.

    Parameters
    ----------
    families : str, sequence or mapping
    common : str, or sequence of str or int
        Terms whose coefficients all members share.
    predictors : sequence, mapping or None
        A mapping from responses to their columns, where they differ.

    Raises
    ------
    ParameterError
        If a name is unknown.
    """
    made: list[Response] = []
    for column, (name, family) in enumerate(zip(door.responses, _named(door, families), strict=True)):
        uses = _uses(door, predictors, name)
        if family == "gaussian":
            made.append(GaussianResponse(column, door.offset, uses, is_var_common))
        elif family == "poisson":
            made.append(PoissonResponse(column, door.offset, uses))
        else:
            made.append(BinomialResponse(column, door.offset, uses, door.trials))
    return Regressions(tuple(made), door.design, _common(door, common))


def _named(door: RegressionDoor, families: Any) -> list[str]:
    names = door.responses
    if isinstance(families, Mapping):
        given = [families.get(name) for name in names]
    else:
        given = [families] * len(names) if isinstance(families, str) else list(families)
    if len(given) != len(names) or any(family not in _FAMILIES for family in given):
        message = (
            "`family` must name one of 'gaussian', 'poisson', 'binomial' for all responses or for each of "
            f"{', '.join(map(repr, names))}, got {families!r}"
        )
        raise ParameterError(message)
    return [_FAMILIES[str(family)] for family in given]


def _uses(door: RegressionDoor, predictors: Any, response: str) -> tuple[int, ...] | None:
    """Return the places in the design of the terms that explain a response, or None for all."""
    if not isinstance(predictors, Mapping):
        return None
    if response not in predictors:
        message = f"`predictors` has nothing for the response {response!r}; it has {list(predictors)!r}"
        raise ParameterError(message)
    wanted = {str(name) for name in predictors[response]}
    pairs = zip(door.predictors.names, door.predictors.levels, strict=True)
    owners = [name for name, levels in pairs for _ in range(len(levels) - 1 if levels else 1)]
    first = int(door.has_intercept)
    return (*range(first), *(first + j for j, owner in enumerate(owners) if owner in wanted))


def _name(door: RegressionDoor, key: Any) -> Any:
    names = door.predictors.names
    is_place = isinstance(key, (int, np.integer)) and not isinstance(key, bool) and 0 <= key < len(names)
    return names[int(key)] if is_place else key


def _common(door: RegressionDoor, keys: str | Sequence[Any]) -> tuple[int, ...]:
    first = int(door.has_intercept)
    places: set[int] = set()
    for key in [keys] if isinstance(keys, str) else keys:
        name = _name(door, key)
        terms = enumerate(door.terms)
        found = [j for j, term in terms if term == name or (j >= first and term.startswith(f"{name}="))]
        if not found:
            message = f"`common` names the term {key!r}; terms are {', '.join(map(repr, door.terms))}"
            raise ParameterError(message)
        places |= set(found)
    return tuple(sorted(places))
