"""Modes of one latent variable: where each person's posterior, likelihood or weighted likelihood is highest."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.irt.coding import MISSING
from emkit.kernels.quadrature import quadrature_joint

__all__ = ["mode"]

_REACH = 30.0  # a mode further out than this is infinite
_COARSE = 301
_NEWTON = 30
_BLUR = 1e-4


def mode(model: Any, parameters: Any, block: Any, method: str) -> tuple[FloatArray, FloatArray]:
    """Return modes (n, 1) of posterior ("MAP"), likelihood ("ML") or Warm's weighted likelihood ("WLE"), and variances.

    A coarse grid brackets the mode, and Newton's method with bisection finds it.
    """
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
            self.mean = model.latent.predicted(parameters.latent, covariates)[:, 0]

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
        var = np.where(bend < 0, -1 / bend, np.nan)
    if slope.method != "MAP":
        is_lost = np.abs(theta) > _REACH - 0.5
        theta = np.where(is_lost, np.where(theta > 0, np.inf, -np.inf), theta)
        blank = ~slope.seen.any(axis=1)  # nothing is known of who answered nothing
        theta, var = np.where(blank, np.nan, theta), np.where(is_lost | blank, np.nan, var)
    return theta[:, None], var[:, None]


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
