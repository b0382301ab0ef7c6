"""Effects of attributes and their interactions, from probabilities by pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np

from emkit.core.arrays import IntArray
from emkit.errors import ParameterError

__all__ = ["effects_of"]

_LINKS: dict[str, Callable[[np.float64], np.float64]] = {
    "identity": lambda p: p,
    "logit": lambda p: np.log(p) - np.log1p(-p),
    "log": np.log,
}


def effects_of(
    q_matrix: IntArray,
    attributes: tuple[str, ...],
    probabilities: Mapping[str, Mapping[tuple[int, ...], float]],
    link: str,
) -> dict[str, dict[tuple[str, ...], float]]:
    """Return by item the effect of each set of attributes (de la Torre 2011, equation 1), by inclusion and exclusion.

    Items of DINA and DINO have an intercept and the effect of all, or any, of their attributes. A pattern that no
    allowed profile has leaves out the sets that contain it.
    """
    if link not in _LINKS:
        message = f"`link` must be one of {tuple(_LINKS)}, got {link!r}"
        raise ParameterError(message)
    found = {}
    for (item, by_pattern), row in zip(probabilities.items(), q_matrix, strict=True):
        asked = [attributes[a] for a in np.flatnonzero(row)]
        with np.errstate(divide="ignore"):
            value = {pattern: float(_LINKS[link](np.float64(p))) for pattern, p in by_pattern.items()}
        is_whole = len(next(iter(value))) == len(asked) and len(asked) != 1
        names = asked if is_whole or len(asked) == 1 else [" & ".join(asked)]
        found[item] = _effects(names, value)
    return found


def _effects(names: list[str], value: Mapping[tuple[int, ...], float]) -> dict[tuple[str, ...], float]:
    effects: dict[tuple[str, ...], float] = {}
    for size in range(len(names) + 1):
        for chosen in combinations(range(len(names)), size):
            pattern = tuple(int(i in chosen) for i in range(len(names)))
            if pattern not in value:
                continue
            subsets = (sub for less in range(size) for sub in combinations([names[i] for i in chosen], less))
            effects[tuple(names[i] for i in chosen)] = value[pattern] - sum(effects.get(sub, 0.0) for sub in subsets)
    return effects
