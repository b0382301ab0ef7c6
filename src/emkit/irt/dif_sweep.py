"""The fits behind tests of differential functioning: one with all items alike, one for each item that is tested."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError
from emkit.irt.coding import MISSING
from emkit.irt.covariates import CovariateLayout
from emkit.irt.forms import item_table, slope_intercept
from emkit.irt.groups import GroupLayout
from emkit.irt.item_response import ItemResponseModel
from emkit.irt.model import ItemResponseParameters
from emkit.irt.responses import Responses

__all__ = ["Outcome", "Sweep"]


class Outcome(NamedTuple):
    """The test of an item, and its effects (groups - 1,): difference, distance and standardized difference."""

    statistic: float
    df: int
    effects: FloatArray


@dataclass(frozen=True, eq=False)
class Sweep:
    """The tests of one set of answers.

    Parameters
    ----------
    template : ItemResponseModel
    responses : Responses
    labels : array (n,), int
        Numbers of the groups, the reference being 0.
    weights : array (n,) or None
    untestable : frozenset of str
        Items of which a group lacks an answer that another gave.
    free : tuple of str
        Items that are no anchors: every group has them for itself while others are tested.
    base : ItemResponseModel
        The fit with these alone free.
    """

    template: ItemResponseModel
    responses: Responses
    labels: Array
    weights: Any
    untestable: frozenset[str]
    free: tuple[str, ...]
    base: ItemResponseModel

    @classmethod
    def of(
        cls, template: ItemResponseModel, responses: Responses, labels: Array, weights: Any, free: tuple[str, ...]
    ) -> Sweep:
        """Return the sweep with its base model fitted."""
        names = responses.names
        dull = frozenset(name for j, name in enumerate(names) if _is_dull(responses.codes[:, j], labels))
        own = tuple(name for name in names if name in free and name not in dull)
        if len(own) == len(names):
            message = "no item is left as an anchor, so that the scales of the groups have nothing in common"
            raise ParameterError(message)
        base = _again(template, own, None).fit(responses, sample_weight=weights, group=labels)
        return cls(template, responses, labels, weights, dull, own, base)

    def tested(self, name: str, test: str) -> Outcome:
        """Return the test of one item; NaN where it cannot be tested."""
        n_others = len(self.base.groups_) - 1
        if name in self.untestable:
            return Outcome(float("nan"), 0, np.full((3, n_others), np.nan))
        is_free = name in self.free
        wide = self.base if is_free else self._fitted((*self.free, name))
        if test == "wald":
            d, covariance = self.gaps[name] if is_free else _estimated(wide, [name])[name]
            return Outcome(float(d @ np.linalg.solve(covariance, d)), len(d), _effects(wide, name))
        narrow = self._fitted(tuple(n for n in self.free if n != name)) if is_free else self.base
        statistic = max(0.0, 2 * (wide.fit_.loglik - narrow.fit_.loglik))
        return Outcome(statistic, wide.n_parameters_ - narrow.n_parameters_, _effects(wide, name))

    @cached_property
    def gaps(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Differences of the items that are free in the base model, and their covariances: of one information."""
        return _estimated(self.base, list(self.free))

    def _fitted(self, free: tuple[str, ...]) -> ItemResponseModel:
        """Return the model with some items free, from the base model's parameters."""
        own = _again(self.template, free, None)
        layout = GroupLayout.of(self.labels, len(self.labels), free, self.responses.names)
        start = _carried(self.base, own._built(self.responses, layout, CovariateLayout()), layout)
        return _again(self.template, free, start).fit(self.responses, sample_weight=self.weights, group=self.labels)


def _again(template: ItemResponseModel, free: tuple[str, ...], start: Any) -> ItemResponseModel:
    """Return a copy of an estimator that knows its free items and where to start, and works in one thread."""
    settings = template.get_params() | {"free_items": free, "key": None, "levels": None, "n_threads": 1}
    return type(template)(**settings | ({} if start is None else {"start": start}))


