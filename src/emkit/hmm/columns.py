"""Columns by name or number, and what the states emit in which of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emkit.errors import DataError, ParameterError
from emkit.families.base import Family
from emkit.families.basis import ONES
from emkit.families.names import family_named, is_columnwise
from emkit.families.product import Product
from emkit.families.regression import Regressions
from emkit.families.responses import BinomialResponse, GaussianResponse, PoissonResponse, Response

__all__ = ["columns_named", "emission_alone", "emission_of", "regression_of"]

_RESPONSES: dict[str, type[Response]] = {
    "gaussian": GaussianResponse,
    "poisson": PoissonResponse,
    "bernoulli": BinomialResponse,
    "binomial": BinomialResponse,
}


def columns_named(role: str, given: Sequence[int | str], d: int, names: Sequence[str] | None) -> tuple[int, ...]:
    """Return the places among d columns of those given by place or, of a data frame, by name.

    Raises
    ------
    DataError
        If there is no such column; it says which there are.
    """
    found = []
    for key in [given] if isinstance(given, str) else given:
        if isinstance(key, str) and key in (names or ()):
            found.append(list(names or ()).index(key))
        elif isinstance(key, (int, np.integer)) and not isinstance(key, bool) and 0 <= key < d:
            found.append(int(key))
        else:
            known = f"0 to {d - 1}" if names is None else ", ".join(map(repr, names))
            message = f"`{role}` names no column by {key!r}: the columns are {known}"
            raise DataError(message)
    return tuple(dict.fromkeys(found))


def emission_of(emission: Any, d: int, names: Sequence[str] | None) -> Family:
    """Return the family of rows of d columns: one for all of them, or by column from a mapping.

    Parameters
    ----------
    emission : str, Family, or mapping
        A mapping has columns, or tuples of them, as keys and families, or their names, as values; each column occurs
        once, and none is left out.
    """
    if not isinstance(emission, Mapping):
        return family_named(emission)
    if not emission:
        message = "`emission` is empty: name at least one column and its family"
        raise ParameterError(message)
    parts: list[tuple[Any, list[int]]] = []
    for key, family in emission.items():
        own = columns_named("emission", key if isinstance(key, tuple) else (key,), d, names)
        twin = next((part for part in parts if is_columnwise(family) and part[0] == family), None)
        if twin is None:
            parts.append((family, list(own)))
        else:
            twin[1].extend(own)
    taken = [j for _, own in parts for j in own]
    if sorted(taken) != list(range(d)):
        shown = [str(j) if names is None else repr(names[j]) for j in range(d) if taken.count(j) != 1]
        message = f"`emission` must give each column a family once, but {', '.join(shown)} has none, or several"
        raise ParameterError(message)
    return Product(tuple(family_named(name) for name, _ in parts), tuple(tuple(sorted(own)) for _, own in parts))


def emission_alone(emission: Any) -> Family:
    """Return the family before any data are seen: the columns of a mapping are those that it names, in its order."""
    if not isinstance(emission, Mapping):
        return family_named(emission)
    keys = [name for key in emission for name in (key if isinstance(key, tuple) else (key,))]
    return emission_of(emission, len(keys), tuple(keys) if all(isinstance(key, str) for key in keys) else None)


def regression_of(emission: Any, n_responses: int, n_covariates: int) -> Regressions:
    """Return the family of rows of responses, then covariates: a regression of each response in each state.

    Raises
    ------
    ParameterError
        If the emission is none of which regressions are known.
    """
    if isinstance(emission, Regressions):
        return emission
    if not isinstance(emission, str) or emission not in _RESPONSES:
        message = f"with `emission_covariates`, `emission` must be one of {', '.join(_RESPONSES)}, got {emission!r}"
        raise ParameterError(message)
    responses = tuple(_RESPONSES[emission](j) for j in range(n_responses))
    return Regressions(responses, (ONES, *range(n_responses, n_responses + n_covariates)))
