"""Layout: which coordinates of a record are free under constraints, and how the others follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import qr

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.constraints import Constraints
from emkit.core.entries import Entries
from emkit.core.equations import Equations, equations_of
from emkit.core.parameters import ParametersChart, rebuild
from emkit.core.spaces import PositiveDefinite
from emkit.errors import ParameterError

__all__ = ["Layout", "entry_record"]

_SOLVED = 1e-9  # residual, relative to its terms, from which one more Newton step leaves rounding alone
_NEWTON = 60
_LONGEST = 2.0  # longest Newton step in a coordinate: these are roots, logarithms and entries of factors
_OBEYED = 1e-8


@dataclass(frozen=True, eq=False)
class Layout:
    """Free and dependent coordinates around a record; as many are dependent as there are independent equations.

    Parameters
    ----------
    template : Parameters
        A record that obeys the constraints; its chart holds the coordinates.
    constraints : Constraints
    """

    template: Any
    constraints: Constraints
    scales: dict[str, FloatArray] = field(default_factory=dict, metadata={"transient": True})

    @cached_property
    def chart(self) -> ParametersChart:
        """The chart of the template."""
        return ParametersChart(self.template)

    @cached_property
    def entries(self) -> Entries:
        """The entries of the template."""
        return Entries(self.template)

    @cached_property
    def equations(self) -> Equations:
        """What the constraints say."""
        vector = self.chart.to_vector(self.template)
        return equations_of(self.entries, self.chart.own_entries(), vector, self.constraints)

    @cached_property
    def origin(self) -> FloatArray:
        """Coordinates of the template and of its slacks."""
        return self._full(self.template)

    @cached_property
    def is_two_sided(self) -> Array:
        """Which slacks have two bounds."""
        return np.array([bounded.is_two_sided for bounded in self.equations.bounded], dtype=bool)

    @cached_property
    def is_explicit(self) -> bool:
        """Whether no equation needs Newton's method."""
        return not len(self.equations.entries)

    @cached_property
    def _pivots(self) -> tuple[IntArray, IntArray]:
        """Coordinates that follow from the others, and equations that are independent of each other."""
        slopes = self._slopes(self.origin, self.template)[:, : self.chart.size]
        if not slopes.size:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
        size = np.abs(slopes).max(axis=1, keepdims=True)
        slopes = slopes / np.where(size > 0, size, 1.0)
        _, r, columns = qr(slopes, mode="economic", pivoting=True)
        diagonal = np.abs(np.diag(r))
        rank = int((diagonal > 1e-9 * max(float(diagonal.max(initial=0.0)), 1e-300)).sum())
        chosen = np.sort(columns[:rank]).astype(np.intp)
        rows = qr(slopes[:, chosen].T, mode="economic", pivoting=True)[2] if rank else np.empty(0)
        return chosen, np.sort(rows[:rank]).astype(np.intp)

    @property
    def dependent(self) -> IntArray:
        """Coordinates that follow from the others."""
        return self._pivots[0]

    @cached_property
    def independent(self) -> IntArray:
        """Coordinates that are free, slacks excluded."""
        return np.setdiff1d(np.arange(self.chart.size), self.dependent)

    # --- between records and free coordinates ---

    def free_of(self, record: Any) -> FloatArray:
        """Return the free coordinates of a record that (nearly) obeys the constraints: coordinates, then slacks."""
        full = self._full(record)
        return np.concatenate([full[self.independent], full[self.chart.size :]])

    def solved(self, free: FloatArray) -> FloatArray:
        """Return all coordinates, slacks last, from the free ones.

        Raises
        ------
        ParameterError
            If the constraints cannot be met there.
        """
        n_own, p = len(self.independent), self.chart.size
        full = self.origin.copy()
        full[self.independent], full[p:] = free[:n_own], free[n_own:]
        if not self.dependent.size:
            return full
        if self.is_explicit:
            inverse, others = self._linear
            wanted = (self.equations.constants + self._targets(full)[0])[self._pivots[1]]
            full[self.dependent] = inverse @ (wanted - others @ full[self.independent])
            return full
        return self._newton(full)

    def _newton(self, full: FloatArray) -> FloatArray:
        p, rows = self.chart.size, self._pivots[1]
        for _ in range(_NEWTON):
            record = self.chart.from_vector(full[:p])
            residual, size = self._residual(full, record)
            slopes = self._slopes(full, record)[np.ix_(rows, self.dependent)]
            step = np.linalg.solve(slopes, residual[rows])
            full[self.dependent] -= step / max(1.0, float(np.abs(step).max()) / _LONGEST)
            if (np.abs(residual) <= _SOLVED * size)[rows].all():
                self._check_guards(record)
                return full
        message = "the constraints cannot be met at this point"
        raise ParameterError(message)

    def _check_guards(self, record: Any) -> None:
        values = Entries(record).values if self.equations.guards else None
        for entry, low, high in self.equations.guards:
            assert values is not None
            if not low - _OBEYED <= values[entry] <= high + _OBEYED:
                message = f"`{self.entries.names[entry]}` would leave its bounds"
                raise ParameterError(message)

    @cached_property
    def _linear(self) -> tuple[FloatArray, FloatArray]:
        """The inverse of the equations' coefficients of the dependent coordinates, and those of the independent."""
        slopes = self.equations.linear[self._pivots[1]]
        inverse = np.linalg.inv(slopes[:, self.dependent])
        return np.asarray(inverse, dtype=np.float64), slopes[:, self.independent]

    def tangent(self, full: FloatArray, record: Any) -> FloatArray:
        """Return the derivatives (p, f) of all own coordinates with respect to the free ones."""
        p, n_own = self.chart.size, len(self.independent)
        whole = np.zeros((p, n_own + full.size - p))
        whole[self.independent, np.arange(n_own)] = 1.0
        if self.dependent.size:
            slopes = self._slopes(full, record)[self._pivots[1]]
            towards = np.hstack([slopes[:, self.independent], slopes[:, p:]])
            whole[self.dependent] = -np.linalg.solve(slopes[:, self.dependent], towards)
        return whole

    def is_obeyed(self, record: Any) -> bool:
        """Return whether a record obeys the constraints, to rounding."""
        residual, size = self._residual(self._full(record), record)
        return bool((np.abs(residual) <= _OBEYED * size).all())

    # --- the equations: explicit ones first, then those between entries ---

    def _full(self, record: Any) -> FloatArray:
        values = Entries(record).values
        slacks = [bounded.slack(float(values[bounded.entry])) for bounded in self.equations.bounded]
        return np.concatenate([self.chart.to_vector(record), slacks])

    def _targets(self, full: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what bounded entries are asked to be, in their equations, and the derivatives by slack."""
        equations, p = self.equations, self.chart.size
        n_linear = len(equations.linear)
        n = n_linear + len(equations.entries)
        targets, rates = np.zeros(n), np.zeros((n, len(equations.bounded)))
        for s, bounded in enumerate(equations.bounded):
            row = bounded.row + (0 if bounded.is_explicit else n_linear)
            targets[row], rates[row, s] = bounded.target(float(full[p + s]))
        return targets, rates

    def _residual(self, full: FloatArray, record: Any) -> tuple[FloatArray, FloatArray]:
        """Return what is left of each equation, and the size of its terms."""
        equations, vector = self.equations, full[: self.chart.size]
        values = Entries(record).values
        wanted = np.concatenate([equations.constants, equations.values]) + self._targets(full)[0]
        told = np.concatenate([equations.linear @ vector, equations.entries @ values])
        parts = [np.abs(equations.linear) @ np.abs(vector), np.abs(equations.entries) @ np.abs(values)]
        return told - wanted, np.concatenate(parts) + np.abs(wanted)

    def _slopes(self, full: FloatArray, record: Any) -> FloatArray:
        """Return the derivatives of the equations with respect to all coordinates and slacks."""
        equations, p = self.equations, self.chart.size
        n_linear = len(equations.linear)
        slopes = np.zeros((n_linear + len(equations.entries), full.size))
        slopes[:n_linear, :p] = equations.linear
        for i, row in enumerate(equations.entries):
            gradient = entry_record(self.template, self.entries, row)
            slopes[n_linear + i, :p] = self.chart.pull_back(record, full[:p], gradient)
        slopes[:, p:] = -self._targets(full)[1]
        return slopes


def entry_record(template: Any, entries: Entries, flat: FloatArray) -> Any:
    """Return a record of slopes from those by entry (e,), symmetric where the matrices are."""
    arrays = []
    for leaf, part, shape in zip(entries.leaves, entries.slices, entries.shapes, strict=True):
        array = flat[part].reshape(shape)
        if isinstance(leaf.space, PositiveDefinite):
            array = (array + np.swapaxes(array, -1, -2)) / 2
        arrays.append(array)
    return rebuild(template, iter(arrays))
