"""Scores row by row: the cross-product information, and the meat of the sandwich."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.information import Information
from emkit.core.model import Offer, offered
from emkit.core.solvers.base import OFF_CHART
from emkit.errors import ParameterError
from emkit.inference.ground import Ground, first_unit, n_units, unit_weights

__all__ = ["cross_product", "row_steps", "scores_of_rows"]

_STEP = 1e-4


def scores_of_rows(ground: Ground, information: Information, block: Any, steps: FloatArray) -> FloatArray:
    """Return the gradient (b, p) of the log-density of each row in coordinates.

    From the model's own `row_scores`, else by central differences of its `log_density`.

    Raises
    ------
    ParameterError
        If the model offers neither.
    """
    chart, vector, model = information.chart, information.vector, ground.model
    own = offered(model, Offer.ROW_SCORES)
    found = None if own is None else own(information.point.parameters, block)
    if found is not None:
        return np.asarray(found @ chart.jacobian(vector))
    density = offered(model, Offer.LOG_DENSITY)
    if density is None:
        name = type(model).__name__
        message = f"scores of single rows need a `row_scores` or a `log_density`, and `{name}` has neither"
        raise ParameterError(message)
    columns = []
    for i in range(vector.size):
        step = np.zeros(vector.size)
        step[i] = steps[i]
        try:
            ahead, behind = (density(chart.from_vector(vector + sign * step), block) for sign in (1.0, -1.0))
        except OFF_CHART:
            message = f"coordinate {i} of the estimates cannot be moved by {steps[i]:.3g} either way"
            raise ParameterError(message) from None
        columns.append((ahead - behind) / (2 * steps[i]))
    return np.where(unit_weights(block)[:, None] > 0, np.array(columns).T, 0.0)


def cross_product(ground: Ground, information: Information, clusters: Any = None) -> FloatArray:
    """Return the sum of the outer products (p, p) of the scores of the rows, or of whole clusters of rows.

    A row of weight w counts as w rows; within a cluster the weighted scores add up first. The rows are read as they
    came: what a model arranges for its E-step may hold no single rows any more.
    """
    _check_units(ground, information)
    steps = row_steps(information, ground.given.total_weight)

    def score(block: Any) -> FloatArray:
        return scores_of_rows(ground, information, block, steps)

    if clusters is None:
        return np.asarray(ground.given.reduce(lambda block: _outer(score(block), unit_weights(block))))
    codes, n_clusters = _codes(clusters, n_units(ground.given))
    sums = np.zeros((n_clusters, information.vector.size))
    parts = ground.given.map(lambda block: (first_unit(block), score(block) * unit_weights(block)[:, None]))
    for start, part in parts:
        np.add.at(sums, codes[start : start + len(part)], part)
    return sums.T @ sums


def _check_units(ground: Ground, information: Information) -> None:
    """Raise unless there are more independent units than parameters: one sequence says nothing of its own spread."""
    n, p = n_units(ground.given), information.vector.size
    if n <= p:
        message = (
            f"scores of {n} independent rows (or sequences) cannot say how {p} parameters vary; use "
            'kind="observed" or a bootstrap'
        )
        raise ParameterError(message)


def row_steps(information: Information, weight: float) -> FloatArray:
    """Return steps (p,) that suit single rows: a small part of the standard error that one row would give."""
    diagonal = information.complete.diagonal()
    known = diagonal > 0
    return np.where(known, _STEP / np.sqrt(np.where(known, diagonal, 1.0) / max(weight, 1.0)), 1e-5)


def _outer(scores: FloatArray, weights: FloatArray) -> FloatArray:
    return (scores * weights[:, None]).T @ scores


def _codes(clusters: Any, n_rows: int) -> tuple[Array, int]:
    labels = np.asarray(clusters)
    if labels.shape != (n_rows,):
        message = f"`clusters` must hold one label for each of the {n_rows} rows, got shape {labels.shape}"
        raise ParameterError(message)
    distinct, codes = np.unique(labels, return_inverse=True)
    if len(distinct) < 2:
        message = "`clusters` must name at least 2 clusters, got 1"
        raise ParameterError(message)
    return codes.reshape(-1), len(distinct)
