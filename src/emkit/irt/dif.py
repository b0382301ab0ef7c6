"""Differential item functioning: items that are harder, or tell more, in one of two groups at the same ability.

All items but the one in question, or items known to be fair, are the anchors that hold the scales of the groups
together; the latent distribution of the second group is free. An item with parameters of its own in each group is
compared with the item that has the same in both:

likelihood-ratio   twice the difference of the log-likelihoods
wald               d' V^-1 d, with d the difference of the item's parameters and V its covariance

both chi-squared with as many degrees of freedom as the item has parameters. As there are many items, p-values are
adjusted for the share of false discoveries (Benjamini & Hochberg 1995). The size of an effect is the difference of the
expected answers, second group less first, over the latent distribution of the second group; the unsigned one is that of
their distance, where curves cross.

References
----------
Thissen, Steinberg & Wainer 1993, in *Differential Item Functioning*, chapter 4. Cai, Thissen & du Toit 2011, *IRTPRO*.
Meade 2010, Journal of Applied Psychology 95:728 (SIDS, UIDS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.stats import chi2

from emkit.core.arrays import Array, FloatArray
from emkit.data.threads import consume_in_order, resolve_threads
from emkit.errors import DataError, ParameterError
from emkit.irt.coding import MISSING
from emkit.irt.covariates import CovariateLayout
from emkit.irt.forms import item_table, slope_intercept
from emkit.irt.groups import GroupLayout
from emkit.irt.item_response import ItemResponseModel
from emkit.irt.model import ItemResponseParameters
from emkit.irt.printing import FitTable
from emkit.irt.responses import Responses, read_responses

__all__ = ["DifferentialFunctioning", "differential_item_functioning"]

Test = Literal["likelihood-ratio", "wald"]


@dataclass(frozen=True, eq=False, repr=False)
class DifferentialFunctioning(FitTable):
    """Tests of items; NaN of items that cannot be tested, as one group gave them but one answer.

    Parameters
    ----------
    items : tuple of str
    test : str
    groups : tuple
        The first is the reference.
    statistic, df, p, p_adjusted : array (j,)
    effect, unsigned_effect : array (j,)
        In steps of the answer: -0.1 on a right-or-wrong item means 10 percent fewer right answers in the second group
        than equally able people of the first would give.
    """

    title: ClassVar[str] = "Differential item functioning"

    items: tuple[str, ...]
    test: str
    groups: tuple[Any, ...]
    statistic: FloatArray
    df: FloatArray
    p: FloatArray
    p_adjusted: FloatArray
    effect: FloatArray
    unsigned_effect: FloatArray

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        names = ("statistic", "df", "p", "p_adjusted", "effect", "unsigned_effect")
        return {"item": list(self.items)} | {name: getattr(self, name).tolist() for name in names}


def differential_item_functioning(
    X: Any,
    group: Any,
    model: ItemResponseModel | str = "2PL",
    *,
    sample_weight: Any = None,
    items: Sequence[str] | None = None,
    anchors: Sequence[str] | None = None,
    test: Test = "likelihood-ratio",
    n_threads: int | None = None,
) -> DifferentialFunctioning:
    """Test items for differential functioning between two groups.

    Parameters
    ----------
    X : answers of people by items, as for `ItemResponseModel.fit`
    group : array (n,)
        Two labels; the first in sorted order is the reference.
    model : ItemResponseModel or str
        An estimator with what else is to be said of the items, or their type alone.
    sample_weight : array (n,), optional
    items : sequence of str, optional
        Those to test; all (but anchors) where None.
    anchors : sequence of str, optional
        Items known to be fair: all others are then free while one is tested. All but the one tested where None.
    test : "likelihood-ratio" or "wald"
    n_threads : int, optional
        Items are tested side by side.

    Raises
    ------
    DataError
        If there are not two groups.
    ParameterError
        If an item is not among those of X.
    """
    template = ItemResponseModel(model) if isinstance(model, str) else model
    if test not in ("likelihood-ratio", "wald"):
        message = f"`test` must be 'likelihood-ratio' or 'wald', got {test!r}"
        raise ParameterError(message)
    responses = read_responses(X, key=template.key, levels=template.levels)
    labels = _two_groups(group, len(responses.codes))
    sweep = _Sweep.of(template, responses, labels, sample_weight, items, anchors)
    if test == "wald" and sweep.free:
        _ = sweep.gaps  # worked out once, before the threads begin
    found: list[tuple[float, int, float, float]] = []
    consume_in_order(lambda name: sweep.tested(name, test), sweep.items, found.append, resolve_threads(n_threads))
    statistic, df, effect, unsigned = (np.array(part, dtype=np.float64) for part in zip(*found, strict=True))
    p = np.where(np.isfinite(statistic), chi2.sf(statistic, np.maximum(df, 1)), np.nan)
    groups = tuple(np.unique(labels).tolist())
    return DifferentialFunctioning(sweep.items, test, groups, statistic, df, p, adjusted(p), effect, unsigned)


def adjusted(p: FloatArray) -> FloatArray:
    """Return p-values (m,) adjusted for the rate of false discoveries (Benjamini & Hochberg 1995); NaN stays."""
    out = np.full(len(p), np.nan)
    seen = np.flatnonzero(np.isfinite(p))
    order = seen[np.argsort(p[seen], kind="stable")[::-1]]
    rank = np.arange(len(order), 0, -1)
    out[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * len(order) / np.maximum(rank, 1)))
    return out


def _two_groups(group: Any, n: int) -> Array:
    labels = np.asarray(group)
    if labels.shape != (n,):
        message = f"`group` must have one label for each of the {n} people, got an array of shape {labels.shape}"
        raise DataError(message)
    distinct = np.unique(labels)
    if len(distinct) != 2:
        message = f"items are compared between two groups, but `group` has {len(distinct)}: take two at a time"
        raise DataError(message)
    return labels


@dataclass(frozen=True, eq=False)
class _Sweep:
    """The tests of one set of answers, and the model that they start from."""

    template: ItemResponseModel
    responses: Responses
    labels: Array
    weights: Any
    items: tuple[str, ...]
    untestable: frozenset[str]
    free: tuple[str, ...]
    base: ItemResponseModel

    @classmethod
    def of(
        cls, template: ItemResponseModel, responses: Responses, labels: Array, weights: Any, items: Any, anchors: Any
    ) -> _Sweep:
        names = responses.names
        chosen = list(names) if items is None else list(items)
        for name in [*chosen, *(anchors or ())]:
            if name not in names:
                message = f"{name!r} is no item; items are {', '.join(names)}"
                raise ParameterError(message)
        if anchors is not None:
            chosen = [name for name in chosen if name not in anchors]
        if not chosen:
            message = "no item is left to test: all are anchors"
            raise ParameterError(message)
        dull = frozenset(name for j, name in enumerate(names) if _is_dull(responses.codes[:, j], labels))
        free = () if anchors is None else tuple(n for n in names if n not in anchors and n not in dull)
        base = _again(template, free, None).fit(responses, sample_weight=weights, group=labels)
        return cls(template, responses, labels, weights, tuple(chosen), dull, free, base)

    def tested(self, name: str, test: str) -> tuple[float, int, float, float]:
        """Return statistic, degrees of freedom, and the effects of one item."""
        if name in self.untestable:
            return float("nan"), 0, float("nan"), float("nan")
        is_anchored = bool(self.free)
        wide = self.base if is_anchored else self._fitted((name,))
        if test == "wald":
            d, covariance = self.gaps[name] if is_anchored else _estimated(wide, [name])[name]
            statistic, df = float(d @ np.linalg.solve(covariance, d)), len(d)
        else:
            narrow = self._fitted(tuple(n for n in self.free if n != name)) if is_anchored else self.base
            statistic = max(0.0, 2 * (wide.fit_.loglik - narrow.fit_.loglik))
            df = wide.n_parameters_ - narrow.n_parameters_
        return statistic, df, *_effects(wide, name)

    @cached_property
    def gaps(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Differences of the items that are free in the base model, and their covariances: of one information."""
        return _estimated(self.base, [name for name in self.items if name in self.free])

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
    """Tell whether one of the groups lacks an answer that the other gave: its curves there have no maximum."""
    answers = [set(np.unique(code[labels == label]).tolist()) - {MISSING} for label in np.unique(labels)]
    return answers[0] != answers[1]


