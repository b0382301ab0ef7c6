"""What a fit answers when asked how sure it is: the functions behind the methods of `Fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from emkit.core.information import Information, observed_information
from emkit.core.status import Status
from emkit.errors import ParameterError
from emkit.inference.estimates import (
    Derived,
    Intervals,
    StandardErrors,
    check_level,
    derived,
    wald_intervals,
)
from emkit.inference.ground import Ground, ground_of, natural
from emkit.inference.scores import cross_product
from emkit.inference.spread import Covariance, Spread, covariance_of, spread_of

__all__ = ["Kind", "confint", "covariance", "delta", "standard_errors"]

Kind = Literal["observed", "scores", "robust"]
_KINDS = ("observed", "scores", "robust")


def covariance(
    fit: Any, data: Any = None, *, sample_weight: Any = None, kind: Kind = "observed", clusters: Any = None
) -> Covariance:
    """Return the covariance of the estimates of a fit.

    Parameters
    ----------
    fit : Fit
    data : array (n, d), data frame or Source, optional
        The data of the fit, where it does not hold them any more.
    sample_weight : array (n,), optional
        Case weights that go with `data`.
    kind : "observed", "scores" or "robust"
        The inverse of the observed information; that of the outer products of the rows' scores; or the sandwich of the
        two, which holds also where the model is not quite right.
    clusters : array (n,), optional
        Rows with one label may depend on each other; the sandwich then adds up scores within them. Implies "robust".

    Raises
    ------
    ParameterError
        If there are no data, the model has no score, or an argument is not as above.
    """
    if kind not in _KINDS:
        message = f"`kind` must be one of {', '.join(map(repr, _KINDS))}, got {kind!r}"
        raise ParameterError(message)
    ground = ground_of(fit, data, sample_weight)
    kind = "robust" if clusters is not None else kind
    information = _information(fit, ground, is_own=data is None)
    spread = spread_of(information)
    if kind != "observed":
        spread = _other_spread(ground, information, spread, kind, clusters)
    collapse = " ".join(fit.notes) or fit.status.help if fit.status is Status.DEGENERATE else ""
    found = covariance_of(fit.model, information, spread, kind=kind, collapse=collapse)
    return found if fit.status.is_success or collapse else _doubted(found, fit)


def _information(fit: Any, ground: Ground, *, is_own: bool) -> Information:
    """Return the observed information, worked out once for a fit on its own data."""
    kept: Information | None = vars(fit).get("_information")
    if is_own and kept is not None:
        return kept
    information = observed_information(ground.problem, ground.parameters, ground.n_threads)
    if is_own:
        vars(fit)["_information"] = information
    return information


def _other_spread(ground: Ground, information: Information, spread: Spread, kind: str, clusters: Any) -> Spread:
    meat = cross_product(ground, information, clusters)
    if kind == "scores":
        return spread_of(information, meat)
    fields = {**vars(spread), "cov": spread.cov @ meat @ spread.cov}
    return Spread(**fields)


def _doubted(found: Covariance, fit: Any) -> Covariance:
    note = f"The fit ended as {fit.status.value!r}: these numbers belong to a point that may be no optimum."
    return Covariance(**{**_fields(found), "notes": (*found.notes, note)})


def _fields(found: Covariance) -> dict[str, Any]:
    names = ("entries", "jacobian", "spread", "information", "model", "reasons", "notes", "kind")
    return {name: getattr(found, name) for name in names}


def standard_errors(
    fit: Any, data: Any = None, *, sample_weight: Any = None, kind: Kind = "observed", clusters: Any = None
) -> StandardErrors:
    """Return the standard errors of a fit; options as for `covariance`."""
    found = covariance(fit, data, sample_weight=sample_weight, kind=kind, clusters=clusters)
    record = natural(fit.model, fit.parameters)
    return StandardErrors(found.entries, np.sqrt(found.variances), found.reasons, found.notes, record)


def confint(
    fit: Any,
    level: float = 0.95,
    data: Any = None,
    *,
    sample_weight: Any = None,
    kind: Kind = "observed",
    clusters: Any = None,
) -> Intervals:
    """Return intervals for every entry; options as for `covariance`."""
    check_level(level)
    found = covariance(fit, data, sample_weight=sample_weight, kind=kind, clusters=clusters)
    se = np.sqrt(found.variances)
    low, high = wald_intervals(found.entries, se, level)
    return Intervals(found.entries, se, low, high, level, found.reasons, found.notes)


def delta(
    fit: Any,
    function: Callable[[Any], Any],
    data: Any = None,
    *,
    level: float = 0.95,
    sample_weight: Any = None,
    kind: Kind = "observed",
    clusters: Any = None,
) -> Derived:
    """Return a function of the parameters with standard errors; options as for `covariance`."""
    check_level(level)
    found = covariance(fit, data, sample_weight=sample_weight, kind=kind, clusters=clusters)
    return derived(*found.delta(function), level)
