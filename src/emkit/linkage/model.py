"""Record linkage by comparison patterns.

Story: a pair of records is of one of k classes that is not seen: a match (class 0) or one of the others, usually one,
non-matches. Each field of the pair has been compared, with levels of agreement 0, 1, ...; in a class, groups of fields
are independent of one another. A group is a single field, or fields whose levels depend on each other, with a
probability for each combination. A comparison that could not be made is missing at random and is marginalised.

References
----------
Fellegi & Sunter 1969, *A theory for record linkage*, JASA 64:1183. Winkler 1988, *Using the EM algorithm for weight
computation in the Fellegi-Sunter model of record linkage*, ASA Section on Survey Research Methods 667.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.model import Model
from emkit.core.statistics import Statistics
from emkit.errors import DataError
from emkit.families.discrete import distinct_rows
from emkit.kernels.gaussian import softmax_rows
from emkit.linkage.groups import codes_of, compatible, n_codes
from emkit.linkage.isotonic import rising
from emkit.linkage.parameters import (
    FixedMatchParameters,
    FixedOthersParameters,
    FixedShareParameters,
    GroupParameters,
    KnownGroupParameters,
    LinkageParameters,
)

__all__ = ["Linkage", "LinkageStatistics"]

_NEVER = 1e-300
_SLACK = 1e-9  # of a rise from level to level that rounding may have undone


@dataclass(frozen=True)
class LinkageStatistics(Statistics):
    """Expected counts (k,) of the classes, and (k, cells) of the cells of each group."""

    count: FloatArray
    cells: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Linkage(Model):
    """Pairs of records by patterns of agreement.

    Parameters
    ----------
    levels : tuple of int
        Levels of each field.
    groups : tuple of tuples of int
        Fields that belong together; each field in one group.
    n_classes : int, default 2
        Matches and the kinds of other pairs.
    smoothing : float, default 0.0
        Imagined pairs of each class and cell; 0 is maximum likelihood.
    is_monotone : bool, default False
        Whether, in matches, a higher level of a field must be at least as probable as a lower one.
    known_match, known_others : tuple of (int, tuple of float)
        Groups whose probabilities are known: number of the group, probabilities.
    known_share : float or None
        Share of matches where it is known.
    fields : tuple of str, optional
    notes : tuple of str
        What the reader of a fit should know of the data.
    """

    levels: tuple[int, ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()
    n_classes: int = 2
    smoothing: float = 0.0
    is_monotone: bool = False
    known_match: tuple[tuple[int, tuple[float, ...]], ...] = ()
    known_others: tuple[tuple[int, tuple[float, ...]], ...] = ()
    known_share: float | None = None
    fields: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> LinkageParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: LinkageParameters, block: Any) -> LinkageStatistics:
        codes = self._codes(block.X)
        density, resp = softmax_rows(self._log_joint(parameters, codes))
        weights = block.weights
        if block.is_weighted:
            resp *= weights[:, None]
        weight = float(weights.sum()) if block.is_weighted else float(block.n_rows)
        cells = tuple(self._cells(parameters, codes, resp))
        return LinkageStatistics(float(weights @ density), weight, resp.sum(axis=0), cells)

    def m_step(self, statistics: LinkageStatistics, parameters: LinkageParameters) -> LinkageParameters:
        share = parameters.share
        if self.known_share is None:
            share = statistics.count / statistics.count.sum()
        elif self.n_classes > 2:
            rest = statistics.count[1:]
            share = np.concatenate([share[:1], (1 - share[0]) * _shares(rest, parameters.share[1:])])
        triples = zip(self.groups, statistics.cells, parameters.groups, strict=True)
        return replace(parameters, share=share, groups=tuple(self._group(*triple) for triple in triples))

    def log_prior(self, parameters: LinkageParameters) -> float:
        if self.is_monotone and not self._rises(parameters):
            return -np.inf
        if self.smoothing == 0:
            return 0.0
        return self.smoothing * sum(float(_log(part).sum()) for group in parameters.groups for part in _free(group))

    def expected_loglik(self, parameters: LinkageParameters, statistics: LinkageStatistics) -> float:
        total = _weighted_logs(statistics.count, parameters.share)
        for cells, group in zip(statistics.cells, parameters.groups, strict=True):
            total += _weighted_logs(cells, _stacked(group))
        return total

    def score(self, parameters: LinkageParameters, statistics: LinkageStatistics) -> LinkageParameters:
        groups = []
        for cells, group in zip(statistics.cells, parameters.groups, strict=True):
            slope = _ratio(cells + self.smoothing, _stacked(group))
            groups.append(replace(group, match=slope[0], others=slope[1:]))
        return replace(parameters, share=_ratio(statistics.count, parameters.share), groups=tuple(groups))

    # --- what else it offers ---

    starts_to_agree = 8
    hits_to_believe = 8

    def prepare(self, source: Any) -> tuple[Linkage, Any]:
        source.map(self.check_levels)
        return self, distinct_rows(source)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], LinkageParameters]:
        block = source.sample(source.n_rows, rng)
        overall = self._overall(block)
        agreement = self._agreement(block.X)

        def draw(own_rng: np.random.Generator, index: int) -> LinkageParameters:
            resp = _guessed(agreement, block.weights, self.n_classes, own_rng, index) * block.weights[:, None]
            return self._from_responsibilities(block.X, resp, overall)

        return draw

    def remarks(self, parameters: LinkageParameters) -> tuple[str, ...]:
        return self.notes

    def posterior(self, parameters: LinkageParameters, block: Any) -> FloatArray:
        resp: FloatArray = softmax_rows(self.log_joint(parameters, block))[1]
        return resp

    def log_density(self, parameters: LinkageParameters, block: Any) -> FloatArray:
        density: FloatArray = softmax_rows(self.log_joint(parameters, block))[0]
        return density

    def log_joint(self, parameters: LinkageParameters, block: Any) -> FloatArray:
        """Return log share_k + log probability of the observed levels, (n, k)."""
        return self._log_joint(parameters, self._codes(block.X))

    def sample(self, parameters: LinkageParameters, n: int, rng: np.random.Generator) -> tuple[FloatArray, Array]:
        """Return the levels of n pairs, all observed, and their classes."""
        classes = rng.choice(self.n_classes, size=n, p=parameters.share / parameters.share.sum())
        X = np.empty((n, len(self.levels)))
        for columns, group in zip(self.groups, parameters.groups, strict=True):
            edges = np.cumsum(_stacked(group), axis=1)[classes]
            cell = np.minimum((rng.random((n, 1)) > edges).sum(axis=1), edges.shape[1] - 1)
            for column, level in zip(columns, np.unravel_index(cell, self._sizes(columns)), strict=True):
                X[:, column] = level
        return X, classes

    def canonical(self, parameters: LinkageParameters) -> LinkageParameters:
        """Return the classes by falling agreement: matches are those that agree most."""
        if self.known_share is not None or self.known_match or self.known_others:
            return parameters
        order = np.argsort(-self.mean_agreement(parameters), kind="stable")
        if (order == np.arange(self.n_classes)).all():
            return parameters
        stacks = [_stacked(group)[order] for group in parameters.groups]
        groups = tuple(replace(g, match=s[0], others=s[1:]) for g, s in zip(parameters.groups, stacks, strict=True))
        return replace(parameters, share=parameters.share[order], groups=groups)

    def mean_agreement(self, parameters: LinkageParameters) -> FloatArray:
        """Return the expected level (k,) of each class, as a part of the highest, summed over fields."""
        total = np.zeros(self.n_classes)
        for columns, group in zip(self.groups, parameters.groups, strict=True):
            for column in columns:
                margin = self.margin(_stacked(group), columns, column)
                total += margin @ (np.arange(self.levels[column]) / max(1, self.levels[column] - 1))
        return total

    def margin(self, cells: FloatArray, columns: tuple[int, ...], column: int) -> FloatArray:
        """Return the probabilities (k, levels) of one field of a group, from those of its cells (k, cells)."""
        table = cells.reshape(len(cells), *self._sizes(columns))
        others = tuple(i + 1 for i, name in enumerate(columns) if name != column)
        return np.asarray(table.sum(axis=others))

    def describe(self, parameters: LinkageParameters, feature_names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the shares of the classes and the table of levels, with match weights in bits."""
        names = self.fields or tuple(f"field {j + 1}" for j in range(len(self.levels)))
        classes = ("match", *("other" if self.n_classes == 2 else f"other {k}" for k in range(1, self.n_classes)))
        rows = []
        for columns, group in zip(self.groups, parameters.groups, strict=True):
            cells = _stacked(group)
            weight = self.weights(parameters, cells)
            for at, levels in enumerate(np.ndindex(*self._sizes(columns))):
                level = " x ".join(str(i) for i in levels)
                rows.append((" x ".join(names[c] for c in columns), level, *cells[:, at].tolist(), float(weight[at])))
        return (
            Description("Shares", ("class", "share"), tuple(zip(classes, parameters.share.tolist(), strict=True))),
            Description("Levels of agreement", ("field", "level", *classes, "weight"), tuple(rows)),
        )

    def weights(self, parameters: LinkageParameters, cells: FloatArray) -> FloatArray:
        """Return log2(m / u) by cell, where u is that of all other classes together."""
        rest = parameters.share[1:]
        u = (rest / max(float(rest.sum()), _NEVER)) @ cells[1:] if rest.sum() > 0 else cells[1:].mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(cells[0] == u, 0.0, np.log2(cells[0]) - np.log2(u))

    def bits(self, parameters: LinkageParameters, block: Any) -> FloatArray:
        """Return log2 of the prior odds and log2(m / u) of each group of fields, (n, 1 + groups)."""
        with np.errstate(divide="ignore"):
            prior = np.log2(parameters.share[0]) - np.log2(1 - parameters.share[0])
        columns = [np.full(len(block.X), prior)]
        for at, code, group in zip(self.groups, self._codes(block.X), parameters.groups, strict=True):
            columns.append(self.weights(parameters, self._probability(at, group).T)[code])
        return np.column_stack(columns)

    # --- helpers ---

    def _sizes(self, columns: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.levels[column] for column in columns)

    def _codes(self, X: Array) -> list[Array]:
        return [codes_of(X, columns, self._sizes(columns)) for columns in self.groups]

    def _log_joint(self, parameters: LinkageParameters, codes: Sequence[Array]) -> FloatArray:
        joint = np.tile(_log(parameters.share), (len(codes[0]), 1))
        for columns, code, group in zip(self.groups, codes, parameters.groups, strict=True):
            joint += _log(self._probability(columns, group))[code]
        return joint

    def _probability(self, columns: tuple[int, ...], group: GroupParameters) -> FloatArray:
        """Return the probability (codes, k) of each comparison of a group; one where all is missing."""
        prob = compatible(self._sizes(columns)) @ _stacked(group).T
        prob[-1] = 1.0
        return np.asarray(prob)

    def _cells(self, parameters: LinkageParameters, codes: Sequence[Array], resp: FloatArray) -> Any:
        """Yield the expected counts (k, cells) of each group: what is missing is spread as the parameters say."""
        for columns, code, group in zip(self.groups, codes, parameters.groups, strict=True):
            sizes = self._sizes(columns)
            n = n_codes(sizes)
            total = np.column_stack([np.bincount(code, r, n) for r in resp.T]).astype(np.float64, copy=False)
            share = _ratio(total, self._probability(columns, group))
            yield _stacked(group) * (compatible(sizes).T @ share).T

    def _group(self, columns: tuple[int, ...], cells: FloatArray, group: GroupParameters) -> GroupParameters:
        counts = cells + self.smoothing
        match, others = group.match, group.others
        if not isinstance(group, (FixedMatchParameters, KnownGroupParameters)):
            match = _shares(counts[0], match)
            if self.is_monotone and len(columns) == 1:
                match = rising(match)
        if not isinstance(group, (FixedOthersParameters, KnownGroupParameters)):
            others = _shares(counts[1:], others)
        return replace(group, match=match, others=others)

    def _rises(self, parameters: LinkageParameters) -> bool:
        return all(
            (np.diff(group.match) >= -_SLACK).all()
            for columns, group in zip(self.groups, parameters.groups, strict=True)
            if len(columns) == 1 and not isinstance(group, (FixedMatchParameters, KnownGroupParameters))
        )

    def _agreement(self, X: Array) -> FloatArray:
        """Return how much each row agrees, from 0 to 1, over the fields that were compared."""
        parts = X / np.maximum(np.array(self.levels) - 1, 1)
        seen = ~np.isnan(parts)
        total = np.where(seen, parts, 0.0).sum(axis=1)
        return np.asarray(np.divide(total, seen.sum(axis=1), out=np.full(len(X), 0.5), where=seen.any(axis=1)))

    def _overall(self, block: Any) -> LinkageParameters:
        """Return parameters under which all classes are alike: the overall frequencies, none zero."""
        flat = self._record([np.full((self.n_classes, cells), 1 / cells) for cells in self._n_cells()])
        resp = np.repeat(block.weights[:, None] / self.n_classes, self.n_classes, axis=1)
        cells = list(self._cells(flat, self._codes(block.X), resp))
        return self._record([(part + 1e-3 * part.sum(axis=1, keepdims=True) / part.shape[1] + 1e-9) for part in cells])

    def _n_cells(self) -> list[int]:
        return [int(np.prod(self._sizes(columns))) for columns in self.groups]

    def _from_responsibilities(self, X: Array, resp: FloatArray, overall: LinkageParameters) -> LinkageParameters:
        cells = list(self._cells(overall, self._codes(X), resp))
        stacks = [_stacked(group) for group in overall.groups]
        parameters = self._record([part + stack for part, stack in zip(cells, stacks, strict=True)])
        count = resp.sum(axis=0) + 1e-3 * resp.sum() / self.n_classes
        share = count / count.sum()
        if self.known_share is not None:
            rest = share[1:] / share[1:].sum()
            share = np.concatenate([[self.known_share], (1 - self.known_share) * rest])
            return FixedShareParameters(share, parameters.groups)
        return replace(parameters, share=share)

    def _record(self, stacks: Sequence[FloatArray]) -> LinkageParameters:
        """Return parameters with these cells (k, cells), scaled to one, known ones put in their places."""
        match, others = dict(self.known_match), dict(self.known_others)
        groups = []
        for at, stack in enumerate(stacks):
            scaled = stack / stack.sum(axis=1, keepdims=True)
            kind = _KINDS[at in match, at in others]
            own = np.array(match.get(at, scaled[0]))
            if self.is_monotone and len(self.groups[at]) == 1 and at not in match:
                own = rising(own)
            rest = np.tile(others[at], (self.n_classes - 1, 1)) if at in others else scaled[1:]
            groups.append(kind(own, np.array(rest)))
        return LinkageParameters(np.full(self.n_classes, 1 / self.n_classes), tuple(groups))

    def check_levels(self, block: Any) -> None:
        """Raise if an entry is not one of the levels of its field."""
        X = np.asarray(block.X)
        wrong = ~np.isnan(X) & ((X < 0) | (np.floor(X) != X) | (np.array(self.levels) <= X))
        if wrong.any():
            i, j = (int(part[0]) for part in np.nonzero(wrong))
            name = self.fields[j] if self.fields else str(j)
            message = (
                f"field {name!r} has levels 0 to {self.levels[j] - 1}, got {X[i, j]:g} in row {block.start + i}; "
                "similarities are made into levels by thresholds"
            )
            raise DataError(message)


