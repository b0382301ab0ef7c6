"""Scores of people: where they lie on the latent variable, with standard errors.

EAP         mean and standard deviation of the posterior
MAP         its mode
ML          the mode of the likelihood; infinite for the lowest and the highest answers
WLE         Warm's: the likelihood times the root of the test information; finite for all
sum-EAP     EAP given the sum of the answers alone (Lord & Wingersky 1984)
plausible   draws from the posterior

Standard errors of modes are (-second derivative)^(-1/2) of what is maximised.

References
----------
Bock & Mislevy 1982, Applied Psychological Measurement 6:431. Warm 1989, Psychometrika 54:427, equation 8. Thissen,
Pommerich, Billeaud & Williams 1995, Applied Psychological Measurement 19:39.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError
from emkit.irt.bifactor import bifactor_eap
from emkit.irt.coding import MISSING
from emkit.irt.grids import Equispaced
from emkit.kernels.quadrature import quadrature_joint

__all__ = ["Scores", "eap", "mode", "plausible", "sum_distribution", "sum_eap"]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores with standard errors.

    Parameters
    ----------
    theta : array (n,), or (n, F) with several factors
    se : array, in the same shape
    method : str
    """

    theta: FloatArray
    se: FloatArray
    method: str

    @property
    def reliability(self) -> FloatArray | float:
        """Empirical reliability: var(theta) / (var(theta) + mean(se^2)), of those with finite scores."""
        theta, se = np.atleast_2d(self.theta.T), np.atleast_2d(self.se.T)
        found = np.array(
            [
                _reliability(t[np.isfinite(t) & np.isfinite(s)], s[np.isfinite(t) & np.isfinite(s)])
                for t, s in zip(theta, se, strict=True)
            ]
        )
        return float(found[0]) if self.theta.ndim == 1 else found


def _reliability(theta: FloatArray, se: FloatArray) -> float:
    if len(theta) < 2:
        return float("nan")
    spread = float(theta.var(ddof=1))
    return spread / (spread + float((se**2).mean()))


def eap(model: Any, parameters: Any, block: Any) -> tuple[FloatArray, FloatArray]:
    """Return posterior means and standard deviations (n, F)."""
    if model.specific is not None:
        return bifactor_eap(model, parameters, model.split(block.X)[0])
    resp = model.posterior(parameters, block)
    mean = resp @ model.nodes
    var = resp @ model.nodes**2 - mean**2
    return mean, np.sqrt(np.maximum(var, 0.0))


def plausible(model: Any, parameters: Any, block: Any, rng: np.random.Generator, n_draws: int) -> FloatArray:
    """Return draws (n, n_draws, F) from the posteriors: a node, then a place in the cell around it."""
    resp = model.posterior(parameters, block)
    below = np.cumsum(resp, axis=1)
    draws = np.empty((len(resp), n_draws, model.n_factors))
    step = model.grid.step if isinstance(model.grid, Equispaced) else 0.0
    for i in range(n_draws):
        picked = (rng.random((len(resp), 1)) * below[:, -1:] > below).sum(axis=1)
        jitter = rng.uniform(-0.5, 0.5, (len(resp), model.n_factors)) * step
        draws[:, i] = model.nodes[np.minimum(picked, len(model.nodes) - 1)] + jitter
    return draws


def sum_eap(model: Any, parameters: Any, block: Any) -> tuple[FloatArray, FloatArray]:
    """Return means and standard deviations (n, 1) given the sums of the codes of the items that were answered."""
    codes, group = model.split(block.X)
    seen = codes != MISSING
    total = np.where(seen, codes, 0).sum(axis=1)
    log_prob, log_weights = model.tables(parameters, block)
    prob = np.exp(log_prob)
    mean, sd = np.empty((len(codes), 1)), np.empty((len(codes), 1))
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    groups = np.zeros(len(codes), dtype=np.int32) if group is None else group
    for p, pattern in enumerate(patterns):
        chance = sum_distribution(prob, model.first, np.flatnonzero(pattern))
        for g in np.unique(groups[which.reshape(-1) == p]):
            joint = chance * np.exp(log_weights[g])
            resp = joint / joint.sum(axis=1, keepdims=True)
            first, second = resp @ model.nodes[:, 0], resp @ model.nodes[:, 0] ** 2
            rows = np.flatnonzero((which.reshape(-1) == p) & (groups == g))
            mean[rows, 0] = first[total[rows]]
            sd[rows, 0] = np.sqrt(np.maximum(second - first**2, 0.0))[total[rows]]
    return mean, sd


def sum_distribution(prob: FloatArray, first: Array, items: Array) -> FloatArray:
    """Return the probabilities (sums, q) of each sum of answers at each node (Lord & Wingersky 1984)."""
    chance = np.ones((1, prob.shape[1]))
    for j in items:
        own = prob[first[j] : first[j + 1]]
        longer = np.zeros((len(chance) + len(own) - 1, prob.shape[1]))
        for k, p in enumerate(own):
            longer[k : k + len(chance)] += chance * p
        chance = longer
    return chance


# --- modes ---

_REACH = 30.0  # a mode further out than this is infinite
_COARSE = 301
_NEWTON = 30
_BLUR = 1e-4


