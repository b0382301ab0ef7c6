"""Finite mixtures whose proportions depend on covariates: concomitant variables.

Story: label z_i is drawn with probabilities mix_k(w_i) = exp(w_i'g_k) / sum_j exp(w_i'g_j), g_1 = 0, where w_i holds a
one and the covariates of row i; the row x_i is drawn from member z_i of any family. The M-step of g is a Newton step of
the multinomial logit on expected labels, from sums collected at the parameters of the E-step, and shortened so that it
cannot overshoot (`families.basis.safe_length`).

References
----------
Dayton & Macready 1988, JASA 83:173. Gruen & Leisch 2008, Journal of Statistical Software 28(4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import log_softmax

from emkit.core.arrays import Array, FloatArray
from emkit.core.assignments import Assignment
from emkit.core.describe import Description
from emkit.core.model import Model, Offer, offered
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Real
from emkit.core.statistics import Statistics
from emkit.data import as_source
from emkit.errors import ParameterError
from emkit.families.base import Family
from emkit.families.basis import ONES, Basis, basis_of, is_lost, picked
from emkit.families.discrete import distinct_rows, used_rows
from emkit.families.gaussian import Gaussian
from emkit.families.logit import LogitStatistics, log_proportions, logit_sums
from emkit.families.regression import Regressions
from emkit.kernels.gaussian import softmax_rows
from emkit.mixture.assigning import Assigning

__all__ = ["ConcomitantMixture", "ConcomitantParameters", "ConcomitantStatistics"]

_START_ROWS = 16384
_KNOWN_ROWS = 512


@dataclass(frozen=True)
class ConcomitantParameters(Parameters):
    """Log odds (k - 1, q) of each component against the first, intercept first, and the members of the family."""

    gating: Array = space(Real())
    members: Any = None


@dataclass(frozen=True)
class ConcomitantStatistics(Statistics):
    """Expected counts (k,) of the components, and the statistics of the logit and of the family."""

    count: FloatArray
    logit: LogitStatistics
    members: Any


@dataclass(frozen=True)
class ConcomitantMixture(Model):
    """A mixture of `n_components` members of a family, with proportions by a multinomial logit on covariates.

    Parameters
    ----------
    family : Family
    n_components : int
    covariates : tuple of int
        Columns of the rows that the proportions depend on; an intercept is added.
    columns : tuple of int or None
        Columns that the family describes; None is the whole row, for families that choose their own.
    """

    family: Family = field(default_factory=Gaussian)
    n_components: int = 1
    covariates: tuple[int, ...] = ()
    columns: tuple[int, ...] | None = None
    basis: Any = field(default=None, compare=False)
    names: tuple[str, ...] | None = field(default=None, compare=False)  # of the columns of the rows
    known: Any = field(default=None, compare=False)  # rows whose covariates stand for those of new rows

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> ConcomitantParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: ConcomitantParameters, block: Any) -> ConcomitantStatistics:
        density, resp = softmax_rows(self.log_joint(parameters, block))
        weights = block.weights
        if block.is_weighted:
            density = np.where(weights > 0, density, 0.0)
            resp *= weights[:, None]
        return self.collected(parameters, block, resp, float(weights @ density))

    def collected(
        self, parameters: ConcomitantParameters, block: Any, resp: FloatArray, loglik: float
    ) -> ConcomitantStatistics:
        """Return the statistics of a block from memberships (n, k), case weights included."""
        rows, weights = self.gate_rows(block.X), block.weights
        mix = np.exp(log_proportions(parameters.gating, rows))
        logit = logit_sums(self.known_basis, parameters.gating, rows, mix, resp, weights)
        members = self.family.statistics(parameters.members, self._own(block.X), resp)
        return ConcomitantStatistics(loglik, float(weights.sum()), resp.sum(axis=0), logit, members)

    def assigning(self, rule: Assignment) -> Assigning:
        """Return the mixture with rows assigned by a rule."""
        return Assigning(self, rule)

    def m_step(self, statistics: ConcomitantStatistics, parameters: ConcomitantParameters) -> ConcomitantParameters:
        members = self.family.m_step(statistics.members, parameters.members)
        return ConcomitantParameters(statistics.logit.climbed(), members)

    def log_prior(self, parameters: ConcomitantParameters) -> float:
        return self.family.log_prior(parameters.members)

    def expected_loglik(self, parameters: ConcomitantParameters, statistics: ConcomitantStatistics) -> float:
        """Return Q, with a lower bound that touches it in place of the logit's part."""
        own = statistics.logit.bound(parameters.gating)
        return own + self.family.expected_loglik(parameters.members, statistics.members)

    def score(self, parameters: ConcomitantParameters, statistics: ConcomitantStatistics) -> ConcomitantParameters:
        members = self.family.score(parameters.members, statistics.members)
        return ConcomitantParameters(statistics.logit.score(parameters.gating), members)

    # --- what else it offers ---

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree (see `FiniteMixture`)."""
        return max(8, 8 * (self.n_components - 1))

    @property
    def n_read(self) -> int:
        """What the family reads off the data."""
        return self.family.n_read

    def prepare(self, source: Any) -> tuple[ConcomitantMixture, Any]:
        basis = basis_of(source, self._wanted)
        family = self.family.prepared(self.own_source(source), self.n_components)
        known = np.asarray(source.sample(_KNOWN_ROWS, np.random.default_rng(0)).X, dtype=np.float64)
        ready = replace(self, basis=basis, family=family, names=source.feature_names, known=known)
        if self.columns is None:
            return ready, ready.family.arranged(source)
        return ready, distinct_rows(source) if ready.family.is_discrete else used_rows(source)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], ConcomitantParameters]:
        block = source.sample(_START_ROWS, rng)
        own = replace(block, X=self._own(block.X))
        rows = self.family.starting_rows(own)

        def draw(own_rng: np.random.Generator, index: int) -> ConcomitantParameters:
            resp = rows.responsibilities(self.n_components, own_rng, index)
            mix = np.log(resp.sum(axis=0) + 1.0)
            gating = np.zeros((self.n_components - 1, len(self._wanted)))
            gating[:, 0] = mix[1:] - mix[0]
            return ConcomitantParameters(gating, self.family.start(own.X, resp))

        return draw

    def log_joint(self, parameters: ConcomitantParameters, block: Any) -> FloatArray:
        """Return log mix_k(w) + log f_k(x) for each row, (n, k)."""
        none = np.zeros(self.n_components)
        return self.family.log_joint(none, parameters.members, self._own(block.X)) + self.log_mix(parameters, block.X)

    def log_mix(self, parameters: ConcomitantParameters, X: Array) -> FloatArray:
        """Return the log proportions (n, k) at the covariates of the rows."""
        return self._log_mix(parameters, picked(X, self._wanted))

    def log_density(self, parameters: ConcomitantParameters, block: Any) -> FloatArray:
        density: FloatArray = softmax_rows(self.log_joint(parameters, block))[0]
        return density

    def posterior(self, parameters: ConcomitantParameters, block: Any) -> FloatArray:
        resp: FloatArray = softmax_rows(self.log_joint(parameters, block))[1]
        return resp

    def sample(self, parameters: ConcomitantParameters, n: int, rng: np.random.Generator) -> tuple[FloatArray, Array]:
        """Return n rows, whose covariates are drawn from (a sample of) the training data, and their labels."""
        if self.known is None:
            message = "a mixture says nothing of how its covariates arise: it must be fitted first"
            raise ParameterError(message)
        rows = self.known[rng.integers(0, len(self.known), n)]
        edges = np.cumsum(np.exp(self.log_mix(parameters, rows)), axis=1)[:, :-1]
        labels = (rng.random((n, 1)) > edges).sum(axis=1)
        if isinstance(self.family, Regressions):
            return self.family.drawn(parameters.members, rows, labels, rng), labels
        drawn = rows.copy()
        drawn[:, list(self.columns or range(rows.shape[1]))] = self.family.sample(parameters.members, labels, rng)
        return drawn, labels

    def canonical(self, parameters: ConcomitantParameters) -> ConcomitantParameters:
        """Return the components by falling proportion at the average covariates, equal ones by the family's key."""
        basis = self.known_basis
        at_center = log_softmax(np.concatenate([[0.0], basis.inner(parameters.gating)[:, 0]]))
        order = np.lexsort((self.family.sort_key(parameters.members), -np.round(np.exp(at_center), 9)))
        if (order == np.arange(self.n_components)).all():
            return parameters
        whole = np.concatenate([np.zeros((1, parameters.gating.shape[1])), parameters.gating])[order]
        return ConcomitantParameters(whole[1:] - whole[0], self.family.reordered(parameters.members, order))

    def degeneracy(self, parameters: ConcomitantParameters, statistics: ConcomitantStatistics) -> str:
        return self.family.collapsed(parameters.members, statistics.members, statistics.count)

    def remarks(self, parameters: ConcomitantParameters) -> tuple[str, ...]:
        """Tell of log odds that have run off: the likelihood has a limit there, and the members are what they are."""
        if self.known is None or self.n_components == 1:
            return ()
        rows = picked(self.known, self._wanted)
        mix = np.exp(self._log_mix(parameters, rows))
        sums = logit_sums(self.known_basis, parameters.gating, rows, mix, mix, np.ones(len(rows)))
        crossed: FloatArray = np.asarray(np.kron(np.eye(self.n_components - 1), sums.cross), dtype=np.float64)
        if not is_lost(sums.bend, crossed, len(rows)):
            return ()
        remark = (
            "The covariates rule out a component for some rows, so that some log odds have no finite maximum: they and "
            "their standard errors mean nothing. Use fewer covariates or fewer components."
        )
        return (remark,)

    def describe(
        self, parameters: ConcomitantParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return the log odds, and the tables of the family where it makes any."""
        known = self.names or feature_names
        names = [f"x{j + 1}" if known is None else known[j] for j in self.covariates]
        rows = tuple((str(i + 2), *row) for i, row in enumerate(parameters.gating.tolist()))
        table = Description("Log odds against component 1", ("component", "intercept", *names), rows)
        describe = offered(self.family, Offer.DESCRIBE)  # type: ignore[arg-type]
        own = known if known is None or self.columns is None else [known[j] for j in self.columns]
        return (table, *(describe(parameters.members, own, "component") if describe else ()))

    def gate_rows(self, X: Array) -> FloatArray:
        """Return a one and the covariates (n, q) of the rows."""
        return picked(X, self._wanted)

    # --- parts ---

    @property
    def _wanted(self) -> tuple[int, ...]:
        return (ONES, *self.covariates)

    @property
    def known_basis(self) -> Basis:
        """The coordinates of the covariates: as they are before the model has seen data."""
        q = len(self._wanted)
        return Basis(np.zeros(q), np.ones(q), np.ones(q), 0) if self.basis is None else self.basis

    def _own(self, X: Array) -> Array:
        return X if self.columns is None else np.ascontiguousarray(X[:, list(self.columns)])

    def own_source(self, source: Any) -> Any:
        """Return the columns that the family describes."""
        if self.columns is None:
            return source
        names = None if source.feature_names is None else [source.feature_names[j] for j in self.columns]
        blocks = list(source.blocks())
        whole = np.concatenate([self._own(block.X) for block in blocks])
        weights = np.concatenate([block.weights for block in blocks]) if source.is_weighted else None
        return as_source(whole, weights, feature_names=names, n_threads=source.n_threads, allow_missing_columns=True)

    def _log_mix(self, parameters: ConcomitantParameters, rows: FloatArray) -> FloatArray:
        return log_proportions(parameters.gating, rows)
