"""The table of coefficients of a mixture of regressions, with standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.special import ndtr

from emkit.core.arrays import FloatArray
from emkit.core.describe import Description

__all__ = ["Coefficients", "coefficients_of", "membership_table"]

_Line = tuple[str, str, str, float, float]


@dataclass(frozen=True)
class Coefficients:
    """Coefficients one after another; its text is the table.

    Parameters
    ----------
    response : tuple of str
        What is explained; "membership" for log odds of the components.
    component : tuple of str
        Its number, or "all" for a coefficient that is common to all.
    term : tuple of str
    estimate, standard_error, z, p_value : tuple of float
        NaN where there is no standard error, and `notes` say why. z and p test that the coefficient is zero.
    notes : tuple of str
    """

    response: tuple[str, ...]
    component: tuple[str, ...]
    term: tuple[str, ...]
    estimate: tuple[float, ...]
    standard_error: tuple[float, ...]
    z: tuple[float, ...]
    p_value: tuple[float, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name."""
        return {f.name: list(getattr(self, f.name)) for f in fields(self) if f.name != "notes"}

    def to_frame(self) -> Any:
        """Return the table as a data frame (see `emkit.report.to_frame`)."""
        from emkit.report.facts import frame

        return frame(self.to_dict())

    def __str__(self) -> str:
        from emkit.report.layout import labelled, table_text

        columns = self.to_dict()
        header = ("response", "component", "term", "estimate", "s.e.", "z", "p")
        rows = tuple(
            tuple("" if isinstance(cell, float) and np.isnan(cell) else cell for cell in row)
            for row in zip(*columns.values(), strict=True)
        )
        text = table_text(Description("Coefficients", header, rows))
        return text + ("\n\n" + labelled([("Note", note) for note in self.notes]) if self.notes else "")


def coefficients_of(
    family: Any, members: Any, errors: Any, names: Any, gate: Any, notes: tuple[str, ...]
) -> Coefficients:
    """Return the table.

    Parameters
    ----------
    members, errors : RegressionMembers
        Estimates, and standard errors in their places.
    names : sequence of str
        Of the columns of the rows.
    gate : (names, log odds (k - 1, q), standard errors) or None
    notes : tuple of str
    """
    lines: list[_Line] = []
    parts = zip(family.responses, family.effects, members.responses, errors.responses, strict=True)
    for response, effects, own, error in parts:
        label = names[response.column]
        terms = [names[j] for j in effects.columns]
        for j, place in enumerate(effects.common):
            lines.append((label, "all", terms[place], float(own.common[j]), float(error.common[j])))
        for i in range(len(own.coef)):
            for j, place in enumerate(effects.own):
                lines.append((label, str(i + 1), terms[place], float(own.coef[i, j]), float(error.coef[i, j])))
    if gate is not None:
        lines += _memberships(*gate)
    return _table(lines, notes)


def membership_table(
    terms: Sequence[str], odds: FloatArray, errors: FloatArray, notes: tuple[str, ...]
) -> Coefficients:
    """Return the table of log odds (k - 1, q) against the first component."""
    return _table(_memberships(terms, odds, errors), notes)


def _memberships(terms: Sequence[str], odds: FloatArray, errors: FloatArray) -> list[_Line]:
    lines = []
    for i, (own, error) in enumerate(zip(odds, errors, strict=True)):
        for term, value, spread in zip(terms, own, error, strict=True):
            lines.append(("membership", str(i + 2), term, float(value), float(spread)))
    return lines


def _table(lines: Sequence[_Line], notes: tuple[str, ...]) -> Coefficients:
    if not lines:
        return Coefficients((), (), (), (), (), (), (), notes)
    response, component, term, estimate, spread = (tuple(column) for column in zip(*lines, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.asarray(estimate) / np.asarray(spread)
    p = 2 * ndtr(-np.abs(z))
    return Coefficients(response, component, term, estimate, spread, tuple(z.tolist()), tuple(p.tolist()), notes)
