"""The covariance of the estimates: from the information in coordinates to the entries of the arrays (delta method)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.entries import Entries
from emkit.core.information import Information
from emkit.core.parameters import Leaf
from emkit.core.spaces import Constant, Positive, Probability, Simplex
from emkit.errors import ParameterError
from emkit.inference.ground import natural

__all__ = ["Covariance", "Spread", "covariance_of", "spread_of"]

BOUNDARY, FLAT, FIXED, COLLAPSED, KINK = "on a boundary", "not identified", "fixed", "collapsed", "not smooth"
FLATTEST = 1e-6  # share of the complete data's information below which a direction counts as not identified
_TOUCHED = 1e-3  # an entry is lost with a flat direction if it moves along it by this many complete-data errors
_FLAT_Q = 1e-12  # relative eigenvalue below which even the complete data would not identify a direction


@dataclass(frozen=True, eq=False)
class Spread:
    """The covariance of the coordinates, where it exists, and the directions in which it does not.

    Parameters
    ----------
    cov : array (p, p)
        Zero in the directions left out.
    basis : array (p, r)
        Directions that the complete data identify, of unit information each.
    flat : array (p, m)
        Directions without information, in the same units.
    blind : array (p, l)
        Directions that even the complete data do not identify; of unit length in the scale of the coordinates.
    scale : array (p,)
        Scale of the coordinates.
    at_edge : array (p,), bool
        Coordinates on a boundary.
    fractions : array (r,)
        Share of the complete data's information that is observed, by direction, rising.
    """

    cov: FloatArray
    basis: FloatArray
    flat: FloatArray
    blind: FloatArray
    scale: FloatArray
    at_edge: Array
    fractions: FloatArray


def spread_of(information: Information, observed: FloatArray | None = None) -> Spread:
    """Return the inverse of the information on the directions that have some, relative to the complete data's.

    Parameters
    ----------
    information : Information
    observed : array (p, p), optional
        Another estimate of the observed information.
    """
    matrix = information.observed if observed is None else observed
    complete = information.complete
    at_edge = information.chart.is_at_boundary(information.vector, matrix.diagonal(), complete.diagonal())
    at_edge = at_edge | information.has_kink
    free = np.flatnonzero(~at_edge)
    p = len(at_edge)
    diagonal = complete.diagonal()
    backup = np.where(np.abs(matrix.diagonal()) > 0, np.abs(matrix.diagonal()), 1.0)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, backup))
    unit = scale[free]
    values, vectors = np.linalg.eigh(complete[np.ix_(free, free)] * np.outer(unit, unit))
    seen = values > _FLAT_Q * max(1.0, float(values.max(initial=0.0)))
    basis = unit[:, None] * vectors[:, seen] / np.sqrt(values[seen])
    fractions, turned = np.linalg.eigh(basis.T @ matrix[np.ix_(free, free)] @ basis)
    good = fractions > FLATTEST
    turned = basis @ turned
    cov = (turned[:, good] / fractions[good]) @ turned[:, good].T
    return Spread(
        cov=_widened(_widened(cov, free, p).T, free, p),
        basis=_widened(basis, free, p),
        flat=_widened(turned[:, ~good], free, p),
        blind=_widened(unit[:, None] * vectors[:, ~seen], free, p),
        scale=scale,
        at_edge=at_edge,
        fractions=fractions,
    )


def _widened(matrix: FloatArray, free: Array, p: int) -> FloatArray:
    """Return the matrix with rows of zeros where the coordinates on a boundary stand."""
    whole = np.zeros((p, matrix.shape[1]))
    whole[free] = matrix
    return whole


def _is_touched(rows: FloatArray, spread: Spread) -> Array:
    """Return which functions of the coordinates, by gradients (e, p), move along directions without information."""
    moved = np.linalg.norm(rows @ spread.flat, axis=1) > _TOUCHED * np.linalg.norm(rows @ spread.basis, axis=1)
    blind = np.linalg.norm(rows @ spread.blind, axis=1) > 1e-6 * np.linalg.norm(rows * spread.scale, axis=1)
    return np.asarray(moved | blind)


@dataclass(frozen=True, eq=False)
class Covariance:
    """Covariances of the estimates, entry by entry; NaN where an entry has none, with the reason.

    Parameters
    ----------
    entries : Entries
        Names and values of the estimates.
    jacobian : array (e, p)
        Derivatives of the entries with respect to the coordinates.
    spread : Spread
    reasons : tuple of str
        Why an entry has no variance; empty where it has one.
    notes : tuple of str
        The same for the reader, and what else there is to say.
    """

    entries: Entries
    jacobian: FloatArray
    spread: Spread
    information: Information
    model: Any
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    kind: str = field(default="observed")

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each entry."""
        return self.entries.names

    @cached_property
    def variances(self) -> FloatArray:
        """Variance (e,) of each entry."""
        found = ((self.jacobian @ self.spread.cov) * self.jacobian).sum(axis=1)
        return np.where(self._is_known, np.maximum(found, 0.0), np.nan)

    @cached_property
    def matrix(self) -> FloatArray:
        """Covariance matrix (e, e) of all entries."""
        found = self.jacobian @ self.spread.cov @ self.jacobian.T
        known = self._is_known
        return np.where(known[:, None] & known[None, :], found, np.nan)

    @property
    def _is_known(self) -> Array:
        return np.array([not reason for reason in self.reasons], dtype=bool)

    def __getitem__(self, key: tuple[str, str]) -> Any:
        """Return the covariance of two entries, or the block of two arrays, by name."""
        left, right = (self.entries.find(name) for name in key)
        block = self.matrix[np.ix_(left.reshape(-1), right.reshape(-1))].reshape(left.shape + right.shape)
        return float(block) if block.ndim == 0 else block

    def delta(self, function: Callable[[Any], Any]) -> tuple[FloatArray, FloatArray]:
        """Return the value of a function of the parameters and its covariance, by the delta method.

        Raises
        ------
        ParameterError
            If the function does not return finite numbers.
        """
        chart, vector = self.information.chart, self.information.vector

        def flat(at: FloatArray) -> FloatArray:
            return np.asarray(function(natural(self.model, chart.from_vector(at))), dtype=np.float64)

        value = flat(vector)
        if not np.isfinite(value).all():
            message = f"the function must return finite numbers at the estimates, got {value!r}"
            raise ParameterError(message)
        slopes = np.zeros((value.size, vector.size))
        steps = np.where(self.spread.at_edge, 1e-6, 1e-3 * self.spread.scale)
        steps = np.minimum(steps, 1e-3 * np.maximum(1.0, np.abs(vector)))
        for i, length in enumerate(steps):
            step = np.zeros(vector.size)
            step[i] = length
            slopes[:, i] = (flat(vector + step) - flat(vector - step)).reshape(-1) / (2 * length)
        cov = slopes @ self.spread.cov @ slopes.T
        lost = _is_touched(slopes, self.spread)
        if lost.any() or COLLAPSED in self.reasons:
            lost = np.ones_like(lost) if COLLAPSED in self.reasons else lost
            cov = np.where(lost[:, None] | lost[None, :], np.nan, cov)
        return value, cov