def _is_dull(code: Array, labels: Array) -> bool:
    """Tell whether one of the groups lacks an answer that another gave: its curves there have no maximum."""
    answers = [set(np.unique(code[labels == label]).tolist()) - {MISSING} for label in np.unique(labels)]
    return any(own != answers[0] for own in answers[1:])


def _carried(base: ItemResponseModel, model: Any, layout: GroupLayout) -> ItemResponseParameters:
    """Return parameters of a model with other free items: every item as it is in the base model."""
    n_items = len(base.item_names_)
    known: dict[int, tuple[Any, FloatArray]] = {}
    for run, own in zip(base.model_.runs, base.parameters_.items, strict=True):
        matrix = run.kind.matrix(own, run.n_items)
        known |= {item: (own, matrix[i]) for i, item in enumerate(run.items)}
    tests = [base.layout_.items_of(g, n_items) for g in range(layout.n_groups)]
    parts = []
    for run in model.runs:
        rows, like = [], None
        for item in run.items:
            group, place = (0, item) if item < n_items else divmod(item - n_items, len(layout.free))
            at = item if item < n_items else layout.free[place]
            like, row = known[tests[group + (item >= n_items)][at]]
            rows.append(row)
        parts.append(run.kind.record(np.stack(rows), run.kind.layout(like), lambda rows: rows[:1].copy()))
    return ItemResponseParameters(tuple(parts), base.parameters_.latent)


def _versions(model: ItemResponseModel, name: str) -> list[int]:
    """Return the numbers of an item in the groups."""
    j, n_items = model.item_names_.index(name), len(model.item_names_)
    return [model.layout_.items_of(g, n_items)[j] for g in range(model.layout_.n_groups)]


def _estimated(model: ItemResponseModel, names: list[str]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return the differences (m,) of the parameters of items between groups, and their covariances (m, m)."""
    gaps = [_gap(model, name) for name in names]
    sizes = [len(gap(model.parameters_)) for gap in gaps]
    found = model.fit_.delta(lambda at: np.concatenate([gap(at) for gap in gaps]))
    out, at = {}, 0
    for name, size in zip(names, sizes, strict=True):
        span = slice(at, at + size)
        out[name] = np.asarray(found.value)[span], found.covariance[span, span]
        at += size
    return out


def _gap(model: ItemResponseModel, name: str) -> Any:
    """Return the function that gives the differences of an item's free parameters, other groups less the reference."""
    first, *others = _versions(model, name)
    table = item_table(model.model_, model.parameters_, slope_intercept)[1]
    is_free = np.isfinite(table[first]) & (table[others] != table[first]).any(axis=0)

    def gap(at: Any) -> FloatArray:
        values = item_table(model.model_, at, slope_intercept)[1]
        return np.asarray((values[others] - values[first])[:, is_free].ravel())

    return gap


def _effects(model: ItemResponseModel, name: str) -> FloatArray:
    """Return what separates each other group from the reference, over the latent distribution of that group.

    Rows (3, groups - 1): the mean difference of the expected answers, their mean distance, and the difference by the
    pooled standard deviation of the expected answers (Meade 2010: SIDS, UIDS, ESSD).
    """
    own, parameters = model.model_, model.parameters_
    weights = np.exp(own.latent.log_weights(parameters.latent, own.nodes, own.log_width))
    prob = np.nan_to_num(model.probability(own.nodes))
    expected = [prob[:, item] @ np.arange(prob.shape[2]) for item in _versions(model, name)]
    out = np.empty((3, len(expected) - 1))
    for g, focal in enumerate(expected[1:], 1):
        w, difference = weights[g], focal - expected[0]
        spread = sum(float(w @ (part - w @ part) ** 2) for part in (focal, expected[0])) / 2
        mean = float(w @ difference)
        out[:, g - 1] = mean, w @ np.abs(difference), mean / np.sqrt(spread) if spread > 0 else np.nan
    return out
