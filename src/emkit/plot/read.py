"""What a picture needs to know of an estimator, a fit and the data, asked in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core import Fit
from emkit.core.arrays import FloatArray, IntArray
from emkit.data import Estimator, Source, as_source
from emkit.errors import ParameterError, not_fitted_error
from emkit.families.gaussian import Gaussian
from emkit.mixture.model import FiniteMixture, MixtureParameters

__all__ = [
    "MAX_POINTS",
    "Groups",
    "Points",
    "fit_of",
    "groups_of",
    "is_density",
    "points_of",
    "source_of",
    "values_of",
]

MAX_POINTS = 5000


@dataclass(frozen=True)
class Groups:
    """The components of a model, as a picture sees them.

    Parameters
    ----------
    mix : array (k,)
    mean : array (k, d)
    cov : array (k, d, d), or None where components have a centre only
    names : tuple of str
        Of the d features.
    model, parameters
        To compute the probabilities of components.
    fit : Fit or None
    """

    mix: FloatArray
    mean: FloatArray
    cov: FloatArray | None
    names: tuple[str, ...]
    model: Any
    parameters: Any
    fit: Fit | None

    @property
    def n_features(self) -> int:
        return int(self.mean.shape[1])

    def sliced(self, keep: IntArray) -> Groups:
        """Return the components in some of the features."""
        cov = None if self.cov is None else self.cov[:, keep[:, None], keep]
        return replace(self, mean=self.mean[:, keep], cov=cov, names=tuple(self.names[j] for j in keep))

    @property
    def detail(self) -> str:
        """Log-likelihood and BIC, where a fit knows them."""
        if self.fit is None or self.cov is None:
            return ""
        return numbers_of(self.fit)

    @property
    def marker(self) -> str:
        """Marker of the means, or centres."""
        return "X" if self.cov is None else "o"

    def labelled(self, component: int) -> str:
        """Return the name of a component for a legend: its number and weight."""
        word = "cluster" if self.cov is None else "component"
        return f"{word} {component + 1}  ({100 * self.mix[component]:.0f} %)"


@dataclass(frozen=True)
class Points:
    """Rows to draw: at most `MAX_POINTS`, and how many there are in all."""

    X: FloatArray
    resp: FloatArray
    n_rows: int

    @property
    def remark(self) -> str:
        n = len(self.X)
        return f"{n:,} of {self.n_rows:,} rows drawn" if n < self.n_rows else ""


def numbers_of(fit: Fit) -> str:
    """Return the line of numbers below a title."""
    return f"log-likelihood {fit.loglik:,.2f}   ·   BIC {fit.bic:,.2f}".replace("-", "−").replace("log−l", "log-l")


def is_density(subject: Any) -> bool:
    """Tell whether this is the density of one variable, which holds its own data."""
    return hasattr(subject, "mixture_") and hasattr(subject, "quantile")


def fit_of(subject: Any) -> Fit:
    """Return the fit of a fitted estimator, or a fit itself."""
    found = subject if isinstance(subject, Fit) else getattr(subject, "fit_", None)
    if isinstance(found, Fit):
        return found
    if isinstance(subject, Estimator) and not subject.__sklearn_is_fitted__():
        raise not_fitted_error(type(subject).__name__)
    message = f"expected a fit or a fitted estimator, got {type(subject).__name__} without a fit"
    raise ParameterError(message)


def groups_of(subject: Any) -> Groups | None:
    """Return the components of a Gaussian mixture or of k-means; None for any other model."""
    if isinstance(subject, Fit):
        return _gaussian_groups(subject.model, subject.parameters, None, subject)
    if isinstance(subject, Estimator) and not subject.__sklearn_is_fitted__():
        raise not_fitted_error(type(subject).__name__)
    names = getattr(subject, "feature_names_in_", None)
    if hasattr(subject, "cluster_centers_"):
        return _centre_groups(subject, names)
    model, parameters = getattr(subject, "model_", None), getattr(subject, "parameters_", None)
    return _gaussian_groups(model, parameters, names, getattr(subject, "fit_", None))


def _gaussian_groups(model: Any, parameters: Any, names: Any, fit: Fit | None) -> Groups | None:
    if not isinstance(model, FiniteMixture) or not isinstance(model.family, Gaussian):
        return None
    if not isinstance(parameters, MixtureParameters):
        return None
    mean = parameters.members.mean
    cov = model.family.structure.full(parameters.members)
    return Groups(parameters.mix, mean, cov, _names(names, mean.shape[1]), model, parameters, fit)


def _centre_groups(subject: Any, names: Any) -> Groups:
    centre = np.asarray(subject.cluster_centers_, dtype=np.float64)
    labels = np.asarray(getattr(subject, "labels_", np.arange(len(centre))))
    mix = np.bincount(labels, minlength=len(centre)) / len(labels)
    return Groups(mix, centre, None, _names(names, centre.shape[1]), None, None, getattr(subject, "fit_", None))


def _names(names: Any, d: int) -> tuple[str, ...]:
    if names is not None:
        return tuple(str(name) for name in names)
    return ("x",) if d == 1 else tuple(f"x{j + 1}" for j in range(d))


def source_of(subject: Any, X: Any, sample_weight: Any = None) -> Source:
    """Return the rows to draw as a source, checked against the features of the model."""
    if isinstance(subject, Estimator):
        if getattr(subject, "n_features_in_", 0) == 1:  # a flat list is one column
            X = as_source(X, sample_weight, one_feature=True, allow_missing_columns=True)
        return subject._new_source(X, sample_weight, None)
    groups = groups_of(subject)
    d = None if groups is None else groups.n_features
    source = as_source(X, sample_weight, one_feature=d == 1, allow_missing_columns=True)
    if d is not None and source.n_features != d:
        message = f"`X` has {source.n_features} features but the model was fitted to {d}"
        raise ParameterError(message)
    return source


def values_of(source: Source, column: int) -> tuple[FloatArray, FloatArray | None]:
    """Return one column (n,) of all rows, and the case weights (n,) where there are any."""
    values = np.concatenate([np.asarray(block.X[:, column], dtype=np.float64) for block in source.blocks()])
    weights = np.concatenate([block.weights for block in source.blocks()]) if source.is_weighted else None
    return values, weights


def points_of(groups: Groups, source: Source) -> Points:
    """Return the rows to draw, at most `MAX_POINTS`, the same each time, and their probabilities."""
    rows = np.arange(source.n_rows)
    if source.n_rows > MAX_POINTS:
        rows = np.sort(np.random.default_rng(0).choice(source.n_rows, MAX_POINTS, replace=False))
    blocks = list(source.take(rows).blocks())
    X = np.concatenate([np.asarray(block.X, dtype=np.float64) for block in blocks])
    if groups.cov is None:
        return Points(X, np.eye(len(groups.mix))[_nearest(X, groups.mean)], source.n_rows)
    resp = np.concatenate([groups.model.posterior(groups.parameters, block) for block in blocks])
    return Points(X, resp, source.n_rows)


def _nearest(X: FloatArray, centres: FloatArray) -> IntArray:
    gaps = np.stack([np.nansum((X - centre) ** 2, axis=1) for centre in centres], axis=1)
    return np.asarray(gaps.argmin(axis=1), dtype=np.intp)
