"""Finite mixtures of any family.

Story: a label z_i is drawn with probabilities mix; the row x_i is drawn from member z_i of the family; the label is not
seen. The E-step finds the probabilities of the labels, r_ik = mix_k f_k(x_i) / sum_j mix_j f_j(x_i), and the expected
statistics under them; the M-step is the family's weighted maximum likelihood.

References
----------
McLachlan & Peel 2000, *Finite Mixture Models*, section 2.8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.assignments import Assignment
from emkit.core.describe import Description
from emkit.core.model import Model, Offer, offered
from emkit.core.parameters import Parameters, space
from emkit.core.problem import Point
from emkit.core.spaces import Simplex
from emkit.core.statistics import Statistics
from emkit.core.strides import Stride
from emkit.families.base import Family
from emkit.families.gaussian import Gaussian, GaussianStatistics
from emkit.kernels.gaussian import softmax_rows
from emkit.kernels.gaussian_climb import rescaled
from emkit.mixture.assigning import Assigning
from emkit.mixture.scores import missing_information, row_scores

__all__ = ["FiniteMixture", "MixtureParameters", "MixtureStatistics"]


@dataclass(frozen=True)
class MixtureParameters(Parameters):
    """Mixing proportions and the members of the family.

    Parameters
    ----------
    mix : array (k,)
    members : Parameters
        Of the family, k members.
    """

    mix: Array = space(Simplex())
    members: Any = None


@dataclass(frozen=True)
class MixtureStatistics(Statistics):
    """Expected counts (k,) of the components and the family's statistics."""

    count: FloatArray
    members: Any


