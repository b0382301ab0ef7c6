"""Hidden semi-Markov chains: smoothing, filtering and best paths of many sequences in one call.

Shapes throughout: `log_emit` (n, k) float64, the log-density of each row under each state, -inf where impossible;
`lengths` (s,) int64 of the sequences, one after another, adding up to n; `init` (k,) of the first stay; `trans` (k, k)
from stay to stay; `stays` (k, d) the probability of each duration 1 to d. With `censored` the last stay may go on after
the last row; without, it ends there.

The compiled code works with probabilities and gives up where one that matters underflows; such sequences are done over
in logarithms by the twin.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from emkit.kernels._dispatch import native
from emkit.kernels.twins import hsmm as twin

__all__ = ["FilteredStays", "SmoothedStays", "filter_stays", "smooth_stays", "viterbi_stays"]

_code: Any = twin if native is None else native


class SmoothedStays(NamedTuple):
    """What forward and backward give. Sums and posteriors are weighted by the case weights of the sequences."""

    loglik: Any  # (s,) of each sequence, not weighted; -inf where it is impossible
    first: Any  # (k,) posterior of the first stays
    moves: Any  # (k, k) expected transitions from stay to stay
    ended: Any  # (k, d) expected stays of each duration that ended
    cut: Any  # (k, d) expected last stays of each duration so far
    resp: Any  # (n, k) posterior
    bad_sequence: int  # the first sequence that no path explains, and the row in it where that shows; -1 for none
    bad_step: int


class FilteredStays(NamedTuple):
    """What forward alone gives."""

    loglik: Any  # (s,)
    filtered: Any  # (n, k), or (0, k) where it is not kept
    going: Any  # (s, k, d) probability of each state and duration so far at the last row, or (0, k, d)
    bad_sequence: int
    bad_step: int


def smooth_stays(
    log_emit: Any, lengths: Any, weights: Any, init: Any, trans: Any, stays: Any, *, censored: bool
) -> SmoothedStays:
    """Return log-likelihoods, posteriors and expected counts. Cost n k d + n k^2; memory six times `log_emit`."""
    done = SmoothedStays(*_code.hsmm_smooth(log_emit, lengths, weights, init, trans, stays, censored))
    if done.bad_sequence < 0 or _code is twin:
        return done
    return _parts(log_emit, lengths, weights, (init, trans, stays, censored))


def filter_stays(
    log_emit: Any, lengths: Any, init: Any, trans: Any, stays: Any, *, censored: bool, keep: bool = True
) -> FilteredStays:
    """Return log-likelihoods and the probabilities of the states given the rows so far."""
    done = FilteredStays(*_code.hsmm_filter(log_emit, lengths, init, trans, stays, censored, keep))
    if done.bad_sequence < 0 or _code is twin:
        return done
    return FilteredStays(*twin.hsmm_filter(log_emit, lengths, init, trans, stays, censored, keep))


def viterbi_stays(log_emit: Any, lengths: Any, init: Any, trans: Any, stays: Any, *, censored: bool) -> tuple[Any, Any]:
    """Return the states (n,) of the most probable path of each sequence, and its log joint probability (s,)."""
    states, log_joint = _code.hsmm_viterbi(log_emit, lengths, init, trans, stays, censored)
    return states, log_joint


def _parts(log_emit: Any, lengths: Any, weights: Any, chain: tuple[Any, ...]) -> SmoothedStays:
    """Smooth sequence by sequence, in logarithms where probabilities do not serve."""
    loglik, resp, sums, bad, start = np.zeros(len(lengths)), np.zeros_like(log_emit), None, (-1, -1), 0
    for s, n in enumerate(lengths.tolist()):
        own = np.ascontiguousarray(log_emit[start : start + n])
        given = own, np.array([n]), None if weights is None else weights[s : s + 1], *chain
        done = SmoothedStays(*_code.hsmm_smooth(*given))
        if done.bad_sequence >= 0:
            done = SmoothedStays(*twin.hsmm_smooth(*given))
        if done.bad_sequence >= 0 and bad[0] < 0:
            bad = s, done.bad_step
        loglik[s], resp[start : start + n] = done.loglik[0], done.resp
        mine = done.first, done.moves, done.ended, done.cut
        sums = mine if sums is None else tuple(a + b for a, b in zip(sums, mine, strict=True))
        start += n
    return SmoothedStays(loglik, *sums, resp, *bad)  # type: ignore[misc, call-arg]
