"""The ledger of a fit: where each climb stands and how each ended, so that a fit can go on as if never stopped.

The search over starts is a function of the climbs alone: what was merged, which start leads, when enough have been
seen. So a fit that is resumed runs the same search again, and each climb that the ledger knows costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from emkit.core.climb import Climb
from emkit.core.problem import Point
from emkit.core.trace import Trace

if TYPE_CHECKING:
    from emkit.core.stopping import Budget

__all__ = ["LAST_LEG", "NO_LEDGER", "Ended", "Ledger", "Leg", "Standing", "recalled"]


class Leg(NamedTuple):
    """One stretch of one climb: the number of its start (-1: the last climb, on all the data) and the stage."""

    start: int
    stage: int


LAST_LEG = Leg(-1, 0)


@dataclass(frozen=True)
class Standing:
    """A climb between two iterations: all that its next one depends on."""

    point: Point
    memory: Any
    trace: Trace
    gains: tuple[float, int]  # what `Convergence` remembers
    n_iter: int
    n_e_steps: int  # of the problem, up to here
    first_e_step: int


@dataclass(frozen=True)
class Ended:
    """A leg that is over, and the E-steps of its problem up to here."""

    climb: Climb
    n_e_steps: int


class Ledger(Protocol):
    """What the loop and the search ask and tell."""

    def ended(self, leg: Leg) -> Ended | None:
        """Return how a leg ended, if it has."""

    def standing(self, leg: Leg) -> Standing | None:
        """Return where a leg stands, if it was under way."""

    def is_due(self) -> bool:
        """Count an iteration and return whether it is time to note where its leg stands, and to keep all."""

    def note(self, leg: Leg, standing: Standing) -> None:
        """Take in where a leg stands."""

    def keep(self) -> None:
        """Write down all that is known."""

    def finish(self, leg: Leg, ended: Ended) -> None:
        """Take in how a leg ended."""

    def settle(self, n_over: int, first: tuple[int, ...]) -> None:
        """Take in that the first `n_over` starts are over: of use are the climb from the best of them, `first[0]`, and
        where the others of `first` ended.
        """


class _NoLedger:
    """Forgets everything."""

    def ended(self, leg: Leg) -> Ended | None:
        return None

    def standing(self, leg: Leg) -> Standing | None:
        return None

    def is_due(self) -> bool:
        return False

    def note(self, leg: Leg, standing: Standing) -> None:
        return

    def keep(self) -> None:
        return

    def finish(self, leg: Leg, ended: Ended) -> None:
        return

    def settle(self, n_over: int, first: tuple[int, ...]) -> None:
        return


NO_LEDGER: Ledger = _NoLedger()


def recalled(ledger: Ledger, leg: Leg, budget: Budget) -> Ended | None:
    """Return how a leg ended, unless only its budget had run out and there is more of it now."""
    known = ledger.ended(leg)
    if known is None or ledger.standing(leg) is None:
        return known
    has_steps = budget.max_e_steps is None or known.n_e_steps < budget.max_e_steps
    return None if known.climb.n_iter < budget.max_iter and has_steps else known
