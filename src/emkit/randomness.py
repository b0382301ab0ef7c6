"""Random numbers: generators from what users give."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.errors import ParameterError

__all__ = ["generator_of"]


def generator_of(given: Any, name: str = "random_state") -> np.random.Generator:
    """Return a generator from a seed, a generator, or what else scikit-learn calls a random state.

    Parameters
    ----------
    given : int, sequence of int, Generator, RandomState or None
    name : str
        What the argument is called in a message.

    Raises
    ------
    ParameterError
        If it is none of these.
    """
    if isinstance(given, np.random.RandomState):
        return np.random.default_rng(given.randint(2**31 - 1, size=4))
    try:
        return np.random.default_rng(given)
    except (ValueError, TypeError) as error:
        message = f"`{name}` must be a whole number of at least 0, a generator or None, got {given!r}"
        raise ParameterError(message) from error
