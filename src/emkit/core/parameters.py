"""Parameters: frozen records of arrays whose fields declare the space they live in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.spaces import Chart, Space
from emkit.errors import ParameterError

__all__ = ["Parameters", "ParametersChart", "check_parameters", "leaves", "n_free", "rebuild", "space"]

P = TypeVar("P", bound="Parameters")


def space(kind: Space) -> Any:
    """Declare the space of a field of `Parameters`: `means: Array = space(Real())`."""
    return dataclasses.field(metadata={"space": kind})


@dataclasses.dataclass(frozen=True)
class Parameters:
    """Base of all parameter records. Fields are arrays with a `space`, other `Parameters`, or tuples of them."""

    def with_edges(self, found: Array, observed: FloatArray, complete: FloatArray) -> Array:
        """Return which coordinates (p,) lie on a boundary, given what the charts found; wrappers know more."""
        return found


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One array of a record, with its path (`components.mean`) and its space."""

    name: str
    space: Space
    value: Array


_FIELDS: dict[type, tuple[tuple[str, Space | None], ...]] = {}


def _fields(cls: type) -> tuple[tuple[str, Space | None], ...]:
    if cls not in _FIELDS:
        _FIELDS[cls] = tuple((f.name, f.metadata.get("space")) for f in dataclasses.fields(cls))
    return _FIELDS[cls]


def _children(value: Any, name: str) -> Iterator[tuple[str, Parameters]]:
    if isinstance(value, Parameters):
        yield name, value
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _children(item, f"{name}[{i}]")


def leaves(parameters: Parameters, prefix: str = "") -> Iterator[Leaf]:
    """Yield every array of a record in field order, records inside it included."""
    for name, kind in _fields(type(parameters)):
        value = getattr(parameters, name)
        if kind is not None:
            yield Leaf(prefix + name, kind, value)
        else:
            for path, child in _children(value, prefix + name):
                yield from leaves(child, path + ".")


def _arrays(parameters: Parameters) -> list[Any]:
    """Return every array of a record in field order: `leaves` without names and spaces, which climbs do not need."""
    found: list[Any] = []
    own = vars(parameters)
    for name, kind in _fields(type(parameters)):
        value = own[name]
        if kind is not None:
            found.append(value)
        elif isinstance(value, Parameters):
            found += _arrays(value)
        elif isinstance(value, tuple):
            found += [leaf.value for path, child in _children(value, name) for leaf in leaves(child)]
    return found


def rebuild(parameters: P, values: Iterator[Any]) -> P:
    """Return a record of the same shape with its arrays taken in order from `values`."""
    return type(parameters)(
        **{
            name: next(values) if kind is not None else _rebuild_child(getattr(parameters, name), values)
            for name, kind in _fields(type(parameters))
        }
    )


def _rebuild_child(value: Any, values: Iterator[Any]) -> Any:
    if isinstance(value, Parameters):
        return rebuild(value, values)
    if isinstance(value, tuple):
        return tuple(_rebuild_child(item, values) for item in value)
    return value


def check_parameters(parameters: Parameters) -> None:
    """Raise `ParameterError` at the first array outside its space."""
    if not isinstance(parameters, Parameters):
        message = f"expected parameters, such as `fit.parameters` of an earlier fit, got {type(parameters).__name__}"
        raise ParameterError(message)
    for leaf in leaves(parameters):
        leaf.space.check(leaf.name, leaf.value)


def n_free(parameters: Parameters) -> int:
    """Count the free parameters: coordinates of all charts. Structural zeros and constants do not count."""
    return sum(leaf.space.chart(leaf.value).size for leaf in leaves(parameters))


