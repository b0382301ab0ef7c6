"""A noise component beside a family: the last member is uniform over the range of the data.

x | noise has the density 1 / V, V the product of the ranges of the observed columns; the other k - 1 members are of the
family. Rows that no member explains go to the noise and leave the others alone. The ranges are read off the data
and not estimated.

References
----------
Banfield & Raftery 1993, Biometrics 49:803. Hennig & Coretto 2008 (on the likelihood with uniform noise).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.model import Offer
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Constant
from emkit.core.statistics import Additive
from emkit.errors import DataError, ParameterError
from emkit.families.base import Family, Starts
from emkit.families.discrete import used_rows

__all__ = ["NoiseParameters", "NoiseStatistics", "WithNoise"]

_SHARES = (0.05, 0.2)  # of all rows, that a start gives to the noise
_KEPT = 0.02  # of every row, whatever the start says: no member is shut out


@dataclass(frozen=True)
class NoiseParameters(Parameters):
    """The members of the family (k - 1), and the place of the noise among all k."""

    members: Any
    place: Array = space(Constant())


@dataclass(frozen=True)
class NoiseStatistics(Additive):
    """The statistics of the family: noise has nothing to estimate."""

    members: Any


@dataclass(frozen=True)
class WithNoise(Family):
    """A family with a component of uniform noise: of k members, k - 1 are of the family.

    Parameters
    ----------
    family : Family
        Of numbers.
    """

    family: Any = None
    low: Any = field(default=None, compare=False, repr=False)  # (d,) ends of the ranges
    high: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.family, Family):
            message = f"`family` must be a Family, such as `family_named('gaussian-full')`, got {self.family!r}"
            raise ParameterError(message)

    @property
    def n_read(self) -> int:
        """The volume of the noise counts as a parameter, as in mclust."""
        return 1 + self.family.n_read  # type: ignore[no-any-return]

    def prepared(self, source: Any, n_components: int) -> WithNoise:
        if n_components < 2:
            message = f"with a noise component `n_components` must be at least 2, got {n_components}"
            raise ParameterError(message)
        moments = source.column_moments()
        if not (moments.high > moments.low).all():
            j = int(np.argmin(moments.high > moments.low))
            name = repr(source.feature_names[j]) if source.feature_names else str(j)
            message = f"column {name} is constant: noise has no range there, leave the column out"
            raise DataError(message)
        ready = self.family.prepared(source, n_components - 1)
        return replace(self, family=ready, low=moments.low, high=moments.high)

    def arranged(self, source: Any) -> Any:
        return used_rows(source)

    def starting_rows(self, block: Any) -> Starts:
        """Return the starts of the family with the rows farthest from their clusters given to the noise."""
        return _NoisyStarts(self.family.starting_rows(block), np.asarray(block.X, dtype=np.float64), block.weights)

    def start(self, X: Array, resp: FloatArray) -> NoiseParameters:
        return NoiseParameters(self.family.start(X, resp[:, :-1]), np.array(resp.shape[1] - 1.0))

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        place, members = _split(parameters.place, len(log_mix))
        joint = np.empty((len(X), len(log_mix)))
        joint[:, members] = self.family.log_joint(log_mix[members], parameters.members, X)
        inside = np.isnan(X) | ((self.low <= X) & (self.high >= X))
        density = -(~np.isnan(X) @ np.log(self.high - self.low))
        joint[:, place] = log_mix[place] + np.where(inside.all(axis=1), density, -np.inf)
        return joint

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> NoiseStatistics:
        _, members = _split(parameters.place, resp.shape[1])
        return NoiseStatistics(self.family.statistics(parameters.members, X, np.ascontiguousarray(resp[:, members])))

    def m_step(self, statistics: NoiseStatistics, parameters: Any) -> NoiseParameters:
        return NoiseParameters(self.family.m_step(statistics.members, parameters.members), parameters.place)

    def expected_loglik(self, parameters: Any, statistics: NoiseStatistics) -> float:
        return float(self.family.expected_loglik(parameters.members, statistics.members))

    def score(self, parameters: Any, statistics: NoiseStatistics) -> NoiseParameters:
        return NoiseParameters(self.family.score(parameters.members, statistics.members), parameters.place)

    def log_prior(self, parameters: Any) -> float:
        return float(self.family.log_prior(parameters.members))

    def reordered(self, parameters: Any, order: Array) -> NoiseParameters:
        place = int(parameters.place)
        inner = np.array([j - (j > place) for j in order if j != place], dtype=np.intp)
        moved = np.array(float(np.flatnonzero(np.asarray(order) == place)[0]))
        return NoiseParameters(self.family.reordered(parameters.members, inner), moved)

    def sort_key(self, parameters: Any) -> FloatArray:
        own = self.family.sort_key(parameters.members)
        return np.insert(own, int(parameters.place), np.inf)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        place = int(parameters.place)
        rows = rng.uniform(self.low, self.high, (len(labels), len(self.low)))
        is_member = labels != place
        own = labels[is_member]
        rows[is_member] = self.family.sample(parameters.members, own - (own > place), rng)
        return rows

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        _, members = _split(parameters.place, len(count))
        return str(self.family.collapsed(parameters.members, statistics.members, count[members]))

    def describe(self, parameters: Any, names: Sequence[str] | None, member: str) -> tuple[Description, ...]:
        """Return the tables of the family, and which component is the noise."""
        note = Description("Noise", (member, "is"), ((str(int(parameters.place) + 1), "uniform over the data"),))
        describe = getattr(self.family, Offer.DESCRIBE, None)
        return (note, *(describe(parameters.members, names, f"{member} but noise") if describe is not None else ()))


def _split(place: Array, k: int) -> tuple[int, Array]:
    """Return the place of the noise among k members, and those of the others."""
    at = int(place)
    return at, np.delete(np.arange(k), at)


@dataclass(frozen=True)
class _NoisyStarts:
    """Starts of k - 1 clusters, with the rows far from them for noise."""

    inner: Starts
    X: FloatArray
    weights: FloatArray

    def responsibilities(self, k: int, rng: np.random.Generator, index: int) -> FloatArray:
        """Return responsibilities (n, k), case weights included, the noise last."""
        own = self.inner.responsibilities(k - 1, rng, index)
        filled = np.where(np.isnan(self.X), 0.0, self.X)
        seen = (~np.isnan(self.X)).astype(np.float64)
        number = np.maximum(own.T @ seen, 1e-300)
        centre = own.T @ filled / number
        sd = np.sqrt(np.maximum((own.T @ filled**2) / number - centre**2, 1e-300))
        z = (self.X[:, None, :] - centre) / np.maximum(sd, 1e-12 * np.abs(centre) + 1e-300)
        far = np.nanmax(np.abs(z), axis=2, initial=0.0).min(axis=1)
        share = _SHARES[index % len(_SHARES)]
        noise = np.where(far > np.quantile(far[self.weights > 0], 1 - share), 1 - _KEPT, _KEPT)
        return np.column_stack([own * (1 - noise)[:, None], self.weights * noise])
