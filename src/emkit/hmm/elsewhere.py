"""Arguments that hmmlearn's users pass and that have another name or no place here: what to write instead."""

from __future__ import annotations

from collections.abc import Iterable

from emkit.errors import ParameterError

__all__ = ["refuse_foreign"]

_PRIOR = "give `prior=NormalInverseWishart(...)` (emkit.NormalInverseWishart); none is maximum likelihood"
_ANY_PRIOR = "use `emkit.constrained(model, prior=...)`, which takes a prior on any parameter"
_KNOWN = {
    "params": "hold what is not to be estimated: `startprob=` and `transmat=` take known values, "
    "`emkit.constrained(model, fix=...)` any parameter",
    "init_params": "give a start: `start=dict(startprob=..., transmat=..., means=..., ...)` climbs from there alone",
    "implementation": "leave it out: recursions are scaled, and in logarithms where that is needed",
    "verbose": "leave it out: `on_iteration=` is called after each iteration, and `fit_.trace` keeps them",
    "min_covar": "leave it out: a variance that collapses is reported, and a `prior` keeps it off zero",
    **dict.fromkeys(("means_prior", "means_weight", "covars_prior", "covars_weight", "weights_prior"), _PRIOR),
    **dict.fromkeys(
        ("lambdas_prior", "lambdas_weight", "emissionprob_prior"),
        _ANY_PRIOR,
    ),
    "n_features": "leave it out: symbols are those of the data; declare more by `Categorical(levels=...)`",
    "n_trials": "leave it out: totals are those of the rows",
}


def refuse_foreign(name: str, given: Iterable[str], own: Iterable[str]) -> None:
    """Raise for the first argument that another package has and the estimator `name` has not.

    Raises
    ------
    ParameterError
        With what to write instead.
    """
    known = set(own)
    for argument in given:
        if argument not in known and argument in _KNOWN:
            message = f"{name} has no argument `{argument}`: {_KNOWN[argument]}"
            raise ParameterError(message)