class ParametersChart:
    """Coordinates of a whole record: the charts of its arrays, one after another."""

    def __init__(self, parameters: Parameters) -> None:
        self._record = parameters
        self._charts: list[Chart] = [leaf.space.chart(leaf.value) for leaf in leaves(parameters)]
        ends = np.cumsum([chart.size for chart in self._charts]).tolist()
        self._slices = [slice(end - chart.size, end) for chart, end in zip(self._charts, ends, strict=True)]
        self.size: int = int(ends[-1]) if ends else 0

    def to_vector(self, parameters: Parameters, near: FloatArray | None = None) -> FloatArray:
        """Return the coordinates (size,) of a record; where several serve, those on the side of `near`."""
        triples = zip(self._charts, self._slices, _arrays(parameters), strict=True)
        if near is None:
            return np.concatenate([chart.to_vector(value) for chart, _, value in triples])
        return np.concatenate([chart.to_vector(value, near[part]) for chart, part, value in triples])

    def from_vector(self, vector: FloatArray) -> Any:
        """Return the record with these coordinates."""
        parts = [chart.from_vector(vector[part]) for chart, part in zip(self._charts, self._slices, strict=True)]
        return rebuild(self._record, iter(parts))

    def pull_back(self, parameters: Parameters, vector: FloatArray, gradient: Parameters) -> FloatArray:
        """Return the gradient (size,) in coordinates from a record of gradients by array entry."""
        triples = zip(self._charts, self._slices, _arrays(parameters), _arrays(gradient), strict=True)
        return np.concatenate([chart.pull_back(at, vector[part], slope) for chart, part, at, slope in triples])

    def difference(
        self, function: Callable[[Any], float], vector: FloatArray, steps: FloatArray | None = None
    ) -> FloatArray:
        """Return the gradient (size,) of a function of the record by central differences at `vector`."""
        gradient = np.empty(self.size)
        for i in range(self.size):
            step = np.zeros(self.size)
            step[i] = _CUBE_ROOT * max(1.0, abs(vector[i])) if steps is None else steps[i]
            ahead, behind = function(self.from_vector(vector + step)), function(self.from_vector(vector - step))
            gradient[i] = (ahead - behind) / (2 * step[i])
        return gradient

    def jacobian(self, vector: FloatArray) -> FloatArray:
        """Return the derivatives (n_entries, size) of every entry of every array, by central differences."""
        blocks = [_jacobian(chart, vector[part]) for chart, part in zip(self._charts, self._slices, strict=True)]
        whole = np.zeros((sum(len(block) for block in blocks), self.size))
        row = 0
        for block, part in zip(blocks, self._slices, strict=True):
            whole[row : row + len(block), part] = block
            row += len(block)
        return whole

    def own_entries(self) -> IntArray:
        """Return the place (size,) among all entries of the one that each coordinate is about."""
        sizes = [int(np.size(leaf.value)) for leaf in leaves(self._record)]
        firsts = np.cumsum([0, *sizes])[:-1]
        parts = [first + chart.own_entries() for first, chart in zip(firsts, self._charts, strict=True)]
        return np.concatenate(parts).astype(np.intp)

    def is_at_boundary(self, vector: FloatArray, observed: FloatArray, complete: FloatArray) -> Array:
        """Return which coordinates (size,) have run to the edge of their space (see `Chart`)."""
        pairs = zip(self._charts, self._slices, strict=True)
        found = np.concatenate([c.is_at_boundary(vector[p], observed[p], complete[p]) for c, p in pairs])
        return self._record.with_edges(found, observed, complete)


def _jacobian(chart: Chart, vector: FloatArray) -> FloatArray:
    columns = []
    for i in range(chart.size):
        step = np.zeros(chart.size)
        step[i] = _CUBE_ROOT * max(1.0, abs(vector[i]))
        ahead, behind = chart.from_vector(vector + step), chart.from_vector(vector - step)
        columns.append((ahead - behind).reshape(-1) / (2 * step[i]))
    return np.array(columns).T if columns else np.zeros((np.size(chart.from_vector(vector)), 0))


_CUBE_ROOT = float(np.finfo(np.float64).eps ** (1 / 3))  # balances rounding against curvature in central differences
