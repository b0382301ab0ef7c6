"""Laws of fits that stop and go on, and of rows that are not in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from emkit.core import Checkpoint, Iteration, Model, Online, Running, following, leaves, maximise
from emkit.data import as_source, scan
from emkit.testing.records import demand, first_start, ready

__all__ = ["check_partial", "check_resumes", "check_streams"]


class _Halt(Exception):
    """Stands for whatever ends a fit half way."""


def check_resumes(model: Model, X: Any, *, seed: int = 0) -> None:
    """A fit that was stopped half way and goes on from its checkpoint ends with the bits of one that was not."""
    options: dict[str, Any] = {"rng": seed, "n_starts": 2, "max_iter": 12}
    whole = maximise(model, as_source(X), **options)
    with tempfile.TemporaryDirectory() as folder:
        kept = Checkpoint(Path(folder) / "fit.emkit", every_iterations=2)
        with suppress(_Halt):
            maximise(model, as_source(X), checkpoint=kept, on_iteration=_halting(9), **options)
        resumed = maximise(model, as_source(X), checkpoint=kept, **options)
    same = all(
        np.array_equal(mine.value, theirs.value, equal_nan=True)
        for mine, theirs in zip(leaves(resumed.parameters), leaves(whole.parameters), strict=True)
    )
    law = "a fit that goes on has the bits of one that never stopped"
    demand(law, same and resumed.loglik == whole.loglik, f"{resumed.loglik!r}, not {whole.loglik!r}")
    demand(law, resumed.n_e_steps == whole.n_e_steps, f"{resumed.n_e_steps} E-steps, not {whole.n_e_steps}")


def _halting(after: int) -> Callable[[Iteration], None]:
    left = [after]

    def watch(info: Iteration) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise _Halt

    return watch


def check_streams(model: Model, X: Any, *, n_rows: int = 20_000, seed: int = 0, tol: float = 1e-9) -> None:
    """A fit to rows that are read in batches is that to the same rows in memory."""
    if not isinstance(X, np.ndarray):
        return
    rows = np.resize(X, (n_rows, X.shape[1]))
    streamed = scan(lambda: (rows[i : i + 7001] for i in range(0, n_rows, 7001)), memory_limit=0)
    start = first_start(*ready(model, X), seed)
    fits = [maximise(model, source, start=start, max_iter=3) for source in (streamed, as_source(rows))]
    here, there = fits[1].loglik, fits[0].loglik
    demand("rows read in batches are rows", abs(there - here) <= tol * max(1.0, abs(here)), f"{there!r}, not {here!r}")


def check_partial(model: Model, X: Any, *, seed: int = 0, tol: float = 0.1) -> None:
    """After a fit, the same rows once more as a batch change next to nothing: the running statistics are theirs.

    Passed over for a model with a prior, which counts for less the more rows have been seen.
    """
    fit = maximise(model, as_source(X), rng=seed, n_starts=1)
    if fit.objective != fit.loglik:
        return
    later, _ = following(fit, Running.after_fit(fit, fit.source), fit.source, Online())
    gap = fit.loglik - later.loglik
    demand("the same batch again changes nothing", gap <= tol, f"the log-likelihood fell by {gap:.3g}")
