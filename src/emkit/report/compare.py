"""Fits side by side, the best by BIC first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import chdtrc

from emkit.core.describe import Description
from emkit.errors import ParameterError
from emkit.report.facts import facts_of, frame
from emkit.report.layout import shorten, table_text

__all__ = ["Comparison", "compare"]

_SAME_WEIGHT = 1e-9  # relative; data of another total weight are other data
_NAME = 36  # characters of a name that leave room for the other columns
_HEADER = ("fit", "loglik", "free", "AIC", "BIC", "BIC - best", "status")
_NESTED = ("LR", "df", "p")


@dataclass(frozen=True)
class Comparison:
    """Fits of the same data, by rising BIC. Its text is the table.

    Parameters
    ----------
    rows : tuple of tuples
        Name, log-likelihood, free parameters, AIC, BIC, BIC above the best, status; for nested fits, by rising number
        of parameters, also the likelihood ratio to the fit above, its degrees of freedom and its p-value.
    is_nested : bool
    """

    rows: tuple[tuple[Any, ...], ...]
    is_nested: bool = False

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return _HEADER + _NESTED if self.is_nested else _HEADER

    @property
    def best(self) -> str:
        """Name of the fit with the smallest BIC that is a proper optimum; the first if none is."""
        ranked = sorted(self.rows, key=lambda row: float(row[4]))
        return str(next((row[0] for row in ranked if row[6] == "converged"), ranked[0][0]))

    def __str__(self) -> str:
        cells = tuple(
            (shorten(row[0], _NAME), *(_cell(name, x) for name, x in zip(self.header[1:], row[1:], strict=True)))
            for row in self.rows
        )
        return table_text(Description("Comparison (smaller BIC is better)", self.header, cells))

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        return {name: [row[j] for row in self.rows] for j, name in enumerate(self.header)}

    def to_frame(self) -> Any:
        """Return the table as a data frame (see `emkit.report.to_frame`)."""
        return frame(self.to_dict())


def _cell(name: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return f"{value:.4g}" if name == "p" else f"{value:.2f}"


def compare(*fits: Any, names: Sequence[str] | None = None, nested: bool = False) -> Comparison:
    """Compare fits of the same data by information criteria, and nested ones by likelihood ratios too.

    Parameters
    ----------
    *fits : Fit or fitted estimator
    names : sequence of str, optional
        What to call them; by their model where None.
    nested : bool, default False
        Each model contains the next smaller one: add the likelihood-ratio tests. Their chi-squared distribution does
        not hold for numbers of components (see `emkit.bootstrap_lrt`).

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
    return _in_steps(found) if nested else _ranked(found)


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


def _in_steps(found: list[tuple[str, Any]]) -> Comparison:
    """Return the comparison by rising number of parameters, each fit tested against the one above."""
    ordered = sorted(found, key=lambda pair: pair[1].n_free)
    rows: list[tuple[Any, ...]] = []
    plain = {row[0]: row for row in _ranked(ordered).rows}
    before = None
    for name, fit in ordered:
        tail: tuple[Any, ...] = ("", "", "")
        if before is not None and fit.n_free > before.n_free:
            ratio, df = 2 * (fit.loglik - before.loglik), fit.n_free - before.n_free
            tail = (ratio, df, float(chdtrc(df, max(ratio, 0.0))))
        rows.append((*plain[name], *tail))
        before = fit
    return Comparison(tuple(rows), is_nested=True)
