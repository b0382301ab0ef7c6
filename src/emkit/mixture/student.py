"""Mixtures of Student t distributions: the estimator.

Story: each row was drawn from one of k groups, and some rows lie far out; a normal mixture would bend its components
towards them. See `families.student`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.families.covariance import structure_of
from emkit.families.student import Student
from emkit.mixture._base import MixtureEstimator
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = ["StudentMixture"]


class StudentMixture(MixtureEstimator):
    """Mixture of multivariate t distributions by maximum likelihood: a Gaussian mixture that outliers do not bend.

    Each row x_i (d features) comes from component z_i with probability mix_k, and then from t(location_k, scale_k,
    dof_k); z_i is not seen. NaN entries are missing at random and are integrated out exactly.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, k.
    dof : "each", "shared" or float, default "each"
        Degrees of freedom: estimated for each component or one for all, up to 200 (as good as normal), or given. Small
        is heavy-tailed.
    covariance_type : {"full", "tied"}, default "full"
        One scale matrix for each component, or one for all.
    weight_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the mixing proportions; 1 is none.
    tol : float, default 1e-6
        Log-likelihood still to be gained, as predicted, at which to stop.
    max_iter : int, default 1000
        Iterations of each climb.
    n_init : int or "auto"
        Starts. "auto" stops after 8 (k - 1) that agree, or 128 if eight of them reached the best optimum, or 256.
    start : Fit, StudentMixture, labels (n,) or responsibilities (n, k), optional
        A start of one's own.
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
        Mixing proportions, falling.
    locations_ : array (k, d)
        Centres; the means where dof_k > 1.
    scales_ : array (k, d, d), or (d, d) for "tied"
        Scale matrices.
    dof_ : array (k,)
        Degrees of freedom.
    covariances_ : array (k, d, d)
        scale_k dof_k / (dof_k - 2), infinite where dof_k is at most 2.
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import emkit
    >>> X, names = emkit.load_data("faithful").numeric()
    >>> mixture = emkit.StudentMixture(n_components=2, dof=4, random_state=0).fit(X)
    >>> mixture.locations_.round(2)
    array([[ 4.32, 80.01],
           [ 1.99, 53.98]])
    >>> round(mixture.fit_.loglik, 3)
    -1140.533
    """

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        n_components: int = 1,
        *,
        dof: float | Literal["each", "shared"] = "each",
        covariance_type: str = "full",
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
        self.n_components = n_components
        self.dof = dof
        self.covariance_type = covariance_type
        self.weight_concentration = weight_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    def _family(self) -> Student:
        if self.covariance_type not in ("full", "tied"):
            message = f"`covariance_type` of a t mixture must be 'full' or 'tied', got {self.covariance_type!r}"
            raise ParameterError(message)
        return Student(structure_of(self.covariance_type), dof=self.dof)

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        members = parameters.members
        self.weights_, self.locations_ = parameters.mix, members.mean
        self.scales_ = members.cov[0] if self.covariance_type == "tied" else members.cov
        self.dof_: FloatArray = np.array(np.broadcast_to(members.dof, len(parameters.mix)))

    @property
    def covariances_(self) -> FloatArray:
        """Covariances (k, d, d) of the components, infinite where there is none."""
        self._check_fitted()
        dof = self.dof_[:, None, None]
        with np.errstate(divide="ignore"):
            factor = np.where(dof > 2, dof / np.maximum(dof - 2, 0.0), np.inf)
        full = np.broadcast_to(self.parameters_.members.cov, (len(dof), *self.scales_.shape[-2:]))
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(np.isinf(factor), np.inf, full * factor))
