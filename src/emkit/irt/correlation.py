"""Factors that correlate: a normal distribution of several factors whose variances are one.

With S the second moments that the mass of the nodes has beyond the model's, and P the inverse of the correlations R,

    d/dR sum_q (mass_q - N w_q) log phi(x_q; R) = P S P / 2,

and the M-step is Fisher scoring in the correlations, whose information is N times the covariance of (P x)_f (P x)_g.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_softmax

from emkit.core.arrays import Array, FloatArray
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Correlation
from emkit.irt.latent import Latent

__all__ = ["CorrelatedNormal", "CorrelatedParameters"]

_STEPS, _HALVINGS = 20, 20
_EXACT = 1e-12
_ROUNDING = 1e-14
_MOST = 0.999  # correlations beyond are not tried in a step: factors that close are one


@dataclass(frozen=True)
class CorrelatedParameters(Parameters):
    """Correlations (F, F) of the factors."""

    correlation: Array = space(Correlation())


@dataclass(frozen=True)
class CorrelatedNormal(Latent):
    """A normal distribution of several factors with variances of one and free correlations."""

    is_even: ClassVar[bool] = True

    def start(self, nodes: FloatArray) -> CorrelatedParameters:
        return CorrelatedParameters(np.eye(nodes.shape[1]))

    def log_weights(self, parameters: CorrelatedParameters, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
        return _log_weights(parameters.correlation, nodes, log_width)[None]

    def m_step(
        self, parameters: CorrelatedParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> CorrelatedParameters:
        share = statistics.mass[0] / statistics.mass[0].sum()
        correlation = np.asarray(parameters.correlation, dtype=np.float64)
        value = float(share @ _log_weights(correlation, nodes, log_width))
        for _ in range(_STEPS):
            step = _step(correlation, share, nodes, log_width)
            if np.abs(step).max(initial=0.0) < _EXACT:
                break
            for _ in range(_HALVINGS):
                trial = correlation + step
                if np.abs(trial - np.eye(len(trial))).max() < _MOST and np.linalg.eigvalsh(trial)[0] > 1 - _MOST:
                    after = float(share @ _log_weights(trial, nodes, log_width))
                    if after >= value - _ROUNDING:
                        break
                step = step / 2
            else:
                break
            correlation, value = trial, after
        return CorrelatedParameters(correlation)

    def score(
        self, parameters: CorrelatedParameters, statistics: Any, nodes: FloatArray, log_width: FloatArray
    ) -> CorrelatedParameters:
        mass = statistics.mass[0]
        left = mass - mass.sum() * np.exp(_log_weights(parameters.correlation, nodes, log_width))
        turned = np.linalg.solve(parameters.correlation, nodes.T)
        return CorrelatedParameters(0.5 * (turned * left) @ turned.T)

    def moments(
        self, parameters: CorrelatedParameters, nodes: FloatArray, log_width: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        shape = (1, nodes.shape[1])
        return np.zeros(shape), np.ones(shape)

    def correlation(self, parameters: CorrelatedParameters) -> FloatArray:
        return np.asarray(parameters.correlation)

    def mixed(self, parameters: CorrelatedParameters, draws: FloatArray) -> FloatArray:
        return np.asarray(draws @ np.linalg.cholesky(parameters.correlation).T)

    def turned(self, parameters: CorrelatedParameters, turn: FloatArray) -> CorrelatedParameters:
        return CorrelatedParameters(parameters.correlation * np.outer(turn, turn))


def _log_weights(correlation: FloatArray, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
    square = (nodes.T * np.linalg.solve(correlation, nodes.T)).sum(axis=0)
    return np.asarray(log_softmax(log_width - 0.5 * square))


def _step(correlation: FloatArray, share: FloatArray, nodes: FloatArray, log_width: FloatArray) -> FloatArray:
    """Return the step (F, F) of Fisher scoring, symmetric with a diagonal of zero."""
    weights = np.exp(_log_weights(correlation, nodes, log_width))
    turned = np.linalg.solve(correlation, nodes.T)
    rows, columns = np.tril_indices(len(correlation), -1)
    basis = turned[rows] * turned[columns]
    centred = basis - (basis @ weights)[:, None]
    found = np.linalg.solve((centred * weights) @ centred.T, centred @ share)
    step = np.zeros_like(correlation)
    step[rows, columns] = step[columns, rows] = found
    return step
