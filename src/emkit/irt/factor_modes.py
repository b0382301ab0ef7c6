"""Modes of several latent variables, by Fisher scoring from the posterior means, all people at once.

What is climbed is log L(x), plus the log-density of the latent distribution ("MAP"), or plus log det I(x) / 2 ("WLE"),
Jeffreys' prior: for compensatory logistic items that is the estimate which Wang derives, with the bias of first order
taken out. Its gradient is differenced, that of log L is exact.

References
----------
Wang 2015, *On latent trait estimation in multidimensional compensatory item response models*, Psychometrika 80:428,
section 3. Firth 1993, Biometrika 80:27, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.irt.coding import MISSING

__all__ = ["factor_mode"]

_REACH = 60.0  # no step leads further
_FAR = 8.0  # where the likelihood is flat, factors further out than this have run off
_STEPS, _HALVINGS = 100, 12
_LONGEST = 2.0
_EXACT = 1e-9
_BLUR = 1e-4
_ROWS = 1024  # people taken together: derivatives of all their answers are held at once
_STILL = 1e-9  # information below this in some direction: no step along it
_FLAT = 1e-4  # information below this in some direction at the end: the answers leave the place open
_LEVEL = 1e-13  # changes of a log-likelihood, relative to it, that are rounding


def factor_mode(
    model: Any, parameters: Any, block: Any, method: str, begin: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return modes (n, F) of the posterior, the likelihood or the weighted likelihood, and covariances (n, F, F).

    `begin` (n, F) are places to start from. Where a likelihood rises without end, the factors that it runs off on are
    infinite; where answers leave a direction open, as they do of people who answered too little, all are NaN.
    """
    codes, group = model.split(block.X)
    covariates = model.covariates_of(block)
    which = np.zeros(len(codes), dtype=np.intp) if group is None or covariates is not None else group
    mean, covariance = model.latent.normal(parameters.latent, model.n_factors)
    means = mean[which] if covariates is None else model.latent.predicted(parameters.latent, covariates)
    parts = []
    for first in range(0, len(codes), _ROWS):
        rows = slice(first, first + _ROWS)
        prior = _Normal(means[rows], np.linalg.inv(covariance)[which[rows]]) if method == "MAP" else None
        hill = _Hill(model, parameters, codes[rows], prior, is_weighted=method == "WLE")
        parts.append(_finished(hill, _climbed(hill, begin[rows])))
    theta, spread = (np.concatenate(part) for part in zip(*parts, strict=True))
    return theta, spread


class _Normal(NamedTuple):
    """Means (n, F) and precisions (n, F, F) of people."""

    mean: FloatArray
    precision: FloatArray


class _Place(NamedTuple):
    """What is climbed at a place of each person: value (n,), gradient (n, F), expected information (n, F, F)."""

    value: FloatArray
    gradient: FloatArray
    information: FloatArray


