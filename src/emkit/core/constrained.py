"""Any model under constraints and with priors of the user's, as a model: one wrapper for all.

The parameters are the free coordinates of a `Layout`. The E-step is the model's own. The M-step is the model's own,
brought back to the constraints, and improved by Newton steps on the statistics in the free coordinates wherever it is
not the maximiser there; they begin at the better of it and the point before, so that the expected log-posterior never
falls (generalised EM).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.constrained_parameters import ConstrainedParameters
from emkit.core.constraints import Constraints, brought_in, constraints_of
from emkit.core.entries import Entries
from emkit.core.layout import Layout, entry_record
from emkit.core.model import Model, Offer, offered
from emkit.core.parameters import ParametersChart
from emkit.core.priors import Prior
from emkit.core.solvers.base import OFF_CHART
from emkit.core.starts import UNANIMOUS
from emkit.errors import ParameterError

__all__ = ["Constrained", "constrain", "entered"]

_NEWTON_STEPS = 5
_ENOUGH = 1e-10  # predicted gain of a Newton step on the statistics, relative to the objective, not worth taking
_HALVINGS = 10
_STEP = 1e-4  # of a coordinate's own scale, for one-sided second differences on the statistics


@dataclass(frozen=True)
class Constrained(Model):
    """A model with some parameters fixed, tied or bounded, and with priors on some.

    Parameters
    ----------
    model : Model
        It must state `expected_loglik` or `score`.
    constraints : Constraints
    priors : tuple of (name, Prior or callable)
        A callable takes the array named and returns its log-density.
    """

    model: Any
    constraints: Constraints = Constraints()
    priors: tuple[tuple[str, Any], ...] = ()

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> ConstrainedParameters:
        return self.enter(self.model.start(source, rng))

    def e_step(self, parameters: ConstrainedParameters, block: Any) -> Any:
        return self.model.e_step(parameters.inner, block)

    def m_step(self, statistics: Any, parameters: ConstrainedParameters) -> ConstrainedParameters:
        tried = self._projected(self.model.m_step(statistics, parameters.inner), parameters)
        here = self._value(parameters, statistics)
        there = -np.inf if tried is None else self._value(tried, statistics)
        best, value = (tried, there) if tried is not None and there >= here else (parameters, here)
        return self._improved(best, value, statistics)

    def log_prior(self, parameters: ConstrainedParameters) -> float:
        return float(self.model.log_prior(parameters.inner)) + self._own_prior(parameters.inner)

    def expected_loglik(self, parameters: ConstrainedParameters, statistics: Any) -> float:
        return float(self.model.expected_loglik(parameters.inner, statistics))

    def score(self, parameters: ConstrainedParameters, statistics: Any) -> ConstrainedParameters:
        return parameters.split(self._gradient(parameters, statistics))

    # --- from and to the model's own records ---

    def enter(self, record: Any) -> ConstrainedParameters:
        """Return the parameters of a record near the given one that obeys the constraints.

        Raises
        ------
        ParameterError
            If there is none, or a name is unknown.
        """
        for name, _ in self.priors:
            Entries(record).find(name)
        layout = Layout(brought_in(record, self.constraints), self.constraints)
        try:
            return ConstrainedParameters.of(layout.free_of(layout.template), layout)
        except OFF_CHART as error:
            message = f"the constraints contradict each other or leave no room: {error}"
            raise ParameterError(message) from error

    def natural(self, parameters: ConstrainedParameters) -> Any:
        return parameters.inner

    def _projected(self, record: Any, parameters: ConstrainedParameters) -> ConstrainedParameters | None:
        """Return the parameters, in the same layout, of a record near the given one; None if there are none."""
        with np.errstate(all="ignore"):
            try:
                near = brought_in(record, self.constraints)
                vector = parameters.layout.free_of(near)
                return ConstrainedParameters.of(vector, parameters.layout) if np.isfinite(vector).all() else None
            except OFF_CHART:
                return None

    # --- the M-step in the free coordinates ---

    def _value(self, parameters: ConstrainedParameters, statistics: Any) -> float:
        value = self.expected_loglik(parameters, statistics) + self.log_prior(parameters)
        return value if np.isfinite(value) else -np.inf

    def _gradient(self, parameters: ConstrainedParameters, statistics: Any) -> FloatArray:
        inner, layout = parameters.inner, parameters.layout
        vector = parameters.full[: layout.chart.size]
        score = offered(self.model, Offer.SCORE)
        if score is not None:
            own = layout.chart.pull_back(inner, vector, score(inner, statistics))
        else:
            q, log_prior = self.model.expected_loglik, self.model.log_prior
            own = layout.chart.difference(lambda at: float(q(at, statistics)) + float(log_prior(at)), vector)
        if self.priors:
            own = own + layout.chart.pull_back(inner, vector, self._prior_slopes(inner))
        return np.asarray(own @ parameters.tangent)

    def _improved(self, best: ConstrainedParameters, value: float, statistics: Any) -> ConstrainedParameters:
        """Return parameters of higher expected log-posterior, by Newton steps in the coordinates that have a slope."""
        for _ in range(_NEWTON_STEPS):
            gradient = self._gradient(best, statistics)
            step, gain = self._newton(best, gradient, statistics)
            if not gain > _ENOUGH * max(1.0, abs(value)):
                break
            climbed = self._climbed(best, value, step, statistics)
            if climbed is None:
                break
            best, value = climbed
        return best

    def _newton(self, at: ConstrainedParameters, gradient: FloatArray, statistics: Any) -> tuple[FloatArray, float]:
        """Return the Newton step where the gradient matters, and the gain it predicts."""
        vector, scale = at.vector, self._scale(at, statistics)
        slopes = np.abs(gradient) * scale
        active = np.flatnonzero(slopes > 1e-7 * max(1.0, float(slopes.max(initial=0.0))))
        step = np.zeros_like(vector)
        if not active.size:
            return step, 0.0
        curvature = np.array([self._bend(at, i, gradient, statistics)[active] for i in active.tolist()])
        unit = scale[active]
        values, turned = np.linalg.eigh((curvature + curvature.T) / 2 * np.outer(unit, unit))
        inverse = 1 / np.maximum(np.abs(values), 1e-8 * max(1.0, float(np.abs(values).max())))
        along = turned.T @ (unit * gradient[active])
        step[active] = unit * (turned @ (inverse * along))
        return step, 0.5 * float(inverse @ along**2)

    def _bend(self, at: ConstrainedParameters, i: int, gradient: FloatArray, statistics: Any) -> FloatArray:
        """Return the derivatives (f,) of the gradient along one coordinate, by a step to the side that can be taken."""
        for sign in (1.0, -1.0):
            moved = at.vector
            moved[i] += sign * _STEP * at.layout.scales["free"][i]
            try:
                there = self._gradient(ConstrainedParameters.of(moved, at.layout), statistics)
            except OFF_CHART:
                continue
            return np.asarray((there - gradient) / (moved[i] - at.vector[i]))
        return np.zeros_like(gradient)

    def _scale(self, at: ConstrainedParameters, statistics: Any) -> FloatArray:
        """Return the size of a step that matters in each coordinate: worked out once for a layout."""
        kept: FloatArray | None = at.layout.scales.get("free")
        if kept is None:
            from emkit.core.information import CENTRAL, complete_information

            def slope(vector: FloatArray, statistics: Any, steps: Any = None) -> FloatArray:
                return self._gradient(ConstrainedParameters.of(vector, at.layout), statistics)

            kept = complete_information(slope, at.vector, statistics)[1] / CENTRAL
            at.layout.scales["free"] = kept
        return kept

    def _climbed(
        self, at: ConstrainedParameters, value: float, step: FloatArray, statistics: Any
    ) -> tuple[ConstrainedParameters, float] | None:
        vector, length = at.vector, 1.0
        with np.errstate(all="ignore"):
            for _ in range(_HALVINGS):
                try:
                    tried = ConstrainedParameters.of(vector + length * step, at.layout)
                    there = self._value(tried, statistics)
                except OFF_CHART:
                    there = -np.inf
                if there > value:
                    return tried, there
                length /= 2
        return None

    # --- priors of the user's ---

    def _own_prior(self, record: Any) -> float:
        entries = Entries(record) if self.priors else None
        total = 0.0
        for name, prior in self.priors:
            assert entries is not None
            array = entries.values[entries.find(name)]
            total += float(prior.log_density(array).sum()) if isinstance(prior, Prior) else float(prior(array))
        return total

    def _prior_slopes(self, record: Any) -> Any:
        entries = Entries(record)
        flat = np.zeros(entries.size)
        for name, prior in self.priors:
            places = entries.find(name)
            array = entries.values[places]
            slope = prior.slope(array) if isinstance(prior, Prior) else _differenced(prior, array)
            flat[places] += np.broadcast_to(slope, places.shape)
        return entry_record(record, entries, flat)

    # --- what the model offers, passed on ---

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree: as many as for the model itself."""
        return int(getattr(self.model, Offer.AGREEMENT, UNANIMOUS))

    def prepare(self, source: Any) -> tuple[Constrained, Any]:
        prepare = offered(self.model, Offer.PREPARE)
        model, ready = (self.model, source) if prepare is None else prepare(source)
        return replace(self, model=model), ready

    @property
    def portfolio(self) -> Callable[..., Any] | None:
        """The model's own starts, brought in."""
        portfolio = offered(self.model, Offer.PORTFOLIO)
        if portfolio is None:
            return None

        def make(source: Any, rng: np.random.Generator) -> Callable[[np.random.Generator, int], Any]:
            draw = portfolio(source, rng)
            return lambda own, index: self.enter(draw(own, index))

        return make

    @property
    def canonical(self) -> Callable[..., Any] | None:
        """The model's own order of its parts, where it obeys the constraints and keeps the prior."""
        canonical = offered(self.model, Offer.CANONICAL)
        return None if canonical is None else lambda parameters: self._reordered(canonical, parameters)

    def _reordered(self, canonical: Callable[[Any], Any], parameters: ConstrainedParameters) -> ConstrainedParameters:
        ordered = canonical(parameters.inner)
        if ordered is parameters.inner:
            return parameters
        before, after = self._own_prior(parameters.inner), self._own_prior(ordered)
        layout = Layout(ordered, self.constraints)
        is_equal = abs(before - after) <= 1e-10 * max(1.0, abs(before))
        if not is_equal or not Layout(parameters.layout.template, self.constraints).is_obeyed(ordered):
            return parameters
        return ConstrainedParameters.of(layout.free_of(ordered), layout)

    def _passed(self, name: str) -> Callable[..., Any] | None:
        offer = offered(self.model, name)
        return None if offer is None else lambda parameters, *rest: offer(parameters.inner, *rest)

    @property
    def degeneracy(self) -> Callable[..., Any] | None:
        return self._passed(Offer.DEGENERACY)

    @property
    def describe(self) -> Callable[..., Any] | None:
        return self._passed(Offer.DESCRIBE)

    @property
    def remarks(self) -> Callable[..., Any] | None:
        return self._passed(Offer.REMARKS)

    @property
    def posterior(self) -> Callable[..., Any] | None:
        return self._passed(Offer.POSTERIOR)

    @property
    def log_density(self) -> Callable[..., Any] | None:
        return self._passed(Offer.LOG_DENSITY)

    @property
    def sample(self) -> Callable[..., Any] | None:
        return self._passed(Offer.SAMPLE)

    @property
    def row_scores(self) -> Callable[..., Any] | None:
        offer = offered(self.model, Offer.ROW_SCORES)
        if offer is None:
            return None

        def scores(parameters: ConstrainedParameters, block: Any) -> Array | None:
            found = offer(parameters.inner, block)
            return None if found is None else found @ _natural_slopes(parameters)

        return scores

    @property
    def missing_information(self) -> Callable[..., Any] | None:
        offer = offered(self.model, Offer.MISSING_INFORMATION)
        if offer is None:
            return None

        def missing(parameters: ConstrainedParameters, block: Any) -> Array | None:
            found = offer(parameters.inner, block)
            slopes = None if found is None else _natural_slopes(parameters)
            return None if slopes is None else np.asarray(slopes.T @ found @ slopes)

        return missing


