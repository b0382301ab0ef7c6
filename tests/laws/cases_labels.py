"""Labels of many raters."""

import numpy as np
from case import Case

from emkit.labels import Abilities, FreeRaters, LabelParameters, ManyRaters, OneCoinRaters, PooledRaters, Spammers
from emkit.labels.raters import FreeParameters

_RNG = np.random.default_rng(7)
_TRUTH = LabelParameters(
    np.array([0.6, 0.4]),
    FreeParameters(np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0.1, 0.9]], [[0.6, 0.4], [0.3, 0.7]]])),
)
_COUNTS = ManyRaters(3, 2).sample(_TRUTH, 120, _RNG)[0]
_COUNTS[:, 2:4] *= _RNG.random((120, 1)) < 0.7  # a rater who answers about some items
_COUNTS[:20, 0] += 1.0  # several answers by one rater to one item
_GOLD = _COUNTS.copy()
_GOLD[:10, 6:] = np.eye(2)[[0, 1] * 5]

CASES = [
    Case("dawid-skene", ManyRaters(3, 2), _COUNTS, is_continuous=False),
    Case("dawid-skene-gold", ManyRaters(3, 2, has_gold=True), _GOLD, is_continuous=False),
    Case("dawid-skene-map", ManyRaters(3, 2, FreeRaters(0.5, 1.0), 2.0), _COUNTS, is_continuous=False),
    Case("dawid-skene-pooled", ManyRaters(3, 2, PooledRaters(4.0)), _COUNTS, is_continuous=False),
    Case("one-coin", ManyRaters(3, 2, OneCoinRaters()), _COUNTS, is_continuous=False),
    Case("glad", Abilities(3, 2), _COUNTS, is_continuous=False),
    Case("mace", ManyRaters(3, 2, Spammers(0.5)), _COUNTS, is_continuous=False),
]
