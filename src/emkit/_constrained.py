"""`emkit.constrained`: an estimator with parameters fixed, tied, bounded or under a prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Self

from emkit.core.constrained import Constrained
from emkit.data import Estimator
from emkit.errors import ParameterError
from emkit.estimator import ModelEstimator

__all__ = ["ConstrainedEstimator", "constrained"]


class ConstrainedEstimator(Estimator):
    """An estimator whose parameters are fixed, tied, bounded or under a prior, by name.

    After `fit` everything the estimator itself offers can be asked of this one: `predict`, `summary`, `weights_`, ...

    Parameters
    ----------
    estimator : estimator
        It is not changed; a copy is fitted.
    fix : mapping of name to number or array, optional
        Names are those of `estimator.standard_errors().names`: whole arrays, parts of them or single entries.
    tie : sequence of sequences of names, optional
        Parameters of each group are equal.
    bounds : mapping of name to (low, high), optional
        None is no bound.
    prior : mapping of name to prior, optional
        `NormalPrior`, `GammaPrior`, `LogNormalPrior`, `BetaPrior`, `DirichletPrior`, or a function of the array that
        returns its log-density.

    Attributes
    ----------
    estimator_ : estimator
        The copy that was fitted.
    fit_ : Fit
        Its `n_free`, standard errors and trace know of the constraints.

    Examples
    --------
    >>> import emkit
    >>> X, _ = emkit.load_data("faithful").numeric()
    >>> even = emkit.constrained(emkit.GaussianMixture(2, random_state=0), fix={"mix": 0.5}).fit(X)
    >>> even.weights_, round(even.fit_.loglik, 3), even.fit_.n_free
    (array([0.5, 0.5]), -1141.688, 10)
    """

    def __init__(
        self,
        estimator: Any,
        *,
        fix: Mapping[str, Any] | None = None,
        tie: Sequence[Sequence[str]] | None = None,
        bounds: Mapping[str, Any] | None = None,
        prior: Mapping[str, Any] | None = None,
    ) -> None:
        self.estimator = estimator
        self.fix = fix
        self.tie = tie
        self.bounds = bounds
        self.prior = prior

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        labels: Any = None,
        groups: Any = None,
        concomitant: Any = None,
        covariates: Any = None,
        offset: Any = None,
        trials: Any = None,
        checkpoint: Any = None,
    ) -> Self:
        """Fit a copy of the estimator under the constraints; every argument is that of the estimator's own fit.

        Raises
        ------
        ParameterError
            If the estimator cannot be constrained, does not take an argument that is given, a name is unknown, or the
            constraints leave no room.
        """
        if not isinstance(self.estimator, ModelEstimator):
            message = f"`estimator` must be an emkit estimator of one model, got {self.estimator!r}"
            raise ParameterError(message)
        inner: Any = type(self.estimator)(**self.estimator.get_params())
        held = {"fix": self.fix, "tie": self.tie, "bounds": self.bounds, "prior": self.prior}
        roles = {"labels": labels, "groups": groups, "concomitant": concomitant, "covariates": covariates}
        roles |= {"offset": offset, "trials": trials, "sample_weight": sample_weight, "checkpoint": checkpoint}
        given = {name: value for name, value in roles.items() if value is not None}
        foreign = sorted(set(given) - set(signature(inner.fit).parameters))
        if foreign:
            message = f"{type(inner).__name__}.fit takes no `{foreign[0]}`"
            raise ParameterError(message)
        inner._held = held
        try:
            inner.fit(X, y, **given)
        finally:
            del inner._held
        if any(held.values()) and not isinstance(inner.fit_.model, Constrained):
            message = f"{type(inner).__name__} fits in a way of its own and cannot be constrained"
            raise ParameterError(message)
        self.estimator_ = inner
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Follow one more batch under the constraints, as the estimator's own `partial_fit`; the first is fitted."""
        if vars(self).get("estimator_") is None:
            return self.fit(X, y, sample_weight)
        self.estimator_.partial_fit(X, y, sample_weight)
        return self

    def __getattr__(self, name: str) -> Any:
        inner = vars(self).get("estimator_")
        if inner is None or name.startswith("__"):
            message = f"{type(self).__name__!r} has no attribute {name!r}"
            if inner is None and name.endswith("_") and not name.startswith("_"):
                message += " before it is fitted"
            raise AttributeError(message)
        return getattr(inner, name)


def constrained(
    estimator: Any,
    *,
    fix: Mapping[str, Any] | None = None,
    tie: Sequence[Sequence[str]] | None = None,
    bounds: Mapping[str, Any] | None = None,
    prior: Mapping[str, Any] | None = None,
) -> ConstrainedEstimator:
    """Return an estimator with parameters fixed, tied, bounded or under a prior (see `ConstrainedEstimator`)."""
    return ConstrainedEstimator(estimator, fix=fix, tie=tie, bounds=bounds, prior=prior)
