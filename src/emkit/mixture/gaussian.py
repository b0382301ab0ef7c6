"""Gaussian mixtures: the estimator.

Story: each row was drawn from one of k normal distributions; which one was not recorded. See `mixture.model` for the
mixture and `families.gaussian` for its members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray, IntArray
from emkit.data import Source
from emkit.errors import ParameterError
from emkit.families.covariance import structure_of
from emkit.families.gaussian import Gaussian
from emkit.families.gaussian_filling import mixture_filled
from emkit.families.gaussian_prior import NormalInverseWishart
from emkit.mixture._base import MixtureEstimator
from emkit.mixture.given import given_start, parameters_from
from emkit.mixture.model import FiniteMixture, MixtureParameters
from emkit.mixture.noise import NoisyMixture, noise_labelled, noisy_start, with_noise
from emkit.mixture.slices import conditional_parameters, marginal_parameters, resolve_columns
from emkit.randomness import generator_of

__all__ = ["GaussianMixture"]


class GaussianMixture(MixtureEstimator):
    """Gaussian mixture by maximum likelihood, or maximum a posteriori with a prior.

    Each row x_i (d features) comes from component z_i with probability mix_k, and then from N(mean_k, Sigma_k); z_i is
    not seen. NaN entries are missing at random and are integrated out exactly.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, k.
    covariance_type : str or FactorAnalytic, default "full"
        "full", "tied", "diag" or "spherical", or a code of mclust: a letter each for the components' volume, shape and
        orientation, E equal, V varying, I along the columns: "EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE",
        "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"; for one feature also "E" and "V". For many features
        `emkit.families.FactorAnalytic(n_factors)`: mixtures of factor analyzers and of principal components.
    prior : NormalInverseWishart, optional
        Conjugate prior on means and covariances. None is maximum likelihood, but for a penalty that stops a collapsing
        covariance at a millionth of the columns' standard deviations (`families.gaussian_prior.FLOOR`); a fit in which
        it matters has the status `degenerate`.
    noise : bool or float, default False
        Whether there is a further component of noise, uniform over the box that the rows span (Banfield & Raftery
        1993), for rows that belong to no group; a number is the volume of the noise.
    weight_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the mixing proportions; 1 is none.
    tol : float, default 1e-6
        Log-likelihood still to be gained, as predicted, at which to stop.
    max_iter : int, default 1000
        Iterations of each climb.
    n_init : int or "auto"
        Starts. "auto" stops after 8 (k - 1) that agree, or 128 if eight of them reached the best optimum, or 256.
    weights_init, means_init, precisions_init : arrays, optional
        A start of one's own: means (k, d) alone will do.
    noise_init : array (n,) of bool, optional
        A first guess of which rows are noise, to start from that alone.
    start : Fit, GaussianMixture, labels (n,) or responsibilities (n, k), optional
        Another way to say where to start.
    solver : Solver or "auto"
        `EM()`, `QuasiNewton()`, `Squarem()`, `Anderson()`.
    random_state : int, Generator or None
        Seeds the starts and `sample`.
    n_threads : int, optional
        Threads; all by default. Changes no bit of the result.
    on_iteration : callable, optional
        Called after each step; returning True stops the fit.

    Attributes
    ----------
    weights_ : array (k,)
        Mixing proportions, falling; with noise (k + 1,), that of the noise last.
    means_ : array (k, d)
    covariances_ : array (k, d, d), or (k, d) for codes that end in I and "diag"
        For all components one (d, d) or (d,) where they share it ("tied", EEE, EEI), (k,) or (1,) where they are
        spherical ("spherical", VII, EII).
    precisions_, precisions_cholesky_ : arrays shaped like `covariances_`
    converged_ : bool
    n_iter_ : int
    fit_ : Fit
        The whole result: `fit_.loglik` is the log-likelihood at these parameters, `fit_.status` how it ended,
        `fit_.trace` the way there, `fit_.starts` what the starts found.
    n_features_in_ : int
    feature_names_in_ : array (d,) of str, where the data had names

    Notes
    -----
    With noise `predict` gives -1 for rows that are most probably noise, and `predict_proba` has the noise in its last
    column. Its volume counts as a parameter in `bic` (as in mclust). Rows outside the box of the data have no noise.

    Examples
    --------
    >>> import emkit
    >>> X, names = emkit.load_data("faithful").numeric()
    >>> mixture = emkit.GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> mixture.means_.round(2)
    array([[ 4.29, 79.97],
           [ 2.04, 54.48]])
    >>> round(mixture.fit_.loglik, 3)
    -1130.264
    """

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: Any = "full",
        prior: NormalInverseWishart | None = None,
        noise: bool | float = False,
        weight_concentration: float = 1.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        noise_init: Any = None,
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.prior = prior
        self.noise = noise
        self.weight_concentration = weight_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.noise_init = noise_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def _family(self) -> Gaussian:
        return Gaussian(structure_of(self.covariance_type), self.prior)

    def _model(self) -> FiniteMixture:
        model = super()._model()
        if self.noise is False:
            return model
        return NoisyMixture(with_noise(model.family, self.noise), model.n_components + 1, model.concentration)

    def _start(self, model: FiniteMixture, source: Source) -> MixtureParameters | None:
        if isinstance(model, NoisyMixture):
            return noisy_start(self, model, source)
        if self.noise_init is not None:
            message = "`noise_init` is for a mixture with `noise`: set `noise=True`"
            raise ParameterError(message)
        return given_start(self, model, source)

    def _check_rows(self, model: FiniteMixture, source: Source) -> None:
        super()._check_rows(model, source)
        structure_of(self.covariance_type).check(source.n_features)
        if isinstance(self.covariance_type, str) and self.covariance_type in ("E", "V") and source.n_features != 1:
            message = (
                f"`covariance_type` {self.covariance_type!r} is for one feature, and `X` has {source.n_features}; "
                f"use a code of three letters, such as '{self.covariance_type * 3}'"
            )
            raise ParameterError(message)

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        members = parameters.members.members if isinstance(model, NoisyMixture) else parameters.members
        self.weights_, self.means_ = parameters.mix, members.mean
        structure: Any = model.family.structure  # type: ignore[attr-defined]
        cov, whiten = structure.cov(members), members.whiten
        if whiten.ndim == 3:
            upper = np.swapaxes(whiten, 1, 2)
            self.precisions_cholesky_ = upper[0] if structure.is_shared else upper
            self.covariances_ = cov[0] if structure.is_shared else cov
            self.precisions_ = self.precisions_cholesky_ @ np.swapaxes(self.precisions_cholesky_, -1, -2)
        else:
            full = np.broadcast_to(cov, (1 if structure.is_shared else len(cov), self.means_.shape[1]))
            self.covariances_ = np.array(full[:, 0] if structure.is_spherical else full)
            self.precisions_ = 1 / self.covariances_
            self.precisions_cholesky_ = np.sqrt(self.precisions_)

    @classmethod
    def from_parameters(
        cls, weights: Any, means: Any, covariances: Any, covariance_type: Any = "full"
    ) -> GaussianMixture:
        """Return a mixture with known parameters, ready to predict, score and sample without a fit.

        Parameters
        ----------
        weights : array (k,)
        means : array (k, d)
        covariances : array
            Shaped as `covariances_` is for `covariance_type`.
        """
        parameters = parameters_from(weights, means, covariances, structure_of(covariance_type))
        return cls._of(parameters, covariance_type)

    @classmethod
    def _of(cls, parameters: MixtureParameters, covariance_type: Any, names: Any = None) -> GaussianMixture:
        made = cls(n_components=len(parameters.mix), covariance_type=covariance_type)
        made.n_features_in_ = parameters.members.mean.shape[1]
        if names is not None:
            made.feature_names_in_ = np.asarray(names, dtype=object)
        made._adopt_parameters(made._model(), parameters)
        return made

    # --- answers ---

    def marginal(self, columns: Sequence[int | str]) -> GaussianMixture:
        """Return the mixture of some of the features alone."""
        self._check_noiseless("marginal")
        names = getattr(self, "feature_names_in_", None)
        keep = resolve_columns(columns, self.n_features_in_, names)
        parameters = marginal_parameters(self.parameters_, keep)
        return self._of(parameters, _sliced_type(self.covariance_type), None if names is None else names[keep])

    def conditional(self, given: Mapping[int | str, float]) -> GaussianMixture:
        """Return the mixture of the other features, given the values of some.

        Parameters
        ----------
        given : mapping from column (number or name) to its value
        """
        self._check_noiseless("conditional")
        names = getattr(self, "feature_names_in_", None)
        known = resolve_columns(list(given), self.n_features_in_, names)
        parameters, rest = conditional_parameters(self.parameters_, known, np.array(list(given.values()), dtype=float))
        return self._of(parameters, _sliced_type(self.covariance_type), None if names is None else names[rest])

    def impute(self, X: Any, *, method: Literal["mean", "draw"] = "mean", random_state: Any = None) -> FloatArray:
        """Return a copy of `X` (n, d) without missing entries.

        Parameters
        ----------
        X : array (n, d)
            NaN where missing.
        method : "mean" or "draw"
            The mean given the observed entries of the row, over all components; or a draw, which keeps the spread and
            the groups.
        random_state : int, Generator or None
            Seeds the draws.
        """
        if method not in ("mean", "draw"):
            message = f'`method` must be "mean" or "draw", got {method!r}'
            raise ParameterError(message)
        self._check_noiseless("impute")
        source = self._new_source(X, None, self.n_threads)
        members, structure = self.parameters_.members, self.model_.family.structure
        k, d = members.mean.shape
        cov = structure.cov(members)
        full = cov if structure.is_dense else np.broadcast_to(cov, (len(cov), d))[:, :, None] * np.eye(d)
        full = np.ascontiguousarray(np.broadcast_to(full, (k, d, d)))
        seed = None if method == "mean" else generator_of(random_state).integers(2**63)

        def fill(block: Any) -> FloatArray:
            rng = None if seed is None else np.random.default_rng([seed, block.start])
            return mixture_filled(block.X, self.model_.posterior(self.parameters_, block), members.mean, full, rng)

        return np.concatenate(source.map(fill))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[FloatArray, IntArray]:
        """Return new rows (n, d) and their components (n,), -1 for noise, in random order."""
        rows, labels = super().sample(n_samples, random_state)
        return rows, self._shown(labels)

    def _labels(self, source: Source) -> IntArray:
        return self._shown(super()._labels(source))

    def _shown(self, labels: IntArray) -> IntArray:
        model = self.model_
        return noise_labelled(labels, model.n_components) if isinstance(model, NoisyMixture) else labels

    def _check_noiseless(self, name: str) -> None:
        self._check_fitted()
        if isinstance(self.model_, NoisyMixture):
            message = f"`{name}` is for mixtures of normal distributions alone, and this one has noise: fit without"
            raise ParameterError(message)


def _sliced_type(word: Any) -> str:
    """Return the structure that a slice of a mixture keeps: components may share, but not what they shared before."""
    structure = structure_of(word)
    return "full" if structure.is_dense else "spherical" if structure.is_spherical else "diag"
