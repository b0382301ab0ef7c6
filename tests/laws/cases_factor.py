"""Factor models: exploratory, confirmatory, isotropic, complete and with missing entries."""

import numpy as np
from case import Case

from emkit.factor.canonical_model import Canonical
from emkit.factor.low_rank import LowRank
from emkit.factor.model import FactorModel
from emkit.factor.structure import Confirmatory, Exploratory, Isotropic


def _rows(share_missing):
    rng = np.random.default_rng(3)
    f = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 120)
    rows = np.repeat(f, 3, axis=1) * [1, 0.9, 0.8, 1.1, 0.9, 0.7] + 0.6 * rng.standard_normal((120, 6))
    return np.where(rng.random(rows.shape) < share_missing, np.nan, rows)


_COMPLETE, _MISSING = _rows(0.0), _rows(0.15)
_PATTERN = np.array([[np.nan, 0.0]] * 3 + [[0.0, np.nan]] * 3)
_MARKED = np.array([[1.0, 0.0], [np.nan, 0], [np.nan, 0], [0, 1.0], [0, np.nan], [0, np.nan]])

CASES = [
    Case("factor-exploratory", FactorModel(Exploratory(2)), _COMPLETE, takes_constant=False),
    Case("factor-exploratory-missing", FactorModel(Exploratory(2)), _MISSING, takes_constant=False),
    Case("factor-confirmatory-missing", FactorModel(Confirmatory(_PATTERN)), _MISSING, takes_constant=False),
    Case("factor-marker", FactorModel(Confirmatory(_MARKED, True, True)), _COMPLETE, takes_constant=False),
    Case("principal-components", FactorModel(Isotropic(2)), _COMPLETE, takes_constant=False),
    Case("canonical", Canonical(1, 3), _COMPLETE, takes_constant=False),
    Case("canonical-missing", Canonical(1, 3), _MISSING, takes_constant=False),
    Case("low-rank-missing", LowRank(2), _MISSING, takes_constant=False),
]
