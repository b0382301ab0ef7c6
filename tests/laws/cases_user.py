"""A model as a user writes it."""

import numpy as np
from abo import Abo
from case import Case

CASES = [Case("abo", Abo(), np.array([[186.0, 38, 13, 284], [100, 30, 9, 150]]), is_continuous=False)]
