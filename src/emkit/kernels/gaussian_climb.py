"""Several EM steps of a Gaussian mixture in one call, for few rows: plain, or accelerated on the expected statistics.

A climb is in a *state*, one flat array of parameters and of the moments of an E-step there; `Layout` says where what
lies. Accelerated steps have a *memory*, another flat array, all zero at first: limited-memory BFGS on the expected
statistics, which are vectors of the same shape whatever the structure of the covariances.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from emkit.kernels._dispatch import native
from emkit.kernels.covariance import Form
from emkit.kernels.twins import gaussian_climb as twin

__all__ = ["LAGS", "Layout", "climb", "layout_of", "rescaled"]

LAGS = twin.LAGS
_code: Any = twin if native is None else native


@dataclass(frozen=True)
class Layout:
    """Where a state of k components of d features keeps what, and how large states and memories are."""

    form: Form
    is_shared: bool
    k: int
    d: int
    n_state: int
    n_memory: int
    mix: slice  # (k,)
    mean: slice  # (k, d)
    volume: slice  # (k,)
    shape: slice  # (k, d)
    matrix: slice  # (k, d, d); nothing for diagonal forms
    count: slice  # (k,)
    first: slice  # (k, d)
    second: slice  # (k, d, d), or (k, d) for diagonal forms
    loglik: int
    objective: int

    @property
    def is_diagonal(self) -> bool:
        """Whether covariances are variances."""
        return self.form <= Form.SCALED_DIAGONAL


@lru_cache(maxsize=512)
def layout_of(form: Form, is_shared: bool, k: int, d: int) -> Layout:
    """Return the layout of states of such a mixture."""
    is_diagonal = form <= Form.SCALED_DIAGONAL
    n_matrix, n_second = (0 if is_diagonal else k * d * d), k * d * (1 if is_diagonal else d)
    ends = np.cumsum([k, k * d, k, k * d, n_matrix, k, k * d, n_second]).tolist()
    mix, mean, volume, shape, matrix, count, first, second = map(slice, [0, *ends[:-1]], ends)
    p = k * (1 + d + (d if is_diagonal else d * (d + 1) // 2))
    return Layout(
        form=form,
        is_shared=is_shared,
        k=k,
        d=d,
        n_state=ends[-1] + 2,
        n_memory=3 + k * d + 4 * p + 2 * LAGS * p + LAGS,
        mix=mix,
        mean=mean,
        volume=volume,
        shape=shape,
        matrix=matrix,
        count=count,
        first=first,
        second=second,
        loglik=ends[-1],
        objective=ends[-1] + 1,
    )


def climb(
    X: Any,
    weights: Any,
    floor: Any,
    layout: Layout,
    state: Any,
    memory: Any,
    *,
    n_steps: int,
    is_fast: bool,
    enough: float,
) -> Any:
    """Take up to `n_steps` EM steps; `state` and `memory` change in place. Return one row (3,) for each step made.

    A row holds the objective, what was left to gain before the step (NaN where nothing tells), and the E-steps it took,
    more than one where an accelerated step was shortened or refused for a plain one. Fewer steps are made where one has
    no finite answer, after one that went down, and after three accelerated ones in a row that promise less than
    `enough`.

    Parameters
    ----------
    X : array (n, d), float32 or float64, complete
    weights : array (n,) or None
    floor : array (d,)
        What is added to the diagonal of each distinct scatter: the penalty -1/2 tr(Sigma^-1 diag(floor)).
    state : array (layout.n_state,)
    memory : array (layout.n_memory,)
    """
    n_done, rows = _code.gaussian_climb(
        X,
        weights,
        floor,
        int(layout.form),
        layout.is_shared,
        state,
        memory,
        layout.k,
        n_steps,
        is_fast,
        enough,
    )
    return rows[:n_done]


def rescaled(layout: Layout, memory: Any, ratio: float) -> Any:
    """Return a memory as if every row counted `ratio` times, for a climb on other rows of the same kind.

    Statistics grow by `ratio` and their standard deviations by its root. What is left unknown is what the E-step at the
    new rows changes in them.
    """
    vectors = 3 + layout.k * layout.d
    scaled = memory.copy()
    scaled[vectors:-LAGS] *= np.sqrt(ratio)  # unit, z, f, g and the changes of f and z
    scaled[-LAGS:] *= ratio
    scaled[2] = min(scaled[2], 1.0)
    return scaled
