"""What there is to worry about in a fit, in words.

References
----------
Dempster, Laird & Rubin 1977, JRSS B 39:1 (the rate of EM is the fraction of missing information). Cook 1986, JRSS B
48:133 (influence as displacement of the likelihood).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.model import Offer, offered
from emkit.core.parameters import leaves
from emkit.core.problem import Problem
from emkit.core.spaces import PositiveDefinite
from emkit.inference.answers import covariance
from emkit.inference.ground import Ground, first_unit, ground_of, n_units, natural
from emkit.inference.scores import row_steps, scores_of_rows
from emkit.inference.spread import Covariance

__all__ = ["Diagnosis", "Influence", "diagnose"]

_LISTED = 3
_FLATTENED = 1e-3  # variance in a direction, relative to the members' average, that is near collapse
_HARD = 0.95  # fraction of missing information from which it is worth a sentence of its own
_PULL = 0.5  # standard errors by which one row has to move an estimate to be named
_MANY_ROWS = 2_000_000


@dataclass(frozen=True)
class Influence:
    """One row, how far the fit would move without it, and the entry that would move most.

    Parameters
    ----------
    row : int
        Counted from 0, as the data came.
    displacement : float
        Of twice the log-likelihood, to first order.
    name : str
    shift : float
        Of that entry if the row were left out, in its standard errors.
    """

    row: int
    displacement: float
    name: str
    shift: float


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Findings about a fit; its text says them in words.

    Parameters
    ----------
    rate : float
        Factor by which one step of plain EM shrinks the distance to the optimum in the slowest direction; NaN where
        the model states no Q function. It is the fraction of information that is missing in that direction.
    missing : array (e,)
        Fraction of missing information of each entry; NaN where it has no standard error.
    covariance : Covariance or None
    influences : tuple of Influence
        The rows of largest influence, largest first.
    findings : tuple of (heading, sentence)
    """

    rate: float
    missing: FloatArray
    covariance: Covariance | None
    influences: tuple[Influence, ...]
    findings: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, list[str]]:
        """Return the sentences by heading."""
        told: dict[str, list[str]] = {}
        for heading, sentence in self.findings:
            told.setdefault(heading, []).append(sentence)
        return told

    def __str__(self) -> str:
        from emkit.report.layout import labelled

        return labelled(self.findings)


def diagnose(fit: Any, data: Any = None, *, sample_weight: Any = None) -> Diagnosis:
    """Return what there is to worry about: convergence, starts, collapse, boundaries, identification, single rows.

    Parameters
    ----------
    fit : Fit
    data, sample_weight : optional
        The data of the fit, where it does not hold them.
    """
    ground = ground_of(fit, data, sample_weight)
    findings = [("End", f"{fit.status.value}. {fit.status.help}"), ("Starts", _starts(fit))]
    findings += [("Collapse", sentence) for sentence in _near_collapse(fit)]
    if not Problem(fit.model, ground.source).has_score:
        findings.append(("Information", "The model states no `expected_loglik`, so nothing is known of its precision."))
        return Diagnosis(np.nan, np.empty(0), None, (), tuple(findings))
    found = covariance(fit, data, sample_weight=sample_weight)
    fractions = found.spread.fractions
    rate = 1 - float(fractions.min()) if fractions.size else np.nan
    missing = _missing(found)
    findings.append(("Information", _information(found, rate, missing)))
    findings += [("Parameters", note) for note in found.notes]
    influences, sentence = _influences(ground, found)
    findings.append(("Rows", sentence))
    return Diagnosis(rate, missing, found, influences, tuple(findings))


def _starts(fit: Any) -> str:
    report = fit.starts
    if report.n_starts == 1:
        return "One start only: whether there is a better optimum is not known."
    proper = [optimum for optimum in report.optima if not optimum.collapse]
    sentence = f"{report.sentence[0].upper()}{report.sentence[1:]}."
    if len(proper) > 1:
        sentence += f" The next optimum lies {proper[0].objective - proper[1].objective:.3g} below."
    return f"{sentence} {report.doubt}".strip()


