"""Labels of many raters: a class behind each item, a confusion matrix for each rater.

Story: item i has a class z_i, drawn with probabilities mix and not seen; rater j calls an item of class k by label l
with probability confusion_jkl, independently of the others. With n_ijl the times that rater j gave item i label l,
log p(answers of i, z_i = k) = log mix_k + sum_jl n_ijl log confusion_jkl: a sparse matrix times a dense one, and
so are the expected counts. An item whose class is known has it as the label of one more rater, who never errs.

References
----------
Dawid & Skene 1979, *Maximum likelihood estimation of observer error-rates using the EM algorithm*, Applied Statistics
28:20, equations 2.3 to 2.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import issparse

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.model import Model
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Simplex
from emkit.core.statistics import Statistics
from emkit.errors import DataError
from emkit.kernels.gaussian import softmax_rows
from emkit.kernels.sparse_classes import sparse_classes_moments
from emkit.labels.raters import FreeRaters, Raters
from emkit.labels.votes import VoteStarts

__all__ = ["LabelParameters", "LabelStatistics", "ManyRaters"]

_NEVER = 1e-300  # stands for a probability of zero, so that zero answers times log 0 are zero
_KNOWN = -1e100  # log of what a known class leaves to the others


@dataclass(frozen=True)
class LabelParameters(Parameters):
    """Shares of the classes and what the raters are like.

    Parameters
    ----------
    mix : array (k,)
    raters : Parameters
        Of the kind of raters.
    """

    mix: Array = space(Simplex())
    raters: Any = None


@dataclass(frozen=True)
class LabelStatistics(Statistics):
    """Expected counts (k,) of the classes, and (r, k, k) of rater, class and label."""

    count: FloatArray
    answers: FloatArray


@dataclass(frozen=True)
class ManyRaters(Model):
    """Answers of `n_raters` raters with labels 0 .. `n_classes` - 1.

    A row holds the counts of one item, rater by rater and label by label, and then a one at the class where it is
    known: (n_raters + 1) n_classes columns.

    Parameters
    ----------
    n_raters, n_classes : int
    raters : Raters
        How free the confusion matrices are.
    concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the shares of the classes; 1 is no prior.
    has_gold : bool, default False
        Whether any class is known: then classes keep their names.
    labels : tuple of str, optional
    """

    n_raters: int = 1
    n_classes: int = 2
    raters: Raters = field(default_factory=FreeRaters)
    concentration: float = 1.0
    has_gold: bool = False
    labels: tuple[str, ...] = ()

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> LabelParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: LabelParameters, block: Any) -> LabelStatistics:
        weights = block.weights
        weight = float(weights.sum()) if block.is_weighted else float(block.n_rows)
        if issparse(block.X):
            at = self._table(parameters)
            loglik, count, counts = sparse_classes_moments(
                *_entries(block.X), weights if block.is_weighted else None, _log(parameters.mix), at
            )
            return LabelStatistics(loglik, weight, count, self._by_rater(counts))
        density, resp = softmax_rows(self.log_joint(parameters, block))
        count = weights @ resp  # a product of matrices is several times as fast as a sum along the long axis
        if block.is_weighted:
            resp *= weights[:, None]
        return LabelStatistics(float(weights @ density), weight, count, self.expected(block.X, resp))

    def m_step(self, statistics: LabelStatistics, parameters: LabelParameters) -> LabelParameters:
        count = np.maximum(statistics.count + (self.concentration - 1), 0.0)
        raters = self.raters.m_step(statistics.answers, parameters.raters)
        return LabelParameters(count / count.sum(), raters)

    def log_prior(self, parameters: LabelParameters) -> float:
        own = self.raters.log_prior(parameters.raters)
        return own if self.concentration == 1 else own + (self.concentration - 1) * float(_log(parameters.mix).sum())

    def expected_loglik(self, parameters: LabelParameters, statistics: LabelStatistics) -> float:
        confusion = self.raters.confusion(parameters.raters, self.n_classes)
        given = statistics.answers > 0
        own = float(statistics.answers[given] @ _log(confusion[given]))
        seen = statistics.count > 0
        return own + float(statistics.count[seen] @ _log(parameters.mix[seen]))

    def score(self, parameters: LabelParameters, statistics: LabelStatistics) -> LabelParameters:
        confusion = self.raters.confusion(parameters.raters, self.n_classes)
        count = statistics.count + (self.concentration - 1)
        slope = _ratio(statistics.answers, confusion)
        return LabelParameters(_ratio(count, parameters.mix), self.raters.score(parameters.raters, slope))

    # --- what else it offers ---

    starts_to_agree = 6
    hits_to_believe = 8
    starts_at_most = 64  # optima that fewer reach differ from the best by less than a unit of log-likelihood, if at all

    def prepare(self, source: Any) -> tuple[ManyRaters, Any]:
        wanted = (self.n_raters + 1) * self.n_classes
        found = next(iter(source.blocks())).X.shape[1]
        if found != wanted:
            message = (
                f"expected {wanted} columns of counts, for {self.n_raters} raters with {self.n_classes} labels and the "
                f"known classes, got {found}"
            )
            raise DataError(message)
        return self, source

    def portfolio(self, source: Any, rng: np.random.Generator) -> Callable[[np.random.Generator, int], LabelParameters]:
        block = source.sample(source.n_rows, rng)
        votes = VoteStarts(block.X, block.weights, self.n_raters, self.n_classes)

        def draw(own_rng: np.random.Generator, index: int) -> LabelParameters:
            resp = votes.responsibilities(own_rng, index)
            return self.from_responsibilities(block.X, resp)

        return draw

    def from_responsibilities(self, X: Any, resp: FloatArray) -> LabelParameters:
        """Return parameters from counts and responsibilities (n, k), blended with the average rater's."""
        answers, mix = self.expected(X, resp), resp.sum(axis=0) + 1.0
        pooled = answers.sum(axis=0) + 0.01
        average = pooled / pooled.sum(axis=1, keepdims=True)
        return LabelParameters(mix / mix.sum(), self.raters.start(answers + average))

    def log_joint(self, parameters: LabelParameters, block: Any) -> FloatArray:
        """Return log mix_k + log probability of the answers about each item, (n, k)."""
        return np.ascontiguousarray(block.X @ self._table(parameters) + _log(parameters.mix))

    def _table(self, parameters: LabelParameters) -> FloatArray:
        """Return the log-probabilities ((r + 1) k, k) of the columns of the counts under each class."""
        r, k = self.n_raters, self.n_classes
        table = np.full((r + 1, k, k), _KNOWN)
        table[:r] = _log(self.raters.confusion(parameters.raters, k)).swapaxes(1, 2)
        table[r].flat[:: k + 1] = 0.0
        return table.reshape(-1, k)

    def expected(self, X: Any, resp: FloatArray) -> FloatArray:
        """Return the expected counts (r, k, k) of rater, class and label."""
        return self._by_rater(X.T @ resp)

    def _by_rater(self, counts: FloatArray) -> FloatArray:
        """Return sums ((r + 1) k, k) by column and class as counts (r, k, k) of rater, class and label."""
        r, k = self.n_raters, self.n_classes
        return np.ascontiguousarray(counts[: r * k].reshape(r, k, k).swapaxes(1, 2))

    def log_density(self, parameters: LabelParameters, block: Any) -> FloatArray:
        density: FloatArray = softmax_rows(self.log_joint(parameters, block))[0]
        return density

    def posterior(self, parameters: LabelParameters, block: Any) -> FloatArray:
        resp: FloatArray = softmax_rows(self.log_joint(parameters, block))[1]
        return resp

    def sample(self, parameters: LabelParameters, n: int, rng: np.random.Generator) -> tuple[FloatArray, Array]:
        """Return the counts of n items, each answered once by every rater, and their classes."""
        k = self.n_classes
        classes = rng.choice(k, size=n, p=parameters.mix / parameters.mix.sum())
        cumulated = np.cumsum(self.raters.confusion(parameters.raters, k), axis=2)[:, classes]  # (r, n, k)
        labels = np.minimum((rng.random((self.n_raters, n, 1)) > cumulated).sum(axis=2), k - 1)
        rows = np.zeros((n, self.n_raters + 1, k))
        rows[np.arange(n)[None, :], np.arange(self.n_raters)[:, None], labels] = 1.0
        return rows.reshape(n, -1), classes

    def canonical(self, parameters: LabelParameters) -> LabelParameters:
        """Return the classes named by the label that raters give them most, all classes together."""
        if self.has_gold or not self.raters.is_exchangeable:
            return parameters
        confusion = self.raters.confusion(parameters.raters, self.n_classes)
        votes = parameters.mix[:, None] * confusion.sum(axis=0)
        classes, names = linear_sum_assignment(-votes)
        if votes[classes, names].sum() <= np.trace(votes) * (1 + 1e-12):
            return parameters
        order = classes[np.argsort(names)]
        return LabelParameters(parameters.mix[order], self.raters.renamed(parameters.raters, order))

    def describe(self, parameters: LabelParameters, feature_names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the shares of the classes, and how often each rater is right."""
        labels = self.labels or tuple(str(k) for k in range(self.n_classes))
        shares = tuple(zip(labels, parameters.mix.tolist(), strict=True))
        names = [str(j) for j in range(self.n_raters)] if feature_names is None else feature_names
        right = np.einsum("jkk->jk", self.raters.confusion(parameters.raters, self.n_classes))
        rows = tuple((name, float(row @ parameters.mix), *row.tolist()) for name, row in zip(names, right, strict=True))
        return (
            Description("Classes", ("class", "share"), shares),
            Description("Probability that a rater is right", ("rater", "overall", *labels), rows),
        )


def _entries(X: Any) -> tuple[Array, Array, FloatArray]:
    """Return rows in compressed form as the kernel takes them: where they begin, columns, values."""
    return (
        np.asarray(X.indptr, dtype=np.int32),
        np.asarray(X.indices, dtype=np.int32),
        np.asarray(X.data, dtype=np.float64),
    )


def _log(prob: FloatArray) -> FloatArray:
    return np.log(np.maximum(prob, _NEVER))


def _ratio(counts: FloatArray, prob: FloatArray) -> FloatArray:
    return np.divide(counts, prob, out=np.zeros_like(counts), where=prob > 0)
