"""Hidden Markov chains with moves of their own into every row: passes over a run of rows, in logarithms.

Shapes throughout: `log_emit` (n, k) float64, the log-density of each row under each state, -inf where impossible;
`log_into` (n, k, k) the log moves from the row before into each row, or (1, k, k) where all rows have the same. A row
that begins a sequence has the same moves from every state, its first probabilities: nothing passes over it, so that
many sequences are one run, and a long one may come in several.
"""

from __future__ import annotations

from typing import Any

from emkit.kernels._dispatch import native
from emkit.kernels.twins import guided as twin

__all__ = ["best_guided", "draw_guided", "forward_guided", "smooth_guided", "trace_back"]

_code: Any = twin if native is None else native


def forward_guided(log_emit: Any, log_into: Any, entry: Any) -> tuple[Any, Any]:
    """Return log probabilities (n, k) of the states given the rows so far, and the log-density (n,) of each row.

    `entry` (k,) are the log probabilities of the row before the first. After a row that no state explains, whose
    log-density is -inf, all states are alike.
    """
    log_alpha, log_gain = _code.guided_forward(log_emit, log_into, entry)
    return log_alpha, log_gain


def smooth_guided(
    log_emit: Any, log_into: Any, entry: Any, log_alpha: Any, log_gain: Any, leave: Any
) -> tuple[Any, Any, Any]:
    """Return posteriors (n, k), those of the moves into each row (n, k, k), and log factors (k,) for the row before.

    `leave` (k,) are the log backward factors after the last row.
    """
    resp, moves, carry = _code.guided_backward(log_emit, log_into, entry, log_alpha, log_gain, leave)
    return resp, moves, carry


def best_guided(log_emit: Any, log_into: Any, entry: Any, first: Any = None) -> tuple[Any, Any, Any]:
    """Return the m best paths into each state, from the scores `entry` (k, m) before the first row.

    Returned are predecessors (n, k, m), each state times m plus rank; scores (k, m) after the last row; and what was
    taken off the scores at each row (n,). With `first` (k,), log first probabilities, the run begins a sequence.
    """
    back, score, shift = _code.guided_best(log_emit, log_into, entry, first)
    return back, score, shift


def draw_guided(log_into: Any, log_alpha: Any, leave: Any, uniforms: Any) -> Any:
    """Return the states (n,) of one path from the posterior, given log weights (k,) by what follows the last row."""
    return _code.guided_draw(log_into, log_alpha, leave, uniforms)


def trace_back(back: Any, place: Any) -> tuple[Any, Any]:
    """Return the states (m, n) of paths that end at places (m,), state times rank as in `back`, and their beginnings.

    Of `back` (n, k, r): place is state times r plus rank.
    """
    return twin.guided_trace(back, place)
