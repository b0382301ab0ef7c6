"""The multivariate normal with missing entries."""

import numpy as np
from case import Case

import emkit
from emkit.families.normal import Normal
from emkit.missing.logistic_model import Logistic

_ROWS = emkit.load_data("iris").numeric()[0]
_ROWS = np.where(np.random.default_rng(5).random(_ROWS.shape) < 0.1, np.nan, _ROWS)

_CLASS = (emkit.load_data("iris")["Species"] == "versicolor").astype(float)[50:]
_ANSWERED = np.column_stack([_ROWS[50:, :2], np.where(np.arange(100) % 9 == 0, np.nan, _CLASS)])

CASES = [
    Case("normal-missing", Normal(), _ROWS, takes_constant=False),
    Case("normal-missing-map", Normal(5.0), _ROWS, takes_constant=False),
    Case("logistic-missing", Logistic(), _ANSWERED, is_continuous=False, takes_constant=False),
]