def mode(model: Any, parameters: Any, block: Any, method: str) -> tuple[FloatArray, FloatArray]:
    """Return modes (n, 1) of the posterior ("MAP"), the likelihood ("ML") or Warm's weighted likelihood ("WLE").

    A coarse grid brackets the mode, and Newton's method with bisection finds it.
    """
    if model.n_factors > 1:
        message = f"{method} scores are for one factor; use 'EAP' with {model.n_factors}"
        raise ParameterError(message)
    codes, group = model.split(block.X)
    slope = _Slope(model, parameters, codes, group, method, model.covariates_of(block))
    low, high = slope.bracket()
    theta = _root(slope, low, high)
    return _finished(slope, theta)


class _Slope:
    """The derivative of what is maximised, of each person at a place of her own."""

    def __init__(
        self, model: Any, parameters: Any, codes: Array, group: Array | None, method: str, covariates: Any = None
    ) -> None:
        self.model, self.parameters, self.codes, self.method = model, parameters, codes, method
        self.seen = codes != MISSING
        mean, sd = model.latent.moments(parameters.latent, model.nodes, model.log_width)
        which = np.zeros(len(codes), dtype=np.intp) if group is None or covariates is not None else group
        self.mean, self.precision = mean[which, 0], sd[which, 0] ** -2
        if covariates is not None:
            self.mean = covariates @ parameters.latent.coefficient

    def bracket(self) -> tuple[FloatArray, FloatArray]:
        """Return the ends (n,) of the steps of a coarse grid around the highest node."""
        nodes = np.linspace(-_REACH, _REACH, _COARSE)
        table = _table(self.model, self.parameters, nodes[:, None])
        height = quadrature_joint(self.codes, None, table, self.model.first, np.zeros((1, len(nodes))))
        if self.method == "MAP":
            height = height - 0.5 * (nodes - self.mean[:, None]) ** 2 * self.precision[:, None]
        if self.method == "WLE":
            information = self.seen @ _by_item(self.model, self.parameters, nodes[:, None])
            with np.errstate(divide="ignore"):
                height = height + 0.5 * np.log(information)
        top = height.argmax(axis=1)
        # far out steep curves are 1 to the last digit: the likelihood is flat, and its highest place the furthest
        top = np.where(height[:, -1] >= height.max(axis=1), len(nodes) - 1, top)
        step = nodes[1] - nodes[0]
        return nodes[top] - step, nodes[top] + step

    def at(self, theta: FloatArray) -> FloatArray:
        """Return the derivatives (n,)."""
        found = self._loglik(theta)
        if self.method == "MAP":
            return np.asarray(found - (theta - self.mean) * self.precision)
        if self.method == "WLE":
            ahead, behind = (np.log(self.information(theta + s * _BLUR)) for s in (1, -1))
            return np.asarray(found + 0.5 * (ahead - behind) / (2 * _BLUR))
        return found

    def information(self, theta: FloatArray) -> FloatArray:
        """Return the information (n,) of the items that each person answered."""
        return np.asarray((self.seen.T * _by_item(self.model, self.parameters, theta[:, None])).sum(axis=0))

    def _loglik(self, theta: FloatArray) -> FloatArray:
        total = np.zeros(len(theta))
        people = np.arange(len(theta))
        for run, own in zip(self.model.runs, self.parameters.items, strict=True):
            rise = run.by_latent(own, theta[:, None])[:, 0]
            for i, item in enumerate(run.items):
                seen = self.seen[:, item]
                total[seen] += rise[i][self.codes[seen, item], people[seen]]
        return total


def _root(slope: _Slope, low: FloatArray, high: FloatArray) -> FloatArray:
    theta = 0.5 * (low + high)
    for _ in range(_NEWTON):
        here = slope.at(theta)
        low, high = np.where(here > 0, theta, low), np.where(here > 0, high, theta)
        bend = (slope.at(theta + _BLUR) - slope.at(theta - _BLUR)) / (2 * _BLUR)
        with np.errstate(divide="ignore", invalid="ignore"):
            trial = theta - here / bend
        inside = (trial > low) & (trial < high) & (bend < 0)
        moved = np.where(inside, trial, 0.5 * (low + high))
        is_over = np.abs(moved - theta).max(initial=0.0) < 1e-10
        theta = moved
        if is_over:
            break
    return theta


def _finished(slope: _Slope, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    bend = (slope.at(theta + _BLUR) - slope.at(theta - _BLUR)) / (2 * _BLUR)
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt(-1 / bend)
    if slope.method != "MAP":
        is_lost = np.abs(theta) > _REACH - 0.5
        theta = np.where(is_lost, np.where(theta > 0, np.inf, -np.inf), theta)
        blank = ~slope.seen.any(axis=1)  # nothing is known of who answered nothing
        theta, se = np.where(blank, np.nan, theta), np.where(is_lost | blank, np.nan, se)
    return theta[:, None], se[:, None]


def _table(model: Any, parameters: Any, nodes: FloatArray) -> FloatArray:
    """Return the log-probabilities (c, q) of all categories at other nodes than the model's."""
    out = np.empty((int(model.first[-1]), len(nodes)))
    for run, own in zip(model.runs, parameters.items, strict=True):
        rows = np.concatenate([model.first[item] + np.arange(run.n_categories) for item in run.items])
        out[rows] = run.log_prob(own, nodes).reshape(-1, len(nodes))
    return out


def _by_item(model: Any, parameters: Any, nodes: FloatArray) -> FloatArray:
    """Return the information (j, q) of each item on the first factor."""
    out = np.empty((model.n_items, len(nodes)))
    for run, own in zip(model.runs, parameters.items, strict=True):
        out[list(run.items)] = run.information(own, nodes)[:, 0]
    return out