def constrain(
    model: Model,
    *,
    fix: Mapping[str, Any] | None = None,
    tie: Sequence[Sequence[str]] | None = None,
    bounds: Mapping[str, Any] | None = None,
    prior: Mapping[str, Any] | None = None,
) -> Any:
    """Return a model with parameters fixed, tied and bounded by name, and with priors; the model itself if none is.

    Parameters
    ----------
    model : Model
    fix : mapping of name to number or array, optional
        `{"members.mean[0, 1]": 0.0}`; names are those of `fit.standard_errors().names`, whole arrays or parts of them.
    tie : sequence of sequences of names, optional
        Parameters of each group are equal: `[("members.rate[0, 0]", "members.rate[1, 0]")]`.
    bounds : mapping of name to (low, high), optional
        None is no bound.
    prior : mapping of name to prior, optional
        A `Prior` such as `GammaPrior(2, 1)`, or a function of the array that returns its log-density.

    Raises
    ------
    ParameterError
        If the model has no `expected_loglik` and no `score`, or an argument is not as above.
    """
    constraints = constraints_of(fix, tie, bounds)
    priors = tuple((prior or {}).items())
    for name, own in priors:
        if not isinstance(own, Prior) and not callable(own):
            message = f"`prior` of {name!r} must be a Prior or a function of the array, got {own!r}"
            raise ParameterError(message)
    if constraints.is_empty and not priors:
        return model
    if offered(model, Offer.EXPECTED_LOGLIK) is None:
        kind = type(model).__name__
        message = f"constraints and priors need the Q function: `{kind}` has no `expected_loglik`"
        raise ParameterError(message)
    return Constrained(model, constraints, priors)


