"""How an autoregression goes on after its last row, and how well it held: for both forms of switching."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.hmm.forecast import pseudo_residuals
from emkit.hmm.guided_chain import GuidedChain
from emkit.hmm.histories import histories_of
from emkit.hmm.history_course import history_rows
from emkit.hmm.model import HiddenMarkov
from emkit.hmm.series_forecast import Law
from emkit.hmm.switching_mean import SwitchingMean

__all__ = ["law_ahead", "residuals_of"]

_FIRST_LAG = 2  # of lagged rows: response, ones, lags, other columns


def law_ahead(
    given: tuple[Any, Any], source: Any, X: FloatArray, rows: FloatArray, driving: tuple[int, ...]
) -> tuple[FloatArray, Law]:
    """Return the probabilities (c,) of the histories at the end of one sequence, and how it goes on.

    Parameters
    ----------
    given : model and parameters
    source : sequences
        The one sequence as the model takes it.
    X, rows : array (n, d), (h, d)
        The same as it was given, and the rows to come, of which the series itself is not known.
    driving : tuple of int
        Columns of both that drive the moves.
    """
    model, parameters = given
    block = next(iter(source.blocks()))
    moves = _moves_ahead(model, parameters, np.concatenate([X[-1:], rows]), driving)
    if isinstance(model, SwitchingMean):
        law = _law_of_means(model, parameters, moves)
        return np.asarray(model.course(parameters, block).filtered()[-1]), law
    p = source.n_features - X.shape[1] - 1
    known = np.column_stack([np.zeros(len(rows)), np.ones(len(rows)), np.zeros((len(rows), p)), rows[:, 1:]])
    kept = known if isinstance(model, HiddenMarkov) else model.own(known)
    return np.asarray(model.filtered(parameters, block)[-1]), _law_of_regressions(model, parameters, kept, p, moves)


def _law_of_regressions(model: Any, parameters: Any, rows: FloatArray, p: int, moves: FloatArray) -> Law:
    own, effects = parameters.members.responses[0], model.family.effects[0]
    coef, k = effects.full(own), len(own.coef)
    is_lag = np.array([_FIRST_LAG <= column < _FIRST_LAG + p for column in effects.columns])
    shift = rows[:, list(effects.columns)][:, ~is_lag] @ coef[:, ~is_lag].T
    return Law(histories_of(k, 0), moves, shift, coef[:, is_lag], np.array(np.broadcast_to(own.var, (k,))))


def _law_of_means(model: SwitchingMean, parameters: Any, moves: FloatArray) -> Law:
    past, k, p = model.histories, model.n_components, model.order
    ar = np.array(np.broadcast_to(parameters.ar, (k, p)))
    shift = parameters.mean[past[:, 0]] - np.einsum("cp,cp->c", ar[past[:, 0]], parameters.mean[past[:, 1:]])
    return Law(past, moves, np.tile(shift, (len(moves), 1)), ar, np.array(np.broadcast_to(parameters.var, (k,))))


def _moves_ahead(model: Any, parameters: Any, rows: FloatArray, driving: tuple[int, ...]) -> FloatArray:
    """Return the transitions (h, k, k) into all but the first of the rows."""
    if not isinstance(model.chain, GuidedChain):
        return np.tile(parameters.chain.trans, (len(rows) - 1, 1, 1))
    chain = replace(model.chain, covariates=driving)
    return np.asarray(np.exp(chain.log_moves_at(parameters.chain, chain.driving(rows, slice(1, len(rows))))))


def residuals_of(model: SwitchingMean, parameters: Any, block: Any, kind: str) -> FloatArray:
    """Return the pseudo-residuals (b,) of a block, NaN in the first p rows of each sequence."""
    course = model.course(parameters, block)
    weights = course.predicted()
    if kind == "ordinary":  # the backward factors, which do not know the row itself
        resp, filtered = course.smoothed(), course.filtered()
        weights = weights * np.divide(resp, filtered, out=np.zeros_like(resp), where=filtered > 0)
    below, own = model.residual_cdf(parameters, block), history_rows(block, model.order, model.chain).own
    found = np.full(block.n_rows, np.nan)
    starts = np.cumsum(block.lengths) - block.lengths
    kept = np.arange(block.n_rows) - np.repeat(starts, block.lengths) >= model.order
    found[kept] = pseudo_residuals(weights, below, below, own.X)
    return found
