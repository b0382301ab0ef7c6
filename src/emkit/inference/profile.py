"""Profile-likelihood intervals: how far one parameter can go before the rest cannot make up for it.

References
----------
Venzon & Moolgavkar 1988, Applied Statistics 37:87.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from emkit.core.arrays import FloatArray
from emkit.core.constrained import Constrained
from emkit.core.constraints import Constraints
from emkit.core.entries import Entries
from emkit.core.solvers.base import OFF_CHART
from emkit.core.spaces import Interval, NonNegative, Positive, PositiveDefinite, Probability, Simplex, Space
from emkit.errors import ParameterError
from emkit.inference.answers import standard_errors
from emkit.inference.estimates import check_level
from emkit.inference.ground import fit_of, ground_of, natural
from emkit.inference.refit import refitted

__all__ = ["Profile", "profile"]

_CLOSE = 1e-3  # of the root of twice the drop, where the search for an end stops
_LOOKS = 25
_TOL = 1e-7  # of each refit: the drops that count are of size one


@dataclass(frozen=True, eq=False)
class Profile:
    """The interval of one parameter and the profile it was read off.

    Parameters
    ----------
    name : str
    estimate, low, high : float
        An end is that of the parameter's range, or infinite, where the profile never falls far enough.
    level : float
    values, drops : array (m,)
        Points looked at, rising, and how far the objective of the best fit there lies below the best of all.
    """

    name: str
    estimate: float
    low: float
    high: float
    level: float
    values: FloatArray
    drops: FloatArray


def profile(fit: Any, name: str, level: float = 0.95, *, data: Any = None, sample_weight: Any = None) -> Profile:
    """Return the profile-likelihood interval of one parameter by refits with it fixed.

    Parameters
    ----------
    fit : Fit or fitted estimator
    name : str
        Of a single entry, as in `fit.standard_errors().names`.
    level : float
    data, sample_weight : optional
        The data of the fit, where it does not hold them.

    Raises
    ------
    ParameterError
        If the name is not that of one entry, or the model has no `expected_loglik`.
    """
    check_level(level)
    fit = fit_of(fit)
    ground = ground_of(fit, data, sample_weight)
    record = natural(ground.model, ground.parameters)
    entries = Entries(record)
    place = entries.find(name)
    if place.ndim:
        message = f"a profile is of one number, and {name!r} has the shape {place.shape}"
        raise ParameterError(message)
    estimate = float(entries.values[place])
    error = standard_errors(fit, data, sample_weight=sample_weight)[name]
    walk = _Walk(ground, name, record, float(fit.objective))
    reach = float(ndtri(0.5 + level / 2))
    space = entries.leaves[int(entries.leaf_of[place])].space
    step = error * reach if np.isfinite(error) and error > 0 else 0.1 * max(abs(estimate), 0.1)
    low, high = (
        _end(walk, estimate, sign * step, limit, reach) for sign, limit in zip((-1, 1), _range(space), strict=True)
    )
    seen = sorted({estimate: 0.0, **walk.seen}.items())
    return Profile(name, estimate, low, high, level, np.array([v for v, _ in seen]), np.array([d for _, d in seen]))


def _range(space: Space) -> tuple[float, float]:
    if isinstance(space, Interval):
        return space.low, space.high
    if isinstance(space, Simplex | Probability):
        return 0.0, 1.0
    return (0.0, np.inf) if isinstance(space, Positive | NonNegative | PositiveDefinite) else (-np.inf, np.inf)


class _Walk:
    """Refits with one parameter fixed, each begun at the nearest one before."""

    def __init__(self, ground: Any, name: str, record: Any, top: float) -> None:
        self._ground, self._name, self._top = ground, name, top
        self._ends: dict[float, Any] = {}
        self._record = record
        self.seen: dict[float, float] = {}

    def drop(self, value: float) -> float:
        """Return how far the best objective with the parameter at a value lies below the best of all; inf if none."""
        nearest = min(self._ends, key=lambda other: abs(other - value), default=None)
        begin = self._record if nearest is None else self._ends[nearest]
        model = _fixed(self._ground.model, self._name, value)
        try:
            start = model.enter(begin)
            done = refitted(model, self._ground.source, start, tol=_TOL)
        except OFF_CHART:
            return np.inf
        if not done.point.is_finite or done.is_degenerate:
            return np.inf
        drop = self._top - done.point.objective
        self._ends[value] = done.point.parameters.inner
        self.seen[value] = drop
        return drop


def _fixed(model: Any, name: str, value: float) -> Constrained:
    if isinstance(model, Constrained):
        held = model.constraints
        return replace(model, constraints=replace(held, fix=(*held.fix, (name, np.array(value)))))
    return Constrained(model, Constraints(fix=((name, np.array(value)),)))


def _end(walk: _Walk, estimate: float, step: float, limit: float, reach: float) -> float:
    """Return where the root of twice the drop equals `reach` on one side: it is close to linear, so secants serve."""
    inside, root_inside, outside = estimate, 0.0, limit
    at = estimate + step
    for _ in range(_LOOKS):
        if (at - limit) * np.sign(step) >= 0:
            at = (inside + limit) / 2
        root = float(np.sqrt(max(2 * walk.drop(at), 0.0)))
        if abs(root - reach) <= _CLOSE * reach:
            return at
        if root < reach:
            slope = (root - root_inside) / (at - inside) if root > root_inside else 0.0
            inside, root_inside = at, root
            wanted = at + (reach - root) / slope if slope else at + 2 * (at - estimate)
            wanted = estimate + np.clip((wanted - estimate) / (at - estimate), 1.0, 4.0) * (at - estimate)
        else:
            outside = at
            wanted = (
                inside + (at - inside) * (reach - root_inside) / (root - root_inside) if np.isfinite(root) else np.nan
            )
        is_between = np.isfinite(wanted) and (wanted - inside) * (wanted - outside) < 0
        at = float(wanted) if is_between else (inside + outside) / 2 if np.isfinite(outside) else inside + 2 * step
        if abs(at - inside) <= 1e-9 * max(1.0, abs(at)):
            break
    return limit if abs(outside - limit) == 0 or not np.isfinite(outside) else at
