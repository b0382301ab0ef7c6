"""Raters of different ability and items of different difficulty (GLAD).

Story: a rater of ability a_j calls an item of ease b_i by its class with probability 1 / (1 + exp(-a_j b_i)) and by
each other label alike. A rater of negative ability errs on purpose. Log b_i is normal, with mean 0 and a given standard
deviation, and is integrated out on a grid, where Whitehill et al. estimate it: their number of parameters grows with
that of the items. Abilities have the paper's normal prior, mean 1 and variance 1.

References
----------
Whitehill, Ruvolo, Wu, Bergsma & Movellan 2009, *Whose vote should count more*, NIPS 22, equation 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.core.model import Model
from emkit.core.parameters import Parameters, space
from emkit.core.spaces import Real, Simplex
from emkit.core.statistics import Statistics
from emkit.data import Table
from emkit.data.answers import Answers
from emkit.errors import DataError
from emkit.kernels.gaussian import softmax_rows
from emkit.labels._base import LabelEstimator
from emkit.labels.votes import VoteStarts

__all__ = ["GLAD", "Abilities", "AbilityParameters", "AbilityStatistics"]

_NODES = np.linspace(-3.0, 3.0, 15)  # of log ease, in standard deviations
_KNOWN = -1e100  # log of what a known class leaves to the others
_NEVER = 1e-300
_STEPS, _HALVINGS = 5, 30


@dataclass(frozen=True)
class AbilityParameters(Parameters):
    """Shares (k,) of the classes and abilities (r,) of the raters."""

    mix: Array = space(Simplex())
    ability: Array = space(Real())


@dataclass(frozen=True)
class AbilityStatistics(Statistics):
    """Expected counts (k,) of the classes, and (r, q) of right and wrong answers by rater and node of ease."""

    count: FloatArray
    right: FloatArray
    wrong: FloatArray


@dataclass(frozen=True)
class Abilities(Model):
    """Raters with abilities, items with an ease; a row holds counts as for `ManyRaters`.

    Parameters
    ----------
    n_raters, n_classes : int
    log_ease_sd : float, default 1.0
    ability_sd : float, default 1.0
        Of the normal prior on abilities, whose mean is 1.
    concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the shares; 1 is none.
    """

    n_raters: int = 1
    n_classes: int = 2
    log_ease_sd: float = 1.0
    ability_sd: float = 1.0
    concentration: float = 1.0

    # --- the protocol ---

    def start(self, source: Any, rng: np.random.Generator) -> AbilityParameters:
        return self.portfolio(source, rng)(rng, 0)

    def e_step(self, parameters: AbilityParameters, block: Any) -> AbilityStatistics:
        density, resp = softmax_rows(self.log_joint(parameters, block))
        weights = block.weights
        count = (weights @ resp).reshape(self.n_classes, -1).sum(axis=1)
        if block.is_weighted:
            resp *= weights[:, None]
        weight = float(weights.sum()) if block.is_weighted else float(block.n_rows)
        return AbilityStatistics(float(weights @ density), weight, count, *self._answers(block.X, resp))

    def m_step(self, statistics: AbilityStatistics, parameters: AbilityParameters) -> AbilityParameters:
        count = np.maximum(statistics.count + (self.concentration - 1), 0.0)
        return AbilityParameters(count / count.sum(), self._abilities(statistics, parameters.ability))

    def log_prior(self, parameters: AbilityParameters) -> float:
        own = -0.5 * float((((parameters.ability - 1) / self.ability_sd) ** 2).sum())
        return own if self.concentration == 1 else own + (self.concentration - 1) * float(_log(parameters.mix).sum())

    def expected_loglik(self, parameters: AbilityParameters, statistics: AbilityStatistics) -> float:
        seen = statistics.count > 0
        return float(
            statistics.count[seen] @ _log(parameters.mix[seen])
            + self._fit_of(statistics, parameters.ability).sum()
            - statistics.wrong.sum() * np.log(max(1, self.n_classes - 1))
        )

    def score(self, parameters: AbilityParameters, statistics: AbilityStatistics) -> AbilityParameters:
        count, mix = statistics.count + (self.concentration - 1), parameters.mix
        slope = np.divide(count, mix, out=np.zeros_like(count), where=mix > 0)
        return AbilityParameters(slope, self._slope(statistics, parameters.ability))

    # --- what else it offers ---

    starts_to_agree = 4

    def prepare(self, source: Any) -> tuple[Abilities, Any]:
        wanted = (self.n_raters + 1) * self.n_classes
        found = next(iter(source.blocks())).X.shape[1]
        if found != wanted:
            message = f"expected {wanted} columns of counts, got {found}"
            raise DataError(message)
        return self, source

    def portfolio(
        self, source: Any, rng: np.random.Generator
    ) -> Callable[[np.random.Generator, int], AbilityParameters]:
        block = source.sample(source.n_rows, rng)
        votes = VoteStarts(block.X, block.weights, self.n_raters, self.n_classes)
        flat = np.ones(self.n_raters)

        def draw(own_rng: np.random.Generator, index: int) -> AbilityParameters:
            resp = votes.responsibilities(own_rng, index)
            mix = resp.sum(axis=0) + 1.0
            spread = (resp[:, :, None] * self._prior()).reshape(len(resp), -1)
            right, wrong = self._answers(block.X, spread)
            statistics = AbilityStatistics(0.0, 0.0, mix, right, wrong)
            return AbilityParameters(mix / mix.sum(), self._abilities(statistics, flat))

        return draw

    def log_joint(self, parameters: AbilityParameters, block: Any) -> FloatArray:
        """Return log share + log weight of the node + log probability of the answers, (n, k q)."""
        k = self.n_classes
        logit = parameters.ability[:, None] * self.ease  # (r, q)
        wrong = log_expit(-logit) - np.log(max(1, k - 1))
        own = np.where(np.eye(k, dtype=bool)[:, :, None], log_expit(logit)[:, None, None], wrong[:, None, None])
        known = np.where(np.eye(k, dtype=bool)[:, :, None], 0.0, np.full((k, k, len(self.ease)), _KNOWN))
        table = np.concatenate([own.reshape(self.n_raters * k, -1), known.reshape(k, -1)])
        prior = (_log(parameters.mix)[:, None] + np.log(self._prior())).reshape(-1)
        return np.ascontiguousarray(block.X @ table + prior)

    def posterior(self, parameters: AbilityParameters, block: Any) -> FloatArray:
        """Return the probability (n, k) of each class."""
        return np.asarray(self._joint(parameters, block).sum(axis=2))

    def log_density(self, parameters: AbilityParameters, block: Any) -> FloatArray:
        density: FloatArray = softmax_rows(self.log_joint(parameters, block))[0]
        return density

    def difficulty(self, parameters: AbilityParameters, block: Any) -> FloatArray:
        """Return the expected difficulty (n,), minus log ease, of each item given its answers."""
        return np.asarray(-self._joint(parameters, block).sum(axis=1) @ np.log(self.ease))

    def sample(self, parameters: AbilityParameters, n: int, rng: np.random.Generator) -> tuple[FloatArray, Array]:
        """Return the counts of n items, each answered once by every rater, and their classes."""
        k = self.n_classes
        classes = rng.choice(k, size=n, p=parameters.mix / parameters.mix.sum())
        ease = rng.choice(self.ease, size=n, p=self._prior())
        is_right = rng.random((self.n_raters, n)) < expit(parameters.ability[:, None] * ease)
        other = (classes + rng.integers(1, max(2, k), (self.n_raters, n))) % k
        rows = np.zeros((n, self.n_raters + 1, k))
        labels = np.where(is_right, classes, other)
        rows[np.arange(n)[None, :], np.arange(self.n_raters)[:, None], labels] = 1.0
        return rows.reshape(n, -1), classes

    def describe(self, parameters: AbilityParameters, feature_names: Sequence[str] | None) -> tuple[Description, ...]:
        """Return the abilities of the raters and how often they are right."""
        names = [str(j) for j in range(self.n_raters)] if feature_names is None else feature_names
        rows = zip(names, parameters.ability.tolist(), self.right(parameters).tolist(), strict=True)
        return (Description("Raters", ("rater", "ability", "right"), tuple(rows)),)

    def right(self, parameters: AbilityParameters) -> FloatArray:
        """Return the probability (r,) that each rater is right about an item drawn at random."""
        return np.asarray(expit(parameters.ability[:, None] * self.ease) @ self._prior())

    # --- helpers ---

    @property
    def ease(self) -> FloatArray:
        """Nodes (q,) of the ease of items."""
        return np.exp(self.log_ease_sd * _NODES)

    def _prior(self) -> FloatArray:
        mass = np.exp(-0.5 * _NODES**2)
        return np.asarray(mass / mass.sum())

    def _joint(self, parameters: AbilityParameters, block: Any) -> FloatArray:
        resp = softmax_rows(self.log_joint(parameters, block))[1]
        return np.asarray(resp.reshape(len(resp), self.n_classes, -1))

    def _answers(self, X: Any, resp: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return expected counts (r, q) of right and wrong answers."""
        r, k = self.n_raters, self.n_classes
        counts = (X.T @ resp)[: r * k].reshape(r, k, k, -1)  # rater, label, class, node
        right = np.einsum("jkkq->jq", counts)
        return right, np.maximum(counts.sum(axis=(1, 2)) - right, 0.0)

    def _fit_of(self, statistics: AbilityStatistics, ability: FloatArray) -> FloatArray:
        logit = ability[:, None] * self.ease
        return np.asarray((statistics.right * log_expit(logit) + statistics.wrong * log_expit(-logit)).sum(axis=1))

    def _slope(self, statistics: AbilityStatistics, ability: FloatArray) -> FloatArray:
        logit = ability[:, None] * self.ease
        excess = statistics.right * expit(-logit) - statistics.wrong * expit(logit)
        return np.asarray(excess @ self.ease - (ability - 1) / self.ability_sd**2)

    def _abilities(self, statistics: AbilityStatistics, ability: FloatArray) -> FloatArray:
        """Return abilities after some Newton steps, each halved until the rater's objective does not fall."""
        for _ in range(_STEPS):
            prob = expit(ability[:, None] * self.ease)
            bend = ((statistics.right + statistics.wrong) * prob * (1 - prob)) @ self.ease**2 + self.ability_sd**-2
            step = self._slope(statistics, ability) / bend
            before = self._posterior_of(statistics, ability)
            for _ in range(_HALVINGS):
                falls = self._posterior_of(statistics, ability + step) < before
                if not falls.any():
                    break
                step = np.where(falls, step / 2, step)
            ability = ability + np.where(self._posterior_of(statistics, ability + step) < before, 0.0, step)
        return ability

    def _posterior_of(self, statistics: AbilityStatistics, ability: FloatArray) -> FloatArray:
        return np.asarray(self._fit_of(statistics, ability) - 0.5 * ((ability - 1) / self.ability_sd) ** 2)


