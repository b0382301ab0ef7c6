"""Mixtures of directions: the estimator.

Story: rows are directions, or vectors whose length does not matter, as word counts of documents; each was drawn around
one of k mean directions. See `families.von_mises_fisher`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from emkit.data import Source, as_source
from emkit.data.device import DeviceSource
from emkit.data.memory import MemorySource
from emkit.errors import DataTypeError
from emkit.families.von_mises_fisher import VonMisesFisher, unit_rows
from emkit.mixture._plain import PlainMixture
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["VonMisesFisherMixture"]


class VonMisesFisherMixture(PlainMixture):
    """Mixture of von Mises-Fisher distributions on the sphere, by maximum likelihood.

    Rows, dense or sparse, are scaled to unit length; each comes from component z_i with probability mix_k and then has
    density exp(c_k m_k' x - H(c_k)) with respect to the uniform distribution on the sphere (the convention of movMF:
    a log-likelihood above zero is better than no direction at all).

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
    mean_directions_ : array (k, d)
        Of unit length.
    concentrations_ : array (k,)
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import numpy as np, emkit
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 3)) + np.where(rng.random((300, 1)) < 0.3, [4, 0, 0], [0, 4, 0])
    >>> mixture = emkit.VonMisesFisherMixture(2, random_state=0).fit(X)
    >>> mixture.mean_directions_.round(1) + 0.0
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_sparse: ClassVar[bool] = True

    def _family(self) -> VonMisesFisher:
        return VonMisesFisher()

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        return _scaled(super()._fit_source(X, sample_weight, n_threads, min_rows))

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        return _scaled(super()._new_source(X, sample_weight, n_threads))

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.weights_ = parameters.mix
        self.mean_directions_ = parameters.members.mean
        self.concentrations_ = parameters.members.concentration


def _scaled(source: Source) -> Source:
    """Return the rows of positive weight, or all, at unit length."""
    if isinstance(source, DeviceSource):
        return source.with_rows(unit_rows(source.X, source.weights if source.is_weighted else None))
    if not isinstance(source, MemorySource):
        message = "directions are scaled to unit length in memory: pass an array, a table or sparse rows"
        raise DataTypeError(message)
    weights = source.weights if source.is_weighted else None
    return as_source(
        unit_rows(source.X, weights),
        weights,
        feature_names=source.feature_names,
        allow_sparse=True,
        n_threads=source.n_threads,
    ).answering_like(source.kind)
