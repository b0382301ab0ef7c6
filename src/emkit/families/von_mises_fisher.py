"""The von Mises-Fisher family: k distributions of directions in d dimensions; dense or sparse rows.

x | member k has, with respect to the uniform distribution on the sphere, the density exp(theta_k' x - H_d(|theta_k|)):
the mean direction is theta / |theta| and the concentration |theta|. That reference measure is the one of movMF; the
density by area is smaller by the log area of the sphere. Rows are scaled to unit length. The M-step is exact: the mean
direction is that of the sum of the rows, and the concentration solves A_d(c) = its length per row. A penalty of a
trillionth of an observation keeps the concentration of a member on one direction finite.

References
----------
Banerjee, Dhillon, Ghosh & Sra 2005, JMLR 6:1345. Hornik & Gruen 2014, Journal of Statistical Software 58(10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Real
from emkit.core.statistics import Additive
from emkit.data.sparse import is_sparse
from emkit.errors import DataError
from emkit.families.base import Family
from emkit.families.bessel import bessel_ratio, concentration_of, log_partition
from emkit.families.columns import FLOOR, filled
from emkit.families.gaussian_starts import StartingRows
from emkit.families.sparse_rows import projected_points, totals
from emkit.kernels.foreign import host, is_foreign, like, namespace

__all__ = ["VonMisesFisher", "VonMisesFisherParameters", "VonMisesFisherStatistics", "unit_rows"]

_SHARP = 1e9  # concentrations per dimension above: the rows of a member are one direction
_UNIT = 1e-6  # squared lengths may miss one by this much


@dataclass(frozen=True)
class VonMisesFisherParameters(Parameters):
    """Mean directions times concentrations, theta (k, d)."""

    theta: Array = space(Real())

    @property
    def concentration(self) -> FloatArray:
        """Concentrations (k,)."""
        return np.asarray(np.sqrt(np.einsum("kd,kd->k", self.theta, self.theta)))

    @property
    def mean(self) -> FloatArray:
        """Mean directions (k, d), of unit length."""
        return np.asarray(self.theta / np.maximum(self.concentration, 1e-300)[:, None])


@dataclass(frozen=True)
class VonMisesFisherStatistics(Additive):
    """Expected counts (k,) and sums of the rows (k, d)."""

    count: FloatArray
    total: FloatArray


@dataclass(frozen=True)
class VonMisesFisher(Family):
    """Directions: rows of unit length."""

    takes_sparse: ClassVar[bool] = True

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: yes."""
        return True

    def prepared(self, source: Any, n_components: int) -> VonMisesFisher:
        source.map(lambda block: _check(block.on_host(), source.n_features))
        return self

    def starting_rows(self, block: Any) -> StartingRows:
        """Return the rows, or random projections of many sparse columns."""
        points = projected_points(block.X) if is_sparse(block.X) else np.asarray(block.X, dtype=np.float64)
        return StartingRows(points, block.weights)

    def start(self, X: Array, resp: FloatArray) -> VonMisesFisherParameters:
        """Return directions of the rows by responsibility, blended with the overall one."""
        stats = self.statistics(None, X, resp)
        overall = stats.total.sum(axis=0) / stats.count.sum()
        grown = VonMisesFisherStatistics(stats.count + 1, stats.total + overall)
        return self.m_step(grown, VonMisesFisherParameters(np.zeros_like(stats.total)))

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        constant = log_mix - log_partition(parameters.concentration, parameters.theta.shape[1])
        rows = filled(X, 0.0)[0] if is_foreign(X) else X
        joint: FloatArray = rows @ like(rows, np.ascontiguousarray(parameters.theta.T)) + like(rows, constant)
        return joint

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> VonMisesFisherStatistics:
        rows = filled(X, 0.0)[0] if is_foreign(X) else X
        sums = totals(X, resp) if is_sparse(X) else host(resp.T @ rows)
        count: FloatArray = host(namespace(resp).sum(resp, axis=0))
        return VonMisesFisherStatistics(count, np.asarray(sums, dtype=np.float64))

    def m_step(self, statistics: VonMisesFisherStatistics, parameters: Any) -> VonMisesFisherParameters:
        count, total = statistics.count, statistics.total
        is_alive = count > 1e-12 * count.sum()
        size = np.sqrt(np.einsum("kd,kd->k", total, total))
        safe = np.where(is_alive, count, 1.0)
        length = np.clip((size - FLOOR) / safe, 0.0, 1 - 1e-10)
        factor = concentration_of(length, total.shape[1]) / np.maximum(size, 1e-300)
        return VonMisesFisherParameters(np.where(is_alive[:, None], factor[:, None] * total, parameters.theta))

    def expected_loglik(self, parameters: Any, statistics: VonMisesFisherStatistics) -> float:
        partition = log_partition(parameters.concentration, parameters.theta.shape[1])
        return float((parameters.theta * statistics.total).sum() - statistics.count @ partition)

    def score(self, parameters: Any, statistics: VonMisesFisherStatistics) -> VonMisesFisherParameters:
        c = parameters.concentration
        pull = (statistics.count * bessel_ratio(c, parameters.theta.shape[1]) + FLOOR) / np.where(c > 0, c, 1.0)
        return VonMisesFisherParameters(statistics.total - pull[:, None] * parameters.theta)

    def log_prior(self, parameters: Any) -> float:
        """Return the penalty on concentrations that run off to infinity."""
        return -FLOOR * float(parameters.concentration.sum())

    def reordered(self, parameters: Any, order: Array) -> VonMisesFisherParameters:
        return VonMisesFisherParameters(parameters.theta[order])

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.theta[:, 0])

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        mean, concentration = parameters.mean, parameters.concentration
        d = mean.shape[1]
        cosine = _cosines(concentration[labels], d, rng)
        noise = rng.standard_normal((len(labels), d))
        noise -= np.einsum("nd,nd->n", noise, mean[labels])[:, None] * mean[labels]
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        return np.asarray(cosine[:, None] * mean[labels] + np.sqrt(1 - cosine**2)[:, None] * noise)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        d = parameters.theta.shape[1]
        where = np.flatnonzero(parameters.concentration > _SHARP * d)
        if where.size == 0:
            return ""
        return (
            f"Component {where[0] + 1} ({count[where[0]]:.3g} rows) has collapsed onto one direction. "
            "Use fewer components, or look for rows that occur too often."
        )

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return tables of concentrations and, for few features, mean directions."""
        d = parameters.theta.shape[1]
        names = [f"x{j + 1}" for j in range(d)] if names is None else names
        c = tuple((str(i + 1), value) for i, value in enumerate(parameters.concentration.tolist()))
        tables = [Description("Concentrations", (member, "concentration"), c)]
        if d <= _SHOWN:
            rows = tuple((str(i + 1), *row) for i, row in enumerate(parameters.mean.tolist()))
            tables.append(Description("Mean directions", (member, *names), rows))
        return tuple(tables)


_SHOWN = 30


def unit_rows(X: Any, weights: FloatArray | None = None) -> Any:
    """Return rows scaled to unit length, dense or sparse; those of weight zero may be zero and stay so.

    Raises
    ------
    DataError
        If a row is zero: it has no direction.
    """
    if is_foreign(X):
        xp: Any = namespace(X)
        length = host(xp.sqrt(xp.sum(filled(X, np.nan)[0] ** 2, axis=1)))
    elif is_sparse(X):
        length = np.sqrt(np.asarray(X.multiply(X).sum(axis=1), dtype=np.float64).reshape(-1))
    else:
        length = np.sqrt(np.einsum("nd,nd->n", X, X, dtype=np.float64))
    is_zero = length == 0
    wrong = is_zero if weights is None else is_zero & (weights > 0)
    if wrong.any():
        message = f"row {int(np.argmax(wrong))} is zero and has no direction: leave such rows out"
        raise DataError(message)
    safe = np.where(is_zero, 1.0, length)
    if is_foreign(X):
        return xp.asarray(filled(X, np.nan)[0] / like(X, safe)[:, None], dtype=X.dtype)
    if is_sparse(X):
        scaled = X.astype(np.result_type(X.dtype, np.float32))
        scaled.data = scaled.data / np.repeat(safe, np.diff(X.indptr)).astype(scaled.dtype)
        return scaled
    return np.ascontiguousarray(X / safe[:, None])


def _check(block: Any, d: int) -> None:
    if d == 1:
        message = "directions need at least two columns, but the data have 1 feature(s)"
        raise DataError(message)
    X = block.X
    square = np.asarray(X.multiply(X).sum(axis=1)) if is_sparse(X) else np.einsum("nd,nd->n", X, X, dtype=np.float64)
    off = (np.abs(square.reshape(-1) - 1) > _UNIT) & (block.weights > 0)
    if off.any() or not np.isfinite(square).all():
        i = int(np.argmax(off | ~np.isfinite(square.reshape(-1))))
        message = (
            f"expected rows of unit length without missing entries, got length {np.sqrt(square.reshape(-1)[i]):.6g} in "
            f"row {block.start + i}: divide each row by its length, as emkit.VonMisesFisherMixture does"
        )
        raise DataError(message)


def _cosines(concentration: FloatArray, d: int, rng: np.random.Generator) -> FloatArray:
    """Return the cosine (n,) of the angle to the mean, by rejection (Wood 1994, Comm. Stat. Simulation 23:157)."""
    c = np.maximum(concentration, 1e-12)
    b = (d - 1) / (2 * c + np.sqrt(4 * c * c + (d - 1) ** 2))
    x0 = (1 - b) / (1 + b)
    limit = c * x0 + (d - 1) * np.log1p(-(x0**2))
    cosine, open_rows = np.empty(len(c)), np.arange(len(c))
    while open_rows.size:
        z = rng.beta((d - 1) / 2, (d - 1) / 2, open_rows.size)
        own, at = b[open_rows], x0[open_rows]
        w = (1 - (1 + own) * z) / (1 - (1 - own) * z)
        kept = c[open_rows] * w + (d - 1) * np.log1p(-at * w) - limit[open_rows] >= np.log(rng.random(open_rows.size))
        cosine[open_rows[kept]] = w[kept]
        open_rows = open_rows[~kept]
    return np.clip(cosine, -1.0, 1.0)
