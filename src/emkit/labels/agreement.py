"""How far raters agree, before any model: the summary to look at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.data import Table
from emkit.data.answers import read_answers

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True)
class Agreement:
    """Agreement of raters.

    Parameters
    ----------
    n_items, n_raters, n_answers : int
    observed : float
        Part of the pairs of answers about one item that agree, items weighing by their answers.
    alpha : float
        Krippendorff's alpha for nominal labels: 1 is agreement in all, 0 what chance gives. NaN where all answers are
        one label.
    kappa : float
        Fleiss' kappa, all items with two answers and more weighing alike.
    raters : Table
        For each rater: answers, and the part of the other answers about the same items that agree.
    """

    n_items: int
    n_raters: int
    n_answers: int
    observed: float
    alpha: float
    kappa: float
    raters: Table


def agreement(
    X: Any,
    *,
    item: str | None = None,
    rater: str | None = None,
    label: str | None = None,
    layout: Literal["auto", "long", "matrix"] = "auto",
) -> Agreement:
    """Return how far raters agree; arguments as for `DawidSkene`.

    References
    ----------
    Krippendorff 2011, *Computing Krippendorff's alpha-reliability*. Fleiss 1971, Psychological Bulletin 76:378.

    Examples
    --------
    >>> import emkit
    >>> round(emkit.labels.agreement(emkit.load_data("anaesthetists")).alpha, 3)
    0.586
    """
    answers = read_answers(X, item=item, rater=rater, label=label, layout=layout)
    k, r = len(answers.labels), len(answers.raters)
    counts = np.zeros((len(answers.items), k))
    np.add.at(counts, (answers.item, answers.label), 1.0)
    total = counts.sum(axis=1)
    others = np.maximum(total[answers.item] - 1, 0.0)
    agreeing = counts[answers.item, answers.label] - 1
    with np.errstate(invalid="ignore"):
        by_rater = np.bincount(answers.rater, agreeing, r) / np.bincount(answers.rater, others, r)
    columns = {
        "rater": np.array(answers.raters, dtype=object),
        "answers": np.bincount(answers.rater, minlength=r),
        "agreement": by_rater,
    }
    return Agreement(
        len(answers.items), r, len(answers.item), *_chance_corrected(counts[total > 1]), raters=Table(columns)
    )


def _chance_corrected(counts: FloatArray) -> tuple[float, float, float]:
    """Return observed agreement, alpha and kappa from the counts (n, k) of items with two answers and more."""
    total = counts.sum(axis=1)
    if len(total) == 0:
        return np.nan, np.nan, np.nan
    pairs = (counts * (counts - 1)).sum(axis=1)
    by_label, n = counts.sum(axis=0), float(total.sum())
    observed = float((pairs / (total - 1)).sum() / n)
    by_chance = float((by_label * (by_label - 1)).sum() / (n * (n - 1)))
    fleiss = float((pairs / (total * (total - 1))).mean())
    expected = float(((by_label / n) ** 2).sum())
    return observed, _corrected(observed, by_chance), _corrected(fleiss, expected)


def _corrected(observed: float, by_chance: float) -> float:
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")
