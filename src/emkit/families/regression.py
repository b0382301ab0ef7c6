"""Regressions: k members that explain responses by the same columns of a design, each with effects of its own.

y_v | x, member k has a linear predictor eta = offset + x'b_vk, where the coefficients of some columns may be common to
all members. A missing response is skipped, which is exact; a covariate must be known. The rows of the family hold
responses and design side by side, so that mixtures, concomitant variables and hidden Markov models (switching and
autoregressive regressions) take it as any other family.

Statistics, for each response and member, at coefficients b: sums of r z s(b), r z z' h(b) and r z z', with s and h the
slope and bend of the log-density by eta, and for the normal r (y - eta)^2. The M-step is least squares for the normal:
closed form, moved from b, so that no digits are lost. For the others it is a Newton step from b, shortened so that it
cannot overshoot (`basis.safe_length`): the M-step sees no data and never lowers the likelihood.

References
----------
McLachlan & Peel 2000, *Finite Mixture Models*, chapter 5. Gruen & Leisch 2008, Journal of Statistical Software 28(4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters
from emkit.core.statistics import Additive
from emkit.errors import ParameterError
from emkit.families.base import Family, Starts
from emkit.families.basis import ONES, Basis, basis_of
from emkit.families.discrete import distinct_rows, used_rows
from emkit.families.effects import EffectParameters, Effects, ResponseStatistics, spread
from emkit.families.regression_collapse import collapse_of
from emkit.families.regression_starts import RegressionStarts
from emkit.families.regression_steps import stepped
from emkit.families.responses import GaussianResponse, Response

__all__ = ["RegressionMembers", "RegressionStatistics", "Regressions"]

FLOOR = 1e-12  # of one row's share of the pooled residual variance: where the likelihood has no limit, it stops here
KNOWN_ROWS = 512
_START_STEPS = 6
_LEAST = 1e-6  # of the pooled residual variance: the smallest to start from


@dataclass(frozen=True)
class RegressionMembers(Parameters):
    """Those of the responses, in order."""

    responses: tuple[EffectParameters, ...]


@dataclass(frozen=True)
class RegressionStatistics(Additive):
    """Those of the responses, in order."""

    responses: tuple[ResponseStatistics, ...]


@dataclass(frozen=True)
class Regressions(Family):
    """Regressions of one or more responses on the same design.

    Parameters
    ----------
    responses : tuple of Response
    design : tuple of int
        The columns of the design; `basis.ONES` stands for one of ones, the intercept, that the rows lack.
    common : tuple of int
        Places in `design` whose coefficients all members share.
    """

    responses: tuple[Response, ...] = ()
    design: tuple[int, ...] = ()
    common: tuple[int, ...] = ()
    basis: Any = field(default=None, compare=False)
    unit: Any = field(default=None, compare=False)  # (v,) pooled residual standard deviations; one for counts
    rows_per_weight: float = field(default=1.0, compare=False)
    names: tuple[str, ...] | None = field(default=None, compare=False)  # of the columns of the rows
    known: Any = field(default=None, compare=False)  # rows whose covariates stand for those of new rows

    def __post_init__(self) -> None:
        if not self.responses or not set(self.common) <= set(range(len(self.design))):
            message = (
                "a regression needs a response, and common columns among those of the design; "
                f"got {len(self.responses)} responses, design {self.design!r} and common {self.common!r}"
            )
            raise ParameterError(message)

    # --- before the fit ---

    def prepared(self, source: Any, n_components: int) -> Regressions:
        names = source.feature_names
        for response in self.responses:
            name = str(response.column) if names is None else repr(names[response.column])
            source.map(lambda block, own=response, name=name: own.check(block, name))
        per_weight = source.n_used / source.total_weight
        ready = replace(self, basis=basis_of(source, self.design), rows_per_weight=per_weight, names=names)
        known = np.asarray(source.sample(KNOWN_ROWS, np.random.default_rng(0)).X, dtype=np.float64)
        return replace(ready, unit=ready._units(source), known=known)

    def arranged(self, source: Any) -> Any:
        return used_rows(source) if any(r.has_var for r in self.responses) else distinct_rows(source)

    def _units(self, source: Any) -> FloatArray:
        """Return the residual standard deviations of one regression for all rows, not below 1e-8 of the response's."""
        units = []
        for response, effects in zip(self.responses, self.effects, strict=True):
            if not response.has_var:
                units.append(1.0)
                continue
            blank = effects.blank(1)
            stats = _pooled(source, response, effects, blank)
            n = max(float(stats.count[0]), 1e-300)
            after = float(stepped(effects, response, blank, stats).var[0])
            units.append(float(np.sqrt(max(after, 1e-16 * float(stats.square[0]) / n))) or 1.0)
        return np.array(units)

    def starting_rows(self, block: Any) -> Starts:
        return RegressionStarts(self, np.asarray(block.X), block.weights)

    def start(self, X: Array, resp: FloatArray) -> RegressionMembers:
        """Return regressions of the rows by responsibility, their variances blended with the pooled ones."""
        triples = enumerate(zip(self.responses, self.effects, strict=True))
        return RegressionMembers(tuple(self._started(v, *pair, X, resp) for v, pair in triples))

    def _started(self, v: int, response: Response, effects: Effects, X: Array, resp: FloatArray) -> EffectParameters:
        blank = effects.blank(resp.shape[1])
        flat = GaussianResponse(response.column, response.offset)
        y = response.working(X, response.observed(X)[0])
        at = stepped(effects, flat, blank, _sums(flat, effects, blank, X, resp, y), blend=1.0)
        if response.has_var:
            var = np.maximum(at.var, _LEAST * self._unit(v) ** 2)
            return replace(at, var=var.mean(keepdims=True) if _is_common(response) else var)
        at = replace(at, var=np.empty(0))
        for _ in range(_START_STEPS):
            at = stepped(effects, response, at, _sums(response, effects, at, X, resp), blend=1.0)
        return at

    # --- the steps ---

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        joint = np.repeat(np.asarray(log_mix, dtype=np.float64)[:, None], len(X), axis=1)
        for response, effects, own in self._each(parameters):
            y, seen = response.observed(X)
            eta = response.predictor(X, effects.design(X), effects.full(own))
            with np.errstate(over="ignore", invalid="ignore"):
                density = response.log_density(X, y, eta, spread(own.var, len(eta)))
            joint += density if seen.all() else np.where(seen > 0, density, 0.0)
        return np.ascontiguousarray(joint.T)

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> RegressionStatistics:
        return RegressionStatistics(tuple(_sums(*each, X, resp) for each in self._each(parameters)))

    def m_step(self, statistics: RegressionStatistics, parameters: Any) -> RegressionMembers:
        found = []
        for v, (response, effects, own, stats) in enumerate(self._with(parameters, statistics)):
            found.append(stepped(effects, response, own, stats, floor=self.floor_scatter(v)))
        return RegressionMembers(tuple(found))

    def expected_loglik(self, parameters: Any, statistics: RegressionStatistics) -> float:
        """Return the family's part of Q: exact for the normal, for the others a lower bound that touches it."""
        total = 0.0
        for response, effects, own, stats in self._with(parameters, statistics):
            move = effects.move(own, stats)
            if response.has_var:
                var = spread(own.var, len(move))
                total -= 0.5 * float((stats.count * np.log(var) + stats.square_at(move) / var).sum())
            else:
                curved = np.einsum("ki,kij,kj->k", move, stats.bend, move)
                total += float(
                    (stats.slope * move).sum() - (curved * _growth(np.abs(move) @ effects.basis.reach)).sum()
                )
        return total

    def score(self, parameters: Any, statistics: RegressionStatistics) -> RegressionMembers:
        found = []
        for v, (response, effects, own, stats) in enumerate(self._with(parameters, statistics)):
            move = effects.move(own, stats)
            var = spread(own.var if response.has_var else np.empty(0), len(move))
            slope = effects.basis.pull_back(stats.slope_at(move) / var[:, None])
            by_var = 0.5 * ((stats.square_at(move) + self.floor_scatter(v)) / var - stats.count) / var
            by_var = by_var.sum(keepdims=True) if own.var.size < len(move) else by_var
            common = slope[:, list(effects.common)].sum(axis=0)
            found.append(EffectParameters(slope[:, list(effects.own)], common, by_var[: own.var.size]))
        return RegressionMembers(tuple(found))

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty that stops a variance on its way to zero."""
        total = 0.0
        for v, own in enumerate(parameters.responses):
            if own.var.size:
                total -= 0.5 * self.floor_scatter(v) * float((1 / spread(own.var, len(own.coef))).sum())
        return total

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return collapse_of(self, parameters, statistics, count)

    # --- answers ---

    def means(self, parameters: Any, X: Array) -> FloatArray:
        """Return the expected responses (v, n, k) of each member at the rows' covariates."""
        each = self._each(parameters)
        return np.stack([r.mean(X, r.predictor(X, e.design(X), e.full(own))).T for r, e, own in each])

    def drawn(self, parameters: Any, X: Array, labels: Array, rng: np.random.Generator) -> FloatArray:
        """Return the rows (n, d) with new responses, each drawn from the member of its label (n,)."""
        rows = np.array(X, dtype=np.float64)
        for response, effects, own in self._each(parameters):
            eta = response.predictor(X, effects.design(X), effects.full(own))[labels, np.arange(len(labels))]
            rows[:, response.column] = response.drawn(X, eta, spread(own.var, len(own.coef))[labels], rng)
        return rows

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        """Return rows (n, d) whose covariates are drawn from (a sample of) the training data."""
        if self.known is None:
            message = "a regression says nothing of how its covariates arise: it must be fitted first"
            raise ParameterError(message)
        return self.drawn(parameters, self.known[rng.integers(0, len(self.known), len(labels))], labels, rng)

    def reordered(self, parameters: Any, order: Array) -> RegressionMembers:
        k, owns = len(order), parameters.responses
        moved = (
            replace(own, coef=own.coef[order], var=own.var[order] if own.var.size == k else own.var) for own in owns
        )
        return RegressionMembers(tuple(moved))

    def sort_key(self, parameters: Any) -> FloatArray:
        own = parameters.responses[0]
        if own.coef.shape[1]:
            return np.asarray(own.coef[:, 0])
        return np.asarray(own.var if own.var.size == len(own.coef) else np.zeros(len(own.coef)))

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return a table of coefficients for each response."""
        tables, names = [], self.names or names
        for response, effects, own in self._each(parameters):
            label = [_label(names, j) for j in (response.column, *effects.columns)]
            sd = np.sqrt(spread(own.var, len(own.coef)))
            rows = tuple(
                (str(i + 1), *row, *([float(sd[i])] if response.has_var else []))
                for i, row in enumerate(effects.full(own).tolist())
            )
            header = (member, *label[1:], *(("sd",) if response.has_var else ()))
            tables.append(Description(f"Regression of {label[0]} ({response.name})", header, rows))
        return tuple(tables)

    # --- parts ---

    @cached_property
    def effects(self) -> tuple[Effects, ...]:
        """What each response is explained by."""
        return tuple(self._effects(response) for response in self.responses)

    def _effects(self, response: Response) -> Effects:
        p = len(self.design)
        basis = Basis(np.zeros(p), np.ones(p), np.ones(p)) if self.basis is None else self.basis
        uses = tuple(range(p)) if response.uses is None else response.uses
        common = tuple(i for i, j in enumerate(uses) if j in self.common)
        own = tuple(i for i in range(len(uses)) if i not in common)
        return Effects(tuple(self.design[j] for j in uses), own, common, basis.part(uses))

    def floor_scatter(self, v: int) -> float:
        """Return what the penalty adds to the squared residuals of each member in response v."""
        return FLOOR / self.rows_per_weight * self._unit(v) ** 2 if self.unit is not None else 0.0

    def _unit(self, v: int) -> float:
        return 1.0 if self.unit is None else float(self.unit[v])

    def _each(self, parameters: Any) -> Iterator[tuple[Response, Effects, EffectParameters]]:
        yield from zip(self.responses, self.effects, parameters.responses, strict=True)

    def _with(self, parameters: Any, statistics: Any) -> Iterator[tuple[Response, Effects, Any, Any]]:
        yield from zip(self.responses, self.effects, parameters.responses, statistics.responses, strict=True)


def _sums(
    response: Response, effects: Effects, own: EffectParameters, X: Array, resp: FloatArray, y: FloatArray | None = None
) -> ResponseStatistics:
    """Return the sums of one response at its parameters; `y` takes the place of the response for starts."""
    coef, design = effects.full(own), effects.design(X)
    rows = effects.basis.rows(design)
    known, seen = response.observed(X)
    y = known if y is None else y
    mass = resp.T * seen
    slope, bend = response.slope_and_bend(X, y, response.predictor(X, design, coef))
    cross = _crossed(rows, mass)
    bent = cross if response.has_var else _crossed(rows, mass * bend)
    square = (mass * slope**2).sum(axis=1) if response.has_var else np.zeros(len(mass))
    return ResponseStatistics(mass.sum(axis=1), (mass * slope) @ rows, bent, cross, square, coef, effects.basis)


def _pooled(source: Any, response: Response, effects: Effects, at: EffectParameters) -> ResponseStatistics:
    """Return the sums over all rows for one member."""
    total: ResponseStatistics = source.reduce(
        lambda block: _sums(response, effects, at, block.X, block.weights[:, None])
    )
    return total


def _crossed(rows: FloatArray, mass: FloatArray) -> FloatArray:
    return np.stack([(rows * own[:, None]).T @ rows for own in mass])


def _label(names: Sequence[str] | None, j: int) -> str:
    if j == ONES:
        return "intercept"
    return f"x{j + 1}" if names is None else names[j]


def _is_common(response: Response) -> bool:
    return isinstance(response, GaussianResponse) and response.is_var_common


def _growth(reach: FloatArray) -> FloatArray:
    """Return (exp(u) - u - 1) / u^2: how fast the bend may grow over a move that reaches u."""
    u = np.maximum(reach, 1e-4)
    with np.errstate(over="ignore"):
        return np.where(reach < 1e-4, 0.5 + reach / 6, (np.expm1(u) - u) / u**2)
