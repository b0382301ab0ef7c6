"""Which latent distribution the options of an item response model ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import ParameterError
from emkit.irt.covariates import CovariateLayout
from emkit.irt.curves.base import Slopes
from emkit.irt.davidian import Davidian
from emkit.irt.factors import FactorNormal, Spread
from emkit.irt.groups import GroupLayout
from emkit.irt.items import ItemRun
from emkit.irt.latent import BifactorNormal, FreeNormal, Histogram, Latent, StandardNormal
from emkit.irt.regression import Regression

__all__ = ["LatentChoice"]

_HIGHEST = 10


@dataclass(frozen=True)
class LatentChoice:
    """What is asked of the latent distribution.

    Parameters
    ----------
    density : str
        "normal", "histogram" or "davidian-k".
    factor_correlation : str
        "none" or "free".
    n_factors : int
    is_confirmatory : bool
        Whether loadings were given.
    layout : GroupLayout
    explained : CovariateLayout
    n_items : int
        Of one group.
    is_placed : bool
        Whether people have places of their own: the distribution is then one that sums over people tell.
    """

    density: str
    factor_correlation: str
    n_factors: int
    is_confirmatory: bool
    layout: GroupLayout
    explained: CovariateLayout
    n_items: int
    is_placed: bool = False

    def latent(self, runs: tuple[ItemRun, ...], pattern: Array) -> Latent:
        """Return the distribution for items that load on factors by a pattern (n, F), those of all groups.

        Raises
        ------
        ParameterError
            If options do not go together.
        """
        self._check()
        unit_free = _fixed_factors(runs, pattern)
        if self.explained.names:
            spread = self._spread(1, unit_free)
            return Regression(1, len(self.explained.labels), spread, self.explained.centre)
        n_groups = self.layout.n_groups
        if self.density == "histogram":
            return Histogram(n_groups)
        if self._degree:
            return Davidian(n_groups, self._degree)
        compared = self._compared()
        spread = self._spread(n_groups, unit_free)
        if self.is_placed:
            return FactorNormal(n_groups, compared, spread)
        if not compared and not spread.free_var and not spread.correlated:
            return StandardNormal(n_groups)
        if self.n_factors == 1:
            return FreeNormal(n_groups, compared, tuple(g for g, _ in spread.free_var))
        return FactorNormal(n_groups, compared, spread)

    def bifactor(self, runs: tuple[ItemRun, ...], specific: tuple[int, ...]) -> Latent:
        """Return that of items with specific factors (n,), -1 for none: variances and the general mean differ by group.

        Raises
        ------
        ParameterError
            If options do not go together.
        """
        if self.is_placed:
            message = "`specific` factors are integrated one by one on a grid: leave `quadrature` and `solver` to that"
            raise ParameterError(message)
        is_plain = self.n_factors == 1 and not self.is_confirmatory and self.density == "normal"
        if not is_plain or self.factor_correlation != "none" or self.explained.names:
            message = "`specific` goes with n_factors=1, density='normal' and without `loadings` and covariates"
            raise ParameterError(message)
        n_specific, n_groups, compared = max(specific) + 1, self.layout.n_groups, self._compared()
        belongs = np.asarray(specific)[:, None] == np.arange(n_specific)
        fixed = _fixed_factors(runs, np.concatenate([np.ones((len(belongs), 1), dtype=bool), belongs], axis=1))
        free = {(g, f) for g in range(n_groups) for f in fixed} | {
            (g, f) for g in compared for f in range(1 + n_specific)
        }
        return BifactorNormal(n_groups, n_specific, compared, tuple(sorted(free)))

    @property
    def _degree(self) -> int:
        """Return the degree of a Davidian curve, 0 where none is asked for."""
        name, _, degree = str(self.density).partition("-")
        return int(degree) if name.lower() == "davidian" and degree.isdigit() else 0

    def _compared(self) -> tuple[int, ...]:
        """Return the groups whose distribution is free: all but the first, where any item is an anchor."""
        return () if len(self.layout.free) == self.n_items else tuple(range(1, self.layout.n_groups))

    def _spread(self, n_groups: int, fixed: list[int]) -> Spread:
        """Return the spread: free variances where slopes are fixed, and all that differs from the first group.

        Without a pattern of loadings the axes of the first group are turned at will, so that those of the others
        correlate.
        """
        compared = self._compared() if n_groups > 1 else ()
        free = {(g, f) for g in range(n_groups) for f in fixed} | {
            (g, f) for g in compared for f in range(self.n_factors)
        }
        correlated: tuple[int, ...] = ()
        if self.n_factors > 1:
            is_free = self.factor_correlation == "free"
            correlated = tuple(range(n_groups)) if is_free else () if self.is_confirmatory else compared
        return Spread(n_groups, self.n_factors, tuple(sorted(free)), correlated)

    def _check(self) -> None:
        if self.density not in ("normal", "histogram") and not 1 <= self._degree <= _HIGHEST:
            message = (
                f"`density` must be 'normal', 'histogram' or 'davidian-k' with k from 1 to {_HIGHEST}, got "
                f"{self.density!r}"
            )
            raise ParameterError(message)
        if self.factor_correlation not in ("none", "free") or (
            self.factor_correlation == "free" and not (self.n_factors > 1 and self.is_confirmatory)
        ):
            message = (
                "`factor_correlation` is 'none' or 'free', which goes with several factors, `loadings` that say which "
                f"items measure which, and a normal density; got {self.factor_correlation!r} and n_factors="
                f"{self.n_factors}"
            )
            raise ParameterError(message)
        if self.density != "normal" and self.is_placed:
            message = f"nodes of people's own are for density='normal', got {self.density!r}"
            raise ParameterError(message)
        if self.density != "normal" and self.n_factors > 1:
            message = f"density={self.density!r} is for one factor, got n_factors={self.n_factors}"
            raise ParameterError(message)
        if self.explained.names and (self.layout.n_groups > 1 or self.density != "normal"):
            message = (
                "covariates go with one group (make the group a covariate) and density='normal'; got "
                f"{self.layout.n_groups} groups and density={self.density!r}"
            )
            raise ParameterError(message)


def _fixed_factors(runs: tuple[ItemRun, ...], pattern: Array) -> list[int]:
    """Return the factors on which all items that load have slopes of one: their variances are free."""
    has_one = np.zeros(len(pattern), dtype=bool)
    for run in runs:
        has_one[list(run.items)] = run.kind.slopes is Slopes.ONE
    return [f for f in range(pattern.shape[1]) if has_one[pattern[:, f]].all()]
