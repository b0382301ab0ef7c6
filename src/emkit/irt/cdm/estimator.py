"""Cognitive diagnosis: the estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from emkit.core import Fit, Solver
from emkit.core.arrays import FloatArray, IntArray
from emkit.data import Source
from emkit.errors import ParameterError
from emkit.estimator import ModelEstimator
from emkit.irt.cdm.additive import AdditiveItem, additive_items
from emkit.irt.cdm.comparison import ItemRules, item_rules
from emkit.irt.cdm.design import RULES, all_profiles, design_of, follows, read_q_matrix
from emkit.irt.cdm.effects import effects_of
from emkit.irt.cdm.model import Diagnosis, DiagnosisParameters
from emkit.irt.cdm.validation import ClassificationAccuracy, QMatrixValidation, accuracy_of, q_matrix_validation
from emkit.randomness import generator_of

__all__ = ["CognitiveDiagnosis"]

_MANY, _FEW_STARTS = 64, 8  # classes above which optima are many and climbs long


class CognitiveDiagnosis(ModelEstimator):
    """Which attributes people have, from their right and wrong answers and a Q-matrix, by maximum likelihood.

    The Q-matrix says which attributes an item asks for. Under DINA people who have all of them answer right unless they
    slip, and the others only by guessing; under DINO any one of the attributes is enough; under ACDM, LLM and RRUM each
    attribute adds to the probability, to its log odds or to its logarithm; under GDINA every combination has a
    probability of its own. NaN is a question without an answer and is skipped, which is exact.

    Parameters
    ----------
    q_matrix : array (d, a) or data frame of 0 and 1
        Items down, attributes across.
    model : {"DINA", "DINO", "ACDM", "LLM", "RRUM", "GDINA"} or sequence of them, default "DINA"
        For all items, or for each.
    profiles : array (p, a) of 0 and 1, optional
        The profiles that may occur; all where None.
    hierarchy : sequence of pairs, default ()
        Attributes by name or number, the first of a pair being needed for the second.
    smoothing : float, default 0.0
        Imagined wrong and right answers of each group of an item; 0 is maximum likelihood.
    share_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the shares of the classes; 1 is none.
    tol, max_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    guess_, slip_ : array (d,)
        Probability of a right answer with the least, and of a wrong one with the most, of what an item asks for.
    profiles_ : array (p, a)
    profile_classes_ : array (p,), int
        Profiles of one class have the same probabilities for every item.
    profile_shares_ : array (p,)
        Shares of the profiles. Those that no item tells apart share alike what is known of them together.
    attribute_shares_ : array (a,)
    attributes_ : tuple of str
    item_probabilities_ : dict of item name to dict of pattern to float
        Probability of a right answer by what people have of the attributes that the item asks for.
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    References
    ----------
    Junker & Sijtsma 2001, Applied Psychological Measurement 25:258. de la Torre 2011, Psychometrika 76:179.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.irt import CognitiveDiagnosis
    >>> rng = np.random.default_rng(0)
    >>> q = np.array([[1, 0], [0, 1], [1, 1], [1, 0], [0, 1], [1, 1]])
    >>> has = rng.random((1000, 2)) < [0.6, 0.4]
    >>> able = (has.astype(int) @ q.T) == q.sum(axis=1)
    >>> answers = rng.random(able.shape) < np.where(able, 0.9, 0.2)
    >>> test = CognitiveDiagnosis(q, random_state=0).fit(answers)
    >>> test.attribute_shares_.round(1)
    array([0.6, 0.4])
    >>> float((test.predict(answers) == has).mean().round(2))
    0.91
    """

    _kind: ClassVar[str | None] = None
    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        q_matrix: Any = None,
        model: str | Sequence[str] = "DINA",
        *,
        profiles: Any = None,
        hierarchy: Sequence[tuple[Any, Any]] = (),
        smoothing: float = 0.0,
        share_concentration: float = 1.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.q_matrix = q_matrix
        self.model = model
        self.profiles = profiles
        self.hierarchy = hierarchy
        self.smoothing = smoothing
        self.share_concentration = share_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def _model(self) -> Diagnosis:
        if self.q_matrix is None:
            message = "`q_matrix` is missing: say which attributes each item asks for"
            raise ParameterError(message)
        if not self.smoothing >= 0 or not self.share_concentration > 0:
            message = (
                "`smoothing` must be at least 0 and `share_concentration` positive, got "
                f"{self.smoothing!r} and {self.share_concentration!r}"
            )
            raise ParameterError(message)
        self.q_matrix_, self.attributes_ = read_q_matrix(self.q_matrix)
        self._design = design_of(self.q_matrix_, self._rules(), self._allowed())
        mastery = tuple(float(np.mean(pattern)) if pattern else 1.0 for pattern in self._design.patterns)
        groups = tuple(map(tuple, self._design.group.tolist()))
        additive = additive_items(self._rules(), self._design.item_of, self._design.patterns)
        self._check_told_apart(additive)
        smoothing, concentration = float(self.smoothing), float(self.share_concentration)
        return Diagnosis(groups, mastery, smoothing, concentration, additive=additive)

    def _check_told_apart(self, additive: Sequence[AdditiveItem]) -> None:
        """Raise if the profiles leave the effects of attributes on an additive item open."""
        for _, groups, patterns in additive:
            design = np.column_stack([np.ones(len(patterns)), np.array(patterns)])
            if np.linalg.matrix_rank(design) < design.shape[1]:
                item = int(self._design.item_of[groups[0]])
                asked = [self.attributes_[a] for a in np.flatnonzero(self.q_matrix_[item])]
                message = (
                    f"the profiles allowed do not tell the effects of {', '.join(asked)} on item {item + 1} apart: "
                    "give it the rule 'GDINA'"
                )
                raise ParameterError(message)

    def _rules(self) -> list[str]:
        rules = [self.model] * len(self.q_matrix_) if isinstance(self.model, str) else list(self.model)
        if len(rules) != len(self.q_matrix_) or not set(rules) <= set(RULES):
            n_items = len(self.q_matrix_)
            message = f"`model` must be one of {RULES}, or {n_items} of them, one for each item; got {self.model!r}"
            raise ParameterError(message)
        return rules

    def _allowed(self) -> IntArray:
        """Return the profiles (p, a) that may occur."""
        n_attributes = self.q_matrix_.shape[1]
        profiles = all_profiles(n_attributes) if self.profiles is None else np.asarray(self.profiles)
        if profiles.ndim != 2 or profiles.shape[1] != n_attributes or not np.isin(profiles, (0, 1)).all():
            message = f"`profiles` must hold 0 and 1 with {n_attributes} columns, got shape {profiles.shape}"
            raise ParameterError(message)
        order = [(self._attribute(first), self._attribute(second)) for first, second in self.hierarchy]
        return follows(np.unique(profiles.astype(np.intp), axis=0), order)

    def _attribute(self, name: Any) -> int:
        if name in self.attributes_:
            return self.attributes_.index(name)
        if isinstance(name, (int, np.integer)) and 0 <= name < len(self.attributes_):
            return int(name)
        message = f"`hierarchy` names {name!r}; the attributes are {list(self.attributes_)}"
        raise ParameterError(message)

    def _maximised(self, model: Diagnosis, source: Any) -> Fit:
        names = source.feature_names or tuple(f"item {j + 1}" for j in range(source.n_features))
        return super()._maximised(replace(model, items=tuple(names)), source)

    def _n_starts(self, model: Diagnosis, source: Source) -> int | Literal["auto"]:
        return _FEW_STARTS if self.n_init == "auto" and len(model.groups) > _MANY else self.n_init

    def _adopt_parameters(self, model: Diagnosis, parameters: DiagnosisParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        design, right = self._design, model.outcomes(parameters)[:, 1]
        self.profiles_, self.profile_classes_ = design.profiles, design.kind
        self.profile_shares_ = self._spread(parameters.share[None])[0]
        self.attribute_shares_ = self.profile_shares_ @ design.profiles
        own = [np.flatnonzero(design.item_of == j) for j in range(len(self.q_matrix_))]
        mastery = np.array(model.mastery)
        self.guess_ = np.array([right[at[np.argmin(mastery[at])]] for at in own])
        self.slip_ = np.array([1 - right[at[np.argmax(mastery[at])]] for at in own])

    def _spread(self, of_classes: FloatArray) -> FloatArray:
        """Return numbers (n, k) of classes spread alike over their profiles, (n, p)."""
        kind = self.profile_classes_
        return np.asarray((of_classes / np.bincount(kind))[:, kind])

    # --- answers ---

    @property
    def item_probabilities_(self) -> dict[str, dict[tuple[int, ...], float]]:
        """Probability of a right answer by item and by what people have of the attributes that it asks for."""
        design = design_of(self.q_matrix_, self._rules(), self.profiles_)
        found: dict[str, dict[tuple[int, ...], float]] = {name: {} for name in self.model_.items}
        for item, pattern, right in zip(
            design.item_of, design.patterns, self.model_.outcomes(self.parameters_)[:, 1], strict=True
        ):
            found[self.model_.items[item]][pattern] = float(right)
        return found

    def profile_probabilities(self, X: Any) -> FloatArray:
        """Return the probability (n, p) of each profile for each person."""
        source = self._new_source(X, None, self.n_threads)
        parts = source.map(lambda block: self.model_.posterior(self.parameters_, block))
        return self._spread(np.concatenate(parts))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability (n, a) that each person has each attribute (expected a posteriori)."""
        return np.asarray(self.profile_probabilities(X) @ self.profiles_)

    def predict(self, X: Any, rule: Literal["map", "eap", "ml"] = "map") -> IntArray:
        """Return the attributes (n, a) of each person, as 0 and 1.

        Parameters
        ----------
        rule : {"map", "eap", "ml"}
            The most probable profile; each attribute by itself, where it is more probable than not; or the profile
            under which the answers are most probable, whatever the shares.
        """
        if rule not in ("map", "eap", "ml"):
            message = f"`rule` must be 'map', 'eap' or 'ml', got {rule!r}"
            raise ParameterError(message)
        if rule == "eap":
            return (self.predict_proba(X) > 0.5).astype(np.intp)
        prob = self.profile_probabilities(X)
        if rule == "ml":
            with np.errstate(divide="ignore", invalid="ignore"):
                prob = np.where(self.profile_shares_ > 0, prob / self.profile_shares_, 0.0)
        return np.asarray(self.profiles_[prob.argmax(axis=1)])

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-likelihood (n,) of each person's answers."""
        source = self._new_source(X, None, self.n_threads)
        return np.concatenate(source.map(lambda block: self.model_.log_density(self.parameters_, block)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-likelihood per person; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        return self._loglik(source) / source.total_weight

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[FloatArray, IntArray]:
        """Return the answers (n, d) of new people and their attributes (n, a)."""
        self._check_fitted()
        rng = generator_of(self.random_state if random_state is None else random_state)
        answers, classes = self.model_.sample(self.parameters_, n_samples, rng)
        first = np.unique(self.profile_classes_, return_index=True)[1]
        return answers, np.asarray(self.profiles_[first[classes]])

    # --- checks ---

    def item_rules(self, *, level: float = 0.05) -> ItemRules:
        """Return Wald tests of the reduced rules on each item, after a fit of saturated items (GDINA).

        Parameters
        ----------
        level : float, default 0.05
            Rules with a smaller p are refuted: see `ItemRules.chosen`, which `model` takes in the order of the items.

        Raises
        ------
        ParameterError
            If an item that asks for several attributes is not saturated.
        """
        self._check_fitted()
        n_asked = self.q_matrix_.sum(axis=1)
        for name, rule, n in zip(self.model_.items, self._rules(), n_asked, strict=True):
            if n > 1 and rule != "GDINA":
                message = f"rules are tested against saturated items: fit with 'GDINA', not {rule!r} as for {name!r}"
                raise ParameterError(message)
        found = self.fit_.delta(lambda at: self.model_.outcomes(at)[:, 1])
        design, right = self._design, np.asarray(found.value)
        own = [np.flatnonzero(design.item_of == j) for j in range(len(n_asked))]
        patterns = [np.array([design.patterns[group] for group in groups]) for groups in own]
        covariances = [found.covariance[np.ix_(groups, groups)] for groups in own]
        return item_rules(self.model_.items, patterns, [right[groups] for groups in own], covariances, level)

    def q_matrix_validation(self, X: Any, sample_weight: Any = None, *, threshold: float = 0.95) -> QMatrixValidation:
        """Return what the answers say of the Q-matrix: for each item the smallest set of attributes that explains it.

        Parameters
        ----------
        X, sample_weight : as for `fit`
        threshold : float, default 0.95
            Share of the variance between profiles that a set must account for.
        """
        if not 0 < threshold < 1:
            message = f"`threshold` must lie between 0 and 1, got {threshold!r}"
            raise ParameterError(message)
        prob, weights, rows = self._classified(X, sample_weight)
        seen = ~np.isnan(rows)
        resp = (prob * weights[:, None]).T
        counts = resp @ seen, resp @ np.where(seen, rows, 0.0)
        names = self.model_.items, self.attributes_
        return q_matrix_validation(names, self.q_matrix_, self.profiles_, counts, threshold)

    def classification_accuracy(self, X: Any, sample_weight: Any = None) -> ClassificationAccuracy:
        """Return how probable it is that people are classified right, by profile and by attribute."""
        prob, weights, _ = self._classified(X, sample_weight)
        return accuracy_of(prob, weights, self.profiles_, self.attributes_)

    def _classified(self, X: Any, sample_weight: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the probabilities (n, p) of profiles, weights (n,) and answers (n, d) of people."""
        source = self._new_source(X, sample_weight, self.n_threads)
        parts = source.map(
            lambda b: (self.model_.posterior(self.parameters_, b), b.weights, np.asarray(b.X, dtype=float))
        )
        prob, weights, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
        return self._spread(prob), weights, rows

    def effects(
        self, link: Literal["identity", "logit", "log"] = "identity"
    ) -> dict[str, dict[tuple[str, ...], float]]:
        """Return main effects and interactions of attributes, by item: the delta parameters of the G-DINA framework.

        The probability of a right answer, through the link, is the sum of the effects of all sets of attributes that a
        person has; the empty set is the intercept.
        """
        self._check_fitted()
        return effects_of(self.q_matrix_, self.attributes_, self.item_probabilities_, link)
