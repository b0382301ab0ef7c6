"""Hidden Markov models whose states emit from Gaussian mixtures: the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.families.covariance import structure_of
from emkit.families.gaussian import Gaussian
from emkit.families.gaussian_prior import NormalInverseWishart
from emkit.families.nested import Nested, NestedParameters
from emkit.families.nested_apart import NestedApart, NestedApartParameters
from emkit.hmm._base import HiddenMarkovEstimator
from emkit.hmm.gaussian import covariances_in_form

__all__ = ["GMMHMM"]


class GMMHMM(HiddenMarkovEstimator):
    """Hidden Markov model whose states emit from mixtures of Gaussians.

    Parameters
    ----------
    n_components : int, default 1
        Number of states, k.
    n_mix : int, default 1
        Gaussians per state, m.
    covariance_type : {"diag", "full", "tied", "spherical"}, default "diag"
        "tied" is one covariance for all Gaussians of a state, as hmmlearn has it.
    prior, startprob, transmat, startprob_prior, transmat_prior, algorithm, sequence, time, tol, max_iter,
    n_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianHMM`.

    Attributes
    ----------
    startprob_, transmat_, stationary_, expected_durations_, fit_, converged_, n_iter_
        As for `GaussianHMM`.
    weights_ : array (k, m)
    means_ : array (k, m, d)
    covars_ : array (k, m, d, d)
    """

    _shown = ("weights_", "means_", "covars_")
    weights_: FloatArray
    means_: FloatArray
    covars_: FloatArray

    def __init__(
        self,
        n_components: int = 1,
        n_mix: int = 1,
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
        self.n_mix = n_mix
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

    def _family(self) -> Nested | NestedApart:
        if isinstance(self.n_mix, bool) or not isinstance(self.n_mix, (int, np.integer)) or self.n_mix < 1:
            message = f"`n_mix` must be an integer of at least 1, got {self.n_mix!r}"
            raise ParameterError(message)
        inner = Gaussian(structure_of(self.covariance_type), self.prior)
        return NestedApart(inner, int(self.n_mix)) if inner.structure.is_shared else Nested(inner, int(self.n_mix))

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        k, m = members.weights.shape
        if isinstance(members, NestedApartParameters):
            full = [family.family.structure.full(part) for part in members.parts]
            means = np.stack([part.mean for part in members.parts])
            return {"weights_": members.weights, "means_": means, "covars_": np.stack(full)}
        d = members.parts.mean.shape[1]
        cov = np.array(family.family.structure.full(members.parts))
        return {
            "weights_": members.weights,
            "means_": members.parts.mean.reshape(k, m, d),
            "covars_": cov.reshape(k, m, d, d),
        }

    def _members(self, given: Mapping[str, Any]) -> tuple[Nested | NestedApart, Any]:
        structure = structure_of(self.covariance_type)
        mean = np.array(given["means_"], dtype=np.float64)
        if mean.ndim != 3:
            message = f"expected `means_` of shape (k, m, d), got {mean.shape}"
            raise ParameterError(message)
        k, m, d = mean.shape
        cov = np.array(given["covars_"], dtype=np.float64)
        weights = np.array(given["weights_"], dtype=np.float64).reshape(k, m)
        if structure.is_shared:
            each = cov if cov.shape[:2] == (k, m) else np.repeat(cov.reshape(k, 1, d, d), m, axis=1)
            made = [
                structure.parameters(own, covariances_in_form(c, structure, own))
                for own, c in zip(mean, each, strict=True)
            ]
            return NestedApart(Gaussian(structure), m), NestedApartParameters(weights, tuple(made))
        flat = cov.reshape(k * m, *cov.shape[2:]) if cov.shape[:2] == (k, m) else cov
        flat_mean = np.ascontiguousarray(mean.reshape(k * m, d))
        parts = structure.parameters(flat_mean, covariances_in_form(flat, structure, flat_mean))
        return Nested(Gaussian(structure), m), NestedParameters(weights, parts)
