"""Logistic regression on normal covariates that may be missing.

Story: x is N(mean, cov); y is 1 with probability sigma(b_0 + b'x), else 0; entries of x, and y, are missing at random.

With x_m | x_o ~ N(c, C), the missing covariates enter the likelihood through one number only, their part u of the
linear predictor, u ~ N(m, v), v = b_m' C b_m. So one-dimensional quadrature is all the E-step needs, however many are
missing: it gives the posterior of u given y, and x_m given u is normal with mean c + g (u - m), g = C b_m / v, and
covariance C - v g g'. The normal part has its usual M-step. For the coefficients the statistics are the gradient of the
expected log-likelihood, its curvature, and the bound of that, a quarter of the expected products of (1, x): the step by
the bound never lowers the likelihood (Boehning & Lindsay 1988), and acceleration makes up for its length.

References
----------
Ibrahim 1990, JASA 85:765. Boehning & Lindsay 1988, Annals of the Institute of Statistical Mathematics 40:641.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

from emkit.core import Model, Parameters, Statistics
from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import space
from emkit.core.spaces import Real
from emkit.core.statistics import shared
from emkit.data import ColumnMoments
from emkit.families.normal import Normal, NormalParameters, NormalStatistics
from emkit.families.normal_patterns import gain
from emkit.families.patterns import pattern_codes, pattern_groups

__all__ = ["Logistic", "LogisticParameters", "LogisticStatistics", "success_probability"]

_ROWS = 1024  # worked on at a time: bounds the memory of their conditional covariances
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_QUADRATURE = (_NODES, np.log(_WEIGHTS / _WEIGHTS.sum()))
_CERTAIN = (np.zeros(1), np.zeros(1))  # where all covariates are observed there is nothing to integrate over
_FAR = 30.0  # a linear predictor of that size, for a row that is all observed, has separated the classes


@dataclass(frozen=True)
class LogisticParameters(Parameters):
    """The normal distribution of the covariates, and intercept and coefficients `coef` (d + 1,)."""

    covariates: NormalParameters
    coef: FloatArray = space(Real())


@dataclass(frozen=True)
class LogisticStatistics(Statistics):
    """Moments of the completed covariates, and gradient and curvature of the expected log-likelihood at `coef`.

    Attributes
    ----------
    moments : NormalStatistics
    gradient : array (d + 1,)
    curvature : array (d + 1, d + 1)
    products : array (d + 1, d + 1)
        Expected products of (1, x) over the rows with a response.
    """

    moments: NormalStatistics
    gradient: FloatArray
    curvature: FloatArray
    products: FloatArray
    coef: FloatArray = shared()


@dataclass(frozen=True)
class Logistic(Model):
    """Logistic regression of the last column of the rows, 0, 1 or NaN, on the others.

    Parameters
    ----------
    normal : Normal
        Of the covariates.
    """

    normal: Normal = field(default_factory=Normal)
    proportion: float = field(default=0.5, compare=False)  # of successes, for the start

    def prepare(self, source: Any) -> tuple[Logistic, Any]:
        """Read off units and the proportion of successes."""
        moments = source.column_moments()
        ready = self.normal.in_units(_covariates(moments), source.total_weight)
        return replace(self, normal=ready, proportion=float(moments.mean[-1])), source

    def start(self, source: Any, rng: np.random.Generator) -> LogisticParameters:
        """Return the start of the normal, coefficients zero, and the intercept of the proportion of successes."""
        covariates = self.normal.start(source, rng)
        coef = np.zeros(len(covariates.mean) + 1)
        p = min(max(self.proportion, 1e-3), 1 - 1e-3)
        coef[0] = np.log(p / (1 - p))
        return LogisticParameters(covariates, coef)

    def e_step(self, parameters: LogisticParameters, block: Any) -> LogisticStatistics:
        """Return moments, gradient and curvature of the rows given what is observed of them."""
        d = len(parameters.covariates.mean)
        pivot = parameters.covariates.mean
        none = NormalStatistics(0.0, 0.0, np.zeros(d), np.zeros((d, d)), pivot)
        square = np.zeros((d + 1, d + 1))
        total = LogisticStatistics(0.0, 0.0, none, np.zeros(d + 1), square, square, parameters.coef)
        X, weights = np.asarray(block.X, dtype=np.float64), block.weights
        kept = np.flatnonzero((weights > 0) & ~np.isnan(X).all(axis=1))
        is_whole = ~np.isnan(X[kept, :-1]).any(axis=1)
        for rows, nodes in ((kept[is_whole], _CERTAIN), (kept[~is_whole], _QUADRATURE)):
            for first in range(0, len(rows), _ROWS):
                cut = rows[first : first + _ROWS]
                total = total + _rows_step(parameters, X[cut], weights[cut], *nodes)
        return total

    @property
    def starts_to_agree(self) -> int:
        """One: every start is the same."""
        return 1

    def m_step(self, statistics: LogisticStatistics, parameters: LogisticParameters) -> LogisticParameters:
        """Return the normal's M-step, and the step of the coefficients by the bound of the curvature."""
        covariates = self.normal.m_step(statistics.moments, parameters.covariates)
        move = np.linalg.lstsq(statistics.products / 4, self._slope(statistics, parameters), rcond=1e-12)[0]
        return LogisticParameters(covariates, parameters.coef + move)

    def expected_loglik(self, parameters: LogisticParameters, statistics: LogisticStatistics) -> float:
        """Return the Q function without its constants, to second order in the coefficients."""
        move = parameters.coef - statistics.coef
        own = statistics.gradient @ move - 0.5 * move @ statistics.curvature @ move
        return float(own) + self.normal.expected_loglik(parameters.covariates, statistics.moments)

    def score(self, parameters: LogisticParameters, statistics: LogisticStatistics) -> LogisticParameters:
        """Return the gradient of Q plus the log prior."""
        slope = self._slope(statistics, parameters)
        return LogisticParameters(self.normal.score(parameters.covariates, statistics.moments), slope)

    def log_prior(self, parameters: LogisticParameters) -> float:
        """Return the log prior of the covariates' distribution."""
        return self.normal.log_prior(parameters.covariates)

    def degeneracy(self, parameters: LogisticParameters, statistics: LogisticStatistics) -> str:
        """Tell of covariates that determine one another, and of classes that are separated."""
        collapsed = self.normal.degeneracy(parameters.covariates, statistics.moments)
        spread = float(np.sqrt(parameters.coef[1:] @ parameters.covariates.cov @ parameters.coef[1:]))
        if collapsed or spread < _FAR:
            return collapsed
        return (
            "the covariates separate the two classes, so that the coefficients grow without limit. Leave out the "
            "covariate that does, or have more rows."
        )

    def _slope(self, statistics: LogisticStatistics, parameters: LogisticParameters) -> FloatArray:
        return statistics.gradient - statistics.curvature @ (parameters.coef - statistics.coef)