class _Hill:
    """What is climbed, of people with their answers (n, j)."""

    def __init__(self, model: Any, parameters: Any, codes: Array, prior: _Normal | None, *, is_weighted: bool) -> None:
        self.model, self.parameters, self.codes, self.prior = model, parameters, codes, prior
        self.is_weighted = is_weighted
        self.seen = codes != MISSING
        self.n_factors = model.n_factors if model.specific is None else 1 + model.n_specific

    def of(self, rows: Array) -> _Hill:
        """Return what some of the people climb."""
        prior = None if self.prior is None else _Normal(self.prior.mean[rows], self.prior.precision[rows])
        return _Hill(self.model, self.parameters, self.codes[rows], prior, is_weighted=self.is_weighted)

    def value(self, theta: FloatArray) -> FloatArray:
        """Return what is climbed (n,) at a place of each person."""
        value, _, information = self._of_answers(theta)
        if self.prior is not None:
            off = theta - self.prior.mean
            return np.asarray(value - 0.5 * np.einsum("nf,nfg,ng->n", off, self.prior.precision, off))
        return value + _half_log_det(information) if self.is_weighted else value

    def at(self, theta: FloatArray) -> _Place:
        """Return value, gradient and information at a place of each person."""
        value, gradient, information = self._of_answers(theta)
        if self.prior is not None:
            off = theta - self.prior.mean
            pull = np.einsum("nfg,ng->nf", self.prior.precision, off)
            value = value - 0.5 * (pull * off).sum(axis=1)
            return _Place(value, gradient - pull, information + self.prior.precision)
        if self.is_weighted:
            return _Place(value + _half_log_det(information), gradient + self._rise(theta), information)
        return _Place(value, gradient, information)

    def gradient(self, theta: FloatArray) -> FloatArray:
        return self.at(theta).gradient

    def information(self, theta: FloatArray) -> FloatArray:
        """Return the expected information (n, F, F) of the answers alone."""
        return self._of_answers(theta)[2]

    def _rise(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives (n, F) of log det I / 2."""
        steps = np.eye(self.n_factors) * _BLUR
        ends = [[_half_log_det(self.information(theta + s * step)) for s in (1, -1)] for step in steps]
        with np.errstate(invalid="ignore"):
            return np.stack([(ahead - behind) / (2 * _BLUR) for ahead, behind in ends], axis=1)

    def _of_answers(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        n = len(theta)
        value, gradient = np.zeros(n), np.zeros((n, self.n_factors))
        information = np.zeros((n, self.n_factors, self.n_factors))
        for items, columns, log_prob, rise in self._curves(theta):
            seen = self.seen[:, items].T  # (m, n)
            pick = np.where(seen, self.codes[:, items].T, 0)[:, None]
            value += np.where(seen, np.take_along_axis(log_prob, pick, axis=1)[:, 0], 0.0).sum(axis=0)
            own = np.take_along_axis(rise, pick[:, None], axis=2)[:, :, 0] * seen[:, None]
            gradient[:, columns] += own.sum(axis=0).T
            weight = np.exp(log_prob) * seen[:, None]
            information[np.ix_(range(n), columns, columns)] += np.einsum(
                "mkn,mfkn,mgkn->nfg", weight, rise, rise, optimize=True
            )
        return value, gradient, information

    def _curves(self, theta: FloatArray) -> Iterator[tuple[Array, list[int], FloatArray, FloatArray]]:
        """Yield items, the factors they measure, log-probabilities (m, K, n) and their derivatives (m, F, K, n)."""
        specific = self.model.specific
        for run, own in zip(self.model.runs, self.parameters.items, strict=True):
            items = np.array(run.items)
            if specific is None:
                yield items, list(range(self.n_factors)), run.log_prob(own, theta), run.by_latent(own, theta)
                continue
            label = np.asarray(specific)[items]
            for s in np.unique(label).tolist():
                columns, mine = ([0, 1 + s] if s >= 0 else [0]), label == s
                at = np.stack([theta[:, 0], theta[:, columns[-1]]], axis=1)  # slopes without a factor are zero
                log_prob, rise = run.log_prob(own, at)[mine], run.by_latent(own, at)[mine]
                yield items[mine], columns, log_prob, rise[:, : len(columns)]


def _half_log_det(information: FloatArray) -> FloatArray:
    sign, size = np.linalg.slogdet(information)
    return np.where(sign > 0, 0.5 * size, -np.inf)


def _climbed(hill: _Hill, begin: FloatArray) -> FloatArray:
    """Return the places (n, F) where scoring ends; who has arrived is left alone."""
    theta, moving = np.array(begin), np.arange(len(begin))
    for _ in range(_STEPS):
        moved = _moved(hill.of(moving), theta[moving])
        step = np.abs(moved - theta[moving]).max(axis=1, initial=0.0)
        theta[moving] = moved
        moving = moving[step >= _EXACT]
        if not len(moving):
            break
    return theta


def _moved(hill: _Hill, theta: FloatArray) -> FloatArray:
    """Return the places (n, F) after a step of scoring, halved where it leads down."""
    here = hill.at(theta)
    step, length = _steps(here), np.ones(len(theta))
    least = here.value - _LEVEL * (1 + np.abs(here.value))
    for _ in range(_HALVINGS):
        is_worse = ~(hill.value(theta + length[:, None] * step) >= least)
        if not is_worse.any():
            break
        length = np.where(is_worse, length / 2, length)
    else:
        length[is_worse] = 0.0
    return np.clip(theta + length[:, None] * step, -_REACH, _REACH)


def _steps(here: _Place) -> FloatArray:
    """Return steps (n, F) of scoring, none longer than the longest; none in directions that answers leave open."""
    size, axes = np.linalg.eigh(here.information)
    along = np.einsum("nfa,nf->na", axes, np.nan_to_num(here.gradient))
    step = np.divide(along, size, out=np.zeros_like(along), where=size > _STILL)
    step = np.einsum("nfa,na->nf", axes, step)
    length = np.sqrt((step**2).sum(axis=1, keepdims=True))
    return np.asarray(step * np.minimum(1.0, _LONGEST / np.maximum(length, _LONGEST)))


def _finished(hill: _Hill, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return places and covariances, from the second derivatives there; infinite or NaN where there is no mode."""
    blurs = np.eye(hill.n_factors) * _BLUR
    bend = np.stack([(hill.gradient(theta + b) - hill.gradient(theta - b)) / (2 * _BLUR) for b in blurs], axis=1)
    curvature = -0.5 * (bend + bend.transpose(0, 2, 1))
    size, axes = np.linalg.eigh(np.where(np.isfinite(curvature), curvature, 0.0))
    is_open = (size[:, 0] <= _FLAT) | (np.abs(theta) >= _REACH).any(axis=1)
    inverse = np.divide(1.0, size, out=np.full_like(size, np.nan), where=size > _FLAT)
    covariance = np.einsum("nfa,na,nga->nfg", axes, inverse, axes)
    covariance[is_open] = np.nan
    lost = np.where(np.abs(theta) > _FAR, np.copysign(np.inf, theta), np.nan)
    return np.where(is_open[:, None], lost, theta), covariance
