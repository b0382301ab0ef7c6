"""The trace: one row per iteration of a climb."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from emkit.core.arrays import Array, FloatArray

__all__ = ["Iteration", "Trace"]


class Iteration(NamedTuple):
    """What `on_iteration` is told, and one row of the trace. The objective belongs to the parameters of this row.

    `start` and `stage` say which start is climbing and whether it is a "short" run or a run to the "end".
    """

    iteration: int
    n_e_steps: int
    objective: float
    step_length: float
    is_accepted: bool
    seconds: float
    start: int = 0
    stage: str = "end"
    parameters: Any = None


_KINDS = (np.int64, np.int64, np.float64, np.float64, np.bool_, np.float64)  # of the columns of a trace


@dataclass(frozen=True)
class Trace:
    """Columns over the iterations of the climb that won; row 0 is its starting point.

    Parameters
    ----------
    iteration : array (m,), int
    n_e_steps : array (m,), int
        Passes over the data spent in this climb up to here.
    objective : array (m,), float
        Log-likelihood plus log prior at the parameters of this row.
    step_length : array (m,), float
    is_accepted : array (m,), bool
        False where an extrapolation was refused and a plain EM step taken.
    seconds : array (m,), float
        Since the climb began.
    """

    iteration: Array
    n_e_steps: Array
    objective: FloatArray
    step_length: FloatArray
    is_accepted: Array
    seconds: FloatArray

    @classmethod
    def of(cls, rows: list[Iteration]) -> Trace:
        """Make the table out of rows."""
        columns = zip(_KINDS, zip(*(row[: len(_KINDS)] for row in rows), strict=True), strict=True)
        return cls(*(np.array(column, dtype=kind) for kind, column in columns))

    def rows(self, tag: tuple[int, str]) -> list[Iteration]:
        """Return the rows again, of the start and stage `tag`."""
        columns = [getattr(self, f.name).tolist() for f in fields(self)]
        return [Iteration._make((*row, *tag, None)) for row in zip(*columns, strict=True)]

    def last(self, n: int) -> Trace:
        """Return the last `n` rows."""
        return Trace(**{f.name: getattr(self, f.name)[-n:] for f in fields(self)})

    def joined(self, later: Trace) -> Trace:
        """Return this trace followed by that of the climb which went on from its last row."""
        iteration = np.concatenate([self.iteration, later.iteration[1:] + self.iteration[-1]])
        n_e_steps = np.concatenate([self.n_e_steps, later.n_e_steps[1:] + self.n_e_steps[-1] - later.n_e_steps[0]])
        seconds = np.concatenate([self.seconds, later.seconds[1:] + self.seconds[-1]])
        rest = {
            name: np.concatenate([getattr(self, name), getattr(later, name)[1:]])
            for name in ("objective", "step_length", "is_accepted")
        }
        return Trace(iteration=iteration, n_e_steps=n_e_steps, seconds=seconds, **rest)

    def __len__(self) -> int:
        return len(self.iteration)

    def to_dict(self) -> dict[str, Array]:
        """Return the columns by name, as any data frame constructor takes them."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
