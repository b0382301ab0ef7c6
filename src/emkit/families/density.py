"""A family from any log density: the user writes the density, spaces say where its parameters live.

The M-step never sees data, so it cannot maximise a density that it knows only by calling it. Instead the E-step
collects, besides the log-likelihood, the gradient g and two curvatures of each member's part of it, by differences in
the unconstrained coordinates:

    g_k = sum_i r_ik d log f(x_i | k),  B_k = sum_i r_ik (d log f)(d log f)',  H_k = sum_i r_ik d^2 log f(x_i | k),

and the M-step takes the EM-gradient step C^-1 g of Lange with C the sum of B and of the positive part of -H: no longer
than Newton's, whether the density fits the data or not, and shortened by 1 / (1 + sqrt(g' C^-1 g / n_k)) far from the
optimum. By Fisher's identity g is the score, so that the fit is accelerated by quasi-Newton steps, which are checked
against the objective.

References
----------
Lange 1995, JRSS B 57:425. Berndt, Hall, Hall & Hausman 1974, Annals of Economic and Social Measurement 3:653.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import NonNegative, Positive, PositiveDefinite, Probability, Real, Simplex, Space
from emkit.core.statistics import Additive, shared
from emkit.errors import ParameterError
from emkit.families.base import Family
from emkit.families.discrete import used_rows
from emkit.families.gaussian_starts import StartingRows
from emkit.kernels.foreign import host, is_foreign, like, namespace

__all__ = ["DensityFamily", "DensityParameters", "DensityStatistics"]

_STEP = float(np.finfo(np.float64).eps ** (1 / 3))
_LONG_STEP = float(np.finfo(np.float64).eps ** (1 / 4))
_RIDGE = 1e-9  # part of the curvature's trace, for directions in which the density does not change


@dataclass(frozen=True)
class RealPart(Parameters):
    value: Array = space(Real())


@dataclass(frozen=True)
class PositivePart(Parameters):
    value: Array = space(Positive())


@dataclass(frozen=True)
class NonNegativePart(Parameters):
    value: Array = space(NonNegative())


@dataclass(frozen=True)
class ProbabilityPart(Parameters):
    value: Array = space(Probability())


@dataclass(frozen=True)
class SimplexPart(Parameters):
    value: Array = space(Simplex())


@dataclass(frozen=True)
class MatrixPart(Parameters):
    value: Array = space(PositiveDefinite())


_PARTS: dict[type[Space], type[Any]] = {
    Real: RealPart,
    Positive: PositivePart,
    NonNegative: NonNegativePart,
    Probability: ProbabilityPart,
    Simplex: SimplexPart,
    PositiveDefinite: MatrixPart,
}


@dataclass(frozen=True)
class DensityParameters(Parameters):
    """One record for each parameter, its `value` an array (k, ...), in the order in which they were declared."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class DensityStatistics(Additive):
    """Expected counts (k,), gradients (k, p), two curvatures (k, p, p), at the coordinates (k, p) of the E-step."""

    count: FloatArray
    value: FloatArray
    gradient: FloatArray
    outer: FloatArray
    bend: FloatArray
    at: FloatArray = shared()


