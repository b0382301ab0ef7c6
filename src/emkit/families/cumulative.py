"""Distribution functions of one column under each member, for families that have one written out.

Returned are P(x <= value) and P(x < value), which differ for discrete columns alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import ndtr, stdtr

from emkit.core.arrays import FloatArray
from emkit.errors import DataError
from emkit.families.bernoulli import Bernoulli
from emkit.families.beta import Beta
from emkit.families.binomial import Binomial
from emkit.families.categorical import Categorical
from emkit.families.contaminated import Contaminated
from emkit.families.exponential import Exponential
from emkit.families.gamma import Gamma
from emkit.families.gaussian import Gaussian
from emkit.families.hurdle import HurdleNegativeBinomial, HurdlePoisson
from emkit.families.inverse_gaussian import InverseGaussian
from emkit.families.laplace import Laplace
from emkit.families.log_normal import LogNormal
from emkit.families.negative_binomial import NegativeBinomial
from emkit.families.nested import Nested
from emkit.families.nested_apart import NestedApart
from emkit.families.poisson import Poisson
from emkit.families.product import Product
from emkit.families.regression import Regressions
from emkit.families.student import Student
from emkit.families.von_mises import VonMises
from emkit.families.weibull import Weibull
from emkit.families.zero_inflated import ZeroInflatedNegativeBinomial, ZeroInflatedPoisson

__all__ = ["cumulative"]

Both = tuple[FloatArray, FloatArray]


def cumulative(family: Any, members: Any, X: FloatArray, column: int | None = None) -> Both:
    """Return P(x <= value) and P(x < value) (n, k) of one column of rows (n, d) under each member.

    Parameters
    ----------
    column : int, optional
        Which column; not needed where a family describes one.

    Raises
    ------
    DataError
        If several columns could be meant, or the family has no distribution function written out.
    """
    own = _of(type(family))
    if own is _both.registry[object]:
        raise _unwritten(family)
    described = [r.column for r in family.responses] if isinstance(family, Regressions) else range(X.shape[1])
    if column is None and len(described) > 1:
        message = f"distribution functions are of one column, but there are {len(described)}: say which by `column`"
        raise DataError(message)
    place = described[0] if column is None else column
    if place not in described:
        message = f"`column` must be one of {', '.join(map(str, described))}, got {column!r}"
        raise DataError(message)
    return own(family, members, X, place)


def _of(kind: type) -> Callable[..., Both]:
    """Return the function of a kind of family; one made from another has another density."""
    return _both.registry.get(kind, _both.registry[object])


@singledispatch
def _both(family: Any, members: Any, X: FloatArray, j: int) -> Both:
    raise _unwritten(family)


def _unwritten(family: Any) -> DataError:
    return DataError(
        f"a {type(family).__name__} family has no distribution function written out, so there are no pseudo-residuals "
        "and no `cdf`: compare `sample` with the data instead"
    )


def _continuous(below: Any) -> Both:
    return np.asarray(below), np.asarray(below)


def _discrete(cdf: Callable[[FloatArray], Any], x: FloatArray) -> Both:
    return np.asarray(cdf(x)), np.asarray(cdf(x - 1))


def _column(X: FloatArray, j: int) -> FloatArray:
    return np.asarray(X[:, j : j + 1], dtype=np.float64)


@_both.register
def _(family: Gaussian, members: Any, X: FloatArray, j: int) -> Both:
    var = family.structure.full(members)[:, j, j]
    return _continuous(ndtr((_column(X, j) - members.mean[:, j]) / np.sqrt(var)))


@_both.register
def _(family: Student, members: Any, X: FloatArray, j: int) -> Both:
    var = np.broadcast_to(members.cov, (len(members.mean), *members.cov.shape[1:]))[:, j, j]
    return _continuous(stdtr(members.dof, (_column(X, j) - members.mean[:, j]) / np.sqrt(var)))


@_both.register
def _(family: Contaminated, members: Any, X: FloatArray, j: int) -> Both:
    z = (_column(X, j) - members.mean[:, j]) / np.sqrt(members.cov[:, j, j])
    good = np.asarray(members.good)
    return _continuous(good * ndtr(z) + (1 - good) * ndtr(z / np.sqrt(1 + np.asarray(members.excess))))


@_both.register
def _(family: Poisson, members: Any, X: FloatArray, j: int) -> Both:
    return _discrete(lambda x: stats.poisson.cdf(x, members.rate[:, j]), _column(X, j))


@_both.register
def _(family: NegativeBinomial, members: Any, X: FloatArray, j: int) -> Both:
    return _discrete(lambda x: _nb_cdf(x, members, j), _column(X, j))


def _nb_cdf(x: FloatArray, members: Any, j: int) -> FloatArray:
    mean, dispersion = members.mean[:, j], members.dispersion[:, j]
    size = 1 / np.maximum(dispersion, 1e-12)
    own = stats.nbinom.cdf(x, size, size / (size + mean))
    return np.asarray(np.where(dispersion > 1e-12, own, stats.poisson.cdf(x, mean)))


@_both.register(ZeroInflatedPoisson)
@_both.register(ZeroInflatedNegativeBinomial)
def _(family: Any, members: Any, X: FloatArray, j: int) -> Both:
    zero = members.zero[:, j]
    return _discrete(lambda x: np.where(x < 0, 0.0, zero + (1 - zero) * _count_cdf(members, j)(x)), _column(X, j))


@_both.register(HurdlePoisson)
@_both.register(HurdleNegativeBinomial)
def _(family: Any, members: Any, X: FloatArray, j: int) -> Both:
    zero, cdf = members.zero[:, j], _count_cdf(members, j)

    def own(x: FloatArray) -> FloatArray:
        at_zero = cdf(np.zeros_like(x))
        positive = (cdf(x) - at_zero) / np.maximum(1 - at_zero, 1e-300)
        return np.where(x < 0, 0.0, zero + (1 - zero) * np.where(x < 1, 0.0, positive))

    return _discrete(own, _column(X, j))


def _count_cdf(members: Any, j: int) -> Callable[[FloatArray], FloatArray]:
    if hasattr(members, "rate"):
        return lambda x: np.asarray(stats.poisson.cdf(x, members.rate[:, j]))
    return lambda x: _nb_cdf(x, members, j)


@_both.register
def _(family: Bernoulli, members: Any, X: FloatArray, j: int) -> Both:
    return _discrete(lambda x: stats.bernoulli.cdf(x, members.prob[:, j]), _column(X, j))


@_both.register
def _(family: Binomial, members: Any, X: FloatArray, j: int) -> Both:
    trials = np.broadcast_to(np.asarray(family.trials), (X.shape[1],))[j]
    return _discrete(lambda x: stats.binom.cdf(x, trials, members.prob[:, j]), _column(X, j))


@_both.register
def _(family: Categorical, members: Any, X: FloatArray, j: int) -> Both:
    prob = members.items[j].prob
    edges = np.concatenate([np.zeros((len(prob), 1)), np.cumsum(prob, axis=1)], axis=1)
    code = np.where(np.isnan(X[:, j]), 0, X[:, j]).astype(np.intp)
    return edges[:, code + 1].T, edges[:, code].T


@_both.register
def _(family: Exponential, members: Any, X: FloatArray, j: int) -> Both:
    _refuse_censored(family)
    return _continuous(stats.expon.cdf(_column(X, j), scale=members.mean[:, j]))


@_both.register
def _(family: Gamma, members: Any, X: FloatArray, j: int) -> Both:
    shape = members.shape[:, j]
    return _continuous(stats.gamma.cdf(_column(X, j), shape, scale=members.mean[:, j] / shape))


@_both.register
def _(family: LogNormal, members: Any, X: FloatArray, j: int) -> Both:
    return _continuous(ndtr((np.log(_column(X, j)) - members.mean[:, j]) / np.sqrt(members.var[:, j])))


@_both.register
def _(family: InverseGaussian, members: Any, X: FloatArray, j: int) -> Both:
    mean, shape = members.mean[:, j], members.shape[:, j]
    return _continuous(stats.invgauss.cdf(_column(X, j), mean / shape, scale=shape))


@_both.register
def _(family: Weibull, members: Any, X: FloatArray, j: int) -> Both:
    _refuse_censored(family)
    return _continuous(stats.weibull_min.cdf(_column(X, j), members.shape[:, j], scale=members.scale[:, j]))


@_both.register
def _(family: Laplace, members: Any, X: FloatArray, j: int) -> Both:
    return _continuous(stats.laplace.cdf(_column(X, j), members.location[:, j], members.scale[:, j]))


@_both.register
def _(family: Beta, members: Any, X: FloatArray, j: int) -> Both:
    return _continuous(stats.beta.cdf(_column(X, j), members.alpha[:, j], members.beta[:, j]))


@_both.register
def _(family: VonMises, members: Any, X: FloatArray, j: int) -> Both:
    """Angles are counted from -pi to pi."""
    kappa = np.hypot(members.along[:, j], members.across[:, j])
    center = np.arctan2(members.across[:, j], members.along[:, j])
    angle = np.angle(np.exp(1j * _column(X, j)))
    origin = stats.vonmises.cdf(-np.pi - center, kappa)
    return _continuous(stats.vonmises.cdf(angle - center, kappa) - origin)


@_both.register
def _(family: Nested, members: Any, X: FloatArray, j: int) -> Both:
    found = _of(type(family.family))(family.family, members.parts, X, j)
    k, m = members.weights.shape
    below, beneath = ((own.reshape(len(X), k, m) * members.weights).sum(axis=2) for own in found)
    return below, beneath


@_both.register
def _(family: NestedApart, members: Any, X: FloatArray, j: int) -> Both:
    found = [_of(type(family.family))(family.family, part, X, j) for part in members.parts]
    pairs = [(own[0] @ w, own[1] @ w) for own, w in zip(found, members.weights, strict=True)]
    return np.column_stack([pair[0] for pair in pairs]), np.column_stack([pair[1] for pair in pairs])


@_both.register
def _(family: Product, members: Any, X: FloatArray, j: int) -> Both:
    p = next(p for p, columns in enumerate(family.columns) if j in columns)
    own = family.columns[p]
    part = family.families[p]
    return _of(type(part))(part, members.parts[p], np.asarray(X[:, list(own)]), own.index(j))


@_both.register
def _(family: Regressions, members: Any, X: FloatArray, j: int) -> Both:
    v = next(v for v, response in enumerate(family.responses) if response.column == j)
    response, mean, own = family.responses[v], family.means(members, X)[v], members.responses[v]
    if response.name == "gaussian":
        return _continuous(ndtr((_column(X, j) - mean) / np.sqrt(own.var)))
    if response.name == "poisson":
        return _discrete(lambda x: stats.poisson.cdf(x, mean), _column(X, j))
    trials = np.ones((len(X), 1)) if response.trials is None else _column(X, response.trials)  # type: ignore[attr-defined]
    return _discrete(lambda x: stats.binom.cdf(x, trials, mean / trials), _column(X, j))


def _refuse_censored(family: Any) -> None:
    if family.censored:
        message = f"a {type(family).__name__} family of censored times has no pseudo-residuals: what came is not known"
        raise DataError(message)
