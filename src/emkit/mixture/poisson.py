"""Mixtures of Poisson counts: the estimator."""

from __future__ import annotations

from typing import ClassVar

from emkit.families.poisson import Poisson
from emkit.mixture._plain import PlainMixture
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["PoissonMixture"]


class PoissonMixture(PlainMixture):
    """Mixture of vectors of independent Poisson counts, by maximum likelihood.

    Each row of counts comes from component z_i with probability mix_k; its d counts are then independent with rates
    rate_k. NaN entries are missing at random and are skipped, which is exact. Equal rows are counted once.

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
    rates_ : array (k, d)
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import emkit
    >>> table = emkit.load_data("hasselblad_deaths")
    >>> deaths, days = table["deaths"].reshape(-1, 1), table["freq"]
    >>> mixture = emkit.PoissonMixture(2, random_state=0).fit(deaths, sample_weight=days)
    >>> mixture.rates_.round(3).ravel()
    array([2.663, 1.256])
    >>> round(mixture.fit_.loglik, 3)
    -1989.946
    """

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_missing: ClassVar[bool] = True

    def _family(self) -> Poisson:
        return Poisson()

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.weights_, self.rates_ = parameters.mix, parameters.members.rate
