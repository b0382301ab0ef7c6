"""Exploratory factor analysis: the estimator."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from emkit.core import Solver
from emkit.data import Source
from emkit.errors import ParameterError
from emkit.factor._base import FactorEstimator
from emkit.factor.model import FactorModel
from emkit.factor.rotation import Rotation, rotation_of
from emkit.factor.structure import Exploratory, FactorParameters

__all__ = ["FactorAnalysis"]


class FactorAnalysis(FactorEstimator):
    """Factor analysis by maximum likelihood, from rows (entries may be missing) or from a covariance matrix.

    Each row is x = mean + L f + e with factors f ~ N(0, I) and independent errors e_j ~ N(0, psi_j). NaN entries are
    missing at random and integrated out exactly.

    Parameters
    ----------
    n_factors : int, default 1
    rotation : str, Rotation or None, default None
        "varimax", "quartimax", "promax", "oblimin", "quartimin", "geomin", "geomin-orthogonal", or an object of
        `emkit.factor.rotation` with options of its own. None leaves loadings' uniqueness^-1 loadings diagonal.
    n_init : int or "auto"
        Starts: "auto" makes eight, and up to 128 where they disagree.
    tol, max_iter, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    loadings_ : array (d, k)
        Rotated where a rotation was asked for: what one unit of a factor adds to each variable.
    uniquenesses_ : array (d,)
        Variances of the errors, in squared units of the variables.
    communalities_ : array (d,)
        Part of each variable's variance that the factors explain.
    factor_correlation_ : array (k, k)
    rotation_matrix_ : array (k, k)
        T, with rotated loadings = unrotated T'^-1 and `factor_correlation_` = T'T.
    indices_ : FitIndices or None
        Chi-square (with Bartlett's correction) and its p-value, RMSEA, CFI, TLI, SRMR.
    mean_ : array (d,)
    components_ : array (k, d)
        The loadings as scikit-learn arranges them.
    noise_variance_ : array (d,)
        The uniquenesses under scikit-learn's name.
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`; a uniqueness that went to zero (a Heywood case) is named in `fit_.notes`.

    Notes
    -----
    Without missing entries the likelihood of the covariance matrix is maximised by Newton's method on log uniquenesses
    (Joreskog 1967), which takes 5 to 40 eigendecompositions where EM with the factors as missing data takes hundreds
    or, near a Heywood case, tens of thousands. The answer does not depend on the units of the variables.

    References
    ----------
    Joreskog 1967, *Some contributions to maximum likelihood factor analysis*, Psychometrika 32:443.

    Examples
    --------
    >>> import numpy as np
    >>> import emkit
    >>> rng = np.random.default_rng(0)
    >>> ability = rng.standard_normal((500, 1))
    >>> X = ability @ [[0.9, 0.8, 0.7, 0.6]] + 0.5 * rng.standard_normal((500, 4))
    >>> analysis = emkit.FactorAnalysis(n_factors=1).fit(X)
    >>> analysis.loadings_.ravel().round(2)
    array([0.92, 0.8 , 0.75, 0.59])
    """

    _kind: ClassVar[str | None] = "transformer"

    def __init__(
        self,
        n_factors: int = 1,
        *,
        rotation: str | Rotation | None = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.n_factors = n_factors
        self.rotation = rotation
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    def _model(self) -> FactorModel:
        k = self.n_factors
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 0:
            message = f"`n_factors` must be an integer of at least 0, got {k!r}"
            raise ParameterError(message)
        return FactorModel(Exploratory(int(k), rotation_of(self.rotation)))

    def _check_rows(self, model: Any, source: Source) -> None:
        super()._check_rows(model, source)
        d, k = source.n_features, self.n_factors
        if (d - k) ** 2 < d + k:
            most = next(m for m in range(d, -1, -1) if m <= d and (d - m) ** 2 >= d + m)
            have = "factor has" if k == 1 else "factors have"
            message = f"{k} {have} more parameters than a covariance matrix of {d} variables; use at most {most}"
            raise ParameterError(message)

    def _adopt_parameters(self, model: FactorModel, parameters: FactorParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        rotated = model.structure.shown(parameters)
        self.loadings_, self.factor_correlation_ = rotated.loadings, rotated.factor_correlation
        self.rotation_matrix_ = rotated.matrix
        self.uniquenesses_ = np.array(parameters.uniqueness)
        self.communalities_ = 1 - self.uniquenesses_ / np.diag(parameters.cov)
        self.mean_, self.components_, self.noise_variance_ = parameters.mean, self.loadings_.T, self.uniquenesses_

    def _corrections(self, n_rows: float, d: int) -> tuple[float, float]:
        base = n_rows - 1 - (2 * d + 5) / 6
        return (base - 2 * self.n_factors / 3) / n_rows, base / n_rows