def _near_collapse(fit: Any) -> Iterator[str]:
    """Yield sentences about members whose covariance is flat next to those of the others."""
    degeneracy = offered(fit.model, Offer.DEGENERACY)
    if degeneracy is not None and not fit.status.is_success:
        yield from fit.notes[:1]
    for leaf in leaves(natural(fit.model, fit.parameters)):
        value = np.asarray(leaf.value)
        if not isinstance(leaf.space, PositiveDefinite) or value.ndim != 3 or len(value) < 2:
            continue
        unit = np.sqrt(np.diagonal(value.mean(axis=0)))
        whiten = np.linalg.inv(np.linalg.cholesky(value.mean(axis=0) / np.outer(unit, unit)))
        for k, cov in enumerate(value):
            flattest = float(np.linalg.eigvalsh(whiten @ (cov / np.outer(unit, unit)) @ whiten.T)[0])
            if flattest < _FLATTENED:
                yield (
                    f"`{leaf.name}[{k}]` is near collapse: in one direction its variance is {flattest:.2g} of the "
                    "average. Look whether that part of the model is a handful of rows."
                )


def _missing(found: Covariance) -> FloatArray:
    """Return the fraction of missing information (e,) of each entry."""
    spread = found.spread
    complete = np.einsum("ei,ei->e", found.jacobian @ spread.basis, found.jacobian @ spread.basis)
    with np.errstate(all="ignore"):
        return np.asarray(1 - complete / found.variances)


def _information(found: Covariance, rate: float, missing: FloatArray) -> str:
    if not np.isfinite(missing).any():
        return "No parameter has a standard error."
    worst = int(np.nanargmax(missing))
    share = (
        f"The unseen takes {100 * max(missing[worst], 0):.0f}% of the information on `{found.names[worst]}`, which it "
        "hides most"
    )
    if rate < 1e-6:
        return "Nothing is hidden: one step of plain EM is enough."
    steps = f"plain EM would shrink its slowest error by {rate:.4g} a step"
    if rate < 1:
        count = max(1, round(np.log(0.1) / np.log(rate)))
        steps += f", {count} step{'s' if count > 1 else ''} for each digit"
    hard = " Standard errors are wide where so much is hidden; more rows help more than more care." * (rate > _HARD)
    return f"{share}; {steps}.{hard}"


def _influences(ground: Ground, found: Covariance) -> tuple[tuple[Influence, ...], str]:
    """Return the rows of largest influence, to first order: without row i the estimates move by -V s_i."""
    given = ground.given
    model = ground.model
    has_scores = any(offered(model, name) is not None for name in (Offer.ROW_SCORES, Offer.LOG_DENSITY))
    if not has_scores or not hasattr(given, "map") or given.n_rows > _MANY_ROWS or not found.variances.size:
        return (), "The influence of single rows is not known for this model."
    if n_units(given) <= len(found.spread.scale):
        return (), "There are too few independent rows or sequences to tell their influence."
    known = np.flatnonzero(found.variances > 0)
    if not known.size:
        return (), "No parameter has a standard error that a row could move."
    cov, steps = found.spread.cov, row_steps(found.information, given.total_weight)
    towards = cov @ found.jacobian[known].T / np.sqrt(found.variances[known])

    def look(block: Any) -> tuple[int, FloatArray, FloatArray]:
        scores = scores_of_rows(ground, found.information, block, steps)
        size = ((scores @ cov) * scores).sum(axis=1)
        top = np.argsort(size)[::-1][:_LISTED]
        first = first_unit(block)
        return first, np.column_stack([top + first, size[top]]), -(scores[top] @ towards)

    parts = given.map(look)
    rows = np.concatenate([part[1] for part in parts])
    shifts = np.concatenate([part[2] for part in parts])
    order = np.argsort(rows[:, 1])[::-1][:_LISTED]
    influences = []
    for i in order:
        at = int(np.argmax(np.abs(shifts[i])))
        influences.append(Influence(int(rows[i, 0]), float(rows[i, 1]), found.names[known[at]], float(shifts[i, at])))
    strong = [one for one in influences if abs(one.shift) >= _PULL]
    if not strong:
        top = influences[0]
        return tuple(influences), (
            f"No row pulls hard: the strongest is row {top.row} (counted from 0), without which `{top.name}` would "
            f"move by {top.shift:+.2f} of its standard error."
        )
    told = "; ".join(f"without row {one.row} `{one.name}` would move by {one.shift:+.1f}" for one in strong)
    return tuple(influences), f"Some rows pull hard (counted from 0; in standard errors, to first order): {told}."