def _covariates(moments: ColumnMoments) -> ColumnMoments:
    """Return the moments of all columns but the last."""
    fields = (moments.mean, moments.var, moments.low, moments.high, moments.n_observed)
    return ColumnMoments(*(field[:-1] for field in fields))


@dataclass(frozen=True)
class _Predictor:
    """The linear predictor of each row, and what it says of the covariates.

    Attributes
    ----------
    rows : array (n, d)
        Conditional means.
    left : array (n, d, d)
        Conditional covariances, zero where observed.
    mean, var : array (n,)
    slope : array (n, d)
        g of the module's docstring.
    log_density : array (n,)
        Of the observed covariates.
    """

    rows: FloatArray
    left: FloatArray
    mean: FloatArray
    var: FloatArray
    slope: FloatArray
    log_density: FloatArray


def _predictor(parameters: LogisticParameters, X: FloatArray) -> _Predictor:
    normal, b = parameters.covariates, parameters.coef[1:]
    order, starts = pattern_groups(pattern_codes(X))
    which = np.empty(len(X), dtype=np.intp)
    which[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(X))))
    seen = ~np.isnan(X)
    inverse, log_det = gain(normal.cov, seen[order[starts]])
    deviation = np.where(seen, X - normal.mean, 0.0)
    whitened = (inverse[which] @ deviation[:, :, None])[:, :, 0]
    rows = np.where(seen, X, normal.mean + whitened @ normal.cov)
    left = np.where(seen[:, :, None] | seen[:, None, :], 0.0, (normal.cov - normal.cov @ inverse @ normal.cov)[which])
    across = left @ b
    var = np.maximum(across @ b, 0.0)
    slope = across / np.where(var > 0, var, 1.0)[:, None]
    density = -0.5 * (seen.sum(axis=1) * np.log(2 * np.pi) + log_det[which] + (deviation * whitened).sum(axis=1))
    return _Predictor(rows, left, parameters.coef[0] + rows @ b, var, slope, density)


