"""Item response models by marginal maximum likelihood (Bock & Aitkin 1981).

Story: a person has a latent variable x, drawn from the distribution of her group; given x her answers to the items are
independent, with probabilities that are the curves of the items. Answers not given are skipped, which is exact.

    log p(y_i) = log sum_q w_q prod_j P_j(y_ij | x_q)

over nodes x_q with weights w_q. The E-step adds up the posteriors of the nodes: by answers of each item (expected
counts r_jkq) and in all (mass n_q). The M-step is Fisher scoring for each item on its counts, and moments of the mass
for the latent distribution.

References
----------
Bock & Aitkin 1981, Psychometrika 46:443, equations 13-17.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import logsumexp

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.describe import Description
from emkit.core.model import Model
from emkit.core.parameters import Parameters
from emkit.core.statistics import Statistics
from emkit.irt import placed
from emkit.irt.bifactor import bifactor_density, bifactor_step
from emkit.irt.coding import as_codes, compressed
from emkit.irt.curves.base import Slopes
from emkit.irt.describing import latent_tables, negative_items, steep_item
from emkit.irt.forms import item_table, slope_intercept
from emkit.irt.grids import Equispaced, Grid
from emkit.irt.hidden import missing_information
from emkit.irt.imputed import ImputedItemResponse
from emkit.irt.items import ItemRun
from emkit.irt.latent import Latent, StandardNormal
from emkit.irt.regression import PeopleStatistics
from emkit.irt.simulation import answers_at, draw_latent
from emkit.irt.starts import axes, category_shares, first_slopes
from emkit.kernels.gaussian import softmax_rows
from emkit.kernels.quadrature import quadrature_counts, quadrature_joint

__all__ = ["ItemResponse", "ItemResponseParameters", "ItemResponseStatistics"]


@dataclass(frozen=True)
class ItemResponseParameters(Parameters):
    """Parameters of the runs of items, and of the latent distribution."""

    items: tuple[Any, ...]
    latent: Any


@dataclass(frozen=True)
class ItemResponseStatistics(Statistics):
    """Expected counts (c, q) of every category of every item, and mass (groups, q), at the nodes."""

    counts: FloatArray
    mass: FloatArray


@dataclass(frozen=True)
class ExplainedStatistics(ItemResponseStatistics):
    """Those of a latent regression: sums over people besides."""

    people: PeopleStatistics


@dataclass(frozen=True)
class ItemResponse(Model):
    """Items of any types and a latent distribution.

    Rows are answers (n, n_items) as codes 0, 1, ..., NaN where there is none; with several groups one more column holds
    the number of the group.

    Parameters
    ----------
    runs : tuple of ItemRun
    n_factors : int
    grid : Grid
    latent : Latent
    pattern : tuple of tuples of bool, or None
        Which factors (F) each item loads on; all where None.
    specific : tuple of int, or None
        Bifactor models: the specific factor of each item, from 0 on, or -1; `n_factors` is then 2, the general factor
        and the item's own.
    item_names : tuple of str
    notes : tuple of str
        What the reader of a fit should know of the data.
    placing : Placing, optional
        Nodes of each person's own, in place of the grid.
    """

    runs: tuple[ItemRun, ...] = ()
    n_factors: int = 1
    grid: Grid = field(default_factory=Equispaced)
    latent: Latent = field(default_factory=StandardNormal)
    pattern: tuple[tuple[bool, ...], ...] | None = None
    specific: tuple[int, ...] | None = None
    item_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    placing: placed.Placing | None = None

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> ItemResponseParameters:
        return self.portfolio(source, rng)(rng, 0)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], ItemResponseParameters]:
        """Return the draw of starts: the first principal axes, then random mixtures of some (for one factor)."""
        block = source.sample(_START_ROWS, rng)
        codes = as_codes(block.X[:, : self.n_items])
        known = self._pattern if self.specific is None else np.asarray(self.specific)
        slope = first_slopes(codes, block.weights, known)

        def draw(own_rng: np.random.Generator, index: int) -> ItemResponseParameters:
            if index == 0 or self.n_factors > 1:
                return self._begun(codes, block.weights, slope)
            if self.latent.n_starts > 1:
                begun = self._begun(codes, block.weights, slope)
                return ItemResponseParameters(begun.items, self.latent.drawn(self.nodes, own_rng))
            some = axes(codes, block.weights, _AXES)
            mixed = some @ own_rng.normal(size=(some.shape[1], 1))
            mixed *= 1.2 / max(float(np.sqrt((mixed**2).mean())), 1e-9)
            return self._begun(codes, block.weights, np.clip(mixed, -2.5, 2.5) + 1e-3)

        return draw

    def _begun(self, codes: Array, weights: FloatArray, slope: FloatArray) -> ItemResponseParameters:
        items = tuple(
            run.start(category_shares(codes[:, list(run.items)], weights, run.n_categories), slope[list(run.items)])
            for run in self.runs
        )
        return ItemResponseParameters(items, self.latent.start(self.nodes))

    def e_step(
        self, parameters: ItemResponseParameters, block: Any
    ) -> ItemResponseStatistics | placed.PlacedStatistics:
        if self.placing is not None:
            return placed.step(self, parameters, block)
        codes, group = self.split(block.X)
        weight = float(block.weights.sum()) if block.is_weighted else float(block.n_rows)
        if self.specific is not None:
            loglik, counts, mass = bifactor_step(self, parameters, codes, group, block.weights)
            return ItemResponseStatistics(loglik, weight, counts, mass)
        log_prob, log_weights = self.tables(parameters, block)
        step = quadrature_counts(codes, block.kernel_weights, group, log_prob, self.first, log_weights)
        if not self.latent.n_covariates:
            return ItemResponseStatistics(step.loglik, weight, step.counts, step.mass)
        people = PeopleStatistics.of(step.mass, self.nodes, self._covariates(block))
        mass = step.mass.sum(axis=0, keepdims=True)
        return ExplainedStatistics(step.loglik, weight, step.counts, mass, people)

    def m_step(self, statistics: Any, parameters: ItemResponseParameters) -> ItemResponseParameters:
        if isinstance(statistics, placed.PlacedStatistics):
            return placed.m_step(self, parameters, statistics)  # type: ignore[no-any-return]
        counts = self.counts_by_run(statistics.counts)
        items = tuple(
            run.m_step(own, part, self.nodes)
            for run, own, part in zip(self.runs, parameters.items, counts, strict=True)
        )
        return ItemResponseParameters(items, self.latent.m_step(parameters.latent, statistics, *self.places))

    def log_prior(self, parameters: ItemResponseParameters) -> float:
        return sum(run.log_prior(own) for run, own in zip(self.runs, parameters.items, strict=True))

    def expected_loglik(self, parameters: ItemResponseParameters, statistics: Any) -> float:
        if isinstance(statistics, placed.PlacedStatistics):
            return placed.expectation(self, parameters, statistics)
        log_prob, log_weights = self.tables(parameters)
        with np.errstate(invalid="ignore"):
            own = np.where(statistics.counts > 0, statistics.counts * log_prob, 0.0).sum()
        if self.latent.n_covariates:
            explained: Any = self.latent
            return float(own + explained.expected_log_density(parameters.latent, statistics))
        return float(own + (statistics.mass * log_weights).sum())

    def score(self, parameters: ItemResponseParameters, statistics: Any) -> ItemResponseParameters:
        if isinstance(statistics, placed.PlacedStatistics):
            return placed.score(self, parameters, statistics)  # type: ignore[no-any-return]
        counts = self.counts_by_run(statistics.counts)
        items = tuple(
            run.score(own, part, self.nodes) for run, own, part in zip(self.runs, parameters.items, counts, strict=True)
        )
        return ItemResponseParameters(items, self.latent.score(parameters.latent, statistics, *self.places))

    # --- what else it offers ---

    def prepare(self, source: Any) -> tuple[ItemResponse, Any]:
        return self, source if self.latent.n_covariates else compressed(source)

    def missing_information(self, parameters: ItemResponseParameters, block: Any) -> FloatArray | None:
        return missing_information(self, parameters, block)

    def imputing(self) -> ImputedItemResponse:
        """Return the model whose latent variables are drawn (see `RobbinsMonro`)."""
        return ImputedItemResponse(self)

    def log_joint(self, parameters: ItemResponseParameters, block: Any) -> FloatArray:
        """Return the log joint (n, q) of answers and nodes."""
        codes, group = self.split(block.X)
        log_prob, log_weights = self.tables(parameters, block)
        joint: FloatArray = quadrature_joint(codes, group, log_prob, self.first, log_weights)
        return joint

    def log_density(self, parameters: ItemResponseParameters, block: Any) -> FloatArray:
        if self.placing is not None:
            return placed.density(self, parameters, block)
        if self.specific is not None:
            return bifactor_density(self, parameters, *self.split(block.X))
        density: FloatArray = softmax_rows(self.log_joint(parameters, block))[0]
        return density

    def posterior(self, parameters: ItemResponseParameters, block: Any) -> FloatArray:
        """Return the posterior probabilities (n, q) of the nodes."""
        resp: FloatArray = softmax_rows(self.log_joint(parameters, block))[1]
        return resp

    def sample(
        self, parameters: ItemResponseParameters, n: int, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Return answers (n, n_items) and the latent variables (n, F) behind them, of the first group."""
        theta = draw_latent(self, parameters, n, rng)
        return answers_at(self, parameters, theta, rng), theta

    def canonical(self, parameters: ItemResponseParameters) -> ItemResponseParameters:
        """Return the factors turned so that their slopes add up to something positive, where both ways are alike."""
        if not self._is_reflectable:
            return parameters
        if self.n_factors == 1:  # nominal items have several slopes on the one factor
            total = np.array([sum(float(own.slope.sum()) for own in parameters.items)])
        else:
            total = np.sum([own.slope.sum(axis=0) for own in parameters.items], axis=0)
        turn = np.where(total < 0, -1.0, 1.0)
        if (turn > 0).all():
            return parameters
        items = tuple(type(own)(**{**vars(own), "slope": own.slope * turn}) for own in parameters.items)
        return ItemResponseParameters(items, self.latent.turned(parameters.latent, turn))

    def degeneracy(self, parameters: ItemResponseParameters, statistics: ItemResponseStatistics) -> str:
        return steep_item(self, parameters)

    def remarks(self, parameters: ItemResponseParameters) -> tuple[str, ...]:
        return (*self.notes, *negative_items(self, parameters))

    def describe(
        self, parameters: ItemResponseParameters, feature_names: Sequence[str] | None
    ) -> tuple[Description, ...]:
        """Return the items in slope-intercept form, and the latent distributions."""
        names, values = item_table(self, parameters, slope_intercept)
        items = self.item_names or tuple(f"x{j + 1}" for j in range(self.n_items))
        cells = [tuple("" if np.isnan(value) else float(value) for value in row) for row in values]
        rows = tuple((name, *row) for name, row in zip(items, cells, strict=True))
        tables = [Description("Items", ("item", *names), rows)]
        return (*tables, *latent_tables(self, parameters))

    # --- tables ---

    @cached_property
    def n_items(self) -> int:
        """Number of items."""
        return sum(run.n_items for run in self.runs)

    @cached_property
    def nodes(self) -> FloatArray:
        """The nodes (q, F)."""
        return self.grid.nodes(self.n_factors)

    @cached_property
    def log_width(self) -> FloatArray:
        """The logarithms (q,) of the widths of the nodes: the standard normal density adds up to one over them."""
        log_width = self.grid.log_width(self.n_factors)
        square = (self.nodes**2).sum(axis=1) + self.n_factors * np.log(2 * np.pi)
        return np.asarray(log_width - logsumexp(log_width - 0.5 * square))

    @cached_property
    def places(self) -> tuple[FloatArray, FloatArray]:
        """Where the latent distribution is taken, and the widths: the nodes, those of a line in bifactor models."""
        if self.specific is None:
            return self.nodes, self.log_width
        return self.grid.nodes(1), self.grid.log_width(1)

    @cached_property
    def first(self) -> Array:
        """Rows (n_items + 1,) of the table at which items begin."""
        sizes = np.zeros(self.n_items, dtype=np.int32)
        for run in self.runs:
            sizes[list(run.items)] = run.n_categories
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)

    @cached_property
    def _order(self) -> IntArray | None:
        """Rows of the table in the order of the runs, or None where that is the order of the items."""
        rows = [self.first[item] + np.arange(run.n_categories) for run in self.runs for item in run.items]
        order = np.concatenate(rows)
        return None if (order == np.arange(len(order))).all() else order

    @cached_property
    def n_specific(self) -> int:
        """Number of specific factors."""
        return 0 if self.specific is None else max(self.specific) + 1

    @cached_property
    def _pattern(self) -> Array:
        if self.pattern is None:
            return np.ones((self.n_items, self.n_factors), dtype=bool)
        return np.asarray(self.pattern, dtype=bool)

    @cached_property
    def _is_reflectable(self) -> bool:
        nodes = self.nodes
        is_even = np.allclose(nodes, -nodes[::-1]) and self.latent.is_even
        kinds = all(run.kind.slopes is Slopes.FREE and run.kind.is_reflectable for run in self.runs)
        return bool(is_even and kinds and not any(run.priors for run in self.runs))

    def tables(self, parameters: ItemResponseParameters, block: Any = None) -> tuple[FloatArray, FloatArray]:
        """Return log-probabilities (c, q) of all categories, item after item, and log-weights (groups, q).

        With covariates the people of a block are groups of their own.
        """
        parts = [
            run.log_prob(own, self.nodes).reshape(-1, len(self.nodes))
            for run, own in zip(self.runs, parameters.items, strict=True)
        ]
        log_prob = np.concatenate(parts)
        if self._order is not None:
            ordered = np.empty_like(log_prob)
            ordered[self._order] = log_prob
            log_prob = ordered
        if self.latent.n_covariates and block is not None:
            at = (parameters.latent, self.nodes, self.log_width, self._covariates(block))
            return log_prob, self.latent.row_log_weights(*at)  # type: ignore[attr-defined]
        return log_prob, self.latent.log_weights(parameters.latent, *self.places)

    def covariates_of(self, block: Any) -> FloatArray | None:
        """Return the covariates (n, p) of a block, or None where the model has none."""
        return self._covariates(block) if self.latent.n_covariates else None

    def _covariates(self, block: Any) -> FloatArray:
        return np.asarray(block.X[:, self.n_items :], dtype=np.float64)

    def counts_by_run(self, counts: FloatArray) -> list[FloatArray]:
        """Return the counts (m, K, q) of each run."""
        ordered = counts if self._order is None else counts[self._order]
        ends = np.cumsum([run.n_items * run.n_categories for run in self.runs])[:-1]
        shapes = [(run.n_items, run.n_categories, -1) for run in self.runs]
        return [part.reshape(shape) for part, shape in zip(np.split(ordered, ends), shapes, strict=True)]

    def split(self, X: Array) -> tuple[Array, Array | None]:
        """Return codes (n, n_items) and groups (n,) of rows."""
        codes = as_codes(X[:, : self.n_items] if self.latent.n_covariates else X)
        if self.latent.n_covariates:
            return np.ascontiguousarray(codes), np.arange(len(codes), dtype=np.int32)
        if codes.shape[1] == self.n_items:
            return codes, None
        return np.ascontiguousarray(codes[:, : self.n_items]), codes[:, self.n_items].astype(np.int32)

    def latent_moments(self, parameters: ItemResponseParameters) -> tuple[FloatArray, FloatArray]:
        """Return means and standard deviations (groups, F) of the latent variables."""
        return self.latent.moments(parameters.latent, *self.places)

    def name_of(self, item: int) -> str:
        """Return the name of an item, as it is quoted in sentences."""
        return repr(self.item_names[item]) if self.item_names else str(item)


_START_ROWS = 16384
_AXES = 4
