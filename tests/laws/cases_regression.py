"""Mixtures of regressions, and mixtures with concomitant variables."""

import numpy as np
from case import Case

from emkit.families.categorical import Categorical
from emkit.families.gaussian import Gaussian
from emkit.families.regression import Regressions
from emkit.families.responses import BinomialResponse, GaussianResponse, PoissonResponse
from emkit.mixture import ConcomitantMixture, FiniteMixture
from emkit.mixture._three_step import GivenMemberships
from emkit.mixture.known import KnownMixture


def _design(n=120, seed=3):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    return rng, x, rng.random(n) < 0.4, np.column_stack([np.ones(n), x])


def _lines(missing=0.0):
    rng, x, first, design = _design()
    y = np.where(first, 1 + 2 * x, 5 - x) + rng.normal(size=len(x)) * np.where(first, 0.5, 1.0)
    y[rng.random(len(x)) < missing] = np.nan
    return np.column_stack([y, design])


def _counts():
    rng, x, first, design = _design()
    return np.column_stack([rng.poisson(np.exp(np.where(first, 0.5 + 0.8 * x, 2.5 - 0.5 * x))), design])


def _shares():
    rng, x, first, design = _design(150)
    p = 1 / (1 + np.exp(-np.where(first, 1 + x, -1 - 0.5 * x)))
    return np.column_stack([rng.binomial(8, p), np.full(len(x), 8.0), design])


def _two():
    return np.column_stack([_lines(0.1)[:, 0], _counts()])


def _gated():
    rng = np.random.default_rng(5)
    w = rng.normal(size=150)
    first = rng.random(150) < 1 / (1 + np.exp(0.4 - w))
    return rng, first, w


def _gated_normal():
    rng, first, w = _gated()
    return np.column_stack([rng.normal(np.where(first, 0.0, 3.0), 1.0), rng.normal(size=150), w])


def _gated_answers():
    rng, first, w = _gated()
    answers = rng.random((150, 4)) < np.where(first, 0.2, 0.8)[:, None]
    return np.column_stack([answers.astype(float), np.round(w)])


def _gated_lines():
    rng, first, w = _gated()
    x = rng.uniform(-2, 2, 150)
    y = np.where(first, 1 + 2 * x, 5 - x) + 0.7 * rng.normal(size=150)
    return np.column_stack([y, np.ones(150), x, w])


def _told(rows):
    first = _gated()[1]
    labels = np.where(np.arange(len(rows)) % 4 == 0, first, np.nan)
    return np.column_stack([rows, labels, np.arange(len(rows))])


def _given():
    _, first, w = _gated()
    return np.column_stack([np.where(first, 1.1, -0.1), np.where(first, -0.1, 1.1), w])


def _case(name, model, rows):
    return Case(f"regression-{name}", model, rows, is_continuous=False)


_Y, _N = GaussianResponse(0), PoissonResponse(0)

CASES = [
    _case("gaussian", FiniteMixture(Regressions((_Y,), (1, 2)), 2), _lines()),
    _case("gaussian-missing", FiniteMixture(Regressions((_Y,), (1, 2)), 2, 1.5), _lines(0.2)),
    _case("gaussian-common", FiniteMixture(Regressions((_Y,), (1, 2), (1,)), 2), _lines()),
    _case(
        "gaussian-equal",
        FiniteMixture(Regressions((GaussianResponse(0, is_var_common=True),), (1, 2), (0,)), 2),
        _lines(),
    ),
    _case("poisson", FiniteMixture(Regressions((_N,), (1, 2)), 2), _counts()),
    _case("poisson-common", FiniteMixture(Regressions((_N,), (1, 2), (1,)), 2), _counts()),
    _case("binomial", FiniteMixture(Regressions((BinomialResponse(0, trials=1),), (2, 3)), 2), _shares()),
    _case("two", FiniteMixture(Regressions((_Y, PoissonResponse(1, uses=(0, 1))), (2, 3)), 2), _two()),
    _case("one", FiniteMixture(Regressions((_N,), (1, 2)), 1), _counts()),
    Case("concomitant-gaussian", ConcomitantMixture(Gaussian(), 2, (2,), (0, 1)), _gated_normal(), is_continuous=False),
    Case(
        "concomitant-categorical",
        ConcomitantMixture(Categorical(), 2, (4,), (0, 1, 2, 3)),
        _gated_answers(),
        is_continuous=False,
    ),
    Case(
        "concomitant-regression",
        ConcomitantMixture(Regressions((_Y,), (1, 2)), 2, (3,)),
        _gated_lines(),
        is_continuous=False,
    ),
    Case(
        "told-gaussian", KnownMixture(FiniteMixture(Gaussian(), 2)), _told(_gated_normal()[:, :2]), is_continuous=False
    ),
    Case(
        "told-concomitant",
        KnownMixture(ConcomitantMixture(Regressions((_Y,), (1, 2)), 2, (3,))),
        _told(_gated_lines()),
        is_continuous=False,
    ),
    Case("given-memberships", GivenMemberships(2, (2,)), _given(), is_continuous=False),
]
