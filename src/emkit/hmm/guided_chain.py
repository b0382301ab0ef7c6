"""A hidden Markov chain whose moves, and perhaps its beginning, depend on covariates by multinomial logits.

    P(z_t = j | z_{t-1} = i) = exp(w' b_ij) / sum_l exp(w' b_il),   b_i1 = 0,

with w a one and the covariates of the row that is left (as depmixS4 has it) or of the row that is entered (as
statsmodels has it). The E-step keeps for each state slope and bend of the expected log-likelihood by
b_i; the M-step takes a Newton step that cannot overshoot, so that it sees no data and never lowers the likelihood.

References
----------
Visser & Speekenbrink 2010, J. Statistical Software 36(7). Diebold, Lee & Weinbach 1994, in Hargreaves (ed.),
*Nonstationary Time Series Analysis and Cointegration*. Filardo 1994, J. Business & Economic Statistics 12:299.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Constant, Real
from emkit.core.statistics import Additive
from emkit.data import SequenceSource
from emkit.families.basis import ONES, Basis, basis_of, is_lost, picked
from emkit.families.logit import LogitStatistics, log_proportions, logit_sums
from emkit.hmm import passes
from emkit.hmm.chain import FreeStart, GivenStart
from emkit.hmm.course import Course
from emkit.hmm.stationary import stationary_distribution, stationary_slope

__all__ = ["GuidedChain", "GuidedChainParameters", "GuidedChainStatistics", "GuidedStart", "LongRunStart"]

_HALVINGS = 12
_KNOWN_ROWS = 512


@dataclass(frozen=True)
class GuidedStart(Parameters):
    """Log odds (k - 1, q) of the first state against state 0, by covariates of the first row."""

    gating: Array = space(Real())


@dataclass(frozen=True)
class LongRunStart(Parameters):
    """The first state follows the stationary distribution of the moves at these covariates (q,), a one among them."""

    at: Array = space(Constant())


@dataclass(frozen=True)
class GuidedChainParameters(Parameters):
    """How the chain begins, and log odds (k, k - 1, q) of moves against one to state 0."""

    start: Any
    gating: Array = space(Real())

    @property
    def trans(self) -> FloatArray:
        """Transitions (k, k) where all covariates are zero."""
        return self.trans_at(np.eye(1, self.gating.shape[2])[0])

    @property
    def init(self) -> FloatArray:
        """First probabilities (k,), where all covariates of the beginning are zero."""
        if isinstance(self.start, LongRunStart):
            return stationary_distribution(self.trans_at(self.start.at))
        if isinstance(self.start, GuidedStart):
            return np.asarray(np.exp(log_proportions(self.start.gating, np.eye(1, self.start.gating.shape[1])))[0])
        return np.asarray(self.start.prob)

    def trans_at(self, row: FloatArray) -> FloatArray:
        """Return the transitions (k, k) at covariates (q,), a one among them."""
        return np.asarray(np.exp(np.concatenate([log_proportions(own, row[None]) for own in self.gating])))


@dataclass(frozen=True)
class GuidedChainStatistics(Additive):
    """Expected first states (k,), the sums for the logit of the beginning, if any, and of each state that is left."""

    first: FloatArray
    begun: tuple[LogitStatistics, ...]
    logits: tuple[LogitStatistics, ...]


@dataclass(frozen=True)
class GuidedChain:
    """What is known of the chain before the fit.

    Parameters
    ----------
    n_states : int
    covariates, begin_covariates : tuple of int
        Columns that drive the moves, and the first state.
    timing : "from" or "to"
        Whether a move is driven by the row that is left, or by the one that is entered.
    start : "free", "stationary" or "fixed"
        Without `begin_covariates`: whether the first state has probabilities of its own, those of the stationary
        distribution of the moves at the covariates of the first row (with several sequences, the mean of theirs), or
        `init`.
    init : array (k,), optional
    """

    n_states: int
    covariates: tuple[int, ...] = ()
    begin_covariates: tuple[int, ...] = ()
    timing: Literal["from", "to"] = "from"
    start: Literal["free", "stationary", "fixed"] = "free"
    init: Any = field(default=None, compare=False)
    basis: Any = field(default=None, compare=False)
    begin_basis: Any = field(default=None, compare=False)
    typical: Any = field(default=None, compare=False)  # (q,) covariates at which a stationary start is worked out
    known: Any = field(default=None, compare=False)  # (m, q) covariates that stand for those of new rows

    # --- before the fit ---

    @property
    def is_symmetric(self) -> bool:
        """Return whether the states may be numbered in any order."""
        return self.start != "fixed" or bool(np.ptp(self.init) == 0)

    def prepared(self, source: Any) -> GuidedChain:
        """Return the chain with the coordinates of its covariates.

        Raises
        ------
        DataError
            If a covariate is missing or constant, or the others determine it.
        """
        first = np.ascontiguousarray(source.rows(_begins(source.lengths)))
        typical = picked(first, self._wanted).mean(axis=0) if len(first) else np.eye(1, len(self._wanted))[0]
        known = picked(source.rows(np.arange(0, source.n_rows, max(1, source.n_rows // _KNOWN_ROWS))), self._wanted)
        ready = replace(self, basis=basis_of(source, self._wanted), typical=typical, known=known)
        if not self.begin_covariates:
            return ready
        begins = SequenceSource(first, np.ones(len(first), dtype=np.int64), feature_names=source.feature_names)
        return replace(ready, begin_basis=basis_of(begins, (ONES, *self.begin_covariates)))

    def parameters(self, init: FloatArray, trans: FloatArray) -> GuidedChainParameters:
        """Return the record with these probabilities whatever the covariates are."""
        k = self.n_states
        gating = np.zeros((k, k - 1, len(self._wanted)))
        gating[:, :, 0] = np.log(trans[:, 1:]) - np.log(trans[:, :1])
        return GuidedChainParameters(self._start_record(init), gating)

    def _start_record(self, init: FloatArray) -> Parameters:
        if self.begin_covariates:
            gating = np.zeros((self.n_states - 1, 1 + len(self.begin_covariates)))
            gating[:, 0] = np.log(np.maximum(init[1:], 1e-3)) - np.log(max(init[0], 1e-3))
            return GuidedStart(gating)
        if self.start == "stationary":
            return LongRunStart(np.asarray(self.typical, dtype=np.float64))
        if self.start == "fixed":
            return GivenStart(np.asarray(self.init, dtype=np.float64))
        return FreeStart(np.asarray(init, dtype=np.float64))

    # --- the E-step ---

    def course(self, parameters: GuidedChainParameters, block: Any, emissions: passes.Emissions) -> Course:
        """Return the passes over a block."""
        into = self.log_into(parameters, block.X, passes.lengths_of(block))
        return Course(passes.lengths_of(block), passes.weights_of(block), self.n_states, emissions, into)

    def log_into(self, parameters: GuidedChainParameters, X: Array, lengths: IntArray) -> Callable[[slice], FloatArray]:
        """Return the function from a slice of rows (n, d) to the log moves (b, k, k) into them."""
        first = _begins(lengths)
        begun = self.log_begin(parameters, X[first])

        def into(rows: slice) -> FloatArray:
            moves = self.log_moves_at(parameters, self.driving(X, rows))
            low, high = np.searchsorted(first, [rows.start, rows.stop])
            moves[first[low:high] - rows.start] = begun[low:high, None, :]
            return np.ascontiguousarray(moves)

        return into

    def log_moves_at(self, parameters: GuidedChainParameters, driving: FloatArray) -> FloatArray:
        """Return the log moves (b, k, k) at covariates (b, q), a one among them."""
        return np.stack([log_proportions(own, driving) for own in parameters.gating], axis=1)

    def logit_sums_at(
        self, parameters: GuidedChainParameters, driving: FloatArray, moves: FloatArray
    ) -> tuple[LogitStatistics, ...]:
        """Return the sums of posterior moves (b, k, k) at covariates (b, q), for each state that is left."""
        mix = np.exp(self.log_moves_at(parameters, driving))
        return tuple(
            logit_sums(self._known_basis, own, driving, mix[:, i], moves[:, i], moves[:, i].sum(axis=1))
            for i, own in enumerate(parameters.gating)
        )

    def log_begin(self, parameters: GuidedChainParameters, X: Array) -> FloatArray:
        """Return the log probabilities (s, k) of the states in first rows (s, d)."""
        if isinstance(parameters.start, GuidedStart):
            return log_proportions(parameters.start.gating, picked(X, (ONES, *self.begin_covariates)))
        with np.errstate(divide="ignore"):
            return np.tile(np.log(parameters.init), (len(X), 1))

    def sums(
        self,
        parameters: GuidedChainParameters,
        X: Array,
        lengths: IntArray,
        rows: slice,
        given: tuple[FloatArray, FloatArray, FloatArray],
    ) -> GuidedChainStatistics:
        """Return the sums of a slice of rows (n, d), given its posterior (b, k) and moves, and the log moves."""
        resp, moves, log_into = given
        starts = _begins(lengths)
        low, high = np.searchsorted(starts, [rows.start, rows.stop])
        own = starts[low:high] - rows.start
        within = np.ones(len(resp))
        within[own] = 0.0
        driving, mix = self.driving(X, rows), np.exp(log_into)
        logits = tuple(
            logit_sums(self._known_basis, parameters.gating[i], driving, mix[:, i], moved, moved.sum(axis=1))
            for i, moved in enumerate(np.swapaxes(moves * within[:, None, None], 0, 1))
        )
        begun: tuple[LogitStatistics, ...] = ()
        if isinstance(parameters.start, GuidedStart):
            at = picked(X[starts[low:high]], (ONES, *self.begin_covariates))
            gating, basis = parameters.start.gating, self._known(self.begin_basis, at.shape[1])
            begun = (logit_sums(basis, gating, at, mix[own, 0], resp[own], resp[own].sum(axis=1)),)
        return GuidedChainStatistics(resp[own].sum(axis=0), begun, logits)

    # --- the M-step ---

    def m_step(self, statistics: GuidedChainStatistics, parameters: GuidedChainParameters) -> GuidedChainParameters:
        """Return the chain after a step that raises its part of the Q function."""
        start = parameters.start
        if isinstance(start, LongRunStart):
            return self._climbed(statistics, parameters)
        gating = np.stack([own.climbed() for own in statistics.logits])
        if isinstance(start, GuidedStart):
            return GuidedChainParameters(GuidedStart(statistics.begun[0].climbed()), gating)
        total = statistics.first.sum()
        if isinstance(start, FreeStart) and total > 0:
            start = FreeStart(statistics.first / total)
        return GuidedChainParameters(start, gating)

    def expected_loglik(self, parameters: GuidedChainParameters, statistics: GuidedChainStatistics) -> float:
        """Return its part of Q, with lower bounds of the parts of logits that touch them at the E-step's parameters."""
        total = sum(part.bound(parameters.gating[i]) for i, part in enumerate(statistics.logits))
        if isinstance(parameters.start, GuidedStart):
            return total + statistics.begun[0].bound(parameters.start.gating)
        used = statistics.first > 0
        with np.errstate(divide="ignore"):
            return total + float(statistics.first[used] @ np.log(parameters.init[used]))

    def score(self, parameters: GuidedChainParameters, statistics: GuidedChainStatistics) -> GuidedChainParameters:
        """Return the gradient of `expected_loglik` by entry."""
        gating = np.stack([part.score(parameters.gating[i]) for i, part in enumerate(statistics.logits)])
        start = parameters.start
        if isinstance(start, GuidedStart):
            return GuidedChainParameters(GuidedStart(statistics.begun[0].score(start.gating)), gating)
        if isinstance(start, LongRunStart):
            odds = _odds_slope(statistics.first, parameters.trans_at(start.at))
            return GuidedChainParameters(LongRunStart(np.zeros_like(start.at)), gating + odds[:, :, None] * start.at)
        init = parameters.init
        begun = np.divide(statistics.first, init, out=np.zeros_like(init), where=init > 0)
        return GuidedChainParameters(type(start)(begun), gating)

    def _climbed(self, statistics: GuidedChainStatistics, parameters: GuidedChainParameters) -> GuidedChainParameters:
        """Return log odds that raise moves and stationary beginning together, by a Newton step short enough."""
        at = parameters.start.at
        more = _odds_slope(statistics.first, parameters.trans_at(at))[:, :, None] * self._known_basis.rows(at)
        aim = np.stack([own.climbed(extra) for own, extra in zip(statistics.logits, more, strict=True)])
        level, part = self.expected_loglik(parameters, statistics), 1.0
        for _ in range(_HALVINGS):
            moved = replace(parameters, gating=parameters.gating + part * (aim - parameters.gating))
            if self.expected_loglik(moved, statistics) >= level:
                return moved
            part /= 2
        return parameters

    # --- its shape ---

    def reordered(self, parameters: GuidedChainParameters, order: Array) -> GuidedChainParameters:
        """Return the states in another order; log odds stay against state 0."""
        start = parameters.start
        if isinstance(start, GuidedStart):
            start = GuidedStart(_turned(start.gating, order))
        elif not isinstance(start, LongRunStart):
            start = type(start)(start.prob[order])
        return GuidedChainParameters(start, np.stack([_turned(parameters.gating[i], order) for i in order]))

    def remarks(self, parameters: GuidedChainParameters) -> tuple[str, ...]:
        """Tell of states whose log odds have run off: the likelihood has a limit there."""
        if self.known is None or not self.covariates:
            return ()
        lost = []
        for i, own in enumerate(parameters.gating):
            mix = np.exp(log_proportions(own, self.known))
            sums = logit_sums(self._known_basis, own, self.known, mix, mix, np.ones(len(mix)))
            crossed: FloatArray = np.asarray(np.kron(np.eye(self.n_states - 1), sums.cross))
            if self.n_states > 1 and is_lost(sums.bend, crossed, len(mix)):
                lost.append(str(i + 1))
        if not lost:
            return ()
        remark = (
            f"The covariates rule out moves from state {', '.join(lost)} for some rows, so that some log odds have no "
            "finite maximum: they and their standard errors mean nothing. Use fewer covariates or fewer states."
        )
        return (remark,)

    def describe(
        self, parameters: GuidedChainParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return first probabilities, or their log odds, and the log odds of the moves."""
        most = max((*self.covariates, *self.begin_covariates), default=0)
        names = feature_names or [f"x{j + 1}" for j in range(most + 1)]
        if isinstance(parameters.start, GuidedStart):
            header: tuple[str, ...] = ("state", "intercept", *(names[j] for j in self.begin_covariates))
            begun = tuple((str(i + 2), *row.tolist()) for i, row in enumerate(parameters.start.gating))
            beginning = Description("Log odds of the first state, against state 1", header, begun)
        else:
            each = tuple((str(i + 1), float(p)) for i, p in enumerate(parameters.init))
            beginning = Description("States", ("state", "start"), each)
        rows = tuple(
            (f"{i + 1} to {j + 2}", *odds.tolist())
            for i, own in enumerate(parameters.gating)
            for j, odds in enumerate(own)
        )
        header = ("move", "intercept", *(names[j] for j in self.covariates))
        return beginning, Description("Log odds of moves, against one to state 1", header, rows)

    # --- parts ---

    @property
    def _wanted(self) -> tuple[int, ...]:
        return (ONES, *self.covariates)

    @property
    def _known_basis(self) -> Basis:
        return self._known(self.basis, len(self._wanted))

    def _known(self, basis: Basis | None, q: int) -> Basis:
        return Basis(np.zeros(q), np.ones(q), np.ones(q), 0) if basis is None else basis

    def driving(self, X: Array, rows: slice) -> FloatArray:
        """Return the covariates (b, q) of the rows that drive the moves into those of a slice."""
        at = np.arange(rows.start, rows.stop)
        return picked(X[np.maximum(at - 1, 0) if self.timing == "from" else at], self._wanted)


def _begins(lengths: IntArray) -> IntArray:
    """Return the first row of each sequence that has any."""
    return np.asarray((np.cumsum(lengths) - lengths)[lengths > 0])


def _odds_slope(first: FloatArray, trans: FloatArray) -> FloatArray:
    """Return the gradient (k, k - 1) of sum first log delta(A) by the log odds of the moves."""
    slope = stationary_slope(first, trans, stationary_distribution(trans))
    own = trans * (slope - (trans * slope).sum(axis=1, keepdims=True))
    return np.asarray(own[:, 1:])


def _turned(gating: FloatArray, order: Array) -> FloatArray:
    """Return log odds (k - 1, q) against the first of the reordered classes."""
    whole = np.concatenate([np.zeros_like(gating[:1]), gating])[order]
    return np.asarray(whole[1:] - whole[:1])
