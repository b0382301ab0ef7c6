"""Latent class analysis: the estimator.

Story: people belong to classes that are not seen; within a class their answers to several questions are independent.
What the answers have in common is the class. See `families.categorical`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Fit, Solver
from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data import Source, as_source
from emkit.errors import DataError, ParameterError
from emkit.families.categorical import Categorical
from emkit.families.discrete import distinct_rows
from emkit.mixture._asked import Asked
from emkit.mixture._covariates import Covariates
from emkit.mixture._gated import GatedMixture
from emkit.mixture._levels import Levels
from emkit.mixture._three_step import Assignment, Distal, ThreeStep, class_means, three_step
from emkit.mixture.model import FiniteMixture

__all__ = ["LatentClassAnalysis"]


class LatentClassAnalysis(GatedMixture):
    """Latent class analysis of categorical items, by maximum likelihood.

    Items may have any number of unordered levels, as text, integers or truth values; the levels are those that occur in
    the training data. None and NaN are questions without an answer, missing at random, and are skipped, which is exact.

    Parameters
    ----------
    n_classes : int, default 2
        Number of classes, k.
    unseen : {"error", "missing"}, default "error"
        What an answer that did not occur in the training data is in new data.
    weight_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the class shares; 1 is none.
    tol, max_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    class_shares_ : array (k,)
        Shares of the classes, falling; with covariates their means over the rows.
    log_odds_ : array (k - 1, q) or None
        With covariates: log odds of each class against the first, by `terms_`.
    terms_ : tuple of str
        "intercept" and the covariates.
    item_probabilities_ : dict of item name to array (k, levels)
        Probabilities of the answers in each class.
    levels_ : dict of item name to tuple
        The answers that the columns of `item_probabilities_` stand for.
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import emkit
    >>> table = emkit.load_data("carcinoma")
    >>> classes = emkit.LatentClassAnalysis(3, random_state=0).fit(table)
    >>> classes.class_shares_.round(3)
    array([0.445, 0.374, 0.182])
    >>> round(classes.fit_.loglik, 4)
    -293.705
    """

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        n_classes: int = 2,
        *,
        unseen: Literal["error", "missing"] = "error",
        weight_concentration: float = 1.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_classes = n_classes
        self.unseen = unseen
        self.weight_concentration = weight_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        covariates: Any = None,
        labels: Any = None,
        groups: Any = None,
        checkpoint: Any = None,
    ) -> Self:
        """Fit to answers `X` (n, d), with case weights (n,) if given; `y` is ignored.

        Parameters
        ----------
        X : table or array (n, d), path, or source
            Of numbers in a source (`emkit.data.scan`, Dask, Spark) the distinct rows alone are held.
        sample_weight : array (n,), optional
        covariates : array (n,) or (n, q), table, or names of columns of `X`, optional
            The class shares depend on them by a multinomial logit, which is fitted together with the classes (one
            step). See `three_step` for classes that do not know of them.
        labels, groups : array (n,), optional
            Classes that are known, and rows that belong to one class; see `GaussianMixture.fit`.
        checkpoint : path or emkit.Checkpoint, optional
            See `GaussianMixture.fit`.

        Raises
        ------
        DataError, DataTypeError
            If `X`, `covariates` or `sample_weight` is not what was expected, or a covariate is missing.
        ParameterError
            If a constructor argument is out of range.

        Warns
        -----
        ConvergenceWarning, DegenerateWarning
            If the fit did not converge, or a part of the model collapsed.
        """
        asked = Asked(X, covariates)
        super().fit(asked, y, sample_weight, labels=labels, groups=groups, checkpoint=checkpoint)
        return self

    _count_name: ClassVar[str] = "n_classes"
    _gate_role: ClassVar[str] = "covariates"
    _shares_word: ClassVar[str] = "class shares"

    def _family(self) -> Categorical:
        if self.unseen not in ("error", "missing"):
            message = f"`unseen` must be 'error' or 'missing', got {self.unseen!r}"
            raise ParameterError(message)
        return Categorical()

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        asked = Asked.of(X)
        if _is_read_in_passes(asked.X):
            counted = _distinct(asked.X, sample_weight, n_threads)
            asked, sample_weight = Asked(counted[0], asked.covariates), counted[1]
        columns, names, are_own, gate = asked.split()
        levels, codes = Levels.learned(columns, names)
        self.levels_ = dict(zip(names, levels.values, strict=True))
        self._learn_gate(asked, gate)
        source = as_source(
            codes,
            sample_weight,
            feature_names=tuple(names) if are_own or gate else None,
            n_threads=n_threads,
            min_rows=min_rows,
        ).answering_like(asked.X)
        self.n_features_in_ = len(columns)
        self.__dict__.pop("feature_names_in_", None)
        if are_own:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        return self._with_gate(source, gate)

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        self._check_fitted()
        columns, names, are_own, gate = Asked.of(X).split(self.picked_, list(self.levels_))
        if are_own:
            stand_in: Any = SimpleNamespace(feature_names=tuple(names))
            self._check_names(stand_in)
        if len(columns) != self.n_features_in_:
            message = f"X has {len(columns)} items, but {type(self).__name__} was fitted to {self.n_features_in_}"
            raise DataError(message)
        codes = Levels(tuple(self.levels_.values())).codes(columns, list(self.levels_), unseen=self.unseen)
        source = as_source(codes, sample_weight, n_threads=n_threads, allow_missing_columns=True)
        source = source.answering_like(Asked.of(X).X)
        return self._with_gate(source, gate) if self._is_gated else source

    def _described(self, model: FiniteMixture, names: Sequence[str] | None) -> Categorical:
        return Categorical(Levels(tuple(self.levels_.values())).labels)

    def _adopt(self, fit: Fit, source: Source) -> None:
        super()._adopt(fit, source)
        if self._is_gated:
            self.class_shares_ = self._mean_shares(source)

    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        self.model_, self.parameters_ = model, parameters
        self._adopt_gate(parameters)
        if self.log_odds_ is None:
            self.class_shares_ = parameters.mix
        items = parameters.members.items
        self.item_probabilities_ = {name: item.prob for name, item in zip(self.levels_, items, strict=True)}

    # --- answers ---

    def predict(self, X: Any, covariates: Any = None) -> IntArray:
        """Return the most probable class (n,) of each row; covariates as for `fit`."""
        return super().predict(Asked(X, covariates))

    def predict_proba(self, X: Any, covariates: Any = None) -> FloatArray:
        """Return the probability (n, k) of each class for each row; covariates as for `fit`."""
        return super().predict_proba(Asked(X, covariates))

    def score_samples(self, X: Any, covariates: Any = None) -> FloatArray:
        """Return the log-probability (n,) of the answers of each row; covariates as for `fit`."""
        return super().score_samples(Asked(X, covariates))

    def shares(self, covariates: Any) -> FloatArray:
        """Return the class shares (n, k) at covariates (n, q).

        Raises
        ------
        ParameterError
            If the classes were fitted without covariates.
        """
        return self._shares_at(covariates)

    def three_step(
        self,
        X: Any,
        covariates: Any,
        sample_weight: Any = None,
        *,
        correction: Literal["ml", "bch", "none"] = "ml",
        assignment: Literal["modal", "proportional"] = "modal",
    ) -> ThreeStep:
        """Relate the classes, as they were fitted, to covariates, corrected for errors of assignment.

        Parameters
        ----------
        X : table or array (n, d)
            The answers.
        covariates : array (n,) or (n, q), table, or names of columns of `X`
        sample_weight : array (n,), optional
        correction : {"ml", "bch", "none"}, default "ml"
            Maximum likelihood with known errors, weights that undo them, or none, which is biased towards no relation.
        assignment : {"modal", "proportional"}, default "modal"
            To the most probable class, or to all by their probabilities.

        References
        ----------
        Vermunt 2010, Political Analysis 18:450.
        """
        given, rows, terms = self._assigned(X, covariates, sample_weight, assignment)
        return three_step(given, rows, terms, correction=correction, assignment=assignment, n_threads=self.n_threads)

    def distal(
        self,
        X: Any,
        outcome: Any,
        sample_weight: Any = None,
        *,
        assignment: Literal["modal", "proportional"] = "modal",
    ) -> Distal:
        """Return the means of an outcome (n,) in the classes, corrected for errors of assignment (BCH).

        A missing outcome leaves its row out. Code a category as 0 and 1 to get its share.
        """
        given, rows, _ = self._assigned(X, outcome, sample_weight, assignment)
        if rows.shape[1] != 1:
            message = f"`outcome` must be one column of numbers, got {rows.shape[1]}"
            raise ParameterError(message)
        return class_means(given, rows[:, 0])

    def _assigned(
        self, X: Any, covariates: Any, sample_weight: Any, assignment: str
    ) -> tuple[Assignment, FloatArray, tuple[str, ...]]:
        self._check_fitted()
        if self.log_odds_ is not None:
            message = "the first of three steps fits the classes without covariates: fit them to the answers alone"
            raise ParameterError(message)
        asked = Asked(X, covariates)
        names = list(self.levels_) if hasattr(self, "feature_names_in_") else None
        columns, _, _, gate = asked.split(asked.picked, names)
        layout = Covariates.of(gate)
        rows = layout.rows(gate, len(columns[0]))
        items = X if not asked.picked else dict(zip(self.levels_, columns, strict=True))
        source = self._new_source(items, sample_weight, self.n_threads)
        posterior = np.concatenate(source.map(lambda block: self.model_.posterior(self.parameters_, block)))
        weights = np.concatenate([block.weights for block in source.blocks()])
        return Assignment.of(posterior, weights, assignment), rows, layout.labels

    def entropy(self, X: Any) -> float:
        """Return how clearly rows belong to classes: 1 is without doubt, 0 is no better than guessing.

        1 - sum_ik (-r_ik log r_ik) / (n log k), with r the probabilities of the classes.
        """
        source = self._new_source(X, None, self.n_threads)
        k = len(self.class_shares_)
        if k == 1:
            return 1.0
        doubt = sum(source.map(self._doubt))
        return 1 - doubt / (source.total_weight * float(np.log(k)))

    def _doubt(self, block: Any) -> float:
        resp: FloatArray = self.model_.posterior(self.parameters_, block)
        return float(-(resp * np.log(np.where(resp > 0, resp, 1.0))).sum())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[Array, IntArray]:
        """Return new rows of answers (n, d) and their classes (n,), in random order."""
        codes, labels = super().sample(n_samples, random_state)
        return Levels(tuple(self.levels_.values())).decoded(codes), labels


def _is_read_in_passes(X: Any) -> bool:
    """Return whether answers are in files or batches, or on a cluster, and not in a table at hand."""
    return isinstance(X, Source) or callable(X) or type(X).__module__.startswith(("dask.", "pyspark."))


def _distinct(X: Any, sample_weight: Any, n_threads: int | None) -> tuple[dict[str, Array], FloatArray]:
    """Return the distinct rows of numbers of a source, columns by name, and their total weights.

    Raises
    ------
    DataError
        If they are too many to be held: they then are no answers to a few questions.
    """
    rows: Any = distinct_rows(as_source(X, sample_weight, n_threads=n_threads, allow_missing_columns=True))
    if not rows.is_in_memory:
        message = (
            f"nearly all of the {rows.n_rows} rows differ from one another, so that counting equal ones does not make "
            "them few: are these categorical answers? Choose the columns by emkit.data.scan(path, columns=[...])"
        )
        raise DataError(message)
    X = np.concatenate([block.X for block in rows.blocks()])
    names = rows.feature_names or tuple(f"x{j + 1}" for j in range(rows.n_features))
    return dict(zip(names, X.T, strict=True)), rows.weights
