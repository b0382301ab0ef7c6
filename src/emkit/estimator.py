"""What estimators of one model share: from the arguments to the fit, and what any fit can be asked."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Fit, Model, Online, Running, Solver, Status, following, maximise, n_free
from emkit.core.constrained import Constrained, constrain, entered
from emkit.core.model import bare
from emkit.core.problem import Problem
from emkit.data import Estimator, Source
from emkit.errors import DegenerateWarning, ParameterError, warn_convergence
from emkit.inference import Intervals, StandardErrors
from emkit.inference.answers import Kind
from emkit.randomness import generator_of

__all__ = ["ModelEstimator", "WholeFitOnly", "check_n_init", "warn_of"]

_SCHEDULE = Online()


class WholeFitOnly:
    """In place of a method of the base that makes no sense for a class: there is no such attribute."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._text = f"{owner.__name__} has no {name}: it is fitted to all rows at once"

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError(self._text)


class ModelEstimator(Estimator):
    """Base of the estimators: a subclass says which model its arguments ask for, and how its parameters are shown.

    The arguments of the climb have defaults here, so that a subclass whose constructor leaves one out still fits.
    """

    start: Any = None
    solver: Solver | Literal["auto"] = "auto"
    n_init: int | Literal["auto"] = "auto"
    tol: float = 1e-6
    max_iter: int = 1000
    random_state: Any = None
    n_threads: int | None = None
    on_iteration: Any = None
    _checkpoint: Any = None  # while `fit` runs
    _running: tuple[Fit, Running] | None = None  # the fit that `partial_fit` made, and where its stream stands
    _n_ends: int | None = None  # of each round of starts, how many climb to the end
    model_: Any
    parameters_: Any
    _held: ClassVar[dict[str, Any]] = {}  # what `emkit.constrained` holds: fix, tie, bounds and prior

    @abstractmethod
    def _model(self) -> Model:
        """Return the model that the constructor's arguments ask for, checked."""

    @abstractmethod
    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        """Set the learned attributes."""

    def _start(self, model: Any, source: Source) -> Any:
        """Return the start that was asked for, or None for the model's own."""
        return self.start

    def _check_rows(self, model: Any, source: Source) -> None:
        """Raise if the rows are too few for the model."""

    def _n_starts(self, model: Any, source: Source) -> int | Literal["auto"]:
        """Return how many starts compete."""
        return self.n_init

    def _solver(self) -> Solver | Literal["auto"]:
        """Return how to climb."""
        return self.solver

    # --- fitting ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, checkpoint: Any = None) -> Self:
        """Fit to rows `X` (n, d), with case weights (n,) if given; `y` is ignored.

        Parameters
        ----------
        X : array (n, d), data frame, Arrow table, path or Source
        sample_weight : array (n,), or the name of a column of a file
        checkpoint : path or emkit.Checkpoint, optional
            Keep the fit in this file while it runs, and go on from it where it exists, with the same bits as if it
            had never stopped.

        Raises
        ------
        DataError, DataTypeError
            If `X` or `sample_weight` is not what was expected.
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
        self._checkpoint = checkpoint
        try:
            self._run(X, sample_weight)
        finally:
            del self._checkpoint
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, schedule: Online = _SCHEDULE) -> Self:
        """Follow one more batch of rows by stepwise EM; `y` is ignored.

        The first batch is fitted as by `fit` and should be large enough to start from: it decides which component is
        which, and constants such as units and the prior. Each later one changes the running statistics, with the
        weight that `schedule` gives it, and is then forgotten. The status of the fit is `partial`: nothing converges.

        Parameters
        ----------
        X : array (n, d)
        sample_weight : array (n,), optional
        schedule : Online
            Its `exponent` and `offset`.

        References
        ----------
        Cappe & Moulines 2009, JRSS B 71:593.
        """
        if getattr(self, "fit_", None) is None:
            self.fit(X, y, sample_weight)
            return self
        self._follow(self._next_batch(X, y, sample_weight), schedule)
        return self

    def _next_batch(self, X: Any, y: Any, sample_weight: Any) -> Source:
        """Return the rows of a later batch, read as those of the first were."""
        return self._new_source(X, sample_weight, self.n_threads)

    def _follow(self, source: Source, schedule: Online) -> None:
        """Take the step of one more batch."""
        if self._running is None or self._running[0] is not self.fit_:
            known = source if self.fit_.source is None else self.fit_.source
            self._running = self.fit_, Running.after_fit(self.fit_, known)
        fit, running = following(self.fit_, self._running[1], source, schedule)
        self._adopt(fit, source)
        self._running = self.fit_, running

    def _run(self, X: Any, sample_weight: Any) -> Source:
        model = self._model()
        source = self._fit_source(X, sample_weight, self.n_threads)
        with source.held():
            self._check_rows(model, source)
            self._adopt(self._maximised(model, source), source)
        self._warn()
        return source

    def _warn(self) -> None:
        """Warn of a fit that went wrong."""
        warn_of(self.fit_, stacklevel=4)

    def _maximised(self, model: Any, source: Any) -> Fit:
        return self._climbed(model, source, self._start(model, source))

    def _climbed(self, model: Any, source: Any, start: Any) -> Fit:
        """Return the fit of a model from a start, or from its own starts, with what the constructor asks for."""
        check_n_init(self.n_init)
        held = constrain(model, **self._held)
        return maximise(
            held,
            source,
            start=entered(held, start),
            solver=self._solver(),
            n_starts=self._n_starts(model, source),
            n_ends=self._n_ends,
            tol=self.tol,
            max_iter=self.max_iter,
            rng=None if self.random_state is None else generator_of(self.random_state),
            on_iteration=self.on_iteration,
            checkpoint=self._checkpoint,
        )

    def _adopt(self, fit: Fit, source: Source) -> None:
        """Set what every fit teaches, then what the subclass shows; override to add what only the rows can tell."""
        self.fit_ = fit
        self.converged_ = fit.is_converged
        self.n_iter_ = fit.n_iter
        self.lower_bound_ = fit.objective / fit.weight
        is_held = isinstance(fit.model, Constrained)
        model = fit.model.model if is_held else fit.model
        self._adopt_parameters(bare(model), fit.parameters.inner if is_held else fit.parameters)

    # --- answers ---

    @property
    def n_parameters_(self) -> int:
        """Free parameters."""
        return n_free(self.parameters_) if getattr(self, "fit_", None) is None else self.fit_.n_free

    def summary(self, *, standard_errors: bool = False) -> str:
        """Return the fit as text: parameters, log-likelihood, criteria, status, starts; standard errors if asked."""
        from emkit.report import summary

        return summary(self, standard_errors=standard_errors)

    def standard_errors(
        self, X: Any = None, sample_weight: Any = None, *, kind: Kind = "observed", clusters: Any = None
    ) -> StandardErrors:
        """Return the standard error of every parameter (see `Fit.standard_errors`); `X` where the fit has no data."""
        self._check_fitted()
        source = None if X is None else self._new_source(X, sample_weight, self.n_threads)
        return self.fit_.standard_errors(source, kind=kind, clusters=clusters)

    def confint(
        self,
        level: float = 0.95,
        X: Any = None,
        sample_weight: Any = None,
        *,
        kind: Kind = "observed",
        clusters: Any = None,
    ) -> Intervals:
        """Return intervals for every parameter (see `Fit.confint`); `X` where the fit has no data."""
        self._check_fitted()
        source = None if X is None else self._new_source(X, sample_weight, self.n_threads)
        return self.fit_.confint(level, source, kind=kind, clusters=clusters)

    def _loglik(self, source: Source) -> float:
        return Problem(self.model_, source).evaluate(self.parameters_).loglik


def check_n_init(n_init: Any) -> None:
    """Raise unless `n_init` is a number of starts or "auto", also where one start is made whatever it is."""
    is_whole = isinstance(n_init, (int, np.integer)) and not isinstance(n_init, bool)
    if not (isinstance(n_init, str) and n_init == "auto") and not (is_whole and n_init >= 1):
        message = f'`n_init` must be an integer of at least 1 or "auto", got {n_init!r}'
        raise ParameterError(message)


def warn_of(fit: Fit, stacklevel: int = 2) -> None:
    """Warn of a fit that collapsed or did not converge."""
    if fit.status.is_success:
        return
    if fit.status is Status.DEGENERATE:
        warnings.warn(" ".join(fit.notes) or fit.status.help, DegenerateWarning, stacklevel=stacklevel + 1)
    else:
        warn_convergence(fit.status.help, stacklevel=stacklevel + 1)