@dataclass(frozen=True)
class DensityFamily(Family):
    """Any density.

    Parameters
    ----------
    log_density : callable (X, parameters) -> array (n,)
        Log density of rows X (n, d) for one member, whose parameters come as a dict of arrays by name. It deals with
        NaN itself, where there are any.
    spaces : mapping of str to Space
        Where each parameter lives: `Real()`, `Positive()`, `NonNegative()`, `Probability()`, `Simplex()`,
        `PositiveDefinite()` of `emkit.core`.
    start_from : callable (X, weights) -> dict of str to array
        A rough estimate of one member from rows and their weights (n,): moments will do.
    draw : callable (parameters, n, rng) -> array (n, d), optional
        Rows of one member, for `sample`.
    array_api : bool, default False
        Whether `log_density` is array-API code that takes the rows as an array of any library, and the parameters as
        such arrays: rows of a tensor then stay on its device. Starts and draws are NumPy's all the same.

    Notes
    -----
    A fit of such a family is not saved with its functions: they are given again by hand.
    """

    log_density: Callable[[Array, dict[str, Any]], Array] = field(compare=False, repr=False)
    spaces: Mapping[str, Space] = field(default_factory=dict)
    start_from: Callable[[Array, FloatArray], Mapping[str, Any]] | None = field(default=None, compare=False, repr=False)
    draw: Callable[[dict[str, Any], int, np.random.Generator], Array] | None = field(
        default=None, compare=False, repr=False
    )
    array_api: bool = False

    def __post_init__(self) -> None:
        wrong = [name for name, kind in self.spaces.items() if type(kind) not in _PARTS]
        if not self.spaces or wrong or not callable(self.log_density) or not callable(self.start_from):
            known = ", ".join(kind.__name__ for kind in _PARTS)
            message = (
                "a DensityFamily needs `log_density(X, parameters)`, `spaces` by the names of the parameters (of "
                f"{known}), and `start_from(X, weights)`" + (f"; {wrong[0]!r} has another space" if wrong else "")
            )
            raise ParameterError(message)

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: where `array_api` says so."""
        return self.array_api

    def prepared(self, source: Any, n_components: int) -> DensityFamily:
        return self

    def arranged(self, source: Any) -> Any:
        return used_rows(source)

    def starting_rows(self, block: Any) -> StartingRows:
        """Return the rows in the coordinates that k-means is run in."""
        return StartingRows(block.X, block.weights)

    def start(self, X: Array, resp: FloatArray) -> DensityParameters:
        """Return the user's rough estimate for each member, a tenth of its weight spread over all rows."""
        assert self.start_from is not None, "checked when made"
        shared_weight = resp.sum(axis=1)
        found = []
        for own in resp.T:
            weights = own + 0.1 * shared_weight * max(own.sum(), 1e-3 * resp.sum()) / resp.sum()
            found.append(self.start_from(X, weights))
        return DensityParameters(
            tuple(
                _PARTS[type(kind)](np.array([np.asarray(member[name], dtype=np.float64) for member in found]))
                for name, kind in self.spaces.items()
            )
        )

    # --- E-step ---

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        density = [float(log_mix[k]) + self._density(X, self._named(parameters, k)) for k in range(len(log_mix))]
        joint: FloatArray = namespace(density[0]).stack(density, axis=1)
        return joint

    def _density(self, X: Array, named: dict[str, Any]) -> FloatArray:
        if is_foreign(X):
            named = {name: like(X, np.asarray(value, dtype=np.float64)) for name, value in named.items()}
        xp: Any = namespace(X)
        with np.errstate(all="ignore"):
            density = xp.asarray(self.log_density(X, named), dtype=xp.float64)
        if tuple(density.shape) != (X.shape[0],):
            shape = tuple(density.shape)
            message = f"`log_density` must return shape ({X.shape[0]},), one number for each row, got {shape}"
            raise ParameterError(message)
        return xp.where(xp.isnan(density), xp.full_like(density, -np.inf), density)  # type: ignore[no-any-return]

    def _named(self, parameters: Any, k: int) -> dict[str, Any]:
        return {name: part.value[k] for name, part in zip(self.spaces, parameters.parts, strict=True)}

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> DensityStatistics:
        xp: Any = namespace(X)
        values, gradients, outers, bends, places = [], [], [], [], []
        for k in range(resp.shape[1]):
            charts = self._charts(parameters, k)
            place = _joined(charts, self._named(parameters, k))
            slopes = self._slopes(charts, place, X)
            weighted = slopes * resp[:, k : k + 1]
            density = self._density(X, _parted(charts, place))
            values.append(float(resp[:, k] @ xp.where(resp[:, k] > 0, density, xp.zeros_like(density))))
            gradients.append(host(xp.sum(weighted, axis=0)))
            outers.append(host(weighted.T @ slopes))
            bends.append(self._bend(charts, place, X, resp[:, k]))
            places.append(place)
        parts = (np.array(part) for part in (values, gradients, outers, bends, places))
        return DensityStatistics(host(xp.sum(resp, axis=0)), *parts)

    def _slopes(self, charts: Any, place: FloatArray, X: Array) -> FloatArray:
        """Return the gradient (n, p) of the log density of each row in the coordinates, by central differences."""
        xp: Any = namespace(X)
        columns = []
        for j in range(len(place)):
            step = np.zeros(len(place))
            step[j] = _STEP * max(1.0, abs(place[j]))
            ahead, behind = (self._density(X, _parted(charts, place + move)) for move in (step, -step))
            with np.errstate(invalid="ignore"):
                columns.append((ahead - behind) / (2 * float(step[j])))
        slopes = xp.stack(columns, axis=1)
        return xp.where(xp.isfinite(slopes), slopes, xp.zeros_like(slopes))  # type: ignore[no-any-return]

    def _bend(self, charts: Any, place: FloatArray, X: Array, r: FloatArray) -> FloatArray:
        """Return the Hessian (p, p) of the member's expected log-likelihood, by central differences."""
        p, xp = len(place), namespace(X)
        steps = np.diag(_LONG_STEP * np.maximum(1.0, np.abs(place)))

        def rows(move: FloatArray) -> FloatArray:
            density = self._density(X, _parted(charts, place + move))
            return xp.where(xp.isfinite(density), density, xp.full_like(density, -1e3))  # type: ignore[no-any-return]

        middle, bend = rows(np.zeros(p)), np.empty((p, p))
        for i in range(p):
            for j in range(i + 1):
                far = rows(steps[i] + steps[j]) + rows(-steps[i] - steps[j])
                near = rows(steps[i] - steps[j]) + rows(steps[j] - steps[i]) if i != j else 2 * middle
                # Differences row by row, and then sums: rounding is then the same however rows are split.
                bend[i, j] = bend[j, i] = float(r @ (far - near)) / (4 * steps[i, i] * steps[j, j])
        return bend

    def _charts(self, parameters: Any, k: int) -> list[tuple[str, Any]]:
        named = self._named(parameters, k)
        return [(name, kind.chart(named[name])) for name, kind in self.spaces.items()]

    # --- M-step ---

    def m_step(self, statistics: DensityStatistics, parameters: Any) -> DensityParameters:
        moved = []
        for k, count in enumerate(statistics.count):
            charts, place = self._charts(parameters, k), statistics.at[k]
            if count > 1e-12 * statistics.count.sum():
                place = place + _step_of(statistics.gradient[k], self._curvature(statistics, k), count)
            moved.append(_parted(charts, place))
        names = list(self.spaces)
        return DensityParameters(
            tuple(
                type(part)(np.array([member[name] for member in moved]))
                for name, part in zip(names, parameters.parts, strict=True)
            )
        )

    @staticmethod
    def _curvature(statistics: DensityStatistics, k: int) -> FloatArray:
        values, vectors = np.linalg.eigh(-statistics.bend[k])
        return np.asarray(statistics.outer[k] + (vectors * np.maximum(values, 0.0)) @ vectors.T)

    def expected_loglik(self, parameters: Any, statistics: DensityStatistics) -> float:
        """Return the Q function by its second-order expansion about the parameters of the E-step."""
        total = float(statistics.value.sum())
        for k in range(len(statistics.count)):
            place = _joined(self._charts(parameters, k), self._named(parameters, k))
            gap = place - statistics.at[k]
            total += float(gap @ statistics.gradient[k] - 0.5 * gap @ self._curvature(statistics, k) @ gap)
        return total

    def score(self, parameters: Any, statistics: DensityStatistics) -> DensityParameters:
        """Return the gradient by entry that has the collected gradient in the coordinates."""
        slopes: list[list[FloatArray]] = []
        for k in range(len(statistics.count)):
            own, first = [], 0
            for name, chart in self._charts(parameters, k):
                value = self._named(parameters, k)[name]
                part = statistics.gradient[k][first : first + chart.size]
                own.append(_pushed(chart, value, part))
                first += chart.size
            slopes.append(own)
        return DensityParameters(
            tuple(type(part)(np.array([own[i] for own in slopes])) for i, part in enumerate(parameters.parts))
        )

    def log_prior(self, parameters: Any) -> float:
        return 0.0

    # --- order, sampling, tables ---

    def reordered(self, parameters: Any, order: Array) -> DensityParameters:
        return DensityParameters(tuple(type(part)(part.value[order]) for part in parameters.parts))

    def sort_key(self, parameters: Any) -> FloatArray:
        value = parameters.parts[0].value
        return np.asarray(value.reshape(len(value), -1)[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        if self.draw is None:
            message = "this DensityFamily cannot be sampled: give it `draw(parameters, n, rng)`"
            raise ParameterError(message)
        rows: Any = None
        for k in np.unique(labels):
            own = np.flatnonzero(labels == k)
            drawn = np.asarray(self.draw(self._named(parameters, int(k)), len(own), rng), dtype=np.float64)
            rows = np.empty((len(labels), drawn.shape[1])) if rows is None else rows
            rows[own] = drawn
        return np.asarray(rows)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return ""

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return a table for each parameter."""
        tables = []
        for name, part in zip(self.spaces, parameters.parts, strict=True):
            flat = part.value.reshape(len(part.value), -1)
            heads = [name] if flat.shape[1] == 1 else [f"{name}[{j}]" for j in range(flat.shape[1])]
            rows = tuple((str(i + 1), *row) for i, row in enumerate(flat.tolist()))
            tables.append(Description(name, (member, *heads), rows))
        return tuple(tables)


def _joined(charts: Any, named: Mapping[str, Any]) -> FloatArray:
    return np.concatenate([chart.to_vector(np.asarray(named[name])) for name, chart in charts])


def _parted(charts: Any, place: FloatArray) -> dict[str, Any]:
    found, first = {}, 0
    for name, chart in charts:
        found[name] = chart.from_vector(place[first : first + chart.size])
        first += chart.size
    return found


def _step_of(gradient: FloatArray, curvature: FloatArray, count: float) -> FloatArray:
    ridge = _RIDGE * max(float(np.trace(curvature)), 1e-300)
    step = np.linalg.solve(curvature + ridge * np.eye(len(gradient)), gradient)
    return np.asarray(step / (1 + np.sqrt(max(float(gradient @ step), 0.0) / count)))


def _pushed(chart: Any, value: Array, part: FloatArray) -> FloatArray:
    """Return an array like `value` that the chart pulls back to `part`: pulling back is linear, and of full rank."""
    vector, shape, size = chart.to_vector(np.asarray(value)), np.shape(value), int(np.prod(np.shape(value), dtype=int))
    basis = np.eye(size).reshape((size, *shape))
    if len(shape) > 1 and shape[-1] == shape[-2]:
        basis = 0.5 * (basis + np.swapaxes(basis, -1, -2))
    pulled = np.array([chart.pull_back(np.asarray(value), vector, unit) for unit in basis]).T
    weights = np.linalg.lstsq(pulled, part, rcond=None)[0]
    return np.asarray(np.tensordot(weights, basis, axes=1))
