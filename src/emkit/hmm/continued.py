"""A hidden Markov chain that goes on from the batch before: stepwise EM for one long stream.

The first row of a batch follows the last row of the one before, whose filtered probabilities are all that is kept of
it: they enter the forward pass, and the move from that row is counted with this batch.

References
----------
Cappe 2011, J. Computational and Graphical Statistics 20:728. Le Corff & Fort 2013, Electronic J. Statistics 7:763
(blocks of a stream).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.model import Model
from emkit.hmm import passes
from emkit.hmm.chain import ChainParameters, FreeMoves, FreeStart
from emkit.hmm.codes import emissions_of, statistics_of
from emkit.hmm.model import HiddenMarkov, HiddenMarkovParameters, HiddenMarkovStatistics, weight_of, weighted_total
from emkit.kernels import hmm as kernel

__all__ = ["ContinuedMarkov", "last_states", "opened"]

_RULED_OUT = 1e-6
_OPENED = 1e-3


@dataclass(frozen=True)
class ContinuedMarkov(Model):
    """A hidden Markov model whose first sequence goes on from filtered probabilities `entry` (k,)."""

    inner: HiddenMarkov
    entry: Any = None

    def start(self, source: Any, rng: np.random.Generator) -> HiddenMarkovParameters:
        return self.inner.start(source, rng)

    def e_step(self, parameters: HiddenMarkovParameters, block: Any) -> HiddenMarkovStatistics:
        if block.first_sequence > 0:
            return self.inner.e_step(parameters, block)
        family, k = self.inner.family, self.inner.n_components
        emissions = emissions_of(family, parameters.members, block, k)(slice(0, block.n_rows))
        given = passes.lengths_of(block), passes.weights_of(block), *_chain(parameters)
        done = kernel.smooth(emissions, *given, self.entry)
        members = statistics_of(family, parameters.members, block, slice(0, block.n_rows), done.resp)
        total, count = weighted_total(done.loglik, block), done.resp.sum(axis=0)
        return HiddenMarkovStatistics(total, weight_of(block), done.first, done.moves, count, members)

    def m_step(self, statistics: HiddenMarkovStatistics, parameters: HiddenMarkovParameters) -> HiddenMarkovParameters:
        return self.inner.m_step(statistics, parameters)

    def log_prior(self, parameters: HiddenMarkovParameters) -> float:
        return self.inner.log_prior(parameters)


def last_states(
    model: HiddenMarkov, parameters: HiddenMarkovParameters, source: Any, entry: FloatArray | None
) -> FloatArray:
    """Return the filtered probabilities (k,) of the last row, the first sequence going on from `entry` where given."""
    block = list(source.blocks())[-1]
    emissions = emissions_of(model.family, parameters.members, block, model.n_components)(slice(0, block.n_rows))
    before = entry if block.first_sequence == 0 else None
    done = kernel.filter_states(emissions, passes.lengths_of(block), *_chain(parameters), before, keep=False)
    return np.array(done.last)


def opened(model: HiddenMarkov, parameters: HiddenMarkovParameters) -> HiddenMarkovParameters:
    """Return the parameters with a little of what the batches so far ruled out, and the model does not.

    One sequence begins in one state: later ones may begin in another, to which a probability of zero would be for good.
    """
    chain, k = parameters.chain, model.n_components
    start, trans = chain.start, np.array(chain.trans)
    if isinstance(start, FreeStart) and start.prob.min() < _RULED_OUT:
        start = FreeStart((1 - _OPENED) * start.prob + _OPENED / k)
    may = np.ones((k, k)) if model.chain.allowed is None else np.asarray(model.chain.allowed, dtype=np.float64)
    if isinstance(chain.moves, FreeMoves) and (trans[may > 0] < _RULED_OUT).any():
        trans = (1 - _OPENED) * trans + _OPENED * may / may.sum(axis=1, keepdims=True)
        return replace(parameters, chain=ChainParameters(start, FreeMoves(trans)))
    return replace(parameters, chain=ChainParameters(start, chain.moves))


def _chain(parameters: HiddenMarkovParameters) -> tuple[FloatArray, FloatArray]:
    chain = parameters.chain
    return np.ascontiguousarray(chain.init, dtype=np.float64), np.ascontiguousarray(chain.trans, dtype=np.float64)
