"""Hidden Markov models with Gaussian and Student t emissions: the estimators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.families.covariance import Dense, structure_of
from emkit.families.gaussian import Gaussian
from emkit.families.gaussian_prior import NormalInverseWishart
from emkit.families.student import Student
from emkit.hmm._base import HiddenMarkovEstimator
from emkit.hmm._plain import PlainHMM

__all__ = ["GaussianHMM", "StudentHMM", "covariances_in_form"]


class GaussianHMM(HiddenMarkovEstimator):
    """Hidden Markov model with Gaussian emissions, by maximum likelihood or with a prior.

    An unseen chain z_1, z_2, ... begins by `startprob_` and moves by `transmat_`; row x_t is normal with the mean and
    covariance of its state. NaN entries are missing at random and are integrated out, which is exact; a row of
    nothing but NaN only lengthens the prediction.

    Parameters
    ----------
    n_components : int, default 1
        Number of states, k.
    covariance_type : {"diag", "full", "tied", "spherical"}, default "diag"
        Or a code that `GaussianMixture` takes.
    prior : NormalInverseWishart, optional
        On means and covariances; None is maximum likelihood, but for a penalty that keeps a variance from vanishing.
    startprob : "free", "stationary", "uniform", or array (k,), default "free"
        Probabilities of the first state: estimated, those of the stationary distribution, equal, or given.
    transmat : str or array (k, k), default "ergodic"
        "ergodic", "left-right", "cyclic", "banded"; an array of bool says which transitions may happen; an array of
        numbers gives known ones, with NaN where they are to be estimated.
    startprob_prior, transmat_prior : float or array, default 1.0
        Concentrations of Dirichlet priors; 1 is none.
    algorithm : "viterbi" or "map", default "viterbi"
        How `predict` decodes: the most probable path, or the most probable state of each row.
    sequence, time : str, optional
        Columns of a data frame that name the sequence of each row and its time, where `fit` is not told others.
    tol : float, default 1e-6
        Log-likelihood still to be gained at which to stop.
    max_iter : int, default 1000
    n_iter : int, optional
        hmmlearn's name for `max_iter`; used where it is given.
    n_init : int or "auto", default "auto"
        Starts that compete.
    start : dict, Parameters or fitted estimator, optional
        Climb from here alone. A dict has `startprob`, `transmat` and the attributes of the emissions without their
        underscore; the first two are uniform unless given.
    solver : "auto" or Solver
    random_state : int, Generator or None
    n_threads : int, optional
        Threads over blocks of sequences. They change no result.
    on_iteration : callable, optional

    Attributes
    ----------
    startprob_ : array (k,)
    transmat_ : array (k, k)
    means_ : array (k, d)
        Rising in the first column, as long as the states may be numbered in any order.
    covars_ : array (k, d, d)
        Full matrices for every `covariance_type`, as hmmlearn shows them.
    stationary_ : array (k,)
    expected_durations_ : array (k,)
    fit_ : Fit
    converged_, n_iter_, n_features_in_, feature_names_in_

    All that ends in an underscore may be set by hand, also without a fit.

    Examples
    --------
    >>> import emkit
    >>> waiting = emkit.load_data("faithful")["waiting"]
    >>> model = emkit.GaussianHMM(2, random_state=0).fit(waiting)
    >>> model.means_.round(1).ravel()
    array([55.4, 80.5])
    """

    _shown = ("means_", "covars_")
    means_: FloatArray
    covars_: FloatArray

    def __init__(
        self,
        n_components: int = 1,
        covariance_type: str = "diag",
        *,
        prior: NormalInverseWishart | None = None,
        startprob: Any = "free",
        transmat: Any = "ergodic",
        startprob_prior: Any = 1.0,
        transmat_prior: Any = 1.0,
        algorithm: Literal["viterbi", "map"] = "viterbi",
        sequence: str | None = None,
        time: str | None = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_iter: int | None = None,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.prior = prior
        self.startprob = startprob
        self.transmat = transmat
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.algorithm = algorithm
        self.sequence = sequence
        self.time = time
        self.tol = tol
        self.max_iter = max_iter
        self.n_iter = n_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    def _family(self) -> Gaussian:
        return Gaussian(structure_of(self.covariance_type), self.prior)

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        return {"means_": members.mean, "covars_": np.array(family.structure.full(members))}

    def _members(self, given: Mapping[str, Any]) -> tuple[Gaussian, Any]:
        structure = structure_of(self.covariance_type)
        mean = means_in_form(given["means_"])
        return Gaussian(structure), structure.parameters(mean, covariances_in_form(given["covars_"], structure, mean))


class StudentHMM(PlainHMM):
    """Hidden Markov model with Student t emissions: Gaussian states that do not follow outliers.

    Parameters
    ----------
    n_components, startprob, transmat, startprob_prior, transmat_prior, algorithm, sequence, time, tol, max_iter,
    n_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianHMM`. Scale matrices are full; degrees of freedom are estimated for each state, up to 200.

    Attributes
    ----------
    startprob_, transmat_, stationary_, expected_durations_, fit_, converged_, n_iter_
        As for `GaussianHMM`.
    means_ : array (k, d)
        Locations.
    covars_ : array (k, d, d)
        Scale matrices; a covariance is dof / (dof - 2) times as large.
    dofs_ : array (k,)
    """

    _shown = ("means_", "covars_", "dofs_")
    means_: FloatArray
    covars_: FloatArray
    dofs_: FloatArray

    def _family(self) -> Student:
        return Student()

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        return {"means_": members.mean, "covars_": np.array(members.cov), "dofs_": members.dof}

    def _members(self, given: Mapping[str, Any]) -> tuple[Student, Any]:
        family, mean = Student(), means_in_form(given["means_"])
        dof = np.broadcast_to(np.asarray(given["dofs_"], dtype=np.float64), len(mean)).copy()
        return family, family._record(mean, covariances_in_form(given["covars_"], Dense(), mean), dof)


def means_in_form(means: Any) -> FloatArray:
    """Return means as an array (k, d); a flat one has one feature."""
    mean = np.array(means, dtype=np.float64)
    mean = mean[:, None] if mean.ndim == 1 else mean
    if mean.ndim != 2:
        message = f"expected `means_` of shape (k, d), got {mean.shape}"
        raise ParameterError(message)
    return np.ascontiguousarray(mean)


def covariances_in_form(covars: Any, structure: Any, mean: FloatArray) -> FloatArray:
    """Return covariances in the form of the structure.

    Taken are full matrices (k, d, d), a shared one (d, d), variances (k, d) and single variances (k,).
    """
    k, d = mean.shape
    cov = np.array(covars, dtype=np.float64)
    if cov.shape == (d, d) and structure.is_shared and isinstance(structure, Dense):
        cov = np.broadcast_to(cov, (k, d, d))
    elif cov.shape in ((k,), (k, 1), (k, d)):
        cov = np.broadcast_to(cov.reshape(k, -1), (k, d))[:, :, None] * np.eye(d)
    if cov.shape != (k, d, d):
        message = f"expected `covars_` of shape {(k, d, d)}, {(k, d)} or {(k,)}, got {cov.shape}"
        raise ParameterError(message)
    if isinstance(structure, Dense):
        return np.ascontiguousarray(cov[:1] if structure.is_shared else cov)
    var = np.array(np.diagonal(cov, axis1=1, axis2=2))
    var = var[:1] if structure.is_shared else var
    return np.ascontiguousarray(var[:, :1] if structure.is_spherical else var)
