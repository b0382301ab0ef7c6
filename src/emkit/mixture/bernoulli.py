"""Mixtures of yes-or-no variables: the estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from emkit.core import Fit
from emkit.data import Source
from emkit.errors import DataError
from emkit.families.categorical import Categorical
from emkit.mixture._plain import PlainMixture
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["BernoulliMixture"]


class BernoulliMixture(PlainMixture):
    """Mixture of vectors of independent 0/1 variables, by maximum likelihood.

    Each row comes from component z_i with probability mix_k; its d entries are then independent and 1 with the
    probabilities of that component. NaN entries are missing at random and are skipped, which is exact. Equal rows are
    counted once.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, k.
    weight_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the mixing proportions; 1 is none.
    tol, max_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    weights_ : array (k,)
        Mixing proportions, falling.
    probabilities_ : array (k, d)
        Of a 1.
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import emkit
    >>> X = emkit.load_data("carcinoma").numeric()[0] - 1
    >>> mixture = emkit.BernoulliMixture(2, random_state=0).fit(X)
    >>> round(mixture.fit_.loglik, 4)
    -317.2568
    """

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_missing: ClassVar[bool] = True

    def _family(self) -> Categorical:
        return Categorical()

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        return _checked(super()._fit_source(X, sample_weight, n_threads, min_rows))

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        return _checked(super()._new_source(X, sample_weight, n_threads))

    def _maximised(self, model: FiniteMixture, source: Source) -> Fit:
        family = Categorical((("0", "1"),) * source.n_features)
        return super()._maximised(replace(model, family=family), source)

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.weights_ = parameters.mix
        self.probabilities_ = np.column_stack([item.prob[:, 1] for item in parameters.members.items])


def _checked(source: Source) -> Source:
    for block in source.blocks():
        wrong = (block.X != 0) & (block.X != 1) & ~np.isnan(block.X)
        if wrong.any():
            i, j = (int(part[0]) for part in np.nonzero(wrong))
            column = repr(source.feature_names[j]) if source.feature_names else str(j)
            message = f"expected 0, 1 or NaN, got {block.X[i, j]!s} in row {block.start + i}, column {column}"
            raise DataError(message)
    return source
