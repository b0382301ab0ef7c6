"""The contaminated normal family: k normal distributions, each with a share of rows that spread wider.

x | member k is N(mean, cov) with probability good, and N(mean, (1 + excess) cov) otherwise: a bad row is told from good
ones by its distance, and counts 1 / (1 + excess) as much. Conditional maximisation: means and covariances given the
spread, shares, and the spread given these, each in closed form on the moments of good and of bad rows. Missing entries
are integrated out.

References
----------
Tukey 1960; Punzo & McNicholas 2016, Biometrical Journal 58:1506.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import NonNegative, PositiveDefinite, Probability, Real
from emkit.core.statistics import Additive, shared
from emkit.families.base import Family
from emkit.families.columns import log_or_impossible, member_tables, reordered_record
from emkit.families.discrete import used_rows
from emkit.families.gaussian_missing import patterns
from emkit.families.gaussian_starts import StartingRows
from emkit.families.varying import centered_fill, varying_units

__all__ = ["Contaminated", "ContaminatedParameters", "ContaminatedStatistics"]

_LOG_2PI = float(np.log(2 * np.pi))
_ALIVE = 1e-12
_FLOOR = 1e-8  # weight, in observations, of the penalty on covariances
_FLAT = 1e-9  # part of the squared units of the data
_WIDEST = 1e8  # times that bad rows may spread


@dataclass(frozen=True)
class ContaminatedParameters(Parameters):
    """Means (k, d), covariances (k, d, d), shares of good rows (k,) and excess spread of bad ones (k,)."""

    mean: Array = space(Real())
    cov: Array = space(PositiveDefinite())
    good: Array = space(Probability())
    excess: Array = space(NonNegative())


@dataclass(frozen=True)
class ContaminatedStatistics(Additive):
    """Counts (2, k), and first (2, k, d) and second moments (2, k, d, d) about the means, of good and of bad rows."""

    count: FloatArray
    first: FloatArray
    second: FloatArray
    pivot: FloatArray = shared()

    def about(self, origin: FloatArray) -> FloatArray:
        """Return the second moments about other points (k, d)."""
        move = self.pivot - origin
        cross = self.first[..., :, None] * move[:, None, :]
        own = self.count[..., None, None] * move[:, :, None] * move[:, None, :]
        return np.asarray(self.second + cross + np.swapaxes(cross, -1, -2) + own)


@dataclass(frozen=True)
class Contaminated(Family):
    """Contaminated normal distributions."""

    unit: Any = field(default=None, compare=False, repr=False)  # (d,) standard deviations of the columns

    def prepared(self, source: Any, n_components: int) -> Contaminated:
        return replace(self, unit=varying_units(source))

    def arranged(self, source: Any) -> Any:
        return used_rows(source)

    def starting_rows(self, block: Any) -> StartingRows:
        """Return the rows in the coordinates that k-means is run in."""
        return StartingRows(block.X, block.weights)

    def start(self, X: Array, resp: FloatArray) -> ContaminatedParameters:
        """Return moments by responsibility blended with the pooled ones; a tenth of the rows spread ten times wider."""
        rows, middle = centered_fill(X)
        total = resp.sum(axis=0) + 1.0
        mean = (resp.T @ rows + middle) / total[:, None]
        pooled = np.diag(np.var(rows, axis=0))
        z = rows[:, None, :] - mean
        cov = np.einsum("nk,nki,nkj->kij", resp, z, z) + 0.1 * (rows.shape[1] + 1) * pooled
        k = resp.shape[1]
        return ContaminatedParameters(mean, cov / total[:, None, None] / 1.9, np.full(k, 0.9), np.full(k, 9.0))

    # --- E-step ---

    def _split(self, parameters: Any, X: Array, seen: Array) -> tuple[FloatArray, FloatArray]:
        """Return log density and the probability of a good row, (n, k) each."""
        joint, good = np.empty((len(X), len(parameters.mean))), np.ones((len(X), len(parameters.mean)))
        d = int(seen.sum())
        for k in range(joint.shape[1]):
            factor = np.linalg.cholesky(parameters.cov[k][np.ix_(seen, seen)])
            white = np.linalg.solve(factor, (X - parameters.mean[k][seen]).T)
            square = np.einsum("dn,dn->n", white, white)
            base, wide = -0.5 * d * _LOG_2PI - np.log(np.diag(factor)).sum(), 1 + parameters.excess[k]
            left = log_or_impossible(parameters.good[k]) + base - 0.5 * square
            right = log_or_impossible(1 - parameters.good[k]) + base - 0.5 * (d * np.log(wide) + square / wide)
            joint[:, k] = np.logaddexp(left, right)
            good[:, k] = np.exp(left - joint[:, k])
        return joint, good

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        joint = np.zeros((len(X), len(log_mix)))
        for rows, seen in patterns(X):
            if seen.any():
                joint[rows] = self._split(parameters, np.asarray(X[rows][:, seen], dtype=np.float64), seen)[0]
        return np.asarray(joint + log_mix)

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> ContaminatedStatistics:
        k, d = parameters.mean.shape
        count, first, second = np.zeros((2, k)), np.zeros((2, k, d)), np.zeros((2, k, d, d))
        for rows, seen in patterns(X):
            part = np.asarray(X[rows][:, seen], dtype=np.float64)
            good = self._split(parameters, part, seen)[1] if seen.any() else np.tile(parameters.good, (len(part), 1))
            for j in range(k):
                z = part - parameters.mean[j][seen]
                for side, share in enumerate((good[:, j], 1 - good[:, j])):
                    weight = resp[rows, j] * share
                    spread = 1.0 if side == 0 else 1 + parameters.excess[j]
                    sums = weight.sum(), weight @ z, (z * weight[:, None]).T @ z
                    whole = _completed(parameters.cov[j], seen, spread, *sums)
                    count[side, j] += sums[0]
                    first[side, j] += whole[0]
                    second[side, j] += whole[1]
        return ContaminatedStatistics(count, first, second, parameters.mean)

    # --- M-step ---

    def m_step(self, statistics: ContaminatedStatistics, parameters: Any) -> ContaminatedParameters:
        total = statistics.count.sum(axis=0)
        is_alive = total > _ALIVE * total.sum()
        safe = np.where(is_alive, total, 1.0)
        weight = np.stack([np.ones_like(total), 1 / (1 + parameters.excess)])
        mass = np.where(is_alive, (weight * statistics.count).sum(axis=0), 1.0)
        mean = statistics.pivot + (weight[..., None] * statistics.first).sum(axis=0) / mass[:, None]
        second = statistics.about(mean)
        cov = ((weight[..., None, None] * second).sum(axis=0) + self._floor_scatter) / safe[:, None, None]
        cov = np.where(is_alive[:, None, None], cov, parameters.cov)
        bad = statistics.count[1]
        spread = np.einsum("kii->k", np.linalg.solve(cov, second[1])) / mean.shape[1]
        is_seen = is_alive & (bad > _ALIVE * safe)
        excess = np.clip(spread / np.where(is_seen, bad, 1.0) - 1, 0.0, _WIDEST)
        return ContaminatedParameters(
            np.where(is_alive[:, None], mean, parameters.mean),
            cov,
            np.where(is_alive, np.clip(statistics.count[0] / safe, 0.0, 1.0), parameters.good),
            np.where(is_seen, excess, parameters.excess),
        )

    @property
    def _floor_scatter(self) -> Any:
        return 0.0 if self.unit is None else _FLOOR * np.diag(self.unit**2)

    def expected_loglik(self, parameters: Any, statistics: ContaminatedStatistics) -> float:
        second, d = statistics.about(parameters.mean), parameters.mean.shape[1]
        wide = 1 + parameters.excess
        scatter = second[0] + second[1] / wide[:, None, None]
        own = statistics.count.sum(axis=0) * np.linalg.slogdet(parameters.cov)[1]
        traces = np.einsum("kii->k", np.linalg.solve(parameters.cov, scatter))
        shares = statistics.count * np.stack([log_or_impossible(p) for p in (parameters.good, 1 - parameters.good)])
        return float(shares.sum() - 0.5 * (own + traces + d * statistics.count[1] * np.log(wide)).sum())

    def score(self, parameters: Any, statistics: ContaminatedStatistics) -> ContaminatedParameters:
        second, d, wide = statistics.about(parameters.mean), parameters.mean.shape[1], 1 + parameters.excess
        move = statistics.pivot - parameters.mean
        first = statistics.first + statistics.count[..., None] * move
        towards = (first[0] + first[1] / wide[:, None])[:, :, None]
        scatter = second[0] + second[1] / wide[:, None, None] + self._floor_scatter
        total = statistics.count.sum(axis=0)
        half = np.linalg.solve(parameters.cov, scatter) - total[:, None, None] * np.eye(d)
        slope = np.linalg.solve(parameters.cov, np.swapaxes(half, 1, 2)) / 2
        spread = np.einsum("kii->k", np.linalg.solve(parameters.cov, second[1]))
        good = parameters.good
        inner = (good > 0) & (good < 1)
        safe = np.where(inner, good, 0.5)
        return ContaminatedParameters(
            np.linalg.solve(parameters.cov, towards)[:, :, 0],
            0.5 * (slope + np.swapaxes(slope, 1, 2)),
            np.where(inner, statistics.count[0] / safe - statistics.count[1] / (1 - safe), 0.0),
            0.5 * (spread / wide - d * statistics.count[1]) / wide,
        )

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on covariances that vanish."""
        if self.unit is None:
            return 0.0
        floor = np.broadcast_to(self._floor_scatter, parameters.cov.shape)
        return -0.5 * float(np.einsum("kii->", np.linalg.solve(parameters.cov, floor)))

    # --- order, sampling, collapse, tables ---

    def reordered(self, parameters: Any, order: Array) -> Any:
        return reordered_record(parameters, order)

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.mean[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        factor = np.linalg.cholesky(parameters.cov)[labels]
        noise = np.einsum("nij,nj->ni", factor, rng.standard_normal((len(labels), parameters.mean.shape[1])))
        is_bad = rng.random(len(labels)) >= parameters.good[labels]
        wide = np.where(is_bad, np.sqrt(1 + parameters.excess[labels]), 1.0)
        return np.asarray(parameters.mean[labels] + wide[:, None] * noise)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        if self.unit is None:
            return ""
        flattest = np.linalg.eigvalsh(parameters.cov / np.outer(self.unit, self.unit))[:, 0]
        where = np.flatnonzero((flattest < _FLAT) | (count < parameters.mean.shape[1] + 1.5))
        if where.size == 0:
            return ""
        return (
            f"Component {where[0] + 1} ({count[where[0]]:.3g} rows) has collapsed onto too few points to determine a "
            "covariance. Use fewer components, or a Gaussian family with a prior."
        )

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return tables of means, and of shares and spreads of bad rows."""
        pairs = zip((1 - parameters.good).tolist(), (1 + parameters.excess).tolist(), strict=True)
        rows = tuple((str(i + 1), share, wide) for i, (share, wide) in enumerate(pairs))
        bad = Description("Bad rows", (member, "share", "times the covariance"), rows)
        return (*member_tables(parameters, {"mean": "Means"}, names, member), bad)


def _completed(
    cov: FloatArray, seen: Array, spread: float, count: float, first_o: FloatArray, second_o: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of rows filled in: regression on the observed columns, with covariance spread C about it."""
    if seen.all():
        return first_o, second_o
    o, m, d = np.flatnonzero(seen), np.flatnonzero(~seen), len(seen)
    slope = np.linalg.solve(cov[np.ix_(o, o)], cov[np.ix_(o, m)]).T if o.size else np.zeros((m.size, 0))
    left = cov[np.ix_(m, m)] - slope @ cov[np.ix_(o, m)]
    first, second = np.zeros(d), np.zeros((d, d))
    first[o], first[m] = first_o, slope @ first_o
    between = slope @ second_o
    second[np.ix_(o, o)], second[np.ix_(m, o)], second[np.ix_(o, m)] = second_o, between, between.T
    second[np.ix_(m, m)] = between @ slope.T + spread * count * left
    return first, second
