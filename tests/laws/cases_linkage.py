"""Record linkage."""

import numpy as np
from case import Case

from emkit.linkage import GroupParameters, Linkage, LinkageParameters

_SINGLE = ((0,), (1,), (2,), (3,))
_TRUTH = LinkageParameters(
    np.array([0.3, 0.7]),
    (
        GroupParameters(np.array([0.1, 0.2, 0.7]), np.array([[0.8, 0.15, 0.05]])),
        GroupParameters(np.array([0.15, 0.85]), np.array([[0.9, 0.1]])),
        GroupParameters(np.array([0.2, 0.8]), np.array([[0.7, 0.3]])),
        GroupParameters(np.array([0.1, 0.9]), np.array([[0.8, 0.2]])),
    ),
)
_MODEL = Linkage((3, 2, 2, 2), _SINGLE)
_X = _MODEL.sample(_TRUTH, 300, np.random.default_rng(11))[0]
_X[np.random.default_rng(12).random(_X.shape) < 0.1] = np.nan

CASES = [
    Case("linkage", _MODEL, _X, is_continuous=False),
    Case("linkage-dependent", Linkage((3, 2, 2, 2), ((0, 1), (2,), (3,)), smoothing=0.5), _X, is_continuous=False),
    Case("linkage-known", Linkage((3, 2, 2, 2), _SINGLE, known_others=((1, (0.9, 0.1)),), known_share=0.3), _X, False),
]
