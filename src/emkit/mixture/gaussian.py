"""Gaussian mixtures: the estimator.

Story: each row was drawn from one of k normal distributions; which one was not recorded. See `mixture.model` for the
mixture and `families.gaussian` for its members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Fit, Solver, maximise
from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.core.problem import Problem
from emkit.data import Estimator, Source
from emkit.errors import DegenerateWarning, ParameterError, warn_convergence
from emkit.families.covariance import structure_of
from emkit.families.gaussian import Gaussian
from emkit.families.gaussian_prior import NormalInverseWishart
from emkit.mixture.given import given_start, parameters_from
from emkit.mixture.model import FiniteMixture, MixtureParameters
from emkit.mixture.slices import conditional_parameters, marginal_parameters, resolve_columns

__all__ = ["GaussianMixture"]


class GaussianMixture(Estimator):
    """Gaussian mixture by maximum likelihood, or maximum a posteriori with a prior.

    Each row x_i (d features) comes from component z_i with probability mix_k, and then from N(mean_k, Sigma_k); z_i is
    not seen. NaN entries are missing at random and are integrated out exactly.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, k.
    covariance_type : str, default "full"
        "full", "tied", "diag" or "spherical", or the codes "VVV", "EEE", "VVI", "VII", "EEI", "EII" of mclust.
    prior : NormalInverseWishart, optional
        Conjugate prior on means and covariances. None is maximum likelihood, but for a penalty that stops a collapsing
        covariance at a millionth of the columns' standard deviations (`families.gaussian_prior.FLOOR`); a fit in which
        it matters has the status `degenerate`.
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
        Mixing proportions, falling.
    means_ : array (k, d)
    covariances_ : array (k, d, d) for "full", (d, d) "tied", (k, d) "diag", (k,) "spherical"
    precisions_, precisions_cholesky_ : arrays shaped like `covariances_`
    converged_ : bool
    n_iter_ : int
    fit_ : Fit
        The whole result: `fit_.loglik` is the log-likelihood at these parameters, `fit_.status` how it ended,
        `fit_.trace` the way there, `fit_.starts` what the starts found.
    n_features_in_ : int
    feature_names_in_ : array (d,) of str, where the data had names

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
        covariance_type: str = "full",
        prior: NormalInverseWishart | None = None,
        weight_concentration: float = 1.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.prior = prior
        self.weight_concentration = weight_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture to rows `X` (n, d), with case weights (n,) if given; `y` is ignored.

        Raises
        ------
        DataError, DataTypeError
            If `X` or `sample_weight` is not what was expected.
        ParameterError
            If a constructor argument is out of range.

        Warns
        -----
        ConvergenceWarning
            If the fit did not converge; `fit_.status.help` says what to do.
        DegenerateWarning
            If a component collapsed; the warning names it.
        """
        self._run(X, sample_weight)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, and return the most probable component (n,) of each row."""
        return self._labels(self._run(X, sample_weight))

    def _run(self, X: Any, sample_weight: Any) -> Source:
        model = self._model()
        source = self._fit_source(X, sample_weight, self.n_threads)
        n_rows = int(np.count_nonzero(source.weights)) if source.is_weighted else source.n_rows  # type: ignore[attr-defined]
        if n_rows < self.n_components:
            message = (
                f"`X` has {n_rows} rows (of positive weight) but `n_components` is {self.n_components}; "
                f"use at most {n_rows} components or more rows"
            )
            raise ParameterError(message)
        self._adopt(self._maximised(model, source))
        self._warn()
        return source

    def _model(self) -> FiniteMixture:
        k = self.n_components
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            message = f"`n_components` must be an integer of at least 1, got {k!r}"
            raise ParameterError(message)
        if not self.weight_concentration > 0:
            message = f"`weight_concentration` must be positive, got {self.weight_concentration!r}"
            raise ParameterError(message)
        family = Gaussian(structure_of(self.covariance_type), self.prior)
        return FiniteMixture(family, int(k), float(self.weight_concentration))

    def _maximised(self, model: FiniteMixture, source: Source) -> Fit:
        start = given_start(self, model, source)
        return maximise(
            model,
            source,
            start=start,
            solver=self.solver,
            n_starts=1 if model.n_components == 1 else self.n_init,
            tol=self.tol,
            max_iter=self.max_iter,
            rng=_generator(self.random_state),
            on_iteration=self.on_iteration,
        )

    def _adopt(self, fit: Fit) -> None:
        self.fit_ = fit
        self.converged_ = fit.is_converged
        self.n_iter_ = fit.n_iter
        self.lower_bound_ = fit.objective / fit.weight
        self._adopt_parameters(fit.model, fit.parameters)

    def _adopt_parameters(self, model: FiniteMixture, parameters: MixtureParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.weights_, self.means_ = parameters.mix, parameters.members.mean
        structure: Any = model.family.structure  # type: ignore[attr-defined]
        cov, whiten = structure.cov(parameters.members), parameters.members.whiten
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

    def _warn(self) -> None:
        fit = self.fit_
        if fit.status.is_success:
            return
        import warnings

        from emkit.core import Status

        if fit.status is Status.DEGENERATE:
            warnings.warn(" ".join(fit.notes) or fit.status.help, DegenerateWarning, stacklevel=4)
        else:
            warn_convergence(fit.status.help, stacklevel=4)

    @classmethod
    def from_parameters(
        cls, weights: Any, means: Any, covariances: Any, covariance_type: str = "full"
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
    def _of(cls, parameters: MixtureParameters, covariance_type: str, names: Any = None) -> GaussianMixture:
        made = cls(n_components=len(parameters.mix), covariance_type=covariance_type)
        made.n_features_in_ = parameters.members.mean.shape[1]
        if names is not None:
            made.feature_names_in_ = np.asarray(names, dtype=object)
        made._adopt_parameters(made._model(), parameters)
        return made

    # --- answers ---

    def predict(self, X: Any) -> IntArray:
        """Return the most probable component (n,) of each row."""
        return self._labels(self._new_source(X, None, self.n_threads))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability (n, k) of each component for each row."""
        source = self._new_source(X, None, self.n_threads)
        return np.concatenate(source.map(lambda block: self.model_.posterior(self.parameters_, block)))

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-density (n,) of each row (of its observed entries)."""
        source = self._new_source(X, None, self.n_threads)
        return np.concatenate(source.map(lambda block: self.model_.log_density(self.parameters_, block)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-density per row; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        return self._loglik(source) / source.total_weight

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[FloatArray, IntArray]:
        """Return new rows (n, d) and their components (n,), in random order."""
        self._check_fitted()
        if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
            message = f"Invalid value for 'n_samples': {n_samples!r}. It must be an integer of at least 1."
            raise ParameterError(message)
        rng = _generator(self.random_state if random_state is None else random_state)
        rows, labels = self.model_.sample(self.parameters_, int(n_samples), rng)
        return rows, np.asarray(labels, dtype=np.intp)

    def aic(self, X: Any) -> float:
        """Return Akaike's criterion on `X`; smaller is better."""
        return -2 * self._loglik(self._new_source(X, None, self.n_threads)) + 2 * self.n_parameters_

    def bic(self, X: Any) -> float:
        """Return Schwarz's criterion on `X`; smaller is better."""
        source = self._new_source(X, None, self.n_threads)
        return float(-2 * self._loglik(source) + self.n_parameters_ * np.log(source.total_weight))

    def icl(self, X: Any) -> float:
        """Return the integrated completed likelihood, BIC plus twice the entropy of the labels; smaller is better.

        References
        ----------
        Biernacki, Celeux & Govaert 2000, IEEE PAMI 22:719.
        """
        source = self._new_source(X, None, self.n_threads)
        entropy = sum(source.map(lambda block: _entropy(self.model_.posterior(self.parameters_, block))))
        return self.bic(X) + 2 * float(entropy)

    @property
    def n_parameters_(self) -> int:
        """Free parameters."""
        from emkit.core import n_free

        return n_free(self.parameters_)

    def marginal(self, columns: Sequence[int | str]) -> GaussianMixture:
        """Return the mixture of some of the features alone."""
        self._check_fitted()
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
        self._check_fitted()
        names = getattr(self, "feature_names_in_", None)
        known = resolve_columns(list(given), self.n_features_in_, names)
        parameters, rest = conditional_parameters(self.parameters_, known, np.array(list(given.values()), dtype=float))
        return self._of(parameters, _sliced_type(self.covariance_type), None if names is None else names[rest])

    def summary(self) -> str:
        """Return the fit as text: parameters, log-likelihood, criteria, status, starts."""
        from emkit.report import summary

        return summary(self)

    # --- helpers ---

    def _labels(self, source: Source) -> IntArray:
        parts = source.map(lambda block: self.model_.log_joint(self.parameters_, block).argmax(axis=1))
        return np.asarray(np.concatenate(parts), dtype=np.intp)

    def _loglik(self, source: Source) -> float:
        return Problem(self.model_, source).evaluate(self.parameters_).loglik


def _sliced_type(word: str) -> str:
    """Return the structure that a slice of a mixture keeps: components may share, but not what they shared before."""
    return "spherical" if word in ("spherical", "VII") else "diag" if word in ("diag", "VVI", "EEI", "EII") else "full"


def _entropy(resp: Array) -> float:
    return float(-(resp * np.log(np.where(resp > 0, resp, 1.0))).sum())


def _generator(random_state: Any) -> np.random.Generator:
    """Return a generator from what scikit-learn calls a random state."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1, size=4))
    return np.random.default_rng(random_state)
