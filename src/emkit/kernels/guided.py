"""Hidden Markov chains with transitions of their own at every row: smoothing many sequences in one call."""

from __future__ import annotations

from typing import Any, NamedTuple

from emkit.kernels._dispatch import native
from emkit.kernels.twins import guided as twin

__all__ = ["Guided", "smooth_guided"]

_code: Any = twin if native is None else native


class Guided(NamedTuple):
    """What forward and backward give. Sums and posteriors are weighted by the case weights of the sequences."""

    loglik: Any  # (s,) of each sequence, not weighted; -inf where it is impossible
    first: Any  # (k,) posterior of the first rows
    moves: Any  # (n, k, k) posterior of the transition from each row to the next; zero for the last of a sequence
    resp: Any  # (n, k) posterior
    filtered: Any  # (n, k) probabilities given the rows so far
    bad_sequence: int  # the first sequence that no path explains, and the row in it where that shows; -1 for none
    bad_step: int


def smooth_guided(log_emit: Any, log_moves: Any, lengths: Any, weights: Any, init: Any) -> Guided:
    """Return log-likelihoods and posteriors from log-densities (n, k) and log transitions (n, k, k) to the next row."""
    return Guided(*_code.guided_smooth(log_emit, log_moves, lengths, weights, init))
