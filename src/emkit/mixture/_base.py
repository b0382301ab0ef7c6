"""What the estimators of mixtures share: fitting, and the answers of a fitted mixture."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np

from emkit.core import Fit, maximise
from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.problem import Problem
from emkit.data import Estimator, Source
from emkit.errors import DegenerateWarning, ParameterError, warn_convergence
from emkit.families.base import Family
from emkit.mixture.given import start_from
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["MixtureEstimator"]


class MixtureEstimator(Estimator):
    """Base of the estimators: a subclass says which family, and how its parameters are shown."""

    _count_name: ClassVar[str] = "n_components"  # the argument that says how many components
    weight_concentration: float
    start: Any
    solver: Any
    n_init: Any
    tol: float
    max_iter: int
    random_state: Any
    n_threads: int | None
    on_iteration: Any
    model_: Any
    parameters_: Any

    @abstractmethod
    def _family(self) -> Family:
        """Return the family that the constructor's arguments ask for."""

    @abstractmethod
    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        """Set the learned attributes."""

    def _start(self, model: FiniteMixture, source: Source) -> MixtureParameters | None:
        """Return the start that was asked for, or None."""
        return None if self.start is None else start_from(self.start, model, source)

    # --- fitting ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture to rows `X` (n, d), with case weights (n,) if given; `y` is ignored.

        Raises
        ------
        DataError, DataTypeError
            If `X` or `sample_weight` is not what was expected.
        ParameterError
            If a constructor argument is out of range.

        Warns
        -----
        ConvergenceWarning
            If the fit did not converge; `fit_.status.help` says what to do.
        DegenerateWarning
            If a component collapsed; the warning names it.
        """
        self._run(X, sample_weight)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, and return the most probable component (n,) of each row."""
        return self._labels(self._run(X, sample_weight))

    def _run(self, X: Any, sample_weight: Any) -> Source:
        model = self._model()
        source = self._fit_source(X, sample_weight, self.n_threads)
        n_rows = int(np.count_nonzero(source.weights)) if source.is_weighted else source.n_rows  # type: ignore[attr-defined]
        if n_rows < model.n_components:
            message = (
                f"`X` has {n_rows} rows (of positive weight) but `{self._count_name}` is {model.n_components}; "
                f"use at most {n_rows} or more rows"
            )
            raise ParameterError(message)
        self._adopt(self._maximised(model, source))
        self._warn()
        return source

    def _model(self) -> FiniteMixture:
        k = getattr(self, self._count_name)
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            message = f"`{self._count_name}` must be an integer of at least 1, got {k!r}"
            raise ParameterError(message)
        if not self.weight_concentration > 0:
            message = f"`weight_concentration` must be positive, got {self.weight_concentration!r}"
            raise ParameterError(message)
        return FiniteMixture(self._family(), int(k), float(self.weight_concentration))

    def _maximised(self, model: FiniteMixture, source: Source) -> Fit:
        start = self._start(model, source)
        return maximise(
            model,
            source,
            start=start,
            solver=self.solver,
            n_starts=1 if model.n_components == 1 else self.n_init,
            tol=self.tol,
            max_iter=self.max_iter,
            rng=_generator(self.random_state),
            on_iteration=self.on_iteration,
        )

    def _adopt(self, fit: Fit) -> None:
        self.fit_ = fit
        self.converged_ = fit.is_converged
        self.n_iter_ = fit.n_iter
        self.lower_bound_ = fit.objective / fit.weight
        self._adopt_parameters(fit.model, fit.parameters)

    def _warn(self) -> None:
        fit = self.fit_
        if fit.status.is_success:
            return
        import warnings

        from emkit.core import Status

        if fit.status is Status.DEGENERATE:
            warnings.warn(" ".join(fit.notes) or fit.status.help, DegenerateWarning, stacklevel=4)
        else:
            warn_convergence(fit.status.help, stacklevel=4)

    # --- answers ---

    def predict(self, X: Any) -> IntArray:
        """Return the most probable component (n,) of each row."""
        return self._labels(self._new_source(X, None, self.n_threads))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability (n, k) of each component for each row."""
        source = self._new_source(X, None, self.n_threads)
        return np.concatenate(source.map(lambda block: self.model_.posterior(self.parameters_, block)))

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-density (n,) of each row (of its observed entries)."""
        source = self._new_source(X, None, self.n_threads)
        return np.concatenate(source.map(lambda block: self.model_.log_density(self.parameters_, block)))

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
        rng = _generator(self.random_state if random_state is None else random_state)
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
        entropy = sum(source.map(lambda block: _entropy(self.model_.posterior(self.parameters_, block))))
        return self.bic(X) + 2 * float(entropy)

    @property
    def n_parameters_(self) -> int:
        """Free parameters."""
        from emkit.core import n_free

        return n_free(self.parameters_)

    def summary(self) -> str:
        """Return the fit as text: parameters, log-likelihood, criteria, status, starts."""
        from emkit.report import summary

        return summary(self)

    # --- helpers ---

    def _labels(self, source: Source) -> IntArray:
        parts = source.map(lambda block: self.model_.log_joint(self.parameters_, block).argmax(axis=1))
        return np.asarray(np.concatenate(parts), dtype=np.intp)

    def _loglik(self, source: Source) -> float:
        return Problem(self.model_, source).evaluate(self.parameters_).loglik


def _entropy(resp: Array) -> float:
    return float(-(resp * np.log(np.where(resp > 0, resp, 1.0))).sum())


def _generator(random_state: Any) -> np.random.Generator:
    """Return a generator from what scikit-learn calls a random state."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1, size=4))
    return np.random.default_rng(random_state)