def _rows_step(
    parameters: LogisticParameters, X: FloatArray, weights: FloatArray, nodes: FloatArray, log_mass: FloatArray
) -> LogisticStatistics:
    found = _predictor(parameters, X[:, :-1])
    y = X[:, -1]
    has_y = ~np.isnan(y)
    sign = np.where(has_y, np.where(y > 0, 1.0, -1.0), 0.0)
    off = np.sqrt(found.var)[:, None] * nodes  # (n, q) how far u is from its mean
    eta = found.mean[:, None] + off
    log_post = log_mass + np.where(has_y[:, None], log_expit(sign[:, None] * eta), 0.0)
    top = log_post.max(axis=1, keepdims=True)
    post = np.exp(log_post - top)
    mass = post.sum(axis=1, keepdims=True)
    post /= mass
    loglik = float(weights @ (found.log_density + (top + np.log(mass))[:, 0]))
    answered = weights * has_y
    prob = expit(eta)
    residual = post * (np.where(y > 0, 1.0, 0.0)[:, None] - prob)
    pivot = parameters.covariates.mean
    first, second = _moments(found, post, off, weights, pivot)
    return LogisticStatistics(
        loglik,
        float(weights.sum()),
        NormalStatistics(0.0, float(weights.sum()), first, second, pivot),
        _gradient(found, residual, off, answered),
        _products(found, post * prob * (1 - prob), off, answered),
        _products(found, post, off, answered),
        parameters.coef,
    )


def _moments(
    found: _Predictor, post: FloatArray, off: FloatArray, weights: FloatArray, pivot: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of the completed rows about a pivot."""
    square = _products(found, post, off, weights, pivot)
    return square[0, 1:], square[1:, 1:]


def _gradient(found: _Predictor, share: FloatArray, off: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted sum of E[share (1, x)] (d + 1,)."""
    level, tilt = weights * share.sum(axis=1), weights * (share * off).sum(axis=1)
    return np.concatenate([[level.sum()], level @ found.rows + tilt @ found.slope])


def _products(
    found: _Predictor, share: FloatArray, off: FloatArray, weights: FloatArray, pivot: Array | float = 0.0
) -> FloatArray:
    """Return the weighted sum of E[share (1, x)(1, x)'] (d + 1, d + 1), x about a pivot."""
    level, tilt = weights * share.sum(axis=1), weights * (share * off).sum(axis=1)
    bend = weights * (share * off * off).sum(axis=1)
    rows, slope = found.rows - pivot, found.slope
    cross = (rows * tilt[:, None]).T @ slope
    square = (rows * level[:, None]).T @ rows + cross + cross.T
    square += (slope * (bend - level * found.var)[:, None]).T @ slope + np.tensordot(level, found.left, 1)
    edge = level @ rows + tilt @ slope
    return np.block([[np.array([[level.sum()]]), edge[None, :]], [edge[:, None], (square + square.T) / 2]])


def success_probability(parameters: LogisticParameters, X: FloatArray) -> FloatArray:
    """Return the probability (n,) of success given the observed covariates X (n, d)."""
    prob = np.empty(len(X))
    for first in range(0, len(X), _ROWS):
        cut = slice(first, first + _ROWS)
        found = _predictor(parameters, np.asarray(X[cut], dtype=np.float64))
        prob[cut] = expit(found.mean[:, None] + np.sqrt(found.var)[:, None] * _QUADRATURE[0]) @ np.exp(_QUADRATURE[1])
    return prob