def _carried(base: ItemResponseModel, model: Any, layout: GroupLayout) -> ItemResponseParameters:
    """Return parameters of a model with other free items: every item as it is in the base model."""
    n_items = len(base.item_names_)
    known: dict[int, tuple[Any, FloatArray]] = {}
    for run, own in zip(base.model_.runs, base.parameters_.items, strict=True):
        matrix = run.matrix(own)
        known |= {item: (own, matrix[i]) for i, item in enumerate(run.items)}
    before = base.layout_
    parts = []
    for run in model.runs:
        rows, like = [], None
        for item in run.items:
            at = item if item < n_items else layout.free[item - n_items]
            is_second = item >= n_items and at in before.free
            like, row = known[n_items + before.free.index(at) if is_second else at]
            rows.append(row)
        parts.append(run.kind.record(np.stack(rows), run.kind.layout(like), lambda rows: rows[:1].copy()))
    return ItemResponseParameters(tuple(parts), base.parameters_.latent)


def _pair(model: ItemResponseModel, name: str) -> tuple[int, int]:
    """Return the numbers of an item in the two groups."""
    j, n_items = model.item_names_.index(name), len(model.item_names_)
    return j, model.layout_.items_of(1, n_items)[j]


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
    """Return the function that gives the difference of an item's free parameters, second group less first."""
    first, second = _pair(model, name)
    table = item_table(model.model_, model.parameters_, slope_intercept)[1]
    is_free = np.isfinite(table[first]) & (table[first] != table[second])

    def gap(at: Any) -> FloatArray:
        values = item_table(model.model_, at, slope_intercept)[1]
        return np.asarray((values[second] - values[first])[is_free])

    return gap


def _effects(model: ItemResponseModel, name: str) -> tuple[float, float]:
    """Return the difference of the expected answers over the second group, and that of their distance."""
    own, parameters = model.model_, model.parameters_
    weights = np.exp(own.latent.log_weights(parameters.latent, own.nodes, own.log_width))[1]
    prob = np.nan_to_num(_all_prob(model))
    expected = [prob[:, item] @ np.arange(prob.shape[2]) for item in _pair(model, name)]
    difference = expected[1] - expected[0]
    return float(weights @ difference), float(weights @ np.abs(difference))


def _all_prob(model: ItemResponseModel) -> FloatArray:
    return model.probability(model.model_.nodes)
