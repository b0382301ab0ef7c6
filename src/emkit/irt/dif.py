"""Differential item functioning: items that are harder, or tell more, in one group than in another at the same ability.

All items but the one in question, or items known to be fair, are the anchors that hold the scales of the groups
together; the latent distributions of the groups are free. An item with parameters of its own in each group is compared
with the item that has the same in all:

likelihood-ratio   twice the difference of the log-likelihoods
wald               d' V^-1 d, with d the differences of the item's parameters and V their covariance

both chi-squared with as many degrees of freedom as the item has parameters, times the number of groups less one. As
there are many items, p-values are adjusted for the share of false discoveries (Benjamini & Hochberg 1995). Unfair items
among the anchors make fair ones look unfair: purification takes items that are found unfair out of the anchors, and
tests again until none changes. The size of an effect is the difference of the expected answers, less those in the
reference, over the latent distribution of a group; the unsigned one is that of their distance, where curves cross.

References
----------
Thissen, Steinberg & Wainer 1993, in *Differential Item Functioning*, chapter 4. Cai, Thissen & du Toit 2011, *IRTPRO*.
Candell & Drasgow 1988, Applied Psychological Measurement 12:253 (purification). Meade 2010, Journal of Applied
Psychology 95:728 (SIDS, UIDS, ESSD).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.stats import chi2

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data.threads import consume_in_order, resolve_threads
from emkit.errors import DataError, ParameterError
from emkit.irt.dif_sweep import Outcome, Sweep
from emkit.irt.item_response import ItemResponseModel
from emkit.irt.printing import FitTable
from emkit.irt.responses import Responses, read_responses

__all__ = ["DifferentialFunctioning", "differential_item_functioning"]

Test = Literal["likelihood-ratio", "wald"]
Contrast = Literal["all", "reference", "others"]
_ROUNDS = 10  # of purification


@dataclass(frozen=True, eq=False, repr=False)
class DifferentialFunctioning(FitTable):
    """Tests of items; NaN of items that cannot be tested, as one group gave them but one answer.

    Parameters
    ----------
    items : tuple of str
        Row by row.
    test : str
    groups : tuple
        The first is the reference.
    compared : tuple
        The group that each row compares with the reference, or with all others; None where a row is about all groups.
    statistic, df, p, p_adjusted : array (rows,)
    effect, unsigned_effect, standardized_effect : array (rows,), or (rows, groups - 1) with several
        In steps of the answer: -0.1 on a right-or-wrong item means 10 percent fewer right answers in a group than
        equally able people of the reference would give. The standardized one is in standard deviations of the expected
        answers.
    anchors : tuple of str
        Items that held the scales together, the one that was tested left out.
    """

    title: ClassVar[str] = "Differential item functioning"

    items: tuple[str, ...]
    test: str
    groups: tuple[Any, ...]
    compared: tuple[Any, ...]
    statistic: FloatArray
    df: FloatArray
    p: FloatArray
    p_adjusted: FloatArray
    effect: FloatArray
    unsigned_effect: FloatArray
    standardized_effect: FloatArray
    anchors: tuple[str, ...]

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        columns: dict[str, list[Any]] = {"item": list(self.items)}
        if any(group is not None for group in self.compared):
            columns["group"] = list(self.compared)
        columns |= {name: getattr(self, name).tolist() for name in ("statistic", "df", "p", "p_adjusted")}
        for name in ("effect", "unsigned_effect", "standardized_effect"):
            value = getattr(self, name)
            if value.ndim == 1:
                columns[name] = value.tolist()
            else:
                columns |= {
                    f"{name} [{group}]": own.tolist() for group, own in zip(self.groups[1:], value.T, strict=True)
                }
        return columns

    def flagged(self, level: float = 0.05) -> tuple[str, ...]:
        """Return the items whose adjusted p is below a level, once each."""
        low = np.nan_to_num(self.p_adjusted, nan=1.0) < level
        return tuple(dict.fromkeys(item for item, is_low in zip(self.items, low, strict=True) if is_low))


def differential_item_functioning(
    X: Any,
    group: Any,
    model: ItemResponseModel | str = "2PL",
    *,
    sample_weight: Any = None,
    items: Sequence[str] | None = None,
    anchors: Sequence[str] | None = None,
    reference: Any = None,
    contrast: Contrast = "all",
    purification: float | None = None,
    test: Test = "likelihood-ratio",
    n_threads: int | None = None,
) -> DifferentialFunctioning:
    """Test items for differential functioning between groups.

    Parameters
    ----------
    X : answers of people by items, as for `ItemResponseModel.fit`
    group : array (n,)
        Two labels or more.
    model : ItemResponseModel or str
        An estimator with what else is to be said of the items, or their type alone.
    sample_weight : array (n,), optional
    items : sequence of str, optional
        Those to test; all (but anchors) where None.
    anchors : sequence of str, optional
        Items known to be fair: all others are then free while one is tested. All but the one tested where None.
    reference : optional
        The label of the group that the others are compared with; the first in sorted order where None.
    contrast : "all", "reference" or "others", default "all"
        With more than two groups: whether an item is alike in all of them; or each of them against the reference, from
        the people of these two alone; or each against all the others, taken for one group.
    purification : float, optional
        Level of the adjusted p below which items leave the anchors, round by round, until none changes.
    test : "likelihood-ratio" or "wald"
    n_threads : int, optional
        Items are tested side by side.

    Raises
    ------
    DataError
        If there are fewer than two groups, or labels are missing.
    ParameterError
        If an argument is not as above, or no anchor is left.
    """
    template = ItemResponseModel(model) if isinstance(model, str) else model
    _check(test, contrast, purification, anchors)
    responses = read_responses(X, key=template.key, levels=template.levels)
    codes, groups = _groups(group, len(responses.codes), reference)
    chosen = _chosen(responses, items, anchors)
    task = _Task(template, chosen, anchors, purification, test, n_threads)
    if contrast == "all" or len(groups) == 2:
        return replace(task.run(responses, codes, sample_weight), groups=groups)
    parts = []
    for g, label in enumerate(groups):
        if contrast == "others":
            part = task.run(responses, (codes == g).astype(np.intp), sample_weight)
        elif g > 0:
            kept = np.isin(codes, (0, g))
            weights = None if sample_weight is None else np.asarray(sample_weight)[kept]
            own = replace(responses, codes=np.ascontiguousarray(responses.codes[kept]))
            part = task.run(own, (codes[kept] == g).astype(np.intp), weights)
        else:
            continue
        parts.append(replace(part, compared=(label,) * len(part.items)))
    return _joined(parts, groups)


@dataclass(frozen=True)
class _Task:
    """What is tested, and how."""

    template: ItemResponseModel
    items: tuple[str, ...]
    anchors: Sequence[str] | None
    purification: float | None
    test: Test
    n_threads: int | None

    def run(self, responses: Responses, labels: IntArray, weights: Any) -> DifferentialFunctioning:
        """Return the tests of one set of groups."""
        free = () if self.anchors is None else tuple(n for n in responses.names if n not in self.anchors)
        found = self._swept(responses, labels, weights, free)
        for _ in range(_ROUNDS if self.purification is not None else 0):
            assert self.purification is not None
            unfair = found.flagged(self.purification)
            if set(unfair) == set(free):
                break
            if set(unfair) == set(responses.names):
                message = "all items are found unfair, so that none is left as an anchor: name some in `anchors`"
                raise ParameterError(message)
            free = unfair
            found = self._swept(responses, labels, weights, free)
        return found

    def _swept(
        self, responses: Responses, labels: IntArray, weights: Any, free: tuple[str, ...]
    ) -> DifferentialFunctioning:
        sweep = Sweep.of(self.template, responses, labels, weights, free)
        if self.test == "wald" and sweep.free:
            _ = sweep.gaps  # worked out once, before the threads begin
        found: list[Outcome] = []
        threads = resolve_threads(self.n_threads)
        consume_in_order(lambda name: sweep.tested(name, self.test), self.items, found.append, threads)
        statistic, df = (np.array([one[i] for one in found], dtype=np.float64) for i in (0, 1))
        effects = np.stack([one.effects for one in found], axis=1)  # (3, rows, groups - 1)
        effects = effects[..., 0] if effects.shape[2] == 1 else effects
        p = np.where(np.isfinite(statistic), chi2.sf(statistic, np.maximum(df, 1)), np.nan)
        groups = tuple(range(int(labels.max()) + 1))
        anchors = tuple(name for name in responses.names if name not in free)
        none = (None,) * len(self.items)
        return DifferentialFunctioning(
            self.items,
            self.test,
            groups,
            none,
            statistic,
            df,
            p,
            adjusted(p),
            effects[0],
            effects[1],
            effects[2],
            anchors,
        )


def _joined(parts: list[DifferentialFunctioning], groups: tuple[Any, ...]) -> DifferentialFunctioning:
    """Return tests one after the other, with p adjusted over all of them; anchors are those of all."""
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("statistic", "df", "p", "effect", "unsigned_effect", "standardized_effect")
    }
    return DifferentialFunctioning(
        items=tuple(item for part in parts for item in part.items),
        test=parts[0].test,
        groups=groups,
        compared=tuple(label for part in parts for label in part.compared),
        p_adjusted=adjusted(joined["p"]),
        anchors=tuple(name for name in parts[0].anchors if all(name in part.anchors for part in parts)),
        **joined,
    )


def adjusted(p: FloatArray) -> FloatArray:
    """Return p-values (m,) adjusted for the rate of false discoveries (Benjamini & Hochberg 1995); NaN stays."""
    out = np.full(len(p), np.nan)
    seen = np.flatnonzero(np.isfinite(p))
    order = seen[np.argsort(p[seen], kind="stable")[::-1]]
    rank = np.arange(len(order), 0, -1)
    out[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * len(order) / np.maximum(rank, 1)))
    return out


# --- what is asked ---


def _check(test: str, contrast: str, purification: float | None, anchors: Any) -> None:
    if test not in ("likelihood-ratio", "wald"):
        message = f"`test` must be 'likelihood-ratio' or 'wald', got {test!r}"
        raise ParameterError(message)
    if contrast not in ("all", "reference", "others"):
        message = f"`contrast` must be 'all', 'reference' or 'others', got {contrast!r}"
        raise ParameterError(message)
    if purification is not None and not 0 < purification < 1:
        message = f"`purification` must be a level between 0 and 1, got {purification!r}"
        raise ParameterError(message)
    if purification is not None and anchors is not None:
        message = "`purification` finds the anchors: leave `anchors` out beside it"
        raise ParameterError(message)


def _groups(group: Any, n: int, reference: Any) -> tuple[IntArray, tuple[Any, ...]]:
    """Return numbers (n,) of groups, the reference being 0, and their labels in this order."""
    labels: Array = np.asarray(group)
    if labels.shape != (n,):
        message = f"`group` must have one label for each of the {n} people, got an array of shape {labels.shape}"
        raise DataError(message)
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        message = f"`group` has no label in row {int(np.argmax(np.isnan(labels)))}: leave these people out"
        raise DataError(message)
    distinct, codes = np.unique(labels, return_inverse=True)
    names = distinct.tolist()
    if len(names) < 2:
        message = f"items are compared between groups, but `group` has one label alone: {names}"
        raise DataError(message)
    if reference is not None and reference not in names:
        message = f"`reference` must be one of the groups {', '.join(map(repr, names))}, got {reference!r}"
        raise ParameterError(message)
    first = 0 if reference is None else names.index(reference)
    order = [first, *[i for i in range(len(names)) if i != first]]
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    return place[codes.reshape(-1)], tuple(names[i] for i in order)


def _chosen(responses: Responses, items: Sequence[str] | None, anchors: Sequence[str] | None) -> tuple[str, ...]:
    """Return the items to test."""
    names = responses.names
    chosen = list(names) if items is None else list(items)
    for name in [*chosen, *(anchors or ())]:
        if name not in names:
            message = f"{name!r} is no item; items are {', '.join(names)}"
            raise ParameterError(message)
    kept = tuple(name for name in chosen if anchors is None or name not in anchors)
    if not kept:
        message = "no item is left to test: all are anchors"
        raise ParameterError(message)
    return kept
