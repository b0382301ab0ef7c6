"""How many components the density of one variable has: the smallest BIC among proper fits."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from emkit.core import Status
from emkit.core.arrays import FloatArray
from emkit.mixture.gaussian import GaussianMixture

__all__ = ["Candidate", "Selection", "chosen_mixture"]

SCOUTS = 8  # starts of each candidate on the first round
RIVAL = 6.0  # difference in BIC that Kass & Raftery 1995 call strong evidence; nearer ones get the full search
SCOUT_TOL = 0.01  # log-likelihood; a difference in BIC is read in units
LARGE = 20_000  # rows from which the full search is of `LARGE_STARTS` starts: optima are fewer, each costs more
LARGE_STARTS = 24
_TYPES = {"unequal": "full", "equal": "tied"}


@dataclass(frozen=True)
class Candidate:
    """One fit that was looked at.

    Parameters
    ----------
    n_components : int
    variances : "unequal" or "equal"
    loglik : float
    n_free : int
        Free parameters.
    bic : float
        Smaller is better.
    status : str
        How it ended: "converged", or why it was not chosen, "degenerate" or "too narrow".
    """

    n_components: int
    variances: str
    loglik: float
    n_free: int
    bic: float
    status: str

    @property
    def is_proper(self) -> bool:
        """Whether it may be chosen."""
        return self.status not in _IMPROPER


_IMPROPER = (Status.DEGENERATE.value, "too narrow", Status.NOT_FINITE.value)


@dataclass(frozen=True)
class Selection:
    """The candidates by number of components; those that may be chosen are `is_proper`."""

    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate | None:
        """The proper candidate with the smallest BIC; None if every one has collapsed."""
        proper = [candidate for candidate in self.candidates if candidate.is_proper]
        return min(proper, key=lambda candidate: candidate.bic, default=None)

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as any data frame constructor takes them."""
        names = [field.name for field in fields(Candidate)]
        return {name: [getattr(candidate, name) for candidate in self.candidates] for name in names}

    def __str__(self) -> str:
        best = self.best
        lines = ["components  variances  log-likelihood         BIC  status"]
        for one in self.candidates:
            mark = "  <- chosen" if one is best else ""
            lines.append(
                f"{one.n_components:<10}  {one.variances:<9}  {one.loglik:>14.3f}  {one.bic:>10.2f}  {one.status}{mark}"
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class _Search:
    """The data and settings that all candidates share."""

    x: FloatArray
    weights: FloatArray | None
    name: str | None
    narrowest: float
    random_state: Any
    n_threads: int | None

    def scout(self, k: int, variances: str) -> GaussianMixture:
        """Climb from a few starts, to a tolerance that is enough to compare."""
        return self._fit(k, variances, n_init=SCOUTS, tol=SCOUT_TOL)

    def fit(self, k: int, variances: str) -> GaussianMixture:
        """Climb as a mixture does by itself."""
        return self._fit(k, variances, n_init="auto" if len(self.x) < LARGE else LARGE_STARTS)

    def _fit(self, k: int, variances: str, **effort: Any) -> GaussianMixture:
        mixture = GaussianMixture(
            k,
            covariance_type=_TYPES[variances],
            random_state=self.random_state,
            n_threads=self.n_threads,
            **effort,
        )
        source = mixture._fit_source(self.x[:, None], self.weights, self.n_threads)
        if self.name is not None:
            mixture.feature_names_in_ = np.array([self.name], dtype=object)
        mixture._adopt(mixture._maximised(mixture._model(), source), source)
        return mixture

    def candidate(self, k: int, variances: str, mixture: GaussianMixture) -> Candidate:
        fit = mixture.fit_
        status = fit.status.value
        if k > 1 and status == Status.CONVERGED.value and np.sqrt(mixture.covariances_.min()) < self.narrowest:
            status = "too narrow"
        return Candidate(k, variances, fit.loglik, fit.n_free, fit.bic, status)


def chosen_mixture(
    x: FloatArray,
    weights: FloatArray | None,
    name: str | None,
    counts: range,
    variances: tuple[str, ...],
    random_state: Any,
    n_threads: int | None,
) -> tuple[GaussianMixture, Selection]:
    """Return the mixture with the smallest BIC among proper fits, and the table of all.

    Every candidate is climbed from a few starts; the best, and proper ones near it, then from as many as a mixture
    takes by itself, until the best has been. If no candidate is proper, the one with the smallest BIC is returned.
    """
    search = _Search(x, weights, name, _narrowest(x), random_state, n_threads)
    keys = [(k, kind) for k in counts for kind in variances if k > 1 or kind == variances[0]]
    fitted = {key: search.scout(*key) for key in keys}
    found = {key: search.candidate(*key, fitted[key]) for key in keys}
    searched: set[tuple[int, str]] = set()
    best = _best(found)
    while best not in searched:
        limit = found[best].bic + RIVAL
        for key in keys:
            is_rival = found[key].is_proper and found[key].bic <= limit
            if key not in searched and (is_rival or key == best):
                fitted[key] = search.fit(*key)
                found[key] = search.candidate(*key, fitted[key])
                searched.add(key)
        best = _best(found)
    return fitted[best], Selection(tuple(found[key] for key in keys))


def _best(found: dict[tuple[int, str], Candidate]) -> tuple[int, str]:
    return min(found, key=lambda key: (not found[key].is_proper, found[key].bic))


def _narrowest(x: FloatArray) -> float:
    """Return half the step to which x was rounded, 0 where few values repeat: a narrower component is rounding."""
    distinct = np.unique(x)
    if len(distinct) < 2 or len(distinct) > len(x) / 2:
        return 0.0
    return 0.5 * float(np.median(np.diff(distinct)))
