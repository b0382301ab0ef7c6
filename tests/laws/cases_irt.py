"""Item response models of every item type and latent distribution."""

from dataclasses import replace

import numpy as np
from case import Case

from emkit.irt import (
    Equispaced,
    GaussHermite,
    ItemResponse,
    ItemResponseParameters,
    LogitNormalPrior,
    LogNormalPrior,
    NormalPrior,
)
from emkit.irt.curves.asymptotes import FourParameters
from emkit.irt.curves.base import Slopes
from emkit.irt.curves.credit import InterceptParameters, NominalFactors, NominalResponse, PartialCredit, RatingScale
from emkit.irt.curves.steps import Graded, GradedRating, Sequential
from emkit.irt.davidian import Davidian
from emkit.irt.factors import FactorNormal, Spread
from emkit.irt.items import ItemRun
from emkit.irt.latent import BifactorNormal, FreeNormal, StandardNormal
from emkit.irt.mixture import ItemResponseClasses
from emkit.irt.placed import Placing
from emkit.irt.regression import Regression

_GRID = Equispaced(31, -6, 6)


def _answers(n_categories, n=150, seed=3, missing=0.0, slope=1.5):
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(n, 1))
    places = np.linspace(-1.2, 1.2, n_categories - 1)
    noise = rng.logistic(size=(n, 4, 1)) / slope
    rows = (theta[:, :, None] + noise + np.array([-0.6, -0.2, 0.2, 0.6])[:, None] > places).sum(axis=2).astype(float)
    return np.where(rng.random(rows.shape) < missing, np.nan, rows)


def _skewed_answers(n=400):
    rng = np.random.default_rng(5)
    theta = rng.exponential(size=(n, 1)) - 1
    return (rng.random((n, 4)) < 1 / (1 + np.exp(-(2 * theta + np.linspace(-0.5, 1, 4))))).astype(float)


def _one(kind, n_categories, latent=None, priors=()):
    run = ItemRun(kind, (0, 1, 2, 3), n_categories, priors)
    return ItemResponse((run,), grid=_GRID, latent=latent or StandardNormal())


def _grouped():
    rng = np.random.default_rng(8)
    return np.column_stack([_answers(2, missing=0.1), rng.integers(0, 2, 150)])


def _with_group(rows):
    return np.column_stack([rows, np.random.default_rng(8).integers(0, 2, len(rows))])


_PLANE = ItemResponse(
    (ItemRun(PartialCredit(), (0, 1, 2, 3), 2, (("slope", NormalPrior(1.0, 0.5)),)),),
    2,
    Equispaced(7, -3, 3),
    pattern=((True, False), (True, True), (True, True), (True, True)),
)
_CORRELATED = replace(
    _PLANE,
    grid=Equispaced(7, -4, 4),
    latent=FactorNormal(),
    pattern=((True, False), (True, False), (False, True), (False, True)),
)
_BIFACTOR = replace(_PLANE, specific=(0, 0, 1, 1), pattern=None, latent=BifactorNormal(1, 2))
_HALVES = ((True, False), (True, False), (False, True), (False, True))
_GROUPED_PLANE = replace(_CORRELATED, latent=FactorNormal(2, (1,), Spread(2, 2, ((1, 0),), (1,))), pattern=_HALVES)
_GROUPED_TESTLETS = replace(_BIFACTOR, latent=BifactorNormal(2, 2, (1,), ((1, 1),)))
_RASCH_PLANE = ItemResponse(
    (ItemRun(PartialCredit(Slopes.ONE), (0, 1, 2, 3), 2, (), _HALVES),),
    2,
    Equispaced(9, -4, 4),
    FactorNormal(1, (), Spread(1, 2, ((0, 0), (0, 1)), (0,))),
    _HALVES,
)
_EXPLAINED_PLANE = replace(
    _CORRELATED, grid=Equispaced(9, -4, 4), latent=Regression(1, 1, Spread(1, 2, (), (0,)), (0.0,))
)
_NOMINAL_PLANE = replace(
    _CORRELATED,
    runs=(
        ItemRun(
            NominalFactors(), (0, 1, 2, 3), 3, (("slope", NormalPrior(1.0, 0.5)), ("score", NormalPrior(1.0, 0.5)))
        ),
    ),
    latent=StandardNormal(),
)
_NORMAL = FactorNormal(1, (), Spread(1, 1))
_PLACED = ItemResponse(
    (ItemRun(PartialCredit(), (0, 1, 2, 3), 2, (("slope", NormalPrior(1.0, 0.5)),)),), latent=_NORMAL
)
_ANCHOR = ItemResponseParameters(
    (InterceptParameters(np.full((4, 1), 1.2), np.zeros((4, 1))),), _NORMAL.start(np.zeros((1, 1)))
)
_RASCH = ItemRun(PartialCredit(Slopes.ONE), tuple(range(6)), 2, (("intercept", NormalPrior(0.0, 2.0)),))
_CLASSES = ItemResponseClasses(ItemResponse((_RASCH,), grid=Equispaced(15, -5, 5)), 2)


