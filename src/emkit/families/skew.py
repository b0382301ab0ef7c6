"""Skewed families: k multivariate skew normal, or skew t, distributions, missing entries allowed.

x = location + (skew |t| + e) / sqrt(u) with t ~ N(0, 1), e ~ N(0, scale), and u = 1 (skew normal) or u ~ Gamma(dof/2,
dof/2) (skew t): the "restricted" form, which is Azzalini's in other parameters. With Omega = scale + skew skew',
z = x - location, D = z' Omega^-1 z, s^2 = 1 / (1 + skew' scale^-1 skew), m = s^2 skew' scale^-1 z and q = m / s,

    f(x) = 2 t_d(x; location, Omega, dof) T(q sqrt((dof + d) / (dof + D)); dof + d),

and normal ones in the limit. Given x, |t| / sqrt(u) is a truncated normal variable: the M-step is the regression of x
on it, exact and in closed form. The expectation of log u is read off the derivative of log f by dof.

References
----------
Azzalini & Capitanio 2003, JRSS B 65:367. Pyne et al. 2009, PNAS 106:8519. Lee & McLachlan 2014, Statistics and
Computing 24:181 (forms of the skew t, and their E-steps).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, log_ndtr, stdtr
from scipy.stats import t as student_t

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.families.base import Family
from emkit.families.columns import member_tables, reordered_record
from emkit.families.discrete import used_rows
from emkit.families.gaussian_missing import patterns
from emkit.families.gaussian_starts import StartingRows
from emkit.families.skew_records import SkewNormalParameters, SkewStatistics, SkewTParameters
from emkit.families.student_dof import dof_solution
from emkit.families.varying import centered_fill, varying_units

__all__ = ["SkewNormal", "SkewNormalParameters", "SkewStatistics", "SkewT", "SkewTParameters"]

_LOG_2PI = float(np.log(2 * np.pi))
_START_DOF = 10.0
_ALIVE = 1e-12
_FLAT = 1e-8  # part of the squared units of the data


@dataclass(frozen=True)
class SkewNormal(Family):
    """Multivariate skew normal distributions.

    Parameters
    ----------
    floor : float, default 1e-4
        Weight, in observations, of the penalty on scale matrices. The likelihood of a skewed member may be highest
        where its scale is flat and all rows lie on one side of an edge; a ten-thousandth of an observation stops short
        of that, and moves other estimates by less than a thousandth of their standard errors.
    """

    floor: float = 1e-4
    unit: Any = field(default=None, compare=False, repr=False)  # (d,) standard deviations of the columns

    def prepared(self, source: Any, n_components: int) -> SkewNormal:
        return replace(self, unit=varying_units(source, "it has no skewness, "))

    def arranged(self, source: Any) -> Any:
        return used_rows(source)

    def starting_rows(self, block: Any) -> StartingRows:
        """Return the rows in the coordinates that k-means is run in."""
        return StartingRows(block.X, block.weights)

    def start(self, X: Array, resp: FloatArray) -> Any:
        """Return members with half of the variance skewed to the side of the third moment."""
        rows, middle = centered_fill(X)
        total = resp.sum(axis=0) + 1.0
        mean = (resp.T @ rows + middle) / total[:, None]
        pooled = np.diag(np.var(rows, axis=0) + 1e-12)
        scale, skew = [], []
        for k in range(resp.shape[1]):
            z = rows - mean[k]
            cov = ((z * resp[:, k : k + 1]).T @ z + (z.shape[1] + 1) * 0.1 * pooled) / total[k]
            sd = np.sqrt(np.diag(cov))
            third = resp[:, k] @ (z / sd) ** 3 / total[k]
            delta = 0.7 * sd * np.sign(third) * np.minimum(np.abs(third), 1.0) ** (1 / 3)
            shrunk = delta / np.sqrt(max(1.0, 1.25 * delta @ np.linalg.solve(cov, delta)))
            skew.append(shrunk)
            scale.append(cov - (1 - 2 / np.pi) * np.outer(shrunk, shrunk))
        own = np.array(skew)
        return self._record(mean - np.sqrt(2 / np.pi) * own, own, np.array(scale), np.full(len(total), _START_DOF))

    # --- E-step ---

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        joint = np.empty((len(X), len(log_mix)))
        for rows, seen in _patterns(X):
            part = np.asarray(X[rows][:, seen], dtype=np.float64)
            for k in range(len(log_mix)):
                joint[rows, k] = log_mix[k] + self._log_density(_Member.of(parameters, k, seen, part))
        return joint

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> SkewStatistics:
        total: Any = None
        for rows, seen in _patterns(X):
            part, weights = np.asarray(X[rows][:, seen], dtype=np.float64), resp[rows]
            members = [_Member.of(parameters, k, seen, part) for k in range(resp.shape[1])]
            own: Any = [self._sums(member, weights[:, k], parameters, k, seen) for k, member in enumerate(members)]
            columns: Any = [np.array(column) for column in zip(*own, strict=True)]
            count, log_u, u, ut, utt, ux, utx, uxx = columns
            stats = SkewStatistics(count, log_u, u, ut, utt, ux, utx, uxx, parameters.location)
            total = stats if total is None else total + stats
        return total  # type: ignore[no-any-return]

    def _sums(self, member: _Member, r: FloatArray, parameters: Any, k: int, seen: Array) -> tuple[Any, ...]:
        u, ut, utt, log_u = self._expected(member)
        z = member.z
        own = (r.sum(), r @ log_u, r @ u, r @ ut, r @ utt)
        ux, utx, uxx = (r * u) @ z, (r * ut) @ z, (z * (r * u)[:, None]).T @ z
        if seen.all():
            return (*own, ux, utx, uxx)
        return (*own, *_completed(parameters, k, seen, own, (ux, utx, uxx)))

    def _log_density(self, member: _Member) -> FloatArray:
        d = member.z.shape[1]
        normal = -0.5 * (d * _LOG_2PI + member.log_det + member.distance)
        return np.asarray(np.log(2.0) + normal + log_ndtr(member.q))

    def _expected(self, member: _Member) -> tuple[FloatArray, ...]:
        """Return E[u], E[u tau], E[u tau^2] and E[log u - u], (n,) each."""
        q, s = member.q, member.s
        hazard = np.exp(-0.5 * q * q - 0.5 * _LOG_2PI - log_ndtr(q))
        one = np.ones_like(q)
        return one, s * (q + hazard), s * s * (q * q + 1 + q * hazard), -one

    # --- M-step ---

    def m_step(self, statistics: SkewStatistics, parameters: Any) -> Any:
        is_alive = statistics.count > _ALIVE * statistics.count.sum()
        safe = np.where(is_alive, statistics.count, 1.0)
        u, ut, utt = (
            np.where(is_alive, part, fill)
            for part, fill in zip((statistics.u, statistics.ut, statistics.utt), (1.0, 0.0, 1.0), strict=True)
        )
        det = np.maximum(u * utt - ut * ut, 1e-300)[:, None]
        move = (utt[:, None] * statistics.ux - ut[:, None] * statistics.utx) / det
        skew = (u[:, None] * statistics.utx - ut[:, None] * statistics.ux) / det
        location = statistics.pivot + move
        scatter = statistics.about(location).scatter(skew) + self._floor_scatter
        found = (location, skew, scatter / safe[:, None, None])
        before = (parameters.location, parameters.skew, parameters.scale)
        kept: Any = [
            np.where(is_alive.reshape(-1, *[1] * (new.ndim - 1)), new, old)
            for new, old in zip(found, before, strict=True)
        ]
        return self._record(kept[0], kept[1], kept[2], self._dof(statistics, parameters, is_alive))

    def _dof(self, statistics: SkewStatistics, parameters: Any, is_alive: Array) -> Any:
        return None

    def _record(self, location: FloatArray, skew: FloatArray, scale: FloatArray, dof: Any) -> Any:
        return SkewNormalParameters(location, skew, scale)

    @property
    def _floor_scatter(self) -> Any:
        return 0.0 if self.unit is None else self.floor * np.diag(self.unit**2)

    def expected_loglik(self, parameters: Any, statistics: SkewStatistics) -> float:
        scatter = statistics.about(parameters.location).scatter(parameters.skew)
        log_det = np.linalg.slogdet(parameters.scale)[1]
        inverse = np.linalg.solve(parameters.scale, scatter)
        return float(-0.5 * (statistics.count @ log_det + np.einsum("kii->", inverse)))

    def score(self, parameters: Any, statistics: SkewStatistics) -> Any:
        own = statistics.about(parameters.location)
        scatter = own.scatter(parameters.skew) + self._floor_scatter
        first = own.ux - own.ut[:, None] * parameters.skew
        second = own.utx - own.utt[:, None] * parameters.skew
        location, skew = (np.linalg.solve(parameters.scale, part[:, :, None])[:, :, 0] for part in (first, second))
        half = np.linalg.solve(parameters.scale, scatter)
        eye = own.count[:, None, None] * np.eye(scatter.shape[1])
        slope = np.linalg.solve(parameters.scale, np.swapaxes(half - eye, 1, 2)) / 2
        return self._record(location, skew, 0.5 * (slope + np.swapaxes(slope, 1, 2)), self._dof_slope(parameters, own))

    def _dof_slope(self, parameters: Any, statistics: SkewStatistics) -> Any:
        return None

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on scale matrices that vanish."""
        if self.unit is None:
            return 0.0
        inverse = np.linalg.solve(parameters.scale, np.broadcast_to(self._floor_scatter, parameters.scale.shape))
        return -0.5 * float(np.einsum("kii->", inverse))

    # --- order, sampling, collapse, tables ---

    def reordered(self, parameters: Any, order: Array) -> Any:
        return reordered_record(parameters, order)

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.location[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        factor = np.linalg.cholesky(parameters.scale)[labels]
        noise = np.einsum("nij,nj->ni", factor, rng.standard_normal((len(labels), parameters.location.shape[1])))
        noise += parameters.skew[labels] * np.abs(rng.standard_normal(len(labels)))[:, None]
        return np.asarray(parameters.location[labels] + noise / np.sqrt(self._draw_u(parameters, labels, rng))[:, None])

    def _draw_u(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        return np.ones(len(labels))

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        if self.unit is None:
            return ""
        flattest = np.linalg.eigvalsh(parameters.scale / np.outer(self.unit, self.unit))[:, 0]
        where = np.flatnonzero((flattest < _FLAT) | (count < parameters.location.shape[1] + 1.5))
        if where.size == 0:
            return ""
        return (
            f"Component {where[0] + 1} ({count[where[0]]:.3g} rows) has collapsed: too few rows, or all on a line. "
            "Use fewer components, or a Gaussian family."
        )

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return tables of locations and skews."""
        return member_tables(parameters, {"location": "Locations", "skew": "Skews"}, names, member)


@dataclass(frozen=True)
class SkewT(SkewNormal):
    """Multivariate skew t distributions, degrees of freedom estimated up to 200."""

    def _record(self, location: FloatArray, skew: FloatArray, scale: FloatArray, dof: Any) -> Any:
        return SkewTParameters(location, skew, scale, dof)

    def _log_density(self, member: _Member) -> FloatArray:
        return _log_skew_t(member, member.dof)

    def _expected(self, member: _Member) -> tuple[FloatArray, ...]:
        q, s, nu, big = member.q, member.s, member.dof, member.distance
        d = member.z.shape[1]
        total = nu + d
        root = q * np.sqrt(total / (nu + big))
        below = np.maximum(stdtr(total, root), 1e-290)
        above = stdtr(total + 2, q * np.sqrt((total + 2) / (nu + big)))
        u = total / (nu + big) * above / below
        log_kappa = gammaln((total + 1) / 2) - gammaln(total / 2) - 0.5 * np.log(np.pi) + total / 2 * np.log(nu + big)
        kappa = np.exp(log_kappa - (total + 1) / 2 * np.log(nu + big + q * q)) / below
        step = 1e-4 * nu
        slope = (_log_skew_t(member, nu + step) - _log_skew_t(member, nu - step)) / (2 * step)
        log_u = 2 * slope - (np.log(nu / 2) + 1 - digamma(nu / 2))  # E[log u - u], by the derivative that it makes
        return u, s * (q * u + kappa), s * s * (q * q * u + 1 + q * kappa), log_u

    def _dof(self, statistics: SkewStatistics, parameters: Any, is_alive: Array) -> Any:
        excess = -statistics.log_u / np.where(is_alive, statistics.count, 1.0) - 1
        found = dof_solution(np.where(is_alive, excess, 1.0), parameters.dof)
        return np.where(is_alive, found, parameters.dof)

    def _dof_slope(self, parameters: Any, statistics: SkewStatistics) -> Any:
        half = parameters.dof / 2
        return 0.5 * (statistics.count * (np.log(half) + 1 - digamma(half)) + statistics.log_u)

    def expected_loglik(self, parameters: Any, statistics: SkewStatistics) -> float:
        half = parameters.dof / 2
        gamma = statistics.count * (half * np.log(half) - gammaln(half)) + half * statistics.log_u
        return super().expected_loglik(parameters, statistics) + float(gamma.sum())

    def _draw_u(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        dof = parameters.dof[labels]
        return np.asarray(rng.chisquare(dof) / dof)

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return tables of locations, skews and degrees of freedom."""
        rows = tuple((str(i + 1), dof) for i, dof in enumerate(parameters.dof.tolist()))
        return (*super().describe(parameters, names, member), Description("Degrees of freedom", (member, "dof"), rows))


@dataclass(frozen=True)
class _Member:
    """One member seen through the observed columns: what densities and expectations are made of."""

    z: FloatArray  # (n, d)
    q: FloatArray  # (n,)
    distance: FloatArray  # (n,)
    s: float
    log_det: float  # of Omega
    dof: float

    @classmethod
    def of(cls, parameters: Any, k: int, seen: Array, X: FloatArray) -> _Member:
        z = X - parameters.location[k][seen]
        skew, scale = parameters.skew[k][seen], parameters.scale[k][np.ix_(seen, seen)]
        dof = float(parameters.dof[k]) if hasattr(parameters, "dof") else np.inf
        if z.shape[1] == 0:
            none = np.zeros(len(z))
            return cls(z, none, none, 1.0, 0.0, dof)
        factor = np.linalg.cholesky(scale)
        white, own = np.linalg.solve(factor, z.T), np.linalg.solve(factor, skew)
        square = 1 + own @ own
        s = 1 / np.sqrt(square)
        q = s * (own @ white)
        distance = np.maximum(np.einsum("dn,dn->n", white, white) - q * q, 0.0)
        return cls(z, q, distance, float(s), float(2 * np.log(np.diag(factor)).sum() + np.log(square)), dof)


def _log_skew_t(member: _Member, nu: float) -> FloatArray:
    d = member.z.shape[1]
    if d == 0:
        return np.zeros(len(member.z))
    shape = gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(np.pi * nu) - 0.5 * member.log_det
    tail = -(nu + d) / 2 * np.log1p(member.distance / nu)
    root = member.q * np.sqrt((nu + d) / (nu + member.distance))
    below = stdtr(nu + d, root)
    with np.errstate(divide="ignore"):
        log_below = np.where(below > 1e-250, np.log(np.maximum(below, 1e-300)), 0.0)
    far = below <= 1e-250
    if far.any():
        log_below[far] = student_t.logcdf(root[far], nu + d)
    return np.asarray(np.log(2.0) + shape + tail + log_below)


def _patterns(X: Array) -> Iterator[tuple[Any, Array]]:
    """Yield (rows, is_observed) for each pattern of missing entries."""
    if np.isnan(X).any():
        yield from patterns(X)
    else:
        yield slice(None), np.ones(X.shape[1], dtype=bool)


def _completed(parameters: Any, k: int, seen: Array, own: Any, sums: Any) -> tuple[FloatArray, ...]:
    """Return the sums of rows filled in: z_m = B z_o + (skew_m - B skew_o) tau, with variance C / u about it."""
    count, _, _, ut, utt = own
    ux_o, utx_o, uxx_o = sums
    o, m = np.flatnonzero(seen), np.flatnonzero(~seen)
    d, scale, skew = len(seen), parameters.scale[k], parameters.skew[k]
    b = np.linalg.solve(scale[np.ix_(o, o)], scale[np.ix_(o, m)]).T if o.size else np.zeros((m.size, 0))
    gain = skew[m] - b @ skew[o]
    left = scale[np.ix_(m, m)] - b @ scale[np.ix_(o, m)]
    ux, utx, uxx = np.zeros(d), np.zeros(d), np.zeros((d, d))
    ux[o], ux[m] = ux_o, b @ ux_o + gain * ut
    utx[o], utx[m] = utx_o, b @ utx_o + gain * utt
    between = b @ uxx_o + np.outer(gain, utx_o)
    cross = np.outer(b @ utx_o, gain)
    uxx[np.ix_(o, o)], uxx[np.ix_(m, o)], uxx[np.ix_(o, m)] = uxx_o, between, between.T
    uxx[np.ix_(m, m)] = b @ uxx_o @ b.T + cross + cross.T + utt * np.outer(gain, gain) + count * left
    return ux, utx, uxx
