"""Tests of hypotheses about the parameters of one fit, and between nested fits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.inference.answers import Kind, covariance
from emkit.inference.ground import fit_of

__all__ = ["TestResult", "check_pair", "lr_test", "wald_test"]

_TERM = re.compile(
    r"\s*(?P<sign>[+-])?\s*(?:(?P<factor>\d+\.?\d*(?:[eE][+-]?\d+)?)\s*\*?\s*)?"
    r"(?P<name>[A-Za-z_][\w.]*(?:\[[^\]]*\][\w.]*)*)?"
)


@dataclass(frozen=True, eq=False)
class TestResult:
    """The outcome of a test; its text is one line.

    Parameters
    ----------
    name : str
    statistic : float
    df : int
        Degrees of freedom.
    p_value : float
    samples : array, optional
        Statistics of simulated samples, where the p-value comes from them.
    note : str
    """

    __test__ = False  # not a test of pytest's

    name: str
    statistic: float
    df: int
    p_value: float
    samples: FloatArray | None = None
    note: str = ""

    def __str__(self) -> str:
        tail = f". {self.note}" if self.note else ""
        return f"{self.name}: {self.statistic:.4f} on {self.df} df, p = {self.p_value:.4g}{tail}"


def lr_test(fit0: Any, fit1: Any) -> TestResult:
    """Return the likelihood-ratio test of a smaller model against one that contains it.

    Parameters
    ----------
    fit0, fit1 : Fit or fitted estimator
        Of the smaller and of the larger model, on the same data, by maximum likelihood.

    Raises
    ------
    ParameterError
        If the models are in the wrong order or of different data.

    Notes
    -----
    The chi-squared distribution needs the smaller model to lie inside the larger one. It does not for numbers of
    components, where a weight lies on its boundary: `bootstrap_lrt` serves there.
    """
    fit0, fit1 = fit_of(fit0), fit_of(fit1)
    check_pair(fit0, fit1)
    statistic, df = 2 * (fit1.loglik - fit0.loglik), fit1.n_free - fit0.n_free
    note = ""
    if statistic < -1e-6 * max(1.0, abs(fit1.loglik)):
        note = "The larger model fits worse: it is not nested, or its fit has not reached its optimum"
    return TestResult("likelihood ratio", statistic, df, float(chdtrc(df, max(statistic, 0.0))), note=note)


def wald_test(
    fit: Any,
    hypotheses: str | Sequence[str] | Mapping[str, float],
    *,
    kind: Kind = "observed",
    clusters: Any = None,
    data: Any = None,
    sample_weight: Any = None,
) -> TestResult:
    """Return the Wald test of linear hypotheses about the parameters.

    Parameters
    ----------
    fit : Fit or fitted estimator
    hypotheses : str, sequence of str, or mapping of name to number
        As "members.mean[0, 0] = members.mean[1, 0]", "2 * mix[0] - mix[1] = 0.1", or {"mix[0]": 0.5}.
    kind, clusters, data, sample_weight
        As for `Fit.standard_errors`.

    Raises
    ------
    ParameterError
        If a hypothesis cannot be read, or a parameter in it has no standard error.
    """
    found = covariance(fit_of(fit), data, sample_weight=sample_weight, kind=kind, clusters=clusters)
    if isinstance(hypotheses, Mapping):
        pairs = [({name: 1.0}, float(value)) for name, value in hypotheses.items()]
    else:
        texts = [hypotheses] if isinstance(hypotheses, str) else hypotheses
        pairs = [_parsed(text) for text in texts]
    rows, values = [], []
    for factors, constant in pairs:
        row = np.zeros(found.entries.size)
        for name, factor in factors.items():
            place = found.entries.find(name)
            if place.ndim:
                message = f"a hypothesis is about single numbers, and {name!r} has the shape {place.shape}"
                raise ParameterError(message)
            if found.reasons[int(place)]:
                message = f"{name!r} has no standard error: it is {found.reasons[int(place)]}"
                raise ParameterError(message)
            row[place] += factor
        rows.append(row)
        values.append(constant)
    matrix = np.array(rows)
    off = matrix @ found.entries.values - np.array(values)
    cov = matrix @ np.nan_to_num(found.matrix) @ matrix.T
    rank = int(np.linalg.matrix_rank(cov, hermitian=True))
    statistic = float(off @ np.linalg.pinv(cov, hermitian=True) @ off)
    return TestResult("Wald", statistic, rank, float(chdtrc(rank, statistic)))


def _parsed(text: str) -> tuple[dict[str, float], float]:
    """Return the factors of the names and the constant of a hypothesis, as factors @ values = constant."""
    sides = text.split("=")
    if len(sides) != 2:
        message = f"a hypothesis has one equals sign, as in 'mix[0] = 0.5'; got {text!r}"
        raise ParameterError(message)
    factors: dict[str, float] = {}
    constant = 0.0
    for side, direction in zip(sides, (1.0, -1.0), strict=True):
        place = 0
        while side[place:].strip():
            term = _TERM.match(side, place)
            if term is None or term.end() == place or (term["factor"] is None and term["name"] is None):
                message = f"cannot read {side[place:].strip()!r} in the hypothesis {text!r}"
                raise ParameterError(message)
            number = direction * (-1.0 if term["sign"] == "-" else 1.0) * float(term["factor"] or 1.0)
            if term["name"] is None:
                constant -= number
            else:
                factors[term["name"]] = factors.get(term["name"], 0.0) + number
            place = term.end()
    return factors, constant


def check_pair(fit0: Any, fit1: Any) -> None:
    """Raise `ParameterError` unless the second fit is of a larger model on the same data."""
    if fit1.n_free <= fit0.n_free:
        message = (
            f"the first fit must be of the smaller model, got {fit0.n_free} free parameters and then {fit1.n_free}"
        )
        raise ParameterError(message)
    if abs(fit0.weight - fit1.weight) > 1e-9 * fit1.weight:
        message = f"the fits must be of the same data, got {fit0.weight:g} rows and {fit1.weight:g}"
        raise ParameterError(message)
