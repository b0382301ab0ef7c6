"""Hidden Markov chains: smoothing, filtering, best paths and random paths of many sequences in one call.

Shapes throughout: `log_emit` (n, k) float64, the log-density of each row under each state, -inf where impossible;
`lengths` (s,) int64 of the sequences, one after another, adding up to n; `init` (k,) and `trans` (k, k) probabilities,
whose exact zeros are kept. A long sequence may come in chunks: `entry` (k,) are the filtered probabilities of the row
before the first one, `leave` (k,) the backward factors after the last one.

The compiled code takes arrays of another type or order for a TypeError, as it never copies; values are not
checked, the door did that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from emkit.kernels._dispatch import native
from emkit.kernels.twins import hmm as twin

__all__ = ["Filtered", "Smoothed", "draw_paths", "filter_states", "smooth", "viterbi"]

_code: Any = twin if native is None else native


class Smoothed(NamedTuple):
    """What forward and backward give. Sums and posteriors are weighted by the case weights of the sequences."""

    loglik: Any  # (s,) of each sequence, not weighted; -inf where it is impossible
    first: Any  # (k,) posterior of the first rows
    moves: Any  # (k, k) expected transitions
    resp: Any  # (n, k) posterior
    last: Any  # (k,) filtered probabilities of the last row, where a next chunk enters
    carry: Any  # (k,) backward factors for the row before the first, where there was an entry
    bad_sequence: int  # the first sequence that no path explains, and the row in it where that shows; -1 for none
    bad_step: int


class Filtered(NamedTuple):
    """What forward alone gives."""

    loglik: Any  # (s,)
    filtered: Any  # (n, k), or (0, k) where it is not kept
    last: Any  # (k,)
    bad_sequence: int
    bad_step: int


def smooth(
    log_emit: Any, lengths: Any, weights: Any, init: Any, trans: Any, entry: Any = None, leave: Any = None
) -> Smoothed:
    """Return log-likelihoods, posteriors and expected transitions. Cost n k^2; memory three times `log_emit`."""
    return Smoothed(*_code.hmm_smooth(log_emit, lengths, weights, init, trans, entry, leave))


def filter_states(
    log_emit: Any, lengths: Any, init: Any, trans: Any, entry: Any = None, *, keep: bool = True
) -> Filtered:
    """Return log-likelihoods and the probabilities of the states given the rows so far."""
    return Filtered(*_code.hmm_filter(log_emit, lengths, init, trans, entry, keep))


def viterbi(log_emit: Any, lengths: Any, init: Any, trans: Any) -> tuple[Any, Any]:
    """Return the states (n,) of the most probable path of each sequence, and its log joint probability (s,)."""
    states, log_joint = _code.hmm_viterbi(log_emit, lengths, init, trans)
    return states, log_joint


def draw_paths(filtered: Any, lengths: Any, trans: Any, uniforms: Any) -> Any:
    """Return the states (n,) of one path of each sequence from the posterior, with one uniform number per row."""
    return _code.hmm_draw(filtered, lengths, trans, uniforms)
