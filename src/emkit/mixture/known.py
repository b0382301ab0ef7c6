"""Mixtures that are told of their labels: known for some rows, or shared by groups of rows.

A row whose label is known contributes mix_k f_k(x) for that k alone; a group of rows that must go together has one
label, drawn once, and contributes sum_k mix_k prod_i f_k(x_i). Everything else is as in the mixture inside. The rows
carry two more columns, label (NaN where it is unknown) and group.

References
----------
McLachlan & Peel 2000, *Finite Mixture Models*, section 2.19 (partially classified data). Shental, Bar-Hillel, Hertz &
Weinshall 2003, Advances in Neural Information Processing Systems 16 (groups).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.assignments import Assignment
from emkit.core.describe import Description
from emkit.core.model import Model, Offer, offered
from emkit.core.statistics import Statistics
from emkit.data import SequenceBlock, SequenceSource, as_source
from emkit.errors import DataError
from emkit.families.logit import logit_sums
from emkit.kernels.gaussian import softmax_rows
from emkit.mixture.concomitant import ConcomitantMixture, ConcomitantParameters, ConcomitantStatistics
from emkit.mixture.model import FiniteMixture, MixtureParameters, MixtureStatistics

__all__ = ["KnownMixture", "KnownStatistics"]

_START_ROWS = 16384


@dataclass(frozen=True)
class KnownStatistics(Statistics):
    """The statistics of the mixture inside, whose counts are of labels drawn, and the expected rows (k,)."""

    inner: Any
    rows: FloatArray


@dataclass(frozen=True)
class _Units:
    """Rows that share a label: the unit (b,) of each row; label, weight and first row (u,) of each unit."""

    of_row: IntArray
    label: FloatArray
    weights: FloatArray
    first: IntArray

    @classmethod
    def of(cls, block: Any, *, has_groups: bool) -> _Units:
        label = np.asarray(block.X[:, -2], dtype=np.float64)
        if not has_groups:
            every = np.arange(len(label))
            return cls(every, label, block.weights, every)
        if isinstance(block, SequenceBlock):
            of_row = np.repeat(np.arange(len(block.lengths)), block.lengths)
            first = np.cumsum(block.lengths) - block.lengths
        else:
            _, first, of_row = np.unique(block.X[:, -1], return_index=True, return_inverse=True)
            of_row = of_row.reshape(-1)
        known = np.full(len(first), np.nan)
        seen = ~np.isnan(label)
        known[of_row[seen]] = label[seen]
        return cls(of_row, known, block.weights[first], np.asarray(first, dtype=np.intp))

    def summed(self, rows: FloatArray) -> FloatArray:
        """Return the sums (u, k) over the rows (b, k) of each unit."""
        if len(self.first) == len(rows):
            return rows
        return np.stack([np.bincount(self.of_row, own, len(self.first)) for own in rows.T], axis=1)


@dataclass(frozen=True)
class KnownMixture(Model):
    """A mixture with known labels, or groups of rows with one label each.

    Parameters
    ----------
    model : FiniteMixture or ConcomitantMixture
        Of the rows without their last two columns.
    has_labels, has_groups : bool
        Whether there are any: with labels the components keep their numbers, and groups are kept together.
    rule : Assignment or None
        How units are assigned in place of expected memberships; see `assigning`.
    """

    model: Any = field(default_factory=FiniteMixture)
    has_labels: bool = True
    has_groups: bool = False
    rule: Assignment | None = None

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> Any:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: Any, block: Any) -> KnownStatistics:
        units = _Units.of(block, has_groups=self.has_groups)
        joint = self._unit_joint(parameters, block, units)
        density, resp = softmax_rows(joint) if self.rule is None else self.rule.memberships(joint, block.start)
        if block.is_weighted:
            density = np.where(units.weights > 0, density, 0.0)
            resp = resp * units.weights[:, None]
        own = self._own(block.X)
        each = resp if len(resp) == len(own) else resp[units.of_row]
        members = self.model.family.statistics(parameters.members, own, each)
        loglik, weight, count = float(units.weights @ density), float(block.weights.sum()), resp.sum(axis=0)
        inner: Any = MixtureStatistics(loglik, weight, count, members)
        if isinstance(self.model, ConcomitantMixture):
            rows = self.model.gate_rows(block.X[units.first])
            mix = np.exp(self._log_mix(parameters, block.X[units.first]))
            logit = logit_sums(self.model.known_basis, parameters.gating, rows, mix, resp, units.weights)
            inner = ConcomitantStatistics(loglik, weight, count, logit, members)
        return KnownStatistics(loglik, weight, inner, each.sum(axis=0))

    def m_step(self, statistics: KnownStatistics, parameters: Any) -> Any:
        return self.model.m_step(statistics.inner, parameters)

    def log_prior(self, parameters: Any) -> float:
        return float(self.model.log_prior(parameters))

    def expected_loglik(self, parameters: Any, statistics: KnownStatistics) -> float:
        return float(self.model.expected_loglik(parameters, statistics.inner))

    def score(self, parameters: Any, statistics: KnownStatistics) -> Any:
        return self.model.score(parameters, statistics.inner)

    def assigning(self, rule: Assignment) -> KnownMixture:
        """Return the mixture with units assigned by a rule."""
        return replace(self, rule=rule)

    # --- what else it offers ---

    @property
    def n_components(self) -> int:
        """Number of components."""
        return int(self.model.n_components)

    @property
    def starts_to_agree(self) -> int:
        """As many as for the mixture inside."""
        return int(self.model.starts_to_agree)

    @property
    def n_read(self) -> int:
        """What the mixture inside reads off the data."""
        return int(getattr(self.model, Offer.READ, 0))

    @property
    def wrapped(self) -> Any:
        """The mixture inside, which answers for rows of which nothing is known."""
        return self.model

    def prepare(self, source: Any) -> tuple[KnownMixture, Any]:
        blocks = list(source.blocks())
        X = np.concatenate([np.asarray(block.X, dtype=np.float64) for block in blocks])
        weights = np.concatenate([block.weights for block in blocks])
        names = source.feature_names
        plain = as_source(
            np.ascontiguousarray(X[:, :-2]),
            weights if source.is_weighted else None,
            feature_names=None if names is None else names[:-2],
            n_threads=source.n_threads,
            allow_missing_columns=True,
        )
        ready = replace(self, model=self.model.prepare(plain)[0])
        if not self.has_groups:
            return ready, source
        used = np.flatnonzero(weights > 0)
        order = used[np.argsort(X[used, -1], kind="stable")]
        _, first, lengths = np.unique(X[order, -1], return_index=True, return_counts=True)
        rows, mass = np.ascontiguousarray(X[order]), weights[order]
        _check_units(rows, mass, first, lengths)
        unit_weights = mass[first] if source.is_weighted else None
        return ready, SequenceSource(rows, lengths.astype(np.int64), unit_weights, n_threads=source.n_threads)

    def portfolio(self, source: Any, rng: np.random.Generator) -> Callable[[np.random.Generator, int], Any]:
        block = source.sample(_START_ROWS, rng)
        own = self._own(block.X)
        units = _Units.of(block, has_groups=self.has_groups)
        rows = self.model.family.starting_rows(replace(block, X=own))
        k = self.n_components

        def draw(own_rng: np.random.Generator, index: int) -> Any:
            resp = _told(rows.responsibilities(k, own_rng, index), units, block.weights, is_first=index == 0)
            mix = resp.sum(axis=0) + 1.0
            members = self.model.family.start(own, resp)
            if not isinstance(self.model, ConcomitantMixture):
                return MixtureParameters(mix / mix.sum(), members)
            gating = np.zeros((k - 1, 1 + len(self.model.covariates)))
            gating[:, 0] = np.log(mix[1:] / mix[0])
            return ConcomitantParameters(gating, members)

        return draw

    def posterior(self, parameters: Any, block: Any) -> FloatArray:
        """Return the probabilities (b, k) of the labels given all that is known."""
        units = _Units.of(block, has_groups=self.has_groups)
        resp: FloatArray = softmax_rows(self._unit_joint(parameters, block, units))[1]
        each: FloatArray = resp[units.of_row]
        return each

    def unit_memberships(self, parameters: Any, block: Any) -> tuple[FloatArray, FloatArray]:
        """Return the case weight (u,) of each unit, and the probabilities (u, k) of its label."""
        units = _Units.of(block, has_groups=self.has_groups)
        resp: FloatArray = softmax_rows(self._unit_joint(parameters, block, units))[1]
        return units.weights, resp

    def log_density(self, parameters: Any, block: Any) -> FloatArray:
        """Return the log-density of each unit; of rows in a plain block each its part of that of its group."""
        units = _Units.of(block, has_groups=self.has_groups)
        density: FloatArray = softmax_rows(self._unit_joint(parameters, block, units))[0]
        if isinstance(block, SequenceBlock) or not self.has_groups:
            return density
        return np.asarray((density / np.bincount(units.of_row))[units.of_row])

    def canonical(self, parameters: Any) -> Any:
        """Return the components by falling weight, or as they are where labels number them."""
        return parameters if self.has_labels else self.model.canonical(parameters)

    def degeneracy(self, parameters: Any, statistics: KnownStatistics) -> str:
        return str(self.model.degeneracy(parameters, replace(statistics.inner, count=statistics.rows)))

    def remarks(self, parameters: Any) -> tuple[str, ...]:
        inner = offered(self.model, Offer.REMARKS)
        return () if inner is None else tuple(inner(parameters))

    def describe(self, parameters: Any, feature_names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the tables of the mixture inside."""
        return tuple(self.model.describe(parameters, feature_names))

    # --- parts ---

    def _own(self, X: Array) -> Array:
        plain = X[:, :-2]
        if isinstance(self.model, ConcomitantMixture) and self.model.columns is not None:
            plain = X[:, list(self.model.columns)]
        return np.ascontiguousarray(plain)

    def _log_mix(self, parameters: Any, X: Array) -> FloatArray:
        if isinstance(self.model, ConcomitantMixture):
            return self.model.log_mix(parameters, X)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(parameters.mix))

    def _unit_joint(self, parameters: Any, block: Any, units: _Units) -> FloatArray:
        """Return log mix_k + sum over the rows of log f_k for each unit (u, k), minus infinity for labels ruled out."""
        k = self.n_components
        joint = self.model.family.log_joint(np.zeros(k), parameters.members, self._own(block.X))
        total = units.summed(joint) + self._log_mix(parameters, block.X[units.first])
        seen = ~np.isnan(units.label)
        ruled_out = np.arange(k) != units.label[seen, None]
        total[seen] = np.where(ruled_out, -np.inf, total[seen])
        return np.ascontiguousarray(total)


