"""Laws that need to be told something: an independent likelihood, a truth, or that the data are continuous."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from emkit.core import Model, Problem, Status, maximise
from emkit.core.model import Offer, offered
from emkit.data import as_source
from emkit.errors import SavedFitError
from emkit.testing.records import LawBroken, demand, first_start, ready, worst_gap

__all__ = [
    "check_brute_force",
    "check_constant_column",
    "check_recovery",
    "check_save_and_load",
    "check_shift_and_scale",
]


def check_brute_force(
    model: Model, X: Any, loglik: Callable[[Any, Any], float], *, seed: int = 0, tol: float = 1e-10
) -> None:
    """The log-likelihood equals one worked out independently, `loglik(parameters, X)`, on (tiny) data."""
    ready_model, source = ready(model, X)
    parameters = first_start(ready_model, source, seed)
    told, found = Problem(ready_model, source).evaluate(parameters).loglik, loglik(parameters, np.asarray(X))
    demand(
        "the log-likelihood is right", abs(told - found) <= tol * max(1.0, abs(found)), f"{told:.12g}, not {found:.12g}"
    )


def check_shift_and_scale(
    model: Model, X: Any, *, shift: float = 1e6, scale: float = 1e-3, seed: int = 0, tol: float = 1e-5
) -> None:
    """A change of unit and origin of continuous data changes the log-likelihood by its Jacobian alone."""
    rows = np.asarray(X, dtype=np.float64)
    moved = rows * scale + shift * scale
    n_observed = float(np.count_nonzero(~np.isnan(rows)))
    here, there = (maximise(model, as_source(data), rng=seed) for data in (rows, moved))
    gap = abs(here.loglik - (there.loglik + n_observed * np.log(scale)))
    demand("shift and scale are the Jacobian", gap <= tol * max(1.0, abs(here.loglik)) ** 0.5, f"off by {gap:.3g}")
    demand("shift and scale keep the status", here.status is there.status, f"{here.status} and {there.status}")


def check_recovery(
    model: Model,
    truth: Any,
    *,
    distance: Callable[[Any, Any], float],
    n: int = 2000,
    tol: float = 0.2,
    seed: int = 0,
) -> None:
    """Data simulated from `truth` lead back to it, while the start does not lie there.

    `distance(parameters, truth)` is small for what is as good as equal (labels matched).
    """
    sample = offered(model, Offer.SAMPLE)
    demand("a simulated truth is recovered", sample is not None, "the model has no `sample`")
    assert sample is not None
    drawn = sample(truth, n, np.random.default_rng(seed))
    rows = drawn[0] if isinstance(drawn, tuple) else drawn
    ready_model, source = ready(model, rows)
    start = first_start(ready_model, source, seed)
    fit = maximise(model, as_source(rows), rng=seed)
    above = fit.loglik - Problem(fit.model, source).evaluate(truth).loglik
    demand("the fit is at least as likely as the truth", above >= -1e-6, f"it lies {-above:.3g} below")
    begun, ended = distance(start, truth), distance(fit.parameters, truth)
    demand("a simulated truth is recovered", ended <= tol, f"the fit ends {ended:.3g} away")
    demand("the start is not the answer", begun > ended, f"the start is {begun:.3g} away, the fit {ended:.3g}")


def check_save_and_load(model: Model, X: Any, *, seed: int = 0) -> None:
    """A saved fit loads with the same numbers and the same log-likelihood, also on rows kept in the file."""
    from emkit.io import load, save

    fit = maximise(model, as_source(X), rng=seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "law.emkit"
        save(fit, path, probe=np.asarray(X))
        try:
            again = load(path, models=_classes(fit.model) | _classes(fit.parameters))
        except SavedFitError as error:
            broken = f"law broken: a saved fit loads unchanged: {error}"
            raise LawBroken(broken) from error
    where, gap = worst_gap(again.parameters, fit.parameters)
    demand("a saved fit loads unchanged", gap == 0.0, f"`{where}` differs by {gap:.3g}")
    demand("a saved fit loads unchanged", again.loglik == fit.loglik, f"{again.loglik!r} for {fit.loglik!r}")
    demand("a saved fit loads unchanged", again.status is fit.status, f"{again.status} for {fit.status}")


def _classes(record: Any) -> set[type]:
    """Return the classes from outside emkit that a record is made of."""
    if isinstance(record, tuple):
        return set().union(*map(_classes, record))
    if not dataclasses.is_dataclass(record):
        return set()
    inner = [_classes(getattr(record, field.name)) for field in dataclasses.fields(record)]
    own = set() if type(record).__module__.startswith("emkit.") else {type(record)}
    return own.union(*inner)


def check_constant_column(model: Model, X: Any, *, value: float = 7.0, seed: int = 0) -> None:
    """A column that never changes tells nothing: the fit survives and its components stay the same."""
    rows = np.asarray(X, dtype=np.float64)
    wide = np.column_stack([rows, np.full(len(rows), value)])
    plain, fit = (maximise(model, as_source(data), rng=seed) for data in (rows, wide))
    demand("constant columns survive", np.isfinite(fit.loglik), f"the log-likelihood is {fit.loglik}")
    demand("constant columns survive", fit.status is Status.CONVERGED, f"the status is {fit.status}")
    mix, wide_mix = (getattr(f.parameters, "mix", np.zeros(1)) for f in (plain, fit))
    gap = float(np.abs(mix - wide_mix).max())
    demand("constant columns tell nothing", gap <= 1e-4, f"mixing proportions move by {gap:.3g}")