_KINDS = {
    (False, False): GroupParameters,
    (True, False): FixedMatchParameters,
    (False, True): FixedOthersParameters,
    (True, True): KnownGroupParameters,
}


def _guessed(agreement: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator, index: int) -> FloatArray:
    """Return responsibilities (n, k) by agreement: pairs above a cut are matches, the rest are split at random."""
    middle, spread = (0.75, 0.08) if index == 0 else (rng.uniform(0.2, 0.95), rng.uniform(0.02, 0.2))
    is_match = 1 / (1 + np.exp(np.clip((middle - agreement) / spread, -500, 500)))
    if index % 3 == 2:
        is_match = np.clip(is_match * rng.gamma(2.0, 0.5, len(weights)), 1e-6, 1 - 1e-6)
    rest = np.ones((len(weights), 1)) if k == 2 else rng.dirichlet(np.full(k - 1, 0.5), len(weights))
    return np.column_stack([is_match, (1 - is_match)[:, None] * rest])


def _stacked(group: GroupParameters) -> FloatArray:
    """Return the probabilities (k, cells) of all classes."""
    return np.concatenate([group.match[None], group.others])


def _free(group: GroupParameters) -> list[FloatArray]:
    """Return the arrays of a group that are estimated."""
    parts = [] if isinstance(group, (FixedMatchParameters, KnownGroupParameters)) else [group.match]
    return parts if isinstance(group, (FixedOthersParameters, KnownGroupParameters)) else [*parts, group.others]


def _shares(counts: FloatArray, before: FloatArray) -> FloatArray:
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.array(before, dtype=np.float64), where=total > 0))


def _log(prob: FloatArray) -> FloatArray:
    return np.log(np.maximum(prob, _NEVER))


def _ratio(counts: FloatArray, prob: FloatArray) -> FloatArray:
    return np.divide(counts, prob, out=np.zeros(np.broadcast_shapes(counts.shape, prob.shape)), where=prob > 0)


def _weighted_logs(counts: FloatArray, prob: FloatArray) -> float:
    seen = counts > 0
    return float(counts[seen] @ _log(prob[seen]))
