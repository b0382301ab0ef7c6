"""The probe: a few rows and their log-likelihood, computed again when a fit is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.core.model import Offer, offered
from emkit.core.problem import Problem
from emkit.data import MemorySource, as_source
from emkit.errors import SavedFitError

__all__ = ["check_probe", "core_of", "probe_of"]

PROBE_ROWS = 32
_TOLERANCE = 1e-9  # relative: other processors and library versions round otherwise, and by far less


def probe_of(fit: Any, probe: Any) -> tuple[Array, float] | None:
    """Return rows and their log-likelihood, or None where there is no probe."""
    if probe is False:
        return None
    model, parameters = _model_of(fit)
    if model is None:
        return None
    rows = _drawn(model, parameters) if probe is True else _kept(probe)
    return None if rows is None else (rows, _loglik(model, parameters, rows))


def check_probe(fit: Any, rows: Array, saved: float) -> None:
    """Raise unless the log-likelihood of the rows is the one that was saved."""
    model, parameters = _model_of(fit)
    now = _loglik(model, parameters, rows)
    if not abs(now - saved) <= _TOLERANCE * max(1.0, abs(saved)):
        message = (
            f"the log-likelihood of its {len(rows)} probe rows is {now!r}, but it was {saved!r} when it was "
            "saved: this version of the model computes something else. Fit again, or use the versions in "
            "its header."
        )
        raise SavedFitError(message)


def core_of(fit: Any) -> Any:
    """Return the estimator or `Fit` at the core of what was fitted: of a `Density`, its mixture."""
    return getattr(fit, "mixture_", fit)


def _model_of(fit: Any) -> tuple[Any, Any]:
    """Return model and parameters of a fit, or of an estimator that has both."""
    core = core_of(fit)
    if hasattr(core, "model_") and hasattr(core, "parameters_"):
        return core.model_, core.parameters_
    result = getattr(core, "fit_", core)
    return getattr(result, "model", None), getattr(result, "parameters", None)


def _drawn(model: Any, parameters: Any) -> Array | None:
    sample = offered(model, Offer.SAMPLE)
    if sample is None:
        return None
    drawn = sample(parameters, PROBE_ROWS, np.random.default_rng(0))
    return np.asarray(drawn[0] if isinstance(drawn, tuple) else drawn)


def _kept(data: Any) -> Array:
    source = as_source(data).on_host()
    assert isinstance(source, MemorySource), "the door makes sources in memory"
    rows = np.unique(np.linspace(0, source.n_rows - 1, min(PROBE_ROWS, source.n_rows)).astype(np.intp))
    return np.ascontiguousarray(source.X[rows])


def _loglik(model: Any, parameters: Any, rows: Array) -> float:
    source: Any = as_source(rows, allow_missing_columns=True, n_threads=1)
    return Problem(model, source).evaluate(parameters).loglik
