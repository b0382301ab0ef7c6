"""Mixtures of yes-or-no variables: the estimator."""

from __future__ import annotations

from typing import Any, ClassVar

from emkit.data import Source
from emkit.families.bernoulli import Bernoulli
from emkit.mixture._plain import PlainMixture
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["BernoulliMixture"]


class BernoulliMixture(PlainMixture):
    """Mixture of vectors of independent 0/1 variables, by maximum likelihood.

    Each row comes from component z_i with probability mix_k; its d entries are then independent and 1 with the
    probabilities of that component. NaN entries are missing at random and are skipped, which is exact. Equal rows are
    counted once. Sparse rows are taken as they are: only the ones are touched.

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

    _takes_sparse: ClassVar[bool] = True

    def _family(self) -> Bernoulli:
        return Bernoulli()

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        source = super()._new_source(X, sample_weight, n_threads)
        self.model_.family.prepared(source, self.n_components)
        return source

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.weights_, self.probabilities_ = parameters.mix, parameters.members.prob
