"""How well people fit: whether their answers agree with where they lie.

Zh (l_z) is the log-likelihood of a person's answers, less what is expected of someone there, over its standard
deviation: low where easy items were missed and hard ones solved. Infit and outfit are mean squares as for items.
Answers that were not given are left out; of people without answers nothing is said.

References
----------
Drasgow, Levine & Williams 1985, British Journal of Mathematical and Statistical Psychology 38:67, equations 1-4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.irt.coding import MISSING
from emkit.irt.fit_items import mean_squares, surprise
from emkit.irt.fitted import Fitted, finite_rows, residuals_of
from emkit.irt.printing import FitTable

__all__ = ["PersonFit", "person_fit"]


@dataclass(frozen=True, eq=False, repr=False)
class PersonFit(FitTable):
    """How well each person fits; NaN of people without answers, or infinitely far out.

    Parameters
    ----------
    zh, infit, infit_z, outfit, outfit_z : array (n,)
    """

    title: ClassVar[str] = "Fit of people"

    zh: FloatArray
    infit: FloatArray
    infit_z: FloatArray
    outfit: FloatArray
    outfit_z: FloatArray

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        names = ("zh", "infit", "infit_z", "outfit", "outfit_z")
        return {"person": list(range(len(self.zh)))} | {name: getattr(self, name).tolist() for name in names}


def person_fit(fitted: Fitted, theta: FloatArray) -> PersonFit:
    """Return the fit of people at places `theta` (n, F)."""
    n = len(theta)
    is_finite = finite_rows(theta)
    seen = (fitted.codes != MISSING) & is_finite[:, None]
    off, var = np.zeros(n), np.zeros(n)
    moments = np.zeros((3, fitted.n_items, n))
    for j, prob in enumerate(fitted.prob_of_people(np.where(is_finite[:, None], theta, 0.0))):
        own = surprise(prob, fitted.codes[:, j])
        off, var = off + own[0], var + own[1]
        residual, spread, fourth = residuals_of(prob, fitted.codes[:, j])
        moments[:, j] = np.nan_to_num(residual) ** 2, spread, fourth
    out = mean_squares(moments[0], moments[1], moments[2], np.ascontiguousarray(seen.T, dtype=np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        zh = np.where(seen.any(axis=1), off / np.sqrt(var), np.nan)
    return PersonFit(zh, out[0, 0], out[0, 1], out[1, 0], out[1, 1])
