"""The multivariate normal with missing entries."""

import numpy as np
from case import Case

import emkit
from emkit.families.normal import Normal

_ROWS = emkit.load_data("iris").numeric()[0]
_ROWS = np.where(np.random.default_rng(5).random(_ROWS.shape) < 0.1, np.nan, _ROWS)

CASES = [
    Case("normal-missing", Normal(), _ROWS, takes_constant=False),
    Case("normal-missing-map", Normal(5.0), _ROWS, takes_constant=False),
]
