"""What every question of inference stands on: a fit with its data, as a problem that can be evaluated again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emkit.core.arrays import FloatArray
from emkit.core.model import Offer, offered
from emkit.core.problem import Problem
from emkit.data import as_source
from emkit.errors import ParameterError

__all__ = ["Ground", "first_unit", "fit_of", "ground_of", "n_units", "natural", "unit_weights"]


@dataclass(frozen=True)
class Ground:
    """A fit's model and parameters, the rows as the model reads them, and the rows as they came."""

    model: Any
    parameters: Any
    source: Any
    given: Any

    @property
    def problem(self) -> Problem:
        """Return a fresh problem: its count of E-steps is its own."""
        return Problem(self.model, self.source)

    @property
    def n_threads(self) -> int:
        """Threads that may work at a time."""
        return int(getattr(self.source, "n_threads", 1))


def fit_of(fit: Any) -> Any:
    """Return the fit of a fitted estimator, or the fit itself.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    found = getattr(fit, "fit_", None if hasattr(fit, "get_params") else fit)
    if not hasattr(found, "loglik") or not hasattr(found, "parameters"):
        message = f"expected a Fit or a fitted estimator, got {fit!r}; call 'fit' with data first"
        raise ParameterError(message)
    return found


def ground_of(fit: Any, data: Any = None, sample_weight: Any = None) -> Ground:
    """Return the ground of a fit: its own data where it still has them, or those given.

    Raises
    ------
    ParameterError
        If it has none and none are given.
    """
    if data is None:
        if getattr(fit, "source", None) is None:
            message = (
                "this fit does not hold its data (it was loaded from a file, or copied between processes): pass them, "
                "as in fit.standard_errors(X)"
            )
            raise ParameterError(message)
        return Ground(fit.model, fit.parameters, fit.source, fit.given)
    given = data if callable(getattr(data, "reduce", None)) else as_source(data, sample_weight)
    prepare = offered(fit.model, Offer.PREPARE)
    source = given if prepare is None else prepare(given)[1]
    return Ground(fit.model, fit.parameters, source, given)


def unit_weights(block: Any) -> FloatArray:
    """Return the case weights (u,) of the independent units of a block: its rows, or its sequences."""
    found: FloatArray = getattr(block, "sequence_weights", block.weights)
    return found


def first_unit(block: Any) -> int:
    """Return the number of the first unit of a block in its source."""
    return int(getattr(block, "first_sequence", block.start))


def n_units(source: Any) -> int:
    """Return the number of independent units of a source."""
    return int(getattr(source, "n_sequences", source.n_rows))


def natural(model: Any, parameters: Any) -> Any:
    """Return the record whose entries carry names: the parameters, unless the model says otherwise."""
    offer = offered(model, Offer.NATURAL)
    return parameters if offer is None else offer(parameters)
