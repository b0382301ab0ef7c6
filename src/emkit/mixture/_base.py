"""What the estimators of mixtures share: fitting, and the answers of a fitted mixture."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Fit
from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data import Source
from emkit.errors import ParameterError
from emkit.estimator import ModelEstimator
from emkit.families.base import Family
from emkit.kernels.foreign import highest, host, namespace
from emkit.mixture._known_door import Known
from emkit.mixture.given import start_from
from emkit.mixture.model import FiniteMixture, MixtureParameters
from emkit.randomness import generator_of

__all__ = ["MixtureEstimator"]


class MixtureEstimator(ModelEstimator):
    """Base of the estimators: a subclass says which family, and how its parameters are shown."""

    _count_name: ClassVar[str] = "n_components"  # the argument that says how many components
    weight_concentration: float
    _known = Known()  # while `fit` runs

    @abstractmethod
    def _family(self) -> Family:
        """Return the family that the constructor's arguments ask for."""

    def _model(self) -> FiniteMixture:
        k = getattr(self, self._count_name)
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            message = f"`{self._count_name}` must be an integer of at least 1, got {k!r}"
            raise ParameterError(message)
        if not self.weight_concentration > 0:
            message = f"`weight_concentration` must be positive, got {self.weight_concentration!r}"
            raise ParameterError(message)
        return FiniteMixture(self._family(), int(k), float(self.weight_concentration))

    def _takes_device(self) -> bool:
        return self._family().takes_device

    def _start(self, model: FiniteMixture, source: Source) -> MixtureParameters | None:
        return None if self.start is None else start_from(self.start, model, source)

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        labels: Any = None,
        groups: Any = None,
        checkpoint: Any = None,
    ) -> Self:
        """Fit to rows `X` (n, d), with case weights (n,) if given; `y` is ignored.

        Parameters
        ----------
        X : array (n, d), data frame, Arrow table, path or Source
        sample_weight : array (n,), or the name of a column of a file
        labels : array (n,), optional
            Components that are known, numbered from 0; -1, NaN or None where they are not. The components then keep
            these numbers.
        groups : array (n,), optional
            Rows with the same entry belong to one component, whichever; NaN or None is a row on its own.
        checkpoint : path or emkit.Checkpoint, optional
            Keep the fit in this file while it runs, and go on from it where it exists, with the same bits as if it
            had never stopped.

        Raises
        ------
        DataError, DataTypeError
            If `X`, `sample_weight`, `labels` or `groups` is not what was expected.
        ParameterError
            If a constructor argument is out of range.
        SavedFitError
            If the checkpoint is that of another model, other data or another version, or cannot be written.

        Warns
        -----
        ConvergenceWarning
            If the fit did not converge; `fit_.status.help` says what to do.
        DegenerateWarning
            If a part of the model collapsed; the warning names it.
        """
        self._known = Known(labels, groups)
        try:
            super().fit(X, y, sample_weight, checkpoint=checkpoint)
        finally:
            del self._known
        return self

    def _maximised(self, model: Any, source: Any) -> Fit:
        start = self._start(model, source)
        if not self._known:
            return self._climbed(model, source, start)
        fit: Fit = self._known.fitted(model, source.on_host(), lambda told, rows: self._climbed(told, rows, start))
        return fit

    def _n_starts(self, model: FiniteMixture, source: Source) -> int | Literal["auto"]:
        return 1 if model.n_components == 1 else self.n_init

    def _check_rows(self, model: FiniteMixture, source: Source) -> None:
        n_rows = source.n_used
        if n_rows < model.n_components:
            message = (
                f"`X` has {n_rows} rows (of positive weight) but `{self._count_name}` is {model.n_components}; "
                f"use at most {n_rows} or more rows"
            )
            raise ParameterError(message)

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, and return the most probable component (n,) of each row."""
        return self._labels(self._run(X, sample_weight))

    # --- answers ---

    def predict(self, X: Any) -> IntArray:
        """Return the most probable component (n,) of each row."""
        return self._labels(self._new_source(X, None, self.n_threads))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability (n, k) of each component for each row."""
        source = self._new_source(X, None, self.n_threads)
        model, parameters = self.model_, self.parameters_
        resp: FloatArray = source.joined(lambda block: model.posterior(parameters, block))
        return resp

    def uncertainty(self, X: Any) -> FloatArray:
        """Return one less the probability (n,) of the most probable component: how unsure each label is."""
        resp = self.predict_proba(X)
        unsure: FloatArray = 1 - namespace(resp).max(resp, axis=1)
        return unsure

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-density (n,) of each row (of its observed entries)."""
        source = self._new_source(X, None, self.n_threads)
        model, parameters = self.model_, self.parameters_
        density: FloatArray = source.joined(lambda block: model.log_density(parameters, block))
        return density

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-density per row; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        return self._loglik(source) / source.total_weight

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[FloatArray, IntArray]:
        """Return new rows (n, d) and their components (n,), in random order."""
        self._check_fitted()
        if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
            message = f"Invalid value for 'n_samples': {n_samples!r}. It must be an integer of at least 1."
            raise ParameterError(message)
        rng = generator_of(self.random_state if random_state is None else random_state)
        rows, labels = self.model_.sample(self.parameters_, int(n_samples), rng)
        return rows, np.asarray(labels, dtype=np.intp)

    def aic(self, X: Any) -> float:
        """Return Akaike's criterion on `X`; smaller is better."""
        return -2 * self._loglik(self._new_source(X, None, self.n_threads)) + 2 * self.n_parameters_

    def bic(self, X: Any) -> float:
        """Return Schwarz's criterion on `X`; smaller is better."""
        source = self._new_source(X, None, self.n_threads)
        return float(-2 * self._loglik(source) + self.n_parameters_ * np.log(source.total_weight))

    def icl(self, X: Any) -> float:
        """Return the integrated completed likelihood, BIC plus twice the entropy of the labels; smaller is better.

        References
        ----------
        Biernacki, Celeux & Govaert 2000, IEEE PAMI 22:719.
        """
        source = self._new_source(X, None, self.n_threads)
        model, parameters = self.model_, self.parameters_
        entropy = sum(source.map(lambda block: _entropy(host(model.posterior(parameters, block)))))
        return self.bic(X) + 2 * float(entropy)

    # --- helpers ---

    def _labels(self, source: Source) -> IntArray:
        model, parameters = self.model_, self.parameters_
        labels: IntArray = source.joined(lambda block: highest(model.log_joint(parameters, block)))
        return labels


def _entropy(resp: Array) -> float:
    return float(-(resp * np.log(np.where(resp > 0, resp, 1.0))).sum())
