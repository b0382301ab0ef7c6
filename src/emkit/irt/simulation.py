"""Simulated people and answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["answers_at", "draw_latent", "information_at", "log_prob_at"]


def draw_latent(model: Any, parameters: Any, n: int, rng: np.random.Generator) -> FloatArray:
    """Return latent variables (n, F) of people of the first group; (n, 1 + S) of a bifactor model."""
    if not model.latent.is_normal:
        weights = np.exp(model.latent.log_weights(parameters.latent, model.nodes, model.log_width))[0]
        return np.asarray(model.nodes[rng.choice(len(weights), size=n, p=weights / weights.sum())])
    mean, sd = model.latent_moments(parameters)
    draws = rng.standard_normal((n, mean.shape[1]))
    return np.asarray(mean[0] + sd[0] * model.latent.mixed(parameters.latent, draws))


def answers_at(model: Any, parameters: Any, theta: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return answers (n, n_items) of people at `theta` (n, F)."""
    answers = np.empty((len(theta), model.n_items))
    for run, own in zip(model.runs, parameters.items, strict=True):
        below = np.cumsum(np.exp(log_prob_at(model, run, own, theta)), axis=1)[:, :-1]
        answers[:, list(run.items)] = (rng.random((run.n_items, 1, len(theta))) > below).sum(axis=1).T
    return answers


def log_prob_at(model: Any, run: Any, own: Any, theta: FloatArray) -> FloatArray:
    """Return log-probabilities (m, K, n) of a run at places (n, F), (n, 1 + S) in a bifactor model."""
    if model.specific is None:
        return np.asarray(run.log_prob(own, theta))
    out = np.empty((run.n_items, run.n_categories, len(theta)))
    for _, mine, at in _planes(model, run, theta):
        out[mine] = run.log_prob(own, at)[mine]
    return out


def information_at(model: Any, run: Any, own: Any, theta: FloatArray, factor: int) -> FloatArray:
    """Return the information (m, n) of a run on a factor at places (n, F), (n, 1 + S) in a bifactor model."""
    if model.specific is None:
        return np.asarray(run.information(own, theta)[:, factor])
    out = np.zeros((run.n_items, len(theta)))
    for s, mine, at in _planes(model, run, theta):
        if factor in (0, 1 + s):
            out[mine] = run.information(own, at)[mine, min(factor, 1)]
    return out


def _planes(model: Any, run: Any, theta: FloatArray) -> Iterator[tuple[int, list[int], FloatArray]]:
    """Yield each specific factor, -1 for none, the items of a run on it, and their places (n, 2): general, own."""
    for s in set(model.specific):
        mine = [i for i, item in enumerate(run.items) if model.specific[item] == s]
        if mine:
            yield s, mine, np.stack([theta[:, 0], theta[:, 1 + s] if s >= 0 else np.zeros(len(theta))], axis=1)
