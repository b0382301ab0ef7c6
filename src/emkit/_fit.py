"""`emkit.fit`: any model on any data, from the door to the `Fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from emkit.core import Fit, Model, Solver, maximise
from emkit.core.constrained import constrain, entered
from emkit.core.model import takes_device
from emkit.data import Source, as_source
from emkit.errors import ParameterError

__all__ = ["fit"]


def fit(
    model: Model,
    data: Any,
    *,
    sample_weight: Any = None,
    start: Any = None,
    solver: Solver | Literal["auto"] = "auto",
    n_starts: int | Literal["auto"] = "auto",
    tol: float = 1e-6,
    max_iter: int = 1000,
    max_e_steps: int | None = None,
    max_seconds: float | None = None,
    rng: Any = None,
    on_iteration: Any = None,
    n_threads: int | None = None,
    checkpoint: Any = None,
    fix: Mapping[str, Any] | None = None,
    tie: Sequence[Sequence[str]] | None = None,
    bounds: Mapping[str, Any] | None = None,
    prior: Mapping[str, Any] | None = None,
) -> Fit:
    """Fit any model, your own included, to a table of rows.

    Parameters
    ----------
    model : Model
        What to fit: choices only.
    data : array (n, d), data frame or Source
        One row per unit; NaN and null are missing. A row reaches the model's E-step as part of `block.X`, with its
        weight in `block.weights`.
    sample_weight : array (n,), optional
        Case weights, not negative: a weight of two is the row twice, a weight of zero is no row.
    start : Parameters, optional
        Climb from here alone.
    solver : Solver or "auto"
        `EM()`, `QuasiNewton()`, `Squarem()` or `Anderson()`.
    n_starts : int or "auto"
        How many starts compete.
    tol : float, default 1e-6
        Log-likelihood still to be gained, as predicted from the last steps, at which to stop. A gain of e leaves the
        parameters within about sqrt(2 e) of their own standard errors from the optimum.
    max_iter, max_e_steps, max_seconds : numbers, optional
        Limits; reaching one is a status, not convergence.
    rng : Generator, int or None
        Seeds the starts.
    on_iteration : callable, optional
        Called with an `Iteration` after each step; returning True stops the fit.
    n_threads : int, optional
        Threads over blocks; changes the speed and not one bit of the result.
    checkpoint : path or emkit.Checkpoint, optional
        Keep the fit in this file while it runs, and go on from it where it exists, with the same bits as if it had
        never stopped.
    fix : mapping of name to number or array, optional
        Parameters that are held: `{"members.mean[0, 1]": 0.0}`. Names are those of the arrays of the parameters, of
        parts of them or of single entries (`fit.standard_errors().names`).
    tie : sequence of sequences of names, optional
        Parameters of each group are equal: `[("members.cov[0]", "members.cov[1]")]`.
    bounds : mapping of name to (low, high), optional
        None is no bound.
    prior : mapping of name to prior, optional
        `NormalPrior`, `GammaPrior`, `LogNormalPrior`, `BetaPrior`, `DirichletPrior`, or a function of the array that
        returns its log-density. The fit is then the posterior mode.

    Returns
    -------
    Fit

    Raises
    ------
    DataError, DataTypeError
        If the data or weights are not what was expected.
    ParameterError
        If an option or the start is out of range.
    SavedFitError
        If the checkpoint is that of another model, other data or another version, or cannot be written.

    Examples
    --------
    >>> import emkit
    >>> from emkit.mixture import FiniteMixture
    >>> table = emkit.load_data("faithful")
    >>> done = emkit.fit(FiniteMixture(n_components=2), table.numeric()[0], rng=0)
    >>> round(done.loglik, 3)
    -1130.264
    """
    if not isinstance(model, Model):
        message = f"`model` must be an emkit.Model, got {model!r}"
        if hasattr(model, "get_params"):
            message += "; an estimator is fitted by its own method, `.fit(X)`"
        raise ParameterError(message)
    source = data if isinstance(data, Source) else _opened(model, data, sample_weight, n_threads)
    model = constrain(model, fix=fix, tie=tie, bounds=bounds, prior=prior)
    with source.held():
        return maximise(
            model,
            source,
            start=entered(model, start),
            solver=solver,
            n_starts=n_starts,
            tol=tol,
            max_iter=max_iter,
            max_e_steps=max_e_steps,
            max_seconds=max_seconds,
            rng=rng,
            on_iteration=on_iteration,
            checkpoint=checkpoint,
        )


def _opened(model: Model, data: Any, sample_weight: Any, n_threads: int | None) -> Source:
    return as_source(data, sample_weight, allow_device=takes_device(model), n_threads=n_threads)
