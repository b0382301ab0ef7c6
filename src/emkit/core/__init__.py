"""The engine: parameters, statistics, the model protocol, the one loop, solvers, starts and the fit. Knows no model."""

from emkit.core.checkpoint import Checkpoint
from emkit.core.fit import Fit
from emkit.core.hill import maximise
from emkit.core.model import Model
from emkit.core.parameters import Parameters, ParametersChart, check_parameters, leaves, n_free, rebuild, space
from emkit.core.problem import Point, Problem
from emkit.core.running import Running, following
from emkit.core.solvers import (
    EM,
    Anderson,
    Annealed,
    ClassificationEM,
    Incremental,
    Online,
    QuasiNewton,
    RobbinsMonro,
    Solver,
    Squarem,
    StochasticEM,
)
from emkit.core.spaces import (
    Constant,
    Interval,
    NonNegative,
    Ordered,
    Positive,
    PositiveDefinite,
    Probability,
    Real,
    RowStochastic,
    Simplex,
    Sparse,
)
from emkit.core.starts import Optimum, StartReport
from emkit.core.statistics import Additive, Statistics, shared
from emkit.core.status import Status
from emkit.core.trace import Iteration, Trace

__all__ = [
    "EM",
    "Additive",
    "Anderson",
    "Annealed",
    "Checkpoint",
    "ClassificationEM",
    "Constant",
    "Fit",
    "Incremental",
    "Interval",
    "Iteration",
    "Model",
    "NonNegative",
    "Online",
    "Optimum",
    "Ordered",
    "Parameters",
    "ParametersChart",
    "Point",
    "Positive",
    "PositiveDefinite",
    "Probability",
    "Problem",
    "QuasiNewton",
    "Real",
    "RobbinsMonro",
    "RowStochastic",
    "Running",
    "Simplex",
    "Solver",
    "Sparse",
    "Squarem",
    "StartReport",
    "Statistics",
    "Status",
    "StochasticEM",
    "Trace",
    "check_parameters",
    "following",
    "leaves",
    "maximise",
    "n_free",
    "rebuild",
    "shared",
    "space",
]
