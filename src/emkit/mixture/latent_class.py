"""Latent class analysis: the estimator.

Story: people belong to classes that are not seen; within a class their answers to several questions are independent.
What the answers have in common is the class. See `families.categorical`.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import numpy as np

from emkit.core import Fit, Solver
from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data import Source, as_source
from emkit.errors import DataError, ParameterError
from emkit.families.categorical import Categorical
from emkit.mixture._base import MixtureEstimator
from emkit.mixture._levels import Levels, read_columns
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["LatentClassAnalysis"]


class LatentClassAnalysis(MixtureEstimator):
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
        Shares of the classes, falling.
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

    _count_name: ClassVar[str] = "n_classes"

    def _family(self) -> Categorical:
        if self.unseen not in ("error", "missing"):
            message = f"`unseen` must be 'error' or 'missing', got {self.unseen!r}"
            raise ParameterError(message)
        return Categorical()

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        columns, names, are_own = read_columns(X)
        levels = Levels.of(columns)
        codes = levels.codes(columns, names, unseen="error")
        source = as_source(codes, feature_names=names if are_own else None)
        self.levels_ = dict(zip(names, levels.values, strict=True))
        return super()._fit_source(source, sample_weight, n_threads, min_rows)

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        self._check_fitted()
        columns, names, are_own = read_columns(X)
        if are_own:
            stand_in: Any = SimpleNamespace(feature_names=tuple(names))
            self._check_names(stand_in)
        if len(columns) != self.n_features_in_:
            message = f"X has {len(columns)} items, but {type(self).__name__} was fitted to {self.n_features_in_}"
            raise DataError(message)
        levels = Levels(tuple(self.levels_.values()))
        codes = levels.codes(columns, list(self.levels_), unseen=self.unseen)
        source = as_source(codes, feature_names=names if are_own else None, allow_missing_columns=True)
        return super()._new_source(source, sample_weight, n_threads)

    def _maximised(self, model: FiniteMixture, source: Source) -> Fit:
        family = Categorical(Levels(tuple(self.levels_.values())).labels)
        return super()._maximised(replace(model, family=family), source)

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.class_shares_ = parameters.mix
        items = parameters.members.items
        self.item_probabilities_ = {name: item.prob for name, item in zip(self.levels_, items, strict=True)}

    # --- answers ---

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
