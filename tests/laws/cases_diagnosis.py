"""Cognitive diagnosis."""

import numpy as np
from case import Case

from emkit.irt.cdm import Diagnosis, DiagnosisParameters
from emkit.irt.cdm.additive import additive_items
from emkit.irt.cdm.design import all_profiles, design_of

_Q = np.array([[1, 0], [0, 1], [1, 1], [1, 0], [0, 1], [1, 1], [1, 0], [0, 1]])


def _model(rule, **arguments):
    design = design_of(_Q, [rule] * len(_Q), all_profiles(2))
    mastery = tuple(float(np.mean(pattern)) for pattern in design.patterns)
    additive = additive_items([rule] * len(_Q), design.item_of, design.patterns)
    return Diagnosis(tuple(map(tuple, design.group.tolist())), mastery, additive=additive, **arguments)


_MODEL = _model("DINA")
_RIGHT = np.where(np.array(_MODEL.mastery) > 0.5, 0.85, 0.2)
_TRUTH = DiagnosisParameters(np.array([0.2, 0.3, 0.2, 0.3]), np.column_stack([1 - _RIGHT, _RIGHT]), np.zeros(0))
_X = _MODEL.sample(_TRUTH, 300, np.random.default_rng(2))[0]
_X[np.random.default_rng(3).random(_X.shape) < 0.1] = np.nan

CASES = [
    Case("dina", _MODEL, _X, is_continuous=False),
    Case("dino-map", _model("DINO", smoothing=0.5, concentration=1.5), _X, is_continuous=False),
    *[Case(rule.lower(), _model(rule, smoothing=0.5), _X, is_continuous=False) for rule in ("ACDM", "LLM", "RRUM")],
    Case("gdina-map", _model("GDINA", smoothing=0.5), _X, is_continuous=False),
]
