"""The bootstrap: refits from the optimum on rows drawn anew or weighted anew.

References
----------
Efron & Tibshirani 1993, An Introduction to the Bootstrap. Rubin 1981, Annals of Statistics 9:130 (the Bayesian one).
McLachlan 1987, Applied Statistics 36:318 (the likelihood ratio of numbers of components).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.entries import Entries
from emkit.core.hill import maximise
from emkit.core.status import Status
from emkit.errors import ParameterError
from emkit.inference.estimates import Intervals, check_level
from emkit.inference.ground import Ground, fit_of, ground_of, n_units, natural
from emkit.inference.hypotheses import TestResult, check_pair
from emkit.inference.refit import in_parallel, prepared, refitted, reweighted, simulated
from emkit.randomness import generator_of

__all__ = ["Bootstrap", "bootstrap", "bootstrap_lrt"]

Resampling = Literal["parametric", "bayesian", "poisson"]
_KINDS = ("parametric", "bayesian", "poisson")
_FRESH = 4  # starts of the larger model on each simulated sample, besides its own optimum


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Estimates on samples drawn or weighted anew.

    Parameters
    ----------
    entries : Entries
        The estimates of the fit itself.
    samples : array (b, e)
        Estimates of each refit; refits that collapsed or did not converge are left out.
    notes : tuple of str
    """

    entries: Entries
    samples: FloatArray
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each entry."""
        return self.entries.names

    @property
    def standard_errors(self) -> FloatArray:
        """Standard deviation (e,) of each entry over the refits."""
        return np.asarray(self.samples.std(axis=0, ddof=1))

    @property
    def bias(self) -> FloatArray:
        """Mean over the refits less the estimate, (e,)."""
        return np.asarray(self.samples.mean(axis=0) - self.entries.values)

    def __getitem__(self, name: str) -> FloatArray:
        """Return the refits of a parameter by name, (b, ...)."""
        return self.samples[:, self.entries.find(name)]

    def confint(self, level: float = 0.95) -> Intervals:
        """Return intervals from the quantiles of the refits."""
        check_level(level)
        low, high = np.quantile(self.samples, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        return Intervals(self.entries, self.standard_errors, low, high, level, ("",) * self.entries.size, self.notes)

    def __str__(self) -> str:
        return str(self.confint())


def bootstrap(
    fit: Any,
    n: int = 200,
    *,
    kind: Resampling = "parametric",
    rng: Any = None,
    data: Any = None,
    sample_weight: Any = None,
    tol: float = 1e-4,
) -> Bootstrap:
    """Return refits of a fit, each begun at its optimum, so that labels stay in place.

    Parameters
    ----------
    fit : Fit or fitted estimator
    n : int, default 200
        Number of refits.
    kind : "parametric", "bayesian" or "poisson"
        Rows drawn from the fitted model; or the rows themselves with case weights from the exponential distribution
        (Rubin's Bayesian bootstrap), or from the Poisson distribution (close to drawing with replacement).
    rng : Generator, int or None
    data, sample_weight : optional
        The data of the fit, where it does not hold them.
    tol : float, default 1e-4
        Of each refit: 0.014 standard errors.

    Raises
    ------
    ParameterError
        If an argument is out of range, the model cannot be sampled, or hardly any refit succeeds.
    """
    if kind not in _KINDS:
        message = f"`kind` must be one of {', '.join(map(repr, _KINDS))}, got {kind!r}"
        raise ParameterError(message)
    _check_count(n)
    fit = fit_of(fit)
    ground = ground_of(fit, data, sample_weight)
    seeds = _seeds(rng, n)

    def refit(i: int) -> FloatArray | None:
        source = _resampled(ground, kind, np.random.default_rng(seeds[i]))
        done = refitted(ground.model, source, ground.parameters, tol=tol)
        is_good = done.status is Status.CONVERGED
        return Entries(natural(ground.model, done.point.parameters)).values if is_good else None

    found = [values for values in in_parallel(refit, n, ground) if values is not None]
    if len(found) < max(2, n // 2):
        message = f"only {len(found)} of {n} refits converged: the bootstrap says nothing of this fit"
        raise ParameterError(message)
    lost = n - len(found)
    notes = (f"{lost} of {n} refits collapsed or did not converge and were left out.",) if lost else ()
    return Bootstrap(Entries(natural(ground.model, ground.parameters)), np.array(found), notes)


def _check_count(n: int) -> None:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 2:
        message = f"`n` must be an integer of at least 2, got {n!r}"
        raise ParameterError(message)


def _seeds(rng: Any, n: int) -> list[np.random.SeedSequence]:
    """Return a seed of its own for each refit: refit 3 does not depend on refit 2."""
    generator = generator_of(rng, "rng")
    return list(generator.bit_generator.seed_seq.spawn(n))  # type: ignore[attr-defined]


def _resampled(ground: Ground, kind: Resampling, rng: np.random.Generator) -> Any:
    if kind == "parametric":
        return prepared(ground.model, simulated(ground, rng))
    draw: Callable[[int], Any] = rng.standard_exponential if kind == "bayesian" else lambda size: rng.poisson(1.0, size)
    weights = np.asarray(draw(n_units(ground.given)), dtype=np.float64)
    return reweighted(ground, weights * (len(weights) / weights.sum()) if kind == "bayesian" else weights)


def bootstrap_lrt(
    fit0: Any,
    fit1: Any,
    n: int = 99,
    *,
    rng: Any = None,
    data: Any = None,
    sample_weight: Any = None,
    tol: float = 1e-3,
) -> TestResult:
    """Test a smaller model against a larger one by the likelihood ratio on samples drawn from the smaller.

    Valid where the chi-squared distribution is not: the number of components of a mixture, of states of a chain.

    Parameters
    ----------
    fit0, fit1 : Fit or fitted estimator
        Of the smaller and of the larger model, on the same data.
    n : int, default 99
        Samples; the smallest p-value is 1 / (n + 1).
    rng : Generator, int or None
    data, sample_weight : optional
        The data of the fits, where the first does not hold them.
    tol : float, default 1e-3
        Log-likelihood left to gain at which refits stop.

    Raises
    ------
    ParameterError
        If the models are in the wrong order, of different data, or the smaller cannot be sampled.
    """
    _check_count(n)
    fit0, fit1 = fit_of(fit0), fit_of(fit1)
    check_pair(fit0, fit1)
    ground = ground_of(fit0, data, sample_weight)
    seeds = _seeds(rng, n)

    def ratio(i: int) -> float:
        generator = np.random.default_rng(seeds[i])
        drawn = simulated(ground, generator)
        small = refitted(fit0.model, prepared(fit0.model, drawn), fit0.parameters, tol=tol)
        near = refitted(fit1.model, prepared(fit1.model, drawn), fit1.parameters, tol=tol)
        fresh = maximise(fit1.model, drawn, n_starts=_FRESH, tol=tol, rng=generator)
        ends = [near.point.loglik if not near.is_degenerate else -np.inf]
        ends += [fresh.loglik] if fresh.status is Status.CONVERGED else []
        return 2 * (max(ends) - small.point.loglik)

    told = 2 * (fit1.loglik - fit0.loglik)
    ratios = np.array(in_parallel(ratio, n, ground))
    ratios = ratios[np.isfinite(ratios)]
    p_value = (1 + int(np.count_nonzero(ratios >= told))) / (len(ratios) + 1)
    return TestResult("bootstrap likelihood ratio", told, fit1.n_free - fit0.n_free, p_value, samples=ratios)
