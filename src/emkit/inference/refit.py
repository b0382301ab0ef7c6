"""Fitting again from an optimum: what the bootstrap, profiles and tests are made of."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.climb import Climb
from emkit.core.hill import auto_solver
from emkit.core.loop import climb
from emkit.core.model import Offer, offered
from emkit.core.problem import Problem
from emkit.core.starts import PARALLEL_ROWS
from emkit.core.stopping import Budget
from emkit.data import Source, as_sequences, as_source
from emkit.errors import ParameterError
from emkit.inference.ground import Ground, unit_weights

__all__ = ["in_parallel", "refitted", "reweighted", "simulated"]

T = TypeVar("T")


def refitted(model: Any, source: Any, start: Any, *, tol: float = 1e-6, max_iter: int = 2000) -> Climb:
    """Climb on a source from a start, without changing the labels of what has none."""
    problem = Problem(model, source)
    return climb(problem, problem.evaluate(start), auto_solver(model, start, source), tol=tol, budget=Budget(max_iter))


def prepared(model: Any, source: Any) -> Any:
    """Return a source as the model reads it, the model's own constants as they are."""
    prepare = offered(model, Offer.PREPARE)
    return source if prepare is None else prepare(source)[1]


def simulated(ground: Ground, rng: np.random.Generator) -> Source:
    """Return rows drawn from a fit, as many as it has, with entries missing where those of its rows are.

    Raises
    ------
    ParameterError
        If the model cannot be sampled.
    """
    sample = offered(ground.model, Offer.SAMPLE)
    if sample is None:
        message = (
            f"a parametric bootstrap draws rows from the model, and `{type(ground.model).__name__}` has no `sample`"
        )
        raise ParameterError(message)
    given = ground.given

    def draw(n: int) -> FloatArray:
        drawn = sample(ground.parameters, n, rng)
        return np.asarray(drawn[0] if isinstance(drawn, tuple) else drawn, dtype=np.float64)

    lengths = getattr(given, "lengths", None)
    if lengths is not None:
        parts = [draw(int(length)) for length in lengths if length > 0]
        drawn: Source = as_sequences(np.concatenate(parts), [len(part) for part in parts], n_threads=1)
        return drawn
    rows = draw(round(given.total_weight))
    if getattr(given, "has_missing", False) and not given.is_weighted and len(rows) == given.n_rows:
        rows = np.where(np.isnan(np.concatenate([block.X for block in given.blocks()])), np.nan, rows)
    return as_source(rows, n_threads=1)


def reweighted(ground: Ground, weights: np.ndarray[Any, Any]) -> Any:
    """Return the rows of a fit with their case weights multiplied, as the model reads them."""
    given = ground.given
    if not isinstance(given, Source):
        message = f"a weighted bootstrap needs rows whose weights can be changed, and {type(given).__name__} has none"
        raise ParameterError(message)
    own = np.concatenate([unit_weights(block) for block in given.blocks()])
    return prepared(ground.model, given.with_weights(own * weights))


def in_parallel(task: Callable[[int], T], n: int, ground: Ground) -> list[T]:
    """Return the results of tasks 0 to n - 1, in threads where the data are large enough for them to pay."""
    if ground.n_threads <= 1 or ground.source.n_rows < PARALLEL_ROWS:
        return [task(i) for i in range(n)]
    with ThreadPoolExecutor(ground.n_threads) as pool:
        return list(pool.map(task, range(n)))
