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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtr

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.families.gaussian_starts import StartingRows
from emkit.hmm import passes
from emkit.hmm.guided_chain import GuidedChain
from emkit.hmm.histories import grouped, sums_of
from emkit.hmm.history_course import GuidedHistories, HistoryRows, PlainHistories, history_rows
from emkit.hmm.lags import lag_columns
from emkit.hmm.model import sequences_of, weight_of, weighted_total
from emkit.hmm.starts import SequenceStarts
from emkit.hmm.stationary import stationary_distribution
from emkit.hmm.switching_mean_sums import (
    VARIANCE_FLOOR,
    SwitchingMeanParameters,
    SwitchingMeanStatistics,
    SwitchingMeanSums,
)

__all__ = ["SwitchingMean", "SwitchingMeanParameters", "SwitchingMeanStatistics"]

_ROUNDS = 3
_FINE = 1e-13
_START_ROWS = 16384
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class SwitchingMean(SwitchingMeanSums):
    """An autoregression about a switching mean; its fields are those of `SwitchingMeanSums`."""

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> SwitchingMeanParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: SwitchingMeanParameters, block: Any) -> SwitchingMeanStatistics:
        rows_of, sums = history_rows(block, self.order, self.chain), self._no_sums()
        own = rows_of.own

        def collect(rows: slice, resp: FloatArray) -> Any:
            return sums_of(own.X[rows], resp, self.center)

        each, first, moves, found = self._passed(parameters, rows_of).expected(collect)
        for parts in found:
            for into, part in zip(sums, parts, strict=True):
                np.add(into, part, out=into)
        return SwitchingMeanStatistics(weighted_total(each, own), weight_of(block), first, moves, *sums)

    def m_step(
        self, statistics: SwitchingMeanStatistics, parameters: SwitchingMeanParameters
    ) -> SwitchingMeanParameters:
        chain = self.chain.m_step(*self._of_chain(statistics), parameters.chain)
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
        penalty = 0.5 * VARIANCE_FLOOR * self.unit**2 * float((1 / parameters.var).sum())
        return (0.0 if self._is_guided else float(self.chain.log_prior(parameters.chain))) - penalty

    def expected_loglik(self, parameters: SwitchingMeanParameters, statistics: SwitchingMeanStatistics) -> float:
        own = self.chain.expected_loglik(parameters.chain, *self._of_chain(statistics))
        n, scatter, var = statistics.count, self._residual(parameters, statistics), self._var(parameters)
        return float(own) - 0.5 * float((n * (_LOG_2PI + np.log(var)) + scatter / var).sum())

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
        slope = own[:, 0] + 0.5 * VARIANCE_FLOOR * self.unit**2 / parameters.var**2
        chain = self.chain.score(parameters.chain, *self._of_chain(statistics))
        return SwitchingMeanParameters(chain, by_mean.reshape(k), ar, slope)

    # --- what else it offers ---

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree."""
        return max(8, 8 * (self.n_components - 1))

    @property
    def hits_to_believe(self) -> int:
        """How many of the starts must reach the best optimum: two of them may be close to each other."""
        return 32

    def prepare(self, source: Any) -> tuple[SwitchingMean, Any]:
        """Return the model with mean and unit of the series, and the sequences."""
        sequences = sequences_of(source)
        moments = sequences.column_moments()
        sd = float(np.sqrt(moments.var[0]))
        ready = replace(self, center=float(moments.mean[0]), unit=sd if sd > 0 else 1.0)
        return (replace(ready, chain=self.chain.prepared(sequences)) if self._is_guided else ready), sequences

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], SwitchingMeanParameters]:
        own = history_rows(source.sample(_START_ROWS, rng), self.order, self.chain).own
        level = own.X[:, :1]
        shown = replace(own, X=np.ascontiguousarray(level))
        is_ordered = not self._is_guided and (self.chain.allowed is not None or self.chain.fixed is not None)
        starts = SequenceStarts(shown, StartingRows(shown.X, own.weights), self.n_components, is_ordered)

        def draw(own_rng: np.random.Generator, index: int) -> SwitchingMeanParameters:
            resp, init, trans = starts.draw(own_rng, index)
            return self._started(own, resp, self.chain.parameters(init, trans))

        return draw

    def _started(self, own: Any, resp: FloatArray, chain: Any) -> SwitchingMeanParameters:
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
        return self.course(parameters, block).loglik()[0]

    def posterior(self, parameters: SwitchingMeanParameters, block: Any) -> FloatArray:
        """Return the smoothed probabilities (b, k) of the states."""
        return self._spread(block, self.course(parameters, block).smoothed())

    def filtered(self, parameters: SwitchingMeanParameters, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the states given the rows up to each; the first p: up to row p + 1."""
        return self._spread(block, self.course(parameters, block).filtered())

    def unexplained(self, parameters: SwitchingMeanParameters, block: Any) -> passes.Unexplained:
        """Return the first row of a block that no path explains."""
        bad = self.course(parameters, block).loglik()[1]
        return passes.Unexplained(bad.sequence, bad.step + self.order) if bad.is_real else bad

    def best_path(self, parameters: SwitchingMeanParameters, block: Any) -> tuple[IntArray, FloatArray]:
        """Return the most probable path (b,), and its log joint probability (s,) for each sequence."""
        codes, log_joint = self.course(parameters, block).best()
        return self._states_of(block, codes), log_joint

    def drawn_paths(
        self, parameters: SwitchingMeanParameters, block: Any, rng: np.random.Generator, n_paths: int
    ) -> IntArray:
        """Return paths (n_paths, b) drawn from the posterior."""
        drawn = self.course(parameters, block).drawn(rng, n_paths)
        return np.array([self._states_of(block, codes) for codes in drawn])

    def residual_cdf(self, parameters: SwitchingMeanParameters, block: Any) -> FloatArray:
        """Return P(y <= the value seen) (n, c) of the rows after the first p of each sequence, under each history."""
        own = history_rows(block, self.order, self.chain).own
        filters, var = self._filters(parameters), self._var(parameters)
        shift = np.einsum("cm,cm->c", filters, self._levels(parameters))
        return np.asarray(ndtr(((own.X - self.center) @ filters.T - shift) / np.sqrt(var)))

    def course(self, parameters: SwitchingMeanParameters, block: Any) -> PlainHistories | GuidedHistories:
        """Return the passes over the histories of a block."""
        return self._passed(parameters, history_rows(block, self.order, self.chain))

    def _passed(self, parameters: SwitchingMeanParameters, rows: HistoryRows) -> PlainHistories | GuidedHistories:
        emissions = self._emissions(parameters, rows.own)
        if isinstance(self.chain, GuidedChain):
            return GuidedHistories(self.histories, rows, emissions, self.chain, parameters.chain)
        return PlainHistories(self.histories, rows.own, emissions, parameters.chain)

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
        if self._is_guided:
            facts = np.column_stack([parameters.mean, sd, ar]).tolist()
            lags = tuple(f"lag {j + 1}" for j in range(self.order))
            rows = tuple((name, *row) for name, row in zip(names, facts, strict=True))
            own = Description("Means about which the series goes", ("state", "mean", "sd", *lags), rows)
            return (own, *self.chain.describe(chain, feature_names))
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

    def _states_of(self, block: Any, codes: IntArray) -> IntArray:
        one = np.eye(len(self.histories))[codes]
        return np.asarray(self._spread(block, one).argmax(axis=1), dtype=np.intp)

    def _spread(self, block: Any, joint: FloatArray) -> FloatArray:
        """Return probabilities (b, k) of the states of all rows from those (b - p s, c) of histories."""
        resp = np.zeros((block.n_rows, self.n_components))
        which = [np.eye(self.n_components)[self.histories[:, j]] for j in range(self.order + 1)]
        row = at = 0
        for n in passes.lengths_of(block).tolist():
            kept = max(n - self.order, 0)
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
