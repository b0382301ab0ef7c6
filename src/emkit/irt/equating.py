"""Equating: which sum of answers on one form means the same as a sum on another.

true       the sum that is expected on the base form where the other's expected sum is the one observed; sums below what
           guessing alone gives, which nobody is expected to have, lie on a straight line below
observed   the sum of the same percentile, in people of the base's latent distribution (Lord & Wingersky 1984), with
           sums spread evenly over the half point around them

References
----------
Kolen & Brennan 2014, *Test Equating, Scaling, and Linking*, sections 6.5-6.6 and 2.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.optimize import brentq

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.irt.linking import Link
from emkit.irt.printing import FitTable
from emkit.irt.scores import sum_distribution

__all__ = ["Equating", "equate"]

_FAR = 40.0


@dataclass(frozen=True, eq=False, repr=False)
class Equating(FitTable):
    """Sums of answers on a form, and what they are on the base form.

    Parameters
    ----------
    score, equivalent : array (sums,)
    """

    title: ClassVar[str] = "Equated sums"

    score: FloatArray
    equivalent: FloatArray

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        return {"score": self.score.tolist(), "equivalent": self.equivalent.tolist()}


def equate(base: Any, other: Any, link: Link, *, method: Literal["true", "observed"] = "true") -> Equating:
    """Return what each sum of codes on one form is on the base form.

    Parameters
    ----------
    base, other : fitted ItemResponseModel
    link : Link
        From the scale of `other` to that of `base`; `Link` with slope 1 and intercept 0 where they share one.
    method : "true" or "observed"
    """
    if method not in ("true", "observed"):
        message = f"`method` must be 'true' or 'observed', got {method!r}"
        raise ParameterError(message)
    score = np.arange(_top(other) + 1, dtype=np.float64)
    if method == "true":
        return Equating(score, np.array([_true(base, other, link, s) for s in score]))
    own = base.model_
    weights = np.exp(own.latent.log_weights(base.parameters_.latent, own.nodes, own.log_width))[0]
    theta = own.nodes[:, 0]
    here = _shares(base, theta, weights)
    there = _shares(other, link.from_base(theta), weights)
    return Equating(score, _same_percentile(there, here))


def _top(model: Any) -> int:
    return sum(len(values) - 1 for values in model.categories_.values())


def _true(base: Any, other: Any, link: Link, score: float) -> float:
    top, low = float(_top(other)), float(other.expected_score(-_FAR)[0])
    if score >= top:
        return float(_top(base))
    if score <= low + 1e-6:
        floor = float(base.expected_score(link.to_base(-_FAR))[0])
        return score * floor / low if low > 0 else 0.0

    def off(theta: float) -> float:
        return float(other.expected_score(theta)[0]) - score

    theta = brentq(off, -_FAR, _FAR, xtol=1e-10) if off(_FAR) > 0 else _FAR
    return float(base.expected_score(link.to_base(theta))[0])


def _shares(model: Any, theta: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the share (sums,) of people with each sum of codes."""
    prob = model.probability(theta)
    curves = [prob[:, j, : len(values)].T for j, values in enumerate(model.categories_.values())]
    first = np.concatenate([[0], np.cumsum([len(p) for p in curves])])
    return np.asarray(sum_distribution(np.concatenate(curves), first, np.arange(len(curves))) @ weights)


def _same_percentile(there: FloatArray, here: FloatArray) -> FloatArray:
    """Return the sums (m,) of one distribution at the percentile ranks of those of another."""
    rank = np.cumsum(there) - there / 2
    below = np.concatenate([[0.0], np.cumsum(here)])
    edges = np.arange(len(here) + 1) - 0.5
    return np.asarray(np.interp(rank, below, edges))