def entered(model: Any, start: Any) -> Any:
    """Return a start as the model takes it: a record of the model under constraints is brought in."""
    is_record = isinstance(model, Constrained) and start is not None and not isinstance(start, ConstrainedParameters)
    return model.enter(start) if is_record else start


def _natural_slopes(parameters: ConstrainedParameters) -> FloatArray:
    """Return the derivatives (e, f) of the record's entries with respect to the entries of the parameters.

    The latter stand in the order of the fields: free coordinates, then slacks of one bound, then of two.
    """
    layout = parameters.layout
    chart: ParametersChart = layout.chart
    slopes = chart.jacobian(parameters.full[: chart.size]) @ parameters.tangent
    n_own, both = len(layout.independent), layout.is_two_sided
    order = np.concatenate([np.arange(n_own), n_own + np.flatnonzero(~both), n_own + np.flatnonzero(both)])
    return np.asarray(slopes[:, order.astype(np.intp)])


def _differenced(function: Callable[[Any], float], array: FloatArray) -> FloatArray:
    slopes = np.zeros(np.shape(array))
    for at in np.ndindex(slopes.shape):
        step = 6e-6 * max(abs(float(array[at])), 1e-3)
        ahead, behind = np.array(array), np.array(array)
        ahead[at] += step
        behind[at] -= step
        slopes[at] = (float(function(ahead)) - float(function(behind))) / (ahead[at] - behind[at])
    return slopes