def _told(resp: FloatArray, units: _Units, weights: FloatArray, *, is_first: bool) -> FloatArray:
    """Return responsibilities (b, k) that agree with what is known; the clusters take the numbers that fit best."""
    k = resp.shape[1]
    known = ~np.isnan(units.label)
    one_hot = np.zeros((len(units.first), k))
    one_hot[known, units.label[known].astype(np.intp)] = 1.0
    total = units.summed(resp)
    order = linear_sum_assignment(-(one_hot.T @ total))[1]
    total = total[:, order]
    if len(units.first) < len(resp):  # rows of a group go together
        total = np.eye(k)[total.argmax(axis=1)]
        weighted = total[units.of_row] * weights[:, None]
    else:
        weighted = total
    is_everywhere = bool((one_hot.sum(axis=0) > 1).all())
    if is_first and is_everywhere:  # once from the labels alone
        weighted = np.zeros_like(weighted)
    told = known[units.of_row]
    weighted[told] = one_hot[units.of_row[told]] * weights[told, None]
    return np.asarray(weighted, dtype=np.float64)


def _check_units(X: FloatArray, weights: FloatArray, first: IntArray, lengths: IntArray) -> None:
    of_row = np.repeat(np.arange(len(first)), lengths)
    if (weights != weights[first][of_row]).any():
        message = "`sample_weight` must be the same for all rows of a group"
        raise DataError(message)
    label = X[:, -2]
    seen = ~np.isnan(label)
    known = np.full(len(first), np.nan)
    known[of_row[seen]] = label[seen]
    clash = seen & (label != known[of_row])
    if clash.any():
        group = of_row[clash][0]
        told = sorted(set(label[seen & (of_row == group)].astype(int).tolist()))
        message = f"rows of one group must have one label, but those of a group have {told}"
        raise DataError(message)