def _two_factors(n=300):
    rng = np.random.default_rng(4)
    theta = rng.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], n)[:, [0, 0, 1, 1]]
    return (rng.random((n, 4)) < 1 / (1 + np.exp(-2 * theta))).astype(float)


def _two_kinds(n=200):
    rng = np.random.default_rng(6)
    d = np.where(rng.random((n, 1)) < 0.4, np.linspace(-3, 3, 6), np.linspace(3, -3, 6))
    return (rng.random((n, 6)) < 1 / (1 + np.exp(-(rng.normal(size=(n, 1)) + d)))).astype(float)


_MIXED = ItemResponse((ItemRun(PartialCredit(), (0, 2), 2), ItemRun(Graded(), (1, 3), 3)), grid=_GRID)
_MIXED_ROWS = np.column_stack([_answers(2)[:, 0], _answers(3)[:, 1], _answers(2)[:, 2], _answers(3)[:, 3]])
_ABILITY = (("slope", LogNormalPrior(0.0, 0.5)), ("intercept", NormalPrior(0.0, 2.0)))

CASES = [
    Case("irt-2pl-missing", _one(PartialCredit(), 2), _answers(2, missing=0.2), is_continuous=False),
    Case("irt-rasch", _one(PartialCredit(Slopes.ONE), 2, FreeNormal()), _answers(2), is_continuous=False),
    Case("irt-groups", _one(PartialCredit(), 2, FreeNormal(2, (1,), (1,))), _grouped(), is_continuous=False),
    Case(
        "irt-4pl",
        _one(
            FourParameters(),
            2,
            priors=(*_ABILITY, ("guess", LogitNormalPrior()), ("upper", LogitNormalPrior(2.9, 0.5))),
        ),
        _answers(2),
        is_continuous=False,
    ),
    Case("irt-graded", _one(Graded(), 3), _answers(3), is_continuous=False),
    Case("irt-grsm", _one(GradedRating(), 3), _answers(3), is_continuous=False),
    Case("irt-gpcm", _one(PartialCredit(), 3), _answers(3), is_continuous=False),
    Case("irt-rsm", _one(RatingScale(Slopes.ONE), 3, FreeNormal()), _answers(3), is_continuous=False),
    Case("irt-nominal", _one(NominalResponse(), 3), _answers(3, n=300), is_continuous=False),
    Case("irt-sequential", _one(Sequential(), 3), _answers(3), is_continuous=False),
    Case(
        "irt-regression",
        replace(
            _one(PartialCredit(Slopes.ONE), 2, Regression(1, 1, Spread(1, 1, ((0, 0),)), (0.0,))),
            grid=Equispaced(61, -15, 15),
        ),
        np.column_stack([_answers(2), np.linspace(-1, 1, 150)]),
        is_continuous=False,
    ),
    Case(
        "irt-davidian",
        _one(PartialCredit(), 2, Davidian(1, 1), (("slope", NormalPrior(1.0, 0.1)),)),
        _skewed_answers(),
        is_continuous=False,
    ),
    Case("irt-two-factors", _PLANE, _answers(2, missing=0.1), is_continuous=False),
    Case("irt-correlated", _CORRELATED, _two_factors(), is_continuous=False),
    Case(
        "irt-adaptive",
        replace(_PLACED, placing=Placing(GaussHermite(5), _ANCHOR)),
        _answers(2, n=80, missing=0.1),
        is_continuous=False,
    ),
    Case("irt-factors-groups", _GROUPED_PLANE, _with_group(_two_factors()), is_continuous=False),
    Case("irt-factors-rasch", _RASCH_PLANE, _two_factors(), is_continuous=False),
    Case(
        "irt-factors-regression",
        _EXPLAINED_PLANE,
        np.column_stack([_two_factors(), np.linspace(-1, 1, 300)]),
        is_continuous=False,
    ),
    Case("irt-factors-nominal", _NOMINAL_PLANE, _answers(3, n=300), is_continuous=False),
    Case("irt-bifactor-groups", _GROUPED_TESTLETS, _with_group(_two_factors()), is_continuous=False),
    Case("irt-bifactor", _BIFACTOR, _answers(2), is_continuous=False),
    Case("irt-classes", _CLASSES, _two_kinds(), is_continuous=False),
    Case("irt-mixed", _MIXED, _MIXED_ROWS, is_continuous=False),
]