def covariance_of(
    model: Any, information: Information, spread: Spread, *, kind: str = "observed", collapse: str = ""
) -> Covariance:
    """Return the covariance of the entries of the parameters, with the reasons where there is none."""
    parameters = information.chart.from_vector(information.vector)
    record = natural(model, parameters)
    entries = Entries(record)
    is_own = record is parameters
    jacobian = (
        information.chart.jacobian(information.vector)
        if is_own
        else _natural_jacobian(model, information, spread.at_edge)
    )
    reasons = np.array([""] * entries.size, dtype=object)
    reasons[_is_touched(jacobian, spread)] = FLAT
    reasons[~jacobian.any(axis=1)] = FIXED
    at_edge = spread.at_edge
    lost = jacobian[:, at_edge].any(axis=1) & ~jacobian[:, ~at_edge].any(axis=1)
    reasons[lost] = BOUNDARY
    if is_own:
        own = information.chart.own_entries()
        reasons[own[at_edge]] = BOUNDARY
        reasons[own[information.has_kink]] = KINK
    if collapse:
        reasons[:] = COLLAPSED
    for leaf, part in zip(entries.leaves, entries.slices, strict=True):
        if isinstance(leaf.space, Constant):
            reasons[part] = FIXED
        elif is_own and not collapse and _has_edge(leaf):
            reasons[part] = np.where(
                reasons[part] == FIXED, BOUNDARY, reasons[part]
            )  # an exact zero, or what it leaves
    notes = _notes(entries, tuple(reasons), collapse)
    return Covariance(entries, jacobian, spread, information, model, tuple(reasons), notes, kind)


def _has_edge(leaf: Leaf) -> bool:
    """Return whether an entry without a coordinate has run to an edge: one probability alone is one, and no edge."""
    is_alone = isinstance(leaf.space, Simplex) and np.shape(leaf.value)[-1] == 1
    return isinstance(leaf.space, Simplex | Positive | Probability) and not is_alone


def _natural_jacobian(model: Any, information: Information, at_edge: Array) -> FloatArray:
    chart, vector = information.chart, information.vector
    columns = []
    for i in range(vector.size):
        step = np.zeros(vector.size)
        step[i] = 6e-6 * max(1.0, abs(vector[i])) if not at_edge[i] else 1e-3  # an edge is flat: look beside it
        signs = (1.0, 0.0) if at_edge[i] else (1.0, -1.0)
        ahead, behind = (Entries(natural(model, chart.from_vector(vector + s * step))).values for s in signs)
        columns.append((ahead - behind) / ((signs[0] - signs[1]) * step[i]))
    raw = np.array(columns).T
    tiny = 1e-10 * np.abs(raw).max(axis=0, initial=0.0)
    return np.where(np.abs(raw) <= tiny, 0.0, raw)  # rounding of entries that do not depend on a coordinate


_SENTENCES = {
    BOUNDARY: "On a boundary of its range, where no standard error is defined: {names}. Profile or bootstrap it.",
    KINK: "The log-likelihood has a kink at the estimate, so it has no information there: {names}. Bootstrap it.",
    FLAT: (
        "Not identified by these data (moving it, with others, changes nothing): {names}. Fix it, or give it a prior."
    ),
}
_LISTED = 6


def _notes(entries: Entries, reasons: tuple[str, ...], collapse: str) -> tuple[str, ...]:
    if collapse:
        return (f"No standard errors: {collapse}",)
    found = []
    for reason, sentence in _SENTENCES.items():
        named = [entries.names[i] for i, own in enumerate(reasons) if own == reason]
        if named:
            more = f" and {len(named) - _LISTED} more" if len(named) > _LISTED else ""
            found.append(sentence.format(names=", ".join(named[:_LISTED]) + more))
    return tuple(found)