@dataclass(frozen=True)
class FiniteMixture(Model):
    """A mixture of `n_components` members of a family.

    Parameters
    ----------
    family : Family
    n_components : int
    concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the mixing proportions; 1 is no prior, above 1 keeps components from emptying.
    """

    family: Family = field(default_factory=Gaussian)
    n_components: int = 1
    concentration: float = 1.0

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library: where the family's may."""
        return self.family.takes_device

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> MixtureParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: MixtureParameters, block: Any) -> MixtureStatistics:
        step = self.family.mixture_step(_log(parameters.mix), parameters.members, block)
        return MixtureStatistics(step.loglik, _weight(block), step.count, step.statistics)

    def collected(
        self, parameters: MixtureParameters, block: Any, resp: FloatArray, loglik: float
    ) -> MixtureStatistics:
        """Return the statistics of a block from memberships (n, k), case weights included."""
        members = self.family.statistics(parameters.members, block.X, resp)
        return MixtureStatistics(loglik, _weight(block), resp.sum(axis=0), members)

    def assigning(self, rule: Assignment) -> Assigning:
        """Return the mixture with rows assigned by a rule."""
        return Assigning(self, rule)

    def m_step(self, statistics: MixtureStatistics, parameters: MixtureParameters) -> MixtureParameters:
        count = statistics.count + (self.concentration - 1)
        if self.concentration < 1:
            count = np.maximum(count, 0.0)
        return MixtureParameters(count / count.sum(), self.family.m_step(statistics.members, parameters.members))

    def log_prior(self, parameters: MixtureParameters) -> float:
        own = self.family.log_prior(parameters.members)
        return own if self.concentration == 1 else own + (self.concentration - 1) * float(_log(parameters.mix).sum())

    def expected_loglik(self, parameters: MixtureParameters, statistics: MixtureStatistics) -> float:
        seen = statistics.count > 0
        own = float(statistics.count[seen] @ np.log(parameters.mix[seen]))
        return own + self.family.expected_loglik(parameters.members, statistics.members)

    def score(self, parameters: MixtureParameters, statistics: MixtureStatistics) -> MixtureParameters:
        count = statistics.count + (self.concentration - 1)
        slope = np.divide(count, parameters.mix, out=np.zeros_like(count), where=parameters.mix > 0)
        return MixtureParameters(slope, self.family.score(parameters.members, statistics.members))

    # --- what else it offers ---

    def strides(self, source: Any) -> MixtureStrides | None:
        """Return what takes several EM steps in one call, or None where the family has no kernel for that."""
        kernel = self.family.strides(source) if self.concentration == 1 else None
        return None if kernel is None else MixtureStrides(kernel, self.n_components, float(source.total_weight))

    def row_scores(self, parameters: MixtureParameters, block: Any) -> FloatArray | None:
        return row_scores(self, parameters, block)

    def missing_information(self, parameters: MixtureParameters, block: Any) -> FloatArray | None:
        return missing_information(self, parameters, block)

    @property
    def starts_to_agree(self) -> int:
        """How many starts must agree: more components have more ways to go wrong (eight can be, with three)."""
        return max(8, 8 * (self.n_components - 1))

    @property
    def n_read(self) -> int:
        """What the family reads off the data."""
        return self.family.n_read

    def prepare(self, source: Any) -> tuple[FiniteMixture, Any]:
        ready = replace(self, family=self.family.prepared(source, self.n_components))
        return ready, ready.family.arranged(source)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], MixtureParameters]:
        block = source.sample(self.family.start_rows, rng)
        rows = self.family.starting_rows(block)

        def draw(own_rng: np.random.Generator, index: int) -> MixtureParameters:
            resp = rows.responsibilities(self.n_components, own_rng, index)
            mix = resp.sum(axis=0) + 1.0
            return MixtureParameters(mix / mix.sum(), self.family.start(block.X, resp))

        return draw

    def log_density(self, parameters: MixtureParameters, block: Any) -> FloatArray:
        density: FloatArray = softmax_rows(self.log_joint(parameters, block))[0]
        return density

    def posterior(self, parameters: MixtureParameters, block: Any) -> FloatArray:
        resp: FloatArray = softmax_rows(self.log_joint(parameters, block))[1]
        return resp

    def log_joint(self, parameters: MixtureParameters, block: Any) -> FloatArray:
        """Return log mix_k + log f_k(x) for each row, (n, k)."""
        return self.family.log_joint(_log(parameters.mix), parameters.members, block.X)

    def sample(self, parameters: MixtureParameters, n: int, rng: np.random.Generator) -> tuple[FloatArray, Array]:
        """Return n rows and their labels, in random order."""
        labels = rng.choice(self.n_components, size=n, p=parameters.mix / parameters.mix.sum())
        return self.family.sample(parameters.members, labels, rng), labels

    def canonical(self, parameters: MixtureParameters) -> MixtureParameters:
        """Return the components by falling weight, equal ones by the family's key."""
        order = np.lexsort((self.family.sort_key(parameters.members), -np.round(parameters.mix, 9)))
        if (order == np.arange(self.n_components)).all():
            return parameters
        return MixtureParameters(parameters.mix[order], self.family.reordered(parameters.members, order))

    def degeneracy(self, parameters: MixtureParameters, statistics: MixtureStatistics) -> str:
        return self.family.collapsed(parameters.members, statistics.members, statistics.count)

    def describe(self, parameters: MixtureParameters, feature_names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the weights, and the tables of the family where it makes any."""
        rows = tuple((str(i + 1), weight) for i, weight in enumerate(parameters.mix.tolist()))
        weights = Description("Weights", ("component", "weight"), rows)
        family: Any = self.family
        describe = offered(family, Offer.DESCRIBE)
        return (weights, *(describe(parameters.members, feature_names, "component") if describe else ()))


@dataclass(frozen=True, eq=False)
class MixtureStrides:
    """A kernel's climb (`families.gaussian_strides`) in the records of a mixture."""

    kernel: Any
    n_components: int
    weight: float

    def begin(self) -> FloatArray:
        """Return what acceleration remembers before its first step."""
        memory: FloatArray = self.kernel.memory(self.n_components)
        return memory

    def rescaled(self, memory: FloatArray, ratio: float) -> FloatArray:
        """Return what acceleration remembers of a climb on a sample, for rows of `ratio` times the weight."""
        scaled: FloatArray = rescaled(self.kernel.layout(self.n_components), memory, ratio)
        return scaled

    def go(self, point: Point, memory: FloatArray, *, n_steps: int, is_fast: bool, enough: float) -> Stride | None:
        """Take up to `n_steps` EM steps from a point; None where not one could be made."""
        at, statistics, memory = point.parameters, point.statistics, memory.copy()
        kernel, k = self.kernel, self.n_components
        state = kernel.state(at.mix, at.members, statistics.members, point.loglik, point.objective)
        rows = kernel.go(state, memory, k, n_steps=n_steps, is_fast=is_fast, enough=enough)
        if not len(rows):
            return None
        stand = kernel.stand(state, k)
        moments = GaussianStatistics(stand.count, stand.first, stand.second, stand.members.mean)
        reached = Point(
            MixtureParameters(stand.mix, stand.members),
            MixtureStatistics(stand.loglik, self.weight, stand.count, moments),
            stand.loglik,
            stand.objective,
        )
        return Stride(reached, memory, rows)


def _log(mix: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.log(mix)


def _weight(block: Any) -> float:
    return float(block.weights.sum()) if block.is_weighted else float(block.n_rows)
