"""Fits side by side, the best by BIC first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emkit.core.describe import Description
from emkit.errors import ParameterError
from emkit.report.facts import facts_of, frame
from emkit.report.layout import shorten, table_text

__all__ = ["Comparison", "compare"]

_SAME_WEIGHT = 1e-9  # relative; data of another total weight are other data
_NAME = 36  # characters of a name that leave room for the other columns
_HEADER = ("fit", "loglik", "free", "AIC", "BIC", "BIC - best", "status")


@dataclass(frozen=True)
class Comparison:
    """Fits of the same data, by rising BIC. Its text is the table.

    Parameters
    ----------
    rows : tuple of tuples
        Name, log-likelihood, free parameters, AIC, BIC, BIC above the best, status.
    """

    rows: tuple[tuple[Any, ...], ...]

    @property
    def best(self) -> str:
        """Name of the fit with the smallest BIC that is a proper optimum; the first if none is."""
        return str(next((row[0] for row in self.rows if row[-1] == "converged"), self.rows[0][0]))

    def __str__(self) -> str:
        cells = tuple(
            (shorten(row[0], _NAME), *(f"{x:.2f}" if isinstance(x, float) else x for x in row[1:])) for row in self.rows
        )
        return table_text(Description("Comparison (smaller BIC is better)", _HEADER, cells))

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        return {name: [row[j] for row in self.rows] for j, name in enumerate(_HEADER)}

    def to_frame(self) -> Any:
        """Return the table as a data frame (see `emkit.report.to_frame`)."""
        return frame(self.to_dict())


def compare(*fits: Any, names: Sequence[str] | None = None) -> Comparison:
    """Compare fits of the same data by information criteria.

    Parameters
    ----------
    *fits : Fit or fitted estimator
    names : sequence of str, optional
        What to call them; by their model where None.

    Raises
    ------
    ParameterError
        If there is none, one has no fit, or they are of data with different numbers of rows.

    Examples
    --------
    >>> import emkit
    >>> X, _ = emkit.load_data("galaxies").numeric()
    >>> fits = [emkit.GaussianMixture(k, random_state=0).fit(X) for k in (1, 2, 3)]
    >>> emkit.report.compare(*fits, names=["one", "two", "three"]).best
    'three'
    """
    found = [_titled(fit) for fit in fits]
    if names is not None:
        if len(names) != len(fits):
            message = f"`names` must name each of the {len(fits)} fits, got {len(names)} names"
            raise ParameterError(message)
        found = [(name, result) for name, (_, result) in zip(names, found, strict=True)]
    _check_same_data(found)
    return _ranked(found)


def _titled(fit: Any) -> tuple[str, Any]:
    facts = facts_of(fit)
    if facts.fit is None:
        message = f"{facts.title} has given parameters and no fit to compare; fit it first"
        raise ParameterError(message)
    return facts.title, facts.fit


def _check_same_data(found: list[tuple[str, Any]]) -> None:
    if not found:
        message = "expected at least one fit to compare, got none"
        raise ParameterError(message)
    first, weight = found[0][0], found[0][1].weight
    for name, fit in found:
        if abs(fit.weight - weight) > _SAME_WEIGHT * weight:
            message = (
                f"fits of different data cannot be compared: the weights of the rows of {first!r} add up to "
                f"{weight:g}, those of {name!r} to {fit.weight:g}"
            )
            raise ParameterError(message)


def _ranked(found: list[tuple[str, Any]]) -> Comparison:
    best = min(fit.bic for _, fit in found)
    rows = [(name, fit.loglik, fit.n_free, fit.aic, fit.bic, fit.bic - best, fit.status.value) for name, fit in found]
    return Comparison(tuple(sorted(rows, key=lambda row: row[4])))
