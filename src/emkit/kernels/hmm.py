"""Hidden Markov chains: smoothing, filtering, best paths and random paths of many sequences in one call.

Shapes throughout: `log_emit` (n, k) float64, the log-density of each row under each state, -inf where impossible;
`lengths` (s,) int64 of the sequences, one after another, adding up to n; `init` (k,) and `trans` (k, k) probabilities,
whose exact zeros are kept. A long sequence may come in chunks: `entry` (k,) are the filtered probabilities of the row
before the first one, `leave` (k,) the backward factors after the last one.

Log-densities of another library stay where they are, whole sequences in one call without `entry` and `leave`, and what
is said of rows stays there too: the passes are then scans over many rows at a time (`twins.hmm_scan`). Where those lose
what matters to underflow, the log-densities come here.

The compiled code takes arrays of another type or order for a TypeError, as it never copies; values are not
checked, the door did that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from emkit.kernels._dispatch import native
from emkit.kernels.foreign import host, is_foreign, like
from emkit.kernels.twins import hmm as twin
from emkit.kernels.twins.hmm_scan import scan_filter, scan_smooth

__all__ = [
    "Filtered",
    "Smoothed",
    "SmoothedSpan",
    "Span",
    "can_spread",
    "draw_paths",
    "filter_states",
    "smooth",
    "smooth_span",
    "spread",
    "viterbi",
]

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


class Span(NamedTuple):
    """Rows of one sequence, ready to be smoothed as soon as it is known what enters and what leaves them."""

    n_rows: int
    scaled: Any  # emissions, in an order of the kernel's own
    transfers: Any  # (c, k, k) of the stretches that the kernel cut
    shift: Any  # (c,) what was taken off their log-densities
    whole: Any  # (k, k) what enters times this is what leaves, up to a factor; likewise backward factors from the right
    is_found: bool  # false where a row is impossible or no number: then `smooth` and `filter_states` are to say which

    def forgotten(self) -> Span:
        """Return what is to be known of a span that is to be spread once more."""
        return self._replace(scaled=None, transfers=None, shift=None)


class SmoothedSpan(NamedTuple):
    """What forward and backward give for a span; as in `Smoothed`."""

    loglik: Any  # (1,)
    first: Any  # (k,)
    moves: Any  # (k, k)
    resp: Any  # (n, k)


def smooth(
    log_emit: Any, lengths: Any, weights: Any, init: Any, trans: Any, entry: Any = None, leave: Any = None
) -> Smoothed:
    """Return log-likelihoods, posteriors and expected transitions. Cost n k^2; memory three times `log_emit`."""
    if is_foreign(log_emit):
        return _smooth_there(log_emit, lengths, weights, init, trans)
    return Smoothed(*_code.hmm_smooth(log_emit, lengths, weights, init, trans, entry, leave))


def can_spread(trans: Any) -> bool:
    """Tell whether spans serve these transitions (k, k): few states, and none that is all but impossible."""
    return bool(_code.hmm_can_spread(trans))


def spread(log_emit: Any, init: Any, trans: Any) -> Span:
    """Return a span of at least 16 rows; `init` (k,) where the sequence begins with it, else None. Cost n k^3."""
    return Span(*_code.hmm_spread(log_emit, init, trans))


def smooth_span(span: Span, weight: float, init: Any, trans: Any, entry: Any = None, leave: Any = None) -> SmoothedSpan:
    """Return log-likelihood, posteriors and expected transitions of a span. Uses up `span.scaled`."""
    given = span.n_rows, span.scaled, span.transfers, span.shift
    return SmoothedSpan(*_code.hmm_smooth_span(*given, weight, init, trans, entry, leave))


def filter_states(
    log_emit: Any, lengths: Any, init: Any, trans: Any, entry: Any = None, *, keep: bool = True
) -> Filtered:
    """Return log-likelihoods and the probabilities of the states given the rows so far."""
    if is_foreign(log_emit):
        return _filter_there(log_emit, lengths, init, trans)
    return Filtered(*_code.hmm_filter(log_emit, lengths, init, trans, entry, keep))


def viterbi(log_emit: Any, lengths: Any, init: Any, trans: Any) -> tuple[Any, Any]:
    """Return the states (n,) of the most probable path of each sequence, and its log joint probability (s,)."""
    states, log_joint = _code.hmm_viterbi(log_emit, lengths, init, trans)
    return states, log_joint


def draw_paths(filtered: Any, lengths: Any, trans: Any, uniforms: Any) -> Any:
    """Return the states (n,) of one path of each sequence from the posterior, with one uniform number per row."""
    return _code.hmm_draw(filtered, lengths, trans, uniforms)


def _smooth_there(log_emit: Any, lengths: Any, weights: Any, init: Any, trans: Any) -> Smoothed:
    is_first = _first_rows(lengths, log_emit.shape[0])
    each = None if weights is None else like(log_emit, np.repeat(weights, lengths))
    init_there, trans_there, first_there = (like(log_emit, part) for part in (init, trans, is_first))
    done, resp, first, moves = scan_smooth(log_emit, lengths, first_there, each, init_there, trans_there)
    if not done.is_sound:
        here = smooth(np.ascontiguousarray(host(log_emit)), lengths, weights, init, trans)
        return here._replace(resp=like(log_emit, here.resp))
    loglik = _by_sequence(done.loglik, lengths)
    loglik = loglik if weights is None else np.where(weights > 0, loglik, 0.0)
    return Smoothed(loglik, host(first), host(moves), resp, None, None, -1, -1)


def _filter_there(log_emit: Any, lengths: Any, init: Any, trans: Any) -> Filtered:
    is_first = like(log_emit, _first_rows(lengths, log_emit.shape[0]))
    init_there, trans_there = like(log_emit, init), like(log_emit, trans)
    if (trans > 0).all():
        done = scan_filter(log_emit, lengths, is_first, init_there, trans_there)
    else:  # whether a remnant of a state matters is known only from what follows it
        done = scan_smooth(log_emit, lengths, is_first, None, init_there, trans_there)[0]
    if not done.is_sound:
        here = filter_states(np.ascontiguousarray(host(log_emit)), lengths, init, trans)
        return here._replace(filtered=like(log_emit, here.filtered))
    return Filtered(_by_sequence(done.loglik, lengths), done.filtered, None, -1, -1)


def _first_rows(lengths: Any, n_rows: int) -> Any:
    """Return where sequences begin (n,)."""
    is_first = np.zeros(n_rows, dtype=bool)
    is_first[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    return is_first


def _by_sequence(rows: Any, lengths: Any) -> Any:
    """Return the sums (s,) of values of rows over each sequence, as NumPy's."""
    each, used = np.zeros(len(lengths)), lengths > 0
    if used.any():
        each[used] = np.add.reduceat(host(rows), (np.cumsum(lengths) - lengths)[used])
    return each
