"""The multivariate normal with missing entries."""

import numpy as np
from case import Case

import emkit
from emkit.families.normal import Normal
from emkit.missing.location import GeneralLocation
from emkit.missing.logistic_model import Logistic

_ROWS = emkit.load_data("iris").numeric()[0]
_ROWS = np.where(np.random.default_rng(5).random(_ROWS.shape) < 0.1, np.nan, _ROWS)

_CLASS = (emkit.load_data("iris")["Species"] == "versicolor").astype(float)[50:]
_ANSWERED = np.column_stack([_ROWS[50:, :2], np.where(np.arange(100) % 9 == 0, np.nan, _CLASS)])

_KINDS = np.column_stack([_ROWS[:, :2], np.repeat([0.0, 1, 2], 50), np.arange(150) % 2])
_KINDS[::7, 2], _KINDS[::5, 3] = np.nan, np.nan

CASES = [
    Case("normal-missing", Normal(), _ROWS, takes_constant=False),
    Case("normal-missing-map", Normal(5.0), _ROWS, takes_constant=False),
    Case("logistic-missing", Logistic(), _ANSWERED, is_continuous=False, takes_constant=False),
    Case("general-location", GeneralLocation((3, 2), (True, False)), _KINDS, is_continuous=False, takes_constant=False),
]
