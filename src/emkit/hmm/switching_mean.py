"""Hamilton's model: an autoregression of deviations from a mean that switches with a hidden Markov chain.

    y_t - mean(s_t) = sum_j ar_j(s_t) (y_{t-j} - mean(s_{t-j})) + e_t,   e_t ~ N(0, var(s_t))

The density of a row depends on the states of p + 1 rows, so that the chain is one of histories c = (s_t, ..., s_{t-p}),
k^(p+1) of them, most moves between which are impossible. The first p rows of a sequence are conditioned on. With w =
(y_t, ..., y_{t-p}) the E-step keeps count, sum and cross-products of w for each history; the M-step goes round
coefficients, means and variances, each in closed form given the others (ECM).

References
----------
Hamilton 1989, Econometrica 57:357. Hamilton 1990, J. Econometrics 45:39 (EM). Meng & Rubin 1993, Biometrika 80:267.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.model import Model
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Positive, Real
from emkit.core.statistics import Statistics
from emkit.data import SequenceBlock
from emkit.families.gaussian_starts import StartingRows
from emkit.hmm import passes
from emkit.hmm.chain import Chain, ChainParameters
from emkit.hmm.histories import chain_counts, grouped, histories_of, solved_near, sums_of, unrolled_chain
from emkit.hmm.lags import lag_columns
from emkit.hmm.model import sequences_of, weight_of, weighted_total
from emkit.hmm.starts import SequenceStarts
from emkit.hmm.stationary import stationary_distribution
from emkit.kernels import hmm as kernel

__all__ = ["SwitchingMean", "SwitchingMeanParameters", "SwitchingMeanStatistics"]

_ROUNDS = 3
_FINE = 1e-13
_START_ROWS = 16384
_FLOOR = 1e-12  # of one row's share of the variance of the series: where the likelihood has no limit, it stops here
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class SwitchingMeanParameters(Parameters):
    """The chain; means (k,); coefficients (k, p) or (1, p) for all; residual variances (k,) or (1,) for all."""

    chain: Any
    mean: Array = space(Real())
    ar: Array = space(Real())
    var: Array = space(Positive())


@dataclass(frozen=True)
class SwitchingMeanStatistics(Statistics):
    """Counts of oldest states (k,) and moves (k, k); by history (c,), sums (c, m) and products (c, m, m) of w."""

    first: FloatArray
    moves: FloatArray
    count: FloatArray
    total: FloatArray
    square: FloatArray


@dataclass(frozen=True)
class SwitchingMean(Model):
    """An autoregression about a switching mean.

    Parameters
    ----------
    chain : Chain
    order : int
        Lags, p.
    switching_slopes, switching_variance : bool
        Whether coefficients and variance have values for each state.
    """

    chain: Chain = field(default_factory=lambda: Chain(1))
    order: int = 1
    switching_slopes: bool = False
    switching_variance: bool = False
    center: float = 0.0
    unit: float = 1.0

    @property
    def n_components(self) -> int:
        """Number of states."""
        return self.chain.n_states

    @cached_property
    def histories(self) -> IntArray:
        """States (c, p + 1) of each history, the latest first."""
        return histories_of(self.n_components, self.order)

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> SwitchingMeanParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: SwitchingMeanParameters, block: Any) -> SwitchingMeanStatistics:
        own, sums = self._rows(block), self._no_sums()
        init, trans = self.unrolled(parameters.chain)

        def collect(rows: slice, resp: FloatArray) -> Any:
            return sums_of(own.X[rows], resp, self.center)

        done = passes.expected(own, self._emissions(parameters, own), init, trans, collect)
        for parts in done.parts:
            for into, part in zip(sums, parts, strict=True):
                np.add(into, part, out=into)
        first, moves = chain_counts(self.histories, self.n_components, done.first, done.moves)
        return SwitchingMeanStatistics(weighted_total(done.loglik, own), weight_of(block), first, moves, *sums)

    def m_step(
        self, statistics: SwitchingMeanStatistics, parameters: SwitchingMeanParameters
    ) -> SwitchingMeanParameters:
        chain = self.chain.m_step(statistics.first, statistics.moves, parameters.chain)
        at, level = parameters, self._emitted(parameters, statistics)
        for _ in range(_ROUNDS):
            trial = self._round(at, statistics)
            reached = self._emitted(trial, statistics)
            if not reached >= level:
                break
            gain, at, level = reached - level, trial, reached
            if gain <= _FINE * (1 + abs(level)):
                break
        return replace(at, chain=chain)

    def log_prior(self, parameters: SwitchingMeanParameters) -> float:
        penalty = 0.5 * _FLOOR * self.unit**2 * float((1 / parameters.var).sum())
        return self.chain.log_prior(parameters.chain) - penalty

    def expected_loglik(self, parameters: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> float:
        own = self.chain.expected_loglik(parameters.chain, statistics.first, statistics.moves)
        n, scatter, var = statistics.count, self._residual(parameters, statistics), self._var(parameters)
        return own - 0.5 * float((n * (_LOG_2PI + np.log(var)) + scatter / var).sum())

    def score(
        self, parameters: SwitchingMeanParameters, statistics: SwitchingMeanStatistics
    ) -> SwitchingMeanParameters:
        filters, var, k = self._filters(parameters), self._var(parameters), self.n_components
        levels, now = self._levels(parameters), self.histories[:, 0]
        about = self._about(levels, statistics)
        toward = np.einsum("cm,cm->c", filters, statistics.total - statistics.count[:, None] * levels) / var
        by_mean = self._shares(filters).T @ toward
        by_ar = np.einsum("cij,cj->ci", about[:, 1:, :], filters) / var[:, None]
        scatter = np.einsum("ci,cij,cj->c", filters, about, filters)
        by_var = 0.5 * (scatter / var - statistics.count) / var
        ar = grouped(by_ar, now if self.switching_slopes else np.zeros_like(now), len(parameters.ar))
        own = grouped(by_var[:, None], now if self.switching_variance else np.zeros_like(now), len(parameters.var))
        slope = own[:, 0] + 0.5 * _FLOOR * self.unit**2 / parameters.var**2
        chain = self.chain.score(parameters.chain, statistics.first, statistics.moves)
        return SwitchingMeanParameters(chain, by_mean.reshape(k), ar, slope)

    # --- what else it offers ---

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree."""
        return max(8, 8 * (self.n_components - 1))

    def prepare(self, source: Any) -> tuple[SwitchingMean, Any]:
        """Return the model with mean and unit of the series, and the sequences."""
        sequences = sequences_of(source)
        moments = sequences.column_moments()
        sd = float(np.sqrt(moments.var[0]))
        return replace(self, center=float(moments.mean[0]), unit=sd if sd > 0 else 1.0), sequences

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], SwitchingMeanParameters]:
        own = self._rows(source.sample(_START_ROWS, rng))
        level = own.X[:, :1]
        shown = replace(own, X=np.ascontiguousarray(level))
        is_ordered = self.chain.allowed is not None or self.chain.fixed is not None
        starts = SequenceStarts(shown, StartingRows(shown.X, own.weights), self.n_components, is_ordered)

        def draw(own_rng: np.random.Generator, index: int) -> SwitchingMeanParameters:
            resp, init, trans = starts.draw(own_rng, index)
            return self._started(own, resp, self.chain.parameters(init, trans))

        return draw

    def _started(self, own: Any, resp: FloatArray, chain: ChainParameters) -> SwitchingMeanParameters:
        k = self.n_components
        y = np.where(np.isnan(own.X[:, 0]), self.center, own.X[:, 0])
        mass = resp.sum(axis=0)
        mean = (resp.T @ y + self.center * 1e-3) / (mass + 1e-3)
        var = np.full(k if self.switching_variance else 1, self.unit**2)
        at = SwitchingMeanParameters(chain, mean, np.zeros((k if self.switching_slopes else 1, self.order)), var)
        label = lag_columns(resp.argmax(axis=1).astype(np.float64), own.lengths, self.order)
        now = resp.argmax(axis=1)
        label = np.where(np.isnan(label), now[:, None], label).astype(np.intp)
        code = now * k**self.order + label @ (k ** np.arange(self.order - 1, -1, -1))
        joint = np.zeros((len(now), k ** (self.order + 1)))
        joint[np.arange(len(now)), code] = own.weights
        sums = sums_of(own.X, joint, self.center)
        nothing = np.zeros(k), np.zeros((k, k))
        found = self._round(at, SwitchingMeanStatistics(0.0, 0.0, *nothing, *sums))
        return replace(found, mean=mean, var=np.maximum(found.var, 0.01 * self.unit**2))

    # --- answers ---

    def log_density(self, parameters: SwitchingMeanParameters, block: Any) -> FloatArray:
        """Return the log-likelihood (s,) of each sequence given its first p rows."""
        own = self._rows(block)
        return passes.loglik_of(own, self._emissions(parameters, own), *self.unrolled(parameters.chain))[0]

    def posterior(self, parameters: SwitchingMeanParameters, block: Any) -> FloatArray:
        """Return the smoothed probabilities (b, k) of the states."""
        return self._by_row(block, parameters, passes.smoothed)

    def filtered(self, parameters: SwitchingMeanParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows up to each; the first p: up to row p + 1."""
        return self._by_row(block, parameters, passes.filtered)

    def unexplained(self, parameters: SwitchingMeanParameters, block: Any) -> passes.Unexplained:
        """Return the first row of a block that no path explains."""
        own = self._rows(block)
        bad = passes.loglik_of(own, self._emissions(parameters, own), *self.unrolled(parameters.chain))[1]
        return passes.Unexplained(bad.sequence, bad.step + self.order) if bad.is_real else bad

    def best_path(self, parameters: SwitchingMeanParameters, block: Any) -> tuple[IntArray, FloatArray]:
        """Return the most probable path (b,), and its log joint probability (s,) for each sequence."""
        own = self._rows(block)
        emissions = self._emissions(parameters, own)(slice(0, own.n_rows))
        codes, log_joint = kernel.viterbi(emissions, own.lengths, *self.unrolled(parameters.chain))
        one = np.eye(len(self.histories))[np.asarray(codes, dtype=np.intp)]
        return self._spread(block, own, one).argmax(axis=1).astype(np.int32), log_joint

    def sample(
        self, parameters: SwitchingMeanParameters, n: int, rng: np.random.Generator, first: int | None = None
    ) -> tuple[FloatArray, Array]:
        """Return one sequence of n rows and its states, after a stretch that lets the past be forgotten."""
        trans, k, burn = parameters.chain.trans, self.n_components, 0 if first is not None else 200
        states, deviation = np.empty(n + burn, dtype=np.intp), np.zeros(n + burn)
        ar, var = np.broadcast_to(parameters.ar, (k, self.order)), np.broadcast_to(parameters.var, (k,))
        for t in range(n + burn):
            prob = trans[states[t - 1]] if t else parameters.chain.init
            states[t] = first if t == 0 and first is not None else int(rng.choice(k, p=prob))
            past = deviation[max(0, t - self.order) : t][::-1]
            deviation[t] = ar[states[t], : len(past)] @ past + rng.normal() * np.sqrt(var[states[t]])
        return (parameters.mean[states] + deviation)[burn:, None], states[burn:]

    def canonical(self, parameters: SwitchingMeanParameters) -> SwitchingMeanParameters:
        """Return the states by rising mean."""
        if not self.chain.is_symmetric:
            return parameters
        order = np.lexsort((-np.round(stationary_distribution(parameters.chain.trans), 9), parameters.mean))
        return SwitchingMeanParameters(
            self.chain.reordered(parameters.chain, order),
            parameters.mean[order],
            parameters.ar[order] if self.switching_slopes else parameters.ar,
            parameters.var[order] if self.switching_variance else parameters.var,
        )

    def degeneracy(self, parameters: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> str:
        low = np.flatnonzero(parameters.var < 1e-8 * self.unit**2)
        if not len(low):
            return ""
        named = ", ".join(str(int(j) + 1) for j in low)
        return f"The variance of state {named} has collapsed: use fewer states, or one variance for all of them."

    def describe(
        self, parameters: SwitchingMeanParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return the states with their means, coefficients and standard deviations, and the transitions."""
        k, chain = self.n_components, parameters.chain
        names = [str(i + 1) for i in range(k)]
        ar, sd = np.broadcast_to(parameters.ar, (k, self.order)), np.sqrt(np.broadcast_to(parameters.var, (k,)))
        share = stationary_distribution(chain.trans)
        facts = np.column_stack([share, parameters.mean, sd, ar]).tolist()
        lags = tuple(f"lag {j + 1}" for j in range(self.order))
        states = tuple((name, *row) for name, row in zip(names, facts, strict=True))
        moves = tuple((name, *row) for name, row in zip(names, chain.trans.tolist(), strict=True))
        return (
            Description("States", ("state", "long run", "mean", "sd", *lags), states),
            Description("Transitions", ("from", *names), moves),
        )

    # --- the chain of histories ---

    def unrolled(self, chain: ChainParameters) -> tuple[FloatArray, FloatArray]:
        """Return first probabilities (c,) and moves (c, c) of histories."""
        return unrolled_chain(self.histories, chain.init, chain.trans)

    def _by_row(self, block: Any, parameters: SwitchingMeanParameters, run: Any) -> FloatArray:
        own = self._rows(block)
        joint, _ = run(own, self._emissions(parameters, own), *self.unrolled(parameters.chain))
        return self._spread(block, own, joint)

    def _spread(self, block: Any, own: Any, joint: FloatArray) -> FloatArray:
        """Return probabilities (b, k) of the states of all rows from those (b - p s, c) of histories."""
        resp = np.zeros((block.n_rows, self.n_components))
        which = [np.eye(self.n_components)[self.histories[:, j]] for j in range(self.order + 1)]
        row = at = 0
        for n, kept in zip(passes.lengths_of(block).tolist(), own.lengths.tolist(), strict=True):
            part = joint[at : at + kept]
            if kept:
                resp[row + n - kept : row + n] = part @ which[0]
                for j in range(1, self.order + 1):
                    resp[row + n - kept - j] = part[0] @ which[j]
            else:
                resp[row : row + n] = 1 / self.n_components
            row, at = row + n, at + kept
        return resp

    # --- rows and densities ---

    def _rows(self, block: Any) -> SequenceBlock:
        """Return the block of w (b - p s, p + 1): the first p rows of each sequence are only lags."""
        lengths = passes.lengths_of(block)
        y = np.asarray(block.X[:, 0], dtype=np.float64)
        w = np.column_stack([y, lag_columns(y, lengths, self.order)])
        within = np.arange(len(y)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        kept = within >= self.order
        weights = passes.weights_of(block)
        each = np.ones(len(lengths)) if weights is None else weights
        rest = np.maximum(lengths - self.order, 0)
        X = np.ascontiguousarray(w[kept])
        return SequenceBlock(X, np.repeat(each, rest), 0, block.is_weighted, bool(np.isnan(X).any()), rest, each, 0)

    def _emissions(self, parameters: SwitchingMeanParameters, own: Any) -> Callable[[slice], FloatArray]:
        filters, var = self._filters(parameters), self._var(parameters)
        shift = np.einsum("cm,cm->c", filters, self._levels(parameters))

        def of(rows: slice) -> FloatArray:
            w = own.X[rows] - self.center
            seen = ~np.isnan(w).any(axis=1)
            residual = np.where(seen[:, None], w, 0.0) @ filters.T - shift
            density = -0.5 * (_LOG_2PI + np.log(var) + residual**2 / var)
            return np.ascontiguousarray(np.where(seen[:, None], density, 0.0))

        return of

    # --- the M-step ---

    def _round(self, at: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> SwitchingMeanParameters:
        """Return coefficients given means, means given coefficients, then variances."""
        now, var, k = self.histories[:, 0], self._var(at), self.n_components
        if self.order:
            about = self._about(self._levels(at), statistics) / var[:, None, None]
            group = now if self.switching_slopes else np.zeros_like(now)
            pooled = grouped(about, group, len(at.ar))
            ar = np.stack([solved_near(v[1:, 1:], v[1:, 0], own) for v, own in zip(pooled, at.ar, strict=True)])
            at = replace(at, ar=ar)
        filters = self._filters(at)
        share = self._shares(filters)
        system = np.einsum("c,ci,cj->ij", statistics.count / var, share, share)
        aim = share.T @ (np.einsum("cm,cm->c", filters, statistics.total) / var)
        at = replace(at, mean=solved_near(system, aim, at.mean - self.center) + self.center)
        scatter = self._residual(at, statistics)
        group = now if self.switching_variance else np.zeros_like(now)
        n = grouped(statistics.count[:, None], group, len(at.var))[:, 0]
        square = grouped(scatter[:, None], group, len(at.var))[:, 0] + _FLOOR * self.unit**2
        return replace(at, var=np.where(n > 1e-9 * k, square / np.maximum(n, 1e-300), at.var))

    def _emitted(self, at: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> float:
        n, scatter, var = statistics.count, self._residual(at, statistics), self._var(at)
        own = -0.5 * float((n * np.log(var) + scatter / var).sum())
        return own - 0.5 * _FLOOR * self.unit**2 * float((1 / at.var).sum())

    def _filters(self, at: SwitchingMeanParameters) -> FloatArray:
        """Return (1, -ar) (c, m) of each history."""
        ar = np.broadcast_to(at.ar, (self.n_components, self.order))[self.histories[:, 0]]
        return np.concatenate([np.ones((len(ar), 1)), -ar], axis=1)

    def _var(self, at: SwitchingMeanParameters) -> FloatArray:
        return np.asarray(np.broadcast_to(at.var, (self.n_components,))[self.histories[:, 0]])

    def _levels(self, at: SwitchingMeanParameters) -> FloatArray:
        return np.asarray((at.mean - self.center)[self.histories])

    def _shares(self, filters: FloatArray) -> FloatArray:
        """Return what each state's mean takes part (c, k) in the level of each history's residual."""
        share = np.zeros((len(filters), self.n_components))
        for j in range(self.order + 1):
            share[np.arange(len(share)), self.histories[:, j]] += filters[:, j]
        return share

    def _about(self, levels: FloatArray, statistics: SwitchingMeanStatistics) -> FloatArray:
        """Return cross-products (c, m, m) of w about the means of each history."""
        cross = levels[:, :, None] * statistics.total[:, None, :]
        both = cross + np.swapaxes(cross, 1, 2)
        outer = levels[:, :, None] * levels[:, None, :]
        return np.asarray(statistics.square - both + statistics.count[:, None, None] * outer)

    def _residual(self, at: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> FloatArray:
        filters = self._filters(at)
        scatter = np.einsum("ci,cij,cj->c", filters, self._about(self._levels(at), statistics), filters)
        return np.asarray(np.maximum(scatter, 0.0))

    def _no_sums(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        c, m = len(self.histories), self.order + 1
        return np.zeros(c), np.zeros((c, m)), np.zeros((c, m, m))
