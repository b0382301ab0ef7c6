"""Three-step latent class analysis: covariates of the classes, and outcomes, without refitting the classes.

Step one fits the classes to the items alone; step two assigns people to classes, W; step three relates W to covariates.
Assignments err, P(W = s | Z = t) = D_ts, and D follows from the posteriors, so that the third step can be corrected:
"ml" maximises sum_i log sum_t pi_t(w_i) D_{t W_i}, and "bch" weights each person by the row W_i of the inverse of D.

References
----------
Vermunt 2010, Political Analysis 18:450. Bolck, Croon & Hagenaars 2004, Political Analysis 12:3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from scipy.special import chdtrc

from emkit.core import Fit, maximise
from emkit.core.arrays import Array, FloatArray
from emkit.core.model import Model
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Constant, Real
from emkit.core.statistics import Additive, Statistics
from emkit.data import as_source
from emkit.errors import ParameterError
from emkit.families.base import Family, Starts
from emkit.families.basis import ONES, Basis, basis_of, picked
from emkit.families.logit import LogitStatistics, log_proportions, logit_sums
from emkit.mixture.concomitant import ConcomitantMixture, ConcomitantParameters

__all__ = ["Assignment", "Distal", "ThreeStep", "class_means", "three_step"]

_CORRECTIONS = ("ml", "bch", "none")


@dataclass(frozen=True)
class Assignment:
    """People assigned to classes: shares `assigned` (n, k), case weights (n,), and errors D (k, k) by true class."""

    assigned: FloatArray
    weights: FloatArray
    errors: FloatArray

    @classmethod
    def of(cls, posterior: FloatArray, weights: FloatArray, kind: str) -> Assignment:
        """Return the assignment to the most probable class ("modal"), or by posterior ("proportional")."""
        if kind not in ("modal", "proportional"):
            message = f"`assignment` must be 'modal' or 'proportional', got {kind!r}"
            raise ParameterError(message)
        k = posterior.shape[1]
        assigned = np.eye(k)[posterior.argmax(axis=1)] if kind == "modal" else posterior
        joint = (posterior * weights[:, None]).T @ assigned
        total = joint.sum(axis=1, keepdims=True)
        return cls(assigned, weights, joint / np.where(total > 0, total, 1.0))

    @property
    def corrected(self) -> FloatArray:
        """Weights (n, k) of each person in each class that make up for the errors; some are negative.

        Raises
        ------
        ParameterError
            If two classes are assigned alike, so that the errors cannot be undone.
        """
        if np.linalg.cond(self.errors) > 1e8:
            message = "two classes are assigned alike, so that the errors cannot be undone: use fewer classes"
            raise ParameterError(message)
        return np.asarray(self.assigned @ np.linalg.inv(self.errors))


# --- the model of "ml": classes known by an assignment with known errors ---


@dataclass(frozen=True)
class ErrorParameters(Parameters):
    """Known errors (k, k) and the numbers (k,) of the classes, which tell their order."""

    prob: Array = space(Constant())
    number: Array = space(Constant())


@dataclass(frozen=True)
class NoStatistics(Additive):
    """Nothing is estimated."""


@dataclass(frozen=True)
class KnownErrors(Family):
    """One column, the class assigned, with known probabilities in each true class."""

    is_discrete: ClassVar[bool] = True

    def prepared(self, source: Any, n_components: int) -> KnownErrors:
        return self

    def starting_rows(self, block: Any) -> Starts:
        message = "known errors are no start: give one"
        raise ParameterError(message)

    def start(self, X: Array, resp: FloatArray) -> Any:
        message = "known errors are no start: give one"
        raise ParameterError(message)

    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        with np.errstate(divide="ignore"):
            density = np.log(parameters.prob).T
        return np.asarray(density[X[:, 0].astype(np.intp)] + log_mix)

    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> NoStatistics:
        return NoStatistics()

    def m_step(self, statistics: Any, parameters: Any) -> Any:
        return parameters

    def expected_loglik(self, parameters: Any, statistics: Any) -> float:
        return 0.0

    def score(self, parameters: Any, statistics: Any) -> ErrorParameters:
        return ErrorParameters(np.zeros_like(parameters.prob), np.zeros_like(parameters.number))

    def log_prior(self, parameters: Any) -> float:
        return 0.0

    def reordered(self, parameters: Any, order: Array) -> ErrorParameters:
        return ErrorParameters(parameters.prob[order], parameters.number[order])

    def sort_key(self, parameters: Any) -> FloatArray:
        return np.asarray(parameters.number)

    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        edges = np.cumsum(parameters.prob[labels], axis=1)[:, :-1]
        return np.asarray((rng.random((len(labels), 1)) > edges).sum(axis=1)[:, None], dtype=np.float64)

    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        return ""


# --- the model of "bch" and "none": a logit of given memberships ---


@dataclass(frozen=True)
class GateParameters(Parameters):
    """Log odds (k - 1, q) of each class against the first."""

    gating: Array = space(Real())


@dataclass(frozen=True)
class GateStatistics(Statistics):
    """The sums of the logit."""

    logit: LogitStatistics


@dataclass(frozen=True)
class GivenMemberships(Model):
    """A multinomial logit of memberships in the first `n_classes` columns, which sum to one and may be negative.

    Its log-likelihood is sum_i sum_t m_it log pi_t(w_i), concave in the log odds whatever the signs of m.
    """

    n_classes: int = 1
    covariates: tuple[int, ...] = ()
    basis: Any = field(default=None, compare=False)

    def prepare(self, source: Any) -> tuple[GivenMemberships, Any]:
        return replace(self, basis=basis_of(source, self._wanted)), source

    def start(self, source: Any, rng: np.random.Generator) -> GateParameters:
        return GateParameters(np.zeros((self.n_classes - 1, len(self._wanted))))

    def e_step(self, parameters: GateParameters, block: Any) -> GateStatistics:
        log_mix, rows = self._log_mix(parameters, block), picked(block.X, self._wanted)
        resp = block.X[:, : self.n_classes] * block.weights[:, None]
        sums = logit_sums(self._basis, parameters.gating, rows, np.exp(log_mix), resp, block.weights)
        return GateStatistics(float((resp * log_mix).sum()), float(block.weights.sum()), sums)

    def m_step(self, statistics: GateStatistics, parameters: GateParameters) -> GateParameters:
        return GateParameters(statistics.logit.climbed())

    def expected_loglik(self, parameters: GateParameters, statistics: GateStatistics) -> float:
        return statistics.logit.bound(parameters.gating)

    def score(self, parameters: GateParameters, statistics: GateStatistics) -> GateParameters:
        return GateParameters(statistics.logit.score(parameters.gating))

    def log_density(self, parameters: GateParameters, block: Any) -> FloatArray:
        density: FloatArray = (block.X[:, : self.n_classes] * self._log_mix(parameters, block)).sum(axis=1)
        return density

    def _log_mix(self, parameters: GateParameters, block: Any) -> FloatArray:
        return log_proportions(parameters.gating, picked(block.X, self._wanted))

    @property
    def _wanted(self) -> tuple[int, ...]:
        return (ONES, *self.covariates)

    @property
    def _basis(self) -> Basis:
        q = len(self._wanted)
        return Basis(np.zeros(q), np.ones(q), np.ones(q), 0) if self.basis is None else self.basis


# --- the third step ---


@dataclass(frozen=True, eq=False)
class ThreeStep:
    """What covariates say of the classes, from the third step.

    Parameters
    ----------
    log_odds, standard_errors : array (k - 1, q)
        Of each class against the first, intercept first. The standard errors are robust, and take the classes of the
        first step for known.
    terms : tuple of str
    errors : array (k, k)
        P(assigned class | true class), true classes down.
    correction, assignment : str
    fit : Fit
        Of the third step.
    """

    log_odds: FloatArray
    standard_errors: FloatArray
    terms: tuple[str, ...]
    errors: FloatArray
    correction: str
    assignment: str
    fit: Fit

    @property
    def loglik(self) -> float:
        """Log-likelihood of the third step."""
        return self.fit.loglik

    def __str__(self) -> str:
        from emkit.mixture._effects_table import membership_table

        return str(membership_table(self.terms, self.log_odds, self.standard_errors, self.fit.notes))


def three_step(
    given: Assignment, covariates: FloatArray, terms: Sequence[str], *, correction: str, assignment: str, n_threads: Any
) -> ThreeStep:
    """Return the third step, for covariates (n, q)."""
    if correction not in _CORRECTIONS:
        message = f"`correction` must be one of 'ml', 'bch', 'none', got {correction!r}"
        raise ParameterError(message)
    fit, clusters = (_by_ml if correction == "ml" else _by_weights)(given, covariates, correction, n_threads)
    k = len(given.errors)

    def log_odds(parameters: Any) -> FloatArray:
        whole = np.concatenate([np.zeros((1, parameters.gating.shape[1])), parameters.gating])
        if isinstance(parameters, ConcomitantParameters):
            whole = whole[np.argsort(parameters.members.number)]
        return np.asarray(whole[1:] - whole[0])

    found = fit.delta(log_odds, kind="robust", clusters=clusters)
    shape = (k - 1, 1 + covariates.shape[1])
    odds, errors = (np.reshape(part, shape) for part in (found.value, found.standard_error))
    return ThreeStep(odds, errors, ("intercept", *terms), given.errors, correction, assignment, fit)


def _by_ml(given: Assignment, covariates: FloatArray, correction: str, n_threads: Any) -> tuple[Fit, Any]:
    """Fit the classes by their assignments with known errors; each share of a person is a row."""
    person, label = np.nonzero(given.assigned > 0)
    rows = np.column_stack([label, covariates[person]]).astype(np.float64)
    source = as_source(rows, given.weights[person] * given.assigned[person, label], n_threads=n_threads)
    k, q = len(given.errors), covariates.shape[1]
    model = ConcomitantMixture(KnownErrors(), k, tuple(range(1, 1 + q)), (0,))
    share = np.maximum(given.weights @ given.assigned, 1e-3)
    gating = np.zeros((k - 1, 1 + q))
    gating[:, 0] = np.log(share[1:] / share[0])
    start = ConcomitantParameters(gating, ErrorParameters(given.errors, np.arange(float(k))))
    is_split = len(person) > len(given.assigned)
    return maximise(model, source, start=start), person if is_split else None


def _by_weights(given: Assignment, covariates: FloatArray, correction: str, n_threads: Any) -> tuple[Fit, Any]:
    memberships = given.corrected if correction == "bch" else given.assigned
    k, q = memberships.shape[1], covariates.shape[1]
    source = as_source(np.column_stack([memberships, covariates]), given.weights, n_threads=n_threads)
    return maximise(GivenMemberships(k, tuple(range(k, k + q))), source, n_starts=1), None


@dataclass(frozen=True, eq=False)
class Distal:
    """Means of an outcome in the classes, corrected for errors of assignment (BCH).

    Parameters
    ----------
    means, standard_errors : array (k,)
    covariance : array (k, k)
    statistic, df, p_value : float
        Wald's test that all means are equal.
    """

    means: FloatArray
    standard_errors: FloatArray
    covariance: FloatArray
    statistic: float
    df: int
    p_value: float


def class_means(given: Assignment, outcome: FloatArray) -> Distal:
    """Return the means of an outcome (n,), NaN where it is unknown, with robust standard errors."""
    seen = ~np.isnan(outcome)
    weights = given.corrected[seen] * given.weights[seen, None]
    total = weights.sum(axis=0)
    means = weights.T @ outcome[seen] / total
    gaps = weights * (outcome[seen, None] - means)
    covariance = gaps.T @ gaps / np.outer(total, total)
    k = len(means)
    contrast = np.column_stack([-np.ones(k - 1), np.eye(k - 1)])
    gap = contrast @ means
    statistic = float(gap @ np.linalg.solve(contrast @ covariance @ contrast.T, gap)) if k > 1 else 0.0
    p_value = float(chdtrc(k - 1, statistic)) if k > 1 else 1.0
    return Distal(means, np.sqrt(np.diag(covariance)), covariance, statistic, k - 1, p_value)