def _log(prob: FloatArray) -> FloatArray:
    return np.log(np.maximum(prob, _NEVER))


class GLAD(LabelEstimator):
    """Raters of different ability and items of different difficulty.

    Arguments and attributes are those of `DawidSkene`, without its priors. Abilities have a normal prior with mean and
    variance 1, and the logarithms of the ease of items a standard normal distribution.

    Attributes
    ----------
    ability_ : array (r,)
        0 is guessing, below 0 is worse than that.
    confusion_ : array (r, k, k)
        For an item drawn at random.

    References
    ----------
    Whitehill, Ruvolo, Wu, Bergsma & Movellan 2009, *Whose vote should count more*, NIPS 22.

    Examples
    --------
    >>> import emkit
    >>> glad = emkit.labels.GLAD(random_state=0).fit(emkit.load_data("anaesthetists"))
    >>> glad.ranking_[0]
    1
    """

    def _model_of(self, answers: Answers, *, has_gold: bool) -> Abilities:
        return Abilities(len(answers.raters), len(answers.labels), concentration=float(self.class_concentration))

    def _confusion(self, parameters: AbilityParameters) -> FloatArray:
        right, k = self.model_.right(parameters)[:, None, None], len(self.labels_)
        return np.asarray(np.where(np.eye(k, dtype=bool), right, (1 - right) / max(1, k - 1)))

    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        super()._adopt_parameters(model, parameters)
        self.ability_ = parameters.ability

    def item_table(self, X: Any = None) -> Table:
        """Return items and their expected difficulty (0 is usual, higher is harder), the hardest first."""
        items = self.items_ if X is None else self.items_of(X)
        parts = self._asked(X).map(lambda block: self.model_.difficulty(self.parameters_, block))
        difficulty = np.concatenate(parts)
        order = np.argsort(-difficulty, kind="stable")
        named = np.array(items, dtype=object)
        return Table({"item": named[order], "difficulty": difficulty[order]})
