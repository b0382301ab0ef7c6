"""Solvers: ways to turn parameters into better parameters with E-steps and M-steps."""

from emkit.core.solvers.anderson import Anderson
from emkit.core.solvers.annealed import Annealed
from emkit.core.solvers.base import Move, Solver
from emkit.core.solvers.classification import ClassificationEM
from emkit.core.solvers.em import EM
from emkit.core.solvers.incremental import Incremental
from emkit.core.solvers.online import Online
from emkit.core.solvers.quasi_newton import QuasiNewton
from emkit.core.solvers.robbins_monro import RobbinsMonro
from emkit.core.solvers.squarem import Squarem
from emkit.core.solvers.stochastic import StochasticEM
from emkit.core.solvers.strides import Strides

__all__ = [
    "EM",
    "Anderson",
    "Annealed",
    "ClassificationEM",
    "Incremental",
    "Move",
    "Online",
    "QuasiNewton",
    "RobbinsMonro",
    "Solver",
    "Squarem",
    "StochasticEM",
    "Strides",
]
