"""How a fit ended, in a word and in a sentence."""

from __future__ import annotations

from enum import Enum

__all__ = ["Status"]


class Status(Enum):
    """How a fit ended. The value is the word; `help` is the sentence for the reader."""

    CONVERGED = "converged"
    DEGENERATE = "degenerate"
    MAX_ITER = "max_iter"
    MAX_E_STEPS = "max_e_steps"
    MAX_SECONDS = "max_seconds"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    DROPPED = "dropped"
    NOT_FINITE = "not_finite"
    PARTIAL = "partial"

    @property
    def help(self) -> str:
        """Return what this end means and what to do about it."""
        return _HELP[self]

    @property
    def is_success(self) -> bool:
        """Return whether the parameters are an optimum to the tolerance asked for."""
        return self is Status.CONVERGED


_HELP = {
    Status.CONVERGED: "The log-likelihood still to be gained is below `tol`.",
    Status.DEGENERATE: (
        "A part of the model has collapsed onto a few points, where the likelihood has no upper limit. Use fewer "
        "components, a simpler covariance, or a prior."
    ),
    Status.MAX_ITER: "The iterations ran out before convergence. Raise `max_iter`, or go on from this fit.",
    Status.MAX_E_STEPS: "The E-steps ran out before convergence. Raise `max_e_steps`, or go on from this fit.",
    Status.MAX_SECONDS: "The time ran out before convergence. Raise `max_seconds`, or go on from this fit.",
    Status.INTERRUPTED: "Interrupted from the keyboard; these are the best parameters so far.",
    Status.STOPPED: "Stopped by `on_iteration`; these are the best parameters so far.",
    Status.DROPPED: (
        "An EM step lowered the objective beyond rounding: the E-step and the M-step of this model do not belong to "
        "the same likelihood. These are the parameters before the drop."
    ),
    Status.PARTIAL: (
        "Fitted batch by batch: there is no objective of all the rows that could have converged, and the "
        "log-likelihood is that of the last batch. Give more batches, or fit to all rows at once."
    ),
    Status.NOT_FINITE: (
        "The objective stopped being a finite number. These are the last parameters where it was; check the scale "
        "of the data and the start."
    ),
}
