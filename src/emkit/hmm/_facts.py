"""Facts of a fitted hidden Markov model: criteria, long-run shares, durations, how the climb went."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.parameters import n_free
from emkit.estimator import ModelEstimator
from emkit.hmm.model import HiddenMarkov, HiddenMarkovParameters
from emkit.hmm.stationary import stationary_distribution

__all__ = ["HiddenMarkovFacts", "Monitor"]


@dataclass(frozen=True)
class Monitor:
    """Whether a climb converged, its iterations, and the objective after each, the start's first."""

    converged: bool
    iter: int
    history: tuple[float, ...]


class HiddenMarkovFacts(ModelEstimator):
    """What parameters say by themselves, and criteria of data."""

    @abstractmethod
    def _now(self) -> tuple[HiddenMarkov, HiddenMarkovParameters]:
        """Return model and parameters as they stand."""

    @abstractmethod
    def _source(self, X: Any, lengths: Any, sequence: Any, time: Any) -> Any:
        """Return new sequences, checked."""

    def aic(self, X: Any, lengths: Any = None) -> float:
        """Return Akaike's criterion on `X`; smaller is better."""
        total = self._each(self._source(X, lengths, None, None)).sum()
        return float(-2 * total + 2 * self.n_parameters_)

    def bic(self, X: Any, lengths: Any = None) -> float:
        """Return Schwarz's criterion on `X`, which counts rows; smaller is better."""
        source = self._source(X, lengths, None, None)
        return float(-2 * self._each(source).sum() + self.n_parameters_ * np.log(source.n_rows))

    @property
    def n_parameters_(self) -> int:
        """Free parameters; those of the fit, which knows what was held or tied, unless some were set by hand since."""
        parameters, fit = self._now()[1], getattr(self, "fit_", None)
        if fit is not None and getattr(fit.parameters, "inner", fit.parameters) is parameters:
            return int(fit.n_free)
        return n_free(parameters)

    @property
    def stationary_(self) -> FloatArray:
        """Long-run share (k,) of each state."""
        return stationary_distribution(self._now()[1].chain.trans)

    def get_stationary_distribution(self) -> FloatArray:
        """Return `stationary_`, by hmmlearn's name."""
        return self.stationary_

    @property
    def monitor_(self) -> Monitor:
        """How the climb went, by hmmlearn's names; `fit_` says more."""
        self._check_fitted()
        fit = self.fit_
        return Monitor(fit.is_converged, fit.n_iter, tuple(float(value) for value in fit.trace.objective))

    @property
    def expected_durations_(self) -> FloatArray:
        """Mean number of rows (k,) for which each state lasts; infinite for an absorbing one."""
        with np.errstate(divide="ignore"):
            return np.asarray(1 / (1 - self._now()[1].chain.trans.diagonal()))

    # --- helpers ---

    def _each(self, source: Any) -> FloatArray:
        model, parameters = self._now()
        return np.concatenate(source.map(lambda block: model.log_density(parameters, block)))
