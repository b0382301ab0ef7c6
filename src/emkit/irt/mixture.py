"""Mixtures of item response models: classes of people for whom the items work differently.

Story: a person belongs to a class that is not seen; in each class the items have curves, and the latent variable a
distribution, of its own. The nodes of all classes stand side by side, so that one E-step finds class and place at once:

    p(y_i) = sum_c mix_c sum_q w_cq prod_j P_cj(y_ij | x_q).

References
----------
Rost 1990, Applied Psychological Measurement 14:271. Cohen & Bolt 2005, Journal of Educational Measurement 42:133.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.model import Model
from emkit.core.parameters import Parameters, leaves, rebuild, space
from emkit.core.spaces import Real, Simplex
from emkit.core.statistics import Statistics
from emkit.irt.coding import as_codes, compressed
from emkit.irt.model import ItemResponse, ItemResponseParameters, ItemResponseStatistics
from emkit.irt.simulation import answers_at, draw_latent
from emkit.kernels.gaussian import softmax_rows
from emkit.kernels.quadrature import quadrature_counts, quadrature_joint

__all__ = ["ItemResponseClasses", "ItemResponseClassesParameters"]


@dataclass(frozen=True)
class ItemResponseClassesParameters(Parameters):
    """Shares (k,) of the classes, and the parameters of each."""

    mix: Array = space(Simplex())
    members: tuple[ItemResponseParameters, ...] = ()


@dataclass(frozen=True)
class ItemResponseClassesStatistics(Statistics):
    """Expected people (k,) in each class, and the statistics of each."""

    count: FloatArray
    members: tuple[ItemResponseStatistics, ...]


@dataclass(frozen=True)
class ItemResponseClasses(Model):
    """`n_classes` item response models of the same form.

    Parameters
    ----------
    base : ItemResponse
        The form; one group, no covariates.
    n_classes : int
    """

    base: ItemResponse = field(default_factory=ItemResponse)
    n_classes: int = 2

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> ItemResponseClassesParameters:
        return self.portfolio(source, rng)(rng, 0)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], ItemResponseClassesParameters]:
        """Return the draw of starts: the items of one class, moved at random in each."""
        common = self.base.start(source, rng)

        def draw(own_rng: np.random.Generator, index: int) -> ItemResponseClassesParameters:
            mix = own_rng.dirichlet(np.full(self.n_classes, 5.0))
            return ItemResponseClassesParameters(mix, tuple(_jolted(common, own_rng) for _ in range(self.n_classes)))

        return draw

    def e_step(self, parameters: ItemResponseClassesParameters, block: Any) -> ItemResponseClassesStatistics:
        log_prob, log_weights = self._tables(parameters)
        step = quadrature_counts(as_codes(block.X), block.kernel_weights, None, log_prob, self.base.first, log_weights)
        weight = float(block.weights.sum()) if block.is_weighted else float(block.n_rows)
        parts = zip(*(np.split(part, self.n_classes, axis=1) for part in (step.counts, step.mass)), strict=True)
        members = tuple(ItemResponseStatistics(0.0, float(mass.sum()), counts, mass) for counts, mass in parts)
        count = np.array([member.weight for member in members])
        return ItemResponseClassesStatistics(step.loglik, weight, count, members)

    def m_step(
        self, statistics: ItemResponseClassesStatistics, parameters: ItemResponseClassesParameters
    ) -> ItemResponseClassesParameters:
        pairs = zip(statistics.members, parameters.members, strict=True)
        members = tuple(self.base.m_step(own, before) for own, before in pairs)
        return ItemResponseClassesParameters(statistics.count / statistics.count.sum(), members)

    def log_prior(self, parameters: ItemResponseClassesParameters) -> float:
        return sum(self.base.log_prior(member) for member in parameters.members)

    def expected_loglik(
        self, parameters: ItemResponseClassesParameters, statistics: ItemResponseClassesStatistics
    ) -> float:
        pairs = zip(parameters.members, statistics.members, strict=True)
        own = sum(self.base.expected_loglik(member, part) for member, part in pairs)
        return own + float(statistics.count @ np.log(np.maximum(parameters.mix, 1e-300)))

    def score(
        self, parameters: ItemResponseClassesParameters, statistics: ItemResponseClassesStatistics
    ) -> ItemResponseClassesParameters:
        pairs = zip(parameters.members, statistics.members, strict=True)
        mix, count = parameters.mix, statistics.count
        slope = np.divide(count, mix, out=np.zeros_like(count), where=mix > 0)
        return ItemResponseClassesParameters(slope, tuple(self.base.score(member, part) for member, part in pairs))

    # --- what else it offers ---

    def prepare(self, source: Any) -> tuple[ItemResponseClasses, Any]:
        return self, compressed(source)

    def posterior(self, parameters: ItemResponseClassesParameters, block: Any) -> FloatArray:
        """Return the probabilities (n, k) of the classes."""
        resp = softmax_rows(self._log_joint(parameters, block))[1]
        return np.asarray(resp.reshape(len(resp), self.n_classes, -1).sum(axis=2))

    def log_density(self, parameters: ItemResponseClassesParameters, block: Any) -> FloatArray:
        density: FloatArray = softmax_rows(self._log_joint(parameters, block))[0]
        return density

    def sample(
        self, parameters: ItemResponseClassesParameters, n: int, rng: np.random.Generator
    ) -> tuple[FloatArray, Array]:
        """Return answers (n, n_items) and classes (n,)."""
        labels = rng.choice(self.n_classes, size=n, p=parameters.mix / parameters.mix.sum())
        answers = np.empty((n, self.base.n_items))
        for c, member in enumerate(parameters.members):
            mine = np.flatnonzero(labels == c)
            answers[mine] = answers_at(self.base, member, draw_latent(self.base, member, len(mine), rng), rng)
        return answers, labels

    def canonical(self, parameters: ItemResponseClassesParameters) -> ItemResponseClassesParameters:
        """Return the classes by falling share, each turned so that its slopes are positive on the whole."""
        members = tuple(self.base.canonical(member) for member in parameters.members)
        order = np.argsort(-parameters.mix, kind="stable")
        is_same = all(new is old for new, old in zip(members, parameters.members, strict=True))
        if is_same and (order == np.arange(self.n_classes)).all():
            return parameters
        return ItemResponseClassesParameters(parameters.mix[order], tuple(members[c] for c in order))

    def degeneracy(self, parameters: ItemResponseClassesParameters, statistics: ItemResponseClassesStatistics) -> str:
        for member, own in zip(parameters.members, statistics.members, strict=True):
            collapse = self.base.degeneracy(member, own)
            if collapse:
                return collapse
        return ""

    def describe(
        self, parameters: ItemResponseClassesParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return the shares of the classes, and the tables of each."""
        shares = tuple((str(c + 1), float(share)) for c, share in enumerate(parameters.mix))
        tables = [Description("Classes", ("class", "share"), shares)]
        for c, member in enumerate(parameters.members):
            own = self.base.describe(member, feature_names)
            tables += [_retitled(table, f"{table.title} of class {c + 1}") for table in own]
        return tuple(tables)

    def _tables(self, parameters: ItemResponseClassesParameters) -> tuple[FloatArray, FloatArray]:
        """Return log-probabilities (c, k q) and log-weights (1, k q), class after class."""
        with np.errstate(divide="ignore"):
            log_mix = np.maximum(np.log(parameters.mix), -1e5)
        tables = [self.base.tables(member) for member in parameters.members]
        log_prob = np.concatenate([table for table, _ in tables], axis=1)
        weights = [own + share for (_, own), share in zip(tables, log_mix, strict=True)]
        return np.ascontiguousarray(log_prob), np.ascontiguousarray(np.concatenate(weights, axis=1))

    def _log_joint(self, parameters: ItemResponseClassesParameters, block: Any) -> FloatArray:
        log_prob, log_weights = self._tables(parameters)
        joint: FloatArray = quadrature_joint(as_codes(block.X), None, log_prob, self.base.first, log_weights)
        return joint


_JOLT = 1.0  # standard deviation of what is added to intercepts and the like


def _jolted(parameters: ItemResponseParameters, rng: np.random.Generator) -> ItemResponseParameters:
    """Return parameters whose intercepts and locations are moved at random, all steps of an item alike."""
    values: list[Any] = []
    for leaf in leaves(parameters):
        place = leaf.name.split(".")[-1]
        if place in ("intercept", "threshold", "location"):
            values.append(leaf.value + _JOLT * rng.standard_normal((len(leaf.value), 1)))
        elif isinstance(leaf.space, Real):
            values.append(leaf.value + 0.2 * rng.standard_normal(leaf.value.shape))
        else:
            values.append(leaf.value)
    return rebuild(parameters, iter(values))


def _retitled(table: Description, title: str) -> Description:
    """Return a table under another title."""
    return Description(title, table.header, table.rows)
