"""A fit that follows batches of rows as they come: stepwise EM without a pass over what has been."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from emkit.core.fit import Fit
from emkit.core.parameters import n_free
from emkit.core.problem import Problem
from emkit.core.solvers.online import Online
from emkit.core.status import Status

__all__ = ["Running", "following"]


@dataclass(frozen=True)
class Running:
    """Where a stream of batches stands.

    Parameters
    ----------
    statistics : Statistics
        Of the decaying past, per unit of weight.
    n_batches : int
    weight : float
        Sum of the case weights of all batches so far.
    """

    statistics: Any
    n_batches: int
    weight: float

    @classmethod
    def after_fit(cls, fit: Fit, source: Any) -> Running:
        """Return the running statistics after an ordinary fit to the first rows."""
        statistics = Problem(fit.model, source).evaluate(fit.parameters).statistics
        weight = float(statistics.weight)
        return cls(statistics * (1 / weight), 1, weight)


def following(fit: Fit, running: Running, source: Any, schedule: Online) -> tuple[Fit, Running]:
    """Return a fit and its running statistics after one more batch.

    The log-likelihood of the new fit is that of the batch, at the new parameters; its status is `partial`.
    """
    problem, t = Problem(fit.model, source), running.n_batches + 1
    own = problem.evaluate(fit.parameters).statistics
    if not own.weight > 0:
        return fit, running
    weight = running.weight + float(own.weight)
    statistics = schedule.mixed(running.statistics, own * (1 / float(own.weight)), t)
    parameters = fit.model.m_step(statistics * weight, fit.parameters)
    point = problem.evaluate(parameters)
    later = replace(
        fit,
        parameters=parameters,
        loglik=point.loglik,
        objective=point.objective,
        status=Status.PARTIAL,
        n_iter=t,
        n_e_steps=fit.n_e_steps + problem.n_e_steps,
        n_free=n_free(parameters),
        weight=float(own.weight),
        source=None,  # what has been is gone
        given=None,
        notes=(f"{t} batches so far, of total weight {weight:g}; the log-likelihood is that of the last.",),
    )
    return later, Running(statistics, t, weight)
