"""Models under constraints and with priors of the user's."""

import numpy as np
from case import Case

import emkit
from emkit.core.constrained import constrain
from emkit.core.priors import GammaPrior, NormalPrior
from emkit.families.covariance import STRUCTURES
from emkit.families.gaussian import Gaussian
from emkit.families.poisson import Poisson
from emkit.mixture import FiniteMixture

_FAITHFUL = emkit.load_data("faithful").numeric()[0]
_RNG = np.random.default_rng(2)
_COUNTS = _RNG.poisson(np.where(_RNG.random((120, 1)) < 0.4, [1.0, 4.0], [4.0, 1.0])).astype(float)


def _gaussian(word="full", **held):
    return constrain(FiniteMixture(Gaussian(STRUCTURES[word]), 2), **held)


def _poisson(**held):
    return constrain(FiniteMixture(Poisson(), 2), **held)


CASES = [
    Case("held-mix", _gaussian(fix={"mix": 0.5}), _FAITHFUL, takes_constant=False),
    Case("held-tie", _gaussian("diag", tie=[("members.var[0]", "members.var[1]")]), _FAITHFUL, takes_constant=False),
    Case("held-rates", _poisson(fix={"members.rate[0, 0]": 3.0, "mix[0]": 0.4}), _COUNTS, is_continuous=False),
    Case("held-bounds", _poisson(bounds={"members.rate[0]": (2.0, 3.5)}), _COUNTS, is_continuous=False),
    Case("held-prior", _poisson(prior={"members.rate": GammaPrior(3.0, 2.0)}), _COUNTS, is_continuous=False),
    Case("held-normal", _poisson(prior={"members.rate": NormalPrior(2.5, 1.0)}), _COUNTS, is_continuous=False),
]
