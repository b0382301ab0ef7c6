"""Cognitive diagnosis: right answers by the attributes that people have and items ask for.

Story: a person has some of a attributes; the profiles have shares that sum to one. An item divides the profiles into
groups: those with all attributes that it asks for and the rest (DINA), those with any and the rest (DINO), or each
combination of them on its own (GDINA, saturated, or with effects of the attributes that add up: `additive`). Within a
group all answer right with one probability, independently from item to item. Profiles that no item tells apart are one
class. Missing answers are skipped, which is exact.

References
----------
Junker & Sijtsma 2001, *Cognitive assessment models with few assumptions*, Applied Psychological Measurement 25:258
(DINA). Templin & Henson 2006, Psychological Methods 11:287 (DINO). de la Torre 2011, *The generalized DINA model
framework*, Psychometrika 76:179.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.model import Model
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Real, Simplex
from emkit.core.statistics import Statistics
from emkit.errors import DataError
from emkit.families.discrete import distinct_rows
from emkit.irt.cdm.additive import HAIR, Additive, AdditiveItem
from emkit.kernels.gaussian import softmax_rows

__all__ = ["Diagnosis", "DiagnosisParameters", "DiagnosisStatistics"]

_NEVER = 1e-300


@dataclass(frozen=True)
class DiagnosisParameters(Parameters):
    """Shares of the classes, and what says how probable right answers are.

    Parameters
    ----------
    share : array (k,)
    outcome : array (s, 2)
        Probabilities of wrong and right answers in each group of each item whose attributes do not add up.
    effect : array (e,)
        Of the attributes, item by item, where they do: the intercept first.
    """

    share: Array = space(Simplex())
    outcome: Array = space(Simplex())
    effect: Array = space(Real())


@dataclass(frozen=True)
class DiagnosisStatistics(Statistics):
    """Expected counts (k,) of the classes, and (g, 2) of wrong and right answers."""

    count: FloatArray
    answers: FloatArray


@dataclass(frozen=True)
class Diagnosis(Model):
    """People of classes, and items with groups of classes.

    Parameters
    ----------
    groups : tuple of tuples of int
        The group of each class for each item, class by class; groups are numbered through all items.
    mastery : tuple of float
        For each group, the part of what its item asks for that people in it have, between 0 and 1: for the starts.
    smoothing : float, default 0.0
        Imagined wrong and right answers of each group; 0 is maximum likelihood.
    concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the shares; 1 is none.
    items : tuple of str, optional
    additive : tuple of AdditiveItem
        Items whose attributes add up.
    """

    groups: tuple[tuple[int, ...], ...] = ()
    mastery: tuple[float, ...] = ()
    smoothing: float = 0.0
    concentration: float = 1.0
    items: tuple[str, ...] = ()
    additive: tuple[AdditiveItem, ...] = ()

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> DiagnosisParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: DiagnosisParameters, block: Any) -> DiagnosisStatistics:
        right, seen = _filled(block.X)
        density, resp = softmax_rows(self._log_joint(parameters, right, seen))
        weights = block.weights
        if block.is_weighted:
            resp *= weights[:, None]
        weight = float(weights.sum()) if block.is_weighted else float(block.n_rows)
        count = resp.sum(axis=0)
        rights = resp.T @ right
        totals = resp.T @ seen if block.has_missing else np.broadcast_to(count[:, None], rights.shape)
        by_group = [self._gathered(np.maximum(totals - rights, 0.0)), self._gathered(rights)]
        return DiagnosisStatistics(float(weights @ density), weight, count, np.column_stack(by_group))

    def m_step(self, statistics: DiagnosisStatistics, parameters: DiagnosisParameters) -> DiagnosisParameters:
        count = np.maximum(statistics.count + (self.concentration - 1), 0.0)
        answers = statistics.answers + self._imagined
        own = answers[self._saturated]
        total = own.sum(axis=1, keepdims=True)
        outcome = np.divide(own, total, out=parameters.outcome.copy(), where=total > 0)
        effect = parameters.effect if self._sums is None else self._sums.m_step(parameters.effect, answers)
        return DiagnosisParameters(count / count.sum(), outcome, effect)

    def log_prior(self, parameters: DiagnosisParameters) -> float:
        prior = 0.0 if self.concentration == 1 else (self.concentration - 1) * float(_log(parameters.share).sum())
        if self._sums is not None and not self._sums.is_inside(parameters.effect):
            return -np.inf
        if self.smoothing == 0 and self._sums is None:
            return prior
        return prior + float((self._imagined * _log(self.outcomes(parameters))).sum())

    def expected_loglik(self, parameters: DiagnosisParameters, statistics: DiagnosisStatistics) -> float:
        pairs = ((statistics.count, parameters.share), (statistics.answers, self.outcomes(parameters)))
        return sum(float(counts[counts > 0] @ _log(prob[counts > 0])) for counts, prob in pairs)

    def score(self, parameters: DiagnosisParameters, statistics: DiagnosisStatistics) -> DiagnosisParameters:
        answers = statistics.answers + self._imagined
        return DiagnosisParameters(
            _ratio(statistics.count + (self.concentration - 1), parameters.share),
            _ratio(answers[self._saturated], parameters.outcome),
            parameters.effect if self._sums is None else self._sums.slope(parameters.effect, answers),
        )

    # --- what else it offers ---

    starts_to_agree = 4

    def prepare(self, source: Any) -> tuple[Diagnosis, Any]:
        source.map(self.check_answers)
        return self, distinct_rows(source)

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], DiagnosisParameters]:
        k, g = len(self.groups), len(self.mastery)

        def draw(own_rng: np.random.Generator, index: int) -> DiagnosisParameters:
            if index == 0:
                low, high, share = np.full(g, 0.2), np.full(g, 0.8), np.full(k, 1 / k)
            else:
                low, high = own_rng.uniform(0.05, 0.45, g), own_rng.uniform(0.55, 0.95, g)
                share = own_rng.dirichlet(np.full(k, 2.0)) + 1e-6
            right = low + np.array(self.mastery) * (high - low)
            effect = np.zeros(0) if self._sums is None else self._sums.start(right)
            outcome = np.column_stack([1 - right, right])[self._saturated]
            return DiagnosisParameters(share / share.sum(), outcome, effect)

        return draw

    def posterior(self, parameters: DiagnosisParameters, block: Any) -> FloatArray:
        resp: FloatArray = softmax_rows(self.log_joint(parameters, block))[1]
        return resp

    def log_density(self, parameters: DiagnosisParameters, block: Any) -> FloatArray:
        density: FloatArray = softmax_rows(self.log_joint(parameters, block))[0]
        return density

    def log_joint(self, parameters: DiagnosisParameters, block: Any) -> FloatArray:
        """Return log share_k + log probability of the answers, (n, k)."""
        return self._log_joint(parameters, *_filled(block.X))

    def sample(self, parameters: DiagnosisParameters, n: int, rng: np.random.Generator) -> tuple[FloatArray, Array]:
        """Return the answers of n people and their classes."""
        classes = rng.choice(len(self.groups), size=n, p=parameters.share / parameters.share.sum())
        right = self.outcomes(parameters)[:, 1][self._table][classes]
        return (rng.random(right.shape) < right).astype(np.float64), classes

    def describe(self, parameters: DiagnosisParameters, feature_names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the probability of a right answer by item and group."""
        table = self._table
        names = feature_names or self.items or tuple(str(j + 1) for j in range(table.shape[1]))
        rows, right = [], self.outcomes(parameters)[:, 1]
        for j, name in enumerate(names):
            for at in np.unique(table[:, j]).tolist():
                share = float(parameters.share[table[:, j] == at].sum())
                rows.append((name, self.mastery[at], share, float(right[at])))
        return (Description("Items", ("item", "of what it asks for", "share of people", "right"), tuple(rows)),)

    def remarks(self, parameters: DiagnosisParameters) -> tuple[str, ...]:
        """Return a note on the items which people who have what they ask for get right less often than the others."""
        table, right = self._table, self.outcomes(parameters)[:, 1]
        odd = []
        for j in range(table.shape[1]):
            own = np.unique(table[:, j])
            most, least = own[np.argmax(self._held(own))], own[np.argmin(self._held(own))]
            if right[most] < right[least]:
                odd.append(self.items[j] if self.items else str(j + 1))
        if not odd:
            return ()
        return (
            f"People who have what it asks for get {', '.join(odd)} right less often than those with nothing of it.",
            "Look at the Q-matrix there.",
        )

    def check_answers(self, block: Any) -> None:
        """Raise if an entry is not 0, 1 or missing."""
        X = np.asarray(block.X)
        wrong = ~np.isnan(X) & (X != 0) & (X != 1)
        if X.shape[1] != len(self.groups[0]):
            message = f"the Q-matrix has {len(self.groups[0])} items, but X has {X.shape[1]} columns"
            raise DataError(message)
        if wrong.any():
            i, j = (int(part[0]) for part in np.nonzero(wrong))
            name = self.items[j] if self.items else str(j)
            message = f"expected 0 (wrong), 1 (right) or missing, got {X[i, j]:g} for {name!r} in row {block.start + i}"
            raise DataError(message)

    def outcomes(self, parameters: DiagnosisParameters) -> FloatArray:
        """Return the probabilities (g, 2) of wrong and right answers in each group of each item."""
        if self._sums is None:
            return np.asarray(parameters.outcome)
        outcome = np.empty((len(self.mastery), 2))
        outcome[self._saturated] = parameters.outcome
        groups, right = self._sums.right(parameters.effect)
        outcome[groups] = np.column_stack([1 - right, right])
        return outcome

    # --- helpers ---

    @cached_property
    def _table(self) -> Array:
        """The group (k, d) of each class for each item."""
        return np.array(self.groups)

    @cached_property
    def _sums(self) -> Additive | None:
        return Additive.of(self.additive) if self.additive else None

    @cached_property
    def _saturated(self) -> Array:
        """Groups (s,) whose probabilities are free."""
        held = {group for _, groups, _ in self.additive for group in groups}
        return np.array([group for group in range(len(self.mastery)) if group not in held], dtype=np.intp)

    @cached_property
    def _imagined(self) -> FloatArray:
        """Imagined answers (g, 1) of each kind in each group."""
        hair = np.ones(len(self.mastery), dtype=bool)
        hair[self._saturated] = False
        return np.where(hair, max(self.smoothing, HAIR), self.smoothing)[:, None]

    def _held(self, groups: Array) -> FloatArray:
        return np.asarray(np.array(self.mastery)[groups])

    def _gathered(self, counts: FloatArray) -> FloatArray:
        """Return counts (k, d) summed over the classes of each group, (g,)."""
        table = self._table
        gathered: FloatArray = np.bincount(table.reshape(-1), counts.reshape(-1), len(self.mastery)).astype(np.float64)
        return gathered

    def _log_joint(self, parameters: DiagnosisParameters, right: FloatArray, seen: FloatArray) -> FloatArray:
        logs = _log(self.outcomes(parameters))[self._table]  # (k, d, 2)
        wrong, gain = logs[:, :, 0], logs[:, :, 1] - logs[:, :, 0]
        return np.ascontiguousarray(right @ gain.T + seen @ wrong.T + _log(parameters.share))


def _filled(X: Array) -> tuple[FloatArray, FloatArray]:
    """Return answers with zero for missing, and one where there is an answer, (n, d) both."""
    rows = np.asarray(X, dtype=np.float64)
    seen = ~np.isnan(rows)
    return (rows if seen.all() else np.where(seen, rows, 0.0)), seen.astype(np.float64)


def _log(prob: FloatArray) -> FloatArray:
    return np.log(np.maximum(prob, _NEVER))


def _ratio(counts: FloatArray, prob: FloatArray) -> FloatArray:
    return np.divide(counts, prob, out=np.zeros_like(counts), where=prob > 0)
